"""How runs grow: the whole chain, two trivial stages, and two workers against one.

COUNT="50 200 1000" python -m benchmarks scale     procedural shapes through the real stages, small settings
                                                   (default: 50 200); 10,000 shapes of two trivial stages
python benchmarks/scale.py workers                 one worker on one core against two on two, real settings
python benchmarks/scale.py store FOLDER            bytes and inodes per shape of a store there is
python benchmarks/scale.py plot                    docs/images/scale.svg of the newest results

RESULTS=1 keeps the figures. Times of the chain are of processors too, as those of the clock depend on what
else runs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import psutil

from benchmarks._sides import ROOT, Row, write

T3D = [sys.executable, "-m", "t3d.cli.main"]
TRIVIAL = 10_000
SMALL = """
views.views=2 views.size=64 sdf.count=1000 surface.count=2000 surface.views=8 labels.count=200 labels.views=8
codes.iterations=100 codes.fit_iterations=20 network_s1.iterations=20 network_s1.validate_every=10
reconstructions.view=1 reconstructions.resolution=16 oracle_code.iterations=0 retrieval.views=1
template.resolution=32 template.mean_resolution=16 scores.resamples=200
analysis.shapes=8 analysis.unseen=4 analysis.views=2
correspondence.sheet=4 correspondence.compared=4 correspondence.shown=1 correspondence.between=16
correspondence.views=2 correspondence.picture=48
""".split()
"""Every stage does its work, and little of it."""


def main() -> None:
    """Print a row for each size, and keep each as soon as it is there."""
    for count in (os.environ.get("COUNT") or "50 200").split():
        keep(chain(int(count)))
    keep(trivial(TRIVIAL))


def keep(row: Row) -> None:
    """Add a row to the newest results, in place of one of its kind and size."""
    if os.environ.get("RESULTS") == "1":
        others = [one for one in newest() if (one["kind"], one["shapes"]) != (row["kind"], row["shapes"])]
        print(f"written to {write('scale', [*others, row], []).relative_to(ROOT)}", flush=True)


def newest() -> list[Row]:
    """The rows of the newest results."""
    files = sorted((ROOT / "benchmarks" / "results").glob("scale-*.json"))
    return list(json.loads(files[-1].read_text())["rows"]) if files else []


def chain(count: int) -> Row:
    """`t3d run`, solution 1, on so many procedural sofas: planned, run, and with nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        data, work = f"{folder}/data", f"{folder}/work"
        measured([*T3D, "synth", data, "--category", "sofa", "--count", str(count)])
        sets = [word for one in SMALL for word in ("--set", one)]
        run = [*T3D, "run", "--data", data, "--category", "sofa", "--work", work, "--solution", "1", *sets]
        row: Row = {"kind": "chain", "shapes": count, "planned": measured([*run, "--dry-run"])}
        row["run"] = measured([*run, "--quiet", "--workers", "2"])
        time.sleep(2.1)  # fresh source files are read again by the first run after
        measured([*run, "--quiet"])
        row["nothing"] = measured([*run, "--quiet"])
        runs = Path(work, "sofa", "runs").iterdir()
        row |= {"stages": stages(Path(work, "sofa")), "log_bytes": {p.suffix: p.stat().st_size for p in runs}}
    print(f"{count} shapes: {told(row['run'])}; planned in {told(row['planned'])}", flush=True)
    print(f"    nothing to do: {told(row['nothing'])}", flush=True)
    return row


def trivial(count: int) -> Row:
    """So many shapes of two stages that do next to nothing: the engine alone."""
    row = {"kind": "trivial", "shapes": count}
    row["run"] = measured([sys.executable, str(ROOT / "benchmarks" / "engine.py"), str(count)])
    print(f"{count} shapes of two trivial stages: {told(row['run'])}", flush=True)
    return row


def workers(count: int = 40, rounds: int = 2) -> Row:
    """Efficiency of two workers on two cores, t1 / (2 t2), of the stages that cost most, real settings."""
    row: Row = {"kind": "workers", "shapes": count, "seconds": defaultdict(list), "load": os.getloadavg()}
    with tempfile.TemporaryDirectory() as folder:
        data = ["--data", f"{folder}/data", "--category", "sofa"]
        measured([*T3D, "synth", f"{folder}/data", "--category", "sofa", "--count", str(count)])
        for number in range(rounds + 1):  # the first only makes the meshes and warms up
            for command in ("render", "sample-sdf"):
                for cores in (1, 2):
                    work = f"{folder}/work"
                    options = [*data, "--work", work, "--workers", str(cores), "--quiet", "--force"]
                    if number or cores == 2:
                        taken = measured([*T3D, command, *options], cores)
                        row["seconds"][f"{command} {cores}"] += [taken["seconds"]] if number else []
    for command in ("render", "sample-sdf"):
        one, two = (min(row["seconds"][f"{command} {cores}"]) for cores in (1, 2))
        row[command] = one / (2 * two)
        print(f"{command}: {one:.1f} s with one worker, {two:.1f} s with two, efficiency {row[command]:.2f}")
    return row


def measured(command: Sequence[str], cores: int = 0) -> Row:
    """Seconds and processor seconds of a command with all its children, and the memory of its own process.

    memory: pairs of seconds and MB. cores: keep it on the first so many processors; 0: on any.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, cwd=ROOT)
    if cores:
        os.sched_setaffinity(process.pid, sorted(os.sched_getaffinity(0))[:cores])
    watched, curve = psutil.Process(process.pid), []
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        curve.append((round(time.monotonic() - started, 2), round(watched.memory_info().rss / 1e6, 1)))
        time.sleep(min(5.0, max(0.02, 0.02 * curve[-1][0])))
    if ended[1]:
        raise SystemExit(f"{' '.join(command)}: status {os.waitstatus_to_exitcode(ended[1])}")
    process.returncode = 0
    used = ended[2].ru_utime + ended[2].ru_stime
    return {
        "seconds": time.monotonic() - started,
        "processor": used,
        "memory": curve[:: -(-len(curve) // 100)],
    }


def told(taken: Row) -> str:
    return (
        f"{taken['seconds']:.1f} s ({taken['processor']:.1f} s of processors), {peak(taken):.0f} MB at most"
    )


def stages(store: Path) -> dict[str, Row]:
    """Per stage: artifacts, mean seconds of one, files and folders, bytes, bytes taken on disk."""
    found: dict[str, Row] = {}
    for folder in sorted(path for path in store.iterdir() if path.is_dir() and path.name[0] != "."):
        inside = [path.lstat() for path in folder.rglob("*")]
        manifests = [json.loads(path.read_text()) for path in folder.glob("*/*/manifest.json")]
        found[folder.name] = {
            "artifacts": len(manifests),
            "seconds": sum(one["seconds"] for one in manifests) / max(1, len(manifests)),
            "inodes": len(inside),
            "bytes": sum(one["bytes"] for made in manifests for one in made["files"].values()),
            "disk": 512 * sum(one.st_blocks for one in inside),
        }
    return found


def store(folder: Path) -> Row:
    """What an artifact of each stage of a store takes, and how long it took."""
    row = {"kind": "store", "shapes": len(list((folder / "mesh").iterdir())), "stages": stages(folder)}
    print(json.dumps(row, indent=1))
    return row


def plot() -> None:
    """What a shape takes on disk, the client's memory while it runs, the time without work."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    rows = sorted(newest(), key=lambda row: row["shapes"])
    figure, (disk, client, waits) = plt.subplots(1, 3, figsize=(12, 3.2), layout="constrained")
    found = next(row["stages"] for row in rows if row["kind"] == "store")
    found = {name: one for name, one in found.items() if one["artifacts"] > 9}  # of shapes
    sizes = [one["disk"] / one["artifacts"] / 1e6 for one in found.values()]
    disk.barh(list(found), sizes)
    for place, (one, size) in enumerate(zip(found.values(), sizes, strict=True)):
        disk.text(size, place, f" {one['inodes'] / one['artifacts']:.0f} files and folders", va="center")
    disk.set(title="MB on disk of one artifact", xlim=(0, 1.7 * max(sizes)))
    for row in rows:
        if "run" in row:
            seconds, megabytes = zip(*row["run"]["memory"], strict=True)
            shares = [100 * one / seconds[-1] for one in seconds]
            client.plot(shares, megabytes, label=f"{row['shapes']:,} shapes, {row['kind']}")
    client.set(title="Memory of the client, MB", xlabel="% of the run's time", ylim=(0, None))
    client.legend()
    nothing = [(row["shapes"], row["nothing"]["processor"]) for row in rows if "nothing" in row]
    waits.plot(*zip(*nothing, strict=True), "o-")
    waits.set(title="Processor seconds, nothing to do", xlabel="shapes", ylim=(0, None))
    figure.savefig(ROOT / "docs" / "images" / "scale.svg", metadata={"Date": None})


def peak(taken: Row) -> float:
    return max(memory for _, memory in taken["memory"])


if __name__ == "__main__":
    words = sys.argv[1:] or ["all"]
    if words[0] == "store":
        keep(store(Path(words[1])))
    elif words[0] == "workers":
        keep(workers())
    else:
        {"all": main, "plot": plot}[words[0]]()
