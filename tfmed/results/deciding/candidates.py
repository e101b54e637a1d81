"""What a decision is made among: strategies and baselines by their validation labels and cost.

The test split plays no part: of each run only the metrics on the validation labels of its budget
are read (of a baseline, which has no validation part, those of out-of-fold scores of the whole
budget).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmed.design import STANDARD, Baseline, Cell, LabelBudget, Method, Strategy, method_of
from tfmed.tasks.scoring import LOWER_IS_BETTER

Results = dict[str, Any]
"""All of `results.json`."""
Entry = dict[str, Any]
"""One entry of a list in it."""

REFERENCE = "majority"
"""The baseline that sees no image: what a choice is held against, and never chosen."""
STAND_INS = ("auc", "accuracy")
"""What stands in for a primary metric that not every run has on its validation labels."""
ROUNDING = 1e-9
"""Differences of means that are none: sums of as many numbers in another order."""


@dataclass(frozen=True)
class Candidate:
    """A strategy or baseline with one label budget, as its validation labels see it.

    Attributes:
        cell: what it is.
        value: mean of the metric over seeds (of each the mean over pretrainings).
        error: standard error of that mean over seeds; None with one seed.
        lower_is_better: whether a lower value is the better one.
    """

    cell: Cell
    value: float
    error: float | None
    lower_is_better: bool = False

    @property
    def quality(self) -> float:
        """The value, with its sign turned where lower is better."""
        return -self.value if self.lower_is_better else self.value


def usual_runs(results: Results, task: str, budget: LabelBudget) -> dict[Method, list[Entry]]:
    """Runs of each standard strategy and each baseline with a label budget."""
    found: dict[Method, list[Entry]] = {}
    for run in results["runs"]:
        if (run["task"], run["label_budget"], run["variant"]) == (task, budget, str(STANDARD)):
            found.setdefault(method_of(run["strategy"]), []).append(run)
    return found


def candidates(
    results: Results, task: str, budget: LabelBudget, primary: str
) -> tuple[str, list[Candidate]] | None:
    """What there is to choose from, the cheapest first, and the metric that tells them apart.

    Args:
        results: the content of `results.json`.
        task: name of the data set that is classified.
        budget: labels seen.
        primary: the study's primary metric. Where not every run has it on its validation labels
            (results of earlier versions, or labels of one class), AUC stands in for it, and
            accuracy for AUC.

    Returns:
        None where there are none, or no metric that all runs have.
    """
    found = usual_runs(results, task, budget)
    found = {method: runs for method, runs in found.items() if str(method) != REFERENCE}
    runs = [run for each in found.values() for run in each]
    names = dict.fromkeys((primary, *STAND_INS))
    metric = next((name for name in names if runs and all(_known(run, name) for run in runs)), None)
    if metric is None:
        return None
    made = [
        Candidate(
            Cell(task, method, STANDARD, budget),
            *_over_seeds(each, metric),
            lower_is_better=metric in LOWER_IS_BETTER,
        )
        for method, each in found.items()
    ]
    return metric, sorted(made, key=lambda each: cost_order(each.cell.method))


def _known(run: Entry, metric: str) -> bool:
    return run["val_metrics"].get(metric) is not None


def _over_seeds(runs: Iterable[Entry], metric: str) -> tuple[float, float | None]:
    """Mean over seeds and its standard error; pretrainings of a seed count as one."""
    seeds: dict[int, list[float]] = {}
    for run in runs:
        seeds.setdefault(run["seed"], []).append(run["val_metrics"][metric])
    means = [math.fsum(values) / len(values) for values in seeds.values()]
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else None
    return math.fsum(means) / len(means), error


def cost_order(method: Method) -> tuple[bool, bool, bool, bool, str]:
    """Sorting key, the cheapest first, by what has to be trained and not by seconds.

    Seconds differ from run to run, and a decision must not. No pretraining comes before
    pretraining, then a frozen encoder before a trained one, no encoder before one, and a baseline
    before a head that is fitted by gradients.
    """
    if isinstance(method, Baseline):
        return method.features == "frozen", False, method.embedded, False, str(method)
    return method.pretrained, not method.frozen, True, True, str(method)


def tolerance(among: Sequence[Candidate]) -> float:
    """The standard error of the best one's mean; 0 where it is not known."""
    return best(among).error or 0.0


def best(among: Sequence[Candidate]) -> Candidate:
    """That of the best mean, the cheapest of several."""
    highest = max(each.quality for each in among)
    return next(each for each in among if each.quality >= highest - ROUNDING)


def tied(among: Sequence[Candidate]) -> list[Candidate]:
    """Those that come within one standard error of the best, in their order."""
    least = best(among).quality - tolerance(among) - ROUNDING
    return [each for each in among if each.quality >= least]


def picked(among: Sequence[Candidate]) -> Candidate:
    """The cheapest of those tied with the best; of the same cost the one of the best mean.

    The rule of one standard error: Breiman, Friedman, Olshen & Stone, "Classification and
    Regression Trees", 1984, section 3.4.3.
    """
    return min(tied(among), key=lambda each: (cost_order(each.cell.method)[:-1], -each.quality))


def pretraining_of(results: Results, method: Method) -> str | None:
    """The pretraining method whose encoder is used; None for none.

    Baselines on a frozen encoder see that of the study's first method.
    """
    if isinstance(method, Strategy):
        return method.initialisation if method.pretrained else None
    known = [str(entry["method"]) for entry in results["pretraining"]]
    return known[0] if known and method.features == "frozen" else None
