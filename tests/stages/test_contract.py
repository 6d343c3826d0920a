"""What holds for every stage by its being there."""

import dataclasses
import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from t3d.cli.project import PACKAGE, PRESETS, preset_values
from t3d.datasets.catalogue import MeshFolder
from t3d.pipeline.graph import Graph
from t3d.pipeline.settings import Layer, resolve
from t3d.pipeline.stage import field_docs, stages_of

STAGES = stages_of(PACKAGE)
PLAIN = (int, float, bool, str, Path)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_is_documented(name):
    stage = STAGES[name]
    assert inspect.getdoc(inspect.getmodule(stage.function))
    assert stage.summary.endswith(".")
    assert inspect.getdoc(stage.params)


@pytest.mark.parametrize("name", STAGES)
def test_every_parameter_has_a_docstring_and_a_plain_default(name):
    params = STAGES[name].params
    docs = field_docs(params)
    assert params.__dataclass_params__.frozen
    for field in dataclasses.fields(params):
        assert len(docs.get(field.name, "")) > 15, f"{name}.{field.name} needs a docstring"
        assert field.default is not dataclasses.MISSING
        values = field.default if isinstance(field.default, tuple) else (field.default,)
        assert all(isinstance(value, PLAIN) for value in values)
        kind = typing.get_type_hints(params)[field.name]
        assert kind in PLAIN or typing.get_origin(kind) in (tuple, typing.Literal)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_says_which_files_it_makes(name):
    assert STAGES[name].files


def test_all_needs_are_met_without_a_cycle():
    graph = Graph(STAGES, ("s1", "s2-simclr", "s2-none"), MeshFolder("sofa", "", {}).roles)
    for name in STAGES:
        assert graph.order(graph.targets(name))


@pytest.mark.parametrize(("variant", "foreign"), [("s1", "pretrain"), ("s2-none", "codes")])
def test_a_solution_makes_nothing_of_the_other(variant, foreign):
    graph = Graph(STAGES, (variant,), MeshFolder("sofa", "", {}).roles)
    made = {node.stage.name for node in graph.order(graph.targets("report"))}
    assert "network" in {STAGES[name].makes for name in made}
    assert foreign not in made


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_hold_known_parameters_of_the_right_kind(preset):
    assert resolve(STAGES, [Layer(preset, preset_values(preset))])


def test_importing_the_stages_imports_nothing_heavy():
    heavy = ("numpy", "torch", "trimesh", "open3d", "dask", "distributed", "matplotlib", "rich")
    code = f"import sys, t3d.cli.main as m; m._fill(); print([n for n in {heavy} if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
