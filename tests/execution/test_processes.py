"""The backend of worker processes, with small scripts in the place of real workers."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tfmed.errors import InputError, JobError
from tfmed.execution.job import Job
from tfmed.execution.processes import (
    JOBS_PER_WORKER,
    WORKER,
    Processes,
    jobs_per_gpu,
    worker_environment,
)
from tfmed.execution.schedule import do_jobs
from tfmed.execution.store import Store

SPEAKS = """
import json, os, signal, sys
print("said while Python starts", flush=True)
for line in sys.stdin:
    spec = json.loads(line)["spec"]
    if "share" in spec:
        print(json.dumps({"share": spec["share"]}), flush=True)
    if spec.get("kill") == "always" or spec.get("kill") and not os.path.exists(spec["kill"]):
        open(spec["kill"], "w").close() if spec["kill"] != "always" else None
        os.kill(os.getpid(), signal.SIGKILL)
    if "exit" in spec:
        sys.exit(spec["exit"])
    print(json.dumps(spec.get("answer", {"record": {
        "pid": os.getpid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES")}})), flush=True)
"""


def job(**spec):
    return Job("run", spec, {}, title="the job")


@pytest.fixture
def do(tmp_path):
    """Does jobs on `workers` scripts and gives their records by specification."""

    def run(jobs, workers=2, listener=lambda _: None, gpus=()):
        command = [sys.executable, "-c", SPEAKS]
        with Processes(Store(tmp_path / "s"), {}, workers, command=command, gpus=gpus) as backend:
            records = do_jobs(jobs, set(), backend, listener)
            assert len(backend._workers) <= workers
        return [records[each.key] for each in jobs]

    return run


def test_jobs_are_spread_over_the_workers(do):
    pids = {record["pid"] for record in do([job(n=n) for n in range(8)], workers=2)}
    assert len(pids) == 2


def test_one_worker_does_one_job_after_another(do):
    assert len({record["pid"] for record in do([job(n=n) for n in range(4)], workers=1)}) == 1


def test_a_worker_is_replaced_before_its_memory_grows(do):
    jobs = [job(n=n) for n in range(JOBS_PER_WORKER + 5)]
    assert len({record["pid"] for record in do(jobs, workers=1)}) == 2


def test_a_killed_worker_costs_its_job_one_retry(do, tmp_path):
    records = do([job(kill=str(tmp_path / "killed")), job(n=1)], workers=1)
    assert all("pid" in record for record in records)


def test_a_job_that_kills_its_worker_twice_is_named(do):
    with pytest.raises(InputError, match=r"the job: its worker ended twice by SIGKILL; .*"):
        do([job(kill="always")])


def test_a_worker_that_gives_up_twice_is_named_with_its_code(do):
    with pytest.raises(InputError, match="ended twice with code 3"):
        do([job(exit=3)])


def test_a_worker_that_died_while_idle_costs_no_job_a_try(tmp_path):
    command = [sys.executable, "-c", SPEAKS]
    with Processes(Store(tmp_path / "s"), {}, 1, command=command) as backend:
        do_jobs([job(n=0)], set(), backend)
        [idle] = backend._workers
        idle.process.kill()
        idle.process.wait()
        second = job(n=1, kill=str(tmp_path / "killed"))  # dies once, which is its one retry
        assert do_jobs([second], set(), backend)[second.key]["pid"] != idle.process.pid


@pytest.mark.slow
def test_nothing_in_the_current_folder_is_taken_for_a_module(tmp_path):
    for name in ("tfmed.py", "random.py", "keras.py"):
        (tmp_path / name).write_text("raise SystemExit(3)\n")
    environment = worker_environment(0, [])
    done = subprocess.run(WORKER, cwd=tmp_path, env=environment, input=b"", timeout=120)
    assert done.returncode == 0


def test_answers_of_failure_are_raised(do):
    with pytest.raises(InputError, match=r"^mend it$"):
        do([job(answer={"input_error": "mend it"})])
    with pytest.raises(JobError, match="ValueError"):
        do([job(answer={"error": "ValueError: x", "traceback": "tb"})])


def test_progress_within_a_job_reaches_the_listener(do):
    seen = []
    do([job(share=0.25)], listener=seen.append)
    assert [(p.finished, p.cost_left) for p in seen] == [(False, 0.75), (True, 0)]


def test_no_worker_outlives_the_backend(tmp_path):
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with Processes(Store(tmp_path), {}, 2, command=command) as backend:
        backend.start(job(n=1))
        process = backend._workers[0].process
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL


def test_temporary_files_of_workers_go_with_them(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "tfmed-20261124-results").mkdir()
    writes = (
        "import json, sys, tempfile\nfor line in sys.stdin:\n"
        "    name = tempfile.NamedTemporaryFile(delete=False).name\n"
        "    print(json.dumps({'record': {'name': name}}), flush=True)"
    )
    command = [sys.executable, "-c", writes]
    with Processes(Store(tmp_path / "s"), {}, 1, command=command) as backend:
        ((_, record),) = do_jobs([job(n=1)], set(), backend).items()
        assert Path(record["name"]).exists()
        assert tmp_path in Path(record["name"]).parents
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"tfmed-20261124-results", "s"}


def test_workers_take_turns_in_having_a_gpu():
    devices = [worker_environment(n, ["0", "2"])["CUDA_VISIBLE_DEVICES"] for n in range(3)]
    assert devices == ["0", "2", "0"]
    assert "MALLOC_ARENA_MAX" in worker_environment(0, [])


def test_a_job_that_asks_for_every_gpu_has_them_all(do):
    jobs = [job(n=0), job(n=1), job(all_gpus=True), job(n=2)]
    seen = [record["gpus"] for record in do(jobs, workers=1, gpus=["0", "2"])]
    assert seen == ["0", "0", "0,2", "0"]


@pytest.mark.parametrize(("share", "jobs"), [(1.0, 1), (0.5, 2), (0.4, 2), (0.1, 10), (1 / 3, 3)])
def test_a_gpu_is_shared_by_as_many_jobs_as_fit(share, jobs):
    assert jobs_per_gpu(share) == jobs
