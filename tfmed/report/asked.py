"""What is asked of a task's images, and what the report measures and colours them by."""

from tfmed.report.selection import Results, class_names, dataset_of
from tfmed.report.wording import metric_name
from tfmed.tasks import task_of

LONGEST_BESIDE = 12
"""Letters of a metric's name that leave room for more along an axis."""


def is_multilabel(results: Results, task: str) -> bool:
    """Whether an image may have several findings, each asked for by itself."""
    return (dataset_of(results, task) or {}).get("task") == "multilabel"


def main_metrics(results: Results, task: str) -> tuple[str, ...]:
    """The two metrics that the answer and the figures are about, the study's primary one first.

    A task that has no such metric starts with the first that it compares.
    """
    name = (dataset_of(results, task) or {}).get("task", "binary")
    known = task_of(name).COMPARED_METRICS
    primary = results["study"].get("primary_metric", known[0])
    first = primary if primary in known else known[0]
    return (first, next(metric for metric in known if metric != first))


def main_name(results: Results, task: str, metric: str | None = None) -> str:
    """The name of a metric (of the first of `main_metrics`), of several findings as a mean."""
    name = metric_name(metric or main_metrics(results, task)[0])
    return f"mean {name}" if is_multilabel(results, task) else name


def axis_name(results: Results, task: str, metric: str) -> str:
    """What stands along an axis of a metric; where it is long, the split is left to the caption."""
    name = main_name(results, task, metric)
    return name if len(name) > LONGEST_BESIDE else f"{name} on the test split"


def group_names(results: Results, task: str) -> list[str]:
    """Names of what points of latent spaces are coloured by: classes, or how many findings."""
    return results["latent"].get("groups", {}).get(task) or class_names(results, task)


def measured_findings(results: Results, task: str) -> tuple[int, int]:
    """For how many findings the test split defines an AUC, and how many findings there are."""
    dataset = dataset_of(results, task)
    if dataset is None:
        return 0, 0
    test = dataset["splits"]["test"]
    return sum(0 < count < test["n"] for count in test["counts"]), len(test["counts"])


def majority_level(results: Results, task: str, metric: str) -> float | None:
    """What always predicting the test split's majority class comes to; None where not known."""
    dataset = dataset_of(results, task)
    if metric == "auc":
        return 0.5
    if dataset is None or not dataset["splits"]["test"]["n"]:
        return None
    n, counts = (dataset["splits"]["test"][key] for key in ("n", "counts"))
    if metric == "average_precision":
        there = [count / n for count in counts if count]
        return sum(there) / len(there)
    if is_multilabel(results, task):
        return sum(max(count, n - count) / n for count in counts) / len(counts)
    return max(counts) / n
