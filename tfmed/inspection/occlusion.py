"""Occlusion: how far the score of a class falls when a window of the image is covered.

Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks" (ECCV 2014), section 4.2. A
pixel's value is the mean fall over all windows that cover it. Asks the classifier for scores alone,
so it serves every model and task.
"""

from typing import Literal

import numpy as np

from tfmed.inspection import Inspected

TITLE = "Occlusion"
PAPER = "Zeiler & Fergus, ECCV 2014"

Fill = Literal["mean", "blur"]
"""What a window is covered with: the image's mean colour, or the image blurred."""
FILL: Fill = "blur"
WINDOW_SHARE = 1 / 4
"""Side of the window, of that of the image."""
STRIDES = 4
"""Steps in which a window moves by its own side."""
BLUR_SHARE = 1 / 2
"""Standard deviation of the blur, of the window's side."""


def attribution(
    inspected: Inspected,
    image: np.ndarray,
    number: int,
    *,
    window: int | None = None,
    fill: Fill = FILL,
) -> np.ndarray:
    """As `tfmed.inspection.Method.attribution`: the mean fall of the class's probability.

    Args:
        inspected: the classifier; `scores` is asked.
        image: uint8 (height, width, channels).
        number: of the class.
        window: side of the window in pixels; None for a quarter of the image's.
        fill: what it is covered with.
    """
    window = window_of(image) if window is None else window
    places = corners(image.shape, window)
    cover = covering(image, window, fill)
    covered = np.repeat(image[None], len(places) + 1, axis=0)
    for one, (top, left) in zip(covered[1:], places, strict=True):
        inside = np.s_[top : top + window, left : left + window]
        one[inside] = cover[inside]
    scores = inspected.scores(covered)[:, number].astype("float64")
    falls, counts = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for (top, left), score in zip(places, scores[1:], strict=True):
        falls[top : top + window, left : left + window] += scores[0] - score
        counts[top : top + window, left : left + window] += 1
    return falls / counts


def window_of(image: np.ndarray) -> int:
    """Side in pixels of the window that an image is covered with where none is asked for."""
    return max(1, round(min(image.shape[:2]) * WINDOW_SHARE))


def corners(shape: tuple[int, ...], window: int) -> list[tuple[int, int]]:
    """Upper left corners of all windows, the last ones at the edges, so that each pixel is covered.

    Args:
        shape: of the image, (height, width, ...).
        window: side in pixels, at most that of the image.
    """
    stride = -(-window // STRIDES)
    tops, lefts = (
        sorted({*range(0, side - window + 1, stride), side - window}) for side in shape[:2]
    )
    return [(top, left) for top in tops for left in lefts]


def covering(image: np.ndarray, window: int, fill: Fill) -> np.ndarray:
    """What windows show in place of the image, uint8 of its shape."""
    if fill == "mean":
        mean = image.mean(axis=(0, 1), keepdims=True).round().astype("uint8")
        return np.broadcast_to(mean, image.shape)
    from scipy.ndimage import gaussian_filter

    spread = window * BLUR_SHARE
    blurred = gaussian_filter(image.astype("float64"), (spread, spread, 0), mode="nearest")
    return blurred.round().clip(0, 255).astype("uint8")
