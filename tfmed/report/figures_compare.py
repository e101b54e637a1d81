"""The figure of a comparison: the largest changes in accuracy with their uncertainty."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfmed.report.compare import Change, Compared
from tfmed.report.plotting import (
    COLOURS,
    GREY,
    MARKERS,
    STYLE,
    legend_below,
    panels,
    short,
    svg_text,
    write_aside,
)
from tfmed.report.wording import NAMES, budget_name, points, strategy_name, task_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE = "answer"
"""Its id: that of the figure that stands beside an answer."""
FILE = "compare-accuracy"
MOST = 16
INK = "#444444"


def draw_all(found: Compared, folder: Path) -> dict[str, Path]:
    """Draw the figure of a comparison; nothing where no accuracy changed.

    Args:
        found: the comparison.
        folder: where the SVG file goes; made if absent. An earlier one is removed.

    Returns:
        Figure id to SVG file. The same comparison gives the same bytes.
    """
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{FILE}.svg"
    path.unlink(missing_ok=True)
    if not shown_changes(found):
        return {}
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Names may hold characters the font lacks; as text, the viewer's own font has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        write_aside(path, svg_text(draw_changes(found), FILE, synthetic=found.synthetic))
    return {FIGURE: path}


def shown_changes(found: Compared) -> list[Change]:
    """The largest changes in accuracy, task by task, the largest first."""
    changed = [c for c in found.changes if c.metric == "accuracy" and c.changed]
    largest = [c for c in changed if c.difference is not None][:MOST]
    order = list(dict.fromkeys(c.cell[0] for c in largest))
    return sorted(largest, key=lambda change: order.index(change.cell[0]))


def are_paired(changes: Sequence[Change]) -> bool:
    """Whether differences are drawn; else the two intervals of each."""
    return all(change.paired is not None for change in changes)


def cell_name(found: Compared, change: Change) -> str:
    """A cell in words, such as `frozen, 300 labels`."""
    task, strategy, variant, budget = change.cell
    name = strategy_name({"strategy": strategy, "variant": variant})
    return f"{name}, {budget_name(found.a.results, task, budget)}"


def alt_text(found: Compared) -> str:
    """What the figure shows, in numbers."""
    told = []
    for change in shown_changes(found):
        where = f"{cell_name(found, change)} of {task_title(found.a.results, change.cell[0])}"
        told.append(f"{where}: {difference_words(change)}")
    return "; ".join(told)


def difference_words(change: Change) -> str:
    """B - A of a metric that is a share, in points, with its interval where there is one."""
    if change.difference is None:
        raise ValueError(f"{change.metric} has no difference")
    ends = (change.paired["low"], change.paired["high"]) if change.paired else (None, None)
    return points(change.difference, *ends)


def draw_changes(found: Compared) -> "Figure":
    """Differences B - A as a forest plot, or both intervals where they can't be paired."""
    from matplotlib.transforms import ScaledTranslation

    changes = shown_changes(found)
    paired = are_paired(changes)
    titles: dict[float, str] = {}
    places: list[float] = []
    y, task = 0.0, None
    for change in changes:
        if change.cell[0] != task:
            y += 0.5 if places else 0.0
            task = change.cell[0]
            titles[y] = short(task_title(found.a.results, task), 60)
            y += 1
        places.append(y)
        y += 1
    figure, ((axes,),) = panels(
        1, 1, height=0.21 * y + 0.1, margins=(2.95, 0.2, 0.1, 0.85), gaps=(0, 0)
    )
    for change, place in zip(changes, places, strict=True):
        (_draw_difference if paired else _draw_both)(axes, change, place)
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


def _look(change: Change) -> tuple[str, str]:
    """Colour and marker of a strategy; baselines have one for all."""
    strategy = change.cell[1]
    if strategy not in NAMES:
        raise ValueError(f"strategy {strategy!r} is unknown")
    return COLOURS.get(strategy, GREY), MARKERS.get(strategy, "v")


def _draw_difference(axes: "Axes", change: Change, y: float) -> None:
    colour, marker = _look(change)
    paired = change.paired or {}
    low, mean, high = (100 * paired[key] for key in ("low", "difference", "high"))
    axes.plot([low, high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
    axes.plot(mean, y, marker, color=colour, mfc=colour if change.clear else "white", ms=5)


def _draw_both(axes: "Axes", change: Change, y: float) -> None:
    colour, marker = _look(change)
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
