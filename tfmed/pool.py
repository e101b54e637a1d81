"""Doing jobs side by side in worker processes, each on one thread.

Independent jobs on one thread each beat one job on all threads, and the result of a job does not
depend on how many workers there are.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.jobs import Job, Store

JOBS_PER_WORKER = 40
"""A worker is replaced after so many jobs: TensorFlow's memory grows with every model fitted."""
TRIES = 2


class JobError(RuntimeError):
    """A job failed for a reason that is tfmed's own, not the user's."""


@dataclass
class Progress:
    """What a listener is told: after each job, and now and then within one.

    Attributes:
        job: the job that was finished or is being done.
        finished: it is finished.
        done, total: jobs.
        cost_left: rough seconds of one core still to do.
    """

    job: Job
    finished: bool
    done: int
    total: int
    cost_left: float


@dataclass
class _Worker:
    process: subprocess.Popen
    errors: IO[bytes]
    job: Job | None = None
    share: float = 0.0
    jobs_done: int = 0
    pending: bytes = b""

    @classmethod
    def start(cls) -> "_Worker":
        errors = tempfile.TemporaryFile()
        process = subprocess.Popen(
            [sys.executable, "-m", "tfmed.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_worker_environment(),
        )
        return cls(process, errors)

    def send(self, request: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            if stream is not None:
                stream.close()

    def last_words(self) -> str:
        """The last line that the worker's standard error holds."""
        self.errors.seek(0)
        lines = self.errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _worker_environment() -> dict[str, str]:
    package_parent = str(Path(__file__).resolve().parents[1])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


@dataclass
class Pool:
    """Runs jobs whose parents are finished, the longest chains of work first.

    Attributes:
        store: where results are kept.
        datasets: MD5 to data set, for the jobs' `data`.
        workers: processes side by side.
        listener: told about progress.
    """

    store: Store
    datasets: Mapping[str, DatasetInfo]
    workers: int
    listener: Callable[[Progress], None] = lambda _: None
    _running: list[_Worker] = field(default_factory=list)
    _failures: dict[str, int] = field(default_factory=dict)

    def run(self, jobs: Sequence[Job], done: set[str], *, keep: bool = True) -> dict[str, dict]:
        """Does every job that is not done.

        Args:
            jobs: in an order in which parents come first.
            done: keys of the jobs whose results the store holds; added to.
            keep: write results to the store; else jobs have effects of their own.

        Returns:
            Key to the record of each job done, if not kept.

        Raises:
            InputError: a job found that something of the user's needs mending, or its worker
                died twice.
            JobError: a job failed.
        """
        waiting = [job for job in jobs if job.key not in done]
        urgency = _urgency(waiting)
        waiting.sort(key=lambda job: -urgency[job.key])
        total, records = len(waiting), {}
        with selectors.DefaultSelector() as selector:
            try:
                while waiting or any(worker.job for worker in self._running):
                    self._hand_out(waiting, done, selector, keep)
                    for event, _ in selector.select():
                        worker = event.data
                        for answer in self._answers(worker, waiting, selector):
                            left = _cost_left(waiting, self._running)
                            job = worker.job
                            if "share" in answer:
                                worker.share = answer["share"]
                                progress = Progress(job, False, total - len(waiting), total, left)
                                self.listener(progress)
                                continue
                            records[job.key] = _checked(job, answer).get("record", {})
                            worker.job, worker.share = None, 0.0
                            worker.jobs_done += 1
                            done.add(job.key)
                            finished = (
                                total
                                - len(waiting)
                                - sum(other.job is not None for other in self._running)
                            )
                            left = _cost_left(waiting, self._running)
                            self.listener(Progress(job, True, finished, total, left))
                            self._retire(worker, selector)
            finally:
                for worker in self._running:
                    worker.stop()
                self._running.clear()
        return records

    def _hand_out(
        self,
        waiting: list[Job],
        done: set[str],
        selector: selectors.BaseSelector,
        keep: bool,
    ) -> None:
        for job in list(waiting):
            if any(parent.key not in done for parent in job.parents.values()):
                continue
            worker = next((worker for worker in self._running if worker.job is None), None)
            if worker is None:
                if len(self._running) >= self.workers:
                    return
                worker = _Worker.start()
                self._running.append(worker)
                assert worker.process.stdout is not None
                os.set_blocking(worker.process.stdout.fileno(), False)
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
            worker.job = job
            waiting.remove(job)
            # A worker that died while idle shows as the end of its output.
            try:
                worker.send(self._request(job, keep))
            except BrokenPipeError:
                continue

    def _request(self, job: Job, keep: bool) -> dict[str, Any]:
        return {
            "kind": job.kind,
            "spec": job.spec,
            "title": job.title,
            "data": {role: self.datasets[md5].to_json() for role, md5 in job.data.items()},
            "parents": {role: str(self.store.path(parent)) for role, parent in job.parents.items()},
            "path": str(self.store.path(job)) if keep else "",
            "echo": not keep,
        }

    def _answers(
        self, worker: _Worker, waiting: list[Job], selector: selectors.BaseSelector
    ) -> list[dict[str, Any]]:
        assert worker.process.stdout is not None
        chunk = worker.process.stdout.read()
        if chunk is None:
            return []
        if not chunk:
            self._bury(worker, waiting, selector)
            return []
        *lines, worker.pending = (worker.pending + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def _bury(self, worker: _Worker, waiting: list[Job], selector: selectors.BaseSelector) -> None:
        """A worker died: its job goes back once, and is named the second time."""
        selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self._running.remove(worker)
        code, words, job = worker.process.wait(), worker.last_words(), worker.job
        worker.stop()
        if job is None:
            return
        self._failures[job.key] = self._failures.get(job.key, 0) + 1
        if self._failures[job.key] >= TRIES:
            reason = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
            mend = "memory ran out, most likely: use --workers 1" if code == -9 else words
            raise InputError(f"{job.title}: its worker process ended twice {reason}; {mend}")
        waiting.insert(0, job)

    def _retire(self, worker: _Worker, selector: selectors.BaseSelector) -> None:
        if worker.jobs_done >= JOBS_PER_WORKER:
            selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
            self._running.remove(worker)
            worker.stop()


def _checked(job: Job, answer: dict[str, Any]) -> dict[str, Any]:
    if "input_error" in answer:
        raise InputError(answer["input_error"])
    if "error" in answer:
        raise JobError(f"{job.title}: {answer['error']}\n{answer['traceback']}")
    return answer


def _urgency(jobs: Sequence[Job]) -> dict[str, float]:
    """Cost of the longest chain of work that starts with each job."""
    urgency = {job.key: job.cost for job in jobs}
    for job in reversed(jobs):
        for parent in job.parents.values():
            if parent.key in urgency:
                chain = parent.cost + urgency[job.key]
                urgency[parent.key] = max(urgency[parent.key], chain)
    return urgency


def _cost_left(waiting: Sequence[Job], running: Sequence[_Worker]) -> float:
    busy = sum(w.job.cost * (1 - w.share) for w in running if w.job is not None)
    return sum(job.cost for job in waiting) + busy
