"""How alike two latent spaces of the same images are, and how sure that is.

Embeddings are float arrays of shape (n, d). The same input gives the same values on the same
machine.
"""

from itertools import pairwise

import numpy as np
from scipy.special import stdtrit

from tfmed.errors import InputError
from tfmed.latent.points import centred

_JACKKNIFE_GROUPS = 20
_FEWEST = 4  # points of which unbiased HSIC is defined


def cka_interval(
    a: np.ndarray, b: np.ndarray, patients: np.ndarray | None = None, *, seed: int = 0
) -> dict[str, float]:
    """Debiased linear CKA of two embeddings of the same points, with a 95 % interval over points.

    With about as many dimensions as points linear CKA (Kornblith et al. 2019) finds likeness in
    noise (624 points of two independent spaces of 1,024 dimensions: .6). Here each of its three
    terms is the unbiased estimator of Song et al. (2012), as in Nguyen et al. (2021); unrelated
    spaces average 0 and may fall just below it. The interval is that of a jackknife over 20 groups
    of points (t with 19 degrees of freedom), cheap because sums over a group can be taken off the
    whole. A patient's points, where patients are known, are in one group, unless that leaves fewer
    than 4 others.

    Args:
        a: (n, d1), n at least 5.
        b: (n, d2), row i of the same point as row i of `a`.
        patients: (n,) numbers of the points' patients; None where they are not known.
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
    order, edges = _drawn_groups(len(a), patients, np.random.default_rng(seed))
    x, y = _unit_spread(a)[order], _unit_spread(b)[order]
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


def _drawn_groups(
    n: int, patients: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A random order of n points, and the edges of the jackknife's groups in it."""
    if patients is not None:
        names, whose = np.unique(patients, return_inverse=True)
        place = rng.permutation(len(names))[whose]
        ends = np.append(0, np.cumsum(np.bincount(place)))
        groups = np.linspace(0, len(names), min(_JACKKNIFE_GROUPS, len(names)) + 1).astype(int)
        if n - np.diff(ends[groups]).max() >= _FEWEST:
            return np.argsort(place, kind="stable"), ends[groups]
    return rng.permutation(n), np.linspace(0, n, min(_JACKKNIFE_GROUPS, n) + 1).astype(int)


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
