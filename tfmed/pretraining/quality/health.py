"""Whether embeddings still tell images apart: their spread, and the rank that they fill.

An encoder that answers (almost) every image alike has collapsed: contrastive methods do so where
their views are too weak.
"""

from typing import Any

import numpy as np

IMAGES = 2000
"""Training images that are looked at, at most."""


def health(embeddings: np.ndarray) -> dict[str, Any]:
    """How far embeddings are from being all alike.

    Args:
        embeddings: float, of shape (n, ...), one for each image; flattened to (n, d).

    Returns:
        `n` and `dimensions` (d); `spread`: the standard deviation of coordinates of embeddings of
        length 1, over all coordinates, times the square root of d (Chen & He 2021, Exploring simple
        siamese representation learning): 1 where they point everywhere alike, 0 where all are one;
        `effective_rank`: the exponential of the entropy of the singular values of the centred
        embeddings (Roy & Vetterli 2007, The effective rank), from 1 to the smaller of n and d, and
        0 where all are one.
    """
    flat = embeddings.reshape(len(embeddings), -1).astype(np.float64)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    unit = flat / np.where(lengths > 0, lengths, 1)
    values = np.linalg.svd(flat - flat.mean(axis=0), compute_uv=False)
    total = values.sum()
    rank = 0.0
    if total > 1e-12 * max(lengths.max(), 1e-300):
        shares = values[values > 0] / total
        rank = float(np.exp(-(shares * np.log(shares)).sum()))
    return {
        "n": len(flat),
        "dimensions": flat.shape[1],
        "spread": float(np.sqrt(unit.var(axis=0).sum())),
        "effective_rank": rank,
    }
