"""Which strategies are compared, paired by seed and test case, and what is corrected together."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmed.config.study import OVERTRAINED, STANDARD
from tfmed.design import LabelBudget
from tfmed.evaluation import metrics

Side = tuple[str, str]
"""A strategy and its variant."""
Cell = tuple[str, str, str, LabelBudget]
"""Task, strategy, variant and label budget: what the seeds of one row of the summary share."""

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


@dataclass(frozen=True)
class Pair:
    """Two cells of one task and label budget.

    Attributes:
        kind: a key of `COMPARED`.
        a: the side whose metric is the minuend.
        b: the other.
        seeds: that both were run with.
        family: how many pairs of this kind the task has, which are corrected together.
    """

    kind: str
    a: Side
    b: Side
    seeds: list[int]
    family: int


def planned(cells: Mapping[Cell, Sequence[int]]) -> dict[tuple[str, LabelBudget], list[Pair]]:
    """Pairs to compare, by task and label budget; none where two cells share no seed.

    Args:
        cells: (task, strategy, variant, label budget) to its seeds.
    """
    found: dict[tuple[str, LabelBudget], list[tuple[str, Side, Side, list[int]]]] = {}
    for task, budget in dict.fromkeys((task, budget) for task, _, _, budget in cells):
        sides = {
            cell[1:3]: set(seeds) for cell, seeds in cells.items() if cell[::3] == (task, budget)
        }
        for kind, a, b in pairs(sides):
            if shared := sorted(sides[a] & sides[b]):
                found.setdefault((task, budget), []).append((kind, a, b, shared))
    families = Counter((task, kind) for (task, _), some in found.items() for kind, *_ in some)
    return {
        (task, budget): [Pair(*pair, family=families[task, pair[0]]) for pair in some]
        for (task, budget), some in found.items()
    }


def differences(
    pair: Pair, labels: np.ndarray, a: np.ndarray, b: np.ndarray
) -> list[dict[str, Any]]:
    """Every metric's difference between the two sides of a pair, but for those not defined.

    Args:
        pair: what is compared.
        labels: (n,) of 0 and 1.
        a: scores (n_seeds, n) in [0, 1] of the first side.
        b: the same of the second.

    Returns:
        What `tfmed.evaluation.metrics.compare` says of each, with `metric`, `kind`, `a` and `b`.
    """
    found = []
    for metric in METRICS:
        difference = metrics.compare(labels, a, b, metric, family=pair.family)
        if difference is not None:
            sides = {"a": _named(pair.a), "b": _named(pair.b)}
            found.append({"metric": metric, "kind": pair.kind, **sides, **difference})
    return found


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
