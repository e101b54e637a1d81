"""Which job is done when, and what happens when one fails; where it is done is an engine's matter.

The result of a job does not depend on the engine, on how many jobs run side by side, or on their
order. Only jobs that are ready are handed to an engine, and no more than it does at once, so that
the death of a worker is blamed on the one job that it did.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tfmed.data import DatasetInfo
from tfmed.errors import InputError, JobError
from tfmed.execution.job import Job
from tfmed.execution.store import Store, write_content
from tfmed.execution.work import Answer, Perform, Request, Say, answer, request_for, scratch_folder

TRIES = 2


@dataclass(frozen=True)
class Death:
    """The end of a worker while it did a job.

    Attributes:
        reason: such as `by SIGKILL`.
        remedy: what the user may do.
    """

    reason: str
    remedy: str


Outcome = tuple[Job, Answer | Death]


class Engine(Protocol):
    """Something that does jobs.

    Attributes:
        where: what does the jobs, in words, such as `2 workers`.
    """

    where: str

    def has_room(self) -> bool:
        """Whether another job can be started now."""

    def start(self, job: Job, request: Request, say: Say) -> None:
        """Starts a job; what comes of it shows in `wait`, which also calls `say`."""

    def wait(self) -> Iterable[Outcome]:
        """Waits until something has become of jobs that were started; may be empty."""


class InProcess:
    """An engine that does one job after another in this process, for debugging."""

    where = "this process"

    def __init__(self, perform: Perform) -> None:
        """Takes the function that does jobs."""
        self._perform = perform
        self._next: tuple[Job, Request, Say] | None = None

    def has_room(self) -> bool:
        """Whether no job waits to be done."""
        return self._next is None

    def start(self, job: Job, request: Request, say: Say) -> None:
        """Notes the job."""
        self._next = job, request, say

    def wait(self) -> Iterable[Outcome]:
        """Does the job."""
        assert self._next is not None
        (job, request, say), self._next = self._next, None
        with scratch_folder():
            return [(job, answer(self._perform, request, say))]


@dataclass(frozen=True)
class Progress:
    """What a listener is told: when a job begins or ends, and now and then within one.

    Attributes:
        job: the job that was begun, goes on, or was finished.
        finished: it is finished.
        done: how many jobs are finished.
        total: how many jobs there were to do.
        cost_left: rough seconds of one core still to do.
        running: the titles of the jobs that are being done.
    """

    job: Job
    finished: bool
    done: int
    total: int
    cost_left: float
    running: tuple[str, ...] = ()


Listener = Callable[[Progress], None]


def do_jobs(
    jobs: Sequence[Job],
    done: set[str],
    engine: Engine,
    store: Store,
    datasets: Mapping[str, DatasetInfo],
    listener: Listener = lambda _: None,
) -> dict[str, dict[str, Any]]:
    """Does every job that is not done, the longest chains of work first, and keeps the results.

    Args:
        jobs: in an order in which parents come first.
        done: keys of the jobs whose results the store holds.
        engine: does them.
        store: holds parents' results, takes the jobs' own.
        datasets: MD5 to data set.
        listener: told about progress.

    Returns:
        Key to record of each job that was done.

    Raises:
        InputError: a job found something that the user can fix, or what ran it died twice.
        JobError: a job failed.
    """
    schedule = _Schedule(jobs, done, listener)
    while schedule.unfinished:
        for job in schedule.ready():
            if not engine.has_room():
                break
            request = request_for(job, store, datasets)
            engine.start(job, request, schedule.begin(job))
        for job, outcome in engine.wait():
            if isinstance(outcome, Answer) and outcome.content:
                write_content(store.path(job), outcome.content)
            schedule.end(job, outcome)
    return schedule.records


class _Schedule:
    """Which jobs wait, run and are done, and what became of each."""

    def __init__(self, jobs: Sequence[Job], done: set[str], listener: Listener) -> None:
        todo = [job for job in jobs if job.key not in done]
        urgency = _urgency(todo)
        self.waiting = sorted(todo, key=lambda job: -urgency[job.key])
        self.running: dict[str, tuple[Job, float]] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.deaths: dict[str, int] = {}
        self.done = set(done)
        self.total = len(todo)
        self.listener = listener

    @property
    def unfinished(self) -> bool:
        """Whether any job waits or runs."""
        return bool(self.waiting or self.running)

    def ready(self) -> list[Job]:
        """The waiting jobs whose parents are all done, the most urgent first."""
        return [
            job
            for job in self.waiting
            if all(parent.key in self.done for parent in job.parents.values())
        ]

    def begin(self, job: Job) -> Say:
        """Notes that a worker has it; what is returned takes the share that is done."""

        def say(share: float) -> None:
            self.running[job.key] = (job, share)
            self._tell(job, finished=False)

        self.waiting.remove(job)
        say(0.0)
        return say

    def end(self, job: Job, outcome: Answer | Death) -> None:
        """Notes what became of it; raises as `_record` and `_retry` do."""
        del self.running[job.key]
        if isinstance(outcome, Death):
            self._retry(job, outcome)
            return
        self.records[job.key] = _record(job, outcome)
        self.done.add(job.key)
        self._tell(job, finished=True)

    def _retry(self, job: Job, death: Death) -> None:
        self.deaths[job.key] = self.deaths.get(job.key, 0) + 1
        if self.deaths[job.key] >= TRIES:
            raise InputError(f"{job.title}: its worker ended twice {death.reason}; {death.remedy}")
        self.waiting.insert(0, job)

    def _tell(self, job: Job, *, finished: bool) -> None:
        left = sum(job.cost for job in self.waiting)
        left += sum(job.cost * (1 - share) for job, share in self.running.values())
        running = tuple(job.title for job, _ in self.running.values())
        self.listener(Progress(job, finished, len(self.records), self.total, left, running))


def _record(job: Job, found: Answer) -> dict[str, Any]:
    if found.input_error:
        raise InputError(found.input_error)
    if found.error:
        raise JobError(f"{job.title}: {found.error}")
    return found.record


def _urgency(jobs: Sequence[Job]) -> dict[str, float]:
    """Cost of the longest chain of work that starts with each job."""
    urgency = {job.key: job.cost for job in jobs}
    for job in reversed(jobs):
        for parent in job.parents.values():
            if parent.key in urgency:
                chain = parent.cost + urgency[job.key]
                urgency[parent.key] = max(urgency[parent.key], chain)
    return urgency
