"""What several tests need: quiet, reproducible TensorFlow; a place for finished jobs."""

import os
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for pool in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(pool, "1")  # tests run side by side, one on each core

# The same examples on every machine; `--hypothesis-profile=default` draws new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's cache or data root."""
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("MEDMNIST_ROOT", str(tmp_path_factory.mktemp("medmnist")))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id):
    """`made_once(name, fill)`: a folder that the first process to ask for it fills for all.

    Nobody may change what is in it.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent

    def get(name, fill) -> Path:
        folder = shared / name
        with FileLock(f"{folder}.lock"):
            made = shared / f"{name}.made"
            if not made.exists():
                folder.mkdir(exist_ok=True)
                fill(folder)
                made.touch()
        return folder

    return get


APART = (
    "tests/browser/",
    "tests/robustness/",
    *(f"tests/end_to_end/test_{name}.py" for name in ("bad_days", "engines", "errors", "notebook")),
)
"""Tests that share little that their process has made, so that any process may do each."""


class OneStudyPerProcess(LoadFileScheduling):
    """Files stay whole; those that share the tiny study go to one process, which does it once."""

    def _split_scope(self, nodeid):
        if nodeid.startswith(APART):
            return nodeid
        file = super()._split_scope(nodeid)
        return "tests/steps" if file.startswith("tests/steps/") else file


def pytest_xdist_make_scheduler(config, log):
    """Takes the place of `--dist`."""
    return OneStudyPerProcess(config, log)
