"""Which classifiers and cases are shown, and how their parts are called."""

from itertools import groupby

from tfmed.design import Cell
from tfmed.report.asked import is_multilabel, main_metrics
from tfmed.report.selection import LOWER_IS_BETTER, Entry, Results, cell_order, find_row

METHOD_NAMES = {"occlusion": "occlusion", "grad-cam": "Grad-CAM"}
"""Methods of attribution as they are written, in their order."""
KIND_NAMES = {"jpeg": "JPEG"}
"""Corruptions that are not written as they are called."""
ACCURACY = "accuracy"


def attributed(results: Results) -> list[Entry]:
    """Classifiers with maps of attribution, in the order of the report."""
    return sorted(results.get("attribution", []), key=cell_order)


def corrupted(results: Results) -> list[Entry]:
    """Classifiers whose robustness was measured, in the order of the report."""
    return sorted(results.get("robustness", []), key=cell_order)


def best_attributed(results: Results) -> Entry | None:
    """The classifier whose maps are shown: that of the strategy with the best mean of the metric.

    None where there is none with a case to show.
    """
    best: tuple[float, Entry] | None = None
    for entry in attributed(results):
        row = find_row(results, Cell.of_entry(entry))
        metric = main_metrics(results, entry["task"])[0]
        if not entry["cases"] or row is None:
            continue
        mean = (row[metric] or {"mean": None})["mean"]
        sign = -1 if metric in LOWER_IS_BETTER else 1
        quality = float("-inf") if mean is None else sign * mean
        if best is None or quality > best[0]:
            best = quality, entry
    return None if best is None else best[1]


def methods_of(entry: Entry) -> list[str]:
    """Methods that an entry of `attribution` has maps of."""
    return [name for name in METHOD_NAMES if any(name in c["overlays"] for c in entry["cases"])]


def case_groups(entry: Entry) -> list[list[Entry]]:
    """Cases of one class, right or wrong, side by side."""
    groups = groupby(entry["cases"], key=lambda case: (case["truth"], not case["right"]))
    return [list(cases) for _, cases in groups]


def correlations(entry: Entry, method: str) -> list[float]:
    """Of the cases whose maps can be compared, those with random weights."""
    found = (case["correlation"].get(method) for case in entry["cases"])
    return [value for value in found if value is not None]


def mean_of(values: list[float]) -> float | None:
    """Their mean; None of none."""
    return sum(values) / len(values) if values else None


def kinds(entries: list[Entry]) -> list[str]:
    """Corruptions that were tried, in their order."""
    return list(dict.fromkeys(c["kind"] for entry in entries for c in entry["corruptions"]))


def kind_name(kind: str) -> str:
    """A corruption as it is written."""
    return KIND_NAMES.get(kind, kind)


def steps_of(entry: Entry, kind: str) -> list[Entry]:
    """The strengths of a corruption, weak ones first."""
    found = (each for each in entry["corruptions"] if each["kind"] == kind)
    return sorted(found, key=lambda each: each["strength"])


def metrics_shown(results: Results, entries: list[Entry]) -> list[str]:
    """The two metrics that the answer is about, as far as they were measured; else accuracy."""
    measured = set.intersection(*(set(entry["clean"]) for entry in entries))
    wanted = main_metrics(results, entries[0]["task"])
    return [name for name in wanted if name in measured] or [ACCURACY]


def explained_words(results: Results, task: str) -> str:
    """Whose score maps explain."""
    if is_multilabel(results, task):
        return "the score of the finding, whether it was answered or not"
    return "the score of the class answered"
