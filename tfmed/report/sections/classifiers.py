"""What the report says about the classifiers: tables over label budgets, differences, metrics."""

from collections.abc import Sequence

from tfmed.design import STANDARD, Cell, Method
from tfmed.report.asked import is_multilabel, main_metrics, main_name, majority_level
from tfmed.report.blocks import (
    Block,
    Span,
    bullets,
    figure,
    heading,
    paragraph,
    ref,
    table,
    text,
)
from tfmed.report.classes.tables import (
    class_blocks,
    finding_notes,
    overall_metrics,
    reason_words,
)
from tfmed.report.classes.words import metric_words, words_on_metrics
from tfmed.report.selection import (
    Entry,
    Results,
    baselines,
    budgets,
    curve_grid,
    find_row,
    forest_rows,
    forest_task,
    is_binary,
    methods,
    rows_of,
    rows_over_budgets,
    runs_of,
    shown_budgets,
    strategies,
    task_slugs,
    tasks,
    trained_tasks,
    verdict,
)
from tfmed.report.wording import (
    METRIC_NAMES,
    MISSING,
    budget_name,
    capitalised,
    count,
    difference,
    interval,
    method_name,
    metric_name,
    number,
    p_value,
    pair_name,
    points,
    stacked,
    strategy_name,
    task_title,
)
from tfmed.tasks.scoring import CHOSEN

AT_HALF = tuple(METRIC_NAMES)
AT_CHOSEN = tuple(
    f"{name}_at_threshold"
    for name in ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
)
CLEAR = "✓"


def classifier_blocks(results: Results) -> list[Block]:
    """Paired differences, and per task learning curves, tables and pictures of classifiers."""
    if not results["summary"]:
        return [paragraph("No classifier was trained in this study.")]
    shown_in: list[str | Span] = []
    if forest_task(results):
        drawn, listed = ref("differences"), ref("differences-table")
        shown_in = ["; the differences between strategies in ", drawn, " and ", listed]
    blocks = [
        paragraph(
            "Numbers are means over seeds with 95 % intervals. ",
            *metric_words(results),
            *shown_in,
            ".",
        ),
        *_difference_blocks(results),
    ]
    slugs = task_slugs(results)
    for task in trained_tasks(results):
        title = task_title(results, task)
        blocks += [heading(title), *_task_blocks(results, task, slugs[task])]
    return blocks


def _difference_blocks(results: Results) -> list[Block]:
    task = forest_task(results)
    if task is None:
        return [paragraph("No paired differences between strategies were computed.")]
    return [
        figure("differences"),
        _difference_table(results, task),
        *_other_metrics(results, task),
    ]


def _other_metrics(results: Results, task: str) -> list[Block]:
    """How many differences between the strategies are clear in metrics not shown here."""
    shown = main_metrics(results, task)
    pairs = {(str(c["a"]), str(c["b"])) for c in forest_rows(results, task, shown[0])}
    others = [
        c
        for c in results["comparisons"]
        if c["task"] == task and c["metric"] not in shown and (str(c["a"]), str(c["b"])) in pairs
    ]
    clear = sum(c["clear"] for c in others)
    if not others:
        return []
    return [
        paragraph(
            f"In other metrics{_among(results, task)}, {count(clear)} of {count(len(others))} "
            "differences between these strategies are clear: see ",
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
    for budget in budgets(results, task):
        for metric in main_metrics(results, task):
            found = [c for c in forest_rows(results, task, metric) if c["label_budget"] == budget]
            if found:
                rows.append([f"{budget_name(results, task, budget)}, {metric_name(metric)}"])
            rows += [_difference_row(entry) for entry in found]
    family = max(
        entry["family"]
        for metric in main_metrics(results, task)
        for entry in forest_rows(results, task, metric)
    )
    columns = ["Compared", "Points [95 % interval]", "p", "Corrected p", "Detectable", "Reading"]
    words = text(
        f"Paired differences on {task_title(results, task)}: the first strategy minus the second. "
        f"Corrected p: by Holm, for {count(family)} comparisons of one metric on this task. "
        "Detectable: the smallest true difference, in points, that would have been called clear "
        "with 80 % power if the standard error were known; none where there is no such difference."
    )
    widths = [2.3, 2, 0.7, 1, 1, 2.3]
    return table("differences-table", words, columns, rows, size="small", widths=widths)


def _difference_row(c: Entry) -> list[str]:
    a, b = (strategy_name(c[side]) for side in "ab")
    readings = {1: f"{a} is better", -1: f"{b} is better", 0: "no clear difference"}
    reading = readings[verdict(c)]
    if not c["clear"] and c["p_value"] < 0.05:
        reading = "not clear after correction"
    ends = points(c["difference"], c["low"], c["high"]).replace(" points", "")
    reach = number(100 * c["detectable"], 1) if c["detectable"] <= 1 else "none"
    return [pair_name(c), ends, p_value(c["p_value"]), p_value(c["p_adjusted"]), reach, reading]


def _task_blocks(results: Results, task: str, slug: str) -> list[Block]:
    title = task_title(results, task)
    majority = majority_level(results, task, "accuracy")
    floor = (
        f"Always predicting the majority class has an accuracy of {number(majority)} on the test "
        f"split of {title}, and an AUC of 0.5. "
        if majority is not None
        else ""
    )
    metrics = main_metrics(results, task)
    return [
        paragraph(floor, *_signposts(results, task, slug)),
        figure(f"budgets-{slug}"),
        *(_budget_table(results, task, slug, metric) for metric in metrics),
        *(figure(f"{kind}-{slug}") for kind in ("roc", "curves", "confusion")),
        *class_blocks(results, task, slug),
    ]


def _signposts(results: Results, task: str, slug: str) -> list[str | Span]:
    """Where to find what on a task."""
    metrics = main_metrics(results, task)
    first, second = (main_name(results, task, metric) for metric in metrics)
    parts: list[str | Span] = [
        f"{capitalised(first)} and {second} over the number of labels are shown in ",
        ref(f"budgets-{slug}"),
        "; ",
        ref(f"{metrics[0]}-{slug}"),
        " and ",
        ref(f"{metrics[1]}-{slug}"),
        " give the numbers, also of simpler baselines.",
    ]
    if curve_grid(results, task):
        parts += [
            *_ranking_words(results, task, slug),
            ref(f"curves-{slug}"),
            "; which errors are made: ",
            ref(f"confusion-{slug}"),
            ".",
        ]
    return parts


def _ranking_words(results: Results, task: str, slug: str) -> list[str | Span]:
    if is_binary(results, task):
        start = " How well the scores rank cases and are calibrated: "
        return [start, ref(f"roc-{slug}"), "; losses in training: "]
    return [
        " Curves of ROC, precision–recall and reliability are drawn for two classes only; here "
        f"the AUC of each {'finding' if is_multilabel(results, task) else 'class'} is in ",
        ref(f"classes-{slug}"),
        ". Losses in training: ",
    ]


def _budget_table(results: Results, task: str, slug: str, metric: str) -> Block:
    """One metric: a row for each strategy and baseline, a column for each label budget."""
    parts: tuple[tuple[str, Sequence[Method]], ...] = (
        ("Networks", strategies(results, task)),
        ("Baselines", baselines(results, task)),
    )
    rows: list[list[str]] = []
    for title, found in parts:
        rows += [[title]] if found else []
        for method in found:
            cells = [_cell(row, metric) for _, row in rows_over_budgets(results, task, method)]
            rows.append([method_name(method), *cells])
    shown = budgets(results, task)
    columns = ["Strategy", *(budget_name(results, task, budget) for budget in shown)]
    words = text(
        f"{capitalised(main_name(results, task, metric))} on the test split of "
        f"{task_title(results, task)}: {_best_words(results, task, metric)}."
    )
    widths = [2.0] + [1.1] * len(shown)
    return table(f"{metric}-{slug}", words, columns, rows, size="small", widths=widths)


def _cell(row: Entry | None, metric: str) -> str:
    return MISSING if row is None else stacked(interval(row[metric]))


def _best_words(results: Results, task: str, metric: str) -> str:
    """The highest mean at few and at most labels, without a claim that it is the best."""
    clauses = []
    for budget in shown_budgets(results, task):
        cells = [Cell(task, method, STANDARD, budget) for method in methods(results, task)]
        rows = [find_row(results, cell) for cell in cells]
        known = [row for row in rows if row and row[metric]]
        if known:
            best = max(known, key=lambda row: row[metric]["mean"])
            clauses.append(
                f"with {budget_name(results, task, budget)} the highest mean is "
                f"{number(best[metric]['mean'])} ({strategy_name(best)})"
            )
    return "; ".join(clauses) or "not defined"


def appendix_blocks(results: Results) -> list[Block]:
    """Every metric at both thresholds and every comparison; nothing without classifiers."""
    if not results["summary"]:
        return []
    return [
        paragraph(*words_on_metrics(results)),
        *_metric_tables(results),
        *_undefined_blocks(results),
        *_comparison_blocks(results),
    ]


def _metric_tables(results: Results) -> list[Block]:
    """A table of every metric of the tasks with two classes, and one of the others'."""
    two = [task for task in tasks(results) if is_binary(results, task)]
    several = [task for task in tasks(results) if is_multilabel(results, task)]
    more = [task for task in tasks(results) if task not in (*two, *several)]
    found: list[Block] = []
    if two:
        found = [
            _metric_table(results, "metrics", AT_HALF, "Every classifier at threshold .5.", two),
            _metric_table(
                results,
                "metrics-chosen",
                AT_CHOSEN,
                "Every classifier at the threshold chosen on the validation labels of its budget.",
                two,
            ),
        ]
    if more:
        words = "Every classifier by its most probable class."
        measured = overall_metrics(results, more)
        found.append(_metric_table(results, "metrics-classes", measured, words, more))
    if several:
        measured = overall_metrics(results, several)
        chosen = tuple(metric for metric in measured if metric.endswith(CHOSEN))
        fixed = tuple(metric for metric in measured if metric not in chosen)
        words = "Every classifier, means over the findings; at threshold .5 where there is one."
        found.append(_metric_table(results, "metrics-findings", fixed, words, several))
        words = "Every classifier at the thresholds chosen on the validation labels of its budget."
        name = "metrics-findings-chosen"
        found.append(_metric_table(results, name, chosen, words, several))
    return found


def _metric_table(
    results: Results, name: str, metrics: tuple[str, ...], words: str, among: list[str]
) -> Block:
    rows: list[list[str]] = []
    chosen = name.endswith("-chosen")
    for task in among:
        for budget in budgets(results, task):
            rows.append([f"{task_title(results, task)}, {budget_name(results, task, budget)}"])
            for row in rows_of(results, task, budget):
                extra = [_threshold_range(results, row)] if chosen else []
                cells = [stacked(interval(row.get(metric))) for metric in metrics]
                rows.append([strategy_name(row), *extra, *cells])
    titles = [metric_name(metric).removesuffix(", chosen threshold") for metric in metrics]
    words = f"{words} Means over {_seeds(results)}."
    widths = [2.3] + [1.0] * (len(metrics) + chosen)
    columns = ["Strategy", *(["threshold"] if chosen else []), *titles]
    return table(name, text(words), columns, rows, size="small", widths=widths)


def _seeds(results: Results) -> str:
    numbers = sorted({row["n_seeds"] for row in results["summary"]})
    if numbers == [1]:
        return "1 seed"
    return f"{numbers[0]} seeds" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} seeds"


def _threshold_range(results: Results, row: Entry) -> str:
    known = [run["threshold"] for run in runs_of(results, row) if run["threshold"] is not None]
    values = [t for each in known for t in (each if isinstance(each, list) else [each])]
    if not values:
        return MISSING
    return f"{min(values):.2f} to {max(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def _undefined_blocks(results: Results) -> list[Block]:
    reasons = {
        reason_words(metric, reason)
        for run in results["runs"]
        if not is_multilabel(results, run["task"])
        for metric, reason in run["undefined"].items()
    }
    reasons |= {note for task in tasks(results) for note in finding_notes(results, task)}
    if not reasons:
        return []
    start = paragraph(f"A dash ({MISSING}) stands where a metric is not defined:")
    return [start, bullets(text(reason) for reason in sorted(reasons))]


def _comparison_blocks(results: Results) -> list[Block]:
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


def _place(entry: Entry) -> tuple:
    return entry["task"], entry["label_budget"], pair_name(entry)


def _comparison_cell(entry: Entry | None) -> str:
    if entry is None:
        return MISSING
    mean, _, ends = difference(entry).replace(" points", "").partition(" ")
    return f"{mean}{' ' + CLEAR if entry['clear'] else ''}\n{ends}"
