"""`make setup` (tools/setup) without a network: Python, apt-get and sudo are stand-ins that keep a log."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TOOLS = "awk basename bash cat cp dirname env grep ls mkdir mktemp rm sed sh touch uname".split()
"""All that the script finds on its PATH besides the stand-ins."""

PYTHON = """#!/usr/bin/env bash
echo "python $*" >>"$LOG"
case "$*" in
*ctypes*) ! grep -qx "${!#}" "$STATE/missing" ;;
*ensurepip*) ! grep -qx venv "$STATE/missing" ;;
*"import torch"*) [ -e "$STATE/torch" ] ;;
*version_info*) [ ! -e "$STATE/old" ] ;;
"--version") echo "Python 3.9.18" ;;
*'version("torch")'*) echo "torch==2.9.0+cu130" ;;
"-m venv"*) mkdir -p "${!#}/bin"; touch "${!#}/pyvenv.cfg"; cp "$0" "${!#}/bin/python" ;;
"-m pip --version") [ -e "$(dirname "$0")/../pyvenv.cfg" ] || [ -d "$(dirname "$0")/../conda-meta" ] ;;
"-m pip list"*) printf 'NumPy==2.0.0\\ntorch==2.9.0+cu130\\n' ;;
"-m pip install"*)
    while [ "$1" != -c ]; do shift; done
    cp "$2" "$STATE/pins"
    cp "$0" "$(dirname "$0")/t3d" ;;
esac
"""

APT_GET = """#!/usr/bin/env bash
echo "apt-get $*" >>"$LOG"
case "$*" in *install*) : >"$STATE/missing" ;; esac
"""


@dataclass
class Machine:
    """A copy of the project's setup in a folder of its own, and a PATH of stand-ins."""

    root: Path

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """`tools/setup` with the given environment variables."""
        environment = {"PATH": str(self.root / "bin"), "LOG": str(self.root / "log"), "STATE": str(self.root)}
        (self.root / "log").write_text("")
        return subprocess.run(
            [self.root / "project" / "tools" / "setup"],
            check=False,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def program(self, name: str, text: str) -> None:
        """Put a stand-in on the PATH."""
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def lacks(self, *names: str) -> None:
        """Libraries (or `venv`) that do not load until apt-get installs something."""
        (self.root / "missing").write_text("".join(f"{name}\n" for name in names))

    @property
    def log(self) -> list[str]:
        """What the stand-ins were called with in the last run."""
        return (self.root / "log").read_text().splitlines()

    @property
    def pins(self) -> list[str]:
        """The constraints that pip was given, without comments."""
        return [line for line in (self.root / "pins").read_text().splitlines() if not line.startswith("#")]

    @property
    def environment(self) -> Path:
        """The default environment."""
        return self.root / "project" / ".venv"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Root on a Debian machine that lacks nothing, in a folder whose name has a space."""
    if os.name != "posix" or any(shutil.which(tool) is None for tool in TOOLS):
        pytest.skip("needs a POSIX system")
    made = Machine(tmp_path / "a machine")
    for folder in ("bin", "project/tools"):
        (made.root / folder).mkdir(parents=True)
    for tool in TOOLS:
        (made.root / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    shutil.copy(ROOT / "tools" / "setup", made.root / "project" / "tools" / "setup")
    shutil.copy(ROOT / "pyproject.toml", made.root / "project")
    (made.root / "project" / "constraints.txt").write_text(
        "# why\nnumpy==2.4.6\nscipy==1.17.1\ntorch==2.13.0\n"
    )
    made.program("python3", PYTHON)
    made.program("apt-get", APT_GET)
    made.program("id", "#!/usr/bin/env bash\necho 0\n")
    made.program("uname", "#!/usr/bin/env bash\necho Linux\n")
    made.lacks()
    return made


def refusal(run: subprocess.CompletedProcess[str]) -> str:
    """The one line of a run that refused."""
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    return line


def installs(machine: Machine) -> list[str]:
    """The calls of `pip install`."""
    return [line for line in machine.log if "-m pip install" in line]


def test_setup_makes_an_environment_with_every_pin(machine: Machine) -> None:
    run = machine.run()
    assert run.returncode == 0, run.stderr
    assert (machine.environment / "bin" / "t3d").exists()
    assert machine.pins == ["numpy==2.4.6", "scipy==1.17.1", "torch==2.13.0"]
    (call,) = installs(machine)
    assert "-e .[dev,backends,cluster]" in call


def test_setup_done_calls_nothing_until_something_it_depends_on_changes(machine: Machine) -> None:
    machine.run()
    again = machine.run()
    assert (again.returncode, again.stdout, machine.log) == (0, "", [])
    stamp = machine.environment / ".t3d-setup"
    for name in ("pyproject.toml", "constraints.txt", "tools/setup"):
        os.utime(stamp, (1_000_000_000, 1_000_000_000))
        for other in ("pyproject.toml", "constraints.txt", "tools/setup"):
            os.utime(machine.root / "project" / other, (900_000_000, 900_000_000))
        assert machine.run().stdout == ""
        os.utime(machine.root / "project" / name)
        machine.run()
        assert len(installs(machine)) == 1, name


def test_setup_is_not_done_when_it_was_interrupted(machine: Machine) -> None:
    machine.program("python3", PYTHON.replace('cp "$2" "$STATE/pins"', "exit 3"))
    assert machine.run().returncode != 0
    shutil.rmtree(machine.environment)
    machine.program("python3", PYTHON)
    assert machine.run().returncode == 0
    assert len(installs(machine)) == 1


def test_root_gets_the_libraries_that_do_not_load_installed(machine: Machine) -> None:
    machine.lacks("libusb-1.0.so.0", "libEGL.so.1")
    assert machine.run().returncode == 0
    apt = [line for line in machine.log if line.startswith("apt-get")]
    assert apt == [
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends libusb-1.0-0 libegl1",
    ]


def test_sudo_is_used_when_it_asks_nothing(machine: Machine) -> None:
    machine.lacks("libGL.so.1")
    machine.program("id", "#!/usr/bin/env bash\necho 1000\n")
    machine.program("sudo", '#!/usr/bin/env bash\necho "sudo $*" >>"$LOG"\nshift\n[ "$1" = true ] || "$@"\n')
    assert machine.run().returncode == 0
    assert "sudo -n apt-get update -qq" in machine.log
    assert machine.log.count("apt-get install -y -qq --no-install-recommends libgl1") == 1


def test_others_are_told_the_one_line_that_installs_them(machine: Machine) -> None:
    machine.lacks("libgomp.so.1", "libX11.so.6", "venv")
    machine.program("id", "#!/usr/bin/env bash\necho 1000\n")
    line = refusal(machine.run())
    assert line.endswith("sudo apt-get update && sudo apt-get install -y python3-venv libgomp1 libx11-6")
    assert not installs(machine)


def test_a_library_that_apt_cannot_bring_is_still_missing(machine: Machine) -> None:
    machine.lacks("libGL.so.1")
    machine.program("apt-get", "#!/usr/bin/env bash\nexit 0\n")
    assert "libgl1" in refusal(machine.run())


def test_other_systems_are_told_the_names(machine: Machine) -> None:
    machine.lacks("libusb-1.0.so.0")
    (machine.root / "bin" / "apt-get").unlink()
    assert "libusb-1.0-0" in refusal(machine.run())


def test_a_machine_without_python_gets_one(machine: Machine) -> None:
    (machine.root / "bin" / "python3").unlink()
    (machine.root / "python3").write_text(PYTHON)
    (machine.root / "python3").chmod(0o755)
    machine.program("apt-get", APT_GET + 'cp "$STATE/python3" "$STATE/bin/python3"\n')
    assert machine.run().returncode == 0
    assert "python3 python3-venv libusb-1.0-0" in machine.log[1]


def test_an_old_python_is_refused(machine: Machine) -> None:
    (machine.root / "old").touch()
    assert "Python 3.11 or newer is needed, python3 is Python 3.9.18" in refusal(machine.run())
    assert "PYTHON=python2 does not run" in refusal(machine.run(PYTHON="python2"))


def test_a_folder_with_other_things_in_it_is_left_alone(machine: Machine) -> None:
    folder = machine.root / "home"
    folder.mkdir()
    (folder / "thesis.tex").touch()
    assert "no virtual environment" in refusal(machine.run(VENV=str(folder)))
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


def test_a_conda_environment_is_used_as_it_is(machine: Machine) -> None:
    environment = machine.root / "conda"
    (environment / "conda-meta").mkdir(parents=True)
    (environment / "bin").mkdir()
    shutil.copy(machine.root / "bin" / "python3", environment / "bin" / "python")
    run = machine.run(VENV=str(environment))
    assert run.returncode == 0, run.stderr
    assert not [line for line in machine.log if "-m venv" in line]
    assert machine.pins == ["scipy==1.17.1"], "what conda installed has no pin"


def test_another_torch_can_be_asked_for_and_stays(machine: Machine) -> None:
    machine.run()
    machine.run(TORCH="torch==2.10.0")
    assert machine.pins == ["numpy==2.4.6", "scipy==1.17.1"]
    assert installs(machine)[0].endswith("torch==2.10.0")
    machine.run()
    assert not installs(machine), "the choice is remembered"
    os.utime(machine.root / "project" / "constraints.txt", (2_000_000_000, 2_000_000_000))
    machine.run()
    assert installs(machine)[0].endswith("torch==2.10.0")
    machine.run(TORCH="")
    assert "torch==2.13.0" in machine.pins, "an empty TORCH goes back to the default"


def test_an_existing_torch_is_kept_at_its_version(machine: Machine) -> None:
    (machine.root / "torch").touch()
    assert machine.run(TORCH="existing").returncode == 0
    assert any("-m venv --clear --system-site-packages" in line for line in machine.log)
    assert machine.pins == ["scipy==1.17.1", "torch==2.9.0+cu130"]


def test_an_existing_torch_must_exist(machine: Machine) -> None:
    assert "python3 cannot import torch" in refusal(machine.run(TORCH="existing"))
    assert not machine.environment.exists()
