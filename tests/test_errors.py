import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.errors import LONGEST, InputError


@given(st.text(max_size=900))
def test_a_message_is_one_line_that_can_be_shown(text):
    line = str(InputError(text))
    assert line.isprintable()
    assert len(line) <= LONGEST
    if text.isprintable() and len(text) <= LONGEST:
        assert line == text


def test_a_long_message_keeps_what_it_names_and_the_fix():
    line = str(InputError(f"own.toml: title = {'W' * 5000} must be a number"))
    assert line.startswith("own.toml: title = W")
    assert line.endswith("W must be a number")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize(
    ("into", "code", "said"),
    [("> /dev/full", 2, "error: standard output: No space left on device\n"), ("| true", 0, "")],
)
def test_what_cannot_be_printed_is_said_in_one_line(into, code, said):
    program = "import sys, time; from tfmed.errors import printing; "
    program += "sys.exit(printing(lambda: time.sleep(0.3) or print('x' * 10**6) or 0))"
    shell = f'set -o pipefail; "{sys.executable}" -c "{program}" {into}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (code, said)
