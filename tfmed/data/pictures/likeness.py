"""Images that are nearly equal, by their difference hashes.

The hash (N. Krawetz, "Kind of Like That", 2013) says for each pixel of a tiny picture whether the
one to its right is brighter. Here it has 16 × 16 bits: 8 × 8 are often equal by chance.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

SIDE = 16
NEAR = 6
"""Bits of 256 that may differ between two images that are nearly equal."""
_ROWS = 128


def difference_hash(image: np.ndarray) -> np.ndarray:
    """Hash of one image.

    Args:
        image: uint8 of shape (height, width, channels), channels 1 or 3.

    Returns:
        uint64 of shape (4,).
    """
    grey = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("L")
    small = np.asarray(grey.resize((SIDE + 1, SIDE), Image.Resampling.BILINEAR), np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1]).view(np.uint64)


def difference_hashes(images: Iterable[np.ndarray]) -> np.ndarray:
    """Hashes of images, uint64 of shape (n, 4)."""
    return np.array([difference_hash(image) for image in images], np.uint64).reshape(-1, 4)


def near(hashes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each hash is near one of the others.

    A hash with fewer than 16 bits set, or all but 16, is of an image that shows next to nothing,
    and near to none.

    Args:
        hashes: uint64 of shape (n, 4).
        others: uint64 of shape (m, 4).

    Returns:
        bool of shape (n,).
    """
    found = np.zeros(len(hashes), bool)
    others = others[_telling(others)]
    if not len(others):
        return found
    # Folding two hashes never sets them further apart, so what is far when folded is far.
    folded, folded_others = (np.bitwise_xor.reduce(each, axis=1) for each in (hashes, others))
    for start in range(0, len(hashes), _ROWS):
        some = slice(start, start + _ROWS)
        apart = np.bitwise_count(folded[some, None] ^ folded_others[None, :])
        rows, columns = np.nonzero(apart <= NEAR)
        rows += start
        bits = np.bitwise_count(hashes[rows] ^ others[columns]).sum(axis=1, dtype=np.uint16)
        found[rows[bits <= NEAR]] = True
    return found & _telling(hashes)


def _telling(hashes: np.ndarray) -> np.ndarray:
    n_set = np.bitwise_count(hashes).sum(axis=1, dtype=int)
    return (n_set >= SIDE) & (n_set <= SIDE * SIDE - SIDE)
