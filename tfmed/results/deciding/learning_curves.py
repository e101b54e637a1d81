"""The part `learning_curves` of `results.json`: per strategy what more labels would bring.

Curves are of `tfmed.evaluation.learning`, fitted to the means and intervals of `summary`. How far
to trust them is measured: without the largest label budget they predict what was measured there.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmed.design import STANDARD, LabelBudget, Strategy, method_of
from tfmed.evaluation import learning
from tfmed.results.deciding.candidates import Entry, Results
from tfmed.results.deciding.measures import main_metrics
from tfmed.tasks import task_of
from tfmed.tasks.scoring import LOWER_IS_BETTER

NEAR = 0.01
"""One point: as near to the plateau as is near enough."""
DRAWN, BEYOND = 21, 4.0
"""Points of a drawn curve, which ends at so many times the most labels."""


@dataclass(frozen=True)
class Scale:
    """A metric as a share of its range, 1 the best.

    Attributes:
        worst: value that becomes 0.
        best: value that becomes 1.
    """

    worst: float
    best: float

    def share(self, value: float) -> float:
        """Of a value of the metric."""
        return (value - self.worst) / (self.best - self.worst)

    def entry(self, share: learning.Estimate) -> dict[str, float | None]:
        """An estimated share as a value of the metric with its interval."""
        value, *ends = (
            self.worst + each * (self.best - self.worst)
            for each in (share.value, share.low, share.high)
        )
        return {"value": value, "low": min(ends), "high": max(ends)}


def learning_curves(results: Results, reach: float | None = None) -> dict[str, Any] | None:
    """The part `learning_curves`.

    Args:
        results: the other parts of `results.json`.
        reach: a value of the primary metric that the user wants to reach.

    Returns:
        As `tfmed.results.schema.deciding.LearningCurvesEntry`; None where the target has no
        strategies.
    """
    target = results["study"]["target"]
    dataset = next((d for d in results["datasets"] if d["name"] == target), None)
    rows = [row for row in results["summary"] if _is_usual(row, target)]
    if not rows or dataset is None:
        return None
    metric, _ = main_metrics(dataset, results["study"])
    scale = _scale(dataset, metric)
    of_strategy: dict[str, dict[int, Entry]] = {}
    for row in rows:
        labels = _labels(dataset, row["label_budget"])
        if row[metric] and row[metric]["low"] is not None and row[metric]["high"] is not None:
            of_strategy.setdefault(row["strategy"], {})[labels] = row[metric]
    return {
        "task": target,
        "metric": metric,
        "near": NEAR,
        "reach": reach,
        "curves": [
            {"strategy": name, **_curve(of_strategy[name], scale, reach)}
            for name in sorted(of_strategy)
        ],
    }


def with_learning_curves(results: Results, reach: float | None = None) -> Results:
    """The results with curves: those that they have, unless they lack them or a value to reach."""
    kept = results.get("learning_curves")
    if kept and reach in (None, kept["reach"]):
        return results
    return {**results, "learning_curves": learning_curves(results, reach)}


def _is_usual(row: Entry, task: str) -> bool:
    usual = row["task"] == task and row["variant"] == str(STANDARD)
    return usual and isinstance(method_of(row["strategy"]), Strategy)


def _labels(dataset: Entry, budget: LabelBudget) -> int:
    if budget == "full":
        return int(sum(dataset["splits"][split]["n"] for split in ("train", "val")))
    return int(budget)


def _scale(dataset: Entry, metric: str) -> Scale:
    classes = max(2, len(dataset["class_names"]))
    low, high = task_of(dataset.get("task", "binary")).metric_range(metric, classes)
    return Scale(high, low) if metric in LOWER_IS_BETTER else Scale(low, high)


def _curve(rows: dict[int, Entry], scale: Scale, reach: float | None) -> dict[str, Any]:
    """One strategy's curve, or why there is none."""
    measured = [_measured(labels, row, scale) for labels, row in sorted(rows.items())]
    labels = [point.labels for point in measured]
    if len(measured) < learning.PARAMETERS:
        return {"labels": labels, "fit": None}
    curves = learning.fit(measured)
    points = np.geomspace(labels[0], BEYOND * labels[-1], DRAWN)
    wanted = None if reach is None else scale.share(reach)
    return {
        "labels": labels,
        "fit": {
            "plateau": scale.entry(curves.plateau()),
            "exponent": _finite(curves.exponent()),
            "points": [
                {"labels": int(n), **scale.entry(curves.at(int(n)))} for n in points.round()
            ],
            "near_plateau": _finite(curves.labels_to_plateau(NEAR / abs(scale.best - scale.worst))),
            "reach": None if wanted is None else _finite(curves.labels_to_reach(wanted)),
            "chance": None if wanted is None else curves.chance_to_reach(wanted),
            "held_out": _held_out(measured, scale),
        },
    }


def _measured(labels: int, row: Entry, scale: Scale) -> learning.Measured:
    mean, *ends = (scale.share(row[key]) for key in ("mean", "low", "high"))
    return learning.Measured(labels, mean, min(ends), max(ends))


def _held_out(measured: list[learning.Measured], scale: Scale) -> dict[str, Any] | None:
    """The largest budget as the smaller ones predict it; None where these are too few."""
    *smaller, largest = measured
    if len(smaller) < learning.PARAMETERS:
        return None
    found = learning.fit(smaller).measured_at(largest.labels, largest.error)
    value = scale.worst + largest.mean * (scale.best - scale.worst)
    return {
        "labels": largest.labels,
        "measured": value,
        "predicted": scale.entry(found),
        "within": found.low <= largest.mean <= found.high,
    }


def _finite(found: learning.Estimate) -> dict[str, float | None]:
    """An estimate whose infinite parts are null: more labels than can be thought of."""
    parts = {"value": found.value, "low": found.low, "high": found.high}
    return {key: part if math.isfinite(part) else None for key, part in parts.items()}
