"""The plan: every item of a run, what is decided about it already, and why the rest has to be made."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from t3d.errors import DataError, UsageError
from t3d.pipeline.graph import Graph, ItemId, Node, shapes_of
from t3d.pipeline.keys import differences, plain
from t3d.pipeline.outcome import Outcome, Wire
from t3d.pipeline.sources import Catalogue, FileIndex, Given, files_below
from t3d.pipeline.stage import Need
from t3d.pipeline.store import Failure, Store, read_manifest
from t3d.pipeline.task import GIVEN, Task, look_up, lost_shape, make, place_of, preimage

SPLIT = "split"
"""The stage whose `split.json` names the parts of the set; a package without it has one part, ""."""


@dataclass(frozen=True)
class Project:
    """Everything that decides what a run makes: stages, settings, shapes, seeds, and where it goes."""

    package: str
    graph: Graph
    params: Mapping[str, Any]
    catalogue: Catalogue
    work: Path
    seed: int = 0
    train_seed: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    allow_missing: bool = False
    retry_failed: bool = False
    apart: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Items of the catalogue, by part, that the split knows nothing of: they are no shapes of the set."""

    @property
    def root(self) -> Path:
        """The category's folder in the store."""
        return self.work / self.catalogue.name

    @property
    def store(self) -> Store:
        """The category's artifacts."""
        return Store(self.root)


@dataclass
class Plan:
    """Tasks in an order in which they can run; `decided` holds the outcomes known without running."""

    project: Project
    targets: list[Node]
    parts: Mapping[str, Sequence[str]]
    tasks: dict[ItemId, Task] = field(default_factory=dict)
    decided: dict[ItemId, Outcome] = field(default_factory=dict)

    @property
    def todo(self) -> list[Task]:
        """What remains to be made, inputs first."""
        return [task for id_, task in self.tasks.items() if id_ not in self.decided]

    def stage_of(self, id_: ItemId) -> Any:
        """The declared stage of an item."""
        return self.project.graph.stages[id_[0].partition("[")[0]]

    def outcomes(self, nodes: Iterable[Node]) -> list[Outcome]:
        """Decided outcomes of the given nodes, shape by shape."""
        names = {node.name for node in nodes}
        return [outcome for id_, outcome in self.decided.items() if id_[0] in names]


def plan(project: Project, targets: Sequence[Node]) -> Plan:
    """Decide by a pass over the manifests what is there; the split, being cheap, is made here and now."""
    index = FileIndex(project.root / ".files.json")
    split = _make_split(project, index)
    parts = {**(_read_parts(split) if split else {"": project.catalogue.ids}), **project.apart}
    made = Plan(project, list(targets), parts, decided={(SPLIT, ""): split} if split else {})
    builder = _Builder(project, index, parts)
    demand = project.graph.demand(targets, parts, builder.given)
    for node, shapes in demand.items():
        for shape in shapes:
            _consider(made, builder, node, shape)
    index.save()
    return made


def _consider(made: Plan, builder: "_Builder", node: Node, shape: str) -> None:
    try:
        if standing := builder.standing(node, shape):
            made.decided[node.name, shape] = standing
            return
        task = builder.task(node, shape)
    except DataError as error:
        failure = Failure(shape, node.stage.name, "data", str(error))
        made.decided[node.name, shape] = Outcome(node.name, shape, "failed", failures=(failure,))
        return
    made.tasks[task.id] = task
    known = {id_: made.decided[id_] for id_ in task.upstream if id_ in made.decided}
    if task.id in made.decided:
        return
    if len(known) == len(set(task.upstream)):
        outcome = look_up(task, made.decided, made.project.store)
    else:  # not all is known yet, but what a shape has lost it has lost
        outcome = lost_shape(task, known)
    if outcome:
        made.decided[task.id] = outcome


def _make_split(project: Project, index: FileIndex) -> Outcome | None:
    """The split, made or kept; None for a package that has none."""
    if SPLIT not in project.graph.stages:
        return None
    (node,) = project.graph.targets(SPLIT)
    outcome = make(_Builder(project, index, {}).task(node, ""), {}, 1, lambda _: None)
    if not outcome.there:
        raise UsageError(outcome.failures[-1].reason)
    return outcome


def _read_parts(split: Outcome) -> Mapping[str, Sequence[str]]:
    content = json.loads((Path(split.path) / "split.json").read_text())
    return {name: ids for name, ids in content.items() if isinstance(ids, list)}


@dataclass(frozen=True)
class _Builder:
    """Makes tasks out of nodes and shapes."""

    project: Project
    index: FileIndex
    parts: Mapping[str, Sequence[str]]

    def task(self, node: Node, shape: str) -> Task:
        stage, project = node.stage, self.project
        given = self.given(node, shape)
        inputs = {} if given else project.graph.inputs(node)
        roles = [need.name for need, nodes in inputs.items() if not nodes and not need.variants]
        made = Task(
            package=project.package,
            root=project.root,
            stage=stage.name,
            makes=stage.makes,
            variant=node.variant,
            shape=shape,
            params=project.params[stage.name],
            plain_params=plain(project.params[stage.name], self._file_digest),
            seeds={"rng": project.seed, "train_seed": project.train_seed},
            sources={role: self._source(shape, role) for role in roles},
            wires={
                need.name: self._wire(need, nodes, shape)
                for need, nodes in inputs.items()
                if nodes or need.variants
            },
            handed=stage.handed,
            version=stage.version,
            context=self._context(node),
            allow_missing=project.allow_missing,
            retry_failed=project.retry_failed,
        )
        return self._taken(made, given) if given else made

    def given(self, node: Node, shape: str) -> Given | None:
        """The artifact of a shape, or of the set, that the data set brings itself."""
        name = f"{node.stage.makes}-{node.variant}" if node.variant else node.stage.makes
        return self.project.catalogue.given(shape, name)

    def standing(self, node: Node, shape: str) -> Outcome | None:
        """The outcome of a given artifact that is read where it stands; its digest is the file's."""
        given = self.given(node, shape)
        if given is None or given.take:
            return None
        digest = self._digests(given.folder.parent, [given.folder])[given.folder.name]
        return Outcome(node.name, shape, "kept", path=str(given.folder), digest=digest)

    def _taken(self, task: Task, given: Given) -> Task:
        """The task as that of an artifact that is given: no parameter, version or seed has a part in it."""
        sources = {GIVEN: (str(given.folder), self._digests(given.folder, files_below(given.folder)))}
        return replace(
            task, params=None, plain_params={}, sources=sources, handed=(), version=0, take=given.take
        )

    def _wire(self, need: Need, nodes: list[Node], shape: str) -> Wire:
        wires = {node.variant: self._wire_to(need, node, shape) for node in nodes}
        return wires if need.variants else next(iter(wires.values()))

    def _wire_to(self, need: Need, node: Node, shape: str) -> Wire:
        if need.each:
            names = need.each.parts if "" not in self.parts else ()
            return {
                part: {one: (node.name, one) for one in sorted(shapes_of(type(need.each)(part), self.parts))}
                for part in names or self.parts
                if part in self.parts
            }
        return (node.name, shape if node.stage.per == "shape" else "")

    def _source(self, shape: str, role: str) -> tuple[str, Mapping[str, str]]:
        try:
            source = self.project.catalogue.source(shape, role, self.index.memo)
        except OSError as error:
            raise DataError(f"{error.filename}: {error.strerror}") from None
        return str(source.path), self._digests(source.path.parent, source.files)

    def _digests(self, folder: Path, files: Iterable[Path]) -> Mapping[str, str]:
        """Content of files by their path relative to a folder; DataError where one is gone."""
        try:
            return {os.path.relpath(file, folder): self.index.digest(file) for file in files}
        except OSError as error:
            raise DataError(f"{error.filename}: {error.strerror}") from None

    def _file_digest(self, path: Path) -> str:
        try:
            return self.index.digest(path)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None

    def _context(self, node: Node) -> Mapping[str, Any]:
        context: dict[str, Any] = {}
        if "ids" in node.stage.handed:
            context["ids"] = list(self.project.catalogue.ids)
        if "recipe" in node.stage.handed:
            above = sorted({one.stage.name for one in self.project.graph.order([node])})
            stages = {name: plain(self.project.params[name]) for name in above}
            context["recipe"] = {**self.project.recipe, "stages": stages}
        return context


def reason(made: Plan, task: Task) -> str:
    """Why an item has to be made, from a closed list of reasons."""
    waiting = sorted({name for name, shape in task.upstream if (name, shape) not in made.decided})
    if waiting:
        return f"after {', '.join(waiting)}"
    image = preimage(task, made.decided)
    failure = made.project.store.failure(place_of(task, image))
    if failure:
        return f"retried: {failure.kind}: {failure.reason}"
    changed = _differences(made.project.store, task, image)
    if changed is None:
        return "never made"
    return "; ".join(_summarised(changed)) or "its folder was removed"


def _differences(store: Store, task: Task, image: Mapping[str, Any]) -> list[str] | None:
    """How this pre-image differs from that of the most similar artifact there is of the same shape."""
    manifests = [read_manifest(folder) for folder in store.folders(task.makes, task.shape)]
    images = [one["made_from"] for one in manifests if one and one["made_from"]["variant"] == task.variant]
    return min((list(differences(one, image)) for one in images), key=len, default=None)


def _summarised(lines: list[str], most: int = 6) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"and {len(lines) - most} more"]
