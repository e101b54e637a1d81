"""Metrics of one cell: of each of its runs, and over its seeds."""

from collections.abc import Mapping, Sequence

from tfmed.data import DatasetInfo
from tfmed.design import Repeat
from tfmed.evaluation.repeats import crossed
from tfmed.execution.job import Job, Result
from tfmed.steps import READ_SECONDS, Data, Parents, Say, Spec, make_job

RUN_SECONDS = 0.02
"""Rough cost of the metrics of one run and its part in those of its cell."""


def evaluate_job(task: DatasetInfo, cell: str, runs: Mapping[Repeat, Job]) -> Job:
    """Measures the runs of one cell.

    Args:
        task: what they classify.
        cell: its name, for people.
        runs: by what tells them apart.
    """
    repeats, pretrainings = crossed(list(runs))
    return make_job(
        "evaluate",
        {"runs": [str(each) for each in repeats], "pretrainings": pretrainings},
        {"task": task},
        {str(each): runs[each] for each in repeats},
        f"metrics of {cell} of {task.title}",
        READ_SECONDS + RUN_SECONDS * len(runs),
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Every metric of each run of a cell, and of the cell over its seeds.

    Parents: the runs, by their `Repeat`. The record has `runs`, by the same name what
    `metrics.evaluate` finds and `val_metrics`, and `summary`, what `metrics.summarise` finds,
    `n_seeds`, `n_pretrainings` and `train_accuracy`.
    """
    import numpy as np

    from tfmed.data.loading import load_labels, load_patients
    from tfmed.evaluation import metrics

    labels, task = load_labels(data["task"], "test"), data["task"].task
    runs, pretrainings = [parents[name] for name in spec["runs"]], spec["pretrainings"]
    thresholds = [run.record["threshold"] for run in runs]
    scores = np.stack([run.arrays["test_scores"] for run in runs])
    patients = load_patients(data["task"], "test")
    summary = metrics.summarise(labels, scores, thresholds, task, patients, pretrainings)
    summary["train_accuracy"] = _over_seeds(
        [run.record["train_accuracy"] for run in runs], pretrainings
    )
    found = {
        name: {
            **metrics.evaluate(labels, row, threshold, task),
            "val_metrics": _on_validation(run, task),
        }
        for name, run, row, threshold in zip(spec["runs"], runs, scores, thresholds, strict=True)
    }
    counts = {"n_seeds": len(runs) // pretrainings, "n_pretrainings": pretrainings}
    return Result({"runs": found, "summary": {**counts, **summary}})


def _on_validation(run: Result, task: str) -> dict[str, float | None]:
    """Accuracy, AUC and the metrics that strategies are compared by, on validation labels."""
    import numpy as np

    from tfmed.evaluation import metrics
    from tfmed.tasks import task_of

    labels, scores = np.array(run.record["val_labels"]), run.arrays["val_scores"]
    found = metrics.evaluate(labels, scores, run.record["threshold"], task)["metrics"]
    compared = {name: found[name] for name in task_of(task).COMPARED_METRICS}
    return {**metrics.accuracy_and_auc(labels, scores, task), **compared}


def _over_seeds(
    accuracies: Sequence[float | None], pretrainings: int
) -> dict[str, float | None] | None:
    """Interval over seeds within [0, 1]; None if one was not measured."""
    from tfmed.evaluation import metrics

    known = [value for value in accuracies if value is not None]
    if len(known) < len(accuracies):
        return None
    found = metrics.seeds_interval(known, pretrainings)
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return found
    return {**found, "low": max(low, 0.0), "high": min(high, 1.0)}
