"""Two thresholds and the calibration of a task's classifiers, at a glance."""

from collections.abc import Sequence

from tfmed.report.blocks import Block, Span, figure, heading, paragraph, ref, table, text
from tfmed.report.selection import Entry, Results, curve_rows, is_binary, runs_of
from tfmed.report.wording import (
    MISSING,
    budget_name,
    interval,
    strategy_name,
    task_title,
)

SHOWN = {
    "balanced_accuracy": "Balanced accuracy, .5",
    "balanced_accuracy_at_threshold": "Balanced accuracy, chosen",
    "ece": "ECE",
}
"""Metrics and the titles of their columns."""


def threshold_blocks(results: Results, task: str, slug: str) -> list[Block]:
    """Curves and numbers of the rows that stand for all; nothing of more than two classes."""
    rows = curve_rows(results, task)
    if not is_binary(results, task) or not rows:
        return []
    words: list[str | Span] = [
        "How well the scores rank cases and are calibrated: ",
        ref(f"roc-{slug}"),
        "; what threshold .5 and the one chosen on validation labels make of them: ",
        ref(f"thresholds-{slug}"),
        ".",
    ]
    return [
        heading("Threshold and calibration"),
        paragraph(*words),
        figure(f"roc-{slug}"),
        _threshold_table(results, task, slug, rows),
    ]


def _threshold_table(results: Results, task: str, slug: str, shown: Sequence[Entry]) -> Block:
    rows: list[list[str]] = []
    for budget in dict.fromkeys(row["label_budget"] for row in shown):
        rows.append([budget_name(results, task, budget)])
        rows += [
            [
                strategy_name(results, row),
                threshold_range(results, row),
                *(interval(row.get(metric)) for metric in SHOWN),
            ]
            for row in shown
            if row["label_budget"] == budget
        ]
    columns = ["Strategy", "Threshold chosen", *SHOWN.values()]
    words = text(
        f"Threshold .5 against the one chosen on validation labels, on {task_title(results, task)}."
        " Balanced accuracy: mean of sensitivity and specificity, which the tables of every metric "
        "give. ECE: expected calibration error, better when lower."
    )
    widths = [2.0] + [1.3] * (len(SHOWN) + 1)
    return table(f"thresholds-{slug}", words, columns, rows, size="small", widths=widths)


def threshold_range(results: Results, row: Entry) -> str:
    """The thresholds chosen in the runs of a row, such as `0.31 to 0.75`."""
    known = [run["threshold"] for run in runs_of(results, row) if run["threshold"] is not None]
    values = [t for each in known for t in (each if isinstance(each, list) else [each])]
    if not values:
        return MISSING
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"
