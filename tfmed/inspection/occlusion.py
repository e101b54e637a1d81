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

Fill = Literal["dark", "mean", "blur"]
"""What a window is covered with: a dark colour of the image, its mean, or the image blurred."""
FILL: Fill = "dark"
"""On X-rays findings are brighter than the lung that they lie in: `mean` covers the lung with
something nearly as bright, and `blur` leaves much of a large opacity in place."""
DARK_SHARE = 1 / 4
"""Of the pixels that are at least as dark as the dark colour."""
WINDOW_SHARE = 1 / 6
"""Side of the window, of that of the image; chosen, as the fill was, on validation images of
phantoms, whose opacities have known places."""
STRIDE_SHARE = 0.4
"""By which a window moves, of its side."""
MOST_BYTES = 16 << 20
"""Of covered images that are held at once."""
BLUR_SHARE = 1 / 2
"""Standard deviation of the blur, of the window's side."""


def attribution(
    inspected: Inspected,
    images: np.ndarray,
    numbers: np.ndarray,
    *,
    window: int | None = None,
    fill: Fill = FILL,
) -> np.ndarray:
    """As `tfmed.inspection.Method.attribution`: the mean fall of the class's probability.

    Args:
        inspected: the classifier; `scores` is asked, about many images at once.
        images: uint8 (n, height, width, channels).
        numbers: of the class of each, int (n,).
        window: side of the window in pixels; None for a sixth of the images'.
        fill: what it is covered with.
    """
    shape = images.shape[1:]
    window = window_of(shape) if window is None else window
    places = corners(shape, window)
    together = max(1, MOST_BYTES // (len(places) * images[0].nbytes)) if len(images) else 1
    maps = []
    for start in range(0, len(images), together):
        some = images[start : start + together]
        covered = np.concatenate([_covered(image, places, window, fill) for image in some])
        scores = inspected.scores(covered).astype("float64").reshape(len(some), len(places) + 1, -1)
        for one, number in zip(scores, numbers[start : start + together], strict=True):
            maps.append(_map(one[0, number] - one[1:, number], places, window, shape))
    return np.array(maps).reshape(len(images), *shape[:2])


def _covered(
    image: np.ndarray, places: list[tuple[int, int]], window: int, fill: Fill
) -> np.ndarray:
    """The image, and the image with each window covered."""
    cover = covering(image, window, fill)
    found = np.repeat(image[None], len(places) + 1, axis=0)
    for one, (top, left) in zip(found[1:], places, strict=True):
        inside = np.s_[top : top + window, left : left + window]
        one[inside] = cover[inside]
    return found


def _map(
    falls: np.ndarray, places: list[tuple[int, int]], window: int, shape: tuple[int, ...]
) -> np.ndarray:
    """The mean of the falls of all windows over each pixel."""
    sums, counts = np.zeros(shape[:2]), np.zeros(shape[:2])
    for (top, left), fall in zip(places, falls, strict=True):
        sums[top : top + window, left : left + window] += fall
        counts[top : top + window, left : left + window] += 1
    return sums / counts


def window_of(shape: tuple[int, ...]) -> int:
    """Side in pixels of the window, where none is asked for, of images (height, width, ...)."""
    return max(1, round(min(shape[:2]) * WINDOW_SHARE))


def corners(shape: tuple[int, ...], window: int) -> list[tuple[int, int]]:
    """Upper left corners of all windows, the last ones at the edges, so that each pixel is covered.

    Args:
        shape: of the image, (height, width, ...).
        window: side in pixels, at most that of the image.
    """
    stride = max(1, round(window * STRIDE_SHARE))
    tops, lefts = (
        sorted({*range(0, side - window + 1, stride), side - window}) for side in shape[:2]
    )
    return [(top, left) for top in tops for left in lefts]


def covering(image: np.ndarray, window: int, fill: Fill) -> np.ndarray:
    """What windows show in place of the image, uint8 of its shape."""
    if fill != "blur":
        dark = np.quantile(image, DARK_SHARE, axis=(0, 1), keepdims=True)
        colour = dark if fill == "dark" else image.mean(axis=(0, 1), keepdims=True)
        return np.broadcast_to(colour.round().astype("uint8"), image.shape)
    from scipy.ndimage import gaussian_filter

    spread = window * BLUR_SHARE
    blurred = gaussian_filter(image.astype("float64"), (spread, spread, 0), mode="nearest")
    return blurred.round().clip(0, 255).astype("uint8")
