"""Differences B - A with an interval, from the scores of each test image on both sides."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.design import Cell, Repeat
from tfmed.errors import InputError
from tfmed.evaluation.case_values import CaseValues, case_values, seed_thresholds
from tfmed.evaluation.intervals import corrected, difference_of
from tfmed.evaluation.repeats import paired
from tfmed.report.comparison.changes import Change, Side
from tfmed.report.selection import Entry, class_names, dataset_of
from tfmed.results.predictions import read_labels, read_patients, read_predictions
from tfmed.tasks import task_of

AGREE = 1e-6


def matched(
    of_a: Sequence[Entry], of_b: Sequence[Entry], key: Callable[[Entry], Any]
) -> list[tuple[Entry, Entry]]:
    """Entries of both lists with the same key, in A's order."""
    there = {key(entry): entry for entry in of_b}
    return [(entry, there[key(entry)]) for entry in of_a if key(entry) in there]


def changes_of(a: Side, b: Side, tasks: Sequence[str]) -> tuple[list[Change], dict[str, str]]:
    """Changes of the cells of these tasks, and why a task's cases are not paired."""
    unpaired: dict[str, str] = {}
    cases: dict[str, _Cases] = {}
    for task in tasks:
        found = _common_cases(a, b, task)
        if isinstance(found, str):
            unpaired[task] = found
        else:
            cases[task] = found
    changes: list[Change] = []
    rows = matched(a.results["summary"], b.results["summary"], Cell.of_entry)
    for row_a, row_b in rows:
        cell = Cell.of_entry(row_a)
        paired: dict[str, Entry | None] = {}
        if cell.task in cases:
            scores = [_scores(side, cell, cases[cell.task].labels) for side in (a, b)]
            if None in scores:
                unpaired[cell.task] = "the scores of some runs do not lie beside the results"
            else:
                of_a, of_b = scores
                paired = _paired(cases[cell.task], of_a, of_b, _task(a, cell.task))  # type: ignore[arg-type]
        known = [m for m in _metrics(a, cell.task) if m in row_a and m in row_b]
        changes += [Change(cell, m, row_a[m], row_b[m], paired.get(m)) for m in known]
    return sorted(_with_correction(changes), key=_by_size), unpaired


def _task(side: Side, name: str) -> str:
    """What the labels of a data set are for; older results do not say."""
    return (dataset_of(side.results, name) or {}).get("task", "binary")


def _metrics(side: Side, name: str) -> tuple[str, ...]:
    """Every metric of a data set's task."""
    n_classes = len(class_names(side.results, name))
    return task_of(_task(side, name)).metrics_of(n_classes)


def _by_size(change: Change) -> tuple:
    size = 0.0 if change.difference is None else abs(change.difference)
    # Not by the last digits, which say nothing: equal changes keep the order of the report.
    return not change.changed, -round(size, 6)


def _with_correction(changes: Sequence[Change]) -> list[Change]:
    """The changes with what their number costs; see `tfmed.evaluation.intervals.corrected`."""
    entries = [{"metric": c.metric, **c.paired} for c in changes if c.paired is not None]
    again = iter(corrected(entries))
    return [c if c.paired is None else replace(c, paired=next(again)) for c in changes]


@dataclass(frozen=True)
class _Cases:
    """Labels (n,) of the test cases that both sides share, and if known their patients (n,)."""

    labels: np.ndarray
    patients: np.ndarray | None


def _common_cases(a: Side, b: Side, task: str) -> _Cases | str:
    """The test cases that both sides share, or why there are none."""
    files = [dataset_of(side.results, task) for side in (a, b)]
    if None in files or files[0]["md5"] != files[1]["md5"]:  # type: ignore[index]
        return "the two files of images are not the same"
    labels = []
    for side in (a, b):
        path = side.path.parent / "predictions" / f"{task}_test_labels.csv"
        if not path.is_file():
            return f"no predictions lie beside {side.letter}"
        labels.append(read_labels(path))
    if not np.array_equal(labels[0], labels[1]):
        return "the labels of the test images are not the same"
    patients = [each for side in (a, b) if (each := _patients(side, task)) is not None]
    if any(not np.array_equal(each, patients[0]) for each in patients):
        return "the patients of the test images are not the same"
    return _Cases(labels[0], patients[0] if patients else None)


def _patients(side: Side, task: str) -> np.ndarray | None:
    """Patients (n,) of the test images; None where the side's intervals count images."""
    test = dataset_of(side.results, task)["splits"]["test"]  # type: ignore[index]
    if test.get("patients") is None:
        return None
    return read_patients(side.path.parent / "predictions", task, test["n"])


@dataclass(frozen=True)
class _Run:
    """A run's scores (n,) on the test images, its threshold, and the metrics that results hold."""

    path: Path
    scores: np.ndarray
    threshold: float | None
    metrics: Entry


def _scores(side: Side, cell: Cell, labels: np.ndarray) -> dict[Repeat, _Run] | None:
    """A cell's runs by seed and pretraining; None where a file is missing."""
    found = {}
    for run in side.results["runs"]:
        if Cell.of_entry(run) != cell:
            continue
        path = side.path.parent / run["predictions"]
        if not path.is_file():
            return None
        scores = read_predictions(path, two_findings=labels.ndim == 2)
        if len(scores) != len(labels):
            raise InputError(
                f"{path}: {len(scores)} scores for {len(labels)} test images; run the study again"
            )
        found[Repeat.of_entry(run)] = _Run(path, scores, run["threshold"], run["metrics"])
    return found


def _paired(
    cases: _Cases, of_a: dict[Repeat, _Run], of_b: dict[Repeat, _Run], task: str
) -> dict[str, Entry | None]:
    """Metric to the difference B - A, paired by seed and test case, of the seeds in common.

    Raises:
        InputError: the scores do not give the metrics that the results hold.
    """
    pairs, pretrainings = paired(of_a, of_b)
    if not pairs:
        return {}
    runs_a = [of_a[each] for each, _ in pairs]
    runs_b = [of_b[each] for _, each in pairs]
    return {
        metric: difference_of(
            _case_values(cases, runs_b, metric, task).minus(
                _case_values(cases, runs_a, metric, task)
            ),
            pretrainings=pretrainings,
        )
        for metric in runs_a[0].metrics
        if all(run.metrics.get(metric) is not None for run in (*runs_a, *runs_b))
    }


def _case_values(cases: _Cases, runs: Sequence[_Run], metric: str, task: str) -> CaseValues:
    """What each test case adds to a metric, checked against the results."""
    scores = np.array([run.scores for run in runs])
    chosen = np.array([run.threshold for run in runs])
    cuts = seed_thresholds(chosen, metric, scores)
    values = case_values(metric, cases.labels, scores, cuts, task, cases.patients)
    for run, value in zip(runs, values.estimates, strict=True):
        if not abs(value - run.metrics[metric]) <= AGREE:
            raise InputError(
                f"{run.path}: does not give the {metric} that results.json holds; "
                "copy both from the same run, or compare without the predictions folder"
            )
    return values
