"""Full disks, read-only folders, signals, two commands at once, odd clocks, damaged caches."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, SMALL_STUDY, Command, Done, copy_models, small
from test_errors import assert_refused
from test_phantom_study import finished_jobs, wait_for, without_times

JUMPING_CLOCK = """\
import random, time
true_time, rng = time.time, random.Random(0)
time.time = lambda: true_time() + rng.choice((-50, -1, 0, 1, 50)) * 365 * 86_400
"""


@pytest.fixture
def resumed(whole: Command, command: Command) -> Command:
    """A command that finds the study's finished jobs, and none of its outputs."""
    shutil.copytree(whole.cache, command.cache)
    return command


def results(command: Command, out: str = "reports") -> Any:
    path = command.folder / out / "small" / "results.json"
    return without_times(json.loads(path.read_text(encoding="utf-8")))


def assert_stopped(done: Done, *words: str) -> None:
    """As `assert_refused`, for a command that had begun to work."""
    lines = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert (done.code, len(lines)) == (2, 1), done.err
    assert done.err.rstrip().endswith(lines[0])
    assert "Traceback" not in done.err
    for word in words:
        assert word in lines[0]


def assert_nothing_half_written(*folders: Path) -> None:
    written = [path for folder in folders for path in folder.rglob("*")]
    ends = (".tmp", ".part", ".partial", ".drawing")
    assert not [path for path in written if path.name.startswith(".") or path.suffix in ends]


class Disk:
    """A small file system in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set(self, options: str) -> None:
        command = ["mount", "-o", f"remount,{options}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def disk() -> Iterator[Callable[[Path, str], Disk]]:
    """Mounts small file systems, for those who may."""
    with contextlib.ExitStack() as stack:

        def mount(folder: Path, size: str) -> Disk:
            folder.mkdir(parents=True)
            command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tfmed", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
            unmount = ["umount", "-l", str(folder)]
            stack.callback(subprocess.run, unmount, check=True, capture_output=True)
            return Disk(folder)

        yield mount


@pytest.mark.parametrize(
    ("folder", "size", "words"),
    [
        ("reports", "40k", ["reports", "No space left on device"]),
        ("reports", "600k", ["reports", "No space left on device", "--out"]),
        ("saved_models", "200k", ["saved_models", "--models"]),
    ],
)
def test_a_full_disk_is_named_and_with_room_the_command_goes_on(
    resumed: Command, whole: Command, disk: Callable, folder: str, size: str, words: list[str]
) -> None:
    full = disk(resumed.folder / folder, size)
    if folder != "saved_models":
        copy_models(whole, resumed)
    assert_stopped(resumed.run(*small(resumed)), *words)
    assert_nothing_half_written(resumed.folder)
    full.set("size=100m")
    done = resumed.run(*small(resumed))
    assert done.code == 0, done.err
    assert results(resumed) == results(whole)


@pytest.mark.parametrize("size", ["100k", "4m"])
def test_a_full_cache_is_named_with_its_variable_and_left_clean(
    command: Command, disk: Callable, size: str
) -> None:
    disk(command.cache, size)
    assert_stopped(command.run(*small(command)), str(command.cache), "TFMED_CACHE", "No space left")
    assert_nothing_half_written(command.cache, command.folder)


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("work/reports", ["reports", "choose another --out"]),
        ("work/saved_models", ["saved_models", "choose another --models"]),
        ("cache", ["cache", "TFMED_CACHE"]),
    ],
)
def test_a_read_only_folder_is_named_before_any_work(
    command: Command, disk: Callable, folder: str, words: list[str]
) -> None:
    disk(command.folder.parent / folder, "1m").set("ro")
    done = command.run(*small(command))
    assert_refused(done, *words)
    assert "training and looking" not in done.err


def test_a_read_only_cache_of_finished_jobs_is_used(
    whole: Command, command: Command, disk: Callable
) -> None:
    full = disk(command.cache, "100m")
    shutil.copytree(whole.cache, command.cache, dirs_exist_ok=True)
    copy_models(whole, command)
    (command.cache / "jobs" / "classify" / ".x.1@host-999999999.0.tmp").touch()
    full.set("ro")
    done = command.run(*small(command))
    assert done.code == 0, done.err
    assert results(command) == results(whole)


@pytest.mark.parametrize(
    ("signal_sent", "to_group"),
    [(signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGHUP, False)],
)
def test_a_terminated_command_says_that_work_is_kept_and_leaves_nothing_half(
    command: Command, signal_sent: int, to_group: bool
) -> None:
    with command.start(*small(command), start_new_session=True) as process:
        wait_for(lambda: len(finished_jobs(command)) >= 1, process)
        (os.killpg if to_group else os.kill)(process.pid, signal_sent)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted; finished work is kept" in err
    assert "Traceback" not in err
    assert not list(command.folder.rglob("results.json"))
    assert finished_jobs(command)
    assert_nothing_half_written(command.cache, command.folder)


def test_a_study_killed_thrice_comes_to_the_same_results(tmp_path: Path) -> None:
    study = SMALL_STUDY
    for more, fewer in (
        ("seeds = 2", "seeds = 1"),
        ("repeats = 2", "repeats = 1"),
        ('"frozen", ', ""),
    ):
        assert more in study
        study = study.replace(more, fewer)
    (tmp_path / "small.toml").write_text(study, encoding="utf-8")
    script = ROOT / "tests" / "robustness" / "kill_study.py"
    options = ["--study", str(tmp_path / "small.toml"), "--kills", "3", "--workers", "1"]
    done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "kills                              3" in done.stdout


def test_two_commands_on_one_output_folder_do_not_mix(resumed: Command, whole: Command) -> None:
    with resumed.start(*small(resumed)) as first:
        wait_for((resumed.folder / "reports" / "small").exists, first)
        for arguments in (small(resumed), ["--study", "small.toml", "--report-only"]):
            second = resumed.run(*arguments)
            assert_refused(second, "small: another run is writing there", "another --out")
        _, err = first.communicate(timeout=240)
    assert first.returncode == 0, err
    assert results(resumed) == results(whole)


def test_two_commands_on_one_cache_come_to_the_same_results(
    command: Command, whole: Command
) -> None:
    arguments = small(command)
    copy_models(whole, command)
    with command.start(*arguments) as first, command.start(*arguments, "--out", "other") as second:
        for process in (first, second):
            _, err = process.communicate(timeout=400)
            assert process.returncode == 0, err
    assert results(command)["runs"] == results(whole)["runs"]
    assert results(command)["summary"] == results(command, "other")["summary"]
    assert results(command)["latent"] == results(command, "other")["latent"]
    assert_nothing_half_written(command.cache, command.folder)


def test_an_older_damaged_cache_under_a_jumping_clock_is_made_whole(
    resumed: Command, whole: Command, tmp_path: Path
) -> None:
    before = finished_jobs(resumed)
    damaged = sorted(path for path in before if path.parent.name == "classify")[:6]
    for number, path in enumerate(damaged):
        content = bytearray(before[path])
        if number < 2:
            content = content.replace(b"tfmed job 2", b"tfmed job 1", 1)
        elif number < 4:
            del content[len(content) // 2 :]
        else:
            content[len(content) // 2] ^= 1
        path.write_bytes(content)
    for path in before:
        os.utime(path, (0, 0) if hash(path) % 2 else (4_102_444_800, 4_102_444_800))
    for path in resumed.cache.glob("phantom/*.npz"):
        path.write_bytes(path.read_bytes()[:-1000])
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(JUMPING_CLOCK, encoding="utf-8")

    done = resumed.run(*small(resumed), PYTHONPATH=str(tmp_path / "clock"))
    assert done.code == 0, done.err
    assert f"{len(before) - len(damaged)} are finished already" in done.err
    assert f"note: {len(damaged)} kept results are damaged and are computed again" in done.err
    assert results(resumed) == results(whole)
    after = finished_jobs(resumed)
    assert {path for path in before if after[path] != before[path]} <= set(damaged)
