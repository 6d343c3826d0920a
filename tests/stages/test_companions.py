"""Two processes that train together give what one gives that has the whole batch; cubes, on the CPU."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.numpy import load_file

from t3d.errors import UsageError
from t3d.pipeline.companions import companions
from t3d.stages.codes import Params as CodesParams
from t3d.stages.codes import codes
from t3d.stages.network_s1 import Params as RegressionParams
from t3d.stages.network_s1 import network_s1
from t3d.stages.network_s2 import Params as EndToEndParams
from t3d.stages.network_s2 import network_s2
from t3d.stages.pretrain import Params as PretrainParams
from t3d.stages.pretrain import pretrain
from tests.stages.squares import train
from tests.stages.test_network_s2 import write_cube

Folders = Mapping[str, Mapping[str, Path]]

DECODER = {"code": 4, "hidden": 16, "steps": 4, "width": 16, "depth": 2, "dropout": 0.0}
ENCODER = {"widths": (8, 16), "depths": (1, 1), "input_size": 16}
STEPS = {"iterations": 12, "scenes": 8, "points": 64}
PLAIN = {"jitter": 0.0, "hue": 0.0, "norms": "fixed", "validate_every": 4}
"""No chance and no statistics of a batch in it: its halves make the same gradients as the whole."""


@dataclass
class Call:
    """A stage and what it is called with, as `companions` calls it in every process."""

    stage: Callable[..., Any]
    read: tuple[Any, ...]
    root: Path
    params: Any
    handed: dict[str, Any] = field(default_factory=dict)

    def call_stage(self, out: Path, threads: int, report: object) -> None:
        (out / "called").touch()
        train(self.stage, self.read, self.root, self.params, threads=threads, **self.handed)
        ours = [one.laddr.ip for one in psutil.Process().net_connections() if one.status == "LISTEN"]
        assert set(ours) <= {"127.0.0.1"}

    def weights(self, processes: int) -> dict[str, Any]:
        """All that was learned, by that many processes."""
        self.root.mkdir()
        with companions(self, processes, 1):  # type: ignore[arg-type]
            self.call_stage(self.root, 1, None)
        (file,) = (self.root / "out").glob("*.safetensors")
        return load_file(file)


@pytest.fixture(scope="module")
def cubes(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("cubes")
    sides = {"train": range(8, 24, 2), "val": (11, 17)}
    return {part: {f"s{one}": write_cube(root / f"s{one}", one) for one in of} for part, of in sides.items()}


def same(call: Call) -> bool:
    """Whether one process and two learn the same, and learn at all."""
    one = call.weights(1)
    two = replace(call, root=call.root.with_name("two")).weights(2)
    assert one.keys() == two.keys()
    return all(value == pytest.approx(two[name], abs=2e-4) for name, value in one.items())


def test_phase_1_and_the_regression_of_its_codes(cubes: Folders, tmp_path: Path) -> None:
    params = replace(CodesParams(), **DECODER, **STEPS, log_every=4, fit_iterations=2, fit_points=64)
    (tmp_path / "codes").mkdir()
    assert same(Call(codes, (cubes,), tmp_path / "codes" / "one", params))
    s1 = replace(RegressionParams(), **ENCODER, **PLAIN, iterations=12, batch=16)
    read = (tmp_path / "codes" / "one" / "out", cubes)
    assert same(Call(network_s1, read, tmp_path / "one", s1))


def test_solution_2_end_to_end_and_a_contrast_within_each_half(cubes: Folders, tmp_path: Path) -> None:
    params = replace(
        PretrainParams(), **ENCODER, levels=("easy",), iterations=4, batch=8, hidden=16, projection=8,
        validate_every=4,
    )  # fmt: skip
    call = Call(pretrain, (cubes,), tmp_path / "pretrain", params, {"variant": "s2-simclr"})
    call.weights(2)
    s2 = replace(EndToEndParams(), **DECODER, **STEPS, **PLAIN, levels=("easy",))
    read = (tmp_path / "pretrain" / "out", cubes, cubes)
    assert same(Call(network_s2, read, tmp_path / "one", s2, {"variant": "s2-simclr"}))


@dataclass
class Quitter:
    """A stage whose companion gives up."""

    def call_stage(self, out: Path, threads: int, report: object) -> None:
        raise SystemExit(3)


def _wait_for_a_peer() -> None:
    with companions(Quitter(), 2, 1):  # type: ignore[arg-type]
        for _ in range(600):
            time.sleep(0.1)
            if not [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]:
                break
        raise RuntimeError("peer is gone")


def test_a_companion_that_failed_is_named() -> None:
    with pytest.raises(UsageError, match=r"ended with status 3.*RuntimeError: peer is gone"):
        _wait_for_a_peer()
    assert "RANK" not in os.environ


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
def test_a_compiled_training_learns_the_same(
    cubes: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = replace(CodesParams(), **DECODER, **STEPS, log_every=4, fit_iterations=2, fit_points=64)
    plain = Call(codes, (cubes,), tmp_path / "plain", params).weights(1)
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "inductor")
    compiled = Call(codes, (cubes,), tmp_path / "compiled", params).weights(1)
    assert plain.keys() == compiled.keys()
    assert all(value == pytest.approx(compiled[name], abs=2e-4) for name, value in plain.items())
