"""Jobs that measure finished runs: metrics of a cell over its seeds, differences between cells.

Pure functions like those of `tfmed.steps.stages`, in a module of their own: they need no
TensorFlow, and a change of them must not train anything again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tfmed.data import DatasetInfo
from tfmed.data.loading import load_labels
from tfmed.evaluation import comparisons, metrics
from tfmed.execution.job import Result

Spec = Mapping[str, Any]
Data = Mapping[str, DatasetInfo]
Parents = Mapping[str, Result]
Say = Callable[[float], None]


def evaluate(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Every metric of each run of a cell, and of the cell over its seeds.

    Parents: the runs, by seed. The record has `runs`, by seed what `metrics.evaluate` finds and
    `val_metrics`, and `summary`, what `metrics.summarise` finds and `train_accuracy`.
    """
    labels = load_labels(data["task"], "test")
    runs = [parents[seed] for seed in spec["seeds"]]
    thresholds = [run.record["threshold"] for run in runs]
    scores = np.stack([run.arrays["test_scores"] for run in runs])
    summary = metrics.summarise(labels, scores, thresholds)
    summary["train_accuracy"] = _over_seeds(run.record["train_accuracy"] for run in runs)
    found = {
        seed: {
            **metrics.evaluate(labels, row, threshold),
            "val_metrics": metrics.accuracy_and_auc(
                np.array(run.record["val_labels"]), run.arrays["val_scores"]
            ),
        }
        for seed, run, row, threshold in zip(spec["seeds"], runs, scores, thresholds, strict=True)
    }
    return Result({"runs": found, "summary": summary})


def compare(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Paired differences between the cells of one task and label budget.

    Parents: the runs, by cell and seed. The record has `differences`, not corrected yet.
    """
    labels = load_labels(data["task"], "test")
    found = []
    for values in spec["pairs"]:
        pair = comparisons.Pair(**values)
        a, b = (
            np.stack([parents[role].arrays["test_scores"] for role in roles(side, pair.seeds)])
            for side in (pair.a, pair.b)
        )
        found += comparisons.differences(pair, labels, a, b)
    return Result({"differences": found})


def roles(side: comparisons.Side, seeds: Iterable[int]) -> list[str]:
    """What `compare` calls the runs of one side."""
    strategy, variant = side
    return [f"{strategy} {variant} {seed}" for seed in seeds]


def _over_seeds(accuracies: Iterable[float | None]) -> dict[str, float | None] | None:
    """Interval over seeds within [0, 1]; None if one was not measured."""
    values = list(accuracies)
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    found = metrics.seeds_interval(known)
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return found
    return {**found, "low": max(low, 0.0), "high": min(high, 1.0)}
