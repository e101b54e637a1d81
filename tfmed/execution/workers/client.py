"""What the engines on Dask share: its settings, sending a job to one worker, and taking what comes.

Every job is sent to a worker that has none, by the worker's address: Dask chooses nothing, so that
a death can be blamed on one job. `distributed` is imported when there is work to do.
"""

import contextlib
import logging
import queue
import random
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tfmed.execution.job import Job
from tfmed.execution.work import Answer, Perform, Request, Say, answer, scratch_folder

SETTINGS = {
    "distributed.admin.large-graph-warning-threshold": "1TB",  # parents' results go with a job
    "distributed.admin.tick.limit": "1h",
    "distributed.comm.compression": False,
    "distributed.comm.timeouts.connect": "15s",
    "distributed.diagnostics.erred-tasks.max-history": 0,
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-ttl": None,  # a job may keep Python busy for minutes
    "distributed.worker.http.routes": [],
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.rebalance.measure": "managed",
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,
}
"""Dask's, for what this command starts; those of a cluster are its own."""

SECONDS_BETWEEN_SHARES = 0.5
"""What a job tells of its progress more often than that would only keep the command busy."""

_T = TypeVar("_T")


@dataclass(eq=False)
class Seat:
    """A worker, and the job that it does, if any.

    Attributes:
        address: Dask's, empty until it has joined.
        task: the job with what it takes to do it.
        jobs_done: so far.
        future: of the job.
    """

    address: str = ""
    task: tuple[Job, Request, Say] | None = None
    jobs_done: int = 0
    future: Any = field(default=None, repr=False)


class Post:
    """Sends jobs to workers; what comes of them, and other news, waits in `news`.

    Attributes:
        news: functions that take in what has happened and give what became of jobs; other
            threads put them here, the command's own calls them.
    """

    def __init__(self, client: Any, perform: Perform) -> None:
        """Takes a client of a cluster that runs, and the function that does jobs."""
        self._client, self._perform = client, perform
        self._topic = f"tfmed-{uuid.uuid4()}"
        self.news: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        self._says: dict[str, Say] = {}
        client.subscribe_topic(self._topic, lambda event: self.news.put(lambda: self._said(event)))

    def send(self, seat: Seat, take: Callable[[Any], Any]) -> None:
        """Has the job of a seat done; `take` is given its future once it is at its end."""
        assert seat.task is not None
        job, request, say = seat.task
        self._says[job.key] = say
        seat.future = self._client.submit(
            do,
            self._perform,
            request,
            job.key,
            self._topic,
            key=f"{job.kind}-{uuid.uuid4()}",
            workers=[seat.address],
            allow_other_workers=False,
            pure=False,
        )
        seat.future.add_done_callback(lambda future: self.news.put(lambda: take(future)))

    def _said(self, event: Any) -> None:
        _, message = event
        if message["job"] in self._says:
            self._says[message["job"]](message["share"])

    def forget(self, seat: Seat) -> Job:
        """Ends what a seat has to do with its job, which is given back."""
        assert seat.task is not None
        (job, _, _), seat.task = seat.task, None
        self._says.pop(job.key, None)
        seat.future = None
        return job


def do(perform: Perform, request: Request, key: str, topic: str) -> Answer:
    """Does one job on the worker that this is called on.

    Args:
        perform: does it.
        request: the job and what it needs.
        key: the job's.
        topic: where to tell of its progress.
    """
    from distributed import get_worker

    worker, said = get_worker(), time.monotonic()
    keep_random_numbers_apart()

    def say(share: float) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS_BETWEEN_SHARES:
            said = time.monotonic()
            worker.log_event(topic, {"job": key, "share": float(share)})

    with scratch_folder():
        return answer(perform, request, say)


def keep_random_numbers_apart() -> None:
    """Gives Dask random numbers of its own in this process.

    It estimates the size of each message, heartbeats included, by samples drawn from the process's
    global random numbers, in another thread. A job that has just seeded those would lose some.
    """
    for name, module in list(sys.modules.items()):
        is_dasks = name.startswith(("dask.", "distributed.", "tornado."))
        if is_dasks and getattr(module, "random", None) is random:
            module.random = _DASKS_RANDOM  # type: ignore[attr-defined]


_DASKS_RANDOM = random.Random()


def keep_to_a_steady_clock() -> None:
    """Has Dask measure time in this process by a clock that nobody can set.

    It holds messages back until a time of day: were the clock set back by an hour, nothing would be
    sent for an hour, and were it set forward, connections would count as timed out.
    """
    from distributed import metrics
    from tornado.ioloop import IOLoop

    for name, module in list(sys.modules.items()):
        is_dasks = name.startswith("distributed.") and module is not metrics
        if is_dasks and getattr(module, "time", None) is metrics.time:
            module.time = time.monotonic  # type: ignore[attr-defined]
    IOLoop.time = lambda self: time.monotonic()  # type: ignore[method-assign]


def answer_of(future: Any) -> Answer | None:
    """What a job's future holds once it is at its end; None where its worker was lost."""
    from distributed import KilledWorker

    if future.status not in ("finished", "error"):
        return None
    try:
        return future.result()
    except KilledWorker:
        return None
    except Exception as error:  # what the worker could not even begin
        return Answer(error=f"{type(error).__name__}: {error}\n{traceback.format_exc()}")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps Dask's log off the terminal: what it warns of is told in the command's own words."""
    import distributed  # noqa: F401 - sets levels when it is imported

    names = ("distributed", "distributed.client", "distributed.gc", "tornado", "asyncio")
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
