import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import psutil
import pytest
from toy_work import perform, toy

from tfmed.errors import InputError, JobError
from tfmed.execution.engine import InProcess, do_jobs
from tfmed.execution.workers.local import LocalWorkers

pytestmark = pytest.mark.slow

BUSY = """\
import signal
import sys
from pathlib import Path
from toy_work import perform, toy
from tfmed.execution.engine import do_jobs
from tfmed.execution.workers.local import LocalWorkers
from tfmed.execution.store import Store

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
store = Store(Path(sys.argv[1]))
jobs = [toy("first"), *(toy(f"long {i}", cost=0.1, sleeps=120.0) for i in range(2))]
with LocalWorkers(perform, 2) as engine:
    do_jobs(jobs, set(), engine, store, {}, lambda progress: print(progress.done, flush=True))
"""

JUMPING_CLOCK = """\
import random, time
true_time, draw = time.time, random.Random(0)
time.time = lambda: true_time() + draw.choice((-3600, 0, 3600))
"""


def do(jobs, store, workers=1, listener=lambda _: None):
    with LocalWorkers(perform, workers) as engine:
        return do_jobs(jobs, set(), engine, store, {}, listener)


def test_workers_do_every_job_after_its_parents_and_the_results_are_kept(store):
    first = toy("first", value=2)
    others = [toy(f"other {i}", {"first": first}, value=i, sleeps=0.2) for i in range(4)]
    last = toy("last", {job.title: job for job in others})
    records = do([first, *others, last], store, workers=2)
    found = store.load(last)
    assert found is not None
    assert int(found.arrays["sum"]) == sum(2 + i for i in range(4))
    assert len({record["pid"] for record in records.values()}) == 2
    assert os.getpid() not in {record["pid"] for record in records.values()}


def test_jobs_are_done_though_the_clock_is_set_back_and_forth(store, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(JUMPING_CLOCK)
    python_path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", python_path)
        patch.setattr(time, "time", time.time)
        exec(JUMPING_CLOCK, {})
        assert len(do([toy(f"{i}", sleeps=0.1) for i in range(8)], store, workers=2)) == 8


def test_no_process_is_started_where_there_is_nothing_to_do(store):
    before = psutil.Process().children()
    with LocalWorkers(perform, 2) as engine:
        assert do_jobs([], set(), engine, store, {}) == {}
        assert psutil.Process().children() == before


def test_no_process_is_left(store):
    pids = {record["pid"] for record in do([toy(f"{i}") for i in range(2)], store, 2).values()}
    assert not any(map(psutil.pid_exists, pids))


def test_a_job_whose_worker_died_is_tried_once_more(store, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.write_text("x")
    assert len(do([toy("deadly", dies=str(deaths))], store)) == 1


def test_a_job_whose_worker_died_twice_is_named_and_what_is_finished_is_kept(store, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.write_text("xx")
    done = toy("done", cost=9.0)
    with pytest.raises(InputError, match="deadly: its worker ended twice by SIGKILL; most likely"):
        do([done, toy("deadly", dies=str(deaths))], store)
    assert store.load(done) is not None


def test_the_death_of_an_idle_worker_costs_no_try(store, tmp_path):
    with LocalWorkers(perform, 1) as engine:
        (record,) = do_jobs([toy("first")], set(), engine, store, {}).values()
        os.kill(record["pid"], signal.SIGKILL)
        time.sleep(0.5)
        deaths = tmp_path / "deaths"
        deaths.write_text("x")
        assert len(do_jobs([toy("deadly", dies=str(deaths))], set(), engine, store, {})) == 1


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ("input", InputError, "^it$"),
        ("own", JobError, "^faulty: KeyError: 'it'"),
        ("diverged", InputError, "^faulty: it; lower it in the study file"),
    ],
)
def test_what_goes_wrong_in_a_job_ends_the_run(workers, wrong, error, words, store):
    job = toy("faulty", wrong=wrong)
    with (
        pytest.raises(error, match=words),
        LocalWorkers(perform, 1) if workers else nullcontext(InProcess(perform)) as engine,
    ):
        do_jobs([job], set(), engine, store, {})
    assert list(store.root.rglob("*.job")) == []


def test_the_share_of_a_job_that_is_done_is_heard_of_while_it_runs(store):
    heard = []
    do([toy("long", sleeps=1.0)], store, listener=heard.append)
    assert {progress.running for progress in heard if not progress.finished} == {("long",)}
    assert [progress.done for progress in heard if progress.finished] == [1]


@pytest.mark.slow
def test_what_others_draw_from_global_random_numbers_does_not_change_a_job(store):
    # Dask estimates the sizes of its messages by samples, in another thread.
    job = toy("drawing", seed=5, sleeps=3.0)
    (there,) = do([job], store).values()
    (here,) = do_jobs([job], set(), InProcess(perform), store, {}).values()
    assert there["drawn"] == here["drawn"]


def test_the_scheduler_refuses_whoever_has_no_keys(store):
    from distributed import Client

    with LocalWorkers(perform, 1) as engine:
        do_jobs([toy("first")], set(), engine, store, {})
        listening = [
            connection.laddr
            for connection in psutil.Process().net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        (port,) = {address.port for address in listening}
        for scheme in ("tcp", "tls"):
            with pytest.raises((OSError, TypeError, RuntimeError)):
                Client(f"{scheme}://127.0.0.1:{port}", timeout=2, set_as_default=False)


@pytest.fixture
def busy(store):
    """A command whose two workers have begun jobs of two minutes; its workers."""
    command = [sys.executable, "-c", BUSY, str(store.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while process.stdout.readline().strip() != "1":
            assert process.poll() is None
        end = time.monotonic() + 60
        while len(workers := psutil.Process(process.pid).children(recursive=True)) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield process, workers
        process.kill()


def test_no_worker_lives_five_seconds_after_its_command_was_killed(busy, store):
    process, workers = busy
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    assert store.load(toy("first")) is not None


def test_an_interrupted_command_leaves_no_worker_and_keeps_what_is_finished(busy, store):
    process, workers = busy
    process.send_signal(signal.SIGINT)
    assert process.wait(20)
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    assert store.load(toy("first")) is not None
