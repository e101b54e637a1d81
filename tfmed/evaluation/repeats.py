"""Which runs of a cell go into an interval, and in which order: seeds crossed with pretrainings."""

from collections.abc import Collection

from tfmed.design import Repeat


def crossed(repeats: Collection[Repeat]) -> tuple[list[Repeat], int]:
    """Repeats as intervals take them: those of the first seed first, each seed with the same.

    Returns:
        The repeats, and how many pretrainings each seed has; those that not every seed has are left
        out.

    Raises:
        ValueError: the seeds have no pretraining in common.
    """
    seeds = sorted({each.seed for each in repeats})
    shared = _shared(repeats, seeds)
    return [Repeat(seed, number) for seed in seeds for number in shared], len(shared)


def paired(a: Collection[Repeat], b: Collection[Repeat]) -> tuple[list[tuple[Repeat, Repeat]], int]:
    """Repeats of two cells that are compared: equal seeds, and of several pretrainings equal ones.

    A side of one pretraining, or of none, is compared with each pretraining of the other.

    Returns:
        The pairs in the order of `crossed`, and how many pretrainings each seed has; nothing and 1
        where the cells share no seed or, each with several, no pretraining.
    """
    seeds = sorted({each.seed for each in a} & {each.seed for each in b})
    if not seeds:
        return [], 1
    of_a, of_b = _shared(a, seeds), _shared(b, seeds)
    if len(of_a) > 1 and len(of_b) > 1:
        of_a = of_b = [number for number in of_a if number in of_b]
    numbers = [(i, j) for i in of_a for j in of_b if i == j or 1 in (len(of_a), len(of_b))]
    both = [(Repeat(seed, i), Repeat(seed, j)) for seed in seeds for i, j in numbers]
    return both, max(len(numbers), 1)


def _shared(repeats: Collection[Repeat], seeds: Collection[int]) -> list[int]:
    """Pretrainings that every one of the seeds was run with."""
    of_seed = [{each.pretraining for each in repeats if each.seed == seed} for seed in seeds]
    shared = sorted(set.intersection(*of_seed))
    if not shared:
        raise ValueError(f"the seeds {seeds} share no pretraining")
    return shared
