"""Tables of every metric of every classifier, and of every comparison."""

from tfmed.report.blocks import Block, bullets, paragraph, table, term, text
from tfmed.report.wording import (
    METRIC_NAMES,
    MISSING,
    budget_name,
    budgets,
    count,
    difference,
    interval,
    metric_name,
    runs_of,
    strategy_name,
    summary_rows,
    task_title,
    tasks,
)

AT_HALF = tuple(METRIC_NAMES)
AT_CHOSEN = tuple(
    f"{name}_at_threshold"
    for name in ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
)
CLEAR = "✓"


def appendix_blocks(results: dict) -> list[Block]:
    """Every metric at both thresholds and every comparison; nothing without classifiers."""
    if not results["summary"]:
        return []
    return [
        paragraph(
            "Means over seeds, below them 95 % intervals. ",
            term("Average precision"),
            ": area under the precision–recall curve. ",
            term("Sensitivity"),
            " and ",
            term("specificity"),
            ": share of the second and of the first class that is recognised; ",
            term("balanced accuracy"),
            ": their mean. ",
            term("Brier score"),
            ": mean squared error of the predicted probability; ",
            term("ECE"),
            ": expected calibration error; both are better when lower.",
        ),
        _metric_table(results, "metrics", AT_HALF, "Every classifier at threshold .5."),
        _metric_table(
            results,
            "metrics-chosen",
            AT_CHOSEN,
            "Every classifier at the threshold chosen on the validation labels of its budget.",
        ),
        *_undefined_blocks(results),
        *_comparison_blocks(results),
    ]


def _metric_table(results: dict, name: str, metrics: tuple[str, ...], words: str) -> Block:
    rows: list[list[str]] = []
    chosen = name == "metrics-chosen"
    for task in tasks(results):
        for budget in budgets(results, task):
            rows.append([f"{task_title(results, task)}, {budget_name(results, task, budget)}"])
            for row in summary_rows(results, task, budget):
                extra = [_threshold_range(results, row)] if chosen else []
                cells = [interval(row[metric]).replace(" ", "\n", 1) for metric in metrics]
                rows.append([strategy_name(row), *extra, *cells])
    titles = [metric_name(metric).removesuffix(", chosen threshold") for metric in metrics]
    words = f"{words} Means over {_seeds(results)}."
    widths = [2.3] + [1.0] * (len(metrics) + chosen)
    columns = ["Strategy", *(["threshold"] if chosen else []), *titles]
    return table(name, text(words), columns, rows, size="small", widths=widths)


def _seeds(results: dict) -> str:
    numbers = sorted({row["n_seeds"] for row in results["summary"]})
    if numbers == [1]:
        return "1 seed"
    return f"{numbers[0]} seeds" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def _threshold_range(results: dict, row: dict) -> str:
    values = [run["threshold"] for run in runs_of(results, row)]
    if not values:
        return MISSING
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def _undefined_blocks(results: dict) -> list[Block]:
    reasons = {
        f"{metric_name(metric)}: {reason}"
        for run in results["runs"]
        for metric, reason in run["undefined"].items()
    }
    if not reasons:
        return []
    start = paragraph(f"A dash ({MISSING}) stands where a metric is not defined:")
    return [start, bullets(text(reason) for reason in sorted(reasons))]


def _comparison_blocks(results: dict) -> list[Block]:
    compared = results["comparisons"]
    if not compared:
        return []
    metrics = list(dict.fromkeys(entry["metric"] for entry in compared))
    found = {(*_place(entry), entry["metric"]): entry for entry in compared}
    rows: list[list[str]] = []
    title = None
    for place in dict.fromkeys(map(_place, compared)):
        task, budget, pair = place
        if (task, budget) != title:
            title = task, budget
            rows.append([f"{task_title(results, task)}, {budget_name(results, task, budget)}"])
        rows.append([pair, *(_comparison_cell(found.get((*place, m))) for m in metrics)])
    clear = sum(entry["clear"] for entry in compared)
    words = text(
        f"All {count(len(compared))} paired differences in points with 95 % intervals; {CLEAR} "
        f"marks the {count(clear)} that are clear after correction. Their p-values are in "
        "results.json."
    )
    columns = ["Compared", *map(metric_name, metrics)]
    widths = [1.9] + [1.0] * len(metrics)
    return [table("comparisons-table", words, columns, rows, size="small", widths=widths)]


def _place(entry: dict) -> tuple:
    pair = f"{strategy_name(entry['a'])} − {strategy_name(entry['b'])}"
    return entry["task"], entry["label_budget"], pair


def _comparison_cell(entry: dict | None) -> str:
    if entry is None:
        return MISSING
    mean, _, ends = difference(entry).replace(" points", "").partition(" ")
    return f"{mean}{' ' + CLEAR if entry['clear'] else ''}\n{ends}"
