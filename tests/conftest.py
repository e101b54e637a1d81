"""What several tests need: quiet, reproducible TensorFlow; a place for finished jobs."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's cache or data root."""
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("MEDMNIST_ROOT", str(tmp_path_factory.mktemp("medmnist")))
