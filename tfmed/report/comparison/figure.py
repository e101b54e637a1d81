"""The figure of a comparison: the largest changes in accuracy with their uncertainty."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tfmed.design import Strategy
from tfmed.report.blocks import text
from tfmed.report.comparison.changes import Change, Compared
from tfmed.report.comparison.words import cell_name, difference_words
from tfmed.report.figures.description import Figure
from tfmed.report.figures.drawing import draw
from tfmed.report.figures.looks import Look, looks_of_strategies
from tfmed.report.figures.plotting import (
    GREY,
    legend_below,
    panels,
    short,
)
from tfmed.report.wording import task_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

FIGURE = "answer"
"""Its id: that of the figure that stands beside an answer."""
FILE = "compare-accuracy"
MOST = 16
INK = "#444444"
OF_BASELINES = Look(GREY, "v", "-")


def described(found: Compared) -> dict[str, Figure]:
    """The figure by its id; nothing where no accuracy changed."""
    shown = shown_changes(found)
    if not shown:
        return {}
    changed = sum(c.changed for c in found.changes if c.metric == "accuracy")
    which = "All" if len(shown) == changed else f"The {len(shown)} largest of {changed}"
    if are_paired(shown):
        words = (
            "difference B − A of the mean accuracy on the same test images, with its 95 % "
            "interval. Right of 0, B is better; filled: clear after correction for all "
            "comparisons of accuracy here."
        )
    else:
        words = (
            "mean accuracy and 95 % interval in A (open) and B (filled), not paired: "
            "overlapping intervals do not prove that nothing changed."
        )
    figure = Figure(
        id=FIGURE,
        draw=partial(draw_changes, found),
        caption=text(f"{which} changes in accuracy: {words}"),
        alt=_alt_text(found, shown),
        numbers=None,
        why_no_numbers="the table of changes in accuracy holds them",
    )
    return {FIGURE: figure}


def draw_all(found: Compared, folder: Path) -> dict[str, Path]:
    """Draw the figure of a comparison; nothing where no accuracy changed.

    Args:
        found: the comparison.
        folder: where the SVG file goes; made if absent. An earlier one is removed.

    Returns:
        Figure id to SVG file. The same comparison gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{FILE}.svg"
    path.unlink(missing_ok=True)
    figures = described(found)
    if not figures:
        return {}
    # Its file has a name of its own, since it may lie beside a report's figures.
    draw([replace(figures[FIGURE], id=FILE)], folder, synthetic=found.synthetic)
    return {FIGURE: path}


def shown_changes(found: Compared) -> list[Change]:
    """The largest changes in accuracy, task by task, the largest first."""
    changed = [c for c in found.changes if c.metric == "accuracy" and c.changed]
    largest = [c for c in changed if c.difference is not None][:MOST]
    order = list(dict.fromkeys(c.cell.task for c in largest))
    return sorted(largest, key=lambda change: order.index(change.cell.task))


def are_paired(changes: Sequence[Change]) -> bool:
    """Whether differences are drawn; else the two intervals of each."""
    return all(change.paired is not None for change in changes)


def _alt_text(found: Compared, shown: Sequence[Change]) -> str:
    """What the figure shows, in numbers."""
    return "; ".join(
        f"{cell_name(found, change)} of {task_title(found.a.results, change.cell.task)}: "
        f"{difference_words(change)}"
        for change in shown
    )


def draw_changes(found: Compared) -> "Drawing":
    """Differences B - A as a forest plot, or both intervals where they can't be paired."""
    from matplotlib.transforms import ScaledTranslation

    changes = shown_changes(found)
    paired = are_paired(changes)
    shown = [c.cell.method for c in changes if isinstance(c.cell.method, Strategy)]
    looks = looks_of_strategies(shown)
    titles, places, y = _places(found, changes)
    figure, ((axes,),) = panels(
        1, 1, height=0.21 * y + 0.1, margins=(2.95, 0.2, 0.1, 0.85), gaps=(0, 0)
    )
    for change, place in zip(changes, places, strict=True):
        look = looks.get(str(change.cell.method), OF_BASELINES)
        (_draw_difference if paired else _draw_both)(axes, change, place, look)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_yticks(places, [short(cell_name(found, change), 48) for change in changes])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    beside = axes.get_yaxis_transform() + ScaledTranslation(-2.85, 0, figure.dpi_scale_trans)
    for place, title in titles.items():
        axes.text(0, place, title, transform=beside, weight="bold", va="center")
    if paired:
        axes.axvline(0, color=INK, lw=0.9)
        axes.set_xlabel("change in accuracy, B − A (points)")
    else:
        axes.set_xlabel("accuracy on the test split")
    legend_below(figure, _handles(paired=paired), ncol=2)
    return figure


def _places(
    found: Compared, changes: Sequence[Change]
) -> tuple[dict[float, str], list[float], float]:
    """Where titles of tasks and changes stand from top to bottom, and where all of it ends."""
    titles: dict[float, str] = {}
    places: list[float] = []
    y, task = 0.0, None
    for change in changes:
        if change.cell.task != task:
            y += 0.5 if places else 0.0
            task = change.cell.task
            titles[y] = short(task_title(found.a.results, task), 60)
            y += 1
        places.append(y)
        y += 1
    return titles, places, y


def _draw_difference(axes: "Axes", change: Change, y: float, look: Look) -> None:
    colour, marker = look.colour, look.marker
    paired = change.paired or {}
    low, mean, high = (100 * paired[key] for key in ("low", "difference", "high"))
    axes.plot([low, high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
    axes.plot(mean, y, marker, color=colour, mfc=colour if change.clear else "white", ms=5)


def _draw_both(axes: "Axes", change: Change, y: float, look: Look) -> None:
    colour, marker = look.colour, look.marker
    for estimate, where, face in ((change.a, y - 0.18, "white"), (change.b, y + 0.18, colour)):
        if estimate is None:
            continue
        if estimate["low"] is not None:
            ends = [estimate["low"], estimate["high"]]
            axes.plot(ends, [where, where], color=colour, lw=1.4, solid_capstyle="butt")
        axes.plot(estimate["mean"], where, marker, color=colour, mfc=face, ms=4.5)


def _handles(*, paired: bool) -> list:
    from matplotlib.lines import Line2D

    names = ("clear after correction", "not clear") if paired else ("A", "B")
    faces = (INK, "white") if paired else ("white", INK)
    return [
        Line2D([], [], color=INK, marker="o", mfc=face, ms=5, label=name)
        for name, face in zip(names, faces, strict=True)
    ]
