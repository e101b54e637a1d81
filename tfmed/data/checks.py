"""What is in a data set, and what is wrong with it; looked at before any work starts.

Everything that is wrong is an `InputError` of one line: the file, the fault and the remedy.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers.npz_file import KEYS, missing_keys
from tfmed.data.integrity import GET_AGAIN
from tfmed.data.loading import stream_split
from tfmed.data.pictures import likeness
from tfmed.errors import InputError, printable
from tfmed.tasks import Task

SMALLEST_SIDE = 8
"""Pixels; no encoder takes smaller images. An encoder may ask for more."""


@dataclass(frozen=True)
class Duplicates:
    """Images that are equal to the last byte, or nearly so (`likeness.near`).

    Attributes:
        within: per split, how many of its images equal an earlier one of it.
        across: per pair of splits, how many images of the second equal one of the first.
        near: the same, of those that are nearly equal and not equal.
    """

    within: dict[str, int]
    across: dict[tuple[str, str], int]
    near: dict[tuple[str, str], int]


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


def shared_patients(arrays: Mapping[str, np.ndarray], name: str) -> tuple[str, ...]:
    """A line for each pair of splits that share patients; none where patients are not known.

    Args:
        arrays: where known, `{split}_patients` of shape (n,), integers or texts.
        name: what to call the arrays in a message.

    Raises:
        InputError: patients are known of some splits or images only, or every patient of the test
            split has images in train.
    """
    known = known_patients(arrays, printable(name))
    if not known:
        return ()
    name = printable(name)
    lines = []
    for earlier, split in (("train", "val"), ("train", "test"), ("val", "test")):
        theirs = {*known[earlier].tolist()}
        shared = sum(patient in theirs for patient in known[split].tolist())
        if shared == len(known[split]) and (earlier, split) == ("train", "test"):
            raise InputError(
                f"{name}: every image of test is of a patient with images in train, so its scores "
                "would say nothing of new patients: split by patient (--resplit)"
            )
        if shared:
            lines.append(
                f"{shared:,} of {len(known[split]):,} images of {split} are of patients with images"
                f" in {earlier} too, so results look better than they are (--resplit draws others)"
            )
    return tuple(lines)


def known_patients(arrays: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """Split to the patient of each of its images; empty where they are not known.

    Raises:
        InputError: they are known of some splits or images only.
    """
    known = {s: arrays[f"{s}_patients"] for s in SPLITS if f"{s}_patients" in arrays}
    for split in SPLITS if known else ():
        n, patients = len(arrays[f"{split}_labels"]), known.get(split)
        if patients is None or patients.shape != (n,) or patients.dtype.kind not in "iuUS":
            raise InputError(
                f"{name}: {split}_patients is not one integer or text for each of {n} images: "
                "write it for all splits, or for none"
            )
    return known


def find_duplicates(info: DatasetInfo) -> Duplicates:
    """Equal and nearly equal images within and across the splits of a resolved data set.

    Reads every image once, in bounded memory; 48 bytes are kept of each.

    Raises:
        InputError: the file changed since it was verified, or cannot be read any more.
    """
    seen: dict[str, set[bytes]] = {}
    hashes: dict[str, np.ndarray] = {}
    within: dict[str, int] = {}
    across: dict[tuple[str, str], int] = {}
    near: dict[tuple[str, str], int] = {}
    for split in SPLITS:
        digests, kept = [], []
        for images in stream_split(info, split):
            digests += [hashlib.blake2b(i.tobytes(), digest_size=16).digest() for i in images]
            kept.append(likeness.difference_hashes(images))
        hashes[split] = np.concatenate(kept)
        for earlier, known in seen.items():
            equal = np.array([digest in known for digest in digests])
            alike = likeness.near(hashes[split], hashes[earlier])
            across[earlier, split] = int(equal.sum())
            near[earlier, split] = int((alike & ~equal).sum())
        seen[split] = set(digests)
        within[split] = len(digests) - len(seen[split])
    return Duplicates(within, across, near)


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
