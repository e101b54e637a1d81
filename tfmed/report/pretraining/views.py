"""The figure of views: what a method is given in place of an image."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from tfmed.report.blocks import text
from tfmed.report.figures.description import Figure
from tfmed.report.figures.plotting import GREY, canvas, decode_png, put_images
from tfmed.report.selection import Entry, Results, pretraining_method
from tfmed.report.wording import capitalised, listed, pretraining_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

IMAGES, VIEWS = 4, 4
"""Images of a method that are shown, and views of each."""
SIZE, GAP, TITLE, BETWEEN = 0.57, 0.04, 0.42, 0.3
"""Inches of a picture, between two, above them, and between two methods."""


def figures(results: Results) -> Iterator[Figure]:
    """One figure of all methods that see images changed."""
    if shown := viewed(results):
        yield _views(shown)


def viewed(results: Results) -> dict[str, Entry]:
    """The first pretraining of each method that sees images changed."""
    found: dict[str, Entry] = {}
    for fit in results["pretraining"]:
        if fit.get("views"):
            found.setdefault(pretraining_method(fit), fit)
    return found


def _views(shown: dict[str, Entry]) -> Figure:
    names = listed([pretraining_name(method) for method in shown])
    return Figure(
        id="views",
        draw=partial(draw_views, shown),
        caption=text(
            f"What {names} {'see' if len(shown) > 1 else 'sees'} of training images: each row an "
            "image, as it is on the left, and views of it, drawn at random each time. Methods that "
            "are not shown see the images as they are."
        ),
        alt=f"{capitalised(names)}: images and {VIEWS} views of each.",
        numbers=None,
        why_no_numbers="it shows pictures",
    )


def draw_views(shown: dict[str, Entry]) -> "Drawing":
    """Images beside their views, two methods side by side."""
    columns = min(2, len(shown))
    wide = (1 + VIEWS) * SIZE + VIEWS * GAP + GAP
    rows = max(min(IMAGES, len(fit["views"])) for fit in shown.values())
    tall = TITLE + rows * (SIZE + GAP)
    lines = -(-len(shown) // columns)
    width = columns * wide + (columns - 1) * BETWEEN + 0.1
    height = lines * tall + 0.05
    figure, axes = canvas(width, height)
    for i, (method, fit) in enumerate(shown.items()):
        x, y = 0.05 + i % columns * (wide + BETWEEN), i // columns * tall
        axes.text(x, y + 0.12, pretraining_name(method), weight="bold", va="center")
        for place, words in ((0, "image"), (SIZE + 2 * GAP, "views")):
            axes.text(x + place, y + 0.3, words, color=GREY, va="center", fontsize=8)
        for row, entry in enumerate(fit["views"][:rows]):
            top = y + TITLE + row * (SIZE + GAP)
            put_images(axes, [decode_png(entry["original"])], x, top, SIZE, GAP)
            views = [decode_png(view) for view in entry["views"][:VIEWS]]
            put_images(axes, views, x + SIZE + 2 * GAP, top, SIZE, GAP)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    return figure
