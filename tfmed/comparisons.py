"""Which strategies are compared, paired by seed and test case, and what is corrected together."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfmed import evaluation
from tfmed.plan import Run
from tfmed.study import OVERTRAINED, STANDARD

Side = tuple[str, str]
"""A strategy and its variant."""

COMPARED: dict[str, tuple[tuple[Side, Side], ...]] = {
    "question": (
        (("finetune", STANDARD), ("scratch", STANDARD)),
        (("frozen", STANDARD), ("scratch", STANDARD)),
        (("finetune", STANDARD), ("frozen", STANDARD)),
        (("frozen", STANDARD), ("random_frozen", STANDARD)),
    ),
    "experiment": (
        (("scratch", STANDARD), ("scratch", OVERTRAINED)),
        (("scratch", "class_weighted"), ("scratch", STANDARD)),
        (("scratch", "focal"), ("scratch", STANDARD)),
        (("finetune", "class_weighted"), ("finetune", STANDARD)),
        (("finetune", "focal"), ("finetune", STANDARD)),
    ),
    "baseline": (
        (("finetune", STANDARD), ("pixels_logistic", STANDARD)),
        (("finetune", STANDARD), ("pca_logistic", STANDARD)),
        (("finetune", STANDARD), ("frozen_logistic", STANDARD)),
        (("frozen", STANDARD), ("pixels_logistic", STANDARD)),
        (("frozen", STANDARD), ("pca_logistic", STANDARD)),
        (("frozen_logistic", STANDARD), ("random_logistic", STANDARD)),
        (("frozen_logistic", STANDARD), ("pixels_logistic", STANDARD)),
    ),
}
"""Pairs by their kind, compared at every task and label budget where both were run; as experiments,
every variant of fine-tuning that sets the dropout is compared with the standard one besides."""
DROPOUT = "dropout_"
METRICS = (
    "accuracy",
    "auc",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "average_precision",
)


def compare_strategies(
    cells: Mapping[tuple, Sequence[Run]],
    labels: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray],
) -> list[dict[str, Any]]:
    """`comparisons` of results.json.

    Args:
        cells: (task, strategy, variant, label budget) to its runs, one per seed.
        labels: task to its test labels, (n,) of 0 and 1.
        scores: key of a run's job to its scores on the test split, (n,) in [0, 1].

    Returns:
        What `tfmed.intervals.corrected` makes of each pair and metric, with `task`,
        `label_budget`, `kind`, `a` and `b`.
    """
    wanted = [
        (task, budget, kind, a, b, metric)
        for task, budget in dict.fromkeys((task, budget) for task, _, _, budget in cells)
        for kind, a, b in pairs([cell[1:3] for cell in cells if cell[::3] == (task, budget)])
        if _common_seeds(cells[task, *a, budget], cells[task, *b, budget])
        for metric in METRICS
    ]
    families = Counter((metric, task, kind) for task, _, kind, _, _, metric in wanted)
    compared = []
    for task, budget, kind, a, b, metric in wanted:
        runs_a, runs_b = cells[task, *a, budget], cells[task, *b, budget]
        seeds = _common_seeds(runs_a, runs_b)
        found = evaluation.compare(
            labels[task],
            _stacked(runs_a, seeds, scores),
            _stacked(runs_b, seeds, scores),
            metric,
            family=families[metric, task, kind],
        )
        if found is None:
            continue
        where = {"task": task, "label_budget": budget, "metric": metric, "kind": kind}
        compared.append({**where, "a": _named(a), "b": _named(b), **found})
    return evaluation.corrected(compared)


def pairs(sides: Iterable[Side]) -> list[tuple[str, Side, Side]]:
    """Kind and sides of each pair to compare among the sides that there are."""
    there = list(sides)
    wanted = [(kind, a, b) for kind, known in COMPARED.items() for a, b in known]
    wanted += [
        ("experiment", side, ("finetune", STANDARD))
        for side in there
        if side[0] == "finetune" and side[1].startswith(DROPOUT)
    ]
    return [(kind, a, b) for kind, a, b in wanted if a in there and b in there]


def _named(side: Side) -> dict[str, str]:
    return {"strategy": side[0], "variant": side[1]}


def _common_seeds(a: Sequence[Run], b: Sequence[Run]) -> list[int]:
    return sorted({run.seed for run in a} & {run.seed for run in b})


def _stacked(
    runs: Sequence[Run], seeds: Sequence[int], scores: Mapping[str, np.ndarray]
) -> np.ndarray:
    of_seed = {run.seed: scores[run.job.key] for run in runs}
    return np.stack([of_seed[seed] for seed in seeds])
