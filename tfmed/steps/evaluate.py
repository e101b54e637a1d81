"""Metrics of one cell: of each of its runs, and over its seeds."""

from collections.abc import Iterable, Mapping

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import READ_SECONDS, Data, Parents, Say, Spec, make_job

RUN_SECONDS = 0.02
"""Rough cost of the metrics of one run and its part in those of its cell."""


def evaluate_job(task: DatasetInfo, cell: str, runs: Mapping[int, Job]) -> Job:
    """Measures the runs of one cell.

    Args:
        task: what they classify.
        cell: its name, for people.
        runs: by seed.
    """
    seeds = {str(seed): job for seed, job in sorted(runs.items())}
    return make_job(
        "evaluate",
        {"seeds": list(seeds)},
        {"task": task},
        seeds,
        f"metrics of {cell} of {task.title}",
        READ_SECONDS + RUN_SECONDS * len(runs),
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Every metric of each run of a cell, and of the cell over its seeds.

    Parents: the runs, by seed. The record has `runs`, by seed what `metrics.evaluate` finds and
    `val_metrics`, and `summary`, what `metrics.summarise` finds and `train_accuracy`.
    """
    import numpy as np

    from tfmed.data.loading import load_labels, load_patients
    from tfmed.evaluation import metrics

    labels, task = load_labels(data["task"], "test"), data["task"].task
    runs = [parents[seed] for seed in spec["seeds"]]
    thresholds = [run.record["threshold"] for run in runs]
    scores = np.stack([run.arrays["test_scores"] for run in runs])
    patients = load_patients(data["task"], "test")
    summary = metrics.summarise(labels, scores, thresholds, task, patients)
    summary["train_accuracy"] = _over_seeds(run.record["train_accuracy"] for run in runs)
    found = {
        seed: {
            **metrics.evaluate(labels, row, threshold, task),
            "val_metrics": metrics.accuracy_and_auc(
                np.array(run.record["val_labels"]), run.arrays["val_scores"], task
            ),
        }
        for seed, run, row, threshold in zip(spec["seeds"], runs, scores, thresholds, strict=True)
    }
    return Result({"runs": found, "summary": summary})


def _over_seeds(accuracies: Iterable[float | None]) -> dict[str, float | None] | None:
    """Interval over seeds within [0, 1]; None if one was not measured."""
    from tfmed.evaluation import metrics

    values = list(accuracies)
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    found = metrics.seeds_interval(known)
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return found
    return {**found, "low": max(low, 0.0), "high": min(high, 1.0)}
