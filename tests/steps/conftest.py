import pytest
from tiny_study import TinyStudy, searching_study, tiny_study

from tfmed.data import dataset


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Done once for all tests of this process."""
    return TinyStudy(tmp_path_factory.mktemp("phantom"), tiny_study())


@pytest.fixture(scope="session")
def searching(tmp_path_factory):
    """The classifiers of a study that searches recipes."""

    def runs(plan):
        return [run.job for run in plan.runs]

    return TinyStudy(tmp_path_factory.mktemp("searched"), searching_study(), runs)


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    """No data set fits in memory."""
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset, "IN_MEMORY_LIMIT", 0)
