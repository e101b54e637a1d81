"""One study done by several commands that share a cache folder, such as the tasks of a Slurm array.

Each shard does its share of the runs. A pretraining is needed by all: the first shard to claim it
does it, while the others do what does not need it. The shard that finds all work done goes on to
the report. Claims are file locks, which end with the process that holds them.
"""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tfmed.errors import InputError
from tfmed.jobs import Job, Store, with_ancestors
from tfmed.plan import Plan

PRETRAIN = "pretrain"
POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Shard:
    """Number `index`, counted from 1, of `count` commands that do one study."""

    index: int
    count: int

    def __str__(self) -> str:
        """As on the command line."""
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """A shard from `i/n`.

    Raises:
        ValueError: `text` is not of that form with 1 <= i <= n <= 1000.
    """
    found = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text, re.ASCII)
    index, count = map(int, found.groups()) if found else (0, 0)
    if not 1 <= index <= count <= 1000:
        raise ValueError(text)
    return Shard(index, count)


def share(plan: Plan, shard: Shard) -> list[Job]:
    """A shard's runs and the latent spaces that look at them, parents first.

    Runs that start from another run stay with it. The costliest go first, each to the shard with
    the least to do, so every shard finds the same deal.
    """
    chains: dict[str, list[Job]] = {}
    first: dict[str, str] = {}
    for job in with_ancestors(plan.jobs()):
        parents = [parent for parent in job.parents.values() if parent.kind != PRETRAIN]
        if job.kind == PRETRAIN or len(parents) > 1:
            continue
        first[job.key] = first[parents[0].key] if parents else job.key
        chains.setdefault(first[job.key], []).append(job)
    costs = {key: sum(job.cost for job in jobs) for key, jobs in chains.items()}
    load = [0.0] * shard.count
    mine = set()
    for key in sorted(chains, key=lambda key: (-costs[key], key)):
        least = load.index(min(load))
        load[least] += costs[key]
        if least == shard.index - 1:
            mine.add(key)
    return [job for key, jobs in chains.items() if key in mine for job in jobs]


def do_share(
    jobs: Sequence[Job],
    store: Store,
    do: Callable[[Sequence[Job]], None],
    wait: Callable[[Job], None] = lambda _: None,
) -> None:
    """Does a shard's jobs, and the pretrainings that no other shard has claimed.

    Args:
        jobs: what `share` returned.
        store: shared by all shards.
        do: does those of the jobs, parents first, whose results are not in the store.
        wait: told, once, which pretraining of another shard is waited for.
    """
    pretrainings = [job for job in with_ancestors(jobs) if job.kind == PRETRAIN]
    elsewhere = {}
    with contextlib.ExitStack() as claims:
        for job in pretrainings:
            if store.load(job) is None and not claims.enter_context(claim(store, job)):
                elsewhere[job.key] = job
        do([job for job in with_ancestors(jobs) if not _pretrainings(job) & elsewhere.keys()])
    for job in elsewhere.values():
        _await(job, store, do, wait)
    if elsewhere:
        do(jobs)


def unfinished(plan: Plan, store: Store) -> int:
    """How many of a study's jobs that runs, or what is measured of them, need have no result."""
    kinds = (PRETRAIN, "run", "baseline", "forgetting")
    jobs = [job for job in with_ancestors(plan.jobs()) if job.kind in kinds]
    return sum(not store.path(job).exists() for job in jobs)


@contextlib.contextmanager
def claim(store: Store, job: Job) -> Iterator[bool]:
    """Whether this process may do a job; while it does, no other one may.

    Raises:
        InputError: the folder takes no file locks.
    """
    path = store.path(job).with_suffix(".claim")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            raise InputError(
                f"{path.parent}: takes no file locks ({error.strerror}), which shards need; "
                "set TFMED_CACHE to a shared folder that does"
            ) from None
        try:
            # Another process may have removed the file between opening and locking it.
            yield path.exists() and path.stat().st_ino == os.fstat(handle).st_ino
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _await(
    pretraining: Job,
    store: Store,
    do: Callable[[Sequence[Job]], None],
    wait: Callable[[Job], None],
) -> None:
    """Waits until another shard has done a pretraining, or does it when that one gave up."""
    wait(pretraining)
    while store.load(pretraining) is None:
        with claim(store, pretraining) as is_ours:
            if is_ours and store.load(pretraining) is None:
                do([pretraining])
                return
        time.sleep(POLL_SECONDS)


def _pretrainings(job: Job) -> set[str]:
    return {each.key for each in with_ancestors([job]) if each.kind == PRETRAIN}
