"""A disk that is full, read-only or not ours; items that eat memory, crash or hang; a clock that jumps."""

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import check_clean, check_store

ROOT = os.geteuid() == 0


@pytest.fixture
def small_disk(toy) -> Iterator[Path]:
    """The store on a file system of 200 kB."""
    toy.work.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(toy.work)]
    if not ROOT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small file system here")
    yield toy.work
    subprocess.run(["umount", str(toy.work)], check=True)


def remount(folder: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


@pytest.fixture
def long_texts(toy, content, tmp_path):
    """Texts whose artifacts need more than the small disk has, and what a run makes of them elsewhere."""
    toy.write(**{f"long{index}": "word " * 9000 + str(index) for index in range(6)})
    toy.run()
    undisturbed = content(toy.work)
    shutil.move(toy.work, tmp_path / "undisturbed")
    return undisturbed


def test_a_full_disk_is_an_accident_and_the_next_run_goes_on(toy, long_texts, small_disk, content, drive):
    status, said = drive(toy).finish()
    assert status in (1, 2)
    assert "No space left on device" in said
    assert "data:" not in said, "a full disk says nothing about a shape"
    check_store(toy.work)
    remount(toy.work, "size=50m")
    assert drive(toy).finish() == (0, "")
    assert content(toy.work) == long_texts
    check_clean(toy.work)


def test_a_bound_on_files_is_an_accident_and_the_next_run_goes_on(toy, long_texts, content, drive):
    status, said = drive(toy, T3D_TEST_FILE_LIMIT=20_000).finish()
    assert status == 1
    assert said.count("infra: File too large") == 6
    check_clean(toy.work)
    assert drive(toy).finish() == (0, "")
    assert content(toy.work) == long_texts


def test_a_read_only_store_is_one_line_and_still_read(toy, small_disk, drive):
    remount(toy.work, "ro")
    status, said = drive(toy).finish()
    assert (status, said) == (
        2,
        f"{toy.work / 'texts'}: Read-only file system; name another folder with --work\n",
    )
    remount(toy.work, "rw")
    assert drive(toy).finish() == (0, "")
    remount(toy.work, "ro")
    assert drive(toy).finish() == (0, ""), "what is made needs no writing"


def test_denied_permission_is_an_accident_and_the_next_run_goes_on(toy, content, drive, tmp_path):
    toy.run()
    undisturbed = content(toy.work)
    toy.work.rename(tmp_path / "undisturbed")
    denied = toy.work / "texts" / "lengths" / "two"
    denied.mkdir(parents=True)
    denied.chmod(0o555)
    status, said = drive(toy, T3D_TEST_MORTAL="1").finish()
    assert (status, said) == (1, f"infra: {toy.work / 'texts'}: Permission denied\n")
    assert not any(denied.iterdir())
    denied.chmod(0o755)
    assert drive(toy).finish() == (0, "")
    assert content(toy.work) == undisturbed


def test_poison_costs_its_own_items(toy, drive):
    """A crash, a hang and one that eats 4 GB, among good ones."""
    toy.write(crash="crash", hang="hang", eat="eat", good="a b c")
    started = time.monotonic()
    status, said = drive(toy, T3D_TEST_MEMORY=800_000_000).finish(120)
    assert time.monotonic() - started < 60
    assert status == 1
    assert sorted(line.partition(";")[0] for line in said.splitlines()) == [
        "killed: the process was ended by SIGSEGV",
        "killed: used more than 0.7 GiB of memory",
        "timeout: took longer than 8 s",
    ]
    assert len(list(toy.work.glob("texts/lengths/*/*/manifest.json"))) == 4
    check_clean(toy.work)


@pytest.mark.parametrize("seed", range(5))
def test_a_clock_that_jumps_changes_nothing(seed, toy, content, monkeypatch, tmp_path):
    toy.write(**{f"t{index}": f"text {index}" for index in range(6)})
    toy.run()
    undisturbed = content(toy.work)
    toy.work.rename(tmp_path / "undisturbed")
    draw, clock, clock_ns = random.Random(seed), time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: clock() + draw.uniform(-1e8, 1e8))
    monkeypatch.setattr(time, "time_ns", lambda: clock_ns() + int(draw.uniform(-1e17, 1e17)))
    outcomes = toy.run()
    assert all(one.seconds >= 0 for one in outcomes.values())
    for path in (toy.folder / "data").iterdir():
        stamp = clock() + draw.uniform(-1e8, 1e8)
        os.utime(path, (stamp, stamp))
    assert not toy.plan().todo
    assert content(toy.work) == undisturbed
    path, status = toy.folder / "data" / "t1.txt", (toy.folder / "data" / "t1.txt").stat()
    path.write_text("next 1")  # as long as before, and with the same time
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert ("words", "t1") in {task.id for task in toy.plan().todo}
