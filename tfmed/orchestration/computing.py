"""Does the jobs of a plan whose results are not kept from earlier."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tfmed import steps
from tfmed.errors import InputError
from tfmed.execution.curves import Curves
from tfmed.execution.engine import Engine, InProcess, Progress, do_jobs
from tfmed.execution.job import Job, Result, with_ancestors
from tfmed.execution.one_thread import on_one_thread
from tfmed.execution.store import Store
from tfmed.execution.workers.cluster import Cluster
from tfmed.execution.workers.local import LocalWorkers, jobs_per_gpu
from tfmed.orchestration import provenance
from tfmed.orchestration.listening import Listener
from tfmed.results.planned import Plan

_UNUSED_GPUS = (
    "note: TensorFlow can't use the GPUs of this machine (pip install 'tensorflow[and-cuda]' "
    "brings CUDA's libraries): the cores do the work"
)


@dataclass(frozen=True)
class Workers:
    """What does the jobs; see `tfmed.orchestration.running.run`."""

    number: int | None = None
    cluster: str | None = None
    gpus_per_job: float = 1.0


@dataclass(frozen=True)
class Engines:
    """What does the work of a study.

    Attributes:
        jobs: does what the store keeps.
        exports: writes models, on this machine.
    """

    jobs: Engine
    exports: Engine


@contextlib.contextmanager
def opened(workers: Workers, listener: Listener) -> Iterator[Engines]:
    """What does the jobs, for as long as it is needed.

    Raises:
        InputError: there is no such cluster, or it can't be used.
    """
    perform = functools.partial(on_one_thread, steps.perform)
    if workers.cluster is not None:
        if workers.number == 0:
            raise InputError("--workers 0 is this process alone: leave it or --cluster out")
        listener.stage(f"joining the cluster {workers.cluster}")
        with (
            Cluster(perform, workers.cluster, workers.number) as cluster,
            LocalWorkers(perform, provenance.usable_cores()) as local,
        ):
            yield Engines(cluster, local)
        return
    if workers.number == 0:
        engine = InProcess(perform)
        yield Engines(engine, engine)
        return
    gpus = provenance.visible_gpus()
    if gpus and not provenance.tensorflow_uses_gpus():
        listener.note(_UNUSED_GPUS)
        gpus = []
    number = workers.number
    if number is None:
        number = len(gpus) * jobs_per_gpu(workers.gpus_per_job) or provenance.usable_cores()
    with LocalWorkers(perform, number, gpus=gpus) as local:
        yield Engines(local, local)


def discard(plan: Plan, store: Store) -> None:
    """Forgets the results of every job of the plan.

    Raises:
        InputError: the store can't be written to.
    """
    store.check_writable()
    for job in with_ancestors(plan.jobs()):
        store.discard(job)


def compute(
    plan: Plan, store: Store, engine: Engine, listener: Listener, curves: Curves | None = None
) -> Mapping[str, Result]:
    """Key to result of every job of the plan, those kept from earlier included.

    Args:
        plan: the study's plan.
        store: keeps results.
        engine: does the jobs.
        listener: hears how it goes on.
        curves: is given what each job measured while it fitted something, once it is finished.

    Raises:
        InputError: the store can't be written to, or a job found something that the user can fix.
        JobError: a job failed for a reason that is tfmed's own.
    """
    jobs = with_ancestors(plan.jobs())
    finished = {job.key: result for job in jobs if (result := store.load(job)) is not None}
    todo = [job for job in jobs if job.key not in finished]
    if todo:
        store.check_writable()
    if damaged := sum(store.path(job).exists() for job in todo):
        listener.note(f"note: {damaged} kept results are damaged and are computed again")
    kept = f"; {len(finished)} are finished already" if finished else ""
    listener.stage(f"training and looking: {len(todo)} jobs to do on {engine.where}{kept}")

    def heard(progress: Progress) -> None:
        job = progress.job
        if progress.finished:
            finished[job.key] = _loaded(job, store)
            if curves:
                curves.write(job, finished[job.key])
        listener.jobs(progress)

    if curves:
        for job in jobs:
            if job.key in finished:
                curves.write(job, finished[job.key])
    do_jobs(jobs, set(finished), engine, store, plan.datasets, heard)
    return finished


def _loaded(job: Job, store: Store) -> Result:
    result = store.load(job)
    if result is None:
        raise InputError(
            f"{store.path(job)}: gone or damaged since it was written; run the study again"
        )
    return result
