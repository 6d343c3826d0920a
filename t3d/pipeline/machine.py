"""What this process used of the machine it runs on, and with which versions of what."""

import functools
import platform
import re
from pathlib import Path


def forget_peak() -> None:
    """Start counting the peak memory of this process anew (Linux, `proc(5)`); elsewhere nothing happens."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak_memory(pid: int | str = "self") -> int:
    """Most bytes that a process held at once, since `forget_peak`; 0 where nobody knows."""
    try:
        found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def sacrifice() -> None:
    """Have the system end this process before others when memory runs out (Linux, `proc(5)`)."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return


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
