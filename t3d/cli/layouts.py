"""`t3d export` and `t3d import`: data trees of other projects."""

import shlex
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import bytes_of, say
from t3d.cli.options import project_options
from t3d.cli.project import settings_of
from t3d.cli.store import planned, root_of
from t3d.errors import UsageError
from t3d.pipeline.plan import plan
from t3d.pipeline.store import folder_name

_TREES = "DeepSDF's data tree, or that of the method's authors"


def _layout(*names: str, words: str, required: bool = True) -> Any:
    return click.option("--layout", type=click.Choice(names), required=required, help=words)


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@_layout("deepsdf", "seed", "pack", words=f"{_TREES}; or one file to train from elsewhere.", required=False)
@click.option("--model", is_flag=True, help="Instead: the network of the latest run, DEST being one file.")
@click.option("--variant", default="", metavar="NAME", help="Which network. [default: the run's first]")
@click.option("--force", is_flag=True, help="Replace files that are there with other content.")
@click.option("--budget", metavar="SIZE", help="pack: size at most, such as 64MiB. [default: all there is]")
@project_options
def export(
    dest: Path, layout: str, force: bool, budget: str | None, model: bool, variant: str, **options: Any
) -> None:
    """What the latest run made, as another project's data tree or as a pack; or its network, with --model.

    Only what is made already is exported; what is missing is said. A pack is the file DEST, for `t3d train
    --from DEST` where nothing but torch and its kin is installed.
    """
    from t3d.datasets.formats import read_json
    from t3d.tasks.layouts import KINDS, Artifacts, export_tree
    from t3d.tasks.packs import export_pack

    if model:
        _export_model(dest, variant, options)
        return
    if not layout:
        raise UsageError("name a --layout, deepsdf, seed or pack, or give --model")
    project = planned(options, "split").project
    made = plan(project, [node for kind in KINDS[layout] for node in project.graph.targets(kind)])
    folders: dict[str, dict[str, Path]] = {kind: {} for kind in KINDS[layout]}
    for outcome in made.outcomes(made.targets):
        if outcome.there:
            folders[outcome.node][outcome.shape] = Path(outcome.path)
    files = project.params["split"].files
    dataset = folder_name(next(iter(read_json(files[0]) if files else ()), "t3d"))
    artifacts = Artifacts(dataset, project.catalogue.name, folders, made.parts)
    if budget and layout != "pack":
        raise UsageError("--budget is for --layout pack")
    if layout == "pack":
        if dest.is_dir() or (dest.exists() and not force):
            raise UsageError(f"{dest}: there already; name a new file, or --force")
        nodes = project.graph.order(project.graph.targets("train"))
        lines = export_pack(
            artifacts, dest, [project.params[n.stage.name] for n in nodes], bytes_of(budget or "0")
        )
    else:
        lines = export_tree(artifacts, dest, force)
    for line in lines:
        say(line)


def _export_model(dest: Path, variant: str, options: dict[str, Any]) -> None:
    from t3d.datasets.start import network_folder
    from t3d.models.network import write_bundle

    write_bundle(dest, network_folder(root_of(settings_of(options)), variant))
    say(f"{dest}: use it with `t3d predict IMAGE --model {shlex.quote(str(dest))}`")


@click.command("import")
@click.argument("src", type=click.Path(path_type=Path))
@click.argument("dest", type=click.Path(path_type=Path))
@_layout("deepsdf", "seed", "deepsdf-experiment", words=f"{_TREES}; or a trained experiment's folder.")
@click.option("--checkpoint", metavar="NAME", help="Experiment: name of its .pth files. [default: latest]")
@click.option("--splits", type=click.Path(path_type=Path), help="Experiment: list of its training shapes.")
def import_(src: Path, dest: Path, layout: str, checkpoint: str | None, splits: Path | None) -> None:
    """A data folder DEST for --data out of another project's data tree SRC.

    Or out of an experiment of Deep Implicit Templates: its decoder and codes are then phase 1 of the
    category, and its specs.json is DEST/t3d.toml.
    """
    from t3d.tasks.experiment import import_experiment
    from t3d.tasks.layouts import import_tree

    if layout == "deepsdf-experiment":
        for line in import_experiment(src, dest, checkpoint, splits):
            say(line)
        say(f"put meshes, samples or views beside `given` in {dest}, or copy it into a data folder's class")
        return
    if checkpoint or splits:
        raise UsageError("--checkpoint and --splits are for --layout deepsdf-experiment")
    for (name, stage), count in import_tree(layout, src, dest).items():
        say(f"{name}: {stage} of {count} shapes")
    lists = ", ".join(path.name for path in sorted(dest.glob("splits/*.json")))
    say(f"lists: {lists or 'none; without --splits, the split is drawn'}")
    say(f"name it with --data {shlex.quote(str(dest))}; every file is looked at when it is first used")
