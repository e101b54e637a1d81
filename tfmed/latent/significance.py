"""How sure the numbers of a latent space are: permutation tests and 95 % intervals over points.

Embeddings are float arrays of shape (n, d), labels integers of shape (n,), 0 or 1. Every function
gives the same values for the same input on the same machine, and JSON values.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import stdtrit
from scipy.stats import rankdata

from tfmed.errors import InputError
from tfmed.evaluation.metrics import compare
from tfmed.latent.projections import centred, neighbours, points_and_labels, silhouette, stratified

_PERMUTATION_POINTS = 2000
_JACKKNIFE_GROUPS = 20
_BOOTSTRAP_DRAWS = 2000


def permutation_test(
    embeddings: np.ndarray,
    labels: np.ndarray,
    *,
    permutations: int = 1000,
    k: int = 10,
    seed: int = 0,
) -> dict[str, Any]:
    """Do the classes lie apart more than classes drawn at random among the same points?

    Silhouette and leave-one-out accuracy of the k nearest neighbours, both as in
    `tfmed.latent.projections`,
    against those of the labels in random order (Good 2005). Distances and neighbours are found
    once. Above 2,000 points all is that of 2,000 drawn class by class with a fixed seed.

    Args:
        embeddings: (n, d).
        labels: (n,) of 0 and 1.
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
    orders = np.tile(classes == 1, (permutations + 1, 1))
    np.random.default_rng(seed).permuted(orders[1:], axis=1, out=orders[1:])
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


def component_difference(coordinates: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """How much better the first component tells the classes apart than the second.

    A component's strength is |AUC - .5|. The interval is DeLong's (1988) of two AUCs on the same
    cases, each component turned to the side on which its AUC is above .5; it takes the components
    as given and does not know that they were fitted to these points.

    Args:
        coordinates: (n, k), k at least 2.
        labels: (n,) of 0 and 1.

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
        compared = compare(classes, scores[0], scores[1], "auc")
    return {
        "first": aucs[0] - 0.5,
        "second": aucs[1] - 0.5,
        "difference": aucs[0] - aucs[1],
        "low": compared["low"] if compared else None,
        "high": compared["high"] if compared else None,
    }


def cka_interval(a: np.ndarray, b: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """Debiased linear CKA of two embeddings of the same points, with a 95 % interval over points.

    With about as many dimensions as points linear CKA (Kornblith et al. 2019) finds likeness in
    noise (624 points of two independent spaces of 1,024 dimensions: .6). Here each of its three
    terms is the unbiased estimator of Song et al. (2012), as in Nguyen et al. (2021); unrelated
    spaces average 0 and may fall just below it. The interval is that of a jackknife over 20 groups
    of points (t with 19 degrees of freedom), cheap because sums over a group can be taken off the
    whole.

    Args:
        a: (n, d1), n at least 5.
        b: (n, d2), row i of the same point as row i of `a`.
        seed: of the groups.

    Returns:
        `value`, `low`, `high`, at most 1; all 0 where a space has no spread beyond chance.

    Raises:
        InputError: not the same n, fewer than 5, or not finite numbers.
    """
    if len(a) != len(b):
        raise InputError(f"{len(a)} embeddings against {len(b)}: compare spaces of the same images")
    if len(a) < 5:
        raise InputError(f"{len(a)} embeddings are too few for debiased CKA: give at least 5")
    order = np.random.default_rng(seed).permutation(len(a))
    x, y = _unit_spread(a)[order], _unit_spread(b)[order]
    edges = np.linspace(0, len(x), min(_JACKKNIFE_GROUPS, len(x)) + 1).astype(int)
    groups = [slice(start, stop) for start, stop in pairwise(edges)]
    kept = np.ones((len(x), 1 + len(groups)))
    for i, group in enumerate(groups, 1):
        kept[group, i] = 0
    rows_x, rows_y = _row_sums(x, kept), _row_sums(y, kept)
    own = np.maximum(_hsic(_pair_sums(x, x, groups), rows_x, rows_x, kept), 0)
    own *= np.maximum(_hsic(_pair_sums(y, y, groups), rows_y, rows_y, kept), 0)
    shared = _hsic(_pair_sums(x, y, groups), rows_x, rows_y, kept)
    ckas = np.divide(shared, np.sqrt(own), out=np.zeros_like(own), where=own > 0)
    value, without = float(np.clip(ckas[0], -1, 1)), ckas[1:]
    variance = (len(groups) - 1) * without.var()
    half_width = float(stdtrit(len(groups) - 1, 0.975) * np.sqrt(variance))
    return {"value": value, "low": max(value - half_width, -1), "high": min(value + half_width, 1)}


def two_clusters(layout: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Do the points of a map fall into two heaps, and are the heaps the classes?

    2-means (scikit-learn, best of 10 starts with a fixed seed) splits the map without labels. It
    splits anything: one round heap cut in two has a silhouette of .31 (Gaussian) to .35 (uniform),
    so that only a larger one speaks for two.

    Args:
        layout: (n, 2), such as a t-SNE map.
        labels: (n,) of 0 and 1.

    Returns:
        `adjusted_rand`: `value` (Hubert & Arabie 1985; 1 is the classes, 0 chance), `low` and
        `high` (95 %, percentiles of 2,000 bootstrap draws of the points, the split held fixed);
        `silhouette` of the split; `sizes` of the heaps, larger first. Where all points are alike
        there is one heap, and the others are 0.

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
    counts = np.bincount(2 * (classes == 1) + clusters, minlength=4)
    draws = np.random.default_rng(0).multinomial(n, counts / n, _BOOTSTRAP_DRAWS)
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


def _unit_spread(embeddings: np.ndarray) -> np.ndarray:
    """Centred embeddings in float32, their root mean square 1: no scale can overflow then."""
    points = centred(embeddings)
    points /= np.abs(points).max() or 1
    small = points.astype(np.float32)
    return small / (np.sqrt(np.square(small).mean()) or np.float32(1))


def _row_sums(x: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row sums of x's kernel matrix without its diagonal, over kept points, and the diagonal.

    Args:
        x: (n, d).
        kept: (n, m) of 1 where a point is kept and 0 elsewhere, m ways to leave points out.

    Returns:
        (n, m), 0 for points left out, and (n,).
    """
    diagonal = np.einsum("ij,ij->i", x, x).astype(np.float64)
    return (x @ (x.T @ kept.astype(x.dtype)) - diagonal[:, None]) * kept, diagonal


def _hsic(
    pairs: np.ndarray,
    rows_x: tuple[np.ndarray, np.ndarray],
    rows_y: tuple[np.ndarray, np.ndarray],
    kept: np.ndarray,
) -> np.ndarray:
    """Unbiased HSIC (m,) of linear kernels for m ways to leave points out.

    Song et al. (2012), equation 5, from `_pair_sums` (m,), which still hold the diagonals, and
    `_row_sums` of both spaces.
    """
    (sums_x, diagonal_x), (sums_y, diagonal_y) = rows_x, rows_y
    n = kept.sum(axis=0)
    trace = pairs - (diagonal_x * diagonal_y) @ kept
    totals = sums_x.sum(axis=0) * sums_y.sum(axis=0) / ((n - 1) * (n - 2))
    crossed = 2 * np.einsum("ij,ij->j", sums_x, sums_y) / (n - 2)
    return (trace + totals - crossed) / (n * (n - 3))


def _pair_sums(x: np.ndarray, y: np.ndarray, groups: list[slice]) -> np.ndarray:
    """Sums (1 + groups,) of (x_i · x_j)(y_i · y_j) over all i and j, and without each group.

    Over points or over features, whichever is fewer.
    """
    if len(x) < max(x.shape[1], y.shape[1]):
        products = (x @ x.T) * (y @ y.T)
        with_all = [products[group].sum() for group in groups]
        within = [products[group, group].sum() for group in groups]
    else:
        crosses = [x[group].T @ y[group] for group in groups]
        total = np.sum(crosses, axis=0)
        with_all = [np.vdot(cross, total) for cross in crosses]
        within = [np.vdot(cross, cross) for cross in crosses]
    everything = np.sum(with_all, dtype=np.float64)
    # A group's pairs with all count twice, as i and as j, and those within it once too often.
    lost = 2 * np.array(with_all, np.float64) - np.array(within, np.float64)
    return everything - np.append(0, lost)


def _adjusted_rand(counts: np.ndarray) -> np.ndarray:
    """Adjusted Rand index (m,) of m 2 × 2 tables of counts (m, 4); 1 for two trivial splits."""
    tables = counts.reshape(-1, 2, 2).astype(np.float64)

    def pairs(sizes: np.ndarray) -> np.ndarray:
        return (sizes * (sizes - 1) / 2).reshape(len(tables), -1).sum(axis=1)

    together, rows, columns = pairs(tables), pairs(tables.sum(axis=2)), pairs(tables.sum(axis=1))
    chance = rows * columns / np.maximum(pairs(tables.sum(axis=(1, 2))), 1)
    largest = (rows + columns) / 2 - chance
    return np.divide(together - chance, largest, out=np.ones_like(chance), where=largest > 0)
