"""Arrays of data sets that `tfmed.data.sources` has verified, whole or in chunks.

A file may be replaced while a study runs. Jobs are kept under the MD5 that was verified, so every
reading sees that the file is still that one.
"""

import contextlib
import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfmed.data import SPLITS, DatasetInfo, Split
from tfmed.data.download import file_md5
from tfmed.data.verify import binary_labels, read_npz, stream_npz
from tfmed.errors import InputError, printable


def load(info: DatasetInfo) -> dict[str, Split]:
    """All splits of a resolved data set; errors as for `load_split`."""
    return {split: load_split(info, split) for split in SPLITS}


def load_split(info: DatasetInfo, split: str) -> Split:
    """One split of a resolved data set; the arrays of the others are not read.

    Args:
        info: what `resolve` returned.
        split: `train`, `val` or `test`.

    Returns:
        Images uint8 of shape (n, height, width, channels), binary labels uint8 of shape (n,).

    Raises:
        InputError: the file is gone, cannot be read any more or holds another data set.
        KeyError: `split` is none of the three.
    """
    if split not in SPLITS:
        raise KeyError(split)
    with unchanged(info):
        images, labels = read_npz(info.path, (f"{split}_images", f"{split}_labels")).values()
    n_images = sum(info.counts[split])
    shape = (n_images, *info.image_shape)
    if images.size != math.prod(shape) or images.dtype != np.uint8 or len(labels) != n_images:
        raise _changed(info.path)
    return Split(images.reshape(shape), binary_labels(labels))


def load_labels(info: DatasetInfo, split: str) -> np.ndarray:
    """Binary labels of one split, uint8 of shape (n,); errors as for `load_split`."""
    key = f"{split}_labels"
    with unchanged(info):
        return binary_labels(read_npz(info.path, (key,))[key])


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


@contextlib.contextmanager
def unchanged(info: DatasetInfo) -> Iterator[None]:
    """Sees that a file is the verified one before it is read, and that it still is afterwards.

    Raises:
        InputError: it is not, or is gone.
    """
    stamp = _stamp(info.path)
    if _md5_at(info.path, stamp) != info.md5:
        raise _changed(info.path)
    yield
    if _stamp(info.path) != stamp:
        raise _changed(info.path)


def md5_of(path: Path) -> str:
    """MD5 of a file; a process takes it once, until the file is replaced or written to.

    Raises:
        InputError: the file can't be read.
    """
    return _md5_at(path, _stamp(path))


def _changed(path: Path) -> InputError:
    return InputError(f"{printable(path)} changed after it was verified: start again")


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is replaced or written to."""
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(
            f"{printable(path)} can't be read any more ({error.strerror}): start again"
        ) from None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@functools.lru_cache(16)
def _md5_at(path: Path, stamp: tuple[int, ...]) -> str:
    return file_md5(path)
