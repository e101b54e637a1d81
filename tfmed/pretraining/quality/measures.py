"""What is measured and shown of a method that reconstructs: the test split, read once."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tfmed.data import DatasetInfo
from tfmed.data.loading import load_patients, load_rows, stream_split
from tfmed.pretraining.quality import reconstruction
from tfmed.training import fitting
from tfmed.training.examples import drawn_rows

SHOWN_QUANTILES = tuple(np.linspace(0, 1, 21).tolist())
"""Test images whose reconstructions are kept: by how their error ranks, best and worst included."""
SHOWN_WORST = 5
"""Test images with the largest errors whose reconstructions are kept besides."""
_PIECE = 4 << 20  # bytes of images reconstructed at once
_DETAIL_IMAGES = 5000
_DETAIL_BYTES = 32 << 20
_SSIM_SIDE = 11  # of its window


def measure(
    model: keras.Model, source: DatasetInfo, mean_image: np.ndarray
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """How well a model reproduces the source's test images, and some of them to show.

    Args:
        model: images in, images out.
        source: whose test split.
        mean_image: (height, width, channels) of the training images, in [0, 1].

    Returns:
        A record of JSON values: `test`, `detail`, `mse_quantiles`, `shown`; and uint8 arrays
        `originals` and `reconstructions` of what is shown, the best first.
    """
    errors, absolute, mean_image_error = _errors(model, stream_split(source, "test"), mean_image)
    best_first = _shown(errors)
    shown, order = np.sort(best_first), np.argsort(np.argsort(best_first))
    originals = load_rows(source, "test", shown).images[order]
    record = {
        "test": {
            "n": len(errors),
            "mse": float(errors.mean()),
            "mae": absolute,
            "psnr": float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12)))),
            "mse_mean_image": mean_image_error,
        },
        "detail": _detail(model, source),
        "mse_quantiles": np.quantile(errors, np.linspace(0, 1, 101)).tolist(),
        "shown": [
            {
                "index": int(row),
                "mse": float(errors[row]),
                "quantile": float(np.mean(errors < errors[row])),
            }
            for row in best_first
        ],
    }
    reconstructions = np.round(fitting.predict(model, originals) * 255).astype("uint8")
    return record, {"originals": originals, "reconstructions": reconstructions}


def mean_squared_error(model: keras.Model, images: np.ndarray) -> float:
    """Of a model's reconstructions of uint8 images, over all pixels in [0, 1]."""
    squared = [
        np.square(fitting.predict(model, piece) - piece / np.float32(255)).sum(dtype=float)
        for piece in _pieces(images)
    ]
    return float(np.sum(squared) / images.size)


def _shown(errors: np.ndarray) -> np.ndarray:
    """Rows of the test images to show, the best reconstructed first."""
    last = len(errors) - 1
    worst = np.arange(max(0, last + 1 - SHOWN_WORST), last + 1)
    ranks = np.union1d(np.round(np.array(SHOWN_QUANTILES) * last).astype(int), worst)
    return np.argsort(errors, kind="stable")[ranks]


def _errors(
    model: keras.Model, chunks: Iterable[np.ndarray], mean_image: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Mean squared error per image; mean absolute error; mean squared error of `mean_image`."""
    squared, absolute, baseline, pixels = [], 0.0, 0.0, 0
    for chunk in chunks:
        for images in _pieces(chunk):
            scaled = images.astype("float32") / 255
            difference = fitting.predict(model, images) - scaled
            squared.append(np.mean(difference**2, axis=(1, 2, 3), dtype="float64"))
            absolute += float(np.abs(difference).sum(dtype="float64"))
            baseline += float(((scaled - mean_image) ** 2).sum(dtype="float64"))
            pixels += images.size
    return np.concatenate(squared), absolute / pixels, baseline / pixels


def _pieces(images: np.ndarray) -> list[np.ndarray]:
    return np.array_split(images, -(-images.nbytes // _PIECE))


def _detail(model: keras.Model, source: DatasetInfo) -> dict[str, Any] | None:
    """`reconstruction.detail` of test images; None for images smaller than a window of SSIM."""
    if source.image_shape[0] < _SSIM_SIDE:
        return None
    most = max(min(_DETAIL_IMAGES, _DETAIL_BYTES // int(np.prod(source.image_shape))), 1)
    rows = drawn_rows(source.n_images("test"), most)
    originals = load_rows(source, "test", rows).images
    patients = load_patients(source, "test")
    return reconstruction.detail(
        originals,
        fitting.predict(model, originals),
        patients=None if patients is None else patients[rows],
    )
