"""Whether arrays are a data set in MedMNIST's format, of which a task can be made."""

from collections.abc import Mapping

import numpy as np

from tfmed.data.dataset import SPLITS
from tfmed.data.importers.npz_file import KEYS, missing_keys
from tfmed.data.integrity import GET_AGAIN
from tfmed.errors import InputError, printable
from tfmed.tasks import Task

SMALLEST_SIDE = 8
"""Pixels; no encoder takes smaller images. An encoder may ask for more."""


def verify_arrays(
    arrays: Mapping[str, np.ndarray],
    name: str,
    task: Task,
    expected: Mapping[str, int] | None = None,
) -> None:
    """Hold arrays against MedMNIST's format and against what a task needs.

    Args:
        arrays: key to array; keys beyond the six of the format are ignored. Only shape and dtype
            of images are looked at: every uint8 value is a grey level.
        name: what to call the arrays in a message, usually the file.
        task: what the labels are for.
        expected: images per split, where they are known.

    Raises:
        InputError: a key is missing, a shape, dtype, label value or count is wrong, a split is
            empty or lacks a class, or the splits do not fit each other.
    """
    name = printable(name)
    missing = [key for key in KEYS if key not in arrays]
    if missing:
        raise InputError(missing_keys(name, missing, arrays))
    for split in SPLITS:
        images, columns = arrays[f"{split}_images"], arrays[f"{split}_labels"]
        _verify_images(images, f"{name}: {split}_images")
        _verify_columns(columns, f"{name}: {split}_labels")
        if len(images) != len(columns):
            raise InputError(
                f"{name}: {split}_images holds {len(images)} images and {split}_labels "
                f"{len(columns)} labels: write one row of labels for each image"
            )
        if expected is not None and len(images) != expected[split]:
            raise InputError(
                f"{name}: the {split} split holds {len(images)} images where {expected[split]} "
                f"are known to belong: {GET_AGAIN}"
            )
        task.check_columns(columns, f"{name}: {split}_labels")
    _verify_alike(name, "image shape", {s: image_shape(arrays[f"{s}_images"]) for s in SPLITS})
    _verify_alike(name, "label columns", {s: n_columns(arrays[f"{s}_labels"]) for s in SPLITS})


def image_shape(images: np.ndarray) -> tuple[int, int, int]:
    """(height, width, channels) of images of shape (n, height, width[, channels])."""
    return images.shape[1], images.shape[2], images.shape[3] if images.ndim == 4 else 1


def n_columns(columns: np.ndarray) -> int:
    """Columns of labels of shape (n, columns), or 1 for shape (n,)."""
    return columns.shape[1] if columns.ndim == 2 else 1


def _verify_images(images: np.ndarray, what: str) -> None:
    shape = images.shape
    if images.dtype != np.uint8:
        raise InputError(
            f"{what} has dtype {images.dtype} and not uint8: save grey levels (0 to 255) as uint8"
        )
    if len(shape) not in (3, 4):
        raise InputError(
            f"{what} has shape {shape} and not (n, size, size) or (n, size, size, channels): "
            "save 2-D images"
        )
    if shape[0] == 0:
        raise InputError(f"{what} is empty: put images in every split")
    if len(shape) == 4 and shape[3] not in (1, 3):
        raise InputError(f"{what} has {shape[3]} channels and not 1 or 3: save grey or RGB images")
    if shape[1] != shape[2]:
        raise InputError(
            f"{what} is not square ({shape[1]} × {shape[2]} pixels): crop or pad the images"
        )
    if shape[1] < SMALLEST_SIDE:
        raise InputError(
            f"{what} is {shape[1]} pixels wide: save images of at least {SMALLEST_SIDE} pixels"
        )


def _verify_columns(columns: np.ndarray, what: str) -> None:
    if columns.ndim not in (1, 2) or (columns.ndim == 2 and columns.shape[1] == 0):
        raise InputError(
            f"{what} has shape {columns.shape} and not (n,) or (n, columns): "
            "write one row of labels for each image"
        )
    if len(columns) == 0:
        raise InputError(f"{what} is empty: put labels in every split")


def _verify_alike(name: str, what: str, values: Mapping[str, object]) -> None:
    if len(set(values.values())) > 1:
        listed = ", ".join(f"{split} {value}" for split, value in values.items())
        raise InputError(
            f"{name}: the {what} differs between splits ({listed}): write all splits alike"
        )
