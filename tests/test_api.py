"""`import tfmed`, as in a notebook."""

import subprocess
import sys
from pathlib import Path

import pytest

import tfmed
from tfmed.config.study import Study

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"tensorflow", "keras", "matplotlib", "sklearn", "distributed"}


def modules_after(code):
    code = f"import sys; {code}; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_tfmed_imports_nothing_but_the_standard_library():
    assert not (HEAVY | {"numpy", "pandas", "pydantic"}) & modules_after("import tfmed")


def test_the_public_names_are_there_without_tensorflow():
    names = modules_after("import tfmed; [getattr(tfmed, name) for name in tfmed.__all__]")
    assert not {"tensorflow", "keras"} & names
    assert tfmed.Study is Study
    assert set(dir(tfmed)) == set(tfmed.__all__)


def test_another_name_is_no_part_of_it():
    with pytest.raises(AttributeError, match="no attribute 'walk'"):
        tfmed.walk  # noqa: B018
