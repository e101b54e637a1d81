"""Figures of several findings: how often each is there, and how often it is found."""

from functools import partial
from typing import TYPE_CHECKING, Any

from tfmed.report.blocks import text
from tfmed.report.classes.confusion import TITLE_LINE, panel_title, title_lines
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.plotting import (
    GREY,
    canvas,
    legend_below,
    panels,
    short,
)
from tfmed.report.selection import Entry, Results, class_names, drawn_grid, labels_of, runs_of
from tfmed.report.wording import (
    budget_name,
    capitalised,
    count,
    percent,
    row_name,
    strategy_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MOST_FINDINGS = 24
"""Findings that a figure has room for: the first of them."""
CELLS = (("TP", 3, 2), ("FN", 2, 3), ("FP", 1, 0), ("TN", 0, 1))
"""Columns of the figure of errors: name, its place in `[tn, fp, fn, tp]`, and its counterpart's."""
SPLITS = (("train", "training", "#bbbbbb"), ("val", "validation", GREY), ("test", "test", "black"))
ROW = 0.155
SHARES_ROW = 0.19


def findings_figure(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    """What stands where several classes have a confusion matrix."""
    said = [f"{row_name(results, row)}: {confusion_words(results, row)}" for row in rows]
    return Figure(
        id=f"confusion-{slug}",
        draw=partial(draw_findings, results, task),
        caption=text(
            f"Each finding on the test split of {task_title(results, task)} at its chosen "
            "threshold, mean counts over seeds: true positives and false negatives (TP, FN) among "
            "the images that have it, false positives and true negatives (FP, TN) among the "
            f"others. The darker, the larger the share of these. {capitalised(said[-1])}."
        ),
        alt="; ".join(said),
        numbers=partial(findings, results, task),
    )


def mean_confusion(results: Results, row: Entry) -> list[list[float]]:
    """Of each finding `[tn, fp, fn, tp]` at its chosen threshold, mean over the row's runs."""
    found = [run["confusion_at_threshold"] for run in runs_of(results, row)]
    return [
        [sum(counts) / len(counts) for counts in zip(*of_finding, strict=True)]
        for of_finding in zip(*found, strict=True)
    ]


def confusion_words(results: Results, row: Entry) -> str:
    """True positives, false negatives and false positives, all findings together."""
    counts = [sum(column) for column in zip(*mean_confusion(results, row), strict=True)]
    share = counts[3] / max(1.0, counts[2] + counts[3])
    return (
        f"of all findings together {count(counts[3])} true positives ({percent(share)} of the "
        f"cases), {count(counts[2])} false negatives, {count(counts[1])} false positives"
    )


def draw_findings(results: Results, task: str) -> "Drawing":
    """A line of four counts for each finding, a panel for each strategy and label budget."""
    lines, names = drawn_grid(results, task), class_names(results, task)[:MOST_FINDINGS]
    side, gap, left = 1.36, 0.1, 1.05
    columns, tall = len(lines[0]), ROW * len(names)
    more = TITLE_LINE * (max(title_lines(results, line) for line in lines) - 1)
    below = 0.75 + more
    figure, axes = canvas(
        max(3.6, left + columns * (side + gap)), len(lines) * (tall + below) + 0.05
    )
    for i, line in enumerate(lines):
        y, started = 0.42 + more + i * (tall + below), False
        for j, row in enumerate(line):
            if row is None:
                continue
            x = left + j * (side + gap)
            budget = budget_name(results, task, row["label_budget"])
            title = f"{panel_title(results, row)}\n{budget}"
            axes.text(x + side / 2, y - 0.06, title, ha="center", va="bottom", fontsize=8)
            _finding_cells(axes, mean_confusion(results, row)[: len(names)], x, y, side)
            for label, name in enumerate(names if not started else []):
                middle = y + (label + 0.5) * ROW
                axes.text(x - 0.06, middle, short(name, 16), ha="right", va="center", fontsize=7)
            started = True
    return figure


def _finding_cells(
    axes: "Axes", counts: list[list[float]], x: float, y: float, side: float
) -> None:
    from matplotlib.patches import Rectangle

    width = side / len(CELLS)
    for label, of_finding in enumerate(counts):
        for place, (_, own, other) in enumerate(CELLS):
            share = of_finding[own] / max(1e-12, of_finding[own] + of_finding[other])
            # White to the dark end of one hue, so that the order survives print in grey.
            face = tuple(1 - share * (1 - part) for part in (0.03, 0.27, 0.45))
            corner = (x + place * width, y + label * ROW)
            edge: Any = {"edgecolor": "#888888", "lw": 0.4}
            axes.add_patch(Rectangle(corner, width, ROW, facecolor=face, **edge))
            axes.text(
                corner[0] + width / 2,
                corner[1] + ROW / 2,
                f"{of_finding[own]:.0f}",
                ha="center",
                va="center",
                fontsize=6,
                color="white" if share > 0.55 else "black",
            )
    for place, (name, _, _) in enumerate(CELLS):
        bottom = y + len(counts) * ROW + 0.03
        middle = x + (place + 0.5) * width
        axes.text(middle, bottom, name, ha="center", va="top", fontsize=6.5, color=GREY)


def findings(results: Results, task: str) -> Numbers:
    """The counts of `draw_findings`."""
    names = class_names(results, task)
    rows = [
        [labels_of(results, task, row["label_budget"]), strategy_name(results, row), name, *counts]
        for line in drawn_grid(results, task)
        for row in line
        if row
        for name, counts in zip(names, mean_confusion(results, row), strict=True)
    ]
    kinds = ("true_negatives", "false_positives", "false_negatives", "true_positives")
    return Numbers(("labels", "strategy", "finding", *kinds), rows)


def draw_shares(datasets: list[Entry]) -> "Drawing":
    """The share of images of each split that have each finding, a panel for each data set."""
    from matplotlib.lines import Line2D

    most = min(max(len(data["class_names"]) for data in datasets), MOST_FINDINGS)
    figure, grid = panels(
        len(datasets),
        1,
        height=SHARES_ROW * most + 0.1,
        margins=(1.6, 0.25, 0.3, 0.75),
        gaps=(0, 0.75),
    )
    markers = {"train": "s", "val": "^", "test": "o"}
    for data, (axes,) in zip(datasets, grid, strict=True):
        names = data["class_names"][:most]
        for y in range(len(names)):
            shares = {
                split: data["splits"][split]["counts"][y] / max(1, data["splits"][split]["n"])
                for split, _, _ in SPLITS
            }
            ends = 100 * min(shares.values()), 100 * max(shares.values())
            axes.plot(ends, [y, y], color="#cccccc", lw=1.2, zorder=1)
            for split, _, colour in SPLITS:
                axes.plot(100 * shares[split], y, markers[split], color=colour, ms=4.5, zorder=2)
        axes.set_yticks(range(len(names)), [short(name, 24) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.tick_params(axis="y", length=0)
        axes.set_title(short(data["title"], 70), loc="left", weight="bold")
        axes.set_xlabel("share of images (%)", labelpad=1)
    handles = [
        Line2D([], [], color=colour, marker=markers[split], ls="", ms=4.5, label=name)
        for split, name, colour in SPLITS
    ]
    legend_below(figure, handles)
    return figure
