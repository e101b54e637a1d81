"""Arrays of data sets that `tfmed.data.sources` has verified, whole or in chunks."""

import math
from collections.abc import Iterator

import numpy as np

from tfmed.data.dataset import SPLITS, DatasetInfo, Split
from tfmed.data.importers.npz_file import array_names, read_npz, stream_npz, subgroup_keys
from tfmed.data.integrity import changed, unchanged
from tfmed.errors import printable
from tfmed.tasks import task_of


def load(info: DatasetInfo) -> dict[str, Split]:
    """All splits of a resolved data set; errors as for `load_split`."""
    return {split: load_split(info, split) for split in SPLITS}


def load_split(info: DatasetInfo, split: str) -> Split:
    """One split of a resolved data set; the arrays of the others are not read.

    Args:
        info: what `resolve` returned.
        split: `train`, `val` or `test`.

    Returns:
        Images uint8 of shape (n, height, width, channels), and the labels of `info.task`.

    Raises:
        InputError: the file is gone, cannot be read any more or holds another data set.
        KeyError: `split` is none of the three.
    """
    if split not in SPLITS:
        raise KeyError(split)
    with unchanged(info):
        images, columns = read_npz(info.path, (f"{split}_images", f"{split}_labels")).values()
    n_images = info.n_images(split)
    shape = (n_images, *info.image_shape)
    if images.size != math.prod(shape) or images.dtype != np.uint8 or len(columns) != n_images:
        raise changed(info.path)
    return Split(images.reshape(shape), task_of(info.task).labels_of(columns))


def load_labels(info: DatasetInfo, split: str) -> np.ndarray:
    """Labels of one split, as of `load_split`; errors as there."""
    return task_of(info.task).labels_of(load_columns(info, split))


def load_columns(info: DatasetInfo, split: str) -> np.ndarray:
    """Label columns of one split as the file holds them; errors as for `load_split`."""
    key = f"{split}_labels"
    with unchanged(info):
        return read_npz(info.path, (key,))[key]


def load_patients(info: DatasetInfo, split: str) -> np.ndarray | None:
    """Patients of one split's images as numbers (n,) from 0, in the order in which they appear.

    What the file calls them, which may tell who they are, goes no further. None where the file
    does not say. Errors as for `load_split`.
    """
    key = f"{split}_patients"
    with unchanged(info):
        names = read_npz(info.path, (), optional=(key,)).get(key)
    if names is None:
        return None
    if names.shape != (info.n_images(split),):
        raise changed(info.path)
    _, first, numbers = np.unique(names, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[numbers]


def load_patients_of_splits(info: DatasetInfo) -> dict[str, np.ndarray]:
    """Patients of each split's images as numbers (n,) that are alike in all splits.

    Empty where the file does not say. Errors as for `load_split`.
    """
    keys = {f"{split}_patients": split for split in SPLITS}
    with unchanged(info):
        read = read_npz(info.path, (), optional=tuple(keys))
    numbers: dict[int | str, int] = {}
    found = {}
    for key, names in read.items():
        if names.shape != (info.n_images(keys[key]),):
            raise changed(info.path)
        found[keys[key]] = np.array([numbers.setdefault(n, len(numbers)) for n in names.tolist()])
    return found


def load_subgroups(info: DatasetInfo, split: str) -> dict[str, np.ndarray]:
    """Columns that say of which group each image of a split is, (n,) each, by their names.

    They are the arrays `{split}_group_{column}`. Empty where the file has none. Errors as for
    `load_split`.
    """
    with unchanged(info):
        keys = subgroup_keys(array_names(info.path))
        columns = {key: column for key, (of, column) in keys.items() if of == split}
        read = read_npz(info.path, (), optional=tuple(columns))
    if any(values.shape != (info.n_images(split),) for values in read.values()):
        raise changed(info.path)
    return {printable(columns[key]): values for key, values in read.items()}


def load_rows(info: DatasetInfo, split: str, rows: np.ndarray) -> Split:
    """Some examples of one split, in ascending order of their rows; errors as for `load_split`.

    Of a data set that does not fit in memory, no more is held than these and two chunks.
    """
    rows = np.sort(rows)
    if info.fits_in_memory:
        found = load_split(info, split)
        return Split(found.images[rows], found.labels[rows])
    images, start = [], 0
    for chunk in stream_split(info, split):
        inside = rows[(rows >= start) & (rows < start + len(chunk))]
        images.append(chunk[inside - start])
        start += len(chunk)
    return Split(np.concatenate(images), load_labels(info, split)[rows])


def stream_split(info: DatasetInfo, split: str) -> Iterator[np.ndarray]:
    """Images of one split in consecutive chunks, uint8 of shape (k, height, width, channels).

    One chunk where the data set fits in memory, else chunks of 8 MiB. Errors as for `load_split`.
    """
    if info.fits_in_memory:
        yield load_split(info, split).images
        return
    with unchanged(info):
        for chunk in stream_npz(info.path, f"{split}_images"):
            yield chunk.reshape(-1, *info.image_shape)
