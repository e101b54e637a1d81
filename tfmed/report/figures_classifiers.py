"""Figures on single classifiers: fits, ROC, precision-recall, reliability, confusion."""

from typing import TYPE_CHECKING, Any

from tfmed.report.plotting import (
    COLOURS,
    GREY,
    LINES,
    TEXT_WIDTH,
    canvas,
    legend_below,
    log_limits,
    log_scale,
    panels,
    short,
)
from tfmed.report.wording import (
    STRATEGIES,
    STRATEGY_NAMES,
    budget_name,
    count,
    dataset_of,
    find_row,
    percent,
    runs_of,
    shown_budgets,
    strategy_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curve_grid(results: dict, task: str) -> list[list[dict | None]]:
    """Standard summary rows as a grid: few labels over most labels, a column per strategy."""
    columns = [
        strategy
        for strategy in STRATEGIES
        if any(find_row(results, task, b, strategy) for b in shown_budgets(results, task))
    ]
    lines = [
        [find_row(results, task, budget, strategy) for strategy in columns]
        for budget in shown_budgets(results, task)
    ]
    return [line for line in lines if any(line)]


def draw_curves(results: dict, task: str) -> "Figure":
    """Loss per epoch of every run, a panel for each strategy, label budget and variant."""
    rows = curve_grid(results, task)
    columns = len(rows[0])
    width = min(TEXT_WIDTH, 1.1 + 1.9 * max(columns, 2))
    margins, gaps = (0.6, 0.12, 0.4, 0.75), (0.24, 0.76)
    figure, grid = panels(len(rows), columns, height=1.1, width=width, margins=margins, gaps=gaps)
    for line, axes_row in zip(rows, grid, strict=True):
        limits = _loss_limits(results, line)
        for column, (row, axes) in enumerate(zip(line, axes_row, strict=True)):
            if row is None:
                axes.remove()
                continue
            first = all(earlier is None for earlier in line[:column])
            _curve_panel(axes, results, row, limits, first=first)
    legend_below(figure, _curve_handles(), ncol=2 if columns < 3 else 4)
    return figure


def _loss_limits(results: dict, line: list[dict | None]) -> tuple[float, float]:
    """Limits that hold all losses of a line of panels, on a logarithmic axis."""
    histories = [run["history"] for row in line if row for run in runs_of(results, row)]
    return log_limits(v for h in histories for key in ("loss", "val_loss") for v in h.get(key, []))


def _curve_panel(
    axes: "Axes", results: dict, row: dict, limits: tuple[float, float], *, first: bool
) -> None:
    colour = COLOURS[row["strategy"]]
    epochs = 1
    for run in runs_of(results, row):
        loss, val_loss = (run["history"].get(key, []) for key in ("loss", "val_loss"))
        axes.plot(range(1, len(loss) + 1), loss, "--", color=GREY, lw=0.8)
        axes.plot(range(1, len(val_loss) + 1), val_loss, "-", color=colour, lw=1.1)
        kept = val_loss or loss
        if 1 <= run["best_epoch"] <= len(kept):
            axes.plot(run["best_epoch"], kept[run["best_epoch"] - 1], "o", color=colour, ms=4)
        if kept:
            axes.plot(len(kept), kept[-1], "|", color=colour, ms=9, mew=1.5)
        epochs = max(epochs, len(loss), len(val_loss))
    log_scale(axes, "y", limits, labels=first)
    axes.set_xlim(0.5, epochs + 0.5)
    stops = sorted({1, max(1, epochs // 2), epochs})
    axes.set_xticks(stops)
    budget = budget_name(results, row["task"], row["label_budget"])
    axes.set_title(f"{short(strategy_name(row), 26)}\n{budget}", fontsize=8)
    axes.set_xlabel("epoch", labelpad=1)
    if first:
        axes.set_ylabel("cross-entropy loss")


def _curve_handles() -> list:
    from matplotlib.lines import Line2D

    ink = "#222222"
    return [
        Line2D([], [], color=GREY, ls="--", lw=0.8, label="training"),
        Line2D([], [], color=ink, lw=1.1, label="validation"),
        Line2D([], [], color=ink, marker="o", ms=4, ls="", label="epoch kept"),
        Line2D([], [], color=ink, marker="|", ms=9, mew=1.5, ls="", label="last epoch run"),
    ]


def draw_roc(results: dict, task: str) -> "Figure":
    """ROC, precision-recall and reliability with few and with most labels, with 95 % bands."""
    lines = curve_grid(results, task)
    figure, grid = panels(
        len(lines), 3, height=1.3, margins=(0.55, 0.1, 0.35, 0.75), gaps=(0.58, 0.76)
    )
    for line, axes_row in zip(lines, grid, strict=True):
        rows = [row for row in line if row]
        budget = budget_name(results, task, rows[0]["label_budget"])
        for axes, draw in zip(axes_row, (_roc_panel, _pr_panel, _reliability_panel), strict=True):
            for row in rows:
                draw(axes, row)
            axes.set_xlim(-0.01, 1.01)
            axes.set_ylim(-0.01, 1.01)
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks([0, 0.5, 1])
        for axes, words in zip(axes_row, ("ROC", "precision–recall", "reliability"), strict=True):
            axes.set_title(f"{words}\n{budget}", fontsize=8)
        _curve_labels(axes_row)
    shown = [strategy for strategy in STRATEGIES if any(_has(line, strategy) for line in lines)]
    legend_below(figure, [_handle(strategy) for strategy in shown])
    return figure


def _has(line: list[dict | None], strategy: str) -> bool:
    return any(row is not None and row["strategy"] == strategy for row in line)


def _handle(strategy: str) -> Any:
    from matplotlib.lines import Line2D

    name = STRATEGY_NAMES[strategy]
    return Line2D([], [], color=COLOURS[strategy], ls=LINES[strategy], label=name)


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


def _banded(axes: "Axes", row: dict, x: list, mean: list, low: list, high: list) -> None:
    colour = COLOURS[row["strategy"]]
    axes.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)
    axes.plot(x, mean, color=colour, ls=LINES[row["strategy"]], lw=1.2)


def _roc_panel(axes: "Axes", row: dict) -> None:
    if row["roc"]:
        _banded(axes, row, *(row["roc"][key] for key in ("fpr", "tpr", "low", "high")))


def _pr_panel(axes: "Axes", row: dict) -> None:
    if row.get("pr"):
        _banded(axes, row, *(row["pr"][key] for key in ("recall", "precision", "low", "high")))


def _reliability_panel(axes: "Axes", row: dict) -> None:
    diagram = row.get("reliability")
    if not diagram:
        return
    keys = ("score", "share", "low", "high")
    bins = [
        values for values in zip(*(diagram[key] for key in keys), strict=True) if None not in values
    ]
    if bins:
        _banded(axes, row, *map(list, zip(*bins, strict=True)))


def draw_confusion(results: dict, task: str) -> "Figure":
    """Confusion matrices at threshold .5: mean counts over seeds and shares of each true class."""
    rows = curve_grid(results, task)
    dataset = dataset_of(results, task)
    names = dataset["class_names"] if dataset else ["class 0", "class 1"]
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

    half = side / 2
    for truth, counts in enumerate(matrix):
        for answer, cases in enumerate(counts):
            share = cases / max(1e-12, sum(counts))
            # White to the dark end of one hue, so that the order survives print in grey.
            face = tuple(1 - share * (1 - part) for part in (0.03, 0.27, 0.45))
            corner = (x + answer * half, y + truth * half)
            axes.add_patch(
                Rectangle(corner, half, half, facecolor=face, edgecolor="#888888", lw=0.6)
            )
            axes.text(
                corner[0] + half / 2,
                corner[1] + half / 2,
                f"{count(cases)}\n{percent(share)}",
                ha="center",
                va="center",
                color="white" if share > 0.55 else "black",
            )


def _confusion_names(
    axes: "Axes", names: list[str], x: float, y: float, side: float, *, truth: bool
) -> None:
    half = side / 2
    for label, name in enumerate(names):
        middle = (label + 0.5) * half
        axes.text(x + middle, y + side + 0.04, short(name, 9, 2), ha="center", va="top", fontsize=8)
        if truth:
            axes.text(x - 0.06, y + middle, short(name, 11, 2), ha="right", va="center", fontsize=8)
    if truth:
        axes.text(x - 0.93, y + half, "truth", rotation=90, va="center", ha="center", color=GREY)
        axes.text(x - 0.06, y + side + 0.04, "answer", ha="right", va="top", color=GREY)
