"""OpenGL without a display: which way works on this machine, and the one context of a process."""

import atexit
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from t3d.errors import UsageError

SECONDS = 60.0
"""How long a trial in a process of its own may take."""

SHADERS = Path(__file__).with_name("shaders")
_EGL_EXTENSIONS = 0x3055

DRAW = "from t3d.geometry.rasterize import triangle; print(triangle())"
LIST = "from t3d.geometry.opengl import devices; print('; '.join(devices()))"
"""Code for `tried`: draw a triangle where `PYOPENGL_PLATFORM` says; list what EGL could draw with."""


def tried(code: str, variables: Mapping[str, str], seconds: float | None = SECONDS) -> tuple[bool, str]:
    """Run Python code in a process of its own: whether it ended well, and the last line it said.

    Whatever becomes of that process, a crash of a driver included, this one goes on.
    """
    command, environment = [sys.executable, "-P", "-c", code], {**os.environ, **variables}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        return False, f"no answer in {error.timeout:.0f} s"
    if done.returncode < 0:
        return False, f"killed by {signal.Signals(-done.returncode).name}"
    said = (done.stderr if done.returncode else done.stdout).decode(errors="replace").strip()
    return done.returncode == 0, (said or "it said nothing").splitlines()[-1].strip()[:200]


def devices() -> list[str]:
    """What EGL could draw with, by `EGL_DEVICE_ID`; loads EGL, so ask in a process of its own."""
    from pyrender.platforms import egl

    names = []
    for device in egl.query_devices():
        extensions = egl._eglQueryDeviceStringEXT(device._display, _EGL_EXTENSIONS) or b""
        names.append(device.name or ("software" if b"software" in extensions else "unnamed"))
    return [f"{number} {name}" for number, name in enumerate(names)]


def platform() -> Mapping[str, str]:
    """The environment variables under which OpenGL truly draws here, found out once per process.

    EGL on its first device, then on each other, then OSMesa; `PYOPENGL_PLATFORM` and `EGL_DEVICE_ID` are
    obeyed where they are set. Raises UsageError where nothing draws.
    """
    variables, said = _found()
    if variables is None:
        raise UsageError(
            f"pyrender draws nothing on this machine ({said}): `t3d doctor` says what mends it,"
            " --set views.backend=raycast needs no OpenGL"
        )
    return variables


@functools.cache
def _found() -> tuple[Mapping[str, str] | None, str]:
    said = []
    for variables in _ways():
        works, words = tried(DRAW, variables)
        if works:
            return variables, words
        said.append(f"{' '.join(variables.values())}: {words}")
    return None, "; ".join(said)


def _ways() -> Iterator[dict[str, str]]:
    if chosen := os.environ.get("PYOPENGL_PLATFORM"):
        yield {"PYOPENGL_PLATFORM": chosen}
        return
    yield {"PYOPENGL_PLATFORM": "egl"}
    known, found = tried(LIST, {"PYOPENGL_PLATFORM": "egl"})
    if known and "EGL_DEVICE_ID" not in os.environ:
        for number in range(1, len(found.split("; "))):
            yield {"PYOPENGL_PLATFORM": "egl", "EGL_DEVICE_ID": str(number)}
    yield {"PYOPENGL_PLATFORM": "osmesa"}


class Context:
    """An OpenGL context without a window, and pyrender's renderer in it with t3d's shaders; freed at exit."""

    def __init__(self) -> None:
        import pyrender

        self._offscreen = pyrender.OffscreenRenderer(1, 1)
        self._programs = self._offscreen._renderer._program_cache = _programs()
        self._flags = pyrender.RenderFlags.RGBA | pyrender.RenderFlags.OFFSCREEN
        atexit.register(lambda: self.alive and self._offscreen.delete())

    @property
    def alive(self) -> bool:
        """Whether it can still draw: whoever ends another context of this process may end this one too."""
        try:
            self._offscreen._platform.make_current()
        except Exception:  # AssertionError, EGLError, OSMesa's own
            return False
        return True

    def draw(self, scene: Any, output: str, width: int, height: int) -> tuple[NDArray[np.uint8], Any]:
        """A pyrender scene: bytes (H, W, 4) of one of the shader's outputs, depths (H, W), 0 for nothing."""
        self._offscreen._platform.make_current()
        renderer = self._offscreen._renderer
        renderer.viewport_width, renderer.viewport_height = width, height
        self._programs.output = output
        return renderer.render(scene, self._flags)


def _programs() -> Any:
    """A cache of pyrender's that gives out t3d's shaders for whatever it is asked for."""
    from pyrender import renderer, shader_program

    class Programs(shader_program.ShaderProgramCache):
        output = "OUTPUT_LIGHT"

        def get_program(self, vertex_shader: str, fragment_shader: str, defines: Any, **_: Any) -> Any:
            if self.output in ("OUTPUT_ALBEDO", "OUTPUT_NORMALS"):  # maps mix no neighbours, but pyrender
                renderer.glDisable(renderer.GL_MULTISAMPLE)  # has just enabled that
            wanted = {**defines, self.output: 1}
            return super().get_program("surface.vert", "surface.frag", defines=wanted)

    return Programs(str(SHADERS))


_CONTEXTS: list[Context] = []


def context(threads: int = 1, untried: bool = False) -> Context:
    """The context of this process: made on first use and kept for every shape.

    threads: how many Mesa's software renderer may use, if that is what draws; the first call decides.
    untried: where the environment says, whether OpenGL works there or not; else UsageError where it does not.
    """
    if not _CONTEXTS or not _CONTEXTS[-1].alive:
        os.environ.update({} if untried else platform())
        os.environ.setdefault("LP_NUM_THREADS", str(threads))
        _CONTEXTS[:] = [Context()]
    return _CONTEXTS[-1]
