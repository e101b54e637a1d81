"""Worker processes of this machine, each doing one job at a time on one TensorFlow thread.

Independent jobs on one thread each beat one job on all threads (see `benchmarks/`).
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job
from tfmed.execution.schedule import Event
from tfmed.execution.store import Store
from tfmed.locks import remove_abandoned, working_folder

WORKER = (sys.executable, "-P", "-m", "tfmed.execution.worker")
"""Starts a worker; -P because another tfmed, or a `random.py`, may lie in the current folder."""
ONE_THREAD = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "MALLOC_ARENA_MAX": "2",  # else glibc keeps freed batches in an arena per thread
}
"""What every worker's environment sets, wherever it runs."""
PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])
JOBS_PER_WORKER = 400
"""A worker is replaced after so many jobs: TensorFlow's memory grows with every form of model that
is traced, though not with the fits of one form; a new worker has to import and trace again."""

SCRATCH = "tfmed-"
"""Start of the name of the workers' folder for temporary files; TensorFlow writes some."""


def request_for(job: Job, store: Store, datasets: Mapping[str, DatasetInfo]) -> dict[str, Any]:
    """What `tfmed.execution.worker.answer` needs to do a job, as JSON values.

    Args:
        job: the job.
        store: holds the results of its parents, takes its own.
        datasets: MD5 to data set.
    """
    return {
        "kind": job.kind,
        "spec": job.spec,
        "code": job.code,
        "title": job.title,
        "data": {role: datasets[md5].to_json() for role, md5 in job.data.items()},
        "parents": {role: str(store.path(parent)) for role, parent in job.parents.items()},
        "path": str(store.path(job)) if job.kept else "",
    }


class Processes:
    """A backend of `tfmed.execution.schedule` on this machine.

    A worker dies with the command that started it, because its standard input ends then.
    """

    def __init__(
        self,
        store: Store,
        datasets: Mapping[str, DatasetInfo],
        workers: int,
        *,
        gpus: Sequence[str] = (),
        command: Sequence[str] = WORKER,
    ) -> None:
        """Starts nothing yet.

        Args:
            store: holds parents' results, takes the jobs' own.
            datasets: MD5 to data set.
            workers: how many processes, at most.
            gpus: as in CUDA_VISIBLE_DEVICES; the workers take turns in having one each, so more
                workers than GPUs share them.
            command: starts a worker; it speaks as `tfmed.execution.worker` does.
        """
        self._store, self._datasets = store, datasets
        self._most, self._gpus, self._command = workers, gpus, command
        self.where = "1 worker" if workers == 1 else f"{workers} workers"
        """What does the jobs, in words."""
        self._workers: list[_Worker] = []
        temporary = Path(tempfile.gettempdir())
        remove_abandoned(temporary, f"{SCRATCH}*")
        self._open = ExitStack()
        self._scratch = self._open.enter_context(working_folder(temporary, SCRATCH))
        self._selector = selectors.DefaultSelector()

    def has_room(self) -> bool:
        """Whether a worker is idle or may be started."""
        return len(self._workers) < self._most or any(w.job is None for w in self._workers)

    def start(self, job: Job) -> None:
        """Gives a job to an idle worker, or to a new one."""
        idle_dead = [w for w in self._workers if w.job is None and w.process.poll() is not None]
        for worker in idle_dead:  # its death costs the next job no try
            self._dismiss(worker)
        every = len(self._gpus) > 1 and bool(job.spec.get("all_gpus"))
        idle = [worker for worker in self._workers if worker.job is None]
        chosen = next((worker for worker in idle if worker.has_every_gpu == every), None)
        if chosen is None:
            if len(self._workers) == self._most:
                self._dismiss(idle[0])
            chosen = self._hire(every)
        chosen.job = job
        chosen.send(request_for(job, self._store, self._datasets))

    def wait(self) -> Iterator[Event]:
        """Yields what the workers tell, after waiting for one of them."""
        for ready, _ in self._selector.select():
            worker: _Worker = ready.data
            chunk = worker.read()
            if chunk == b"":
                yield from self._bury(worker)
                continue
            for answer in worker.answers(chunk or b""):
                assert worker.job is not None
                job = worker.job
                if "share" in answer:
                    yield Event(job, "going", answer["share"], {})
                    continue
                worker.job = None
                worker.jobs_done += 1
                if worker.jobs_done >= JOBS_PER_WORKER:
                    self._dismiss(worker)
                yield Event(job, "answered", 1.0, answer)

    def __enter__(self) -> "Processes":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kills the workers; what they had finished is kept."""
        for worker in self._workers:  # all at once: a process may take a while to go
            worker.process.kill()
        for worker in list(self._workers):
            self._dismiss(worker)
        self._selector.close()
        self._open.close()

    def _hire(self, has_every_gpu: bool) -> "_Worker":
        taken = {worker.slot for worker in self._workers}
        slot = next(slot for slot in range(self._most) if slot not in taken)
        gpus = [",".join(self._gpus)] if has_every_gpu else self._gpus
        environment = worker_environment(slot, gpus) | {"TMPDIR": str(self._scratch)}
        worker = _Worker(slot, self._command, environment)
        worker.has_every_gpu = has_every_gpu
        self._workers.append(worker)
        self._selector.register(worker.output, selectors.EVENT_READ, worker)
        return worker

    def _dismiss(self, worker: "_Worker") -> None:
        self._selector.unregister(worker.output)
        self._workers.remove(worker)
        worker.close()

    def _bury(self, worker: "_Worker") -> Iterator[Event]:
        code, words, job = worker.process.wait(), worker.last_words(), worker.job
        self._dismiss(worker)
        if job is None:
            return
        killed = code == -signal.SIGKILL
        reason = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        mend = "most likely memory ran out: use --workers 1" if killed else f"it said: {words}"
        yield Event(job, "died", 0.0, {"reason": reason, "mend": mend})


class _Worker:
    """One worker process, and the job it has, if any."""

    def __init__(self, slot: int, command: Sequence[str], environment: dict[str, str]) -> None:
        self.slot = slot
        self.has_every_gpu = False
        self.job: Job | None = None
        self.jobs_done = 0
        self._unread = b""
        self._open = ExitStack()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the stack
        self._open.callback(self._errors.close)
        self.process = self._open.enter_context(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
            )
        )
        assert self.process.stdout is not None
        self.output = self.process.stdout
        os.set_blocking(self.output.fileno(), False)

    def send(self, request: dict[str, Any]) -> None:
        """Hands it a job, as `request_for` describes one."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died while idle; the end of its output tells
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()

    def read(self) -> bytes | None:
        """What it has written since, None if nothing; b"" at the end, for a worker that died."""
        return self.output.read()

    def answers(self, chunk: bytes) -> list[dict[str, Any]]:
        """The whole lines in what was read; half a line waits for its rest."""
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        # Anything else was printed while Python started, by a sitecustomize say.
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def last_words(self) -> str:
        """The last line that it wrote to standard error."""
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing"

    def close(self) -> None:
        """Kills it, and closes what led to it."""
        self.process.kill()
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # a request it never read
            self.process.stdin.close()
        self._open.close()


def jobs_per_gpu(gpus_per_job: float) -> int:
    """How many jobs have the share `gpus_per_job` of one GPU each."""
    return int(1 / gpus_per_job + 1e-9)


def worker_environment(slot: int, gpus: Sequence[str]) -> dict[str, str]:
    """Environment of a worker: one thread for every library, and its GPU if there are any."""
    paths = [PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        **ONE_THREAD,
        **({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {}),
    }
