"""What this process used of the machine it runs on, and with which versions of what."""

import contextlib
import functools
import os
import platform
import re
from pathlib import Path


def forget_peak() -> None:
    """Start counting the peak memory of this process anew (Linux, `proc(5)`); elsewhere nothing happens."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def memory(pid: int | str = "self") -> tuple[int, int]:
    """Bytes that a process holds, and the most since `forget_peak`; zeros where nobody knows."""
    try:
        found = dict(re.findall(r"(VmRSS|VmHWM):\s*(\d+)", Path(f"/proc/{pid}/status").read_text()))
    except OSError:
        return 0, 0
    return 1024 * int(found.get("VmRSS", 0)), 1024 * int(found.get("VmHWM", 0))


def gpus() -> int:
    """How many GPUs of NVIDIA this process may use, without a library that would take hold of them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def sacrifice() -> None:
    """Have the system end this process before others when memory runs out (Linux, `proc(5)`)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of what may change numbers: for the record, never part of a key."""
    import importlib.metadata

    found = {"python": platform.python_version()}
    for name in ("t3d", "numpy", "scipy", "trimesh", "open3d", "torch", "scikit-image", "libigl"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
