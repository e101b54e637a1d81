"""A study on a Ray cluster of two local nodes: the same results, lost nodes, data sent once."""

import dataclasses
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SMALL_STUDY, Command, small
from test_phantom_study import finished_jobs, wait_for, without_times

from tfmed.config.study import read_study
from tfmed.data.sources import resolve
from tfmed.execution.cluster import Cluster
from tfmed.execution.schedule import do_jobs
from tfmed.execution.store import Store
from tfmed.orchestration.plan import make_plan

pytest.importorskip("ray", reason="Ray is not installed: see requirements-dev.txt")


class Nodes:
    """Two nodes of one CPU each on this machine, each with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        from ray.cluster_utils import Cluster as LocalCluster

        self.folder = folder
        self._cluster = LocalCluster(
            initialize_head=True,
            head_node_args={"include_dashboard": False, **self._arguments("head")},
        )
        self.address: str = self._cluster.address

    def add(self, name: str, **resources: int) -> Any:
        return self._cluster.add_node(**self._arguments(name), **resources)

    def lose(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()

    def data(self) -> dict[str, list[str]]:
        """Name of each node to its copies of data files."""
        return {
            folder.name: sorted(path.name for path in folder.glob("data/*"))
            for folder in self.folder.iterdir()
        }

    def _arguments(self, name: str) -> dict[str, Any]:
        cache = self.folder / name
        cache.mkdir(parents=True)
        return {
            "num_cpus": 1,
            "node_name": name,
            "object_store_memory": 100 * 2**20,
            "env_vars": {"TFMED_CACHE": str(cache)},
        }


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    found = Nodes(tmp_path / "nodes")
    yield found
    found.close()


def results(command: Command) -> dict[str, Any]:
    path = command.folder / "reports" / "small" / "results.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_results_are_those_of_local_processes_even_if_a_node_is_lost(
    nodes: Nodes, whole: Command, command: Command
) -> None:
    second = nodes.add("second")
    with command.start(*small(command, workers=None), "--ray", nodes.address) as process:
        wait_for(lambda: len(finished_jobs(command)) >= 4, process)
        nodes.lose(second)
        out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "raylet" not in out + err
    assert "ray::" not in out + err
    found = results(command)
    assert "on 2 workers of 2 Ray nodes" in err
    assert without_times(found) == without_times(results(whole))


def test_an_interrupted_study_leaves_nothing_running_in_the_cluster(
    nodes: Nodes, command: Command
) -> None:
    with command.start(*small(command, workers=None), "--ray", nodes.address) as process:
        wait_for(lambda: len(finished_jobs(command)) >= 1, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished work is kept" in err
    assert "Traceback" not in err
    end = time.monotonic() + 30
    while cmdlines("ray::Worker"):
        assert time.monotonic() < end
        time.sleep(0.2)


def cmdlines(start: str) -> list[str]:
    """Command lines of this machine's processes that start so; Ray renames its actors."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return [line for line in found if line.startswith(start)]


def test_a_data_file_goes_once_to_each_node_that_lacks_it(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.add("second")
    (tmp_path / "small.toml").write_text(SMALL_STUDY, encoding="utf-8")
    study = read_study(tmp_path / "small.toml")
    source, target = (
        resolve("phantom", data_root=tmp_path, cache_dir=tmp_path / "cache", role=role)
        for role in ("source", "target")
    )
    plan = make_plan(study, source, target)
    # The nodes were started in another folder, so a relative path leads nowhere there.
    monkeypatch.chdir(source.path.parent)
    elsewhere = dataclasses.replace(target, path=Path(target.path.name))
    jobs = [run.job for run in plan.runs if run.task is target and run.strategy == "scratch"]
    store = Store(tmp_path / "store")
    with Cluster(store, {target.md5: elsewhere}, nodes.address) as backend:
        do_jobs(jobs, set(), backend)
        assert backend.where == "2 workers of 2 Ray nodes"
    assert nodes.data() == {name: [f"{target.md5}.npz"] for name in ("head", "second")}
    assert all(store.load(job) for job in jobs)


def test_jobs_go_to_the_gpus_of_a_cluster_that_has_some(nodes: Nodes, tmp_path: Path) -> None:
    nodes.add("gpus", num_gpus=2)
    with Cluster(Store(tmp_path / "s"), {}, nodes.address, gpus_per_job=0.5) as backend:
        assert backend.where == "1 worker of 1 Ray node"
