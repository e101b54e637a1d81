"""95 % intervals of means and paired differences over seeds and test cases.

Intervals cover two sources of variance: the seed (weights, label subset, shuffling) and the draw of
the test cases. Seeds and cases are crossed random effects, as readers and cases are in Obuchowski &
Rockette (1995) and Hillis (2007): with `s²` the variance of a metric over `S` seeds and `c` the
mean covariance of two seeds' values due to their common cases,

    variance of the mean = s² / S + max(c, 0)

`s²` already holds the seed-by-case residual, so that nothing is counted twice. `c` comes from
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
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import nctdtrinc, stdtr, stdtrit

from tfmed.errors import InputError
from tfmed.evaluation.case_values import (
    CaseValues,
    case_values,
    seed_thresholds,
    undefined,
)
from tfmed.tasks import task_of

LEVEL = 0.05
POWER = 0.8
SMALLEST_P = 1e-12
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
) -> dict[str, float | None] | None:
    """A metric's mean over seeds with its 95 % interval.

    The interval has Wilson's form (1927) with the number of cases that would give the variance
    found, so that it stays within [0, 1] and keeps a width when every answer is right. One seed
    says nothing about seed variance: its interval covers test cases only and `sd` is None.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1].
        metric: one of `METRICS`.
        thresholds: (n_seeds,); needed by metrics named `*_at_threshold` only.
        task: what the labels are for.
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.

    Returns:
        `mean`, `low`, `high`, `sd` (over seeds); None where the labels do not define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    truth, found = task_of(task).check_cases(labels, scores)
    if undefined(metric, truth, task_of(task).n_classes_of(found), task):
        return None
    chosen = seed_thresholds(thresholds, metric, found)
    return interval_of(case_values(metric, truth, found, chosen, task, patients))


def interval_of(values: CaseValues) -> dict[str, float | None]:
    """`mean_interval` of values that are there already; Wilson's form on the metric's range."""
    mean = float(values.estimates.mean())
    spread = spread_of(values.estimates, values.covariance(), values.n_cases)
    if (values.low, values.span) == (0.0, 1.0):
        low, high = wilson(mean, spread, values.n_cases)
    else:
        scaled = replace(spread, variance=spread.variance / values.span**2)
        share = min(max((mean - values.low) / values.span, 0.0), 1.0)
        ends = wilson(share, scaled, values.n_cases)
        low, high = (values.low + values.span * end for end in ends)
    return {"mean": mean, "low": low, "high": high, "sd": _sd(values.estimates)}


def seeds_interval(values: ArrayLike) -> dict[str, float | None]:
    """Mean of a quantity over seeds with Student's 95 % interval; for what has no test cases.

    Args:
        values: (n_seeds,).

    Returns:
        `mean`, `low`, `high`, `sd`; all but the mean are None with one seed.
    """
    of_seed = np.asarray(values, dtype=float)
    mean, sd, n = float(of_seed.mean()), _sd(of_seed), len(of_seed)
    if sd is None:
        return {"mean": mean, "low": None, "high": None, "sd": None}
    half_width = float(stdtrit(n - 1, 1 - LEVEL / 2)) * sd / math.sqrt(n)
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

    Returns:
        `difference`, `low`, `high` (95 %, within [-1, 1]), `standard_error`, `df` (of the Student's
        t that has the interval's quantile), two-sided `p_value`, `detectable` (see
        `Spread.detectable`; at the level of Holm's first step), `n_seeds`; None where the labels do
        not define the metric.

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
    return difference_of(values.minus(others), family)


def difference_of(values: CaseValues, family: int = 1) -> dict[str, float | int]:
    """`compare` of paired values that are there already."""
    difference = float(values.estimates.mean())
    spread = spread_of(values.estimates, values.covariance(), values.n_cases)
    return {
        "difference": difference,
        "low": max(difference - spread.half_width, -values.span / 2),
        "high": min(difference + spread.half_width, values.span / 2),
        "standard_error": math.sqrt(spread.variance),
        "df": spread.freedom(),
        "seed_share": spread.seed_share,
        "agreeing": spread.agreeing,
        "p_value": spread.p_value(difference),
        "detectable": spread.detectable(LEVEL / family),
        "n_seeds": len(values.estimates),
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


@dataclass(frozen=True)
class Spread:
    """Variance of a mean over seeds and test cases, and how well it is known.

    Attributes:
        variance: of the mean.
        seed_share: share of it that is estimated from seeds, 0 to 1; the rest is from cases.
        seed_freedom: degrees of freedom of the seeds' part.
        case_freedom: degrees of freedom of the cases' part.
        agreeing: the seeds agree more than their cases allow, and the variance is that of the
            cases.
    """

    variance: float
    seed_share: float
    seed_freedom: int
    case_freedom: int
    agreeing: bool = False

    def quantile(self, level: float = LEVEL) -> float:
        """Multiple of the standard error whose interval errs at this two-sided level.

        With two variances of unlike degrees of freedom no exact quantile exists. Satterthwaite's
        (1946) is too small where seeds are few and make most of the variance, the more so the
        further out in the tail; adding the squared half-widths of the two parts (Howe 1974) is a
        little too large at 5 % and right in the tail, where corrected comparisons are judged. So
        Howe's is weighted by the seeds' share at 5 %, and by ever more below. Agreeing seeds leave
        the quantile of the cases at 5 %, and they too count by ever more below.
        `benchmarks/interval_coverage.py` measures what comes of it.
        """
        share, of_cases = self.seed_share, -stdtrit(self.case_freedom, level / 2)
        if share == 0:
            return float(of_cases)
        of_seeds = -stdtrit(self.seed_freedom, level / 2)
        howe = math.sqrt(share * of_seeds**2 + (1 - share) * of_cases**2)
        near = min(level / LEVEL, 1.0)
        if self.agreeing:
            return near * float(of_cases) + (1 - near) * howe
        freedom = 1 / (share**2 / self.seed_freedom + (1 - share) ** 2 / self.case_freedom)
        weight = (1 - share) * near
        return weight * float(-stdtrit(freedom, level / 2)) + (1 - weight) * howe

    @property
    def half_width(self) -> float:
        """Of the 95 % interval."""
        return self.quantile() * math.sqrt(self.variance)

    def freedom(self) -> float:
        """Degrees of freedom of the t distribution that has this 97.5 % quantile."""
        fewest, most = self._outermost()
        goal = self.quantile()
        if stdtrit(fewest, 1 - LEVEL / 2) <= goal:
            return float(fewest)
        return float(brentq(lambda df: stdtrit(df, 1 - LEVEL / 2) - goal, fewest, most))

    def detectable(self, level: float = LEVEL) -> float:
        """Smallest true difference found with 80 % power at this two-sided level.

        From the noncentral t distribution. It is as good as the standard error, which is itself an
        estimate: with 3 seeds that make most of the variance the power is overstated.
        """
        noncentrality = nctdtrinc(self.freedom(), 1 - POWER, self.quantile(level))
        return float(noncentrality) * math.sqrt(self.variance)

    def p_value(self, difference: float) -> float:
        """Smallest level whose interval around the difference leaves out 0.

        Smaller ones than 1e-12 are given as that. Without any spread it is 0, or 1 where there is
        no difference.
        """
        if self.variance == 0:
            return float(difference == 0)
        distance = abs(difference) / math.sqrt(self.variance)
        # Student's p-values of the fewest and the most degrees of freedom enclose it.
        highest, lowest = (
            max(2 * float(stdtr(df, -distance)), SMALLEST_P) for df in self._outermost()
        )
        if self.seed_share == 0:
            return max(2 * float(stdtr(self.case_freedom, -distance)), SMALLEST_P)

        def excess(log_level: float) -> float:
            return self.quantile(math.exp(log_level)) - distance

        if excess(math.log(highest)) >= 0:
            return highest
        if excess(math.log(lowest)) <= 0:
            return lowest
        return math.exp(brentq(excess, math.log(lowest), math.log(highest), xtol=1e-10))

    def _outermost(self) -> tuple[int, int]:
        return (
            min(self.seed_freedom, self.case_freedom),
            self.seed_freedom + self.case_freedom,
        )


def spread_of(estimates: np.ndarray, covariance: np.ndarray, n_cases: int) -> Spread:
    """Spread of the mean over seeds, never smaller than the cases alone make it.

    Few seeds may agree by chance. The test cases alone still leave the mean over these very seeds
    uncertain: where the variance found is smaller than that, it is taken instead.

    Args:
        estimates: (n_seeds,).
        covariance: (n_seeds, n_seeds) of the estimates, due to the draw of cases.
        n_cases: cases that the covariance rests on.
    """
    n_seeds, case_freedom = len(covariance), max(n_cases - 1, 1)
    cases_alone = max(float(covariance.sum()) / n_seeds**2, 0.0)
    seed_variance = variance = 0.0
    if n_seeds > 1:
        between_seeds = (covariance.sum() - np.trace(covariance)) / (n_seeds * (n_seeds - 1))
        seed_variance = float(estimates.var(ddof=1)) / n_seeds
        variance = seed_variance + max(float(between_seeds), 0.0)
    total = max(variance, cases_alone)
    share, seed_freedom = seed_variance / total if total > 0 else 0.0, max(n_seeds - 1, 1)
    return Spread(total, share, seed_freedom, case_freedom, agreeing=variance <= cases_alone)


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
