"""Figures on reconstructions: test images beside theirs, the detail kept, and the errors."""

import base64
import io
import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tfmed.report.blocks import text
from tfmed.report.figures.description import ESTIMATE, Figure, Numbers, ends
from tfmed.report.figures.looks import initialisation_looks
from tfmed.report.figures.plotting import (
    GREY,
    LINE_COLOUR,
    TEXT_WIDTH,
    canvas,
    decode_png,
    legend_below,
    log_limits,
    log_scale,
    panels,
    put_images,
)
from tfmed.report.selection import (
    Entry,
    Results,
    pretraining_method,
    pretraining_methods,
    reconstructing,
)
from tfmed.report.wording import (
    MISSING,
    count,
    interval,
    listed,
    number,
    percent,
    pretraining_name,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

MAX_SHOWN = 8
DARKER, BRIGHTER = (0, 114, 178), (213, 94, 0)  # Okabe & Ito
SPAN_STEP = 0.05
SPAN_SHARE = 0.99


def figures(results: Results) -> Iterator[Figure]:
    """Of the first pretraining that reconstructs; errors of every one."""
    for fit in reconstructing(results)[:1]:
        if fit["reconstructions"]:
            yield _reconstructions(fit)
        if fit["detail"] and fit["detail"]["bands"]:
            yield _detail(fit)
        yield _errors(results, fit)


def _each_words(results: Results) -> str:
    """What the lines are, where there are several."""
    fits = reconstructing(results)
    names = list(dict.fromkeys(map(_name, fits)))
    coloured = f" ({listed(names)}, as coloured elsewhere)" if len(names) > 1 else ""
    return f", every pretraining a line{coloured}" if len(fits) > 1 else ""


def _name(fit: Entry) -> str:
    return pretraining_name(pretraining_method(fit))


def _reconstructions(fit: Entry) -> Figure:
    errors = [item["mse"] for item in fit["reconstructions"]]
    has_worst = any(is_worst(fit, item) for item in fit["reconstructions"])
    worst = f"from good to bad{', the worst of the test split included' if has_worst else ''}"
    return Figure(
        id="reconstructions",
        draw=partial(draw_reconstructions, fit),
        caption=text(
            f"Test images above their reconstructions by the {_name(fit)} of seed {fit['seed']}, "
            f"{worst}. Fine detail is lost, which a diagnosis may depend on. Differences: red "
            "where the reconstruction is brighter, blue where it is darker, full colour at "
            f"{difference_span(fit):.2f} of the range from black to white."
        ),
        alt=f"Mean squared errors from {min(errors):.4f} to {max(errors):.4f}.",
        numbers=partial(reconstructions, fit),
    )


def _detail(fit: Entry) -> Figure:
    detail = fit["detail"]
    bands = [(band, _share_words(band["kept"])) for band in detail["bands"]]
    low, high = bands[0], bands[-1]
    alt = "; ".join(
        f"{number(band['from'], 2)} to {number(band['to'], 2)} cycles per pixel: {words}"
        for band, words in bands
    )
    return Figure(
        id="detail",
        draw=partial(draw_detail, fit),
        caption=text(
            f"How much of the power of {count(detail['n'])} test images their reconstructions "
            f"keep, by spatial frequency: {low[1]} of the coarsest shapes (below "
            f"{number(low[0]['to'], 2)} cycles per pixel), {high[1]} of the finest detail (above "
            f"{number(high[0]['from'], 2)}). Power may be kept in the wrong place: of the finest "
            f"detail, {_share_words(high[0]['explained'])} is reconstructed in the right one "
            "(below 0: leaving the detail out would be closer to the image). Structural similarity "
            f"(SSIM) {interval(detail['ssim'])}, peak signal-to-noise ratio "
            f"{interval(detail['psnr'], 1)} dB."
        ),
        alt=f"Power kept: {alt}.",
        numbers=partial(detail_numbers, fit),
    )


def _share_words(found: Entry) -> str:
    percents = {key: found[key] and 100 * found[key] for key in ESTIMATE}
    return MISSING if found["mean"] is None else f"{interval(percents, 1)} %"


def _errors(results: Results, fit: Entry) -> Figure:
    test = fit["test"]
    return Figure(
        id="errors",
        draw=partial(draw_errors, results),
        caption=text(
            f"Distribution of the reconstruction error over the test images{_each_words(results)}. "
            "Dashes: mean error of "
            f"the {_name(fit)} ({number(test['mse'], 4)}). Dots: mean error of always predicting "
            f"the mean training image ({number(test['mse_mean_image'], 4)})."
        ),
        alt=f"Median error {fit['mse_quantiles'][50]:.5f}, mean {test['mse']:.5f}, "
        f"mean image {test['mse_mean_image']:.5f}.",
        numbers=partial(errors, results),
    )


def draw_reconstructions(fit: Entry) -> "Drawing":
    """Test images, their reconstructions and the signed differences, the worst included."""
    shown = sorted(fit["reconstructions"], key=lambda r: r["quantile"])
    if len(shown) > MAX_SHOWN:
        kept = np.linspace(0, len(shown) - 1, MAX_SHOWN).round().astype(int)
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
    for y, words in ((0.14, "MSE"), (0.39, "with smaller\nerror")):
        axes.text(left - 0.08, 3 * (size + gap) + y, words, ha="right", va="center")
    height = figure.get_size_inches()[1]
    axes.set_xlim(0, TEXT_WIDTH)
    axes.set_ylim(height, 0)
    return figure


def is_worst(fit: Entry, reconstruction: Entry) -> bool:
    """Whether no test image has a larger error, rounding aside."""
    return reconstruction["mse"] >= fit["mse_quantiles"][-1] * (1 - 1e-6)


def _rank_name(fit: Entry, reconstruction: Entry) -> str:
    if is_worst(fit, reconstruction):
        return "worst"
    return "best" if reconstruction["quantile"] == 0 else percent(reconstruction["quantile"])


def draw_errors(results: Results) -> "Drawing":
    """Cumulative share of test images by reconstruction error, against the mean image's error."""
    figure, [[axes]] = panels(1, 1, height=2.1, width=5.0, margins=(0.75, 0.2, 0.15, 0.55))
    share = np.linspace(0, 100, 101)
    fits = reconstructing(results)
    looks = initialisation_looks(pretraining_methods(results))
    for fit in fits:
        axes.plot(fit["mse_quantiles"], share, color=looks[pretraining_method(fit)][0])
    test, colour = fits[0]["test"], looks[pretraining_method(fits[0])][0]
    for value, ink, style, height, words in (
        (test["mse"], colour, "--", 12, f"{_name(fits[0])},\nmean {test['mse']:.4f}"),
        (test["mse_mean_image"], GREY, ":", 34, f"mean image,\nmean {test['mse_mean_image']:.4f}"),
    ):
        axes.axvline(value, color=ink, ls=style, lw=1.1)
        beside: Any = {
            "xytext": (4, 0),
            "textcoords": "offset points",
            "color": ink,
            "va": "center",
        }
        axes.annotate(words, (value, height), **beside)
    axes.set_ylim(0, 100)
    errors = [v for fit in fits for v in fit["mse_quantiles"]]
    low, high = log_limits([*errors, test["mse"], test["mse_mean_image"]])
    log_scale(axes, "x", (low, high * 3.5))
    axes.set_xlabel("mean squared error of one test image (pixels from 0 to 1)")
    axes.set_ylabel("test images with a\nsmaller error (%)")
    return figure


def draw_detail(fit: Entry) -> "Drawing":
    """Share of the images' power that reconstructions keep, by band of spatial frequency."""
    from matplotlib.lines import Line2D

    detail = fit["detail"]
    figure, [[axes]] = panels(1, 1, height=1.9, width=5.0, margins=(0.75, 0.2, 0.15, 0.8))
    looks = (
        ("kept", LINE_COLOUR, "^", "-", "power kept"),
        ("explained", GREY, "s", "--", "power reconstructed in the right place"),
    )
    handles = []
    for key, colour, marker, style, words in looks:
        bands = [b for b in detail["bands"] if b[key]["mean"] is not None]
        if not bands:
            continue
        x = [(band["from"] + band["to"]) / 2 for band in bands]
        means = [100 * band[key]["mean"] for band in bands]
        axes.plot(x, means, color=colour, ls=style, marker=marker, ms=4.5)
        known = [(p, b[key]) for p, b in zip(x, bands, strict=True) if b[key]["low"] is not None]
        for place, found in known:
            axes.vlines(place, 100 * found["low"], 100 * found["high"], color=colour, lw=2.5)
        handles.append(Line2D([], [], color=colour, ls=style, marker=marker, label=words))
    edges = [detail["bands"][0]["from"], *(band["to"] for band in detail["bands"])]
    axes.set_xticks(edges, [f"{edge:.2g}" for edge in edges])
    axes.set_ylim(min(0, axes.get_ylim()[0]), max(100, axes.get_ylim()[1]))
    axes.set_xlabel("spatial frequency (cycles per pixel; fine detail on the right)")
    axes.set_ylabel("share of the images'\npower (%)")
    legend_below(figure, handles)
    return figure


def difference_span(fit: Entry) -> float:
    """The difference, of a range of 1, that takes the full colour: few pixels go beyond it.

    The 99th percentile of absolute differences over all reconstructions kept, rounded up to .05,
    so that one scale serves all of them.
    """
    pairs = [
        (decode_png(case["original"]), decode_png(case["reconstruction"]))
        for case in fit["reconstructions"]
    ]
    if not pairs:
        return SPAN_STEP
    values = np.concatenate([np.abs(_difference(*pair)).ravel() for pair in pairs])
    steps = float(np.quantile(values, SPAN_SHARE)) / SPAN_STEP
    return max(SPAN_STEP, math.ceil(steps - 1e-9) * SPAN_STEP)


def signed_difference(original: np.ndarray, reconstruction: np.ndarray, span: float) -> np.ndarray:
    """Reconstruction minus original: white for none, blue where darker, red where brighter.

    Args:
        original: uint8 (h, w, 3).
        reconstruction: uint8 (h, w, 3).
        span: the difference, of a range of 1, that takes the full colour.

    Returns:
        uint8 (h, w, 3); the mean over channels is shown.
    """
    share = np.clip(_difference(original, reconstruction) / span, -1, 1)[..., None]
    ink = np.where(share < 0, np.array(DARKER), np.array(BRIGHTER))
    return np.round(255 + np.abs(share) * (ink - 255.0)).astype(np.uint8)


def _difference(original: np.ndarray, reconstruction: np.ndarray) -> np.ndarray:
    return (reconstruction.astype(float) - original).mean(axis=-1) / 255


def as_uri(pixels: np.ndarray) -> str:
    """A uint8 picture (h, w, 3) as a PNG data URI."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def reconstructions(fit: Entry) -> Numbers:
    """Reconstruction errors of the cases that are shown."""
    rows = [
        [fit["seed"], item["quantile"], item["mse"]]
        for item in sorted(fit["reconstructions"], key=lambda item: item["quantile"])
    ]
    return Numbers(("seed", "share_of_images_with_less_error", "mse"), rows)


def detail_numbers(fit: Entry) -> Numbers:
    """Share of the images' power that is kept in each band of spatial frequency."""
    rows = [
        [band["from"], band["to"], *ends(band["kept"]), *ends(band["explained"])]
        for band in fit["detail"]["bands"]
    ]
    names = [f"{key}_{end}" for key in ("kept", "explained") for end in ESTIMATE]
    return Numbers(("from_cycles_per_pixel", "to_cycles_per_pixel", *names), rows)


def errors(results: Results) -> Numbers:
    """Percentiles of the reconstruction error over the test images."""
    rows = [
        [fit["seed"], i / max(1, len(fit["mse_quantiles"]) - 1), value]
        for fit in reconstructing(results)
        for i, value in enumerate(fit["mse_quantiles"])
    ]
    return Numbers(("seed", "share_of_images_with_less_error", "mse"), rows)
