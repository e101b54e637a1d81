"""What the report says about the classifiers: tables over label budgets, differences, metrics."""

from collections.abc import Sequence

from tfmed.design import STANDARD, Cell, Method, method_of
from tfmed.report.asked import is_multilabel, main_metrics, main_name, majority_level
from tfmed.report.blocks import (
    Block,
    Span,
    appendix,
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
from tfmed.report.classes.thresholds import threshold_blocks, threshold_range
from tfmed.report.classes.words import metric_words, words_on_metrics
from tfmed.report.differences.rows import forest_task
from tfmed.report.differences.section import difference_blocks
from tfmed.report.pretraining.health import flagged_name
from tfmed.report.selection import (
    Entry,
    Results,
    baselines,
    budgets,
    curve_grid,
    find_row,
    is_binary,
    methods,
    rows_of,
    rows_over_budgets,
    shown_budgets,
    strategies,
    task_slugs,
    tasks,
    trained_tasks,
)
from tfmed.report.wording import (
    METRIC_NAMES,
    MISSING,
    budget_name,
    capitalised,
    count,
    difference,
    interval,
    metric_name,
    number,
    pair_name,
    repeats_words,
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
MOST_ON_ONE_LINE = 4
"""Label budgets whose intervals fit beside their means on a printed page."""


def classifier_blocks(results: Results) -> list[Block]:
    """Paired differences, and per task learning curves, tables and pictures of classifiers."""
    if not results["summary"]:
        return [paragraph("No classifier was trained in this study.")]
    shown_in: list[str | Span] = []
    if forest_task(results):
        drawn, listed = ref("differences"), ref("differences-table")
        shown_in = ["; the differences between strategies in ", drawn, " and ", listed]
    slugs = task_slugs(results)
    first, *others = trained_tasks(results)
    return [
        paragraph(
            f"Numbers are means over {repeats_words(results)} with 95 % intervals. ",
            *metric_words(results),
            *shown_in,
            ".",
        ),
        heading(task_title(results, first)),
        *_over_budgets(results, first, slugs[first]),
        heading("Differences between strategies"),
        *difference_blocks(results),
        *threshold_blocks(results, first, slugs[first]),
        *appendix(
            *_single_runs(slugs[first]),
            *class_blocks(results, first, slugs[first]),
            *(block for task in others for block in _task_blocks(results, task, slugs[task])),
        ),
    ]


def _task_blocks(results: Results, task: str, slug: str) -> list[Block]:
    """All of a task that the answer is not about."""
    return [
        heading(task_title(results, task)),
        *_over_budgets(results, task, slug),
        figure(f"roc-{slug}"),
        *_single_runs(slug),
        *class_blocks(results, task, slug),
    ]


def _single_runs(slug: str) -> list[Block]:
    return [figure(f"curves-{slug}"), figure(f"confusion-{slug}")]


def _over_budgets(results: Results, task: str, slug: str) -> list[Block]:
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
        _budget_table(results, task, slug, metrics[0]),
        *appendix(_budget_table(results, task, slug, metrics[1])),
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
    shown = budgets(results, task)
    rows: list[list[str]] = []
    for title, found in parts:
        rows += [[title]] if found else []
        for method in found:
            cells = [_cell(row, metric) for _, row in rows_over_budgets(results, task, method)]
            cells = cells if len(shown) <= MOST_ON_ONE_LINE else list(map(stacked, cells))
            rows.append([flagged_name(results, method), *cells])
    columns = ["Strategy", *(budget_name(results, task, budget) for budget in shown)]
    words = text(
        f"{capitalised(main_name(results, task, metric))} on the test split of "
        f"{task_title(results, task)}: {_best_words(results, task, metric)}."
    )
    widths = [2.0] + [1.1] * len(shown)
    return table(f"{metric}-{slug}", words, columns, rows, size="small", widths=widths)


def _cell(row: Entry | None, metric: str) -> str:
    return MISSING if row is None else interval(row[metric])


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
                f"{number(best[metric]['mean'])} ({strategy_name(results, best)})"
            )
    return "; ".join(clauses) or "not defined"


def appendix_blocks(results: Results) -> list[Block]:
    """Every metric at both thresholds and every comparison; nothing without classifiers."""
    if not results["summary"]:
        return []
    return appendix(
        paragraph(*words_on_metrics(results)),
        *_metric_tables(results),
        *_undefined_blocks(results),
        *_comparison_blocks(results),
    )


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
                extra = [threshold_range(results, row)] if chosen else []
                cells = [stacked(interval(row.get(metric))) for metric in metrics]
                rows.append([_row_title(results, row), *extra, *cells])
    titles = [metric_name(metric).removesuffix(", chosen threshold") for metric in metrics]
    words = f"{words} Means over {_seeds(results)}."
    widths = [2.3] + [1.0] * (len(metrics) + chosen)
    columns = ["Strategy", *(["threshold"] if chosen else []), *titles]
    return table(name, text(words), columns, rows, size="small", widths=widths)


def _row_title(results: Results, row: Entry) -> str:
    """A row's strategy and variant, and whether its encoder collapsed."""
    _, line, flag = flagged_name(results, method_of(row["strategy"])).partition("\n")
    return f"{strategy_name(results, row)}{line}{flag}"


def _seeds(results: Results) -> str:
    """What means are over, such as `3 seeds` or `5 seeds, of pretrained encoders × 3 …`."""
    numbers = sorted({row["n_seeds"] for row in results["summary"]})
    times = max(row.get("n_pretrainings", 1) for row in results["summary"])
    crossed = f", of pretrained encoders crossed with {times} pretrainings" if times > 1 else ""
    if numbers == [1]:
        return f"1 seed{crossed}"
    span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return f"{span} seeds{crossed}"


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
    for place, entry in {_place(entry): entry for entry in compared}.items():
        task, budget = entry["task"], entry["label_budget"]
        if (task, budget) != title:
            title = task, budget
            rows.append([f"{task_title(results, task)}, {budget_name(results, task, budget)}"])
        cells = [_comparison_cell(found.get((*place, metric))) for metric in metrics]
        rows.append([pair_name(results, entry), *cells])
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
    return entry["task"], entry["label_budget"], str(entry["a"]), str(entry["b"])


def _comparison_cell(entry: Entry | None) -> str:
    if entry is None:
        return MISSING
    mean, _, ends = difference(entry).replace(" points", "").partition(" ")
    return f"{mean}{' ' + CLEAR if entry['clear'] else ''}\n{ends}"
