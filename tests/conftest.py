"""What several tests need: quiet, reproducible TensorFlow; a place for finished jobs."""

import os

import pytest
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


APART = {
    f"tests/end_to_end/test_{name}.py" for name in ("bad_days", "engines", "errors", "notebook")
}
"""Files whose tests share nothing that their process has made, so that any process may do each."""


class OneStudyPerProcess(LoadFileScheduling):
    """Files stay whole; those that share the tiny study go to one process, which does it once."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        if file in APART:
            return nodeid
        return "tests/steps" if file.startswith("tests/steps/") else file


def pytest_xdist_make_scheduler(config, log):
    """Takes the place of `--dist`."""
    return OneStudyPerProcess(config, log)
