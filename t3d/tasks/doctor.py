"""`t3d doctor`: what truly works on this machine, tried in processes of their own; what mends the rest."""

import ctypes
import platform
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import NamedTuple

from t3d.geometry import opengl

LIBRARIES = {
    "libusb-1.0.so.0": ("libusb-1.0-0", "libusb"),
    "libGL.so.1": ("libgl1", "libgl"),
    "libEGL.so.1": ("libegl1", "libegl"),
    "libgomp.so.1": ("libgomp1", "libgomp"),
    "libX11.so.6": ("libx11-6", "xorg-libx11"),
}
"""What Open3D and pyrender load on Linux: the Debian and the conda-forge packages that bring it."""


class Check(NamedTuple):
    """A finding. state: `ok`, `fails` or `optional, absent`. mend: the command that helps if it is not ok."""

    name: str
    state: str
    found: str
    mend: str = ""
    required: bool = True


class Probe(NamedTuple):
    """Something to try: code that prints a line, run in a process of its own.

    install: brings the Python package. mend: for when that is there and does not work. platform: where
    PyOpenGL draws.
    """

    name: str
    code: str
    install: str
    mend: str
    required: bool = True
    platform: str = "egl"


def packages(pairs: Sequence[tuple[str, str]]) -> str:
    """The command that installs pairs of a Debian and a conda-forge package, with either manager."""
    debian, conda = (" ".join(filter(None, names)) for names in zip(*pairs, strict=True))
    return f"apt-get install {debian}, or conda install -c conda-forge {conda}"


def _own(function: str) -> str:
    return f"from t3d.tasks import doctor; print(doctor.{function}())"


_EXTRA = "pip install pyrender mesh-to-sdf"
_EGL = packages([("libegl1", "libegl"), ("libgl1", "libgl"), ("", "mesalib")])
_PYOPENGL = 'pip install --no-deps "PyOpenGL>=3.1.7"'  # pyrender asks for 3.1.0
_OSMESA = f"{packages([('libosmesa6', 'mesalib')])}; {_PYOPENGL}"
_AGAIN = "pip install --force-reinstall"
PROBES = (
    Probe("ray casting", _own("raycast"), "pip install open3d", packages([*LIBRARIES.values()])),
    Probe("libigl", _own("libigl"), "pip install libigl", f"{_AGAIN} libigl"),
    Probe("torch", _own("torch_devices"), "pip install torch", f"{_AGAIN} torch"),
    Probe("EGL devices", opengl.LIST, _EXTRA, _EGL, False),
    Probe("pyrender, EGL", opengl.DRAW, _EXTRA, f"{_EGL}; or another EGL_DEVICE_ID", False),
    Probe("pyrender, OSMesa", opengl.DRAW, _EXTRA, _OSMESA, False, "osmesa"),
    Probe("mesh-to-sdf", _own("mesh_to_sdf"), _EXTRA, _EGL, False),
)
"""What is tried, in the order of the report."""


def examine() -> Iterator[Check]:
    """All checks, each as soon as those before it are known."""
    yield _packages()
    yield _libraries()
    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(attempt, PROBES)


def attempt(probe: Probe, seconds: float = opengl.SECONDS) -> Check:
    """Run a probe; whatever becomes of its process, this one goes on."""
    works, found = opengl.tried(probe.code, {"PYOPENGL_PLATFORM": probe.platform}, seconds)
    if works:
        return Check(probe.name, "ok", found, "", probe.required)
    absent = not probe.required and found.startswith(("ModuleNotFoundError", "ImportError"))
    mend = probe.install if found.startswith("ModuleNotFoundError") else probe.mend
    return Check(probe.name, "optional, absent" if absent else "fails", found, mend, probe.required)


def _packages() -> Check:
    """Python, and the versions of everything that t3d cannot do without."""
    needed = {line.split(">")[0] for line in metadata.requires("t3d") or [] if ";" not in line}
    there = {one.name.lower().replace("_", "-"): one.version for one in metadata.distributions() if one.name}
    if missing := sorted(needed - there.keys()):
        mend = f"pip install {' '.join(missing)}"
        return Check("packages", "fails", f"missing: {', '.join(missing)}", mend)
    versions = [f"{name} {there[name]}" for name in sorted(needed)]
    return Check("packages", "ok", ", ".join([f"Python {platform.python_version()}", *versions]))


def _libraries() -> Check:
    missing = [name for name in LIBRARIES if sys.platform == "linux" and not _loads(name)]
    if not missing:
        return Check("system libraries", "ok", ", ".join(LIBRARIES))
    mend = packages([LIBRARIES[name] for name in missing])
    return Check("system libraries", "fails", f"missing: {', '.join(missing)}", mend)


def _loads(library: str) -> bool:
    try:
        return bool(ctypes.CDLL(library))
    except OSError:
        return False


def raycast() -> str:
    """Draw a triangle with t3d's own renderer; the version of what casts the rays."""
    from t3d.geometry.raycast import Renderer, draw_triangle

    draw_triangle(Renderer)
    return f"open3d {metadata.version('open3d')} draws a triangle"


def libigl() -> str:
    """Take the winding number in the middle of a tetrahedron, which is 1; the version."""
    import igl
    import numpy as np

    faces = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])
    inside = float(igl.fast_winding_number(np.eye(4, 3), faces, np.full((1, 3), 0.2))[0])
    if abs(inside - 1) > 0.1:
        raise RuntimeError(f"the winding number in a tetrahedron is {inside:.2f}, not 1")
    return f"libigl {metadata.version('libigl')} tells inside from outside"


def torch_devices() -> str:
    """Add on every device; the version and the devices."""
    import torch

    devices = {f"cuda:{n}": torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())}
    devices |= {"mps": "Apple GPU"} if torch.backends.mps.is_available() else {}
    devices["cpu"] = f"{torch.get_num_threads()} threads"
    for device in devices:
        torch.ones(2, device=device).sum().item()
    return f"torch {torch.__version__} on " + ", ".join(f"{key} ({what})" for key, what in devices.items())


def mesh_to_sdf() -> str:
    """Import mesh-to-sdf; its version."""
    import mesh_to_sdf as package

    return f"{package.__name__} {metadata.version('mesh-to-sdf')}"
