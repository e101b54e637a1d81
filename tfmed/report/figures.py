"""Figures of the report, drawn from the content of `results.json` and nothing else.

matplotlib is imported where it is used: whoever only asks for help should not wait for it.
"""

import contextlib
import gc
import io
import multiprocessing
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfmed.report import (
    experiments,
    figures_budgets,
    figures_classifiers,
    figures_experiments,
    figures_latent,
)
from tfmed.report.differences import difference_span, signed_difference
from tfmed.report.plotting import (
    CLASS_COLOURS,
    COLOURS,
    FIXED_INKS,
    GREY,
    STYLE,
    TEXT_WIDTH,
    canvas,
    decode_png,
    legend_below,
    log_limits,
    log_scale,
    panels,
    put_images,
    short,
    svg_text,
    write_aside,
)
from tfmed.report.wording import budgets, count, number, percent, tasks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
MAX_EXAMPLES = 8
MAX_PANELS = 6


def draw_all(results: dict, folder: Path) -> dict[str, Path]:
    """Draw every figure that the results have data for.

    Args:
        results: the content of `results.json`.
        folder: where the SVG files go; made if absent. SVG files of earlier figures that are no
            longer drawn are removed.

    Returns:
        Figure id to SVG file, in the order of the report. The same results give the same bytes.

    Raises:
        ValueError: an image in the results is not a PNG.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = list(planned_figures(results))
    # Imported before the work is shared out, or both processes would do it.
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401

    with _without_collection():
        _share_out(results, names, folder)
    drawn = {name: folder / f"{name}.svg" for name in names}
    for stale in set(folder.glob("*.svg")) - set(drawn.values()):
        stale.unlink()
    return drawn


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


def _share_out(results: dict, names: Sequence[str], folder: Path) -> None:
    """Draws on two cores where that is safe."""
    if sys.platform == "linux" and threading.active_count() == 1:
        fork = multiprocessing.get_context("fork")
        half = fork.Process(target=_draw_silently, args=(results, names[1::2], folder))
        half.start()
        _draw(results, names[::2], folder)
        half.join()
        if half.exitcode:
            _draw(results, names[1::2], folder)
    else:
        _draw(results, names, folder)


def _draw_silently(results: dict, names: Sequence[str], folder: Path) -> None:
    """Draws in a process of its own, which ends with code 1 where it can't."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            _draw(results, names, folder)
        except Exception:  # the parent draws again and shows it
            os._exit(1)


def _draw(results: dict, names: Sequence[str], folder: Path) -> None:
    import matplotlib as mpl

    plan = planned_figures(results)
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # Names may hold characters the font lacks; as text, the viewer's own font has them.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        for name in names:
            text = svg_text(plan[name](), name, synthetic=results["synthetic"])
            write_aside(folder / f"{name}.svg", text)


def planned_figures(results: dict) -> "dict[str, Callable[[], Figure]]":
    """Figure ids, in the order of the report, and how to draw each."""
    plan: dict[str, Callable[[], Figure]] = {}
    if results["summary"]:
        plan["answer"] = partial(figures_budgets.draw_answer, results)
    if any(any(images) for d in results["datasets"] for images in d["examples"]):
        plan["examples"] = partial(draw_examples, results)
    plan["balance"] = partial(draw_balance, results)
    if results["pretraining"]:
        plan["pretraining"] = partial(draw_pretraining, results)
        if results["pretraining"][0]["reconstructions"]:
            plan["reconstructions"] = partial(draw_reconstructions, results)
        if (results["pretraining"][0].get("detail") or {}).get("bands"):
            plan["detail"] = partial(figures_experiments.draw_detail, results)
        plan["errors"] = partial(draw_errors, results)
    names = task_slugs(results)
    for task, slug in names.items():
        if not budgets(results, task):
            continue
        plan[f"budgets-{slug}"] = partial(figures_budgets.draw_budgets, results, task)
        if figures_classifiers.curve_grid(results, task):
            plan[f"roc-{slug}"] = partial(figures_classifiers.draw_roc, results, task)
            plan[f"curves-{slug}"] = partial(figures_classifiers.draw_curves, results, task)
            plan[f"confusion-{slug}"] = partial(figures_classifiers.draw_confusion, results, task)
    if figures_budgets.forest_task(results) is not None:
        plan["differences"] = partial(figures_budgets.draw_differences, results)
    for name, found, draw in (
        ("losses", experiments.loss_cells(results), figures_experiments.draw_losses),
        ("dropout", experiments.dropout_cells(results), figures_experiments.draw_dropout),
        ("stopping", experiments.stopping_cells(results), figures_experiments.draw_stopping),
        (
            "forgetting",
            experiments.forgetting_entries(results),
            figures_experiments.draw_forgetting,
        ),
    ):
        if found:
            plan[name] = partial(draw, results)
    for task, slug in names.items():
        for i, rows in enumerate(figures_latent.space_chunks(results, task), 1):
            plan[f"latent-{slug}-{i}"] = partial(figures_latent.draw_spaces, results, rows)
        if figures_latent.mistakes_of(results, task):
            plan[f"mistakes-{slug}"] = partial(figures_latent.draw_mistakes, results, task)
        if figures_latent.similarities(results, task):
            plan[f"cka-{slug}"] = partial(figures_latent.draw_cka, results, task)
    return plan


def task_slugs(results: dict) -> dict[str, str]:
    """A file-name-safe name for each task, no two the same."""
    slugs: dict[str, str] = {}
    for i, task in enumerate(tasks(results), 1):
        slug = re.sub(r"[^a-z0-9]+", "-", task.lower())[:40].strip("-")
        slugs[task] = f"{slug}-{i}" if not slug or slug in slugs.values() else slug
    return slugs


def draw_examples(results: dict) -> "Figure":
    """A few training images of both classes of each data set."""
    size, gap = 0.76, 0.05
    blocks = [
        (dataset, label)
        for dataset in results["datasets"]
        for label in (0, 1)
        if dataset["examples"][label]
    ]
    height = len(blocks) * (size + 0.3) + len({d["name"] for d, _ in blocks}) * 0.3
    figure, axes = canvas(TEXT_WIDTH, height)
    y, title = 0.0, None
    for dataset, label in blocks:
        if dataset["name"] != title:
            title = dataset["name"]
            y += 0.3
            axes.text(0.1, y - 0.08, short(dataset["title"], 70), weight="bold", fontsize=9)
        axes.text(0.1, y + 0.14, short(dataset["class_names"][label], 80), color="#333333")
        images = [decode_png(uri) for uri in dataset["examples"][label][:MAX_EXAMPLES]]
        put_images(axes, images, 0.1, y + 0.2, size, gap)
        y += size + 0.3
    axes.set_xlim(0, TEXT_WIDTH)
    axes.set_ylim(height, 0)
    return figure


def draw_balance(results: dict) -> "Figure":
    """Share of both classes in each split of each data set, as stacked bars."""
    from matplotlib.patches import Patch

    datasets = results["datasets"]
    figure, grid = panels(
        len(datasets), 1, height=0.85, margins=(0.95, 0.75, 0.3, 0.45), gaps=(0, 0.75)
    )
    for dataset, (axes,) in zip(datasets, grid, strict=True):
        for y, (split, name) in enumerate(SPLIT_NAMES.items()):
            _balance_bar(axes, y, dataset["splits"][split])
            axes.text(-0.01, y, name, ha="right", va="center")
        axes.set_title(short(dataset["title"], 70), loc="left", weight="bold")
        axes.set_xlim(0, 1)
        axes.set_ylim(2.5, -0.5)
        axes.set_axis_off()
        handles = [
            Patch(facecolor=colour, label=short(name, 36))
            for colour, name in zip(CLASS_COLOURS, dataset["class_names"], strict=True)
        ]
        axes.legend(
            handles=handles, loc="upper left", bbox_to_anchor=(-0.02, 0.02), ncol=2, borderpad=0.2
        )
    return figure


def _balance_bar(axes: "Axes", y: int, split: dict) -> None:
    left = 0.0
    for label, (counts, colour) in enumerate(zip(split["counts"], CLASS_COLOURS, strict=True)):
        share = counts / max(1, split["n"])
        axes.barh(y, share, left=left, height=0.74, color=colour, edgecolor="white")
        if share > 0.12:
            words = f"{count(counts)} ({percent(share)})"
            axes.text(left + share / 2, y, words, ha="center", va="center", color=FIXED_INKS[label])
        left += share
    axes.text(1.01, y, f"n = {count(split['n'])}", va="center")


def draw_pretraining(results: dict) -> "Figure":
    """Reconstruction loss per epoch on training and validation images, best epoch marked."""
    shown = results["pretraining"][:MAX_PANELS]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    width = TEXT_WIDTH if columns == 2 else 5.0
    margins, gaps = (0.75, 0.15, 0.35, 0.9), (0.7, 0.8)
    figure, grid = panels(rows, columns, height=2.1, width=width, margins=margins, gaps=gaps)
    cells = [axes for row in grid for axes in row]
    for axes, fit in zip(cells, shown, strict=False):
        _history_lines(axes, fit["history"])
        best = fit["best_epoch"]
        values = fit["history"].get("val_loss") or fit["history"].get("loss", [])
        if 1 <= best <= len(values):
            axes.plot(best, values[best - 1], "o", color=COLOURS["finetune"], ms=6, zorder=4)
        axes.axvline(fit["epochs"], color=GREY, lw=1, ls=":")
        stopped = "stopped early" if fit["stopped_early"] else "ran all epochs"
        axes.set_title(f"seed {fit['seed']}: best epoch {best} of {fit['epochs']}, {stopped}")
        axes.set_xlabel("epoch")
        axes.set_ylabel("mean squared error\n(pixels from 0 to 1)")
        log_scale(
            axes,
            "y",
            log_limits(v for key in ("loss", "val_loss") for v in fit["history"].get(key, [])),
        )
    for axes in cells[len(shown) :]:
        axes.remove()
    legend_below(figure, _history_handles(), ncol=2 if width < TEXT_WIDTH else 4)
    return figure


def _history_lines(axes: "Axes", history: dict) -> None:
    for key, style in (("loss", "--"), ("val_loss", "-")):
        values = history.get(key, [])
        colour = GREY if key == "loss" else COLOURS["frozen"]
        axes.plot(range(1, len(values) + 1), values, ls=style, color=colour)


def _history_handles() -> list:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=GREY, ls="--", label="training images"),
        Line2D([], [], color=COLOURS["frozen"], label="validation images"),
        Line2D([], [], color=COLOURS["finetune"], marker="o", ls="", label="best epoch, kept"),
        Line2D([], [], color=GREY, ls=":", label="training stopped"),
    ]


def draw_reconstructions(results: dict) -> "Figure":
    """Test images, their reconstructions and the signed differences, the worst included."""
    fit = results["pretraining"][0]
    shown = sorted(fit["reconstructions"], key=lambda r: r["quantile"])
    if len(shown) > MAX_EXAMPLES:
        kept = np.linspace(0, len(shown) - 1, MAX_EXAMPLES).round().astype(int)
        shown = [shown[i] for i in kept]
    size, gap, left = 0.68, 0.05, 0.86
    figure, axes = canvas(TEXT_WIDTH, 3 * (size + gap) + 0.58)
    span = difference_span(fit)
    for row, name in enumerate(("original", "recon-\nstruction", f"difference\n(±{span:.2f})")):
        axes.text(left - 0.08, (row + 0.5) * (size + gap), name, ha="right", va="center")
    originals = [decode_png(item["original"]) for item in shown]
    answers = [decode_png(item["reconstruction"]) for item in shown]
    differences = [signed_difference(*pair, span) for pair in zip(originals, answers, strict=True)]
    for row, pictures in enumerate((originals, answers, differences)):
        put_images(axes, pictures, left, row * (size + gap) + 0.03, size, gap)
    for column, item in enumerate(shown):
        x = left + column * (size + gap)
        y = 3 * (size + gap) + 0.14
        axes.text(x + size / 2, y, number(item["mse"], 4), ha="center", va="center")
        axes.text(
            x + size / 2,
            y + 0.25,
            _rank_name(fit, item),
            ha="center",
            va="center",
            color=GREY,
        )
    for y, words in ((0.14, "MSE"), (0.39, "images with\nless error")):
        axes.text(left - 0.08, 3 * (size + gap) + y, words, ha="right", va="center")
    height = figure.get_size_inches()[1]
    axes.set_xlim(0, TEXT_WIDTH)
    axes.set_ylim(height, 0)
    return figure


def is_worst(fit: dict, reconstruction: dict) -> bool:
    """Whether no test image has a larger error, rounding aside."""
    return reconstruction["mse"] >= fit["mse_quantiles"][-1] * (1 - 1e-6)


def _rank_name(fit: dict, reconstruction: dict) -> str:
    if is_worst(fit, reconstruction):
        return "worst"
    return "best" if reconstruction["quantile"] == 0 else percent(reconstruction["quantile"])


def draw_errors(results: dict) -> "Figure":
    """Cumulative share of test images by reconstruction error, against the mean image's error."""
    figure, [[axes]] = panels(1, 1, height=2.1, width=5.0, margins=(0.75, 0.2, 0.15, 0.55))
    share = np.linspace(0, 100, 101)
    for fit in results["pretraining"][:MAX_PANELS]:
        axes.plot(fit["mse_quantiles"], share, color=COLOURS["frozen"])
    test = results["pretraining"][0]["test"]
    for value, colour, style, words in (
        (test["mse"], COLOURS["frozen"], "--", f"autoencoder,\nmean {test['mse']:.4f}"),
        (test["mse_mean_image"], GREY, ":", f"mean image,\nmean {test['mse_mean_image']:.4f}"),
    ):
        axes.axvline(value, color=colour, ls=style, lw=1.1)
        axes.annotate(
            words, (value, 12), xytext=(4, 0), textcoords="offset points", color=colour, va="center"
        )
    axes.set_ylim(0, 100)
    errors = [v for fit in results["pretraining"] for v in fit["mse_quantiles"]]
    low, high = log_limits([*errors, test["mse"], test["mse_mean_image"]])
    log_scale(axes, "x", (low, high * 3.5))
    axes.set_xlabel("mean squared error of one test image (pixels from 0 to 1)")
    axes.set_ylabel("test images with a\nsmaller error (%)")
    return figure
