"""Latent spaces as pictures and numbers: PCA, t-SNE, separation of classes.

Embeddings are float arrays of shape (n, d), labels integers of shape (n,), 0 or 1. Every function
gives the same bytes for the same input on the same machine, and a finite number for any finite
embeddings: an encoder that died (all embeddings alike) is a result, not an error.
"""

from typing import Any

import numpy as np
from scipy.linalg import eigh

from tfmed.errors import InputError

_SILHOUETTE_POINTS = 5000
_EXACT_TSNE_POINTS = 10_000


def pca(embeddings: np.ndarray, n_components: int = 10) -> dict[str, np.ndarray]:
    """Principal components in float64, the largest loading of each one positive.

    An eigendecomposition of the covariance or, with fewer points than dimensions, of the Gram
    matrix; the same as `sklearn.decomposition.PCA` up to signs, and free of randomness.

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


def silhouette(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of the two classes (Rousseeuw 1987), Euclidean, from -1 to 1.

    Above 5,000 points it is that of 5,000 drawn class by class with a fixed seed. It is 0, the
    value of no separation, where there is nothing to compare: one class, or all points alike.

    Raises:
        InputError: the embeddings are not (n, d) of finite numbers, or the labels not (n,).
    """
    points, classes = points_and_labels(embeddings, labels)
    if len(points) > _SILHOUETTE_POINTS:
        chosen = stratified(classes, _SILHOUETTE_POINTS)
        points, classes = points[chosen], classes[chosen]
    if not 1 < len(np.unique(classes)) < len(points) or not points.any():
        return 0.0
    from sklearn.metrics import silhouette_score  # takes seconds to import

    return float(silhouette_score(points, classes))


def knn_accuracy(embeddings: np.ndarray, labels: np.ndarray, k: int = 10) -> float:
    """Leave-one-out accuracy of a k-nearest-neighbours vote among these points, Euclidean.

    The answers of `sklearn.neighbors.KNeighborsClassifier(k)`: a tied vote is answered 0. With n
    points at most n - 1 neighbours vote. One class gives 1, which says nothing of the encoder.

    Raises:
        InputError: fewer than 2 points, the embeddings are not (n, d) of finite numbers, or the
            labels not (n,).
    """
    points, classes = points_and_labels(embeddings, labels)
    nearest = neighbours(points, k)
    votes = classes[nearest].sum(axis=1)
    return float(np.mean((2 * votes > nearest.shape[1]) == classes))


def component_auc(coordinates: np.ndarray, labels: np.ndarray) -> list[float]:
    """AUC of each principal component alone, direction-free: max(AUC, 1 - AUC).

    Between .5 (no information, also where there is one class) and 1 (separates the classes).

    Args:
        coordinates: (n, k).
        labels: (n,) of 0 and 1.

    Raises:
        InputError: the coordinates are not (n, k) of finite numbers, or the labels not (n,).
    """
    points, classes = points_and_labels(coordinates, labels)
    if len(np.unique(classes)) < 2:
        return [0.5] * points.shape[1]
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    aucs = [float(roc_auc_score(classes, column)) for column in points.T]
    return [max(auc, 1 - auc) for auc in aucs]


def _checked(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings (n, d) as they are, or an InputError."""
    points = np.asarray(embeddings)
    if points.ndim != 2 or 0 in points.shape:
        raise InputError(f"embeddings have shape {points.shape}: give (n, d), flattened")
    if not np.isfinite(points).all():
        raise InputError("embeddings hold NaN or infinity: training diverged, lower its rate")
    return points


def points_and_labels(embeddings: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (n, d), centred in float64, and labels (n,) of equal n, or an InputError."""
    points, classes = centred(embeddings), np.asarray(labels)
    if classes.shape != points.shape[:1]:
        raise InputError(f"{len(points)} embeddings and labels of shape {classes.shape}: give (n,)")
    return points, classes.astype(np.int64)


def centred(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings minus their mean in float64; a column of one value becomes exactly 0."""
    points = _checked(embeddings).astype(np.float64)
    # From the first point, because a mean of equal numbers may differ from them in the last bit.
    points -= points[0]
    return points - points.mean(axis=0)


def stratified(classes: np.ndarray, n: int) -> np.ndarray:
    """Sorted indices of about n points, every class with its share and at least one."""
    rng = np.random.default_rng(0)
    chosen = []
    for value in np.unique(classes):
        members = np.flatnonzero(classes == value)
        count = max(round(n * len(members) / len(classes)), 1)
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


def neighbours(points: np.ndarray, k: int) -> np.ndarray:
    """Rows (n, k) of each point's nearest others; n - 1 of them where there are no more."""
    if len(points) < 2:
        raise InputError("1 embedding has no neighbours: give at least 2")
    from sklearn.neighbors import NearestNeighbors  # takes seconds to import

    # Equal distances are settled by position: in random order, position says nothing of the class.
    order = np.random.default_rng(0).permutation(len(points))
    search = NearestNeighbors(n_neighbors=min(k, len(points) - 1), algorithm="brute")
    # Without an argument kneighbors leaves each point out of its own neighbours.
    found = order[search.fit(points[order]).kneighbors(return_distance=False)]
    return found[np.argsort(order)]
