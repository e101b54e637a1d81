"""A metric by groups of test images."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from tfmed.design import Cell
from tfmed.report.asked import main_name
from tfmed.report.blocks import Span, ref, text
from tfmed.report.figures.description import Figure, Numbers, ends
from tfmed.report.figures.looks import Look, looks_of
from tfmed.report.figures.plotting import GREY, legend_below, panels, short
from tfmed.report.selection import Entry, Results, find_row, labels_of
from tfmed.report.subgroups.chosen import (
    columns,
    drawn_picks,
    in_clear_gap,
    metrics_of,
    shown,
    subgroups,
)
from tfmed.report.wording import (
    budget_name,
    capitalised,
    count,
    interval,
    listed,
    row_name,
    strategy_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

ID, TABLE = "subgroups", "subgroups-table"
BAND = "#e3e3e3"
OF_BASELINES = Look(GREY, "x")
MOST_LINES = 30
"""Groups that are drawn; of columns that have more together, the first."""
LINE, LEFT, LETTERS = 0.18, 2.0, 24
"""Inches of a group's line, and of names beside the axes, and letters of such a name."""


def figures(results: Results) -> Iterator[Figure]:
    """One, where groups of what the decision picks are measured."""
    if drawn_picks(results) and columns(results):
        yield _subgroups(results)


def _drawn_columns(results: Results) -> list[Entry]:
    found: list[Entry] = []
    for column in columns(results):
        lines = sum(len(each["groups"]) for each in (*found, column))
        if not found or lines <= MOST_LINES:
            found.append(column)
    return found


def _metric(results: Results) -> str:
    part = subgroups(results)
    assert part is not None
    return str(part["metric"])


def _subgroups(results: Results) -> Figure:
    cells, drawn, metric = drawn_picks(results), _drawn_columns(results), _metric(results)
    task = cells[0]["task"]
    name = capitalised(main_name(results, task, metric))
    named = listed([row_name(results, cell) for cell in cells])
    left_out = [shown(column["name"]) for column in columns(results) if column not in drawn]
    rest: list[str | Span] = [f" Not drawn: {listed(left_out)}; see ", ref(TABLE), "."]
    return Figure(
        id=ID,
        draw=partial(draw_subgroups, results),
        caption=text(
            f"{name} on groups of the test images of {task_title(results, task)}, with 95 % "
            f"intervals, of what the decision picks: {named}. In brackets: images. "
            "Grey: the interval of all test images. Filled: the group has a gap to another one of "
            "its column that is clear after correction.",
            *(rest if left_out else []),
        ),
        alt="; ".join(
            f"{row_name(results, cell)}, {shown(column['name'])} {shown(group)}: "
            f"{interval(metrics[metric])}"
            for cell in cells
            for column in drawn
            for group, metrics in metrics_of(results, cell, column["name"]).items()
        ),
        numbers=partial(numbers, results),
    )


def draw_subgroups(results: Results) -> "Drawing":
    """A line for each group below the name of its column, a panel for each cell."""
    from matplotlib.transforms import ScaledTranslation

    places: dict[tuple[str, str], float] = {}
    heads: dict[float, str] = {}
    names: list[str] = []
    y = 0.0
    for column in _drawn_columns(results):
        heads[y] = column["name"]
        for group in column["groups"]:
            y += 1
            places[column["name"], group["name"]] = y
            names.append(f"{short(group['name'], LETTERS)} ({count(group['n'])})")
        y += 1.35
    cells = drawn_picks(results)
    drawing, [row] = panels(
        1, len(cells), height=LINE * y + 0.1, margins=(LEFT, 0.15, 0.38, 0.72), gaps=(0.25, 0)
    )
    for axes, cell in zip(row, cells, strict=True):
        _panel(axes, results, cell, places)
        axes.set_ylim(y - 0.6, -0.7)
        budget = budget_name(results, cell["task"], cell["label_budget"])
        title = f"{short(strategy_name(results, cell), 68 // len(cells))}\n{budget}"
        axes.set_title(title, weight="bold", y=1.0)
    limits = [end for axes in row for end in axes.get_xlim()]
    for axes in row:
        axes.set_xlim(min(limits), max(limits))
        axes.set_xlabel(main_name(results, cells[0]["task"], _metric(results)))
    axes = row[0]
    axes.set_yticks(list(places.values()), names)
    beside = axes.get_yaxis_transform() + ScaledTranslation(0.08 - LEFT, 0, drawing.dpi_scale_trans)
    for place, title in heads.items():
        axes.text(0, place, short(title, 30), transform=beside, weight="bold", va="center")
    legend_below(drawing, _handles(), ncol=3)
    return drawing


def _handles() -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ink = "#444444"
    return [
        Line2D([], [], color=ink, marker="o", ms=5, label="in a clear gap"),
        Line2D([], [], color=ink, marker="o", mfc="white", ms=5, label="in no clear gap"),
        Patch(facecolor=BAND, label="all test images"),
    ]


def _panel(
    axes: "Axes", results: Results, cell: Entry, places: dict[tuple[str, str], float]
) -> None:
    metric = _metric(results)
    look = looks_of(results).get(cell["strategy"], OF_BASELINES)
    marker = "o" if look == OF_BASELINES else look.marker
    whole = (find_row(results, Cell.of_entry(cell)) or {}).get(metric)
    if whole and whole["low"] is not None:
        axes.axvspan(whole["low"], whole["high"], color=BAND, lw=0, zorder=0)
    if whole:
        axes.axvline(whole["mean"], color="#444444", lw=0.9)
    for name in dict.fromkeys(column for column, _ in places):
        clear = in_clear_gap(results, cell, name)
        for group, metrics in metrics_of(results, cell, name).items():
            found = metrics[metric]
            if found is None:
                continue
            y = places[name, group]
            if found["low"] is not None:
                span = [found["low"], found["high"]]
                axes.plot(span, [y, y], color=look.colour, lw=1.6, solid_capstyle="butt")
            face = look.colour if group in clear else "white"
            axes.plot(found["mean"], y, marker, color=look.colour, mfc=face, ms=5)
    axes.set_yticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)


def numbers(results: Results) -> Numbers:
    """Every metric of every group, of every cell that was measured."""
    part = subgroups(results)
    entries = part["measured"] if part else []
    sizes = {
        (column["name"], group["name"]): group["n"]
        for column in columns(results)
        for group in column["groups"]
    }
    rows = [
        [
            strategy_name(results, entry),
            labels_of(results, entry["task"], entry["label_budget"]),
            entry["column"],
            entry["group"],
            sizes[entry["column"], entry["group"]],
            name,
            *ends(found),
        ]
        for entry in entries
        for name, found in entry["metrics"].items()
    ]
    named = ("strategy", "labels", "column", "group", "images", "metric")
    return Numbers((*named, "mean", "low", "high"), rows)
