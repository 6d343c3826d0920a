"""What the timed comparisons share: meshes, sides in processes of their own, medians, results on disk."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
THREADS = 2
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "LP")
"""Thread pools that have a variable of their own; LP is Mesa's rasteriser."""
PACKAGES = (
    "numpy open3d libigl torch trimesh pillow pyrender PyOpenGL mesh-to-sdf scikit-learn scikit-image".split()
)

Row = dict[str, Any]


@contextmanager
def scratch_and_meshes() -> Iterator[tuple[Path, list[Path]]]:
    """A temporary folder, and COUNT mesh files (default: 4) spread evenly over those below the folder DATA.

    Without DATA, procedural sofas.
    """
    from t3d.datasets.meshes import FORMATS
    from t3d.tasks.synth import synthesize

    count = int(os.environ.get("COUNT") or 4)
    with tempfile.TemporaryDirectory() as folder:
        data = os.environ.get("DATA")
        place = Path(data) if data else synthesize(Path(folder) / "sofas", ["sofa"], count)["sofa"]
        files = sorted(path for path in place.rglob("*") if path.suffix.lower() in FORMATS)
        if not files:
            raise SystemExit(f"{place}: no meshes in it ({' '.join(FORMATS)})")
        count = min(count, len(files))
        yield Path(folder), [files[index * len(files) // count].resolve() for index in range(count)]


def each_mesh(name: str, compare: Callable[[Path, Path], Row], line: Callable[[Row], str]) -> None:
    """Compare both sides on every mesh, in a folder of its own, print a line each, and conclude."""
    rows = []
    with scratch_and_meshes() as (scratch, files):
        for number, file in enumerate(files):
            rows.append(compare(file, scratch / str(number)))
            if "error" not in rows[-1]:
                print(line(rows[-1]), flush=True)
    conclude(name, rows)


def side(benchmark: str, name: str, *arguments: object) -> Row:
    """What one side of a benchmark reports, from a process of its own; {"error": ...} where it fails."""
    return together(benchmark, name, [arguments], THREADS)[0]


def together(benchmark: str, name: str, arguments: Sequence[Sequence[object]], threads: int) -> list[Row]:
    """The same from processes side by side, one for each row of arguments, of so many threads each.

    Several wait for each other where they call `ready`.
    """
    variables = {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    environment = {**os.environ, **variables, "OMP_WAIT_POLICY": "passive", "PYOPENGL_PLATFORM": "egl"}
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{benchmark}", name]
    pipes: Any = {stream: subprocess.PIPE for stream in ("stdin", "stdout", "stderr")}
    runs = [
        subprocess.Popen([*command, *map(str, row)], cwd=ROOT, env=environment, text=True, **pipes)
        for row in arguments
    ]
    if len(runs) > 1:
        for run in runs:
            run.stdout.readline()
    for run in runs:
        with suppress(BrokenPipeError):
            run.stdin.write("\n")
            run.stdin.flush()
    return [_report(name, run, *run.communicate()) for run in runs]


def _report(name: str, run: "subprocess.Popen[str]", said: str, errors: str) -> Row:
    if run.returncode:
        return {"error": f"{name}: {(errors.strip().splitlines() or [f'exit {run.returncode}'])[-1]}"}
    return json.loads(said.splitlines()[-1])


def ready() -> None:
    """Wait, with the clock not yet started, until the others of this side have come as far."""
    print("ready", flush=True)
    sys.stdin.readline()


def answer(main: Callable[[], None], sides: Mapping[str, Callable[..., Row]]) -> None:
    """Run the side named on the command line on THREADS cores and print its report; without one, `main`."""
    if len(sys.argv) == 1:
        main()
        return
    with suppress(AttributeError):  # only Linux can keep a process on some cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    print("\n" + json.dumps(sides[sys.argv[1]](*map(Path, sys.argv[2:]))))


def tetrahedron(folder: Path) -> Path:
    """The smallest mesh file, for a first run that loads every library before the clock starts."""
    path = folder / "tetrahedron.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n")
    return path


def spread(values: list[float]) -> str:
    """Median, least and greatest."""
    return f"median {statistics.median(values):.3g}, {min(values):.3g} to {max(values):.3g}"


def conclude(name: str, rows: list[Row], factor: str = "ratio") -> None:
    """Print failures and, last, the median of `factor` over the rows; write all to a file if RESULTS=1."""
    for row in rows:
        if "error" in row:
            print(f"left out: {row['subject']}: {row['error']}")
    ratios = [row[factor] for row in rows if "error" not in row]
    if os.environ.get("RESULTS") == "1":
        print(f"written to {write(name, rows, ratios).relative_to(ROOT)}")
    if not ratios:
        raise SystemExit("nothing could be compared")
    print(f"{factor} over {len(ratios)} subjects: {spread(ratios)}")
    print(f"ratio: {statistics.median(ratios):.1f}")


def write(name: str, rows: list[Row], ratios: list[float]) -> Path:
    """Write all to a file named after today, with what the machine is."""
    now = datetime.now(UTC)
    values = {
        "benchmark": name,
        "date": now.isoformat(timespec="seconds"),
        "machine": {"cores": os.cpu_count(), "cpu": _cpu(), "system": platform.platform()},
        "load": os.getloadavg(),
        "threads": THREADS,
        "versions": _versions(),
        "ratio": statistics.median(ratios) if ratios else None,
        "rows": rows,
    }
    path = ROOT / "benchmarks" / "results" / f"{name}-{now:%Y-%m-%d}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n")
    return path


def _cpu() -> str:
    """The processor's name."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ["t3d", *PACKAGES]:
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
