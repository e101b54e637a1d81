"""Figures on single classifiers: fits, ROC, precision-recall, reliability, confusion."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from tfmed.design import Strategy
from tfmed.report.asked import is_multilabel
from tfmed.report.blocks import text
from tfmed.report.classes.figures import findings_figure
from tfmed.report.figures.description import Figure, Numbers, epochs_of
from tfmed.report.figures.plotting import (
    GREY,
    TEXT_WIDTH,
    Look,
    canvas,
    legend_below,
    log_limits,
    log_scale,
    looks_of,
    panels,
    short,
    taller_legend,
)
from tfmed.report.selection import (
    Entry,
    Results,
    class_names,
    curve_grid,
    curve_rows,
    is_binary,
    labels_of,
    rows_over_budgets,
    runs_of,
    shown_budgets,
    strategies,
    task_slugs,
    trained_tasks,
)
from tfmed.report.wording import (
    budget_name,
    capitalised,
    count,
    interval,
    method_name,
    number,
    percent,
    row_name,
    strategy_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing


def figures(results: Results) -> Iterator[Figure]:
    """Score curves, learning curves and confusion of each task that has strategies."""
    slugs = task_slugs(results)
    for task in trained_tasks(results):
        rows = curve_rows(results, task)
        if rows:
            if any(row["reliability"] for row in rows):
                yield _score_curves(results, task, slugs[task], rows)
            yield _learning_curves(results, task, slugs[task], rows)
            confusion_of = findings_figure if is_multilabel(results, task) else _confusion
            yield confusion_of(results, task, slugs[task], rows)


def _score_curves(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    known = [row for row in rows if row["auc"]]
    best = max(known, key=lambda row: row["auc"]["mean"]) if known else None
    top = (
        f" Highest AUC: {number(best['auc']['mean'])} ({row_name(results, best)})." if best else ""
    )
    return Figure(
        id=f"roc-{slug}",
        draw=partial(draw_roc, results, task),
        caption=text(
            "ROC, precision–recall and reliability on the test split of "
            f"{task_title(results, task)}, means over seeds "
            f"with pointwise 95 % bands.{top} Where reliability lies below the diagonal, predicted "
            "probabilities are too high."
        ),
        alt="; ".join(f"{row_name(results, row)}: AUC {interval(row['auc'])}" for row in rows),
        numbers=partial(score_curves, results, task),
    )


def _learning_curves(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    return Figure(
        id=f"curves-{slug}",
        draw=partial(draw_curves, results, task),
        caption=text(
            f"Losses of the classifiers on {task_title(results, task)}, every seed. Circle: the "
            f"epoch whose weights are kept ({_stop_words(results, rows[0])}); bar: the last epoch "
            f"run.{_training_words(results, task)}"
        ),
        alt="; ".join(_stop_words(results, row) for row in rows),
        numbers=partial(losses_by_epoch, results, task),
    )


def _stop_words(results: Results, row: Entry) -> str:
    epochs = ", ".join(f"{run['best_epoch']} of {run['epochs']}" for run in runs_of(results, row))
    return f"{row_name(results, row)}: epoch {epochs}"


def _training_words(results: Results, task: str) -> str:
    """Accuracy on the training images at the most labels."""
    last = shown_budgets(results, task)[-1]
    rows = [dict(rows_over_budgets(results, task, s))[last] for s in strategies(results, task)]
    known = [row for row in rows if row and row.get("train_accuracy")]
    if not known:
        return ""
    means = "; ".join(f"{strategy_name(row)} {interval(row['train_accuracy'])}" for row in known)
    return f" Accuracy on the training images with {budget_name(results, task, last)}: {means}."


def _confusion(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    counts = [f"{row_name(results, row)}: {_matrix_words(row)}" for row in rows]
    two = is_binary(results, task)
    what = " at threshold .5, mean counts over seeds and shares" if two else ": mean percentages"
    return Figure(
        id=f"confusion-{slug}",
        draw=partial(draw_confusion, results, task),
        caption=text(
            f"Confusion matrices on the test split of {task_title(results, task)}{what} "
            f"of the true class. {capitalised(counts[0])}."
        ),
        alt="; ".join(counts),
        numbers=partial(confusion, results, task),
    )


def _matrix_words(row: Entry) -> str:
    matrix = row["confusion"]
    if len(matrix) > 2:
        right_of_all = sum(line[i] for i, line in enumerate(matrix))
        share = right_of_all / max(1, sum(map(sum, matrix)))
        return f"{count(right_of_all)} correct ({percent(share)})"
    (tn, fp), (fn, tp) = matrix
    right = percent((tn + tp) / max(1, tn + fp + fn + tp))
    wrong = f"{count(fp)} false positives, {count(fn)} false negatives"
    return f"{count(tn + tp)} correct ({right}), {wrong}"


def draw_curves(results: Results, task: str) -> "Drawing":
    """Loss per epoch of every run, a panel for each strategy, label budget and variant."""
    rows = curve_grid(results, task)
    columns = len(rows[0])
    width = min(TEXT_WIDTH, 1.1 + 1.9 * max(columns, 2))
    margins, gaps = (0.6, 0.12, 0.4, 0.75), (0.24, 0.76)
    figure, grid = panels(len(rows), columns, height=1.1, width=width, margins=margins, gaps=gaps)
    looks = looks_of(results)
    for line, axes_row in zip(rows, grid, strict=True):
        limits = _loss_limits(results, line)
        for column, (row, axes) in enumerate(zip(line, axes_row, strict=True)):
            if row is None:
                axes.remove()
                continue
            first = all(earlier is None for earlier in line[:column])
            colour = looks[row["strategy"]].colour
            _curve_lines(axes, runs_of(results, row), colour)
            log_scale(axes, "y", limits, labels=first)
            budget = budget_name(results, task, row["label_budget"])
            axes.set_title(f"{short(strategy_name(row), 26)}\n{budget}", fontsize=8)
            axes.set_xlabel("epoch", labelpad=1)
            if first:
                axes.set_ylabel("cross-entropy loss")
    legend_below(figure, _curve_handles(), ncol=2 if columns < 3 else 4)
    return figure


def _loss_limits(results: Results, line: list[Entry | None]) -> tuple[float, float]:
    """Limits that hold all losses of a line of panels, on a logarithmic axis."""
    histories = [run["history"] for row in line if row for run in runs_of(results, row)]
    return log_limits(v for h in histories for key in ("loss", "val_loss") for v in h.get(key, []))


def _curve_lines(axes: "Axes", runs: list[Entry], colour: str) -> None:
    """Both losses of every run, the epoch kept and the last one."""
    epochs = 1
    for run in runs:
        loss, val_loss = (run["history"].get(key, []) for key in ("loss", "val_loss"))
        axes.plot(range(1, len(loss) + 1), loss, "--", color=GREY, lw=0.8)
        axes.plot(range(1, len(val_loss) + 1), val_loss, "-", color=colour, lw=1.1)
        kept = val_loss or loss
        if 1 <= run["best_epoch"] <= len(kept):
            axes.plot(run["best_epoch"], kept[run["best_epoch"] - 1], "o", color=colour, ms=4)
        if kept:
            axes.plot(len(kept), kept[-1], "|", color=colour, ms=9, mew=1.5)
        epochs = max(epochs, len(loss), len(val_loss))
    axes.set_xlim(0.5, epochs + 0.5)
    axes.set_xticks(sorted({1, max(1, epochs // 2), epochs}))


def _curve_handles() -> list:
    from matplotlib.lines import Line2D

    ink = "#222222"
    return [
        Line2D([], [], color=GREY, ls="--", lw=0.8, label="training"),
        Line2D([], [], color=ink, lw=1.1, label="validation"),
        Line2D([], [], color=ink, marker="o", ms=4, ls="", label="epoch kept"),
        Line2D([], [], color=ink, marker="|", ms=9, mew=1.5, ls="", label="last epoch run"),
    ]


def draw_roc(results: Results, task: str) -> "Drawing":
    """ROC, precision-recall and reliability with few and with most labels, with 95 % bands."""
    lines, looks = curve_grid(results, task), looks_of(results)
    seen = {row["strategy"] for row in curve_rows(results, task)}
    handles = [_handle(s, looks[str(s)]) for s in strategies(results) if str(s) in seen]
    margins = (0.55, 0.1, 0.35, 0.75 + taller_legend(len(handles), 4, 1))
    figure, grid = panels(len(lines), 3, height=1.3, margins=margins, gaps=(0.58, 0.76))
    for line, axes_row in zip(lines, grid, strict=True):
        rows = [row for row in line if row]
        budget = budget_name(results, task, rows[0]["label_budget"])
        for axes, draw in zip(axes_row, (_roc_panel, _pr_panel, _reliability_panel), strict=True):
            for row in rows:
                draw(axes, row, looks[row["strategy"]])
            axes.set_xlim(-0.01, 1.01)
            axes.set_ylim(-0.01, 1.01)
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks([0, 0.5, 1])
        for axes, words in zip(axes_row, ("ROC", "precision–recall", "reliability"), strict=True):
            axes.set_title(f"{words}\n{budget}", fontsize=8)
        _curve_labels(axes_row)
    legend_below(figure, handles)
    return figure


def _handle(strategy: Strategy, look: Look) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], color=look.colour, ls=look.line, label=method_name(strategy))


def _curve_labels(axes_row: "list[Axes]") -> None:
    names = (
        ("1 − specificity", "sensitivity"),
        ("recall (sensitivity)", "precision"),
        ("predicted probability", "share of second class"),
    )
    for axes, (x, y) in zip(axes_row, names, strict=True):
        axes.set_xlabel(x, labelpad=1)
        axes.set_ylabel(y, labelpad=1)
    for axes in (axes_row[0], axes_row[2]):
        axes.plot([0, 1], [0, 1], color="#bbbbbb", lw=0.8, zorder=0)


def _banded(axes: "Axes", look: Look, x: list, mean: list, low: list, high: list) -> None:
    axes.fill_between(x, low, high, color=look.colour, alpha=0.12, lw=0)
    axes.plot(x, mean, color=look.colour, ls=look.line, lw=1.2)


def _roc_panel(axes: "Axes", row: Entry, look: Look) -> None:
    if row["roc"]:
        _banded(axes, look, *(row["roc"][key] for key in ("fpr", "tpr", "low", "high")))


def _pr_panel(axes: "Axes", row: Entry, look: Look) -> None:
    if row.get("pr"):
        _banded(axes, look, *(row["pr"][key] for key in ("recall", "precision", "low", "high")))


def _reliability_panel(axes: "Axes", row: Entry, look: Look) -> None:
    diagram = row.get("reliability")
    if not diagram:
        return
    columns = (diagram[key] for key in ("score", "share", "low", "high"))
    bins = [values for values in zip(*columns, strict=True) if None not in values]
    if bins:
        _banded(axes, look, *map(list, zip(*bins, strict=True)))


def draw_confusion(results: Results, task: str) -> "Drawing":
    """Confusion matrices at threshold .5: mean counts over seeds and shares of each true class."""
    rows = curve_grid(results, task)
    names = class_names(results, task)
    side, gap, left = 1.3, 0.12, 1.0
    columns = len(rows[0])
    width = max(3.6, left + columns * (side + gap))
    height = len(rows) * (side + 0.72) + 0.05
    figure, axes = canvas(width, height)
    for i, line in enumerate(rows):
        y = 0.42 + i * (side + 0.72)
        started = False
        for j, row in enumerate(line):
            if row is None:
                continue
            x = left + j * (side + gap)
            budget = budget_name(results, task, row["label_budget"])
            title = f"{short(strategy_name(row), 26)}\n{budget}"
            axes.text(x + side / 2, y - 0.06, title, ha="center", va="bottom", fontsize=8)
            _confusion_cells(axes, row["confusion"], x, y, side)
            _confusion_names(axes, names, x, y, side, truth=not started)
            started = True
    return figure


def _confusion_cells(axes: "Axes", matrix: list, x: float, y: float, side: float) -> None:
    from matplotlib.patches import Rectangle

    half = side / (size := len(matrix))
    for truth, counts in enumerate(matrix):
        for predicted, cases in enumerate(counts):
            share = cases / max(1e-12, sum(counts))
            # White to the dark end of one hue, so that the order survives print in grey.
            face = tuple(1 - share * (1 - part) for part in (0.03, 0.27, 0.45))
            corner = (x + predicted * half, y + truth * half)
            axes.add_patch(
                Rectangle(corner, half, half, facecolor=face, edgecolor="#888888", lw=0.6)
            )
            axes.text(
                corner[0] + half / 2,
                corner[1] + half / 2,
                _cell_words(cases, share, size),
                ha="center",
                va="center",
                fontsize=None if size == 2 else 8 if size < 5 else 6,
                color="white" if share > 0.55 else "black",
            )


def _cell_words(cases: float, share: float, size: int) -> str:
    """Counts and shares where there is room for both, else shares, and of many classes nothing."""
    both = f"{count(cases)}\n{percent(share)}"
    return both if size == 2 else f"{100 * share:.0f}" if size <= 8 else ""


def _confusion_names(
    axes: "Axes", names: list[str], x: float, y: float, side: float, *, truth: bool
) -> None:
    half, many = side / len(names), len(names) > 2
    for label, name in enumerate(names):
        middle = (label + 0.5) * half
        below = str(label) if many else short(name, 9, 2)
        axes.text(x + middle, y + side + 0.04, below, ha="center", va="top", fontsize=8)
        if truth:
            beside = f"{short(name, 11)} {label}" if many else short(name, 11, 2)
            beside = str(label) if name == str(label) else beside
            look: Any = {"ha": "right", "va": "center", "fontsize": 8 if len(names) < 8 else 6}
            axes.text(x - 0.06, y + middle, beside, **look)
    if truth:
        axes.text(
            x - 0.93, y + side / 2, "true class", rotation=90, va="center", ha="center", color=GREY
        )
        axes.text(x - 0.06, y + side + 0.04, "predicted", ha="right", va="top", color=GREY)


def _named_rows(results: Results, task: str) -> Iterator[tuple[list[Any], Entry]]:
    """The rows of the figures, and how each begins in a table of numbers."""
    for row in curve_rows(results, task):
        yield [labels_of(results, task, row["label_budget"]), strategy_name(row)], row


def score_curves(results: Results, task: str) -> Numbers:
    """ROC, precision-recall and reliability curves with their bands."""
    shapes = (
        ("roc", "roc", ("fpr", "tpr", "low", "high")),
        ("precision-recall", "pr", ("recall", "precision", "low", "high")),
        ("reliability", "reliability", ("score", "share", "low", "high")),
    )
    rows = [
        [words, *start, *point]
        for start, row in _named_rows(results, task)
        for words, key, axes in shapes
        if row.get(key)
        for point in zip(*(row[key][axis] for axis in axes), strict=True)
        if None not in point
    ]
    return Numbers(("curve", "labels", "strategy", "x", "y", "low", "high"), rows)


def losses_by_epoch(results: Results, task: str) -> Numbers:
    """Losses of every classifier that is shown, epoch by epoch."""
    rows = [
        [*start, run["seed"], *epoch, epoch[0] == run["best_epoch"]]
        for start, row in _named_rows(results, task)
        for run in runs_of(results, row)
        for epoch in epochs_of(run["history"])
    ]
    names = ("labels", "strategy", "seed", "epoch", "training_loss", "validation_loss", "kept")
    return Numbers(names, rows)


def confusion(results: Results, task: str) -> Numbers:
    """Mean counts of the confusion matrices."""
    names = class_names(results, task)
    rows = [
        [*start, names[truth], names[predicted], cases]
        for start, row in _named_rows(results, task)
        for truth, counts in enumerate(row["confusion"])
        for predicted, cases in enumerate(counts)
    ]
    return Numbers(("labels", "strategy", "true_class", "predicted_class", "images"), rows)
