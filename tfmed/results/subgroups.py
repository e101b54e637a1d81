"""The part `subgroups` of `results.json`: metrics by sex, age, view and the like, and gaps.

It is of the target. Groups are measured of every strategy as it is and of what the decision picks,
at each label budget; gaps, which have to be corrected for their number, of the picks alone.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from tfmed.design import STANDARD, Cell, Strategy
from tfmed.evaluation.intervals import corrected
from tfmed.evaluation.subgroups.gaps import gap
from tfmed.evaluation.subgroups.measuring import (
    FEWEST,
    Cases,
    CellRuns,
    class_counts,
    group_metrics,
    why_left_out,
)
from tfmed.evaluation.subgroups.naming import Column
from tfmed.results.deciding.decision import chosen_cells
from tfmed.results.deciding.measures import main_metrics
from tfmed.tasks import task_of

_BESIDE_MAIN = ("sensitivity", "specificity", "quadratic_kappa")
"""Metrics that are measured where a task has them."""

Results = dict[str, Any]


def subgroups_part(
    results: Results, cases: Cases, columns: Sequence[Column], runs_of: Callable[[Cell], CellRuns]
) -> dict[str, Any] | None:
    """The part `subgroups`.

    Args:
        results: the other parts of `results.json`; `subgroups` and `decision` are not read.
        cases: test cases of the target.
        columns: that say of which group each is.
        runs_of: gives the runs of a cell of the target.

    Returns:
        As `tfmed.results.schema.subgroups.SubgroupsEntry`; None where there are no columns.
    """
    if not columns:
        return None
    target = results["study"]["target"]
    dataset = next(d for d in results["datasets"] if d["name"] == target)
    metric, _ = main_metrics(dataset, results["study"])
    known = task_of(cases.task).COMPARED_METRICS
    more = (name for name in _BESIDE_MAIN if name in known)
    names = [*dict.fromkeys((metric, "auc", "accuracy", *more))]
    used = [column for column in columns if column.why_not_used is None]
    entries = [_column(column, cases, len(dataset["class_names"])) for column in used]
    groups = [
        (column, [group["name"] for group in entry["groups"]])
        for column, entry in zip(used, entries, strict=True)
    ]
    picks = [cell for cell in chosen_cells(results) if cell.task == target]
    measured: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    for cell in dict.fromkeys((*_usual_cells(results, target), *picks)):
        runs = runs_of(cell)
        measured += [
            {
                **cell.entry(),
                "column": column.name,
                "group": name,
                "metrics": group_metrics(cases, column.rows(name), runs, names),
            }
            for column, of_column in groups
            for name in of_column
        ]
        if cell in picks:
            for column, of_column in groups:
                gaps += _gaps(cell, column, of_column, cases, runs, metric)
    return {
        "task": target,
        "metric": metric,
        "fewest": FEWEST,
        "columns": entries,
        "not_used": [
            {"name": column.name, "why": column.why_not_used}
            for column in columns
            if column.why_not_used is not None
        ],
        "measured": measured,
        "gaps": corrected(gaps),
    }


def _usual_cells(results: Results, task: str) -> list[Cell]:
    """Every strategy of a task as it is, at each label budget."""
    rows = (row for row in results["summary"] if row["task"] == task)
    cells = (Cell.of_entry(row) for row in rows if row["variant"] == str(STANDARD))
    return [cell for cell in cells if isinstance(cell.method, Strategy)]


def _column(column: Column, cases: Cases, n_classes: int) -> dict[str, Any]:
    groups: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for name in column.groups:
        rows = column.rows(name)
        entry = {"name": name, "n": len(rows)}
        if (why := why_left_out(cases, rows)) is not None:
            left_out.append({**entry, "why": why})
            continue
        patients = None if cases.patients is None else cases.counted(rows)
        counts = class_counts(cases, rows, n_classes)
        groups.append({**entry, "patients": patients, "counts": counts})
    return {
        "name": column.name,
        "by_age": column.by_age,
        "groups": groups,
        "left_out": left_out,
        "not_given": column.not_given,
    }


def _gaps(
    cell: Cell, column: Column, names: Sequence[str], cases: Cases, runs: CellRuns, metric: str
) -> Iterable[dict[str, Any]]:
    """Of each pair of groups, not corrected yet."""
    for a, b in combinations(names, 2):
        found = gap(cases, column.rows(a), column.rows(b), runs, metric)
        if found is not None:
            named = {"column": column.name, "a": a, "b": b, "metric": metric}
            yield {**cell.entry(), **named, **found}
