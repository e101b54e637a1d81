import pytest
from tiny_study import TinyStudy

from tfmed.data import dataset


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Done once for all tests of this process."""
    return TinyStudy(tmp_path_factory.mktemp("phantom"))


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    """No data set fits in memory."""
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset, "IN_MEMORY_LIMIT", 0)
