"""One study done by several commands that share a cache folder, such as the tasks of a Slurm array.

Each shard does its share of the runs. A pretraining is needed by all: the first shard to claim it
does it, while the others do what does not need it. The shard that finds all work done goes on to
the report. Claims are file locks, which end with the process that holds them.
"""

import contextlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tfmed.execution.job import Job, with_ancestors
from tfmed.execution.store import Store
from tfmed.locks import hold
from tfmed.orchestration.plan import Plan

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
    plan: Plan,
    shard: Shard,
    store: Store,
    do: Callable[[Sequence[Job]], None],
    wait: Callable[[Job], None] = lambda _: None,
) -> None:
    """Does a shard's `share`, and the pretrainings that it needs and no other shard does.

    Where each seed pretrains, each shard begins with other pretrainings, and takes over those whose
    shard is not there.

    Args:
        plan: of the study.
        shard: whose share.
        store: shared by all shards.
        do: does those of the jobs, parents first, whose results are not in the store.
        wait: told, once, which pretraining of another shard is waited for.
    """
    jobs = share(plan, shard)
    pretrainings = [job for job in with_ancestors(jobs) if job.kind == PRETRAIN]
    first = {job.key for job in plan.pretrainings[shard.index - 1 :: shard.count]}
    elsewhere = {}
    with contextlib.ExitStack() as claims:
        for job in pretrainings:
            if store.load(job) is not None:
                continue
            if job.key not in first or not claims.enter_context(claim(store, job)):
                elsewhere[job.key] = job
        do([job for job in with_ancestors(jobs) if not _pretrainings(job) & elsewhere.keys()])
    for job in elsewhere.values():
        _await(job, store, do, wait)
    if elsewhere:
        do(jobs)


def unfinished(plan: Plan, store: Store) -> int:
    """How many of a study's jobs that runs, or what is measured of them, need have no result."""
    kinds = (PRETRAIN, "run", "baseline", "forgetting", "latent_space")
    jobs = [job for job in with_ancestors(plan.jobs()) if job.kind in kinds]
    return sum(not store.path(job).exists() for job in jobs)


def claim(store: Store, job: Job) -> contextlib.AbstractContextManager[bool]:
    """Whether this process may do a job; while it does, no other one may; errors as for `hold`."""
    return hold(store.path(job).with_suffix(".claim"), wait=False)


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
