import shutil
import signal
import subprocess
import sys
import threading

import pytest

from tfmed.locks import alone_in, host_name, remove_abandoned, working_folder

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
