"""Whose images they are, and whether two splits share a patient."""

from collections.abc import Mapping

import numpy as np

from tfmed.data.dataset import SPLITS
from tfmed.errors import InputError, printable


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
    for (earlier, split), shared in images_of_shared(known).items():
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


def images_of_shared(patients: Mapping[str, np.ndarray]) -> dict[tuple[str, str], int]:
    """Images of a split whose patients have images in an earlier one, by earlier split and split.

    Args:
        patients: split to the patient of each of its images; empty where they are not known.
    """
    found = {}
    for earlier, split in (("train", "val"), ("train", "test"), ("val", "test")):
        if patients:
            theirs = {*patients[earlier].tolist()}
            found[earlier, split] = sum(each in theirs for each in patients[split].tolist())
    return found


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
