"""Figures on the data sets: example images and class balance."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tfmed.report.blocks import text
from tfmed.report.classes.figures import draw_shares
from tfmed.report.datasets.words import SPLIT_NAMES
from tfmed.report.figures.description import Figure, Numbers
from tfmed.report.figures.plotting import (
    TEXT_WIDTH,
    canvas,
    class_colours,
    decode_png,
    ink_on,
    panels,
    put_images,
    short,
)
from tfmed.report.selection import Entry, Results
from tfmed.report.wording import count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MAX_EXAMPLES = 8
MOST_LINES = 6
"""Classes up to which each has a line of its own."""


def figures(results: Results) -> Iterator[Figure]:
    """Example images where there are any, and class balance or the shares of findings."""
    datasets = results["datasets"]
    several = [data for data in datasets if data.get("task") == "multilabel"]
    if any(any(images) for data in datasets for images in data["examples"]):
        yield Figure(
            id="examples",
            draw=partial(draw_examples, results),
            caption=text(f"Training images of {_which(datasets)}, shown at their real resolution."),
            alt=f"Images in rows by class. {'; '.join(map(_example_words, datasets))}.",
            numbers=None,
            why_no_numbers="it shows images alone",
        )
    if several:
        yield Figure(
            id="findings",
            draw=partial(draw_shares, several),
            caption=text(
                "Share of the images of each split that have a finding; an image may have several, "
                "or none."
            ),
            alt="; ".join(map(_balance_words, several)),
            numbers=partial(balance, several),
        )
    datasets = [data for data in datasets if data["class_names"] and data not in several]
    if not datasets:
        return
    yield Figure(
        id="balance",
        draw=partial(draw_balance, datasets),
        caption=text(
            "Class balance of each split. Where it differs between training and test, a classifier "
            "may predict the majority class of the training split too often, which lowers its "
            "accuracy."
        ),
        alt="; ".join(map(_balance_words, datasets)),
        numbers=partial(balance, datasets),
    )


def groups_of(data: Entry) -> list[str]:
    """What images are shown by: classes, or that there are none."""
    return data["class_names"] or ["images without labels"]


def _which(datasets: list[Entry]) -> str:
    if all(data.get("task") == "multilabel" for data in datasets):
        return "each finding"
    two = all(len(data["class_names"]) in (0, 2) for data in datasets)
    return "both classes" if two else "each class"


def _example_words(data: Entry) -> str:
    names = zip(data["examples"], groups_of(data), strict=True)
    return f"{data['title']}: {', '.join(f'{len(found)} of {name}' for found, name in names)}"


def _balance_words(data: Entry) -> str:
    if len(data["class_names"]) > 2:
        counts = "; ".join(
            f"{split} {', '.join(map(count, s['counts']))}" for split, s in data["splits"].items()
        )
        return f"{data['title']}, images of {', '.join(data['class_names'])}: {counts}"
    shares = ", ".join(
        f"{split} {percent(s['counts'][1] / max(1, s['n']))}" for split, s in data["splits"].items()
    )
    return f"{data['title']}, share of {data['class_names'][1]}: {shares}"


def draw_examples(results: Results) -> "Drawing":
    """A few training images of each class of each data set; of many classes two side by side."""
    size, gap, row = 0.76, 0.05, 1.06
    height = sum(_examples_height(data, row) for data in results["datasets"])
    figure, axes = canvas(TEXT_WIDTH, height)
    y = 0.0
    for data in results["datasets"]:
        shown = [label for label, images in enumerate(data["examples"]) if images]
        if not shown:
            continue
        y += 0.3
        axes.text(0.1, y - 0.08, short(data["title"], 70), weight="bold", fontsize=9)
        columns = _example_columns(data)
        for place, label in enumerate(shown):
            x = 0.1 + place % columns * TEXT_WIDTH / columns
            top = y + place // columns * row
            name = short(groups_of(data)[label], 80 // columns)
            axes.text(x, top + 0.14, name, color="#333333")
            most = MAX_EXAMPLES // columns
            images = [decode_png(uri) for uri in data["examples"][label][:most]]
            put_images(axes, images, x, top + 0.2, size, gap)
        y += -(-len(shown) // columns) * row
    axes.set_xlim(0, TEXT_WIDTH)
    axes.set_ylim(height, 0)
    return figure


def _example_columns(data: Entry) -> int:
    return 1 if sum(map(bool, data["examples"])) <= MOST_LINES else 2


def _examples_height(data: Entry, row: float) -> float:
    shown = sum(map(bool, data["examples"]))
    return 0.3 + -(-shown // _example_columns(data)) * row if shown else 0.0


def draw_balance(datasets: list[Entry]) -> "Drawing":
    """Share of each class in each split of each data set, as stacked bars."""
    from matplotlib.patches import Patch

    most = max(len(data["class_names"]) for data in datasets)
    more = 0.0 if most == 2 else 0.18 * (-(-most // 4) - 1)
    figure, grid = panels(
        len(datasets),
        1,
        height=0.85,
        margins=(0.95, 0.75, 0.3, 0.45 + more),
        gaps=(0, 0.75 + more),
    )
    for dataset, (axes,) in zip(datasets, grid, strict=True):
        for y, (split, name) in enumerate(SPLIT_NAMES.items()):
            _balance_bar(axes, y, dataset["splits"][split])
            axes.text(-0.01, y, name, ha="right", va="center")
        axes.set_title(short(dataset["title"], 70), loc="left", weight="bold")
        axes.set_xlim(0, 1)
        axes.set_ylim(2.5, -0.5)
        axes.set_axis_off()
        n = len(dataset["class_names"])
        handles = [
            Patch(facecolor=colour, label=short(name, 36 if n == 2 else 18))
            for colour, name in zip(
                class_colours(len(dataset["class_names"])), dataset["class_names"], strict=True
            )
        ]
        axes.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(-0.02, 0.02),
            ncol=2 if n == 2 else 4,
            borderpad=0.2,
        )
    return figure


def _balance_bar(axes: "Axes", y: int, split: Entry) -> None:
    left, n = 0.0, len(split["counts"])
    for label, (counts, colour) in enumerate(zip(split["counts"], class_colours(n), strict=True)):
        share = counts / max(1, split["n"])
        axes.barh(y, share, left=left, height=0.74, color=colour, edgecolor="white")
        if share > 0.12:
            words = f"{count(counts)} ({percent(share)})"
            axes.text(left + share / 2, y, words, ha="center", va="center", color=ink_on(label, n))
        left += share
    axes.text(1.01, y, f"n = {count(split['n'])}", va="center")


def balance(datasets: list[Entry]) -> Numbers:
    """Images of each class in each split."""
    rows = [
        [data["title"], split, data["class_names"][label], counts, counts / max(1, found["n"])]
        for data in datasets
        for split, found in data["splits"].items()
        for label, counts in enumerate(found["counts"])
    ]
    return Numbers(("data_set", "split", "class", "images", "share"), rows)
