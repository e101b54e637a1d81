"""The same study on every engine: the same results."""

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Command, copy_models, small
from dask_cluster import DaskCluster, can_hide
from test_phantom_study import finished_jobs, wait_for, without_times


def results_of(command: Command) -> dict[str, Any]:
    path = command.folder / "reports" / "small" / "results.json"
    return without_times(json.loads(path.read_text("utf-8")))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    (tmp_path / "cluster").mkdir()
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    made = DaskCluster(tmp_path / "cluster", PYTHONPATH=os.pathsep.join(paths))
    yield made
    made.stop()


@pytest.mark.parametrize("workers", [0, 1])
def test_the_number_of_workers_changes_no_result(
    workers: int, whole: Command, command: Command
) -> None:
    if workers:
        copy_models(whole, command)
    done = command.run(*small(command, workers=None), "--workers", workers)
    assert done.code == 0, done.err
    assert results_of(command) == results_of(whole)


@pytest.mark.skipif(not can_hide(), reason="a folder can't be hidden from a worker here")
def test_a_cluster_without_a_common_folder_gives_the_same_results_though_a_worker_is_lost(
    whole: Command, command: Command, cluster: DaskCluster
) -> None:
    hidden = command.folder.parent / "hidden"
    hidden.mkdir()
    command.environment["TFMED_CACHE"] = str(hidden / "cache")
    command.cache = hidden / "cache"
    for name in "ab":
        cluster.add_worker(name, hidden=hidden)
    copy_models(whole, command)
    arguments = [*small(command, workers=None), "--cluster", cluster.address]
    with command.start(*arguments) as process:
        wait_for(lambda: len(finished_jobs(command)) >= 2, process)
        cluster.workers[0].kill()
        cluster.add_worker("c", hidden=hidden)
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert re.search(r"on 2 workers of tcp://", said), said
    assert results_of(command) == results_of(whole)
    for name in "bc":
        copies = list((cluster.folder / name / "cache" / "data").iterdir())
        assert copies
        assert {path.suffix for path in copies} == {".npz"}


def test_a_cluster_behind_tls_is_joined_by_who_has_its_keys_and_by_nobody_else(
    new_command: Callable[[], Command], whole: Command, tmp_path: Path
) -> None:
    from distributed.security import Security

    made = Security.temporary()
    tls = {}
    for name, content in (
        ("CA_FILE", made.tls_ca_file),
        *((f"{role}__{part}", getattr(made, f"tls_{role.lower()}_{part.lower()}"))
          for role in ("CLIENT", "WORKER", "SCHEDULER") for part in ("CERT", "KEY")),
    ):  # fmt: skip
        path = tmp_path / f"{name}.pem"
        path.write_text(content)
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{name}"] = str(path)
    (tmp_path / "cluster").mkdir()
    cluster = DaskCluster(tmp_path / "cluster", PYTHONPATH=str(ROOT), **tls)
    try:
        cluster.add_worker("a")
        stranger, friend = new_command(), new_command()
        done = stranger.run(*small(stranger, workers=None), "--cluster", cluster.address)
        assert done.code == 2
        assert "no Dask cluster answers there" in done.err
        arguments = [*small(friend, workers=None), "--cluster", cluster.address]
        copy_models(whole, friend)
        done = friend.run(*arguments, **tls)
        assert done.code == 0, done.err
        assert results_of(friend) == results_of(whole)
    finally:
        cluster.stop()


def test_a_cluster_that_is_not_there_is_one_line(command: Command) -> None:
    done = command.run(*small(command, workers=None), "--cluster", "127.0.0.1:9")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("error: --cluster 127.0.0.1:9: no Dask cluster")
