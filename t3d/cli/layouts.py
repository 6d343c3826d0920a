"""`t3d export` and `t3d import`: data trees of other projects."""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import say
from t3d.cli.project import project_options, settings_of
from t3d.cli.store import planned, root_of
from t3d.errors import UsageError
from t3d.pipeline.plan import plan
from t3d.pipeline.store import folder_name

_LAYOUTS, _HELP = click.Choice(("deepsdf", "seed")), "DeepSDF's data tree, or that of the method's authors."
_layout = partial(click.option, "--layout", type=_LAYOUTS, help=_HELP)


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@_layout()
@click.option("--model", is_flag=True, help="Instead: the network of the latest run, DEST being one file.")
@click.option("--variant", default="", metavar="NAME", help="Which network. [default: the run's first]")
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@project_options
def export(dest: Path, layout: str, force: bool, model: bool, variant: str, **options: Any) -> None:
    """Samples, surfaces, views and split of the latest run as another project's data tree, or its network.

    Only what is made already is exported; what is missing is said.
    """
    from t3d.datasets.formats import read_json
    from t3d.tasks.layouts import KINDS, Artifacts, export_tree

    if model:
        from t3d.models.network import write_bundle
        from t3d.tasks.predict import network_folder

        write_bundle(dest, network_folder(root_of(settings_of(options)), variant))
        say(f"{dest}: use it with `t3d predict IMAGE --model {shlex.quote(str(dest))}`")
        return
    if not layout:
        raise UsageError("name a --layout, deepsdf or seed, or give --model")
    project = planned(options, "split").project
    made = plan(project, [node for kind in KINDS[layout] for node in project.graph.targets(kind)])
    folders: dict[str, dict[str, Path]] = {kind: {} for kind in KINDS[layout]}
    for outcome in made.outcomes(made.targets):
        if outcome.there:
            folders[outcome.node][outcome.shape] = Path(outcome.path)
    files = project.params["split"].files
    dataset = folder_name(next(iter(read_json(files[0]) if files else ()), "t3d"))
    for line in export_tree(Artifacts(dataset, project.catalogue.name, folders, made.parts), dest, force):
        say(line)


@click.command("import")
@click.argument("src", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@_layout(required=True)
def import_(src: Path, dest: Path, layout: str) -> None:
    """A data folder DEST for --data out of another project's data tree SRC."""
    from t3d.tasks.layouts import import_tree

    for (name, stage), count in import_tree(layout, src, dest).items():
        say(f"{name}: {stage} of {count} shapes")
    lists = ", ".join(path.name for path in sorted(dest.glob("splits/*.json")))
    say(f"lists: {lists or 'none; without --splits, the split is drawn'}")
    say(f"name it with --data {shlex.quote(str(dest))}; every file is looked at when it is first used")
