"""How far the classes lie apart in a latent space, and how sure that is.

Permutation tests and 95 % intervals over points. Embeddings are float arrays of shape (n, d),
labels integers of shape (n,), 0 to k - 1. Every function gives the same values for the same input
on the same machine, and a finite number for any finite embeddings. Patients, where they are known,
are numbers of shape (n,): what is drawn, or put in random order, then is a patient with all its
points.
"""

from typing import Any

import numpy as np
from scipy.stats import rankdata

from tfmed.errors import InputError
from tfmed.evaluation.metrics import compare
from tfmed.latent.points import neighbours, points_and_labels, stratified

_SILHOUETTE_POINTS = 5000
_PERMUTATION_POINTS = 2000
_BOOTSTRAP_DRAWS = 2000


def silhouette(embeddings: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of the classes (Rousseeuw 1987), Euclidean, from -1 to 1.

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

    The answers of `sklearn.neighbors.KNeighborsClassifier(k)`: a tied vote is answered by
    the lower label. With n
    points at most n - 1 neighbours vote. One class gives 1, which says nothing of the encoder.

    Raises:
        InputError: fewer than 2 points, the embeddings are not (n, d) of finite numbers, or the
            labels not (n,).
    """
    points, classes = points_and_labels(embeddings, labels)
    nearest = neighbours(points, k)
    votes = (classes[nearest][:, :, None] == np.arange(classes.max() + 1)).sum(axis=1)
    return float(np.mean(votes.argmax(axis=1) == classes))


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


def permutation_test(
    embeddings: np.ndarray,
    labels: np.ndarray,
    patients: np.ndarray | None = None,
    *,
    permutations: int = 1000,
    k: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """Do the classes lie apart more than classes drawn at random among the same points?

    Silhouette and leave-one-out accuracy of the k nearest neighbours, as above,
    against those of the labels in random order (Good 2005). Distances and neighbours are found
    once. Above 2,000 points all is that of 2,000 drawn class by class with a fixed seed. Where
    patients are known, those of equally many points exchange all their labels (exchangeable blocks:
    Winkler et al. 2015).

    Args:
        embeddings: (n, d).
        labels: (n,), 0 to k - 1.
        patients: (n,) numbers; None where they are not known.
        permutations: random orders of the labels, B.
        k: neighbours.
        seed: of the random orders.

    Returns:
        `n` points used, `permutations`, and for `silhouette` and `knn_accuracy` the `value`,
        `null_high` (97.5th percentile of the random orders) and one-sided `p_value`
        (1 + orders that reach the value) / (1 + B): 1 where there is one class or nothing differs.

    Raises:
        InputError: fewer than 2 points, the embeddings are not (n, d) of finite numbers, or the
            labels not (n,).
    """
    points, classes = points_and_labels(embeddings, labels)
    if len(points) > _PERMUTATION_POINTS:
        chosen = stratified(classes, _PERMUTATION_POINTS)
        points, classes = points[chosen], classes[chosen]
        patients = None if patients is None else patients[chosen]
    if classes.max() > 1:
        orders = _orders(classes, patients, permutations, seed)
        return _permuted_classes(points, orders, k)
    orders = _orders(classes == 1, patients, permutations, seed)
    positive = np.ascontiguousarray(orders.T)
    nearest = neighbours(points, k)
    votes = np.zeros(positive.shape, np.int16)
    for column in nearest.T:
        votes += positive[column]
    accuracies = np.mean((2 * votes > nearest.shape[1]) == positive, axis=0)
    return {
        "n": len(points),
        "permutations": permutations,
        "silhouette": _against_null(_silhouettes(points, positive)),
        "knn_accuracy": _against_null(accuracies),
    }


def _orders(
    classes: np.ndarray, patients: np.ndarray | None, permutations: int, seed: int
) -> np.ndarray:
    """The classes (n,) and below them random orders of them, (1 + permutations, n)."""
    orders, rng = np.tile(classes, (permutations + 1, 1)), np.random.default_rng(seed)
    if patients is None:
        rng.permuted(orders[1:], axis=1, out=orders[1:])
        return orders
    by_patient = np.argsort(patients, kind="stable")
    _, starts, sizes = np.unique(patients[by_patient], return_index=True, return_counts=True)
    for size in np.unique(sizes):
        # The rows of the points of each patient that has so many.
        rows = by_patient[starts[sizes == size][:, None] + np.arange(size)]
        taken = np.tile(np.arange(len(rows)), (permutations, 1))
        taken = rng.permuted(taken, axis=1)
        orders[1:, rows] = classes[rows][taken]
    return orders


def _permuted_classes(points: np.ndarray, orders: np.ndarray, k: int) -> dict[str, Any]:
    """`permutation_test` of more than two classes, by `_orders` of them."""
    permutations, n_classes = len(orders) - 1, int(orders[0].max()) + 1
    nearest = neighbours(points, k)
    accuracies = []
    for order in orders:
        votes = (order[nearest][:, :, None] == np.arange(n_classes)).sum(axis=1)
        accuracies.append(np.mean(votes.argmax(axis=1) == order))
    return {
        "n": len(points),
        "permutations": permutations,
        "silhouette": _against_null(_silhouettes_of_classes(points, orders, n_classes)),
        "knn_accuracy": _against_null(np.array(accuracies)),
    }


def _silhouettes_of_classes(points: np.ndarray, orders: np.ndarray, n_classes: int) -> np.ndarray:
    """Silhouettes (m,) of m ways, rows of `orders` (m, n), to give the points to classes."""
    if len(points) <= n_classes or not points.any():
        return np.zeros(len(orders))
    from sklearn.metrics import pairwise_distances  # takes seconds to import

    distances, rows = pairwise_distances(points), np.arange(len(points))
    counts = np.bincount(orders[0], minlength=n_classes)
    found = []
    for order in orders:
        sums = distances @ (order[:, None] == np.arange(n_classes)).astype(np.float64)
        outside = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
        outside[rows, order] = np.inf
        inside = sums[rows, order] / np.maximum(counts[order] - 1, 1)
        nearest = outside.min(axis=1)
        larger = np.maximum(inside, nearest)
        valid = (larger > 0) & (counts[order] > 1)
        shares = np.divide(nearest - inside, larger, out=np.zeros_like(inside), where=valid)
        found.append(shares.mean())
    return np.array(found)


def component_difference(
    coordinates: np.ndarray, labels: np.ndarray, patients: np.ndarray | None = None
) -> dict[str, float | None]:
    """How much better the first component tells the classes apart than the second.

    A component's strength is |AUC - .5|. The interval is DeLong's (1988) of two AUCs on the same
    cases, each component turned to the side on which its AUC is above .5; it takes the components
    as given and does not know that they were fitted to these points.

    Args:
        coordinates: (n, k), k at least 2.
        labels: (n,) of 0 and 1.
        patients: (n,) numbers; None where they are not known.

    Returns:
        `first` and `second` (0 to .5), `difference` first minus second, and its `low` and `high`
        (None with one class, where the others are 0).

    Raises:
        InputError: fewer than two components, not finite numbers, or the labels not (n,).
    """
    points, classes = points_and_labels(coordinates, labels)
    if points.shape[1] < 2:
        raise InputError("1 component has no second one to compare with: give at least 2")
    aucs = [0.5, 0.5]
    compared = None
    if len(np.unique(classes)) == 2:
        from sklearn.metrics import roc_auc_score  # takes seconds to import

        # AUC knows ranks only, and ranks are scores within [0, 1].
        scores = [rankdata(column) / len(points) for column in points[:, :2].T]
        flipped = [roc_auc_score(classes, score) < 0.5 for score in scores]
        scores = [1 - s if f else s for s, f in zip(scores, flipped, strict=True)]
        aucs = [float(roc_auc_score(classes, score)) for score in scores]
        compared = compare(classes, scores[0], scores[1], "auc", task="binary", patients=patients)
    return {
        "first": aucs[0] - 0.5,
        "second": aucs[1] - 0.5,
        "difference": aucs[0] - aucs[1],
        "low": compared["low"] if compared else None,
        "high": compared["high"] if compared else None,
    }


def two_clusters(
    layout: np.ndarray, labels: np.ndarray, patients: np.ndarray | None = None
) -> dict[str, Any]:
    """Do the points of a map fall into two heaps, and are the heaps the classes?

    2-means (scikit-learn, best of 10 starts with a fixed seed) splits the map without labels. It
    splits anything: one round heap cut in two has a silhouette of .31 (Gaussian) to .35 (uniform),
    so that only a larger one speaks for two.

    Args:
        layout: (n, 2), such as a t-SNE map.
        labels: (n,) of 0 and 1.
        patients: (n,) numbers; None where they are not known.

    Returns:
        `adjusted_rand`: `value` (Hubert & Arabie 1985; 1 is the classes, 0 chance), `low` and
        `high` (95 %, percentiles of 2,000 bootstrap draws of the points, or patients, the split
        held fixed); `silhouette` of the split; `sizes` of the heaps, larger first. Where all points
        are alike there is one heap, and the others are 0.

    Raises:
        InputError: the layout is not (n, 2) of finite numbers, or the labels not (n,).
    """
    points, classes = points_and_labels(layout, labels)
    n = len(points)
    if not points.any():
        nothing = {"value": 0.0, "low": 0.0, "high": 0.0}
        return {"adjusted_rand": nothing, "silhouette": 0.0, "sizes": [n, 0]}
    from sklearn.cluster import KMeans  # takes seconds to import

    clusters = KMeans(2, n_init=10, random_state=0).fit_predict(points)
    places = 2 * (classes == 1) + clusters
    counts, rng = np.bincount(places, minlength=4), np.random.default_rng(0)
    if patients is None:
        draws = rng.multinomial(n, counts / n, _BOOTSTRAP_DRAWS)
    else:
        names, whose = np.unique(patients, return_inverse=True)
        of_patients = np.bincount(4 * whose + places, minlength=4 * len(names)).reshape(-1, 4)
        taken = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), _BOOTSTRAP_DRAWS)
        draws = taken @ of_patients
    low, high = np.percentile(_adjusted_rand(draws), [2.5, 97.5])
    return {
        "adjusted_rand": {
            "value": float(_adjusted_rand(counts[None])[0]),
            "low": float(low),
            "high": float(high),
        },
        "silhouette": silhouette(points, clusters),
        "sizes": sorted(np.bincount(clusters, minlength=2).tolist(), reverse=True),
    }


def _silhouettes(points: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Silhouettes (m,) of m ways, columns of `positive` (n, m), to split the points in two."""
    counts = positive[:, 0].sum(), (~positive[:, 0]).sum()
    if min(counts) == 0 or len(points) < 3 or not points.any():
        return np.zeros(positive.shape[1])
    from sklearn.metrics import pairwise_distances  # takes seconds to import

    distances = pairwise_distances(points)
    to_positive = distances @ positive.astype(np.float64)
    to_negative = distances.sum(axis=1, keepdims=True) - to_positive
    own = np.where(positive, to_positive, to_negative)
    other = np.where(positive, to_negative, to_positive)
    own_count = np.where(positive, *counts)
    inside = own / np.maximum(own_count - 1, 1)
    outside = other / (len(points) - own_count)
    larger = np.maximum(inside, outside)
    # A point alone in its class has no silhouette; Rousseeuw calls it 0.
    valid = (larger > 0) & (own_count > 1)
    shares = np.divide(outside - inside, larger, out=np.zeros_like(inside), where=valid)
    return shares.mean(axis=0)


def _against_null(values: np.ndarray) -> dict[str, float]:
    """The first value against the others, which are those of random labels."""
    value, null = values[0], values[1:]
    # The same split summed in another order may differ in the last bits.
    reached = int(np.count_nonzero(null >= value - 1e-12))
    return {
        "value": float(value),
        "null_high": float(np.percentile(null, 97.5)),
        "p_value": (1 + reached) / (1 + len(null)),
    }


def _adjusted_rand(counts: np.ndarray) -> np.ndarray:
    """Adjusted Rand index (m,) of m 2 × 2 tables of counts (m, 4); 1 for two trivial splits."""
    tables = counts.reshape(-1, 2, 2).astype(np.float64)

    def pairs(sizes: np.ndarray) -> np.ndarray:
        return (sizes * (sizes - 1) / 2).reshape(len(tables), -1).sum(axis=1)

    together, rows, columns = pairs(tables), pairs(tables.sum(axis=2)), pairs(tables.sum(axis=1))
    chance = rows * columns / np.maximum(pairs(tables.sum(axis=(1, 2))), 1)
    largest = (rows + columns) / 2 - chance
    return np.divide(together - chance, largest, out=np.ones_like(chance), where=largest > 0)
