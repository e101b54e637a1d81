"""Figures over label budgets: the strategies' metrics, every run among them."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tfmed.design import LabelBudget, Method, Strategy
from tfmed.report.asked import axis_name, main_metrics, main_name, majority_level
from tfmed.report.blocks import Span, ref, text
from tfmed.report.differences.rows import forest_task
from tfmed.report.figures.description import ESTIMATE, Figure, Numbers, ends
from tfmed.report.figures.looks import Look, looks_of
from tfmed.report.figures.plotting import (
    GREY,
    legend_below,
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
    initialisation_name,
    interval,
    method_name,
    metric_name,
    number,
    repeats_words,
    strategy_name,
    task_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MAJORITY_LINE: Any = (0, (2, 2))
LEAST_REACH = 0.1
"""How far an axis may go beyond the means, at least."""
MOST_BANDS = 4
"""Strategies whose intervals are bands; of more they are bars, side by side."""
MOST_TOGETHER = 8
"""Strategies in one panel; of more, frozen and trained encoders have each theirs."""
ASIDE, WIDEST = 0.1, 0.66
"""How far two strategies stand apart, and the first from the last, on an axis of even steps."""


def figures(results: Results) -> Iterator[Figure]:
    """The answer's figure, and learning curves of each task."""
    slugs = task_slugs(results)
    for task in trained_tasks(results)[:1]:
        yield _answer(results, task)
    for task in trained_tasks(results):
        yield _budgets(results, task, slugs[task])


def _answer(results: Results, task: str) -> Figure:
    metric = main_metrics(results, task)[0]
    name = capitalised(main_name(results, task))
    alt = "; ".join(
        f"{budget_name(results, task, row['label_budget'])}, {strategy_name(results, row)}: "
        f"{interval(row[metric])}"
        for row in rows_of(results, task)
        if is_standard(row)
    )
    majority = majority_level(results, task, metric)
    floor = "" if majority is None else f" ({number(majority)})"
    more: list[str | Span] = [": see ", ref("differences"), "."] if forest_task(results) else ["."]
    drawn = _drawn_as(results, task)
    caption = text(
        f"{name} on the test split of {task_title(results, task)} over the number of labels: "
        f"mean over {repeats_words(results)} with its 95 % interval "
        f"({drawn}s). "
        f"{_spread_words(results, task, metric)}. Dashed grey: "
        f"always predicting the majority class{floor}. The intervals of two strategies may "
        "overlap although their paired difference is clear",
        *more,
        _cut_words(results, task, (metric,)),
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
            f"labels: means over {repeats_words(results)} with 95 % intervals "
            f"({_drawn_as(results, task)}s). Each dot is one run; the spread of a strategy's dots "
            f"is that of its {repeats_words(results)}. "
            f"{capitalised(second)} {said[:1].lower()}{said[1:]}."
            f"{_cut_words(results, task, metrics)}"
        ),
        alt=f"{grow}.",
        numbers=partial(label_budgets, results, task, metrics),
    )


def _drawn_as(results: Results, task: str) -> str:
    """How intervals are drawn."""
    return "band" if len(strategies(results, task)) <= MOST_BANDS else "bar"


def _spread_words(results: Results, task: str, metric: str) -> str:
    """Each strategy's mean with the fewest and with the most labels; of many the highest ones."""
    first, last = budgets(results, task)[0], budgets(results, task)[-1]
    few, most = (budget_name(results, task, budget) for budget in (first, last))
    clauses = []
    means: dict[LabelBudget, dict[str, float]] = {first: {}, last: {}}
    for strategy in strategies(results, task):
        rows, name = (
            dict(rows_over_budgets(results, task, strategy)),
            method_name(results, strategy),
        )
        for budget in (first, last):
            if (row := rows[budget]) and row[metric]:
                means[budget][name] = row[metric]["mean"]
        known = [number(of[name]) for of in means.values() if name in of]
        if known:
            clauses.append(f"{name} {' to '.join(known)}")
    if not clauses:
        return "No strategy was run"
    if len(clauses) > MOST_BANDS:
        return "Highest mean " + ", ".join(
            f"{where} {number(means[budget][best])} ({best})"
            for budget, where in {last: f"with {most}", first: f"with {few}"}.items()
            if means[budget]
            for best in [max(means[budget], key=means[budget].__getitem__)]
        )
    if first == last:
        return f"With {few}: {'; '.join(clauses)}"
    return f"From {few} to {most}: {'; '.join(clauses)}"


def draw_answer(results: Results, task: str) -> "Drawing":
    """The main metric over label budgets."""
    groups, handles = _groups(results, task), _handles(results, task)
    bottom = 1.05 + taller_legend(handles, 2)
    figure, [row] = panels(
        1, len(groups), height=2.75, margins=(0.65, 0.2, 0.3, bottom), gaps=(0.3, 0)
    )
    _group_panels(row, results, task, main_metrics(results, task)[0])
    title = short(task_title(results, task), 70)
    for axes, words in zip(row, groups, strict=True):
        axes.set_title(words or title, weight="bold")
    legend_below(figure, handles)
    return figure


def draw_budgets(results: Results, task: str) -> "Drawing":
    """Both main metrics over label budgets of one task, every run as a dot."""
    from matplotlib.lines import Line2D

    dot = Line2D([], [], color=GREY, marker=".", ls="", ms=4, label="one run")
    handles, groups = [*_handles(results, task), dot], _groups(results, task)
    metrics = main_metrics(results, task)
    bottom = 1.05 + taller_legend(handles, 2)
    rows, columns = (1, 2) if len(groups) == 1 else (2, len(groups))
    top = 0.15 if len(groups) == 1 else 0.3
    figure, grid = panels(
        rows, columns, height=2.35, margins=(0.6, 0.2, top, bottom), gaps=(0.65, 0.6)
    )
    of_metrics = [[axes] for axes in grid[0]] if len(groups) == 1 else grid
    for metric, row in zip(metrics, of_metrics, strict=True):
        _group_panels(row, results, task, metric, dots=True)
    for axes, words in zip(grid[0], groups, strict=False):
        axes.set_title(words, weight="bold")
    legend_below(figure, handles)
    return figure


def _groups(results: Results, task: str) -> dict[str, list[Strategy]]:
    """Strategies that share a panel, by its title: all of them, or of many those trained alike."""
    shown = strategies(results, task)
    if len(shown) <= MOST_TOGETHER:
        return {"": shown}
    return {
        "encoder frozen": [strategy for strategy in shown if strategy.frozen],
        "encoder trained": [strategy for strategy in shown if not strategy.frozen],
    }


def _handles(results: Results, task: str) -> list:
    from matplotlib.lines import Line2D

    looks, shown = looks_of(results), strategies(results, task)
    if len(shown) <= MOST_TOGETHER:
        handles = [looks[str(s)].handle(method_name(results, s)) for s in shown]
    else:
        names = {s.initialisation: initialisation_name(s.initialisation) for s in shown}
        tuned = {name: looks[str(Strategy(name, "finetune"))] for name in names}
        handles = [tuned[name].handle(words) for name, words in names.items()]
    if rows_over_budgets(results, task, PIXELS)[-1][1]:
        name = method_name(results, PIXELS)
        handles.append(Line2D([], [], color=GREY, lw=0.9, marker="x", ms=4, label=name))
    name = method_name(results, MAJORITY)
    return [*handles, Line2D([], [], color=GREY, ls=MAJORITY_LINE, lw=1, label=name)]


def _group_panels(
    row: "Sequence[Axes]", results: Results, task: str, metric: str, *, dots: bool = False
) -> None:
    """A panel for each group of strategies, of one height."""
    for axes, shown in zip(row, _groups(results, task).values(), strict=True):
        _budget_panel(axes, results, task, metric, shown)
        if dots:
            _run_points(axes, results, task, metric, shown)
    ends = [end for axes in row for end in axes.get_ylim()]
    lowest, highest = _farthest(results, task, metric)
    for axes in row:
        axes.set_ylim(max(min(ends), lowest), min(max(ends), highest))
    row[0].set_ylabel(axis_name(results, task, metric))


def _estimates(results: Results, task: str, metric: str) -> list[Entry]:
    """What the lines of a panel are drawn through."""
    drawn: list[Method] = [*strategies(results, task), PIXELS]
    rows = (row for each in drawn for _, row in rows_over_budgets(results, task, each))
    return [row[metric] for row in rows if row and row[metric]]


def _farthest(results: Results, task: str, metric: str) -> tuple[float, float]:
    """How far the axis may reach: one very wide interval must not press all means together.

    Beyond the means at most as much again as they span; the majority class is always shown.
    """
    means = [estimate["mean"] for estimate in _estimates(results, task, metric)]
    if not means:
        return -math.inf, math.inf
    reach = max(max(means) - min(means), LEAST_REACH)
    lowest, highest = min(means) - reach, max(means) + reach
    chance = majority_level(results, task, metric)
    if chance is None:
        return lowest, highest
    return min(lowest, chance - LEAST_REACH / 5), max(highest, chance + LEAST_REACH / 5)


def _cut_words(results: Results, task: str, metrics: Iterable[str]) -> str:
    """Says that intervals go beyond the axis, where some do."""
    for metric in metrics:
        lowest, highest = _farthest(results, task, metric)
        for each in _estimates(results, task, metric):
            if each["low"] is not None and (each["low"] < lowest or each["high"] > highest):
                return " Intervals that leave the picture are cut."
    return ""


def _budget_panel(
    axes: "Axes", results: Results, task: str, metric: str, shown: Sequence[Strategy]
) -> None:
    xs, looks = _budget_places(results, task), looks_of(results)
    many = _drawn_as(results, task) == "bar"
    for strategy, aside in _asides(shown).items():
        rows = rows_over_budgets(results, task, strategy)
        known = [(xs[budget], row[metric]) for budget, row in rows if row and row[metric]]
        if known and many:
            _barred_line(axes, [(x + aside, e) for x, e in known], looks[str(strategy)])
        elif known:
            _budget_line(axes, known, looks[str(strategy)])
    rows = rows_over_budgets(results, task, PIXELS)
    means = [(xs[budget], row[metric]["mean"]) for budget, row in rows if row and row[metric]]
    if means:
        axes.plot(*zip(*means, strict=True), "x-", color=GREY, lw=0.9, ms=4)
    chance = majority_level(results, task, metric)
    if chance is not None:
        axes.axhline(chance, color=GREY, ls=MAJORITY_LINE, lw=1)
    ends = min(xs.values()), max(xs.values())
    pad = 0.5 if many else 0.2 if ends[0] == ends[1] else (ends[1] - ends[0]) * 0.05
    axes.set_xlim(ends[0] - pad, ends[1] + pad)
    labels = {budget: labels_of(results, task, budget) for budget in xs}
    ticks = [f"all\n{_known(n)}" if b == "full" else _known(n) for b, n in labels.items()]
    axes.set_xticks(list(xs.values()), ticks)
    axes.set_xlabel("labels (training and validation)")


def _known(labels: int | None) -> str:
    return "" if labels is None else count(labels)


def _budget_places(results: Results, task: str) -> dict[LabelBudget, float]:
    """Where each label budget stands on the axis: at its logarithm, or for bars in even steps."""
    names = budgets(results, task)
    if _drawn_as(results, task) == "bar":
        return {budget: float(place) for place, budget in enumerate(names)}
    places = [labels_of(results, task, budget) for budget in names]
    largest = max((place for place in places if place), default=100)
    # The number behind `full` is unknown without its data set: it goes beyond the others.
    known = [place or 3 * largest for place in places]
    return {budget: math.log10(place) for budget, place in zip(names, known, strict=True)}


def _asides(shown: Sequence[Strategy]) -> dict[Strategy, float]:
    """How far each strategy's points stand from the place of their label budget."""
    step = min(ASIDE, WIDEST / max(1, len(shown) - 1))
    return {s: step * (i - (len(shown) - 1) / 2) for i, s in enumerate(shown)}


def _run_points(
    axes: "Axes", results: Results, task: str, metric: str, shown: Sequence[Strategy]
) -> None:
    """What every run came to, side by side where strategies share a label budget."""
    xs, looks = _budget_places(results, task), looks_of(results)
    near = 1.0 if _drawn_as(results, task) == "bar" else 0.25
    for strategy, aside in _asides(shown).items():
        points = [
            (xs[run["label_budget"]] + near * aside, run["metrics"][metric])
            for run in results["runs"]
            if (run["task"], run["strategy"]) == (task, str(strategy))
            and is_standard(run)
            and run["label_budget"] in xs
            and run["metrics"].get(metric) is not None
        ]
        if points:
            colour = looks[str(strategy)].colour
            axes.plot(*zip(*points, strict=True), ".", color=colour, ms=3, mew=0, zorder=5)


def _budget_line(axes: "Axes", known: Sequence[tuple[float, Entry]], look: Look) -> None:
    """One strategy's estimates over the places of label budgets, with their band."""
    x = [place for place, _ in known]
    low, high = ([estimate[key] for _, estimate in known] for key in ("low", "high"))
    colour = look.colour
    if len(known) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.1, lw=0)
        for edge in (low, high):
            axes.plot(x, edge, color=colour, lw=0.5, alpha=0.5)
    else:
        axes.vlines(x, low, high, color=colour, lw=1.6)
    _mean_line(axes, known, look)


def _barred_line(axes: "Axes", known: Sequence[tuple[float, Entry]], look: Look) -> None:
    """As `_budget_line`, with a bar at each label budget."""
    for place, estimate in known:
        axes.vlines(place, estimate["low"], estimate["high"], color=look.colour, lw=0.9, alpha=0.7)
    _mean_line(axes, known, look)


def _mean_line(axes: "Axes", known: Sequence[tuple[float, Entry]], look: Look) -> None:
    x, mean = [place for place, _ in known], [estimate["mean"] for _, estimate in known]
    axes.plot(x, mean, color=look.colour, ls=look.line, lw=1.5, zorder=3)
    axes.plot(x, mean, look.marker, color=look.colour, mfc=look.face, ms=5, zorder=4)


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
                    counts = row["n_seeds"], row.get("n_pretrainings", 1)
                    name = method_name(results, method)
                    rows.append([*start, name, *ends(row[metric]), *counts])
        chance = majority_level(results, task, metric)
        if chance is not None:
            rows.append([metric, None, method_name(results, MAJORITY), chance, *[None] * 4])
    return Numbers(("metric", "labels", "strategy", *ESTIMATE, "seeds", "pretrainings"), rows)
