"""Files in MedMNIST's format (Yang et al., "MedMNIST v2", Scientific Data 2023).

The format: an `.npz` with `{train,val,test}_{images,labels}`; images uint8 of shape (n, size, size)
or (n, size, size, channels), labels of shape (n,) or (n, columns).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tfmed.data.checks import image_shape, n_columns, verify_arrays
from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers import medmnist
from tfmed.data.importers.npz_file import KEYS, read_npz
from tfmed.data.integrity import check_readable, md5_of
from tfmed.errors import printable
from tfmed.tasks import class_counts, task_for, task_of

WANTED = "the path of an .npz file"

_IMAGE_KEYS = tuple(key for key in KEYS if key.endswith("_images"))


@dataclass(frozen=True)
class Words:
    """What people read of a data set; see `DatasetInfo`."""

    name: str
    title: str
    description: str = "A file of the user's own, given by its path."
    license: str = ""
    class_names: tuple[str, ...] | None = None
    synthetic: bool = False


# Files outside MedMNIST that deserve more than their stem as a title, by their MD5.
_KNOWN_FILES = {
    "cfe5c43c6c5c56fb17be4b3338e00332": Words(
        "chest_nih",
        "NIH ChestX-ray14 subset",
        "15,923 frontal chest X-rays of NIH ChestX-ray14 with their 14 text-mined findings, "
        "split by patient. Not ChestMNIST: other images, resizing and split.",
        "Use unrestricted with a link to https://nihcc.app.box.com/v/ChestXray-NIHCC, "
        "acknowledgement of the NIH Clinical Center and citation of Wang et al., CVPR 2017",
    )
}


def takes(spec: str) -> bool:
    """Whether something is a path: it ends in `.npz` or holds a path separator."""
    separators = {os.sep, os.altsep or os.sep}
    return spec.lower().endswith(".npz") or any(separator in spec for separator in separators)


def check(path: Path) -> None:
    """As `tfmed.data.importers.Importer.check`."""
    check_readable(path)


def read(path: Path, cache_dir: Path) -> DatasetInfo:
    """Verify and describe a file of the user's own, which stays where it is.

    An official file of MedMNIST is known by its MD5 at any path.

    Args:
        path: absolute.
        cache_dir: not needed.

    Raises:
        InputError: the file cannot be read, or is not in MedMNIST's format.
    """
    check_readable(path)
    md5 = md5_of(path)
    official = medmnist.find_by_md5(md5)
    if official is not None:
        return read_official(medmnist.require_supported(official), path)
    words = Words(_safe_name(path.stem, md5), printable(path.stem))
    if md5 in _KNOWN_FILES:
        words = replace(_KNOWN_FILES[md5], name=words.name)
    if medmnist.is_name(path.stem):
        words = replace(words, title=f"{words.title} (not the official file)")
    return describe(path, words)


def read_official(official: medmnist.OfficialFile, path: Path) -> DatasetInfo:
    """Describe a file that is known to be an official one; errors as for `read`."""
    return describe(path, _words_of(official), task=official.task, expected=official.n_samples)


def describe(
    path: Path, words: Words, *, task: str | None = None, expected: Mapping[str, int] | None = None
) -> DatasetInfo:
    """Verify a file and describe it.

    Args:
        path: absolute.
        words: what people read of it.
        task: what its labels are for; None: what its columns say (`tfmed.tasks.task_for`).
        expected: images per split of an official file, whose MD5 vouches for every byte, so that
            its images need not be inflated.

    Raises:
        InputError: the file cannot be read, is damaged, or is not what the task needs.
    """
    md5 = md5_of(path)  # before reading, so that a change in between is noticed
    arrays = read_npz(path, headers_of=_IMAGE_KEYS, check=expected is None)
    task = task or task_for([arrays[f"{split}_labels"] for split in SPLITS])
    asked = task_of(task)
    verify_arrays(arrays, str(path), asked, expected)
    columns = {split: arrays[f"{split}_labels"] for split in SPLITS}
    n_labels = n_columns(columns["train"])
    class_names = words.class_names or asked.class_names(np.concatenate(list(columns.values())))
    asked.check_splits(columns, class_names, printable(path))
    return DatasetInfo(
        name=words.name,
        title=words.title,
        description=words.description,
        license=words.license,
        path=path,
        md5=md5,
        synthetic=words.synthetic,
        image_shape=image_shape(arrays["train_images"]),
        class_names=class_names,
        n_labels=n_labels,
        counts={
            split: class_counts(task, asked.labels_of(columns[split]), len(class_names))
            for split in SPLITS
        },
        task=task,
    )


def _words_of(official: medmnist.OfficialFile) -> Words:
    return Words(
        official.name,
        official.title,
        official.description,
        official.license,
        class_names=official.class_names,
    )


def _safe_name(stem: str, md5: str) -> str:
    """A name for file names: letters, digits, `-`, `_` and `.`, at most 64 of them."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:64]
    return safe or f"dataset-{md5[:8]}"
