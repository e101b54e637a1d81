"""Which figures a report has, and how they become files.

matplotlib is imported where it is used: whoever only asks for help should not wait for it.
"""

import contextlib
import gc
import io
import multiprocessing
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tfmed.report.deciding import figure as deciding
from tfmed.report.differences import figure as differences
from tfmed.report.figures import budgets, classifiers, data, experiments, latent
from tfmed.report.figures.description import Figure
from tfmed.report.figures.plotting import STYLE, mark_synthetic, svg_text
from tfmed.report.files import write_aside
from tfmed.report.inspection import figures as inspection
from tfmed.report.pretraining import curves, reconstructions, views
from tfmed.report.selection import Results
from tfmed.report.subgroups import figure as subgroups

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

FAMILIES = (
    *(budgets, deciding, differences, data, views, curves, reconstructions),
    *(classifiers, subgroups, experiments, latent, inspection),
)
"""Modules with a function `figures` that describes those figures it has data for."""


def described(results: Results) -> dict[str, Figure]:
    """Every figure that the results have data for, by its id."""
    found = chain.from_iterable(family.figures(results) for family in FAMILIES)
    return {figure.id: figure for figure in found}


def draw_all(figures: Iterable[Figure], folder: Path, *, synthetic: bool) -> dict[str, Path]:
    """Draw figures as SVG files.

    Args:
        figures: such as `described(results).values()`.
        folder: where the SVG files go; made if absent. SVG files of earlier figures that are no
            longer drawn are removed.
        synthetic: write the mark of synthetic data above each.

    Returns:
        Figure id to SVG file. The same results give the same bytes.

    Raises:
        ValueError: an image in the results is not a PNG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {figure.id: folder / f"{figure.id}.svg" for figure in figures}
    # Imported before the work is shared out, or both processes would do it.
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401

    with _without_collection():
        _share_out(list(figures), folder, synthetic)
    for stale in set(folder.glob("*.svg")) - set(paths.values()):
        stale.unlink()
    return paths


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """No garbage collection: figures make much of it, and each pass walks all the results."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _share_out(figures: Sequence[Figure], folder: Path, synthetic: bool) -> None:
    """Draws on two cores where that is safe."""
    if sys.platform == "linux" and threading.active_count() == 1:
        fork = multiprocessing.get_context("fork")
        half = fork.Process(target=_draw_silently, args=(figures[1::2], folder, synthetic))
        half.start()
        draw(figures[::2], folder, synthetic=synthetic)
        half.join()
        if half.exitcode:
            draw(figures[1::2], folder, synthetic=synthetic)
    else:
        draw(figures, folder, synthetic=synthetic)


def _draw_silently(figures: Sequence[Figure], folder: Path, synthetic: bool) -> None:
    """Draws in a process of its own, which ends with code 1 where it can't."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            draw(figures, folder, synthetic=synthetic)
        except Exception:  # the parent draws again and shows it
            os._exit(1)


def draw(figures: Iterable[Figure], folder: Path, *, synthetic: bool) -> None:
    """Draw figures as `folder/<id>.svg`, one after the other."""
    with styled():
        for figure in figures:
            text = svg_text(figure.draw(), figure.id, synthetic=synthetic)
            write_aside(folder / f"{figure.id}.svg", text)


def drawn(figure: Figure, *, synthetic: bool) -> "Drawing":
    """The drawing alone, with the mark of synthetic data where it needs one."""
    with styled():
        drawing = figure.draw()
        if synthetic:
            mark_synthetic(drawing)
        drawing.draw_without_rendering()  # ticks are made by it, and so have the style's looks
    return drawing


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """What is drawn has the report's looks."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Names may hold characters the font lacks; as text, the viewer's own font has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield
