"""A run of the toy package as a process of its own: `driver.py FOLDER WORKERS [SCHEDULER]`.

Status 0 when the total is there, 1 when it is not, 2 for an error, which is one line. With T3D_TEST_MORTAL
permissions hold for its children though they be root's; T3D_TEST_FILE_LIMIT bounds the bytes of a file,
T3D_TEST_MEMORY those of a child; with T3D_TEST_TELL it says what it made.
"""

import ctypes
import os
import resource
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "pipeline")]


PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2  # linux/prctl.h, linux/capability.h


def main(folder: str, workers: str, scheduler: str | None = None) -> int:
    from conftest import Toy

    from t3d.errors import T3dError
    from t3d.pipeline.runner import Execution, run

    if "T3D_TEST_MORTAL" in os.environ:
        for capability in CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH:
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    if limit := os.environ.get("T3D_TEST_FILE_LIMIT"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    memory = int(os.environ.get("T3D_TEST_MEMORY", "0")) or None
    try:
        plan = Toy(Path(folder)).plan()
        outcomes = run(plan, Execution(int(workers), scheduler, memory), lambda news: None)
    except T3dError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for outcome in outcomes.values():
        if outcome.state == "made" and "T3D_TEST_TELL" in os.environ:
            sys.stderr.write(f"made {outcome.node} {outcome.shape}\n")
        if outcome.state == "failed":
            sys.stderr.write(f"{outcome.failures[-1].kind}: {outcome.failures[-1].reason}\n")
    return 0 if outcomes["total", ""].there else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
