"""What the report says about the classifiers: tables over label budgets, differences, curves."""

from tfmed.report.blocks import Block, Span, figure, heading, paragraph, ref, table, term, text
from tfmed.report.figures import task_slugs
from tfmed.report.figures_budgets import (
    FOREST_METRICS,
    forest_rows,
    forest_task,
    majority_share,
    pair_name,
)
from tfmed.report.figures_classifiers import curve_grid
from tfmed.report.wording import (
    BASELINE_NAMES,
    MISSING,
    NAMES,
    STRATEGIES,
    STRATEGY_NAMES,
    budget_name,
    budgets,
    count,
    difference,
    find_row,
    interval,
    metric_name,
    number,
    p_value,
    percent,
    points,
    runs_of,
    shown_budgets,
    strategy_name,
    task_title,
    verdict,
)


def classifier_blocks(results: dict) -> list[Block]:
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
            term("Accuracy"),
            " is that at threshold .5; ",
            term("AUC"),
            ": chance that a case of the second class scores above one of the first. Every other "
            "metric stands in ",
            ref("metrics"),
            " and, at the threshold chosen on validation labels, in ",
            ref("metrics-chosen"),
            *shown_in,
            ".",
        ),
        *_difference_blocks(results),
    ]
    for task, slug in task_slugs(results).items():
        if budgets(results, task):
            blocks += [heading(task_title(results, task)), *_task_blocks(results, task, slug)]
    return blocks


def spread_words(results: dict, task: str, metric: str) -> str:
    """From where to where each strategy gets between the fewest and the most labels."""
    first, last = budgets(results, task)[0], budgets(results, task)[-1]
    clauses = []
    for strategy in STRATEGIES:
        ends = [find_row(results, task, budget, strategy) for budget in (first, last)]
        means = [number(row[metric]["mean"]) for row in ends if row and row[metric]]
        if means:
            span = " to ".join(means if first != last else means[:1])
            clauses.append(f"{STRATEGY_NAMES[strategy]} {span}")
    if not clauses:
        return "No strategy was run"
    if first == last:
        return f"With {budget_name(results, task, first)}: {'; '.join(clauses)}"
    ends_words = [budget_name(results, task, budget) for budget in (first, last)]
    return f"From {ends_words[0]} to {ends_words[1]}: {'; '.join(clauses)}"


def _difference_blocks(results: dict) -> list[Block]:
    task = forest_task(results)
    if task is None:
        return [paragraph("No paired differences between strategies were computed.")]
    title = task_title(results, task)
    shown = [entry for metric in FOREST_METRICS for entry in forest_rows(results, task, metric)]
    clear = sum(entry["clear"] for entry in shown)
    accuracy = forest_rows(results, task, "accuracy") or shown
    alt = "; ".join(
        f"{budget_name(results, task, c['label_budget'])}, {pair_name(c)}: {difference(c)}"
        for c in accuracy
    )
    reach = [100 * entry["detectable"] for entry in accuracy]
    caption = text(
        f"Paired differences between strategies on {title}, at the same seeds and on the same test "
        f"images, with 95 % intervals: {clear} of {len(shown)} are clear after correction (filled "
        "markers). Grey: true differences that this study would have failed to call clear in more "
        f"than one of five tries ({metric_name(accuracy[0]['metric'])}: below "
        f"{number(min(reach), 1)} to {number(max(reach), 1)} points)."
    )
    return [
        figure("differences", caption, alt),
        _difference_table(results, task),
        *_other_metrics(results, task),
    ]


def _other_metrics(results: dict, task: str) -> list[Block]:
    """How many differences between the strategies are clear in metrics not shown here."""
    pairs = {(str(c["a"]), str(c["b"])) for c in forest_rows(results, task, "accuracy")}
    others = [
        c
        for c in results["comparisons"]
        if c["task"] == task
        and c["metric"] not in FOREST_METRICS
        and (str(c["a"]), str(c["b"])) in pairs
    ]
    clear = sum(c["clear"] for c in others)
    if not others:
        return []
    return [
        paragraph(
            f"In other metrics (among them sensitivity and specificity, of which one may rise as "
            f"the other falls), {count(clear)} of {count(len(others))} differences between these "
            "strategies are clear: see ",
            ref("comparisons-table"),
            ".",
        )
    ]


def _difference_table(results: dict, task: str) -> Block:
    rows: list[list[str]] = []
    for budget in budgets(results, task):
        for metric in FOREST_METRICS:
            found = [c for c in forest_rows(results, task, metric) if c["label_budget"] == budget]
            if found:
                rows.append([f"{budget_name(results, task, budget)}, {metric_name(metric)}"])
            rows += [_difference_row(entry) for entry in found]
    family = max(
        entry["family"] for metric in FOREST_METRICS for entry in forest_rows(results, task, metric)
    )
    columns = ["Compared", "Points [95 % interval]", "p", "Corrected p", "Detectable", "Reading"]
    words = text(
        f"Paired differences on {task_title(results, task)}: the first strategy minus the second. "
        f"Corrected p: by Holm, for {count(family)} comparisons of one metric on this task. "
        "Detectable: the smallest true difference, in points, that would have been called clear "
        "with 80 % power if the standard error were known."
    )
    widths = [2.3, 2, 0.7, 1, 1, 2.3]
    return table("differences-table", words, columns, rows, size="small", widths=widths)


def _difference_row(c: dict) -> list[str]:
    a, b = strategy_name(c["a"]), strategy_name(c["b"])
    readings = {1: f"{a} is better", -1: f"{b} is better", 0: "no clear difference"}
    reading = readings[verdict(c)]
    if not c["clear"] and c["p_value"] < 0.05:
        reading = "not clear once corrected"
    ends = points(c["difference"], c["low"], c["high"]).replace(" points", "")
    reach = number(100 * c["detectable"], 1)
    return [f"{a} − {b}", ends, p_value(c["p_value"]), p_value(c["p_adjusted"]), reach, reading]


def _task_blocks(results: dict, task: str, slug: str) -> list[Block]:
    title = task_title(results, task)
    majority = majority_share(results, task)
    floor = (
        f"Always giving the commoner answer has an accuracy of {number(majority)} on the test "
        f"split of {title}, and an AUC of 0.5. "
        if majority is not None
        else ""
    )
    grow = "; ".join(f"{metric_name(m)}: {spread_words(results, task, m)}" for m in FOREST_METRICS)
    caption = text(
        f"Accuracy and AUC on {title} over the number of labels, with 95 % bands; each dot is one "
        "seed, and how far dots of a strategy lie apart is the luck of the seed. "
        f"AUC {_lower_first(spread_words(results, task, 'auc'))}."
    )
    return [
        paragraph(floor, *_signposts(results, task, slug)),
        figure(f"budgets-{slug}", caption, f"{grow}."),
        *(_budget_table(results, task, slug, metric) for metric in FOREST_METRICS),
        *_curve_blocks(results, task, slug),
    ]


def _signposts(results: dict, task: str, slug: str) -> list[str | Span]:
    """Where to find what on a task."""
    parts: list[str | Span] = [
        "How accuracy and AUC grow with the labels is drawn in ",
        ref(f"budgets-{slug}"),
        "; ",
        ref(f"accuracy-{slug}"),
        " and ",
        ref(f"auc-{slug}"),
        " hold the numbers, those of simpler baselines included.",
    ]
    if curve_grid(results, task):
        parts += [
            " How well the scores rank cases and mean what they say: ",
            ref(f"roc-{slug}"),
            "; how the fits went: ",
            ref(f"curves-{slug}"),
            "; which mistakes are made: ",
            ref(f"confusion-{slug}"),
            ".",
        ]
    return parts


def _budget_table(results: dict, task: str, slug: str, metric: str) -> Block:
    """One metric: a row for each strategy and baseline, a column for each label budget."""
    shown = budgets(results, task)
    rows: list[list[str]] = []
    for title, names in (("Networks", STRATEGIES), ("Baselines", tuple(BASELINE_NAMES))):
        found = [(name, [find_row(results, task, b, name) for b in shown]) for name in names]
        found = [(name, cells) for name, cells in found if any(cells)]
        if found:
            rows.append([title])
        rows += [[NAMES[name], *(_cell(row, metric) for row in cells)] for name, cells in found]
    columns = ["Strategy", *(budget_name(results, task, budget) for budget in shown)]
    words = text(
        f"{metric_name(metric).capitalize() if metric != 'auc' else 'AUC'} on the test split of "
        f"{task_title(results, task)}: {_best_words(results, task, metric)}."
    )
    widths = [2.0] + [1.1] * len(shown)
    name = f"{metric}-{slug}"
    return table(name, words, columns, rows, size="small", widths=widths)


def _cell(row: dict | None, metric: str) -> str:
    return MISSING if row is None else interval(row[metric]).replace(" ", "\n", 1)


def _best_words(results: dict, task: str, metric: str) -> str:
    """The highest mean at few and at most labels, without a claim that it is the best."""
    clauses = []
    for budget in shown_budgets(results, task):
        rows = [find_row(results, task, budget, name) for name in NAMES]
        known = [row for row in rows if row and row[metric]]
        if known:
            best = max(known, key=lambda row: row[metric]["mean"])
            clauses.append(
                f"with {budget_name(results, task, budget)} the highest mean is "
                f"{number(best[metric]['mean'])} ({strategy_name(best)})"
            )
    return "; ".join(clauses) or "not defined"


def _curve_blocks(results: dict, task: str, slug: str) -> list[Block]:
    rows = [row for line in curve_grid(results, task) for row in line if row]
    if not rows:
        return []
    title = task_title(results, task)
    aucs = "; ".join(f"{_cell_name(results, row)}: AUC {interval(row['auc'])}" for row in rows)
    stops = "; ".join(_stop_words(results, row) for row in rows)
    counts = "; ".join(f"{_cell_name(results, row)}: {_matrix_words(row)}" for row in rows)
    known = [row for row in rows if row["auc"]]
    best = max(known, key=lambda row: row["auc"]["mean"]) if known else None
    top = (
        f" Highest AUC: {number(best['auc']['mean'])} ({_cell_name(results, best)})."
        if best
        else ""
    )
    first = rows[0]
    roc = (
        f"ROC, precision–recall and reliability on the test split of {title}, means over seeds "
        f"with pointwise 95 % bands.{top} Reliability below the diagonal: the predicted "
        "probabilities are too high."
    )
    curves = (
        f"Losses of the classifiers on {title}, every seed. Circle: the epoch whose weights are "
        f"kept ({_stop_words(results, first)}); bar: the last epoch run."
        f"{_training_words(results, task)}"
    )
    confusion = (
        f"Confusion matrices on the test split of {title} at threshold .5, mean counts over seeds "
        f"and shares of the true class. {_cell_name(results, first)}: {_matrix_words(first)}."
    )
    return [
        figure(f"roc-{slug}", text(roc), aucs),
        figure(f"curves-{slug}", text(curves), stops),
        figure(f"confusion-{slug}", text(confusion), counts),
    ]


def _training_words(results: dict, task: str) -> str:
    """Accuracy on the training images at the most labels."""
    last = shown_budgets(results, task)[-1]
    rows = [find_row(results, task, last, strategy) for strategy in STRATEGIES]
    known = [row for row in rows if row and row.get("train_accuracy")]
    if not known:
        return ""
    means = "; ".join(f"{strategy_name(row)} {interval(row['train_accuracy'])}" for row in known)
    return f" Accuracy on the training images with {budget_name(results, task, last)}: {means}."


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:]


def _cell_name(results: dict, row: dict) -> str:
    return f"{strategy_name(row)}, {budget_name(results, row['task'], row['label_budget'])}"


def _stop_words(results: dict, row: dict) -> str:
    epochs = ", ".join(f"{run['best_epoch']} of {run['epochs']}" for run in runs_of(results, row))
    return f"{_cell_name(results, row)}: epoch {epochs}"


def _matrix_words(row: dict) -> str:
    (tn, fp), (fn, tp) = row["confusion"]
    right = percent((tn + tp) / max(1, tn + fp + fn + tp))
    return f"{count(tn + tp)} right ({right}), {count(fp)} false alarms, {count(fn)} missed"
