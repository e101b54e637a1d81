"""Figures on the classifiers: accuracy, learning curves, ROC, confusion, paired differences."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed.report.plotting import (
    COLOURS,
    GREY,
    LINES,
    MARKERS,
    TEXT_WIDTH,
    canvas,
    legend_below,
    log_limits,
    log_scale,
    panels,
    short,
)
from tfmed.report.wording import (
    LOWER_IS_BETTER,
    STRATEGIES,
    budget_name,
    budgets,
    cell_order,
    count,
    dataset_of,
    metric_name,
    number,
    percent,
    strategy_name,
    summary_rows,
    task_title,
    tasks,
    verdict,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BUDGETS_A_ROW = 3
MAJORITY_LINE: Any = (0, (2, 2))


def cells(results: dict) -> list[tuple[str, str]]:
    """The (strategy, variant) pairs of the summary, standard ones first."""
    rows = sorted(results["summary"], key=lambda row: cell_order({**row, "label_budget": 0}))
    return list(dict.fromkeys((row["strategy"], row["variant"]) for row in rows))


def _handle(strategy: str, variant: str, *, line: bool) -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color=COLOURS[strategy],
        marker="" if line else MARKERS[strategy],
        markerfacecolor=COLOURS[strategy] if variant == "standard" else "white",
        ls=LINES[strategy] if line else "",
        lw=1.3 if variant == "standard" else 0.8,
        label=strategy_name({"strategy": strategy, "variant": variant}),
    )


def majority_share(results: dict, task: str) -> float | None:
    """Accuracy on the test split of always answering its commoner class."""
    dataset = dataset_of(results, task)
    if dataset is None or not dataset["splits"]["test"]["n"]:
        return None
    return max(dataset["splits"]["test"]["counts"]) / dataset["splits"]["test"]["n"]


def draw_accuracy(results: dict) -> "Figure":
    """Test accuracy of each strategy at each label budget: mean, 95 % interval and seeds."""
    from matplotlib.lines import Line2D

    trained = [task for task in tasks(results) if budgets(results, task)]
    widths = [len(budgets(results, task)) + 0.3 for task in trained]
    shown = cells(results)
    figure, [row] = panels(
        1, len(trained), height=2.7, margins=(0.6, 0.1, 0.35, 0.85), gaps=(0.55, 0), widths=widths
    )
    for task, axes in zip(trained, row, strict=True):
        _accuracy_panel(axes, results, task, shown)
    row[0].set_ylabel("accuracy on the test split")
    handles = [_handle(*cell, line=False) for cell in shown]
    handles.append(
        Line2D([], [], color=GREY, ls=MAJORITY_LINE, lw=1, label="always the commoner class")
    )
    legend_below(figure, handles, ncol=3)
    return figure


def _accuracy_panel(axes: "Axes", results: dict, task: str, shown: list) -> None:
    names = budgets(results, task)
    step = 0.8 / max(1, len(shown))
    for row in summary_rows(results, task):
        if row["accuracy"] is None:
            continue
        strategy, place = row["strategy"], shown.index((row["strategy"], row["variant"]))
        x = names.index(row["label_budget"]) + (place - (len(shown) - 1) / 2) * step
        colour, mean = COLOURS[strategy], row["accuracy"]["mean"]
        axes.vlines(x, row["accuracy"]["low"], row["accuracy"]["high"], color=colour, lw=1.8)
        face = colour if row["variant"] == "standard" else "white"
        axes.plot(x, mean, MARKERS[strategy], color=colour, mfc=face, ms=6.5, zorder=3)
        seeds = [run["metrics"]["accuracy"] for run in runs_of(results, row)]
        axes.plot([x + 0.32 * step] * len(seeds), seeds, ".", color=colour, ms=3.5, alpha=0.75)
    majority = majority_share(results, task)
    if majority is not None:
        axes.axhline(majority, color=GREY, ls=MAJORITY_LINE, lw=1)
    axes.set_xticks(range(len(names)), [budget_name(results, task, b) for b in names])
    axes.set_xlim(-0.55, len(names) - 0.45)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="x", visible=False)
    axes.set_title(short(task_title(results, task), 18 + 16 * len(names)), weight="bold")


def runs_of(results: dict, row: dict) -> list[dict]:
    """Runs behind a summary row, by seed."""
    keys = ("task", "strategy", "variant", "label_budget")
    found = [run for run in results["runs"] if all(run[key] == row[key] for key in keys)]
    return sorted(found, key=lambda run: run["seed"])


def curve_grid(results: dict, task: str) -> list[list[dict | None]]:
    """Summary rows as a grid: a line per label budget and variant, a column per strategy."""
    rows = [row for row in summary_rows(results, task) if row["strategy"] in STRATEGIES]
    columns = [s for s in STRATEGIES if any(row["strategy"] == s for row in rows)]
    lines: dict[tuple, dict] = {}
    for row in rows:
        lines.setdefault((row["label_budget"], row["variant"]), {})[row["strategy"]] = row
    return [[line.get(strategy) for strategy in columns] for line in lines.values()]


def draw_curves(results: dict, task: str) -> "Figure":
    """Loss per epoch of every run, a panel for each strategy, label budget and variant."""
    rows = curve_grid(results, task)
    columns = len(rows[0])
    width = min(TEXT_WIDTH, 1.1 + 1.9 * max(columns, 2))
    margins, gaps = (0.6, 0.12, 0.4, 0.9), (0.24, 0.85)
    figure, grid = panels(len(rows), columns, height=1.25, width=width, margins=margins, gaps=gaps)
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
    """ROC curve of each strategy, mean over seeds with pointwise 95 % bands."""
    names = budgets(results, task)
    columns = min(MAX_BUDGETS_A_ROW, len(names))
    lines = -(-len(names) // columns)
    size = 2.6 if columns < MAX_BUDGETS_A_ROW else 1.75
    gap = 0.55
    width = 0.65 + columns * size + (columns - 1) * gap + 0.2
    figure, grid = panels(
        lines,
        columns,
        height=size,
        width=width,
        margins=(0.65, 0.2, 0.35, 0.55),
        gaps=(gap, 0.9),
    )
    for i, axes in enumerate(axes for row in grid for axes in row):
        if i >= len(names):
            axes.remove()
            continue
        _roc_panel(axes, summary_rows(results, task, names[i]))
        axes.set_title(budget_name(results, task, names[i]), weight="bold")
    return figure


def _roc_panel(axes: "Axes", rows: list[dict]) -> None:
    axes.plot([0, 1], [0, 1], color="#bbbbbb", lw=0.8)
    for row in rows:
        if row["roc"] is None:
            continue
        curve, colour = row["roc"], COLOURS[row["strategy"]]
        standard = row["variant"] == "standard"
        axes.fill_between(curve["fpr"], curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)
        auc = number(row["auc"]["mean"] if row["auc"] else None)
        axes.plot(
            curve["fpr"],
            curve["tpr"],
            color=colour,
            ls=LINES[row["strategy"]],
            lw=1.4 if standard else 0.7,
            label=f"{short(strategy_name(row), 26)}: {auc}",
        )
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, 0.5, 1])
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity", labelpad=1)
    legend = axes.legend(
        title="area under the curve",
        loc="lower right",
        fontsize=7,
        title_fontsize=7,
        handlelength=2.2,
    )
    legend.get_frame().set_facecolor("white")


def draw_confusion(results: dict, task: str) -> "Figure":
    """Confusion matrices at threshold .5: mean counts over seeds and shares of each true class."""
    rows = curve_grid(results, task)
    dataset = dataset_of(results, task)
    names = dataset["class_names"] if dataset else ["class 0", "class 1"]
    side, gap, left = 1.14, 0.3, 1.15
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
        axes.text(
            x + middle, y + side + 0.04, short(name, 9, 2), ha="center", va="top", fontsize=6.5
        )
        if truth:
            axes.text(x - 0.06, y + middle, short(name, 11, 2), ha="right", va="center", fontsize=7)
    if truth:
        axes.text(x - 0.98, y + half, "truth", rotation=90, va="center", ha="center", color=GREY)
        axes.text(x - 0.06, y + side + 0.04, "answer", ha="right", va="top", color=GREY)


def compared_metrics(results: dict) -> list[str]:
    """Metrics that were compared, in the order of the results."""
    return list(dict.fromkeys(entry["metric"] for entry in results["comparisons"]))


def draw_differences(results: dict) -> "Figure":
    """Paired differences between strategies with 95 % intervals, a panel for each metric."""
    metrics = compared_metrics(results)[:2]
    chosen = [c for c in results["comparisons"] if c["metric"] in metrics]
    keys = list(dict.fromkeys(map(_pair_key, chosen)))
    groups = list(dict.fromkeys(key[:2] for key in keys))
    lines = len(keys) + len(groups)
    figure, [row] = panels(
        1, len(metrics), height=0.215 * lines + 0.1, margins=(2.35, 0.15, 0.3, 0.5), gaps=(0.25, 0)
    )
    places, y = {}, 0
    for group in groups:
        title = f"{short(task_title(results, group[0]), 24)}, {budget_name(results, *group)}"
        row[0].text(
            -2.25,
            y,
            title,
            transform=row[0].get_yaxis_transform() + _inches_left(figure, row[0]),
            weight="bold",
            va="center",
        )
        y += 1
        for key in keys:
            if key[:2] == group:
                places[key] = y
                y += 1
    for metric, axes in zip(metrics, row, strict=True):
        entries = [c for c in chosen if c["metric"] == metric]
        _difference_panel(axes, entries, places, metric, first=axes is row[0])
        axes.set_ylim(y - 0.4, -0.6)
    return figure


def _inches_left(figure: "Figure", axes: "Axes") -> Any:
    """Shifts a place given in negative inches, read as axes widths, back to inches."""
    from matplotlib.transforms import Affine2D

    width = axes.get_position().width * figure.get_size_inches()[0]
    pixels = figure.dpi
    return Affine2D().translate(2.25 * (width - 1) * pixels, 0)


def _pair_key(entry: dict) -> tuple:
    return (
        entry["task"],
        entry["label_budget"],
        f"{strategy_name(entry['a'])} − {strategy_name(entry['b'])}",
        entry["a"]["strategy"],
    )


def _difference_panel(
    axes: "Axes", entries: list[dict], places: dict, metric: str, *, first: bool
) -> None:
    scale = 1 if metric in LOWER_IS_BETTER else 100
    axes.axvline(0, color="#444444", lw=0.9)
    for entry in entries:
        key = _pair_key(entry)
        colour, strategy = COLOURS[key[3]], key[3]
        low, mean, high = (scale * entry[k] for k in ("low", "difference", "high"))
        axes.plot([low, high], [places[key]] * 2, color=colour, lw=1.8, solid_capstyle="butt")
        face = colour if verdict(entry) else "white"
        axes.plot(mean, places[key], MARKERS[strategy], color=colour, mfc=face, ms=5.5)
    axes.set_yticks(list(places.values()), [short(k[2], 42) for k in places] if first else [])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    unit = "" if scale == 1 else " (points)"
    axes.set_xlabel(f"difference in {metric_name(metric)}{unit}")
    bound = max(1e-3, float(np.abs(axes.get_xlim()).max()))
    axes.set_xlim(-bound, bound)
