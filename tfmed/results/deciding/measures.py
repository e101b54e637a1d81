"""What a study's answer is measured by, and what no skill comes to in it."""

from typing import Any

from tfmed.tasks import task_of
from tfmed.tasks.scoring import LOWER_IS_BETTER

Entry = dict[str, Any]


def main_metrics(dataset: Entry | None, study: Entry) -> tuple[str, str]:
    """The two metrics that the answer is about, the study's primary one first.

    Args:
        dataset: entry of `datasets`; None for one that is not there, taken for a binary one.
        study: the part `study`. A task that has no such primary metric starts with the first that
            it compares.
    """
    known = task_of((dataset or {}).get("task", "binary")).COMPARED_METRICS
    primary = study.get("primary_metric", known[0])
    first = primary if primary in known else known[0]
    return first, next(metric for metric in known if metric != first)


def worse_first(gap: Entry) -> Entry:
    """An entry of `subgroups.gaps`, turned so that `a` is the group with the worse value."""
    if (gap["difference"] > 0) == (gap["metric"] in LOWER_IS_BETTER):
        return gap
    turned = {"difference": -gap["difference"], "low": -gap["high"], "high": -gap["low"]}
    return {**gap, "a": gap["b"], "b": gap["a"], **turned}


def majority_level(dataset: Entry | None, metric: str) -> float | None:
    """What always predicting the test split's majority class comes to; None where not known.

    Args:
        dataset: entry of `datasets`; None for one that is not there.
        metric: any; known of `auc`, `average_precision`, `accuracy` and `balanced_accuracy`.
    """
    if metric == "auc":
        return 0.5
    if dataset is None or not dataset["splits"]["test"]["n"]:
        return None
    n, counts = (dataset["splits"]["test"][key] for key in ("n", "counts"))
    if metric == "balanced_accuracy":
        return 0.5 if dataset.get("task") == "multilabel" else 1 / len(counts)
    if metric == "average_precision":
        there = [count / n for count in counts if count]
        return sum(there) / len(there)
    if metric != "accuracy":
        return None
    if dataset.get("task") == "multilabel":
        return sum(max(count, n - count) / n for count in counts) / len(counts)
    return float(max(counts) / n)
