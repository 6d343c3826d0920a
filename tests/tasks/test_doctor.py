import json
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from t3d.cli.doctor import doctor as command
from t3d.tasks import doctor
from t3d.tasks.doctor import PROBES, Check, attempt

PROBE = {probe.name: probe for probe in PROBES}


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Puts a module of some name and content before the installed ones, for new processes."""

    def put(name: str, content: str) -> None:
        (tmp_path / f"{name}.py").write_text(content)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    return put


def examined(monkeypatch, *checks: Check):
    monkeypatch.setattr(doctor, "examine", lambda: iter(checks))
    return CliRunner().invoke(command, [])


def test_this_machine_passes_every_required_check():
    found = CliRunner().invoke(command, ["--json"])
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [row["name"] for row in rows] == ["packages", "system libraries", *PROBE]
    assert all(row.keys() == {"name", "state", "found", "mend", "required"} for row in rows)
    assert [row for row in rows if row["required"] and row["state"] != "ok"] == []
    assert all(row["mend"] for row in rows if row["state"] != "ok")
    by_name = {row["name"]: row["found"] for row in rows}
    assert f"numpy {metadata.version('numpy')}" in by_name["packages"]
    assert by_name["ray casting"].endswith("draws a triangle")
    assert by_name["pyrender, EGL"].endswith("draws a triangle")
    assert by_name["EGL devices"].startswith("0 ")
    assert "cpu (" in by_name["torch"]
    assert found.exit_code == 0


def test_a_crash_is_told_and_survived(broken):
    broken("open3d", "import os\nos.abort()\n")
    found = attempt(PROBE["ray casting"])
    assert (found.state, found.found, found.required) == ("fails", "killed by SIGABRT", True)
    assert found.mend.startswith("apt-get install libusb-1.0-0 ")


def test_a_library_that_does_not_load_fails_with_the_command_that_brings_it(broken):
    broken("open3d", "raise OSError('libusb-1.0.so.0: cannot open shared object file')\n")
    found = attempt(PROBE["ray casting"])
    assert (found.state, found.found) == ("fails", "OSError: libusb-1.0.so.0: cannot open shared object file")
    assert "libusb-1.0-0" in found.mend


@pytest.mark.parametrize(
    ("name", "module", "state"),
    [("torch", "torch", "fails"), ("mesh-to-sdf", "mesh_to_sdf", "optional, absent")],
)
def test_an_absent_package_is_told_with_the_command_that_installs_it(broken, name, module, state):
    broken(module, f"raise ModuleNotFoundError(\"No module named '{module}'\")\n")
    found = attempt(PROBE[name])
    assert (found.state, found.mend) == (state, PROBE[name].install)


def test_a_backend_that_is_there_and_does_not_work_fails_with_both_package_managers(broken):
    broken("pyrender", "raise RuntimeError('no context')\n")
    found = attempt(PROBE["pyrender, EGL"])
    assert (found.state, found.found) == ("fails", "RuntimeError: no context")
    assert found.mend.startswith(
        "apt-get install libegl1 libgl1, or conda install -c conda-forge libegl libgl mesalib"
    )


def test_the_platform_reaches_the_probe(broken):
    broken("pyrender", "import os\nraise RuntimeError(os.environ['PYOPENGL_PLATFORM'])\n")
    assert attempt(PROBE["pyrender, EGL"]).found == "RuntimeError: egl"
    assert attempt(PROBE["pyrender, OSMesa"]).found == "RuntimeError: osmesa"


def test_a_probe_that_hangs_is_ended(broken):
    broken("igl", "import time\ntime.sleep(60)\n")
    found = attempt(PROBE["libigl"], 2.0)
    assert (found.state, found.found) == ("fails", "no answer in 2 s")


def test_a_probe_whose_last_words_are_no_text_is_told(broken):
    broken(
        "igl", "import os, sys\nsys.stderr.buffer.write(b'\\xff\\n\\n')\nsys.stderr.flush()\nos._exit(3)\n"
    )
    assert attempt(PROBE["libigl"]).found == "\ufffd"


def test_missing_packages_and_libraries_are_named_with_their_commands(monkeypatch):
    monkeypatch.setattr(metadata, "requires", lambda _: ["numpy>=1", "none-such>=2", 'tomli; extra == "x"'])
    packages = doctor._packages()
    assert (packages.state, packages.found) == ("fails", "missing: none-such")
    assert packages.mend == "pip install none-such"
    monkeypatch.setattr(doctor, "_loads", lambda name: name != "libEGL.so.1")
    monkeypatch.setattr(doctor.sys, "platform", "linux")
    libraries = doctor._libraries()
    assert libraries.state == "fails"
    assert libraries.mend == "apt-get install libegl1, or conda install -c conda-forge libegl"


def test_a_library_that_is_nowhere_does_not_load():
    assert not doctor._loads("libnone-such.so.9")


def test_only_required_checks_decide_the_status(monkeypatch):
    optional = Check("pyrender", "fails", "no context", "apt-get install libegl1", required=False)
    found = examined(monkeypatch, Check("torch", "ok", "2", ""), optional)
    assert found.exit_code == 0
    assert found.stdout.splitlines()[1].split() == (
        "fails pyrender no context; mend: apt-get install libegl1".split()
    )
    assert (
        examined(monkeypatch, optional, Check("torch", "fails", "gone", "pip install torch")).exit_code == 1
    )


def test_the_library_names_are_those_of_the_setup_script_and_the_environment_file():
    root = Path(__file__).parents[2]
    pairs = " ".join(f"{name}={debian}" for name, (debian, _) in doctor.LIBRARIES.items())
    assert f'libraries="{pairs}"' in (root / "tools" / "setup").read_text()
    listed = (root / "environment.yml").read_text()
    assert all(f"- {conda}\n" in listed for _, conda in [*doctor.LIBRARIES.values(), ("", "mesalib")])
