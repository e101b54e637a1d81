"""Latent spaces as pictures: PCA and t-SNE.

Embeddings are float arrays of shape (n, d). Every function gives the same bytes for the same input
on the same machine, and a finite number for any finite embeddings: an encoder that died (all
embeddings alike) is a result, not an error.
"""

from typing import Any

import numpy as np
from scipy.linalg import eigh

from tfmed.latent.points import centred

_EXACT_TSNE_POINTS = 10_000


def pca(embeddings: np.ndarray, n_components: int = 10) -> dict[str, np.ndarray]:
    """Principal components in float64, the largest loading of each one positive.

    An eigendecomposition of the covariance or, with fewer points than dimensions, of the Gram
    matrix; the same as `sklearn.decomposition.PCA` up to signs and rounding. Not that class: the
    solver that it chooses for few components of many dimensions is random and, where components
    are alike, far off; its exact ones take 3 to 25 times as long (600 points, 1,024 dimensions).

    Args:
        embeddings: (n, d).
        n_components: columns wanted; those beyond what n and d allow are 0.

    Returns:
        `coordinates` (n, n_components) and `explained_variance_ratio` (n_components,), zeros where
        all embeddings are alike.

    Raises:
        InputError: the embeddings are not (n, d) of finite numbers.
    """
    points = centred(embeddings)
    n, d = points.shape
    coordinates, ratio = np.zeros((n, n_components)), np.zeros(n_components)
    k = min(n_components, n - 1, d)
    if k < 1 or not points.any():
        return {"coordinates": coordinates, "explained_variance_ratio": ratio}
    small = points.T @ points if d <= n else points @ points.T
    variances, vectors = eigh(small, subset_by_index=[len(small) - k, len(small) - 1])
    variances, vectors = np.maximum(variances[::-1], 0), vectors[:, ::-1]
    loadings = vectors if d <= n else points.T @ vectors
    largest = loadings[np.abs(loadings).argmax(axis=0), np.arange(k)]
    projected = points @ vectors if d <= n else vectors * np.sqrt(variances)
    coordinates[:, :k] = projected * np.where(largest < 0, -1, 1)
    ratio[:k] = variances / np.square(points).sum()
    return {"coordinates": coordinates, "explained_variance_ratio": ratio}


def tsne(
    embeddings: np.ndarray,
    *,
    seed: int = 0,
    perplexity: float = 30,
    n_jobs: int = 1,
    n_iter: int = 375,
) -> dict[str, Any]:
    """t-SNE to two dimensions of the first 50 principal components, begun from the first two.

    van der Maaten & Hinton (2008) as done by openTSNE (Poličar et al. 2024), with the
    initialisation and learning rate of Kobak & Berens (2019). Up to 10,000 points: exact neighbours
    and Barnes-Hut; above: approximate neighbours and interpolation (FIt-SNE). These
    settings take half the time of openTSNE's defaults for less than 1 % more divergence.

    Args:
        embeddings: (n, d).
        seed: of the approximate neighbours.
        perplexity: lowered to (n - 1) / 3 for few points.
        n_jobs: threads; the same bytes on every call are promised for 1 only.
        n_iter: steps after early exaggeration.

    Returns:
        `coordinates` (n, 2), `perplexity` used, `kl_divergence` reached. Where there is nothing to
        lay out (fewer than 4 points, or all alike) the coordinates are those of the PCA.

    Raises:
        InputError: the embeddings are not (n, d) of finite numbers.
    """
    components = pca(embeddings, 50)["coordinates"]
    scale = np.abs(components).max()
    n = len(components)
    perplexity = float(min(perplexity, max((n - 1) / 3, 1)))
    if n < 4 or scale == 0:
        return {"coordinates": components[:, :2], "perplexity": perplexity, "kl_divergence": 0.0}
    from openTSNE import TSNE  # takes seconds to import

    many = n > _EXACT_TSNE_POINTS
    layout = TSNE(
        perplexity=perplexity,
        # Kobak & Berens: the first two components, small enough to be free to move.
        initialization=components[:, :2] / components[:, 0].std() * 1e-4,
        neighbors="annoy" if many else "exact",
        negative_gradient_method="fft" if many else "bh",
        theta=0.8,
        early_exaggeration_iter=125,
        n_iter=n_iter,
        n_jobs=n_jobs,
        random_state=seed,
    ).fit(components / scale)
    return {
        "coordinates": np.asarray(layout),
        "perplexity": perplexity,
        "kl_divergence": float(layout.kl_divergence),
    }
