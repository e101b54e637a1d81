"""Figures on label budgets: learning curves of the strategies, and their paired differences."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed.design import LabelBudget, Method
from tfmed.report.asked import axis_name, main_metrics, main_name, majority_level
from tfmed.report.blocks import Span, Text, ref, text
from tfmed.report.figures.description import ESTIMATE, Figure, Numbers, ends
from tfmed.report.figures.plotting import (
    GREY,
    Look,
    legend_below,
    looks_of,
    panels,
    short,
    taller_legend,
)
from tfmed.report.selection import (
    MAJORITY,
    PIXELS,
    Entry,
    Results,
    budgets,
    forest_rows,
    forest_task,
    is_standard,
    labels_of,
    rows_of,
    rows_over_budgets,
    strategies,
    task_slugs,
    trained_tasks,
)
from tfmed.report.wording import (
    budget_name,
    capitalised,
    count,
    difference,
    interval,
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

MAJORITY_LINE: Any = (0, (2, 2))
BAND = "#e3e3e3"


def figures(results: Results) -> Iterator[Figure]:
    """The answer's figure, learning curves of each task, and the differences."""
    slugs = task_slugs(results)
    for task in trained_tasks(results)[:1]:
        yield _answer(results, task)
    for task in trained_tasks(results):
        yield _budgets(results, task, slugs[task])
    compared = forest_task(results)
    if compared is not None:
        yield _differences(results, compared)


def _answer(results: Results, task: str) -> Figure:
    metric = main_metrics(results, task)[0]
    name = capitalised(main_name(results, task))
    alt = "; ".join(
        f"{budget_name(results, task, row['label_budget'])}, {strategy_name(row)}: "
        f"{interval(row[metric])}"
        for row in rows_of(results, task)
        if is_standard(row)
    )
    majority = majority_level(results, task, metric)
    floor = "" if majority is None else f" ({number(majority)})"
    more: list[str | Span] = [": see ", ref("differences"), "."] if forest_task(results) else ["."]
    caption = text(
        f"{name} on the test split of {task_title(results, task)} over the number of labels: "
        f"mean over seeds with its 95 % band. {_spread_words(results, task, metric)}. Dashes: "
        f"always predicting the majority class{floor}. The bands of two strategies may overlap "
        "although their paired difference is clear",
        *more,
    )
    return Figure(
        id="answer",
        draw=partial(draw_answer, results, task),
        caption=caption,
        alt=f"{name}: {alt}.",
        numbers=partial(label_budgets, results, task, (metric,)),
    )


def _budgets(results: Results, task: str, slug: str) -> Figure:
    metrics = main_metrics(results, task)
    first, second = (main_name(results, task, metric) for metric in metrics)
    grow = "; ".join(f"{metric_name(m)}: {_spread_words(results, task, m)}" for m in metrics)
    said = _spread_words(results, task, metrics[1])
    return Figure(
        id=f"budgets-{slug}",
        draw=partial(draw_budgets, results, task),
        caption=text(
            f"{capitalised(first)} and {second} on {task_title(results, task)} over the number of "
            "labels, with 95 % bands. Each dot is one seed; the spread of a strategy's dots is its "
            "seed variance. "
            f"{capitalised(second)} {said[:1].lower()}{said[1:]}."
        ),
        alt=f"{grow}.",
        numbers=partial(label_budgets, results, task, metrics),
    )


def _spread_words(results: Results, task: str, metric: str) -> str:
    """Each strategy's mean with the fewest and with the most labels."""
    first, last = budgets(results, task)[0], budgets(results, task)[-1]
    clauses = []
    for strategy in strategies(results, task):
        rows = dict(rows_over_budgets(results, task, strategy))
        found = [rows[budget] for budget in (first, last)]
        means = [number(row[metric]["mean"]) for row in found if row and row[metric]]
        if means:
            span = " to ".join(means if first != last else means[:1])
            clauses.append(f"{method_name(strategy)} {span}")
    if not clauses:
        return "No strategy was run"
    if first == last:
        return f"With {budget_name(results, task, first)}: {'; '.join(clauses)}"
    few, most = (budget_name(results, task, budget) for budget in (first, last))
    return f"From {few} to {most}: {'; '.join(clauses)}"


def _differences(results: Results, task: str) -> Figure:
    metrics = main_metrics(results, task)
    shown = [entry for metric in metrics for entry in forest_rows(results, task, metric)]
    first = forest_rows(results, task, metrics[0]) or shown
    alt = "; ".join(
        f"{budget_name(results, task, c['label_budget'])}, {pair_name(c)}: {difference(c)}"
        for c in first
    )
    return Figure(
        id="differences",
        draw=partial(draw_differences, results, task),
        caption=_difference_caption(results, task, shown, first),
        alt=alt,
        numbers=partial(differences, results, task),
    )


def _difference_caption(
    results: Results, task: str, shown: list[Entry], first: list[Entry]
) -> Text:
    clear = sum(entry["clear"] for entry in shown)
    reach = [100 * entry["detectable"] for entry in first]
    largest = f"{number(max(reach), 1)} points" if max(reach) <= 100 else "any size"
    return text(
        f"Paired differences between strategies on {task_title(results, task)}, at the same seeds "
        f"and on the same test "
        f"images, with 95 % intervals: {clear} of {len(shown)} are clear after correction (filled "
        "markers). Grey: true differences too small to be detected with 80 % power "
        f"({metric_name(first[0]['metric'])}: below {number(min(reach), 1)} to {largest})."
    )


def draw_answer(results: Results, task: str) -> "Drawing":
    """The main metric over label budgets."""
    handles = _handles(results, task)
    bottom = 1.05 + taller_legend(len(handles), 3, 2)
    figure, [[axes]] = panels(1, 1, height=2.75, margins=(0.65, 0.2, 0.3, bottom))
    _budget_panel(axes, results, task, main_metrics(results, task)[0])
    axes.set_title(short(task_title(results, task), 70), weight="bold")
    axes.set_ylabel(axis_name(results, task, main_metrics(results, task)[0]))
    legend_below(figure, handles, ncol=3)
    return figure


def draw_budgets(results: Results, task: str) -> "Drawing":
    """Both main metrics over label budgets of one task, every seed as a dot."""
    from matplotlib.lines import Line2D

    dot = Line2D([], [], color=GREY, marker=".", ls="", ms=4, label="one seed")
    handles = [*_handles(results, task), dot]
    bottom = 1.05 + taller_legend(len(handles), 4, 2)
    figure, [row] = panels(1, 2, height=2.35, margins=(0.6, 0.2, 0.15, bottom), gaps=(0.65, 0))
    for metric, axes in zip(main_metrics(results, task), row, strict=True):
        _budget_panel(axes, results, task, metric)
        _seed_points(axes, results, task, metric)
        axes.set_ylabel(axis_name(results, task, metric))
    legend_below(figure, handles, ncol=4)
    return figure


def _handles(results: Results, task: str) -> list:
    from matplotlib.lines import Line2D

    looks = looks_of(results)
    handles = [
        Line2D(
            [],
            [],
            color=look.colour,
            ls=look.line,
            marker=look.marker,
            ms=5,
            label=method_name(strategy),
        )
        for strategy in strategies(results, task)
        for look in [looks[str(strategy)]]
    ]
    if rows_over_budgets(results, task, PIXELS)[-1][1]:
        name = method_name(PIXELS)
        handles.append(Line2D([], [], color=GREY, lw=0.9, marker="x", ms=4, label=name))
    name = method_name(MAJORITY)
    return [*handles, Line2D([], [], color=GREY, ls=MAJORITY_LINE, lw=1, label=name)]


def _budget_panel(axes: "Axes", results: Results, task: str, metric: str) -> None:
    xs, looks = _budget_places(results, task), looks_of(results)
    for strategy in strategies(results, task):
        rows = rows_over_budgets(results, task, strategy)
        known = [(xs[budget], row[metric]) for budget, row in rows if row and row[metric]]
        if known:
            _budget_line(axes, known, looks[str(strategy)])
    rows = rows_over_budgets(results, task, PIXELS)
    means = [(xs[budget], row[metric]["mean"]) for budget, row in rows if row and row[metric]]
    if means:
        axes.plot(*zip(*means, strict=True), "x-", color=GREY, lw=0.9, ms=4)
    chance = majority_level(results, task, metric)
    if chance is not None:
        axes.axhline(chance, color=GREY, ls=MAJORITY_LINE, lw=1)
    axes.set_xscale("log")
    ends = min(xs.values()), max(xs.values())
    pad = 1.6 if ends[0] == ends[1] else (ends[1] / ends[0]) ** 0.05
    axes.set_xlim(ends[0] / pad, ends[1] * pad)
    ticks = [f"all\n{count(x)}" if b == "full" else count(x) for b, x in xs.items()]
    axes.set_xticks(list(xs.values()), ticks)
    axes.minorticks_off()
    axes.set_xlabel("labels (training and validation)")


def _budget_places(results: Results, task: str) -> dict[LabelBudget, int]:
    """Where each label budget stands on the axis."""
    names = budgets(results, task)
    places = [labels_of(results, task, budget) for budget in names]
    largest = max((place for place in places if place), default=100)
    # The number behind `full` is unknown without its data set: it goes beyond the others.
    return {budget: place or 3 * largest for budget, place in zip(names, places, strict=True)}


def _seed_points(axes: "Axes", results: Results, task: str, metric: str) -> None:
    """What every seed came to, side by side where strategies share a label budget."""
    xs = _budget_places(results, task)
    shown, looks = strategies(results, task), looks_of(results)
    for i, strategy in enumerate(shown):
        aside = 1.05 ** (i - (len(shown) - 1) / 2)
        points = [
            (xs[run["label_budget"]] * aside, run["metrics"][metric])
            for run in results["runs"]
            if (run["task"], run["strategy"]) == (task, str(strategy))
            and is_standard(run)
            and run["label_budget"] in xs
            and run["metrics"].get(metric) is not None
        ]
        if points:
            colour = looks[str(strategy)].colour
            axes.plot(*zip(*points, strict=True), ".", color=colour, ms=3, zorder=5)


def _budget_line(axes: "Axes", known: list[tuple[int, Entry]], look: Look) -> None:
    """One strategy's estimates over the places of label budgets, with their band."""
    x = [place for place, _ in known]
    low, mean, high = ([estimate[key] for _, estimate in known] for key in ("low", "mean", "high"))
    colour = look.colour
    if len(known) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.1, lw=0)
        for edge in (low, high):
            axes.plot(x, edge, color=colour, lw=0.5, alpha=0.5)
    else:
        axes.vlines(x, low, high, color=colour, lw=1.6)
    axes.plot(x, mean, color=colour, ls=look.line, lw=1.5, zorder=3)
    axes.plot(x, mean, look.marker, color=colour, ms=5, zorder=4)


def draw_differences(results: Results, task: str) -> "Drawing":
    """Paired differences on a task as a forest plot, a panel for each main metric."""
    metrics = main_metrics(results, task)
    entries = {metric: forest_rows(results, task, metric) for metric in metrics}
    entries = {metric: rows for metric, rows in entries.items() if rows}
    first = next(iter(entries.values()))
    places: dict[tuple, float] = {}
    titles: dict[float, str] = {}
    y = 0.0
    for budget in dict.fromkeys(entry["label_budget"] for entry in first):
        titles[y] = budget_name(results, task, budget)
        for entry in first:
            if entry["label_budget"] == budget:
                y += 1
                places[budget, pair_name(entry)] = y
        y += 1.35
    figure, row = panels(
        1, len(entries), height=0.19 * y + 0.1, margins=(2.0, 0.15, 0.1, 0.85), gaps=(0.25, 0)
    )
    from matplotlib.transforms import ScaledTranslation

    for axes, (metric, rows) in zip(row[0], entries.items(), strict=True):
        _forest_panel(axes, rows, places, metric, looks_of(results))
        axes.set_ylim(y - 0.6, -0.7)
    left = row[0][0]
    left.set_yticks(list(places.values()), [name for _, name in places])
    beside = left.get_yaxis_transform() + ScaledTranslation(-1.92, 0, figure.dpi_scale_trans)
    for place, title in titles.items():
        left.text(0, place, title, transform=beside, weight="bold", va="center")
    legend_below(figure, _forest_handles(), ncol=3)
    return figure


def _forest_handles() -> list:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ink = "#444444"
    return [
        Line2D([], [], color=ink, marker="o", ms=5, label="clear after correction"),
        Line2D([], [], color=ink, marker="o", mfc="white", ms=5, label="not clear"),
        Patch(facecolor=BAND, label="below 80 % power"),
    ]


def _forest_panel(
    axes: "Axes", entries: list[Entry], places: dict, metric: str, looks: dict[str, Look]
) -> None:
    known = [(places.get((e["label_budget"], pair_name(e))), e) for e in entries]
    drawn = [(y, e) for y, e in known if y is not None]
    ys = np.array([y for y, _ in drawn])
    reach = np.array([100 * min(e["detectable"], 1) for _, e in drawn])
    axes.barh(ys, 2 * reach, left=-reach, height=0.8, color=BAND, lw=0, zorder=0)
    axes.axvline(0, color="#444444", lw=0.9)
    for y, entry in drawn:
        low, mean, high = (100 * entry[key] for key in ("low", "difference", "high"))
        look = looks[entry["a"]["strategy"]]
        colour = look.colour
        axes.plot([low, high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
        face = colour if entry["clear"] else "white"
        axes.plot(mean, y, look.marker, color=colour, mfc=face, ms=5)
    axes.set_yticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"difference in {metric_name(metric)} (points)")
    ends = [abs(100 * e[key]) for _, e in drawn for key in ("low", "high")]
    bound = 1.06 * max([0.1, *ends, *reach])
    axes.set_xlim(-bound, bound)


def label_budgets(results: Results, task: str, metrics: Iterable[str]) -> Numbers:
    """Each drawn strategy's and baseline's metrics at each label budget."""
    rows: list[list[Any]] = []
    drawn: list[Method] = [*strategies(results, task), PIXELS]
    shown = {method: dict(rows_over_budgets(results, task, method)) for method in drawn}
    for metric in metrics:
        for budget in budgets(results, task):
            start = [metric, labels_of(results, task, budget)]
            for method, over_budgets in shown.items():
                row = over_budgets[budget]
                if row and row[metric]:
                    rows.append([*start, method_name(method), *ends(row[metric]), row["n_seeds"]])
        chance = majority_level(results, task, metric)
        if chance is not None:
            rows.append([metric, None, method_name(MAJORITY), chance, None, None, None])
    return Numbers(("metric", "labels", "strategy", *ESTIMATE, "seeds"), rows)


def differences(results: Results, task: str) -> Numbers:
    """Paired differences between strategies, as shares and not in points."""
    keys = ("difference", "low", "high", "detectable", "p_value", "p_adjusted", "clear")
    rows = [
        [
            metric,
            labels_of(results, task, entry["label_budget"]),
            *(strategy_name(entry[side]) for side in "ab"),
            *(entry[key] for key in keys),
        ]
        for metric in main_metrics(results, task)
        for entry in forest_rows(results, task, metric)
    ]
    return Numbers(("metric", "labels", "a", "minus_b", *keys), rows)
