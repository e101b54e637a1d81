"""Verdicts on findings from `results.json`, and where in it to look: for the ledgers of studies.

A finding is *supported* if the whole 95 % interval of its quantity lies on its side of a declared
margin, *refuted* if the whole interval lies on the other side, else *undecided*, with the sample
size whose interval would end at the margin if the value stayed what it is: n (half-width / distance
to the margin)². Where an interval carries seeds and test images, both have to grow in that
proportion.

Each function takes the content of `results.json` and raises `NotTestedError` where that lacks what
it needs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tfmed.design import LabelBudget, budget_size

Verdict = Literal["supported", "refuted", "undecided"]
Region = tuple[float, float]
Results = dict[str, Any]
Side = tuple[str, str]
"""A strategy and its variant, by name."""

ABOVE_0: Region = (0.0, math.inf)
BELOW_0: Region = (-math.inf, 0.0)
BOTH = "test images, and seeds in proportion"
PATIENTS = "test patients, and seeds in proportion"
ONE_SEED = "one seed shows nothing of seed variance: run the study with more"


@dataclass(frozen=True)
class Finding:
    """What a claim's quantity came to.

    Attributes:
        measured: `value`, `low`, `high` (None where there is no interval) and `unit`.
        verdict: see the module.
        needed: `n` cases `of` what would decide, and how many there are `now`; None if decided or
            not computable.
    """

    measured: dict[str, Any]
    verdict: Verdict
    needed: dict[str, Any] | None = None


class NotTestedError(Exception):
    """The study did not measure what a claim needs; the message says what."""


def judge_interval(
    value: float | None,
    low: float | None,
    high: float | None,
    region: Region,
    unit: str,
    now: int,
    of: str,
) -> Finding:
    """Whether an interval lies wholly within a region, wholly outside, or neither.

    Args:
        value: the estimate.
        low: lower end of its interval.
        high: upper end.
        region: the claim's side, open at its ends.
        unit: what the value counts.
        now: sample size of the interval.
        of: what the sample is of.
    """
    if value is None or low is None or high is None:
        raise NotTestedError(f"the study found no interval of the {unit}")
    measured = {"value": value, "low": low, "high": high, "unit": unit}
    least, most = region
    if least < low and high < most:
        return Finding(measured, "supported")
    if high < least or low > most:
        return Finding(measured, "refuted")
    n = _needed(value, low, high, region, now)
    return Finding(measured, "undecided", {"n": n, "of": of, "now": now} if n else None)


def _needed(value: float, low: float, high: float, region: Region, now: int) -> int | None:
    """Sample size whose interval would end at the margin; None for a value on the margin."""
    least, most = region
    if value in (least, most):
        return None
    if value < least:
        ratio = (high - value) / (least - value)
    elif value > most:
        ratio = (value - low) / (value - most)
    else:
        ratio = max((value - low) / (value - least), (high - value) / (most - value))
    needed = now * ratio**2
    return math.ceil(needed - 1e-6) if needed < 1e12 else None


def judge_seeds(found: dict[str, Any] | None, region: Region, unit: str, n: int) -> Finding:
    """As `judge_interval`, for an interval over `n` seeds."""
    if found is None or found["low"] is None or found["high"] is None:
        raise NotTestedError(ONE_SEED)
    return judge_interval(found["mean"], found["low"], found["high"], region, unit, n, "seeds")


def accuracy_about(
    goal: float,
    tolerance: float,
    role: str,
    strategy: str,
    budget: LabelBudget,
    results: Results,
) -> Finding:
    """Whether a strategy's accuracy at .5 is `goal`, within the tolerance."""
    task = results["study"][role]
    summary = summary_row(results, task, strategy, budget)
    if summary["n_seeds"] < 2:
        raise NotTestedError(ONE_SEED)
    row = summary["accuracy"]
    region = (goal - tolerance, goal + tolerance)
    return judge_interval(
        row["mean"], row["low"], row["high"], region, "accuracy", *counted(results, task)
    )


def judge_difference(
    results: Results, task: str, budget: LabelBudget, metric: str, a: Side, b: Side
) -> Finding:
    """Whether the paired difference a - b in a metric lies above 0."""
    for found in results["comparisons"]:
        sides = tuple((found[side]["strategy"], found[side]["variant"]) for side in "ab")
        key = found["task"], found["label_budget"], found["metric"]
        if (key, sides) == ((task, budget, metric), (a, b)):
            if found["n_seeds"] < 2:
                raise NotTestedError(ONE_SEED)
            ends = found["low"], found["high"]
            return judge_interval(
                found["difference"],
                *ends,
                ABOVE_0,
                f"difference in {metric}",
                *counted(results, task),
            )
    raise NotTestedError(
        f"the study did not compare {' '.join(a)} with {' '.join(b)} in {metric} on {task} with"
        f" {_labels(budget)}"
    )


def counted(results: Results, task: str) -> tuple[int, str]:
    """How many test cases the intervals of a data set count, and what these are."""
    test = dataset(results, task)["splits"]["test"]
    patients = test.get("patients")
    return (test["n"], BOTH) if patients is None else (patients, PATIENTS)


def dataset(results: Results, name: str) -> dict[str, Any]:
    """The entry of `datasets` of this name."""
    return next(entry for entry in results["datasets"] if entry["name"] == name)


def summary_row(results: Results, task: str, strategy: str, budget: LabelBudget) -> dict[str, Any]:
    """The entry of `summary` of a strategy's standard variant."""
    for row in results["summary"]:
        key = row["task"], row["strategy"], row["variant"], row["label_budget"]
        if key == (task, strategy, "standard", budget):
            return row
    raise NotTestedError(f"the study did not run {strategy} on {task} with {_labels(budget)}")


def space(
    results: Results, role: str, strategies: Sequence[str], budget: LabelBudget | None
) -> dict[str, Any]:
    """The standard latent space of the first of these strategies that there is.

    Args:
        results: the content of `results.json`.
        role: `source` or `target`, whose images are embedded.
        strategies: by name.
        budget: labels that the encoder was trained with; None where it saw none.
    """
    task = results["study"][role]
    for strategy in strategies:
        for found in results["latent"]["spaces"]:
            key = found["task"], found["strategy"], found["variant"], found["label_budget"]
            if key == (task, strategy, "standard", budget):
                return found
    labels = "" if budget is None else f" after {_labels(budget)}"
    raise NotTestedError(f"the study has no latent space of {strategies[0]} on {task}{labels}")


def most_labels(results: Results, task: str) -> LabelBudget:
    """The largest label budget of a task's classifiers."""
    budgets = [row["label_budget"] for row in results["summary"] if row["task"] == task]
    if not budgets:
        raise NotTestedError(f"the study trained no classifier on {task}")
    return max(budgets, key=budget_size)


def _labels(budget: LabelBudget) -> str:
    return f"{'all' if budget == 'full' else budget} labels"
