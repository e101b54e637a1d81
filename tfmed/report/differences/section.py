"""What the report says of the paired differences of the study's question."""

from tfmed.report.asked import main_metrics
from tfmed.report.blocks import Block, appendix, figure, paragraph, ref, table, text
from tfmed.report.differences.rows import forest_rows, forest_task, left_out
from tfmed.report.selection import Entry, Results, is_binary, shown_budgets, verdict
from tfmed.report.wording import (
    budget_name,
    count,
    listed,
    metric_name,
    number,
    p_value,
    pair_name,
    points,
    strategy_name,
    task_title,
)


def difference_blocks(results: Results) -> list[Block]:
    """The forest plot, its table, and how many are clear in other metrics."""
    task = forest_task(results)
    if task is None:
        return [paragraph("No paired differences between strategies were computed.")]
    return [
        *_shown_words(results, task),
        figure("differences"),
        *appendix(_difference_table(results, task)),
        *_other_metrics(results, task),
    ]


def _shown_words(results: Results, task: str) -> list[Block]:
    """Which label budgets are shown, where these are not all."""
    if not left_out(results, task):
        return []
    names = [budget_name(results, task, budget) for budget in shown_budgets(results, task)]
    return [
        paragraph(
            f"Figure and table of the differences show {listed(names)}; ",
            ref("comparisons-table"),
            " has every label budget.",
        )
    ]


def _other_metrics(results: Results, task: str) -> list[Block]:
    """How many differences of the question are clear in metrics not shown here."""
    shown = main_metrics(results, task)
    others = [
        c
        for c in results["comparisons"]
        if (c["task"], c["kind"]) == (task, "question") and c["metric"] not in shown
    ]
    clear = sum(c["clear"] for c in others)
    if not others:
        return []
    return [
        paragraph(
            f"In other metrics{_among(results, task)}, {count(clear)} of {count(len(others))} "
            "differences of these pairs are clear: see ",
            ref("comparisons-table"),
            ".",
        )
    ]


def _among(results: Results, task: str) -> str:
    if not is_binary(results, task):
        return ""
    return " (among them sensitivity and specificity, of which one may rise as the other falls)"


def _difference_table(results: Results, task: str) -> Block:
    rows: list[list[str]] = []
    shown = {metric: forest_rows(results, task, metric) for metric in main_metrics(results, task)}
    entries = [entry for found in shown.values() for entry in found]
    for budget in dict.fromkeys(entry["label_budget"] for entry in entries):
        for metric, of_metric in shown.items():
            found = [entry for entry in of_metric if entry["label_budget"] == budget]
            if found:
                rows.append([f"{budget_name(results, task, budget)}, {metric_name(metric)}"])
            rows += [_difference_row(results, entry) for entry in found]
    family = max(entry["family"] for entry in entries)
    columns = ["Compared", "Points [95 % interval]", "p", "Corrected p", "Detectable"]
    words = text(
        f"Paired differences on {task_title(results, task)}: the first minus the second. "
        f"Corrected p: by Holm, for {count(family)} comparisons of one metric on this task. "
        "Detectable: the smallest true difference, in points, that would have been called clear "
        "with 80 % power if the standard error were known; none where there is no such difference."
    )
    widths = [3, 1.8, 0.6, 0.9, 0.9, 1.9]
    return table(
        "differences-table", words, [*columns, "Reading"], rows, size="small", widths=widths
    )


def _difference_row(results: Results, c: Entry) -> list[str]:
    a, b = (strategy_name(results, c[side]) for side in "ab")
    readings = {1: f"{a} is better", -1: f"{b} is better", 0: "no clear difference"}
    reading = readings[verdict(c)]
    if not c["clear"] and c["p_value"] < 0.05:
        reading = "not clear after correction"
    ends = points(c["difference"], c["low"], c["high"]).replace(" points", "")
    reach = number(100 * c["detectable"], 1) if c["detectable"] <= 1 else "none"
    pair = pair_name(results, c)
    return [pair, ends, p_value(c["p_value"]), p_value(c["p_adjusted"]), reach, reading]
