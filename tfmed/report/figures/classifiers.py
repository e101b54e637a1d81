"""Figures on single classifiers: fits, ROC, precision-recall, reliability."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tfmed.report.asked import is_multilabel
from tfmed.report.blocks import text
from tfmed.report.classes.confusion import (
    TITLE_LINE,
    confusion_figure,
    named_rows,
    panel_title,
    title_lines,
)
from tfmed.report.classes.figures import findings_figure
from tfmed.report.figures.description import Figure, Numbers, epochs_of
from tfmed.report.figures.looks import Look, looks_of
from tfmed.report.figures.plotting import (
    GREY,
    TEXT_WIDTH,
    legend_below,
    log_limits,
    log_scale,
    panels,
    taller_legend,
)
from tfmed.report.selection import (
    Entry,
    Results,
    curve_grid,
    curve_rows,
    drawn_grid,
    rows_over_budgets,
    runs_of,
    shown_budgets,
    strategies,
    task_slugs,
    trained_tasks,
)
from tfmed.report.wording import (
    budget_name,
    interval,
    method_name,
    number,
    repeats_words,
    row_name,
    strategy_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MOST_BANDS = 4
"""Strategies whose bands are drawn."""
MARKS = 5
"""That a line of a curve has, about."""
MOST_NAMED = 5
"""Runs whose epochs are each named."""


def figures(results: Results) -> Iterator[Figure]:
    """Score curves, learning curves and confusion of each task that has strategies."""
    slugs = task_slugs(results)
    for task in trained_tasks(results):
        rows = curve_rows(results, task)
        if rows:
            if any(row["reliability"] for row in rows):
                yield _score_curves(results, task, slugs[task], rows)
            yield _learning_curves(results, task, slugs[task], rows)
            confusion_of = findings_figure if is_multilabel(results, task) else confusion_figure
            yield confusion_of(results, task, slugs[task], rows)


def _score_curves(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    known = [row for row in rows if row["auc"]]
    best = max(known, key=lambda row: row["auc"]["mean"]) if known else None
    top = (
        f" Highest AUC: {number(best['auc']['mean'])} ({row_name(results, best)})." if best else ""
    )
    bands = " with pointwise 95 % bands"
    if not _has_bands(results, task):
        bands = ", without their 95 % bands, which would hide each other (they are in the CSV)"
    return Figure(
        id=f"roc-{slug}",
        draw=partial(draw_roc, results, task),
        caption=text(
            "ROC, precision–recall and reliability on the test split of "
            f"{task_title(results, task)}, means over {repeats_words(results)}{bands}.{top} Where "
            "reliability lies below the diagonal, predicted probabilities are too high."
        ),
        alt="; ".join(f"{row_name(results, row)}: AUC {interval(row['auc'])}" for row in rows),
        numbers=partial(score_curves, results, task),
    )


def _learning_curves(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    return Figure(
        id=f"curves-{slug}",
        draw=partial(draw_curves, results, task),
        caption=text(
            f"Losses of the classifiers on {task_title(results, task)}, every run. Circle: the "
            f"epoch whose weights are kept ({_stop_words(results, rows[0])}); bar: the last epoch "
            f"run.{_training_words(results, task)}"
        ),
        alt="; ".join(_stop_words(results, row) for row in rows),
        numbers=partial(losses_by_epoch, results, task),
    )


def _stop_words(results: Results, row: Entry) -> str:
    found = [(run["best_epoch"], run["epochs"]) for run in runs_of(results, row)]
    epochs = ", ".join(f"{best} of {last}" for best, last in found)
    if len(found) > MOST_NAMED:
        best, last = (sorted(values) for values in zip(*found, strict=True))
        epochs = f"{best[0]} to {best[-1]} of {last[0]} to {last[-1]}"
    return f"{row_name(results, row)}: epoch {epochs}"


def _training_words(results: Results, task: str) -> str:
    """Accuracy on the training images at the most labels."""
    last = shown_budgets(results, task)[-1]
    rows = [dict(rows_over_budgets(results, task, s))[last] for s in strategies(results, task)]
    known = [row for row in rows if row and row.get("train_accuracy")]
    if not known:
        return ""
    means = "; ".join(
        f"{strategy_name(results, row)} {interval(row['train_accuracy'])}" for row in known
    )
    return f" Accuracy on the training images with {budget_name(results, task, last)}: {means}."


def draw_curves(results: Results, task: str) -> "Drawing":
    """Loss per epoch of every run, a panel for each strategy, label budget and variant."""
    rows = drawn_grid(results, task)
    columns = len(rows[0])
    width = min(TEXT_WIDTH, 1.1 + 1.9 * max(columns, 2))
    lines = max(title_lines(results, line) for line in rows)
    more = TITLE_LINE * (lines - 1)
    margins, gaps = (0.6, 0.12, 0.4 + more, 0.75), (0.24, 0.76 + more)
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
            axes.set_title(f"{panel_title(results, row)}\n{budget}", fontsize=8)
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
    lines, looks, banded = curve_grid(results, task), looks_of(results), _has_bands(results, task)
    seen = {row["strategy"] for row in curve_rows(results, task)}
    shown = [strategy for strategy in strategies(results) if str(strategy) in seen]
    handles = [looks[str(s)].handle(method_name(results, s), ms=3.5) for s in shown]
    margins = (0.55, 0.1, 0.35, 0.75 + taller_legend(handles, 1))
    figure, grid = panels(len(lines), 3, height=1.3, margins=margins, gaps=(0.58, 0.76))
    for line, axes_row in zip(lines, grid, strict=True):
        rows = [row for row in line if row]
        budget = budget_name(results, task, rows[0]["label_budget"])
        for axes, draw in zip(axes_row, (_roc_panel, _pr_panel, _reliability_panel), strict=True):
            for row in rows:
                draw(axes, row, looks[row["strategy"]], banded=banded)
            axes.set_xlim(-0.01, 1.01)
            axes.set_ylim(-0.01, 1.01)
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks([0, 0.5, 1])
        for axes, words in zip(axes_row, ("ROC", "precision–recall", "reliability"), strict=True):
            axes.set_title(f"{words}\n{budget}", fontsize=8)
        _curve_labels(axes_row)
    legend_below(figure, handles)
    return figure


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


def _has_bands(results: Results, task: str) -> bool:
    """Whether there are few enough strategies for bands that can be told apart."""
    return len(curve_grid(results, task)[0]) <= MOST_BANDS


def _curve(axes: "Axes", look: Look, points: Sequence[Sequence[float]], *, banded: bool) -> None:
    """A curve from its x, mean, low and high."""
    x, mean, low, high = points
    if banded:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.12, lw=0)
    line = {"color": look.colour, "ls": look.line, "lw": 1.2}
    # Some markers, for print in grey.
    every = max(1, len(x) // MARKS)
    axes.plot(x, mean, marker=look.marker, mfc=look.face, ms=3.5, markevery=every, **line)


def _roc_panel(axes: "Axes", row: Entry, look: Look, *, banded: bool) -> None:
    if row["roc"]:
        points = [row["roc"][key] for key in ("fpr", "tpr", "low", "high")]
        _curve(axes, look, points, banded=banded)


def _pr_panel(axes: "Axes", row: Entry, look: Look, *, banded: bool) -> None:
    if row.get("pr"):
        points = [row["pr"][key] for key in ("recall", "precision", "low", "high")]
        _curve(axes, look, points, banded=banded)


def _reliability_panel(axes: "Axes", row: Entry, look: Look, *, banded: bool) -> None:
    diagram = row.get("reliability")
    if not diagram:
        return
    columns = (diagram[key] for key in ("score", "share", "low", "high"))
    bins = [values for values in zip(*columns, strict=True) if None not in values]
    if bins:
        _curve(axes, look, list(zip(*bins, strict=True)), banded=banded)


def score_curves(results: Results, task: str) -> Numbers:
    """ROC, precision-recall and reliability curves with their bands."""
    shapes = (
        ("roc", "roc", ("fpr", "tpr", "low", "high")),
        ("precision-recall", "pr", ("recall", "precision", "low", "high")),
        ("reliability", "reliability", ("score", "share", "low", "high")),
    )
    rows = [
        [words, *start, *point]
        for start, row in named_rows(results, task)
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
        for start, row in named_rows(results, task)
        for run in runs_of(results, row)
        for epoch in epochs_of(run["history"])
    ]
    names = ("labels", "strategy", "seed", "epoch", "training_loss", "validation_loss", "kept")
    return Numbers(names, rows)
