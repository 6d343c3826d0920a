"""Commands that look at the store: status, why, path, verify, clean."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import follow, grouped, say, size
from t3d.cli.options import Settings, project_options
from t3d.cli.project import project_of, settings_of
from t3d.cli.running import explain
from t3d.errors import UsageError
from t3d.pipeline.plan import Plan, plan, reason
from t3d.pipeline.runs import latest_run, named
from t3d.pipeline.store import Store, bytes_of_artifact, damage, shape_of


def planned(options: Mapping[str, Any], target: str) -> Plan:
    """The plan of the latest run's settings, changed by the options given now."""
    first = settings_of(options)
    try:
        earlier = latest_run(root_of(first))["settings"]
    except UsageError:
        earlier = {}
    settings = settings_of(options, {**earlier, "work": first.work})
    project = project_of(settings)
    return plan(project, project.graph.targets(target))


@click.command()
@click.option("--watch", is_flag=True, help="Follow the latest run: counts, failures, what is slow.")
@project_options
def status(watch: bool, **options: Any) -> None:
    """What of the latest run's settings is made, missing or failed, stage by stage."""
    if watch:
        follow(root_of(settings_of(options)))
    else:
        explain(planned(options, "report"))


@click.command()
@click.argument("stage")
@click.option("--shape", metavar="ID", help="Only this shape.")
@project_options
def why(stage: str, shape: str | None, **options: Any) -> None:
    """Why a stage's artifacts are kept, or would be made anew."""
    made = planned(options, stage)
    names = {node.name for node in made.targets}
    ids = [id_ for id_ in {**made.tasks, **made.decided} if id_[0] in names and shape in (None, id_[1])]
    if not ids:
        raise UsageError(f"{stage}: no shape {shape!r} in it; `t3d path {stage}` lists them")
    for line in grouped((id_[1], f"{id_[0]}: {_verdict(made, id_)}") for id_ in ids):
        click.echo(line)


def _verdict(made: Plan, id_: tuple[str, str]) -> str:
    outcome = made.decided.get(id_)
    if outcome is None:
        return f"to be made: {reason(made, made.tasks[id_])}"
    if outcome.there:
        return "kept: same inputs, parameters and version"
    return f"not made: {outcome.failures[-1]}"


@click.command()
@click.argument("stage")
@click.option("--shape", metavar="ID", help="Only this shape.")
@project_options
def path(stage: str, shape: str | None, **options: Any) -> None:
    """Print the folders of a stage's artifacts, a line each."""
    made = planned(options, stage)
    there = [one for one in made.outcomes(made.targets) if one.there and shape in (None, one.shape)]
    if not there:
        which = f" of shape {shape!r}" if shape else ""
        raise UsageError(f"{stage}: no artifact{which} with these settings; `t3d why {stage}` says why")
    for outcome in there:
        click.echo(outcome.path)


@click.command()
@click.option("--remove", is_flag=True, help="Remove what is damaged, so that the next run makes it anew.")
@project_options
def verify(remove: bool, **options: Any) -> None:
    """Read every file of the store back and compare it with its manifest."""
    store, bad = _store(options), 0
    folders = store.artifacts()
    for folder in folders:
        faults = damage(folder)
        if faults:
            bad += 1
            click.echo(f"{folder}: {'; '.join(faults[:5])}")
            if remove:
                store.remove(folder)
    then = "removed" if remove else "remove them with `t3d verify --remove`, then run again"
    say(f"{len(folders)} artifacts read, {bad} damaged" + (f": {then}" if bad else ""))
    raise SystemExit(1 if bad and not remove else 0)


@click.command()
@click.option("--yes", is_flag=True, help="Do remove; without it only say what would be.")
@click.option("--all", "everything", is_flag=True, help="The whole category, not only what no run names.")
@project_options
def clean(yes: bool, everything: bool, **options: Any) -> None:
    """Remove artifacts that no run file or log names, and what dead runs left behind."""
    store = _store(options)
    used = set() if everything else named(store.root)
    found = [one for one in store.artifacts() if one.relative_to(store.root).as_posix() not in used]
    total = size(sum(map(bytes_of_artifact, found)))
    for line in grouped((shape_of(folder.parent.name), folder.parent.parent.name) for folder in found):
        say(line)
    if yes:
        store.sweep()
        for folder in found:
            store.remove(folder)
        if everything:
            shutil.rmtree(store.root, ignore_errors=True)
    say(f"{len(found)} artifacts, {total}: {'removed' if yes else 'would be removed; --yes does it'}")


def root_of(settings: Settings) -> Path:
    """The folder of the category's store."""
    from t3d.datasets.categories import canonical

    return Path(settings.work).absolute() / canonical(settings.category)


def _store(options: Mapping[str, Any]) -> Store:
    root = root_of(settings_of(options))
    if not root.is_dir():
        raise UsageError(f"{root}: no store here; name it with --work and --category")
    return Store(root)
