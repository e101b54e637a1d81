"""The engine of this machine: worker processes, each doing one job at a time on one thread.

Independent jobs on one thread each beat one job on all threads (see `benchmarks/`). The processes
are workers of a Dask scheduler in this process, which listens on the loopback interface and talks
to those alone who have the keys made for it. Dask's own way to start processes was left for
`subprocess`: it imports the caller's script again in each worker, which does not say why it ended.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tfmed.execution import one_thread
from tfmed.execution.engine import Death, Outcome
from tfmed.execution.job import Job
from tfmed.execution.work import SCRATCH, Perform, Request, Say
from tfmed.execution.workers.client import (
    SETTINGS,
    Post,
    Seat,
    answer_of,
    keep_to_a_steady_clock,
    quiet,
)
from tfmed.locks import remove_abandoned, working_folder
from tfmed.operating_system import was_killed, words_of_end

WORKER = (sys.executable, "-P", "-m", "tfmed.execution.workers.local_worker")
"""Starts a worker; -P because another tfmed, or a `random.py`, may lie in the current folder."""
PACKAGE_PARENT = str(Path(__file__).resolve().parents[3])
JOBS_PER_WORKER = 400
"""A worker is replaced after so many jobs: TensorFlow's memory grows with every form of model that
is traced, though not with the fits of one form; a new worker has to import and trace again."""


class LocalWorkers:
    """Worker processes that are started when there is a job for them, and then stay."""

    def __init__(
        self,
        perform: Perform,
        workers: int,
        *,
        gpus: Sequence[str] = (),
        command: Sequence[str] = WORKER,
    ) -> None:
        """Starts nothing yet.

        Args:
            perform: does jobs.
            workers: how many processes, at most.
            gpus: as in CUDA_VISIBLE_DEVICES; the workers take turns in having one each, so more
                workers than GPUs share them.
            command: starts a worker.
        """
        self._perform, self._most, self._gpus, self._command = perform, workers, gpus, command
        self.where = "1 worker" if workers == 1 else f"{workers} workers"
        """What does the jobs, in words."""
        self._seats: list[_Process] = []
        self._open = ExitStack()
        self._post: Post | None = None

    def has_room(self) -> bool:
        """Whether a worker is idle or may be started."""
        return sum(seat.task is not None for seat in self._seats) < self._most

    def start(self, job: Job, request: Request, say: Say) -> None:
        """Gives a job to an idle worker, or to a new one."""
        if self._post is None:
            self._begin()
        for seat in [seat for seat in self._seats if seat.task is None and seat.has_ended()]:
            self._dismiss(seat)  # its death costs the next job no try
        seat = next((seat for seat in self._seats if seat.task is None), None) or self._hire()
        seat.task = job, request, say
        if seat.address:
            self._send(seat)

    def wait(self) -> Iterable[Outcome]:
        """Takes in one piece of news, after waiting for it."""
        assert self._post is not None
        return self._post.news.get()() or ()

    def __enter__(self) -> "LocalWorkers":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kills the workers; what they had finished is kept."""
        for seat in self._seats:  # all at once: a process may take a while to go
            seat.process.kill()
        for seat in list(self._seats):
            self._dismiss(seat)
        self._open.close()
        self._post = None

    def _begin(self) -> None:
        temporary = Path(tempfile.gettempdir())
        remove_abandoned(temporary, f"{SCRATCH}*")
        self._scratch = self._open.enter_context(working_folder(temporary, SCRATCH))
        client, keys = self._open.enter_context(_scheduler(self._scratch))
        self._post = Post(client, self._perform)
        self._told = {
            "scheduler": client.scheduler.address,
            "keys": keys,
            "folder": str(self._scratch),
        }

    def _hire(self) -> "_Process":
        assert self._post is not None
        taken = {seat.slot for seat in self._seats}
        slot = next(slot for slot in range(self._most) if slot not in taken)
        environment = worker_environment(slot, self._gpus) | {"TMPDIR": str(self._scratch)}
        seat = _Process(slot, self._command, environment)
        self._seats.append(seat)
        news = self._post.news
        seat.watch(
            json.dumps(self._told),
            lambda address: news.put(lambda: self._joined(seat, address)),
            lambda: news.put(lambda: self._ended(seat)),
        )
        return seat

    def _send(self, seat: "_Process") -> None:
        assert self._post is not None
        self._post.send(seat, lambda future: self._take(seat, future))

    def _joined(self, seat: "_Process", address: str) -> None:
        seat.address = address
        if seat.task is not None:
            self._send(seat)

    def _take(self, seat: "_Process", future: Any) -> list[Outcome]:
        assert self._post is not None
        if future is not seat.future:
            return []
        found = answer_of(future)
        if found is None:  # the end of the process, which follows, says why
            return []
        job = self._post.forget(seat)
        seat.jobs_done += 1
        if seat.jobs_done >= JOBS_PER_WORKER:
            self._dismiss(seat)
        return [(job, found)]

    def _ended(self, seat: "_Process") -> list[Outcome]:
        assert self._post is not None
        if seat not in self._seats:
            return []
        death, had_job = seat.death(), seat.task is not None
        outcomes: list[Outcome] = [(self._post.forget(seat), death)] if had_job else []
        self._dismiss(seat)
        return outcomes

    def _dismiss(self, seat: "_Process") -> None:
        self._seats.remove(seat)
        seat.close()


class _Process(Seat):
    """One worker process."""

    def __init__(self, slot: int, command: Sequence[str], environment: dict[str, str]) -> None:
        super().__init__()
        self.slot = slot
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
                text=True,
            )
        )

    def watch(self, told: str, joined: Callable[[str], None], ended: Callable[[], None]) -> None:
        """Hands it what it needs to know; from then on a thread tells of its address and end."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once; its end tells
            self.process.stdin.write(f"{told}\n")
            self.process.stdin.flush()

        def read() -> None:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                if line.startswith("tls://"):  # else printed while Python started
                    joined(line.strip())
            self.process.wait()
            ended()

        self._thread = threading.Thread(target=read, daemon=True)
        self._thread.start()

    def has_ended(self) -> bool:
        """Whether its process is gone."""
        return self.process.poll() is not None

    def death(self) -> Death:
        """Why it ended, after it has."""
        code = self.process.wait()
        if was_killed(code):
            return Death(words_of_end(code), "most likely memory ran out: use --workers 1")
        return Death(words_of_end(code), f"it said: {self._last_words()}")

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-4000:].decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "nothing"

    def close(self) -> None:
        """Kills it, and closes what led to it."""
        self.process.kill()
        self._thread.join()
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # what it never read
            self.process.stdin.close()
        self._open.close()


@contextlib.contextmanager
def _scheduler(scratch: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    """A scheduler in this process: a client of it, and the keys by which others may join."""
    import dask.config

    with quiet(), dask.config.set(SETTINGS | {"temporary-directory": str(scratch)}):
        from distributed import Client, Scheduler, SpecCluster
        from distributed.security import Security

        keep_to_a_steady_clock()

        class Silent(Scheduler):
            """A scheduler without a page for browsers."""

            def start_http_server(self, *_: Any, **__: Any) -> None:
                """Starts none."""

        security = Security.temporary()
        options = {
            "host": "127.0.0.1",
            "protocol": "tls://",
            "port": 0,
            "dashboard": False,
            "security": security,
        }
        with (
            SpecCluster(
                workers={},
                scheduler={"cls": Silent, "options": options},
                security=security,
                silence_logs=False,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            names = ("tls_ca_file", "tls_worker_cert", "tls_worker_key")
            yield client, {name: getattr(security, name) for name in names}


def jobs_per_gpu(gpus_per_job: float) -> int:
    """How many jobs have the share `gpus_per_job` of one GPU each."""
    return int(1 / gpus_per_job + 1e-9)


def worker_environment(slot: int, gpus: Sequence[str]) -> dict[str, str]:
    """Environment of a worker: one thread for every library, and its GPU if there are any."""
    paths = [PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        **one_thread.ENVIRONMENT,
        "MALLOC_ARENA_MAX": "2",  # else glibc keeps freed batches in an arena per thread
        **({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} if gpus else {}),
    }
