"""Coverage-guided fuzzing with atheris: `python tests/fuzz/run.py SECONDS [ENTRANCE ...]`, or `make fuzz`.

The seconds are shared evenly. What is found is written to `.fuzz/found/`, the inputs that reach new code to
`.fuzz/corpus/`; the next call goes on from there. Found is every exception but DataError and UsageError,
more than 10 seconds, and more than 2 GB.
"""

import json
import logging
import os
import re
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".fuzz"
SECONDS, BYTES = 10, 2 << 30
INSTRUMENTED = ["t3d", "trimesh", "PIL", "zipfile"]


def main() -> None:
    """Fuzz each entrance for its share of the time, and say what was run, reached and found."""
    from tests.fuzz.seeds import seeds

    every = seeds()
    names = sys.argv[2:] or list(every)
    for name in names:
        corpus = FOLDER / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(every[name]):
            (corpus / f"seed-{number}").write_bytes(seed)
        runs = watched(name, time.monotonic() + float(sys.argv[1]) / len(names))
        found = [one for one in (FOLDER / "found").glob(f"{name}-*") if one.suffix != ".txt"]
        sys.stdout.write(f"{name}: {runs} runs, {reached(corpus)}, {len(found)} found\n")
        sys.stdout.flush()


def watched(name: str, until: float) -> int:
    """Fuzz in processes of their own, as hangs and crashes end them; how many inputs were run."""
    runs = 0
    while (left := until - time.monotonic()) > 1:
        command = [sys.executable, __file__, "--child", name, f"{left:.0f}"]
        said = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False
        ).stderr
        log = FOLDER / "logs" / name
        log.parent.mkdir(exist_ok=True)
        log.write_text(said)
        counts = [int(one) for one in re.findall(r"^#(\d+)", said, re.MULTILINE)]
        runs += max(counts, default=0)
        if not counts:
            raise SystemExit(f"{name}: {(said.strip().splitlines() or ['nothing said'])[-1]}")
    return runs


def reached(corpus: Path) -> str:
    """The last coverage that libFuzzer told, and the size of the corpus."""
    told = re.findall(r"cov: (\d+)", (FOLDER / "logs" / corpus.name).read_text())
    return f"{told[-1] if told else 0} edges, corpus of {len(list(corpus.iterdir()))}"


def child(name: str, seconds: str) -> None:
    """Fuzz one entrance; findings are written and fuzzing goes on, but for hangs and crashes."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        import PIL.Image
        import trimesh.exchange.load

        from tests.fuzz.entrances import ENTRANCES

        PIL.Image.init()
        trimesh.exchange.load.available_formats()
    logging.disable(logging.CRITICAL)
    warm(ENTRANCES[name], name)
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + BYTES, -1))
    found = FOLDER / "found"
    found.mkdir(exist_ok=True)
    options = f"-max_total_time={seconds} -timeout={SECONDS} -rss_limit_mb={BYTES >> 20} -max_len=65536"
    options += f" -artifact_prefix={found}/{name}- -dict={dictionary()}"
    atheris.Setup([name, *options.split(), str(FOLDER / "corpus" / name)], noting(ENTRANCES[name], name))
    atheris.Fuzz()


def warm(enter: Callable[[bytes], None], name: str) -> None:
    """Run the seeds once, so that all libraries are loaded before the memory is limited."""
    for path in (FOLDER / "corpus" / name).glob("seed-*"):
        noting(enter, name)(path.read_bytes())


def noting(enter: Callable[[bytes], None], name: str) -> Callable[[bytes], None]:
    """The entrance, with what it raises written down once per kind and place."""

    def run(data: bytes) -> None:
        try:
            enter(data)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{name}-{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}"
            path = FOLDER / "found" / f"{place}.input"
            if not path.exists() or len(data) < path.stat().st_size:
                path.write_bytes(data)
                path.with_suffix(".txt").write_text(traceback.format_exc())

    return run


def dictionary() -> Path:
    """Words of the formats, for the fuzzer to put in."""
    words = """usemtl mtllib newmtl map_Kd OFF COFF ply format ascii binary_little_endian binary_big_endian
        element vertex face property list uchar int float double end_header solid facet normal outer loop
        endloop endfacet endsolid nan inf -1 1e308 99999999999 accessors bufferView bufferViews
        buffers byteLength byteOffset byteStride componentType count type VEC3 VEC4 SCALAR sparse
        indices values meshes primitives mode attributes POSITION TEXCOORD_0 TEXCOORD_1 COLOR_0
        NORMAL materials extensions KHR_texture_transform images textures source sampler uri data:
        nodes children matrix scale rotation translation scenes scene skins animations
        pbrMetallicRoughness baseColorTexture baseColorFactor KHR_materials_pbrSpecularGlossiness
        diffuseTexture texCoord extensionsRequired KHR_draco_mesh_compression
        EXT_mesh_gpu_instancing frames transform_matrix camera_angle_x fl_x fl_y w h cx cy
        difficulty IHDR IDAT PLTE tRNS iCCP eXIf zTXt IEND NaN Infinity null true [[[[[[[[ {} files
        digest seal descr fortran_order shape""".split()
    path = FOLDER / "words"
    path.write_text("".join(json.dumps(word) + "\n" for word in words))
    return path


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main()
