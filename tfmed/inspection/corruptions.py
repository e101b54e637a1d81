"""Images made worse: what may happen to them between the scanner and a classifier.

Kinds and the idea of strengths are those of Hendrycks & Dietterich, "Benchmarking Neural Network
Robustness to Common Corruptions and Perturbations" (ICLR 2019); the strengths here are for small
grey images.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

USUAL_SIDE = 28
"""Pixels; lengths are for images of this side, and grow with it."""


@dataclass(frozen=True)
class Corruption:
    """One kind.

    Attributes:
        unit: what its strengths are.
        strengths: weak, middling, strong.
        apply: uint8 images (n, height, width, channels) and a strength to such images.
    """

    unit: str
    strengths: tuple[float, float, float]
    apply: Callable[[np.ndarray, float], np.ndarray]


def _blur(images: np.ndarray, spread: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    pixels = spread * images.shape[1] / USUAL_SIDE
    return _rounded(gaussian_filter(images.astype("float32"), (0, pixels, pixels, 0)))


def _noise(images: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)
    return _rounded(images + 255 * np.float32(deviation) * noise)


def _brightness(images: np.ndarray, shift: float) -> np.ndarray:
    return _rounded(images.astype("float32") + 255 * shift)


def _contrast(images: np.ndarray, factor: float) -> np.ndarray:
    mean = images.mean(axis=(1, 2, 3), keepdims=True, dtype="float32")
    return _rounded(mean + factor * (images - mean))


def _jpeg(images: np.ndarray, quality: float) -> np.ndarray:
    return np.stack([_compressed(image, round(quality)) for image in images])


def _compressed(image: np.ndarray, quality: int) -> np.ndarray:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, format="JPEG", quality=quality)
    return np.asarray(Image.open(buffer)).reshape(image.shape)


def _rotation(images: np.ndarray, degrees: float) -> np.ndarray:
    from scipy.ndimage import rotate

    turned = rotate(
        images.astype("float32"), degrees, axes=(1, 2), reshape=False, order=1, mode="nearest"
    )
    return _rounded(turned)


def _rounded(images: np.ndarray) -> np.ndarray:
    return images.round().clip(0, 255).astype("uint8")


CORRUPTIONS = {
    "blur": Corruption("standard deviation in pixels of 28", (0.5, 1.0, 1.5), _blur),
    "noise": Corruption("standard deviation, of white", (0.02, 0.05, 0.1), _noise),
    "brightness": Corruption("added, of white", (0.1, 0.2, 0.3), _brightness),
    "contrast": Corruption("factor", (0.75, 0.5, 0.25), _contrast),
    "jpeg": Corruption("quality of JPEG", (50.0, 25.0, 10.0), _jpeg),
    "rotation": Corruption("degrees", (5.0, 10.0, 20.0), _rotation),
}
