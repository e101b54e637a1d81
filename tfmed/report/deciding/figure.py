"""The figure of learning curves: what was measured, and where curves lead that agree with it."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from tfmed.design import STANDARD, Cell, method_of
from tfmed.report.asked import axis_name, main_name
from tfmed.report.blocks import text
from tfmed.report.deciding.labels import FIGURE, fitted
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.looks import looks_of
from tfmed.report.figures.plotting import GREY, panels, short
from tfmed.report.selection import Entry, Results, budgets, find_row, labels_of
from tfmed.report.wording import capitalised, count, interval, method_name, number, task_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

LETTERS, LINE = 24, 0.14
"""Letters in a line over a panel, and inches that a second line takes."""
COLUMNS = 3


def figures(results: Results) -> Iterator[Figure]:
    """The curves, where there are any."""
    if not (curves := fitted(results)):
        return
    found = results["learning_curves"]
    name = main_name(results, found["task"], found["metric"])
    most = count(max(curve["fit"]["points"][-1]["labels"] for curve in curves))
    tested = any(curve["fit"]["held_out"] for curve in curves)
    aside = (
        " The grey bar beside the most labels is what a curve without that label budget predicts "
        "for it."
        if tested
        else ""
    )
    wanted = "" if found["reach"] is None else f" Dashed: {number(found['reach'])}, to be reached."
    alt = "; ".join(
        f"{method_name(results, method_of(curve['strategy']))}: plateau "
        f"{interval({**curve['fit']['plateau'], 'mean': curve['fit']['plateau']['value']})}"
        for curve in curves
    )
    yield Figure(
        id=FIGURE,
        draw=partial(draw_curves, results),
        caption=text(
            f"{capitalised(name)} on {task_title(results, found['task'])} over the number of "
            "labels: measured means with 95 % intervals, and the median and the 95 % band of the "
            f"curves that agree with them, up to {most} labels.{aside}{wanted}"
        ),
        alt=f"{capitalised(name)} over labels. {alt}.",
        numbers=partial(curve_numbers, results),
    )


def draw_curves(results: Results) -> "Drawing":
    """A panel for each strategy."""
    curves = fitted(results)
    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    line = LINE if any("\n" in _title(results, curve) for curve in curves) else 0.0
    drawing, grid = panels(
        rows,
        columns,
        height=1.45,
        margins=(0.6, 0.15, 0.3 + line, 0.5),
        gaps=(0.2, 0.6 + line),
    )
    every = [axes for row in grid for axes in row]
    shown = every[: len(curves)]
    for axes, curve in zip(shown, curves, strict=True):
        _panel(axes, results, curve)
    for axes in every[len(curves) :]:
        axes.set_axis_off()
    ends = [end for axes in shown for end in axes.get_ylim()]
    found = results["learning_curves"]
    for place, axes in enumerate(shown):
        axes.set_ylim(min(ends), max(ends))
        if place % columns:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(axis_name(results, found["task"], found["metric"]).split(" on ")[0])
        if place + columns >= len(shown):
            axes.set_xlabel("labels")
    return drawing


def _title(results: Results, curve: Entry) -> str:
    """A strategy's name over its panel."""
    return short(method_name(results, method_of(curve["strategy"])), LETTERS, lines=2)


def _panel(axes: "Axes", results: Results, curve: Entry) -> None:
    found, fit = results["learning_curves"], curve["fit"]
    look = looks_of(results)[curve["strategy"]]
    points = fit["points"]
    labels = [point["labels"] for point in points]
    low, value, high = ([point[key] for point in points] for key in ("low", "value", "high"))
    axes.set_xscale("log")
    axes.fill_between(labels, low, high, color=look.colour, alpha=0.12, lw=0)
    axes.plot(labels, value, color=look.colour, ls=look.line, lw=1.3)
    for n, row in _measured(results, curve):
        axes.vlines(n, row["low"], row["high"], color=look.colour, lw=1.0)
        axes.plot([n], [row["mean"]], look.marker, color=look.colour, mfc=look.face, ms=5)
    if test := fit["held_out"]:
        predicted, aside = test["predicted"], 1.25 * test["labels"]
        axes.vlines(aside, predicted["low"], predicted["high"], color=GREY, lw=2.0)
        axes.plot([aside], [predicted["value"]], "_", color=GREY, ms=7)
    if found["reach"] is not None:
        axes.axhline(found["reach"], color=GREY, ls="--", lw=0.8)
    axes.set_xticks(curve["labels"], [count(n) for n in curve["labels"]])
    axes.minorticks_off()
    axes.set_title(_title(results, curve), weight="bold")


def _measured(results: Results, curve: Entry) -> Iterator[tuple[int, Entry]]:
    """The labels and the estimate of each budget that the curve was fitted to."""
    found, strategy = results["learning_curves"], method_of(curve["strategy"])
    for budget in budgets(results, found["task"]):
        row = find_row(results, Cell(found["task"], strategy, STANDARD, budget))
        labels = labels_of(results, found["task"], budget)
        if row and labels is not None and labels in curve["labels"] and row[found["metric"]]:
            yield labels, row[found["metric"]]


def curve_numbers(results: Results) -> Numbers:
    """Measured means and points of curves."""
    rows: list[list[Any]] = []
    for curve in fitted(results):
        name, fit = method_name(results, method_of(curve["strategy"])), curve["fit"]
        for n, row in _measured(results, curve):
            rows.append([name, "measured", n, row["mean"], row["low"], row["high"]])
        for point in fit["points"]:
            rows.append([name, "curve", *(point[k] for k in ("labels", "value", "low", "high"))])
        if test := fit["held_out"]:
            ends = (test["predicted"][key] for key in ("value", "low", "high"))
            rows.append([name, "predicted by fewer labels", test["labels"], *ends])
    return Numbers(("strategy", "what", "labels", "value", "low", "high"), rows)
