"""What fine-tuning on the target does to the source task: from finished jobs to results."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.intervals import seeds_interval
from tfmed.jobs import Result
from tfmed.plan import Forgetting, Plan
from tfmed.study import LabelBudget


def entries(plan: Plan, finished: Mapping[str, Result]) -> list[dict[str, Any]]:
    """Per label budget of the target: the source task before and after fine-tuning on it."""
    budgets: dict[LabelBudget, list[Forgetting]] = {}
    for pair in plan.forgetting:
        budgets.setdefault(pair.run.label_budget, []).append(pair)
    return [
        {"label_budget": budget, "n_seeds": len(pairs), **_before_and_after(pairs, finished)}
        for budget, pairs in budgets.items()
    ]


def _before_and_after(pairs: list[Forgetting], finished: Mapping[str, Result]) -> dict[str, Any]:
    """Intervals over seeds; None for an AUC that is not defined."""
    measured_once = len({pair.before.key for pair in pairs}) == 1
    found: dict[str, Any] = {}
    for measure, change, compare, ranges in (
        ("probe_auc", "difference", np.subtract, ((0, 1), (0, 1), (-1, 1))),
        ("mse", "ratio", np.divide, ((0, math.inf),) * 3),
    ):
        before = [finished[pair.before.key].record[measure] for pair in pairs]
        after = [finished[pair.after.key].record[measure] for pair in pairs]
        names = [f"{measure}_{part}" for part in ("before", "after", change)]
        if None in (*before, *after):
            found |= dict.fromkeys(names)
            continue
        # Of one encoder for all seeds the same number would pose as an interval of no width.
        values = (before[:1] if measured_once else before, after, compare(after, before))
        parts = zip(names, values, ranges, strict=True)
        found |= {name: _interval(seeds, *ends) for name, seeds, ends in parts}
    return found


def _interval(values: ArrayLike, least: float, most: float) -> dict[str, float | None]:
    """Interval over seeds, no wider than what the quantity can be."""
    found = seeds_interval(values)
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return found
    return {**found, "low": max(low, least), "high": min(high, most)}
