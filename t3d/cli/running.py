"""Commands that make artifacts: one per stage command, `run`, and stage names as hidden twins."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, get_args

import click

from t3d.cli.console import counted, duration, grouped, invocation, losses, say, size, watched
from t3d.cli.options import KINDS, Conduct, Settings, options_of, project_options, with_options
from t3d.cli.project import PACKAGE, preset_values, project_of, read_config, settings_of, written
from t3d.datasets.virtual import original
from t3d.pipeline.graph import ItemId, Node, draw
from t3d.pipeline.plan import Plan, plan, reason
from t3d.pipeline.runner import Execution, cores, run, side_by_side
from t3d.pipeline.runs import run_log, write_run
from t3d.pipeline.settings import read_toml
from t3d.pipeline.stage import Stage, field_docs, stages_of
from t3d.pipeline.store import Failure, bytes_of_artifact, read_manifest
from t3d.pipeline.task import Outcome, State, Task, failures_of, leaves

_SHARED = {"config", "sets", "files", *KINDS, *field_docs(Conduct)}
"""Parameters that a shared option sets already: no flag of their own."""


def stage_commands() -> list[click.Command]:
    """A command for every stage command, one for `run`, and hidden ones for the stage names."""
    stages = stages_of(PACKAGE).values()
    shown = dict.fromkeys(stage.command for stage in stages if stage.command)
    hidden = {name for stage in stages for name in (stage.name, stage.makes)} - shown.keys()
    commands = [_command(name, name) for name in shown]
    commands += [_command(name, name, hidden=True) for name in hidden]
    whole = _command("run", "report")
    whole.help = "Make everything up to the report."
    return [*commands, whole]


def _command(name: str, target: str, hidden: bool = False) -> click.Command:
    stages = stages_of(PACKAGE).values()
    makers = [one for one in stages if one.command == name] or [one for one in stages if target in one.names]
    own = {name: stages for name, stages in _parameters(makers).items() if name not in _SHARED}

    def callback(**options: Any) -> None:
        given = {parameter: options.pop(f"own_{parameter}") for parameter in own}
        values = {parameter: value for parameter, value in given.items() if value is not None}
        make_target(target, {**options, "values": {target: values} if values else {}})

    flags = [_flag(name, having, len(makers)) for name, having in own.items()]
    command = with_options(project_options(with_options(callback, *options_of(Conduct))), *flags)
    epilog = "Parameters of other stages: --set STAGE.NAME=VALUE, listed by `t3d STAGE --help`."
    summary = "\n\n".join(dict.fromkeys(stage.summary for stage in makers))
    return click.command(name, help=summary, hidden=hidden, epilog=epilog)(command)


def _parameters(makers: list[Stage]) -> dict[str, list[Stage]]:
    """Every parameter, and the stages that have it."""
    found: dict[str, list[Stage]] = {}
    for stage in makers:
        for name in field_docs(stage.params):
            found.setdefault(name, []).append(stage)
    return found


def _flag(parameter: str, stages: list[Stage], makers: int) -> Callable[..., Any]:
    """An option for a parameter, for all stages of the command that have it, which its text names if they
    are some of several: its docstring, with the default of the preset `tiny`.
    """
    texts: dict[str, list[str]] = {}
    for stage in stages:
        published = written(getattr(stage.params, parameter))
        shown = written(preset_values("tiny").get(stage.name, {}).get(parameter, published))
        note = f"[default: {shown}]" if shown == published else f"[tiny: {shown}; published: {published}]"
        texts.setdefault(f"{field_docs(stage.params)[parameter]} {note}", []).append(stage.name)
    named = len(texts) > 1 or len(stages) < makers
    lines = [f"{', '.join(who)}: {text}" if named else text for text, who in texts.items()]
    names = (f"--{parameter.replace('_', '-')}", f"own_{parameter}")
    return click.option(*names, metavar="VALUE", help=" ".join(lines))


def make_target(name: str, options: Mapping[str, Any]) -> None:
    """Plan, run, and say how it went; leaves through the exit status of design §2."""
    started, settings = time.monotonic(), settings_of(options)
    given = {name: options[name] for name in field_docs(Conduct) if options[name] is not None}
    conduct = Conduct(**given)
    if not settings.data:
        say(f"no data set named (--data): using procedural {settings.category} shapes, made by t3d itself")
    project = project_of(settings)
    targets = project.graph.targets(name)
    if conduct.graph:
        draw(project.graph, targets, Path(conduct.graph))
        return say(conduct.graph)
    planned = plan(project, targets)
    if conduct.force and not (conduct.dry_run or conduct.estimate):
        _remove(planned)
        planned = plan(project, targets)
    if conduct.dry_run:
        return explain(planned)
    execution = execution_of(conduct, options, 0 if Path(settings.data or "").is_file() else cores())
    if conduct.estimate:
        return estimate(planned, execution.workers)
    outcomes = _watched(planned, execution, settings, conduct.quiet)
    path = write_run(planned, outcomes, settings.record())
    status = summarise(planned, outcomes, conduct.max_failures)
    seconds = time.monotonic() - started
    if not conduct.quiet:
        count = sum(one.state == "made" for one in outcomes.values())
        say(f"{count} made in {duration(seconds)}; run file {path}")
    if conduct.json:
        told = {"status": status, "seconds": round(seconds, 2), "run": str(path)}
        click.echo(json.dumps(_machine_readable(outcomes, targets) | told))
    raise SystemExit(status)


def _watched(planned: Plan, execution: Execution, settings: Settings, quiet: bool) -> dict[ItemId, Outcome]:
    """Run the plan before the user's eyes, and take down what happens."""
    if not planned.todo:
        return dict(planned.decided)
    with (
        watched(planned, execution.workers, quiet) as watch,
        run_log(planned, settings.record(), invocation(), watch) as log,
    ):
        return run(planned, execution, log)


def execution_of(conduct: Conduct, options: Mapping[str, Any], usual: int) -> Execution:
    """Where the plan runs; `usual`: how many workers unless told otherwise."""
    memory = int(conduct.memory * 1e9) or None
    if conduct.workers is None and not conduct.scheduler:
        return Execution(usual, None, memory, read_config(options)[1].get("cluster"))
    return Execution(usual if conduct.workers is None else conduct.workers, conduct.scheduler, memory)


def _remove(planned: Plan) -> None:
    for outcome in planned.outcomes(planned.targets):
        if outcome.place:
            planned.project.store.remove(planned.project.store.path(outcome.place))


def explain(planned: Plan) -> None:
    """Per node: how many are kept, and why the others are to be made."""
    for node in planned.project.graph.order(planned.targets):
        decided = [one for one in planned.outcomes([node]) if one.there]
        todo = [task for task in planned.todo if task.id[0] == node.name]
        lost = [one for one in planned.outcomes([node]) if not one.there]
        click.echo(
            f"{node.name}: {counted(one.shape for one in decided)} kept,"
            f" {counted(task.shape for task in todo)} to make" + (f", {len(lost)} failed" if lost else "")
        )
        for line in grouped((task.shape, reason(planned, task)) for task in todo):
            click.echo(f"    {line}")
        for line in grouped((one.shape, _why_lost(one)) for one in lost):
            click.echo(f"    {line}")


def _why_lost(outcome: Outcome) -> str:
    failure = outcome.failures[-1]
    return f"lost in {failure.stage}" if outcome.state == "blocked" else str(failure)


def estimate(planned: Plan, workers: int) -> None:
    """Say per node how long and how large what is to be made will be, and in all.

    What runs side by side counts so much less, trainings too, as if none waited for another.
    """
    trainings = side_by_side(planned, workers)
    first = {task.id[0]: task for task in reversed(planned.todo)}
    total_time = total_room = 0.0
    for node, count in Counter(task.id[0] for task in planned.todo).items():
        each, room, source = cost_of(planned, first[node])
        share = min(workers, count) if first[node].shape else trainings if first[node].stage.resource else 1
        time = each * count / max(1, share)
        total_time, total_room = total_time + time, total_room + room * count
        click.echo(f"{node}: {count} to make, {duration(time)}, {size(room * count)} ({source})")
    click.echo(f"in all about {duration(total_time)} and {size(total_room)}, {max(1, workers)} at once")


def cost_of(planned: Plan, task: Task) -> tuple[float, float, str]:
    """Mean seconds and bytes of one artifact, by this store (200 manifests) or the shipped table; whose."""
    folders = planned.project.store.root.glob(f"{task.stage.makes}/*/*/")
    manifests = filter(None, map(read_manifest, folders))
    found = [one for one in islice(manifests, 200) if one["made_from"]["stage"] == task.stage.name]
    rounds = _rounds({"params": task.image["params"], "inputs": task.wires})
    if found:
        each = fmean(one["seconds"] / _rounds(one["made_from"]) for one in found)
        room = fmean(sum(file["bytes"] for file in one["files"].values()) for one in found)
        return each * rounds, room, f"{len(found)} measured here"
    table = read_toml(Path(__file__).with_name("costs.toml"))
    each, room = table.get(task.stage.name, (0.0, 0.0))
    return each * rounds, 1e6 * room, "as preset tiny on 2 cores" if each else "not known"


def _rounds(made: Mapping[str, Any]) -> int:
    """What the time of one artifact grows with: its iterations, or the surfaces that are measured against."""
    return made["params"].get("iterations") or len(leaves(made["inputs"].get("surface", {}))) or 1


def summarise(planned: Plan, outcomes: Mapping[Any, Outcome], most: int | None) -> int:
    """Print failures by reason and what was made; the exit status."""
    failures = failures_of(outcomes.values())
    for line in losses(failures, invocation()):
        say(line)
    names = {node.name for node in planned.targets}
    for outcome in outcomes.values():
        if outcome.node in names and outcome.there and not outcome.shape:
            _show(Path(outcome.path))
    if most is None:
        most = len(planned.parts.get("train") or {one for ids in planned.parts.values() for one in ids}) // 10
    return exit_status(failures, outcomes, names, most)


def exit_status(
    failures: Sequence[Failure], outcomes: Mapping[Any, Outcome], targets: set[str], most: int
) -> int:
    """1 when a target of the whole set is not there, for any accident, and beyond `most` lost shapes.

    A virtual shape that is lost counts as its original.
    """
    missing = any(one.node in targets and not one.shape and not one.there for one in outcomes.values())
    accidents = any(one.kind != "data" for one in failures)
    shapes = {original(one.shape) or one.shape for one in failures if one.shape}
    if len(shapes) > most:
        say(f"{len(shapes)} shapes lost, more than --max-failures {most}")
    return int(missing or accidents or len(shapes) > most)


def _show(folder: Path) -> None:
    page, table = folder / "report.html", folder / "table.md"
    if table.exists():
        click.echo(table.read_text(encoding="utf-8"))
    say(f"{page if page.exists() else folder} ({size(bytes_of_artifact(folder))})")


def _machine_readable(outcomes: Mapping[Any, Outcome], targets: list[Node]) -> dict[str, Any]:
    states = Counter(one.state for one in outcomes.values())
    names = {node.name for node in targets}
    made = [one for one in outcomes.values() if one.node in names and one.there]
    return {
        **{state: states[state] for state in get_args(State)},
        "artifacts": {"/".join(filter(None, (one.node, one.shape))): one.path for one in made},
        "failures": [one.record() for one in failures_of(outcomes.values())],
    }
