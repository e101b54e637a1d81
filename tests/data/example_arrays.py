"""Small arrays in MedMNIST's format."""

import numpy as np


def good_arrays(columns=1, n=4, seed=0, channels=(), size=28):
    """`n` images a split; all but the first have the last label."""
    rng = np.random.default_rng(seed)
    out = {}
    for split in ("train", "val", "test"):
        out[f"{split}_images"] = rng.integers(0, 256, (n, size, size, *channels), np.uint8)
        out[f"{split}_labels"] = np.zeros((n, columns), np.uint8)
        out[f"{split}_labels"][1:, -1] = 1
    return out
