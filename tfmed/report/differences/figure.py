"""The paired differences of the study's question as a forest plot."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tfmed.design import Strategy, method_of
from tfmed.report.asked import main_metrics
from tfmed.report.blocks import Span, Text, ref, text
from tfmed.report.differences.rows import forest_rows, forest_task, left_out
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.looks import Look, looks_of
from tfmed.report.figures.plotting import GREY, legend_below, panels
from tfmed.report.selection import Entry, Results, labels_of
from tfmed.report.wording import (
    budget_name,
    difference,
    listed,
    method_name,
    metric_name,
    number,
    pair_name,
    strategy_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

BAND = "#e3e3e3"
OF_BASELINES = Look(GREY, "x")
MOST_LINES = 36
"""Of a metric; of more the main metric alone is drawn, its label budgets side by side."""
LETTER = 0.061
"""Inches that a letter beside an axis takes."""
NAMES = (2.0, 3.7)
"""Least and most inches for the names of the pairs."""


def figures(results: Results) -> Iterator[Figure]:
    """The forest plot, where the question was compared."""
    if (task := forest_task(results)) is not None:
        yield _differences(results, task)


def _differences(results: Results, task: str) -> Figure:
    metrics = main_metrics(results, task)
    shown = [entry for metric in metrics for entry in forest_rows(results, task, metric)]
    first = forest_rows(results, task, metrics[0]) or shown
    shown = first if len(first) > MOST_LINES else shown
    alt = "; ".join(
        f"{budget_name(results, task, c['label_budget'])}, {pair_name(results, c)}: {difference(c)}"
        for c in first
    )
    return Figure(
        id="differences",
        draw=partial(draw_differences, results, task),
        caption=_caption(results, task, shown, first),
        alt=alt,
        numbers=partial(differences, results, task),
    )


def _caption(results: Results, task: str, shown: list[Entry], first: list[Entry]) -> Text:
    clear = _clear_words(shown)
    reach = [100 * entry["detectable"] for entry in first]
    largest = f"{number(max(reach), 1)} points" if max(reach) <= 100 else "any size"
    smallest = f"{number(min(reach), 1)} to " if min(reach) <= 100 else ""
    rest: list[str | Span] = []
    if left_out(results, task):
        rest = [" Other label budgets: ", ref("comparisons-table"), "."]
    return text(
        f"Paired differences of the study's question on {task_title(results, task)}, at the same "
        "seeds and on the same test "
        f"images, with 95 % intervals: {clear} clear after "
        "correction (filled markers). Grey: true differences too small to be detected with 80 % "
        "power "
        f"({metric_name(first[0]['metric'])}: below {smallest}{largest}).",
        *rest,
    )


def _clear_words(shown: list[Entry]) -> str:
    """How many are clear of those shown in each metric, since each is corrected by itself."""
    of: dict[str, list[bool]] = {}
    for entry in shown:
        of.setdefault(metric_name(entry["metric"]), []).append(entry["clear"])
    counts = [f"{sum(found)} of {len(found)} in {name}" for name, found in of.items()]
    are = "is" if sum(map(sum, of.values())) == 1 else "are"
    return f"of those shown {listed(counts)} {are}"


def draw_differences(results: Results, task: str) -> "Drawing":
    """A forest plot: a panel for each main metric, or of many pairs for each label budget."""
    metrics = main_metrics(results, task)
    entries = [forest_rows(results, task, metric) for metric in metrics]
    entries = [found for found in entries if found]
    if len(entries[0]) > MOST_LINES:
        shown = dict.fromkeys(entry["label_budget"] for entry in entries[0])
        entries = [[e for e in entries[0] if e["label_budget"] == budget] for budget in shown]
        lines = [(_pair(entry), _label(results, entry)) for entry in entries[0]]
        groups = {metric_name(metrics[0]): dict(lines)}
        titles = [budget_name(results, task, budget) for budget in shown]
        return _forest(results, groups, entries, titles, _pair)
    groups = {}
    for entry in entries[0]:
        group = groups.setdefault(budget_name(results, task, entry["label_budget"]), {})
        group[_pair_at_budget(entry)] = _label(results, entry)
    titles = [metric_name(found[0]["metric"]) for found in entries]
    return _forest(results, groups, entries, titles, _pair_at_budget)


def _pair(entry: Entry) -> tuple:
    return entry["a"]["strategy"], entry["b"]["strategy"]


def _pair_at_budget(entry: Entry) -> tuple:
    return entry["label_budget"], *_pair(entry)


def _label(results: Results, entry: Entry) -> str:
    """A pair's name, without saying twice what both sides start from."""
    a, b = (method_of(name) for name in _pair(entry))
    if not (isinstance(a, Strategy) and isinstance(b, Strategy) and a.pretrained):
        return pair_name(results, entry)
    if a.initialisation == b.initialisation:
        return f"{method_name(results, a)} − {'frozen' if b.frozen else 'fine-tuned'}"
    return pair_name(results, entry)


def _forest(
    results: Results,
    groups: dict[str, dict[tuple, str]],
    entries: list[list[Entry]],
    titles: list[str],
    place_of: Callable[[Entry], tuple],
) -> "Drawing":
    """Lines of names in groups, and a panel for each list of comparisons.

    Args:
        results: the content of `results.json`.
        groups: title to the lines below it: what a comparison is found by, and its name.
        entries: the comparisons of each panel.
        titles: of the panels.
        place_of: gives what a comparison is found by.
    """
    from matplotlib.transforms import ScaledTranslation

    places: dict[tuple, float] = {}
    heads: dict[float, str] = {}
    y = 0.0
    for title, lines in groups.items():
        heads[y] = title
        for key in lines:
            y += 1
            places[key] = y
        y += 1.35
    names = [name for lines in groups.values() for name in lines.values()]
    left = min(max(NAMES[0], LETTER * max(map(len, names)) + 0.1), NAMES[1])
    figure, [row] = panels(
        1, len(entries), height=0.19 * y + 0.1, margins=(left, 0.15, 0.3, 0.85), gaps=(0.25, 0)
    )
    for axes, found, title in zip(row, entries, titles, strict=True):
        _panel(axes, results, [(places[place_of(e)], e) for e in found if place_of(e) in places])
        axes.set_ylim(y - 0.6, -0.7)
        axes.set_title(title, weight="bold", y=1.0)
    axes = row[0]
    axes.set_yticks(list(places.values()), names)
    beside = axes.get_yaxis_transform() + ScaledTranslation(0.08 - left, 0, figure.dpi_scale_trans)
    for place, title in heads.items():
        axes.text(0, place, title, transform=beside, weight="bold", va="center")
    legend_below(figure, _handles(), ncol=3)
    return figure


def _handles() -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ink = "#444444"
    return [
        Line2D([], [], color=ink, marker="o", ms=5, label="clear after correction"),
        Line2D([], [], color=ink, marker="o", mfc="white", ms=5, label="not clear"),
        Patch(facecolor=BAND, label="below 80 % power"),
    ]


def _panel(axes: "Axes", results: Results, drawn: list[tuple[float, Entry]]) -> None:
    """Differences with their intervals, each at its place from the top."""
    looks = looks_of(results)
    ys = np.array([y for y, _ in drawn])
    reach = np.array([100 * min(e["detectable"], 1) for _, e in drawn])
    axes.barh(ys, 2 * reach, left=-reach, height=0.8, color=BAND, lw=0, zorder=0)
    axes.axvline(0, color="#444444", lw=0.9)
    for y, entry in drawn:
        low, mean, high = (100 * entry[key] for key in ("low", "difference", "high"))
        look = looks.get(entry["a"]["strategy"], OF_BASELINES)
        axes.plot([low, high], [y, y], color=look.colour, lw=1.6, solid_capstyle="butt")
        face = look.colour if entry["clear"] else "white"
        axes.plot(mean, y, look.marker, color=look.colour, mfc=face, ms=5)
    axes.set_yticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("difference (points)")
    ends = [abs(100 * e[key]) for _, e in drawn for key in ("low", "high")]
    bound = 1.06 * max([0.1, *ends, *reach])
    axes.set_xlim(-bound, bound)


def differences(results: Results, task: str) -> Numbers:
    """Paired differences of the question, as shares and not in points."""
    keys = ("difference", "low", "high", "detectable", "p_value", "p_adjusted", "clear")
    rows = [
        [
            metric,
            labels_of(results, task, entry["label_budget"]),
            *(strategy_name(results, entry[side]) for side in "ab"),
            *(entry[key] for key in keys),
        ]
        for metric in main_metrics(results, task)
        for entry in forest_rows(results, task, metric)
    ]
    return Numbers(("metric", "labels", "a", "minus_b", *keys), rows)
