"""What the command prints of its results on a terminal."""

from tfmed.report.selection import (
    MAIN_METRICS,
    Results,
    is_standard,
    rows_of,
    shown_budgets,
    tasks,
)
from tfmed.report.wording import (
    budget_name,
    counted_on,
    interval,
    metric_name,
    strategy_name,
    task_title,
    test_patients,
)


def summary_table(found: Results) -> str:
    """The main metrics of the strategies with few and with the most labels of each task."""
    names = MAIN_METRICS
    if found["study"].get("primary_metric") == MAIN_METRICS[1]:
        names = MAIN_METRICS[::-1]
    rows = [("data set", "labels", "strategy", *map(metric_name, names))]
    for task in tasks(found):
        shown = shown_budgets(found, task)
        for row in rows_of(found, task):
            if not is_standard(row) or row["label_budget"] not in shown:
                continue
            budget = budget_name(found, task, row["label_budget"])
            values = [interval(row[name]) for name in names]
            rows.append((task_title(found, task), budget, strategy_name(found, row), *values))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    seeds = len(found["study"]["seeds"])
    times = max((row.get("n_pretrainings", 1) for row in found["summary"]), default=1)
    crossed = f", of pretrained encoders crossed with {times} pretrainings," if times > 1 else ""
    over = "seeds, pretrainings and test cases" if times > 1 else "seeds and test cases"
    mark = "SYNTHETIC DATA, no medical meaning. " if found["synthetic"] else ""
    covers = (
        f"mean of {seeds} seeds{crossed} with 95 % interval ({over})"
        if seeds > 1
        else "one seed with 95 % interval of the test cases; the seed variance is unknown"
    )
    note = f"{mark}Test split; {covers}"
    if any(test_patients(data) is not None for data in found["datasets"]):
        note = "\n".join([note, *counted_on(found)])
    return "\n".join(["", *lines, note])
