import hashlib
import shutil
import signal
from pathlib import Path

import pytest
from dask_cluster import can_hide
from toy_work import perform, toy

import tfmed
from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.execution.engine import do_jobs
from tfmed.execution.workers.cluster import Cluster


def do(jobs, store, cluster, datasets=None, **options):
    with Cluster(perform, cluster.address, **options) as engine:
        return do_jobs(jobs, set(), engine, store, datasets or {})


def a_file(folder, content="pixels"):
    path = folder / "images.npz"
    path.write_text(content)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    counts = {"train": (1, 1), "val": (1, 1), "test": (1, 1)}
    fields = ("d", "l", path, md5, False, (28, 28, 1), ("no", "yes"), 1, counts)
    return DatasetInfo("images", "Images", *fields)


def test_two_workers_without_a_common_folder_do_every_job(new_cluster, store, tmp_path):
    cluster = new_cluster()
    cluster.add_worker("a")
    cluster.add_worker("b")
    cluster.wait_for_workers()
    first = toy("first", value=2)
    others = [toy(f"other {i}", {"first": first}, value=i, sleeps=0.3) for i in range(6)]
    last = toy("last", {job.title: job for job in others})
    records = do([first, *others, last], store, cluster)
    assert len(records) == 8
    found = store.load(last)
    assert found is not None
    assert int(found.arrays["sum"]) == sum(2 + i for i in range(6))
    assert len({record["pid"] for record in records.values()}) == 2


@pytest.mark.slow
def test_a_worker_that_joins_while_jobs_run_is_given_some(new_cluster, store):
    cluster = new_cluster()
    cluster.add_worker("a")
    cluster.wait_for_workers()
    with Cluster(perform, cluster.address) as engine:
        cluster.add_worker("b")
        jobs = [toy(f"job {i}", value=i, sleeps=0.3) for i in range(40)]
        records = do_jobs(jobs, set(), engine, store, {})
    assert len({record["pid"] for record in records.values()}) == 2


@pytest.mark.skipif(not can_hide(), reason="a folder can't be hidden from a worker here")
def test_a_data_file_is_sent_once_to_a_node_that_lacks_it(
    new_cluster, store, tmp_path, monkeypatch
):
    monkeypatch.setattr("tfmed.execution.workers.cluster.PIECE", 7)
    (tmp_path / "data").mkdir()
    info = a_file(tmp_path / "data", "pixels" * 10)
    cluster = new_cluster()
    cluster.add_worker("a", hidden=tmp_path / "data")
    jobs = [toy(f"job {i}", data={"task": info.md5}) for i in range(3)]
    records = do(jobs, store, cluster, {info.md5: info})
    assert [record["read"]["task"] for record in records.values()] == ["pixels" * 10] * 3
    copies = cluster.folder / "a" / "cache" / "data"
    assert [path.name for path in copies.iterdir()] == [f"{info.md5}.npz"]


@pytest.mark.skipif(not can_hide(), reason="a folder can't be hidden from a worker here")
@pytest.mark.slow
def test_a_data_file_that_changed_is_not_sent(new_cluster, store, tmp_path):
    (tmp_path / "data").mkdir()
    info = a_file(tmp_path / "data")
    info.path.write_text("other pixels")
    cluster = new_cluster()
    cluster.add_worker("a", hidden=tmp_path / "data")
    with pytest.raises(InputError, match="has changed since the run began"):
        do([toy("job", data={"task": info.md5})], store, cluster, {info.md5: info})


@pytest.mark.slow
def test_a_job_whose_worker_is_lost_is_done_by_another(new_cluster, store, tmp_path):
    (tmp_path / "deaths").write_text("x")
    cluster = new_cluster()
    cluster.add_worker("a")
    cluster.add_worker("b")
    cluster.wait_for_workers()
    records = do([toy("deadly", dies=str(tmp_path / "deaths"))], store, cluster)
    assert len(records) == 1


@pytest.mark.slow
def test_a_job_that_two_workers_died_on_is_named(new_cluster, store, tmp_path):
    (tmp_path / "deaths").write_text("xx")
    cluster = new_cluster()
    for name in "abc":
        cluster.add_worker(name)
    cluster.wait_for_workers()
    with pytest.raises(InputError, match="deadly: its worker ended twice at tcp://"):
        do([toy("deadly", dies=str(tmp_path / "deaths"))], store, cluster)


@pytest.mark.slow
def test_the_loss_of_every_worker_is_said_and_what_is_finished_is_kept(
    new_cluster, store, tmp_path
):
    (tmp_path / "deaths").write_text("x")
    cluster = new_cluster()
    cluster.add_worker("a")
    done = toy("done", cost=9.0)
    with pytest.raises(InputError, match="has no worker left; finished work is kept"):
        do([done, toy("deadly", dies=str(tmp_path / "deaths"))], store, cluster)
    assert store.load(done) is not None


@pytest.mark.slow
def test_the_loss_of_the_scheduler_is_said(new_cluster, store):
    cluster = new_cluster()
    cluster.add_worker("a")
    with Cluster(perform, cluster.address) as engine:
        cluster.processes[0].send_signal(signal.SIGKILL)
        with pytest.raises(InputError, match="the scheduler was lost; finished work is kept"):
            do_jobs([toy("job", sleeps=30)], set(), engine, store, {})


@pytest.mark.slow
def test_a_worker_of_another_version_is_named_before_any_work(new_cluster, tmp_path):
    package = Path(tfmed.__file__).parent
    shutil.copytree(package, tmp_path / "other" / "tfmed", ignore=shutil.ignore_patterns("*.pyc"))
    (tmp_path / "other" / "tfmed" / "errors.py").open("a").write("# changed\n")
    cluster = new_cluster()
    cluster.add_worker("a", PYTHONPATH=str(tmp_path / "other"))
    with (
        pytest.raises(InputError, match=r"worker tcp://.*results would differ.*it has tfmed "),
        Cluster(perform, cluster.address),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("here", "not the address of a Dask scheduler"),
        ("http://host:8786", "not the address"),
        ("127.0.0.1:9", "no Dask cluster answers there"),
    ],
)
def test_an_address_without_a_cluster_is_one_line(address, words, monkeypatch):
    monkeypatch.setattr("tfmed.execution.workers.cluster.PATIENCE", 2)
    with pytest.raises(InputError, match=words), Cluster(perform, address):
        pass


@pytest.mark.slow
def test_a_cluster_without_workers_is_named(new_cluster, monkeypatch):
    monkeypatch.setattr("tfmed.execution.workers.cluster.PATIENCE", 3)
    with (
        pytest.raises(InputError, match="the cluster has no worker"),
        Cluster(perform, new_cluster().address),
    ):
        pass
