"""What the command prints of its results on a terminal."""

from tfmed.report.selection import Results, is_standard, rows_of, shown_budgets, tasks
from tfmed.report.wording import (
    budget_name,
    counted_on,
    interval,
    strategy_name,
    task_title,
    test_patients,
)


def summary_table(found: Results) -> str:
    """Accuracy and AUC of the strategies with few and with the most labels of each task."""
    rows = [("data set", "labels", "strategy", "accuracy", "AUC")]
    for task in tasks(found):
        shown = shown_budgets(found, task)
        for row in rows_of(found, task):
            if not is_standard(row) or row["label_budget"] not in shown:
                continue
            budget = budget_name(found, task, row["label_budget"])
            accuracy, auc = interval(row["accuracy"]), interval(row["auc"])
            rows.append((task_title(found, task), budget, strategy_name(row), accuracy, auc))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    seeds = len(found["study"]["seeds"])
    mark = "SYNTHETIC DATA, no medical meaning. " if found["synthetic"] else ""
    covers = (
        f"mean of {seeds} seeds with 95 % interval (seeds and test cases)"
        if seeds > 1
        else "one seed with 95 % interval of the test cases; the seed variance is unknown"
    )
    note = f"{mark}Test split; {covers}"
    if any(test_patients(data) is not None for data in found["datasets"]):
        note = "\n".join([note, *counted_on(found)])
    return "\n".join(["", *lines, note])
