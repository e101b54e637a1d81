"""How far the class balance of a split is from that of train, and whether chance explains it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfmed.data.dataset import DatasetInfo

_DRAWS = 9999
_SMALLEST_EXPECTED = 5.0
"""Images of a class below which chi-squared's distribution is not that of the statistic."""


@dataclass(frozen=True)
class Shift:
    """Class balance of one split against that of train.

    Attributes:
        split: `val` or `test`.
        distance: of classes that exclude each other the total variation distance, which is the
            share of the split's images that would have to be of another class for it to have
            train's balance; of several findings the largest difference between their shares.
            From 0 to 1.
        p: that images drawn from one population differ as much or more, as if images were
            independent; None where every image is of one class.
    """

    split: str
    distance: float
    p: float | None


def shifts(info: DatasetInfo) -> tuple[Shift, ...]:
    """Of val and test against train; none where there are no labels.

    The p-value is that of the chi-squared test of homogeneity (Pearson), by 9,999 random draws
    where a class has few images; of several findings the smallest, times their number.
    """
    if not info.class_names:
        return ()
    return tuple(_shift(info, split) for split in ("val", "test"))


def _shift(info: DatasetInfo, split: str) -> Shift:
    names = ("train", split)
    counts = np.array([info.counts[each] for each in names], float)
    n = np.array([info.n_images(each) for each in names], float)
    differences = np.abs(np.diff(counts / n[:, None], axis=0)[0])
    if np.array_equal(counts.sum(axis=1), n):
        return Shift(split, float(differences.sum() / 2), p_of_homogeneity(counts))
    found = [p_of_homogeneity(np.stack([column, n - column], 1)) for column in counts.T]
    known = [p for p in found if p is not None]
    p = min(1.0, min(known) * len(known)) if known else None
    return Shift(split, float(differences.max()), p)


def p_of_homogeneity(counts: Sequence[Sequence[float]] | np.ndarray) -> float | None:
    """Chi-squared test of whether two rows of counts are drawn from one population.

    Args:
        counts: shape (2, classes), not negative.

    Returns:
        The p-value; None where all is of one class.
    """
    from scipy.stats import chi2

    table = np.asarray(counts, float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return None
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    found = ((table - expected) ** 2 / expected).sum()
    if expected.min() >= _SMALLEST_EXPECTED:
        return float(chi2.sf(found, table.shape[1] - 1))
    both, smaller = table.sum(axis=0).astype(int), table.sum(axis=1).argmin()
    drawn = np.random.default_rng(0).multivariate_hypergeometric(
        both, int(table[smaller].sum()), _DRAWS, method="marginals"
    )
    first, second = expected[smaller], expected[1 - smaller]
    off = (drawn - first) ** 2
    as_far = (off / first + off / second).sum(axis=1) >= found * (1 - 1e-9)
    return float((1 + as_far.sum()) / (1 + _DRAWS))
