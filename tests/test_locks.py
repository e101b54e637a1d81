import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from tfmed.errors import InputError
from tfmed.locks import (
    alone_in,
    hold,
    host_name,
    remove_abandoned,
    remove_unheld,
    working_folder,
)

HOLDS = """\
import sys, time
from pathlib import Path
from tfmed.locks import working_folder

with working_folder(Path(sys.argv[1]), "tfmed-") as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_working_folder_is_gone_afterwards_whatever_happens(tmp_path):
    def fail():
        with working_folder(tmp_path, "tfmed-") as folder:
            (folder / "file").touch()
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_only_folders_of_killed_processes_of_this_machine_are_abandoned(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        held = tmp_path / process.stdout.readline().strip()
        remove_abandoned(tmp_path, "tfmed-*")
        assert (held / "file").exists()
        process.send_signal(signal.SIGKILL)
    assert held.exists()
    elsewhere = shutil.copytree(held, tmp_path / "tfmed-elsewhere")
    (elsewhere / f".tfmed-in-use@{host_name()}").rename(elsewhere / ".tfmed-in-use@another")
    (tmp_path / "tfmed-20261124-results").mkdir()
    (tmp_path / "tfmed-20261124-results" / "notes").touch()
    (tmp_path / "tfmed-file").touch()
    (tmp_path / "tfmed-link").symlink_to(tmp_path / "tfmed-20261124-results")
    remove_abandoned(tmp_path, "tfmed-*")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"tfmed-elsewhere", "tfmed-20261124-results", "tfmed-file", "tfmed-link"}
    assert (tmp_path / "tfmed-20261124-results" / "notes").exists()


def test_two_take_turns_in_a_folder(tmp_path):
    order = []

    def second():
        with alone_in(tmp_path / "f"):
            order.append("second")

    with alone_in(tmp_path / "f"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert list((tmp_path / "f").iterdir()) == []


def test_who_does_not_wait_is_told_that_another_has_the_lock(tmp_path):
    with hold(tmp_path / "x", wait=False) as first, hold(tmp_path / "x", wait=False) as second:
        assert (first, second) == (True, False)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_removed_while_it_is_waited_for_is_taken_again(tmp_path):
    path, found = tmp_path / "x", []

    def second():
        with hold(path, wait=True) as is_ours:
            found.append((is_ours, path.exists()))

    thread = threading.Thread(target=second)
    with hold(path, wait=True):
        thread.start()
        thread.join(0.2)
        assert not found
    thread.join()
    assert found == [(True, True)]
    assert not path.exists()


def test_only_locks_that_nobody_holds_are_removed(tmp_path):
    (tmp_path / "killed.claim").touch()
    with hold(tmp_path / "living.claim", wait=False):
        remove_unheld(tmp_path, "*.claim")
        assert [path.name for path in tmp_path.iterdir()] == ["living.claim"]


def test_a_folder_without_file_locks_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        pytest.raises(InputError, match=f"{tmp_path}: takes no file locks"),
        hold(tmp_path / "x", wait=False),
    ):
        pass
