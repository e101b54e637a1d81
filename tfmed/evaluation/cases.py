"""Labels and scores of cases: checked; the threshold that validation cases choose.

Apart from the metrics, so that a change of these trains nothing again.
"""

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError


def checked_cases(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) int64 and scores (n_seeds, n) float64.

    Raises:
        InputError: shapes do not match, or labels or scores are out of range.
    """
    truth, answers = np.asarray(labels), np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if truth.ndim != 1 or answers.ndim != 2 or truth.size == 0 or answers.shape[1] != truth.size:
        raise InputError(
            f"labels of shape {truth.shape} and scores of shape {np.shape(scores)} do not match:"
            " give at least one case, labels (n,) and scores (n,) or (n_seeds, n)"
        )
    if not np.isin(truth, (0, 1)).all():
        raise InputError("labels hold values other than 0 and 1: make them binary first")
    if not ((answers >= 0) & (answers <= 1)).all():  # false for NaN too
        raise InputError("scores are NaN or outside [0, 1]: training diverged, or these are logits")
    return truth.astype(np.int64), answers


def choose_threshold(labels: ArrayLike, scores: ArrayLike) -> float:
    """Threshold with the highest balanced accuracy on these (validation) labels.

    The same as maximising Youden's index J = sensitivity + specificity - 1 (Youden 1950).
    Candidates are the midpoints between neighbouring scores, and between the outermost scores and
    0 or 1; of equally good ones the nearest to .5 is taken. Labels of one class, and scores that
    are all the same, hold no information on a threshold: .5.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = checked_cases(labels, scores)
    values = np.unique(answers[0])
    if len(values) == 1 or truth.min() == truth.max():
        return 0.5
    edges = np.unique(np.concatenate([[0.0], values, [1.0]]))
    # Between adjacent floats the midpoint may round up to the upper one and change its answer.
    middles = np.minimum((edges[:-1] + edges[1:]) / 2, np.nextafter(edges[1:], 0))
    candidates = np.append(middles, 1.0)
    positives, negatives = np.sort(answers[0][truth == 1]), np.sort(answers[0][truth == 0])
    true_positives = len(positives) - np.searchsorted(positives, candidates, side="right")
    true_negatives = np.searchsorted(negatives, candidates, side="right")
    # In integers, so that ties are exact.
    youden = true_positives * len(negatives) + true_negatives * len(positives)
    best = candidates[youden == youden.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])
