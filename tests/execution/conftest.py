import os
from pathlib import Path

import pytest
from dask_cluster import DaskCluster

from tfmed.execution.store import Store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(autouse=True)
def _workers_find_the_toys(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(ROOT)]))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def new_cluster(tmp_path):
    """Makes clusters that end with the test."""
    made = []

    def make(**environment):
        folder = tmp_path / f"cluster{len(made)}"
        folder.mkdir()
        made.append(DaskCluster(folder, **environment))
        return made[-1]

    yield make
    for cluster in made:
        cluster.stop()
