"""Tables of single classes, and of single findings."""

from tfmed.report.asked import is_multilabel, measured_findings
from tfmed.report.blocks import Block, table, text
from tfmed.report.selection import (
    Entry,
    Results,
    curve_grid,
    curve_rows,
    dataset_of,
    is_binary,
    rows_of,
)
from tfmed.report.selection import class_names as names_of
from tfmed.report.wording import (
    MISSING,
    budget_name,
    capitalised,
    interval,
    metric_name,
    number,
    percent,
    row_name,
    stacked,
    strategy_name,
    task_title,
)
from tfmed.tasks.scoring import CHOSEN, OF_CLASS

NOT_METRICS = ("confusion", "roc", "pr", "reliability", "train_accuracy")


def overall_metrics(results: Results, among: list[str]) -> tuple[str, ...]:
    """Metrics of these tasks that are not of one class, in the order of the results."""
    found = {
        name: None
        for task in among
        for row in rows_of(results, task)
        for name, value in row.items()
        if (value is None or (isinstance(value, dict) and "mean" in value))
        and name not in NOT_METRICS
        and name not in ("initialisation", "trained")
        and OF_CLASS not in name
    }
    return tuple(found)


def class_blocks(results: Results, task: str, slug: str) -> list[Block]:
    """AUC, recall and precision of each class, for the rows of the figures; none of two classes."""
    shown = curve_rows(results, task)
    if is_binary(results, task) or not shown:
        return []
    if is_multilabel(results, task):
        return _finding_blocks(results, task, slug)
    kinds = list(dict.fromkeys(key.partition(OF_CLASS)[0] for key in shown[0] if OF_CLASS in key))
    rows: list[list[str]] = []
    for row in shown:
        rows.append([capitalised(row_name(results, row))])
        for label, name in enumerate(names_of(results, task)):
            cells = [stacked(interval(row[f"{kind}{OF_CLASS}{label}"])) for kind in kinds]
            rows.append([name, *cells])
    words = text(
        f"Each class of {task_title(results, task)} on the test split. Recall: share of the class "
        "that is predicted as it; precision: share of what is predicted as the class that is of "
        "it, 0 where nothing is; AUC: against all other classes."
    )
    columns = ["Class", *(kind.upper() if kind == "auc" else capitalised(kind) for kind in kinds)]
    return [table(f"classes-{slug}", words, columns, rows, size="small")]


def _finding_blocks(results: Results, task: str, slug: str) -> list[Block]:
    """AUC and average precision of each finding, and how well it is found at its threshold."""
    title = task_title(results, task)
    ranked = text(
        f"AUC of each finding of {title} on the test split, with few and with most labels; last "
        f"the mean{_of_how_many(results, task)} findings."
    )
    precise = text(
        f"Average precision of each finding of {title} on the test split; without any skill it is "
        "the share of images that have the finding, in the second column."
    )
    found = text(
        f"Each finding of {title} at the threshold chosen for it on validation labels, with most "
        "labels: recall (share of the images with it in which it is found) / precision (share of "
        "those in which it is found that have it)."
    )
    return [
        _finding_table(results, task, f"classes-{slug}", "auc", ranked),
        _finding_table(results, task, f"precision-{slug}", "average_precision", precise),
        _found_table(results, task, f"found-{slug}", found),
    ]


def _of_how_many(results: Results, task: str) -> str:
    """Over how many of the findings a mean is, such as ` over 13 of 14`."""
    measured, there = measured_findings(results, task)
    return f" over {measured} of {there}" if measured < there else f" over all {there}"


def _finding_table(results: Results, task: str, identifier: str, metric: str, words: list) -> Block:
    """A line for each finding and label budget, a column for each strategy."""
    grid, shares = curve_grid(results, task), _shares(results, task)
    with_share = metric == "average_precision"
    rows: list[list[str]] = []
    for line in grid:
        there = [row for row in line if row]
        rows.append([capitalised(budget_name(results, task, there[0]["label_budget"]))])
        for label, name in enumerate(names_of(results, task)):
            share = [percent(shares[label], 1)] if with_share else []
            rows.append([name, *share, *_cells(line, f"{metric}{OF_CLASS}{label}")])
        rows.append(["mean", *([MISSING] if with_share else []), *_cells(line, metric)])
    columns = ["Finding", *(["Share"] if with_share else []), *_columns(results, grid)]
    widths = [1.5, *([0.7] if with_share else []), *[1.2] * len(_columns(results, grid))]
    return table(identifier, words, columns, rows, size="small", widths=widths)


def _found_table(results: Results, task: str, identifier: str, words: list) -> Block:
    line = curve_grid(results, task)[-1]
    rows = [
        [
            name,
            *(
                " / ".join(_mean(row, f"{kind}{OF_CLASS}{label}{CHOSEN}") for kind in KINDS)
                if row
                else MISSING
                for row in line
            ),
        ]
        for label, name in enumerate(names_of(results, task))
    ]
    columns = ["Finding", *_columns(results, [line])]
    return table(identifier, words, columns, rows, size="small")


KINDS = ("recall", "precision")


def _mean(row: Entry, metric: str) -> str:
    return number(row[metric]["mean"], 2) if row[metric] else MISSING


def _cells(line: list[Entry | None], metric: str) -> list[str]:
    return [stacked(interval(row[metric])) if row else MISSING for row in line]


def _columns(results: Results, grid: list[list[Entry | None]]) -> list[str]:
    """Names of the strategies in the columns of a grid."""
    return [
        capitalised(next(strategy_name(results, row) for row in column if row))
        for column in zip(*grid, strict=True)
    ]


def _shares(results: Results, task: str) -> list[float]:
    dataset = dataset_of(results, task)
    if dataset is None:
        return [0.0] * len(names_of(results, task))
    test = dataset["splits"]["test"]
    return [count / max(1, test["n"]) for count in test["counts"]]


def finding_notes(results: Results, task: str) -> list[str]:
    """A line for each finding that some metric is not defined for, and what the means are over."""
    dataset = dataset_of(results, task)
    if dataset is None or not is_multilabel(results, task):
        return []
    test, title = dataset["splits"]["test"], task_title(results, task)
    missing = [
        f"{title}, {name}: {'no' if not count else 'every'} test image has it"
        for name, count in zip(dataset["class_names"], test["counts"], strict=True)
        if not 0 < count < test["n"]
    ]
    means = f"{title}: means over findings are{_of_how_many(results, task)} findings"
    return [*missing, means] if missing else []


def reason_words(metric: str, reason: str) -> str:
    """Why a metric is not defined."""
    return f"{metric_name(metric)}: {reason}"
