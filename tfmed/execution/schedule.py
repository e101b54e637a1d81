"""Which job is done when, and what happens when one fails; where it is done is a backend's matter.

The result of a job does not depend on the backend, on how many jobs run side by side, or on their
order.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tfmed.errors import InputError, JobError
from tfmed.execution.job import Job

TRIES = 2


@dataclass(frozen=True)
class Event:
    """What a backend tells of a job that it was given.

    Attributes:
        job: the job.
        what: `going` (a share of it is done), `answered` (it was done, or failed as `answer`
            says), or `died` (what ran it ended, for the reason in `answer`).
        share: how much of it is done, from 0 to 1.
        answer: for `answered`, the worker's answer; for `died`, `reason` and `mend`.
    """

    job: Job
    what: Literal["going", "answered", "died"]
    share: float
    answer: dict[str, Any]


class Backend(Protocol):
    """Something that does jobs whose parents' results are in the store.

    Attributes:
        where: what does the jobs, in words, such as `2 workers`.
    """

    where: str

    def has_room(self) -> bool:
        """Whether another job can be started now."""

    def start(self, job: Job) -> None:
        """Starts a job; what comes of it shows in `wait`."""

    def wait(self) -> Iterable[Event]:
        """Waits until something happens to a job that was started."""


@dataclass(frozen=True)
class Progress:
    """What a listener is told: after each job, and now and then within one.

    Attributes:
        job: the job that was finished or is being done.
        finished: it is finished.
        done: how many jobs are finished.
        total: how many jobs there were to do.
        cost_left: rough seconds of one core still to do.
        running: titles of the jobs that are being done.
    """

    job: Job
    finished: bool
    done: int
    total: int
    cost_left: float
    running: tuple[str, ...] = ()


Listener = Callable[[Progress], None]


def do_jobs(
    jobs: Sequence[Job], done: set[str], backend: Backend, listener: Listener = lambda _: None
) -> dict[str, dict[str, Any]]:
    """Does every job that is not done, the longest chains of work first.

    Args:
        jobs: in an order in which parents come first.
        done: keys of the jobs whose results the store holds.
        backend: does them.
        listener: told about progress.

    Returns:
        Key to record of each job that was done.

    Raises:
        InputError: a job found something that the user can mend, or what ran it died twice.
        JobError: a job failed.
    """
    schedule = _Schedule(jobs, done, listener)
    while schedule.unfinished:
        for job in schedule.ready():
            if not backend.has_room():
                break
            schedule.begin(job)
            backend.start(job)
        for event in backend.wait():
            schedule.take(event)
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

    def begin(self, job: Job) -> None:
        """Notes that a worker has it."""
        self.waiting.remove(job)
        self.running[job.key] = (job, 0.0)

    def take(self, event: Event) -> None:
        """Notes what a worker told; raises as `_record` and `_retry` do."""
        job = event.job
        if event.what == "going":
            self.running[job.key] = (job, event.share)
            self._tell(job, finished=False)
            return
        del self.running[job.key]
        if event.what == "died":
            self._retry(job, event.answer)
            return
        self.records[job.key] = _record(job, event.answer)
        self.done.add(job.key)
        self._tell(job, finished=True)

    def _retry(self, job: Job, why: dict[str, Any]) -> None:
        self.deaths[job.key] = self.deaths.get(job.key, 0) + 1
        if self.deaths[job.key] >= TRIES:
            raise InputError(f"{job.title}: its worker ended twice {why['reason']}; {why['mend']}")
        self.waiting.insert(0, job)

    def _tell(self, job: Job, *, finished: bool) -> None:
        left = sum(job.cost for job in self.waiting)
        left += sum(job.cost * (1 - share) for job, share in self.running.values())
        running = tuple(job.title for job, _ in self.running.values())
        self.listener(Progress(job, finished, len(self.records), self.total, left, running))


def _record(job: Job, answer: dict[str, Any]) -> dict[str, Any]:
    if "input_error" in answer:
        raise InputError(answer["input_error"])
    if "error" in answer:
        raise JobError(f"{job.title}: {answer['error']}\n{answer['traceback']}")
    return answer["record"]


def _urgency(jobs: Sequence[Job]) -> dict[str, float]:
    """Cost of the longest chain of work that starts with each job."""
    urgency = {job.key: job.cost for job in jobs}
    for job in reversed(jobs):
        for parent in job.parents.values():
            if parent.key in urgency:
                chain = parent.cost + urgency[job.key]
                urgency[parent.key] = max(urgency[parent.key], chain)
    return urgency
