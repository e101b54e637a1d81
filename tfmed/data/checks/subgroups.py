"""Columns that say of which group an image is, such as sex, age, view or device."""

from collections.abc import Mapping

import numpy as np

from tfmed.data.importers.npz_file import subgroup_keys
from tfmed.errors import InputError, printable


def verify_subgroups(arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Refuses columns of groups that do not say one thing of each image.

    Args:
        arrays: a file's, `{split}_labels` among them.
        name: what to call the arrays in a message.

    Raises:
        InputError: one is not a number or text for each image of its split.
    """
    for key, (split, _) in subgroup_keys(arrays).items():
        n, values = len(arrays[f"{split}_labels"]), arrays[key]
        if values.shape != (n,) or values.dtype.kind not in "biufSU":
            raise InputError(
                f"{printable(name)}: {printable(key)} is not one number or text for each of {n} "
                f"images of {split}: mend it, or leave it out"
            )
