"""The plan: every item of a run, what is decided about it already, and why the rest has to be made."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from t3d.errors import DataError, UsageError
from t3d.pipeline.graph import Graph, ItemId, Node
from t3d.pipeline.keys import differences, plain
from t3d.pipeline.sources import Catalogue, FileIndex, files_below
from t3d.pipeline.stage import Need
from t3d.pipeline.store import Failure, Store, read_manifest
from t3d.pipeline.task import GIVEN, SCHEMA, Item, Outcome, Task, Wire

SPLIT = "split"
"""The stage whose `split.json` names the parts of the set; a package without it has one part, ""."""


@dataclass(frozen=True)
class Project:
    """Everything that decides what a run makes: stages, settings, shapes, seeds, and where it goes."""

    graph: Graph
    params: Mapping[str, Any]
    catalogue: Catalogue
    store: Store
    seed: int = 0
    train_seed: int = 0
    recipe: Mapping[str, Any] = field(default_factory=dict)
    allow_missing: bool = False
    retry_failed: bool = False
    apart: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Items of the catalogue, by part, that the split knows nothing of: they are no shapes of the set."""


@dataclass
class Plan:
    """Tasks in an order in which they can run; `decided` holds the outcomes known without running."""

    project: Project
    targets: list[Node]
    parts: Mapping[str, Sequence[str]]
    tasks: dict[ItemId, Task] = field(default_factory=dict)
    decided: dict[ItemId, Outcome] = field(default_factory=dict)

    @property
    def totals(self) -> Counter[str]:
        """How many items each node has."""
        return Counter(name for name, _ in {**self.tasks, **self.decided})

    @property
    def todo(self) -> list[Task]:
        """What remains to be made, inputs first."""
        return [task for id_, task in self.tasks.items() if id_ not in self.decided]

    def outcomes(self, nodes: Iterable[Node]) -> list[Outcome]:
        """Decided outcomes of the given nodes, shape by shape."""
        names = {node.name for node in nodes}
        return [outcome for id_, outcome in self.decided.items() if id_[0] in names]


def plan(project: Project, targets: Sequence[Node]) -> Plan:
    """Decide by a pass over the manifests what is there; the split, being cheap, is made here and now."""
    index = FileIndex(project.store.root / ".files.json")
    made = Plan(project, list(targets), {"": project.catalogue.ids})
    builder = _Builder(made, index)
    if SPLIT in project.graph.stages:
        builder.consider((SPLIT, ""))
        split = made.decided.get((SPLIT, "")) or Item(made.tasks[SPLIT, ""], {}).make(1, lambda _: None)
        if not split.there:
            raise UsageError(split.failures[-1].reason)
        content = json.loads((Path(split.path) / "split.json").read_text())
        made.parts = {name: ids for name, ids in content.items() if isinstance(ids, list)}
        made.decided[SPLIT, ""] = split
    made.parts = {**made.parts, **project.apart}
    for node in targets:
        shapes = builder.shapes(node.stage.parts).values() if node.stage.per == "shape" else [[""]]
        for shape in sorted(set().union(*shapes)):
            builder.consider((node.name, shape))
    index.save()
    return made


@dataclass
class _Builder:
    """Fills a plan with the tasks of items and what is decided about them."""

    plan: Plan
    index: FileIndex

    @cached_property
    def nodes(self) -> dict[str, tuple[Node, dict[Need, list[Node]], dict[str, Any]]]:
        """Nodes that may be needed, by name: with what they read, and what all their items are made from."""
        graph = self.plan.project.graph
        split = graph.targets(SPLIT) if SPLIT in graph.stages else []
        order = graph.order([*split, *self.plan.targets])
        return {node.name: (node, graph.inputs(node), self._made_from(node)) for node in order}

    def _made_from(self, node: Node) -> dict[str, Any]:
        project, stage = self.plan.project, node.stage
        above = sorted({one.stage.name for one in project.graph.order([node])})
        values = {
            "seed": project.seed,
            "train_seed": project.train_seed,
            "failures": [],  # known when the inputs are
            "ids": list(project.catalogue.ids),
            "recipe": {**project.recipe, "stages": {name: plain(project.params[name]) for name in above}},
        }
        try:
            params = plain(project.params[stage.name], self.index.digest)
        except OSError as error:
            raise UsageError(f"{error.filename}: {error.strerror}") from None
        asked = {"seed" if name == "rng" else name for name in stage.handed}
        facts = {name: value for name, value in values.items() if name in asked}
        return {"version": stage.version, "params": params, **facts}

    def consider(self, id_: ItemId) -> None:
        """Put an item into the plan, after those that it reads, and what is decided about it."""
        made = self.plan
        if id_ in made.tasks or id_ in made.decided:
            return
        try:
            task = self._task(id_)
        except (DataError, OSError) as error:
            text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
            failure = Failure(id_[1], self.nodes[id_[0]][0].stage.name, "data", text)
            task = Outcome(*id_, "failed", failures=(failure,))
        if isinstance(task, Outcome):
            made.decided[id_] = task
            return
        for one in task.upstream:
            self.consider(one)
        made.tasks[id_] = task
        item, complete = Item(task, made.decided), made.decided.keys() >= set(task.upstream)
        outcome = item.look_up() if complete else item.blocked()  # what a shape has lost it has lost
        if outcome:
            made.decided[id_] = outcome

    def shapes(self, parts: Sequence[str]) -> dict[str, list[str]]:
        """Ids of the named parts; of every part when none is named or the set is not split."""
        there = self.plan.parts
        names = parts if parts and "" not in there else there
        return {name: sorted(there[name]) for name in names if name in there}

    def _task(self, id_: ItemId) -> Task | Outcome:
        """The task of an item; the outcome of one that is given and read where it stands."""
        project, shape = self.plan.project, id_[1]
        node, inputs, facts = self.nodes[id_[0]]
        given = project.catalogue.given(shape, "-".join(filter(None, (node.stage.makes, node.variant))))
        if given and not given.take:
            return Outcome(*id_, "kept", path=str(given.folder), digest=self.index.digest(given.folder))
        wires: dict[str, Wire] = {}
        sources: dict[str, Path] = {}
        read: dict[str, dict[str, str]] = {}
        if given:  # no parameter, version or seed has a part in it
            sources[GIVEN] = given.folder
            read[GIVEN] = self._digests(given.folder, files_below(given.folder))
            inputs, facts = {}, {"version": 0, "params": {}}
        for need, nodes in inputs.items():
            if nodes or need.variants:
                wires[need.name] = self._wire(need, nodes, shape)
            else:
                source = project.catalogue.source(shape, need.name, self.index.memo)
                sources[need.name] = source.path
                read[need.name] = self._digests(source.path.parent, source.files)
        image = {"schema": SCHEMA, "stage": node.stage.name, "variant": node.variant, "shape": shape}
        return Task(
            node,
            shape,
            project.store,
            params=project.params[node.stage.name],
            image={**image, **facts, "inputs": read},
            sources=sources,
            wires=wires,
            allow_missing=project.allow_missing,
            retry_failed=project.retry_failed,
            take=given.take if given else None,
        )

    def _wire(self, need: Need, nodes: list[Node], shape: str) -> Wire:
        if need.variants:
            one = replace(need, variants=False)
            return {node.variant: self._wire(one, [node], shape) for node in nodes}
        (node,) = nodes
        if need.parts is None:
            return (node.name, shape if node.stage.per == "shape" else "")
        shapes = self.shapes(need.parts)
        return {part: {one: (node.name, one) for one in ids} for part, ids in shapes.items()}

    def _digests(self, folder: Path, files: Iterable[Path]) -> dict[str, str]:
        """Content of files by their path relative to a folder."""
        return {os.path.relpath(file, folder): self.index.digest(file) for file in files}


def reason(made: Plan, task: Task) -> str:
    """Why an item has to be made, from a closed list of reasons."""
    waiting = sorted({name for name, shape in task.upstream if (name, shape) not in made.decided})
    if waiting:
        return f"after {', '.join(waiting)}"
    store, item = made.project.store, Item(task, made.decided)
    failure = store.failure(item.place)
    if failure:
        return f"retried: {failure.kind}: {failure.reason}"
    manifests = map(read_manifest, sorted(store.path(item.place).parent.glob("*/")))
    images = [one["made_from"] for one in manifests if one]
    images = [one for one in images if one["variant"] == task.node.variant]
    if not images:
        return "never made"
    changed = min((list(differences(one, item.image)) for one in images), key=len)  # from the most similar
    more = [f"and {len(changed) - 6} more"] if len(changed) > 6 else []
    return "; ".join(changed[:6] + more) or "its folder was removed"
