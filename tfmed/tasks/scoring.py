"""Per-case values of what scores of one class against the rest are measured by.

Every metric of `n` cases is a sum of means over groups of cases (all of them, or those of each
class). Where it is not a mean itself, its first-order influence values are used, with
the metric's variance to order 1 / n: structural components for AUC (DeLong et al. 1988), the
influence function for average precision.
"""

from typing import NamedTuple

import numpy as np

CHOSEN = "_at_threshold"
"""End of the name of a metric that depends on a choice made on validation labels."""
OF_CLASS = "_of_class_"
"""In the name of a metric of one class, before its number."""
LOWER_IS_BETTER = ("brier", "ece", "log_loss", "mean_absolute_error")
SMALLEST_PROBABILITY = 1e-7
"""What log loss takes for a probability of 0: the smallest that Keras's loss tells from it."""


class Group(NamedTuple):
    """Per-case values of some of the cases.

    Attributes:
        values: (n_seeds, cases of the group).
        cases: bool (n,), which of all cases they are.
    """

    values: np.ndarray
    cases: np.ndarray


def of_cases(values: np.ndarray, cases: np.ndarray) -> Group:
    """The group of the cases of a bool mask (n,), from values of all cases (n_seeds, n)."""
    return Group(values[:, cases], cases)


def auc_values(labels: np.ndarray, scores: np.ndarray) -> tuple[Group, Group]:
    """Structural components of AUC: each case's share of the other class ranked rightly."""
    of_positives, of_negatives = [], []
    for row in scores:
        positives, negatives = row[labels == 1], row[labels == 0]
        of_positives.append(_share_below(positives, negatives))
        of_negatives.append(1 - _share_below(negatives, positives))
    # Centred, because each of the two groups alone has the AUC as its mean.
    centred = np.array(of_negatives)
    centred = centred - centred.mean(axis=1, keepdims=True)
    return Group(np.array(of_positives), labels == 1), Group(centred, labels == 0)


def auc_influence(inside: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """AUC of one class against the rest plus each case's influence on it, (n_seeds, n)."""
    of_inside, of_rest = (part.values for part in auc_values(inside.astype(int), scores))
    auc, n = of_inside.mean(axis=1, keepdims=True), len(inside)
    values = np.empty(scores.shape)
    values[:, inside] = auc + (of_inside - auc) * n / inside.sum()
    values[:, ~inside] = auc + of_rest * n / (~inside).sum()
    return values


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of `others` below each value, ties counted half."""
    others = np.sort(others)
    below = np.searchsorted(others, values, side="left")
    not_above = np.searchsorted(others, values, side="right")
    return (below + not_above) / (2 * len(others))


def average_precision_values(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision plus each case's influence on it; (n,), in O(n log n).

    Average precision is the mean over positives of the precision among the cases scored at least
    as high. A case moves it by its own term and by its share in the precision of all positives
    scored no higher than itself; both come from one cumulative sum over the sorted cases.
    """
    n, n_positive = len(labels), int(labels.sum())
    order = np.argsort(-scores, kind="stable")
    sorted_labels, sorted_scores = labels[order], scores[order]
    ends = np.flatnonzero(np.append(np.diff(sorted_scores) != 0, True))
    group = np.searchsorted(ends, np.arange(n))
    taken, hits = ends + 1, np.cumsum(sorted_labels)[ends]
    precision, positives = hits / taken, np.diff(hits, prepend=0)
    average = positives @ precision / n_positive
    gain = np.cumsum((positives / taken)[::-1])[::-1]
    loss = np.cumsum((positives * precision / taken)[::-1])[::-1]
    own = sorted_labels * (precision - average + gain)[group]
    values = np.empty(n)
    values[order] = average + n / n_positive * (own - loss[group])
    return values


def f1_influence(inside: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """F1 of one class plus each case's influence on it, (n_seeds, n)."""
    both = inside + chosen.astype(float)
    size = both.mean(axis=1, keepdims=True)
    hits = 2.0 * (inside & chosen)
    f1 = hits.mean(axis=1, keepdims=True) / size
    return f1 + (hits - f1 * both) / size


def precision_influence(inside: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Precision of one class plus each case's influence on it, (n_seeds, n).

    Of a class that is never answered the precision counts as 0, as in scikit-learn.
    """
    answered = chosen.astype(float)
    share = answered.mean(axis=1, keepdims=True)
    hits = (answered * inside).mean(axis=1, keepdims=True)
    safe = np.where(share > 0, share, 1.0)
    precision = hits / safe
    return precision + answered * (inside - precision) / safe


def bin_of(scores: np.ndarray, n_bins: int) -> np.ndarray:
    """Bin of each score, of `n_bins` of equal width, `(0, 1/n_bins]` and so on, 0 in the first."""
    return np.clip(np.ceil(scores * n_bins).astype(int) - 1, 0, n_bins - 1)


def calibration_gaps(labels: np.ndarray, scores: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """Per case the signed gap of score and label, its sign chosen so that a bin's sum is >= 0."""
    bins, gaps = bin_of(scores, n_bins), scores - labels
    return gaps * np.sign(np.bincount(bins, weights=gaps, minlength=n_bins))[bins]
