"""Figures on label budgets: learning curves of the strategies, and their paired differences."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed.report.plotting import (
    COLOURS,
    GREY,
    LINES,
    MARKERS,
    legend_below,
    panels,
    short,
)
from tfmed.report.wording import (
    BASELINE_NAMES,
    STRATEGIES,
    STRATEGY_NAMES,
    budget_name,
    budgets,
    count,
    dataset_of,
    find_comparison,
    find_row,
    labels_of,
    metric_name,
    task_title,
    tasks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAJORITY_LINE: Any = (0, (2, 2))
PAIRS = (
    ("finetune", "scratch"),
    ("frozen", "scratch"),
    ("finetune", "frozen"),
    ("frozen", "random_frozen"),
)
FOREST_METRICS = ("accuracy", "auc")
BAND = "#e3e3e3"


def majority_share(results: dict, task: str) -> float | None:
    """Accuracy on the test split of always answering its commoner class."""
    dataset = dataset_of(results, task)
    if dataset is None or not dataset["splits"]["test"]["n"]:
        return None
    return max(dataset["splits"]["test"]["counts"]) / dataset["splits"]["test"]["n"]


def trained_tasks(results: dict) -> list[str]:
    """Tasks with classifiers, the target first."""
    return [task for task in tasks(results) if budgets(results, task)]


def draw_answer(results: dict) -> "Figure":
    """Accuracy over label budgets on the target (or the first task there is)."""
    task = trained_tasks(results)[0]
    figure, [[axes]] = panels(1, 1, height=2.75, margins=(0.65, 0.2, 0.3, 1.05))
    _budget_panel(axes, results, task, "accuracy")
    axes.set_title(short(task_title(results, task), 70), weight="bold")
    axes.set_ylabel("accuracy on the test split")
    legend_below(figure, _handles(results, task), ncol=3)
    return figure


def draw_budgets(results: dict, task: str) -> "Figure":
    """Accuracy and AUC over label budgets of one task, every seed as a dot."""
    from matplotlib.lines import Line2D

    figure, [row] = panels(1, 2, height=2.35, margins=(0.6, 0.2, 0.15, 1.05), gaps=(0.65, 0))
    for metric, axes in zip(("accuracy", "auc"), row, strict=True):
        _budget_panel(axes, results, task, metric)
        _seed_points(axes, results, task, metric)
        axes.set_ylabel(f"{metric_name(metric)} on the test split")
    dot = Line2D([], [], color=GREY, marker=".", ls="", ms=4, label="one seed")
    legend_below(figure, [*_handles(results, task), dot], ncol=4)
    return figure


def _strategies(results: dict, task: str) -> list[str]:
    seen = {row["strategy"] for row in results["summary"] if row["task"] == task}
    return [strategy for strategy in STRATEGIES if strategy in seen]


def _handles(results: dict, task: str) -> list:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=COLOURS[s], ls=LINES[s], marker=MARKERS[s], ms=5, label=name)
        for s, name in STRATEGY_NAMES.items()
        if s in _strategies(results, task)
    ]
    pixels = find_row(results, task, budgets(results, task)[-1], "pixels_logistic")
    if pixels:
        name = BASELINE_NAMES["pixels_logistic"]
        handles.append(Line2D([], [], color=GREY, lw=0.9, marker="x", ms=4, label=name))
    name = BASELINE_NAMES["majority"]
    return [*handles, Line2D([], [], color=GREY, ls=MAJORITY_LINE, lw=1, label=name)]


def _budget_panel(axes: "Axes", results: dict, task: str, metric: str) -> None:
    names = budgets(results, task)
    xs = _budget_places(results, task)
    for strategy in _strategies(results, task):
        _budget_line(axes, results, task, metric, strategy, xs)
    rows = [(b, find_row(results, task, b, "pixels_logistic")) for b in names]
    known = [(xs[b], row[metric]["mean"]) for b, row in rows if row and row[metric]]
    if known:
        axes.plot(*zip(*known, strict=True), "x-", color=GREY, lw=0.9, ms=4)
    chance = majority_share(results, task) if metric == "accuracy" else 0.5
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


def _budget_places(results: dict, task: str) -> dict[int | str, int]:
    """Where each label budget stands on the axis."""
    names = budgets(results, task)
    places = [labels_of(results, task, budget) for budget in names]
    largest = max((place for place in places if place), default=100)
    # The number behind `full` is unknown without its data set: it goes beyond the others.
    return {budget: place or 3 * largest for budget, place in zip(names, places, strict=True)}


def _seed_points(axes: "Axes", results: dict, task: str, metric: str) -> None:
    """What every seed came to, side by side where strategies share a label budget."""
    xs = _budget_places(results, task)
    strategies = _strategies(results, task)
    for i, strategy in enumerate(strategies):
        aside = 1.05 ** (i - (len(strategies) - 1) / 2)
        points = [
            (xs[run["label_budget"]] * aside, run["metrics"][metric])
            for run in results["runs"]
            if (run["task"], run["strategy"], run["variant"]) == (task, strategy, "standard")
            and run["label_budget"] in xs
            and run["metrics"].get(metric) is not None
        ]
        if points:
            axes.plot(*zip(*points, strict=True), ".", color=COLOURS[strategy], ms=3, zorder=5)


def _budget_line(
    axes: "Axes", results: dict, task: str, metric: str, strategy: str, xs: dict
) -> None:
    rows = [(x, find_row(results, task, budget, strategy)) for budget, x in xs.items()]
    known = [(x, row[metric]) for x, row in rows if row and row[metric]]
    if not known:
        return
    x = [place for place, _ in known]
    low, mean, high = ([estimate[key] for _, estimate in known] for key in ("low", "mean", "high"))
    colour = COLOURS[strategy]
    if len(known) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.1, lw=0)
        for edge in (low, high):
            axes.plot(x, edge, color=colour, lw=0.5, alpha=0.5)
    else:
        axes.vlines(x, low, high, color=colour, lw=1.6)
    axes.plot(x, mean, color=colour, ls=LINES[strategy], lw=1.5, zorder=3)
    axes.plot(x, mean, MARKERS[strategy], color=colour, ms=5, zorder=4)


def forest_task(results: dict) -> str | None:
    """The task whose differences are drawn: the target, or the first with any."""
    for task in tasks(results):
        if forest_rows(results, task, "accuracy") or forest_rows(results, task, "auc"):
            return task
    return None


def forest_rows(results: dict, task: str, metric: str) -> list[dict]:
    """Comparisons of the four pairs of strategies that the question is about, by budget."""
    found = [
        find_comparison(results, task, budget, *pair, metric)
        for budget in budgets(results, task)
        for pair in PAIRS
    ]
    return [entry for entry in found if entry is not None]


def pair_name(entry: dict) -> str:
    """Both sides of a comparison of standard strategies."""
    a, b = (STRATEGY_NAMES[entry[side]["strategy"]] for side in "ab")
    return f"{a} − {b}"


def draw_differences(results: dict) -> "Figure":
    """Paired differences on the target as a forest plot, a panel for accuracy and for AUC."""
    task = forest_task(results)
    if task is None:
        raise ValueError("no differences to draw")
    entries = {metric: forest_rows(results, task, metric) for metric in FOREST_METRICS}
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
        _forest_panel(axes, rows, places, metric)
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
        Patch(facecolor=BAND, label="found in less than 80 % of tries"),
    ]


def _forest_panel(axes: "Axes", entries: list[dict], places: dict, metric: str) -> None:
    known = [(places.get((e["label_budget"], pair_name(e))), e) for e in entries]
    drawn = [(y, e) for y, e in known if y is not None]
    ys = np.array([y for y, _ in drawn])
    reach = np.array([100 * e["detectable"] for _, e in drawn])
    axes.barh(ys, 2 * reach, left=-reach, height=0.8, color=BAND, lw=0, zorder=0)
    axes.axvline(0, color="#444444", lw=0.9)
    for y, entry in drawn:
        low, mean, high = (100 * entry[key] for key in ("low", "difference", "high"))
        strategy = entry["a"]["strategy"]
        colour = COLOURS[strategy]
        axes.plot([low, high], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
        face = colour if entry["clear"] else "white"
        axes.plot(mean, y, MARKERS[strategy], color=colour, mfc=face, ms=5)
    axes.set_yticks([])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"difference in {metric_name(metric)} (points)")
    ends = [abs(100 * e[key]) for _, e in drawn for key in ("low", "high", "detectable")]
    bound = 1.06 * max([0.1, *ends])
    axes.set_xlim(-bound, bound)
