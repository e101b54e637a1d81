"""The figure of confusion matrices, of two classes or more."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tfmed.report.blocks import text
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.plotting import GREY, canvas, short
from tfmed.report.selection import (
    Entry,
    Results,
    class_names,
    curve_rows,
    drawn_grid,
    is_binary,
    labels_of,
)
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

TITLE_WIDTH, TITLE_LINE = 24, 0.13
"""Letters of a line of a panel's title, and inches that a second line takes."""


def confusion_figure(results: Results, task: str, slug: str, rows: list[Entry]) -> Figure:
    """What stands where classes exclude each other."""
    counts = [f"{row_name(results, row)}: {_matrix_words(row)}" for row in rows]
    two = is_binary(results, task)
    what = " at threshold .5, mean counts and shares" if two else ": mean percentages"
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


def panel_title(results: Results, row: Entry) -> str:
    """A row's strategy on one or two lines, above a panel."""
    return short(strategy_name(results, row), TITLE_WIDTH, 2)


def title_lines(results: Results, line: Sequence[Entry | None]) -> int:
    """Lines that the longest name of a line of panels takes."""
    return max(1 + panel_title(results, row).count("\n") for row in line if row)


def draw_confusion(results: Results, task: str) -> "Drawing":
    """Confusion matrices at threshold .5: mean counts over seeds and shares of each true class."""
    rows = drawn_grid(results, task)
    names = class_names(results, task)
    side, gap, left = 1.3, 0.12, 1.0
    columns = len(rows[0])
    width = max(3.6, left + columns * (side + gap))
    more = TITLE_LINE * (max(title_lines(results, line) for line in rows) - 1)
    height = len(rows) * (side + 0.72 + more) + 0.05
    figure, axes = canvas(width, height)
    for i, line in enumerate(rows):
        y = 0.42 + more + i * (side + 0.72 + more)
        started = False
        for j, row in enumerate(line):
            if row is None:
                continue
            x = left + j * (side + gap)
            budget = budget_name(results, task, row["label_budget"])
            title = f"{panel_title(results, row)}\n{budget}"
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


def named_rows(results: Results, task: str) -> Iterator[tuple[list[Any], Entry]]:
    """The rows of the figures, and how each begins in a table of numbers."""
    for row in curve_rows(results, task):
        yield [labels_of(results, task, row["label_budget"]), strategy_name(results, row)], row


def confusion(results: Results, task: str) -> Numbers:
    """Mean counts of the confusion matrices."""
    names = class_names(results, task)
    rows = [
        [*start, names[truth], names[predicted], cases]
        for start, row in named_rows(results, task)
        for truth, counts in enumerate(row["confusion"])
        for predicted, cases in enumerate(counts)
    ]
    return Numbers(("labels", "strategy", "true_class", "predicted_class", "images"), rows)
