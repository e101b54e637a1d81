import re
import subprocess
import time
from pathlib import Path

from tfmed.operating_system import is_alive, is_mine, was_killed, words_of_end

PACKAGE = Path(__file__).parents[1] / "tfmed"


def test_a_killed_process_that_nobody_has_waited_for_is_not_alive():
    with subprocess.Popen(["sleep", "60"]) as process:
        assert is_alive(process.pid)
        process.kill()
        end = time.monotonic() + 10
        while is_alive(process.pid):
            assert time.monotonic() < end
    assert not is_alive(10**30)


def test_the_end_of_a_child_is_put_into_words():
    assert words_of_end(3) == "with code 3"
    assert words_of_end(-15) == "by SIGTERM"
    assert [was_killed(code) for code in (0, 3, -15, -9)] == [False, False, False, True]


def test_a_file_of_mine_is_mine(tmp_path):
    assert is_mine(tmp_path)


def test_what_only_some_systems_have_is_used_in_one_module():
    only_some = re.compile(r"\b(fcntl|SIGHUP|killpg|getuid|setsid|os\.kill)\b")
    users = [p.name for p in PACKAGE.rglob("*.py") if only_some.search(p.read_text("utf-8"))]
    assert users == ["operating_system.py"]
