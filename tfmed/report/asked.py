"""What is asked of a task's images, and what the report measures and colours them by."""

from tfmed.report.selection import Results, class_names, dataset_of
from tfmed.report.wording import metric_name
from tfmed.results.deciding import measures

LONGEST_BESIDE = 12
"""Letters of a metric's name that leave room for more along an axis."""


def is_multilabel(results: Results, task: str) -> bool:
    """Whether an image may have several findings, each asked for by itself."""
    return (dataset_of(results, task) or {}).get("task") == "multilabel"


def main_metrics(results: Results, task: str) -> tuple[str, str]:
    """The two metrics that the answer and the figures are about, the study's primary one first."""
    return measures.main_metrics(dataset_of(results, task), results["study"])


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
    return measures.majority_level(dataset_of(results, task), metric)
