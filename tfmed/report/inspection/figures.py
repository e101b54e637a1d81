"""Figures on where a classifier looks, and on what classifiers withstand."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tfmed.report.asked import is_multilabel, main_name
from tfmed.report.blocks import text
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.looks import looks_of
from tfmed.report.figures.plotting import (
    GREY,
    TEXT_WIDTH,
    canvas,
    decode_png,
    legend_below,
    panels,
    put_images,
    short,
    taller_legend,
)
from tfmed.report.inspection.chosen import (
    METHOD_NAMES,
    attributed,
    best_attributed,
    case_groups,
    corrupted,
    explained_words,
    kind_name,
    kinds,
    methods_of,
    metrics_shown,
    steps_of,
)
from tfmed.report.selection import Entry, Results, class_names, is_binary
from tfmed.report.wording import capitalised, metric_name, number, row_name, strategy_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

COLUMNS, MOST_ROWS = 8, 3
"""Cases side by side, and lines of them."""
SIZE, GAP, LEFT, TITLE, SCORE, BETWEEN = 0.7, 0.04, 0.72, 0.42, 0.16, 0.12
"""Inches of a picture, between two, left of them, above them, below them, and between lines."""
PANELS = 3
"""Corruptions side by side."""


def figures(results: Results) -> Iterator[Figure]:
    """Maps of one classifier, and metrics over the strength of corruptions."""
    if (entry := best_attributed(results)) is not None:
        yield _maps(results, entry)
    if corrupted(results):
        yield _robustness(results)


def _maps(results: Results, entry: Entry) -> Figure:
    names = " and ".join(METHOD_NAMES[name] for name in methods_of(entry))
    lines = _lines(entry)
    shown = sum(len(group) for line in lines for group in line)
    left_out = "" if shown == len(entry["cases"]) else f" The first {shown} cases are shown."
    return Figure(
        id="attribution",
        draw=partial(draw_maps, results, entry),
        caption=text(
            f"Where the classifier ({row_name(results, entry)}) looks, by {names}: red speaks for "
            "the class whose score is below, blue against it. Maps explain "
            f"{explained_words(results, entry['task'])}. Of each class the right and wrong answers "
            f"{_by_threshold(results, entry['task'])}whose score is nearest to the "
            f"median of their kind.{left_out}"
        ),
        alt="; ".join(
            f"{title}: scores {', '.join(number(case['score'], 2) for case in group)}"
            for line in lines
            for group in line
            for title in [" ".join(_title(results, entry, group))]
        ),
        numbers=partial(maps, results),
    )


def _lines(entry: Entry) -> list[list[list[Entry]]]:
    """Groups of cases, in lines of at most `COLUMNS` cases."""
    lines: list[list[list[Entry]]] = []
    for group in case_groups(entry):
        if not lines or sum(map(len, lines[-1])) + len(group) > COLUMNS:
            lines.append([])
        lines[-1].append(group)
    return lines[:MOST_ROWS]


def _by_threshold(results: Results, task: str) -> str:
    """What decides an answer, where a threshold does: a score of .49 may be an answer then."""
    chosen = is_binary(results, task) or is_multilabel(results, task)
    return "(by the threshold chosen on validation labels) " if chosen else ""


def _title(results: Results, entry: Entry, group: list[Entry]) -> tuple[str, str]:
    """The class of some cases, and whether they were answered rightly."""
    name = class_names(results, entry["task"])[group[0]["truth"]]
    return name, "right answers" if group[0]["right"] else "wrong answers"


def draw_maps(results: Results, entry: Entry) -> "Drawing":
    """Images above their maps, one line of maps for each method."""
    lines, methods = _lines(entry), methods_of(entry)
    tall = TITLE + (1 + len(methods)) * (SIZE + GAP) + SCORE
    height = len(lines) * (tall + BETWEEN)
    figure, axes = canvas(TEXT_WIDTH, height)
    for place, line in enumerate(lines):
        _draw_line(axes, results, entry, line, place * (tall + BETWEEN))
    axes.set_xlim(0, TEXT_WIDTH)
    axes.set_ylim(height, 0)
    return figure


def _draw_line(
    axes: "Axes", results: Results, entry: Entry, line: list[list[Entry]], y: float
) -> None:
    methods, x = methods_of(entry), LEFT
    for row, words in enumerate(["image", *(METHOD_NAMES[name] for name in methods)]):
        middle = y + TITLE + row * (SIZE + GAP) + SIZE / 2
        axes.text(LEFT - 0.06, middle, words, color=GREY, ha="right", va="center", fontsize=8)
    for group in line:
        name, answers = _title(results, entry, group)
        axes.text(x, y + 0.14, short(name, 9 * len(group)), weight="bold", va="center", fontsize=8)
        axes.text(x, y + 0.31, short(answers, 9 * len(group)), color=GREY, va="center", fontsize=8)
        top = y + TITLE
        put_images(axes, [decode_png(case["image"]) for case in group], x, top, SIZE, GAP)
        for method in methods:
            top += SIZE + GAP
            over = [decode_png(case["overlays"][method]) for case in group]
            put_images(axes, over, x, top, SIZE, GAP)
        for i, case in enumerate(group):
            middle = x + i * (SIZE + GAP) + SIZE / 2
            below = top + SIZE + SCORE / 2 + 0.02
            words = number(case["score"], 2)
            axes.text(middle, below, words, ha="center", va="center", fontsize=8)
        x += len(group) * (SIZE + GAP)


def maps(results: Results) -> Numbers:
    """Every case of every classifier with the correlations of its maps."""
    rows = [
        [
            strategy_name(results, entry),
            case["row"],
            *(class_names(results, entry["task"])[case[key]] for key in ("truth", "explained")),
            "yes" if case["right"] else "no",
            case["score"],
            *(case["correlation"].get(name) for name in METHOD_NAMES),
        ]
        for entry in attributed(results)
        for case in entry["cases"]
    ]
    named = [f"correlation_with_random_weights_{name.replace('-', '_')}" for name in METHOD_NAMES]
    return Numbers(
        ("strategy", "test_row", "class", "class_explained", "right", "score", *named), rows
    )


def _robustness(results: Results) -> Figure:
    entries = corrupted(results)
    metric = metrics_shown(results, entries)[0]
    name = main_name(results, entries[0]["task"], metric)
    return Figure(
        id="robustness",
        draw=partial(draw_robustness, results),
        caption=text(
            f"{capitalised(name)} on {entries[0]['n']} test images as they are (0) and made worse "
            "in three strengths. One run of each strategy, so that differences between "
            "strategies may be those of a seed."
        ),
        alt="; ".join(
            f"{strategy_name(results, entry)}: {number(entry['clean'][metric])}, "
            + ", ".join(
                f"{kind_name(kind)} {number(steps_of(entry, kind)[-1]['metrics'][metric])}"
                for kind in kinds(entries)
            )
            for entry in entries
        ),
        numbers=partial(robustness, results),
    )


def draw_robustness(results: Results) -> "Drawing":
    """A panel for each corruption, a line for each strategy."""
    entries = corrupted(results)
    metric, looks, shown = metrics_shown(results, entries)[0], looks_of(results), kinds(entries)
    handles = [looks[e["strategy"]].handle(strategy_name(results, e)) for e in entries]
    below = 0.75 + taller_legend(handles, 1)
    rows = -(-len(shown) // PANELS)
    figure, grid = panels(
        rows, PANELS, height=1.35, margins=(0.55, 0.1, 0.3, below), gaps=(0.2, 0.55)
    )
    axes_of = [axes for line in grid for axes in line]
    for i, (kind, axes) in enumerate(zip(shown, axes_of, strict=False)):
        for entry in entries:
            look = looks[entry["strategy"]]
            steps = steps_of(entry, kind)
            values = [entry["clean"][metric], *(step["metrics"][metric] for step in steps)]
            known = [(x, value) for x, value in enumerate(values) if value is not None]
            axes.plot(
                *zip(*known, strict=True) if known else ([], []),
                color=look.colour,
                ls=look.line,
                marker=look.marker,
                ms=4,
                mfc=look.face,
            )
        axes.set_title(capitalised(kind_name(kind)), loc="left")
        axes.set_xticks(range(4))
        if i % PANELS == 0:
            axes.set_ylabel(main_name(results, entries[0]["task"], metric))
        if i // PANELS == rows - 1:
            axes.set_xlabel("strength")
    _share_limits(axes_of, len(shown))
    legend_below(figure, handles)
    return figure


def _share_limits(axes_of: "list[Axes]", used: int) -> None:
    """One range for all panels, so that they can be compared; what is not used is hidden."""
    limits = [axes.get_ylim() for axes in axes_of[:used]]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    for i, axes in enumerate(axes_of):
        if i >= used:
            axes.set_axis_off()
            continue
        axes.set_ylim(low, high)
        if i % PANELS:
            axes.tick_params(labelleft=False)


def robustness(results: Results) -> Numbers:
    """Every metric at every strength; strength 0 are the images as they are."""
    entries = corrupted(results)
    rows = []
    for entry in entries:
        for kind in kinds(entries):
            steps = [(0, None, entry["clean"])]
            steps += [(s["strength"], s["value"], s["metrics"]) for s in steps_of(entry, kind)]
            rows += [
                [strategy_name(results, entry), kind, strength, value, metric_name(name), found]
                for strength, value, found_metrics in steps
                for name, found in found_metrics.items()
            ]
    return Numbers(("strategy", "corruption", "strength", "setting", "metric", "value"), rows)
