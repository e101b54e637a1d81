"""Points of latent spaces: checked, centred, drawn from and searched for neighbours.

Embeddings are float arrays of shape (n, d), labels integers of shape (n,), 0 or 1.
"""

import numpy as np

from tfmed.errors import InputError


def checked(embeddings: np.ndarray) -> np.ndarray:
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
    points = checked(embeddings).astype(np.float64)
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
