"""95 % intervals of means and paired differences over seeds and test cases.

Intervals cover two sources of variance: the seed (weights, label subset, shuffling) and the draw of
the test cases. Seeds and cases are crossed random effects, as readers and cases are in Obuchowski &
Rockette (1995) and Hillis (2007): with `s²` the variance of a metric over `S` seeds and `c` the
mean covariance of two seeds' values due to their common cases,

    variance of the mean = s² / S + max(c, 0)

`s²` already holds the seed-by-case residual, so that nothing is counted twice. Where a strategy
starts from several pretrainings, each with every seed, pretrainings are a third crossed effect: `s²
/ S` becomes (MS of seeds + MS of pretrainings - MS of their interaction) / (S P), the mean squares
of a two-way analysis of variance (Searle, Casella & McCulloch 1992, section 5.3), and `c` that of
two runs that share neither. `c` comes from
per-case values in closed form (`tfmed.evaluation.case_values`) and needs no resampling. Where few
seeds agree by chance, more than their cases allow, the cases alone make the interval.

Where patients are known, cases are drawn patient by patient, and `c` is that of patients
(`tfmed.evaluation.patients`): in this module "cases" then means patients with all their images.

A hierarchical bootstrap (seeds, then cases) counts that residual twice and still cannot see past
the few seeds it draws from: `benchmarks/interval_coverage.py` measures how often either holds the
truth.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from tfmed.errors import InputError
from tfmed.evaluation.case_values import (
    CaseValues,
    case_values,
    seed_thresholds,
    undefined,
)
from tfmed.evaluation.spread import LEVEL, Spread, spread_of, variance_of_runs
from tfmed.tasks import task_of

_NO_PRODUCT = 1e-100  # of a mean and what it lacks to 1: smaller ones overflow when divided by
FAMILY = ("metric", "task", "kind")
"""What comparisons that are corrected together have in common."""


def mean_interval(
    labels: ArrayLike,
    scores: ArrayLike,
    metric: str,
    thresholds: ArrayLike | None = None,
    task: str = "binary",
    patients: ArrayLike | None = None,
    pretrainings: int = 1,
) -> dict[str, float | None] | None:
    """A metric's mean over seeds with its 95 % interval.

    The interval has Wilson's form (1927) with the number of cases that would give the variance
    found, so that it stays within [0, 1] and keeps a width when every answer is right. One seed
    says nothing about seed variance: its interval covers test cases only and `sd` is None.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1]; of several pretrainings (n_seeds × pretrainings, n), the
            pretrainings of the first seed first.
        metric: one of `METRICS`.
        thresholds: (n_seeds,); needed by metrics named `*_at_threshold` only.
        task: what the labels are for.
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.
        pretrainings: that each seed was run with.

    Returns:
        `mean`, `low`, `high`, `sd` (over seeds); None where the labels do not define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    truth, found = task_of(task).check_cases(labels, scores)
    if undefined(metric, truth, task_of(task).n_classes_of(found), task):
        return None
    chosen = seed_thresholds(thresholds, metric, found)
    return interval_of(case_values(metric, truth, found, chosen, task, patients), pretrainings)


def interval_of(values: CaseValues, pretrainings: int = 1) -> dict[str, float | None]:
    """`mean_interval` of values that are there already; Wilson's form on the metric's range."""
    mean = float(values.estimates.mean())
    spread = spread_of(values.estimates, values.covariance(), values.n_cases, pretrainings)
    if (values.low, values.span) == (0.0, 1.0):
        low, high = wilson(mean, spread, values.n_cases)
    else:
        scaled = replace(spread, variance=spread.variance / values.span**2)
        share = min(max((mean - values.low) / values.span, 0.0), 1.0)
        ends = wilson(share, scaled, values.n_cases)
        low, high = (values.low + values.span * end for end in ends)
    return {"mean": mean, "low": low, "high": high, "sd": _sd(values.estimates)}


def seeds_interval(values: ArrayLike, pretrainings: int = 1) -> dict[str, float | None]:
    """Mean of a quantity over seeds with Student's 95 % interval; for what has no test cases.

    Args:
        values: (n_seeds,), or (n_seeds × pretrainings,), those of the first seed first.
        pretrainings: that each seed was run with.

    Returns:
        `mean`, `low`, `high`, `sd`; all but the mean are None with one seed.
    """
    of_seed = np.asarray(values, dtype=float)
    mean, sd = float(of_seed.mean()), _sd(of_seed)
    if sd is None:
        return {"mean": mean, "low": None, "high": None, "sd": None}
    variance, freedom = variance_of_runs(of_seed.reshape(-1, pretrainings))
    half_width = float(stdtrit(freedom, 1 - LEVEL / 2)) * math.sqrt(variance)
    return {"mean": mean, "low": mean - half_width, "high": mean + half_width, "sd": sd}


def _sd(values: np.ndarray) -> float | None:
    return float(values.std(ddof=1)) if len(values) > 1 else None


def compare(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    metric: str = "accuracy",
    thresholds_a: ArrayLike | None = None,
    thresholds_b: ArrayLike | None = None,
    family: int = 1,
    task: str = "binary",
    patients: ArrayLike | None = None,
    pretrainings: int = 1,
) -> dict[str, float | int] | None:
    """Mean of a metric's difference, a minus b, paired by seed and by test case.

    The p-value is the smallest level whose interval leaves out 0: it is below .05 just where the
    95 % interval leaves out 0. Strategies that give the same answers have an interval of no width.

    Args:
        labels: (n,) of 0 and 1.
        scores_a: (n_seeds, n) in [0, 1].
        scores_b: (n_seeds, n); row i has the seed of row i of `scores_a`.
        metric: one of `METRICS`.
        thresholds_a: (n_seeds,); needed by metrics named `*_at_threshold` only.
        thresholds_b: the same for b.
        family: how many comparisons it will be corrected for; `detectable` allows for them.
        task: what the labels are for.
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.
        pretrainings: that each seed was run with, as for `mean_interval`.

    Returns:
        `difference`, `low`, `high` (95 %, within [-1, 1]), `standard_error`, `df` (of the Student's
        t that has the interval's quantile), two-sided `p_value`, `detectable` (see
        `Spread.detectable`; at the level of Holm's first step), `n_seeds`, `n_pretrainings`; None
        where the labels do not define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    asked = task_of(task)
    truth, a = asked.check_cases(labels, scores_a)
    _, b = asked.check_cases(labels, scores_b)
    if a.shape != b.shape:
        raise InputError(f"{len(a)} seeds against {len(b)}: compare strategies at the same seeds")
    if undefined(metric, truth, asked.n_classes_of(a), task):
        return None
    values, others = (
        case_values(
            metric, truth, scores, seed_thresholds(thresholds, metric, scores), task, patients
        )
        for scores, thresholds in ((a, thresholds_a), (b, thresholds_b))
    )
    return difference_of(values.minus(others), family, pretrainings)


def difference_of(
    values: CaseValues, family: int = 1, pretrainings: int = 1
) -> dict[str, float | int]:
    """`compare` of paired values that are there already."""
    difference = float(values.estimates.mean())
    spread = spread_of(values.estimates, values.covariance(), values.n_cases, pretrainings)
    return {
        "difference": difference,
        "low": max(difference - spread.half_width, -values.span / 2),
        "high": min(difference + spread.half_width, values.span / 2),
        "standard_error": math.sqrt(spread.variance),
        "df": spread.freedom(),
        "seed_share": spread.seed_share,
        "seed_df": float(spread.seed_freedom),
        "agreeing": spread.agreeing,
        "p_value": spread.p_value(difference),
        "detectable": spread.detectable(LEVEL / family),
        "n_seeds": len(values.estimates) // pretrainings,
        "n_pretrainings": pretrainings,
    }


def corrected(comparisons: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Comparisons with what their number costs.

    A family is all comparisons of one metric that are equal in `FAMILY`: on one task, and of one
    kind, so that the study's question does not pay for baselines and experiments. Holm's step-down
    procedure (1979) keeps the chance of any false claim in a family at 5 % or less, however the
    comparisons depend on each other. With one seed nothing is clear, because nothing is known of
    seed variance.

    Args:
        comparisons: entries with what `compare` returns, and of `FAMILY` what they have.

    Returns:
        The same entries in the same order, each with `family` (its number of comparisons),
        `p_adjusted` and `clear` (whether `p_adjusted` < .05).
    """
    entries = [dict(entry) for entry in comparisons]
    families: dict[tuple, list[dict[str, Any]]] = {}
    for entry in entries:
        families.setdefault(tuple(entry.get(key) for key in FAMILY), []).append(entry)
    for family in families.values():
        adjusted = holm([entry["p_value"] for entry in family])
        for entry, p_adjusted in zip(family, adjusted.tolist(), strict=True):
            entry["family"] = len(family)
            entry["p_adjusted"] = p_adjusted
            entry["clear"] = p_adjusted < LEVEL and entry["n_seeds"] > 1
    return entries


def holm(p_values: ArrayLike) -> np.ndarray:
    """P-values (m,) adjusted for their number by Holm's step-down procedure (1979)."""
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(values, kind="stable")
    steps = np.arange(len(values), 0, -1) * values[order]
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def wilson(mean: float, spread: Spread, n_cases: int) -> tuple[float, float]:
    """Wilson's 95 % interval of as many cases as give this variance, or of `n_cases` if none."""
    variance, quantile, product = spread.variance, spread.quantile(), mean * (1 - mean)
    if variance == 0 and product > 0:
        return mean, mean
    # quantile² over the effective number of cases
    weight = quantile**2 * (variance / product if product > _NO_PRODUCT else 1 / n_cases)
    centre = (mean + weight / 2) / (1 + weight)
    half_width = math.sqrt(max(weight * product + weight**2 / 4, 0.0)) / (1 + weight)
    return max(min(centre - half_width, mean), 0.0), min(max(centre + half_width, mean), 1.0)
