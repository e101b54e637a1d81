"""ROC, precision-recall and reliability curves on fixed grids, with pointwise 95 % bands.

Bands carry seeds and test cases as the intervals of `tfmed.evaluation.intervals` do. A curve's
value at a fixed rate depends on the cases through a quantile, which has no simple per-case values;
the covariance due to cases comes from a Bayesian bootstrap instead (Rubin 1981), whose exponential
weights leave no class empty: a weight a case, or a patient where these are known. Its draws are
fixed: the same scores give the same band.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.evaluation.case_values import CaseValues
from tfmed.evaluation.intervals import interval_of, wilson
from tfmed.evaluation.patients import n_inside, numbered
from tfmed.evaluation.spread import spread_of
from tfmed.tasks.scoring import bin_of

ROC_GRID = np.linspace(0, 1, 101)
RECALL_GRID = np.linspace(0, 1, 51)
RELIABILITY_BINS = 10
_DRAWS = 200
_BLOCKS = 8
# A grid's value may lie a rounding error beside the rate that it means.
_HAIR = 1e-12


def roc_and_pr(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True positive rate (101,) at `ROC_GRID` and precision (51,) at `RECALL_GRID` of one run.

    Between two points the ROC curve is a straight line, at a vertical step its upper end. Precision
    is that at the highest threshold whose recall reaches the grid's: the steps that average
    precision sums (straight lines would be too optimistic: Davis & Goadrich 2006).

    Args:
        labels: (n,) of 0 and 1, both there.
        scores: (n,) in [0, 1].
    """
    tpr, precision = _weighted_curves(labels, scores, np.ones((1, len(labels))))
    return tpr[0], precision[0]


def _weighted_curves(
    labels: np.ndarray, scores: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`roc_and_pr` for each row of weights (draws, n) of the cases."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    ordered, positive = weights[:, order], labels[order] == 1
    hits = np.cumsum(np.where(positive, ordered, 0.0), axis=1)[:, ends]
    alarms = np.cumsum(np.where(positive, 0.0, ordered), axis=1)[:, ends]
    recall, fpr = hits / hits[:, -1:], alarms / alarms[:, -1:]
    precision = hits / (hits + alarms)
    start = np.zeros(1)
    tpr = [
        np.interp(ROC_GRID + _HAIR, np.append(start, x), np.append(start, y))
        for x, y in zip(fpr, recall, strict=True)
    ]
    wanted = np.maximum(RECALL_GRID - _HAIR, _HAIR)
    reached = [row[np.searchsorted(x, wanted)] for x, row in zip(recall, precision, strict=True)]
    return np.array(tpr), np.array(reached)


def curve_bands(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: ArrayLike | None = None,
    pretrainings: int = 1,
) -> dict[str, dict[str, list[float]]]:
    """Mean curves over seeds with pointwise 95 % bands.

    Args:
        labels: (n,) of 0 and 1, both there.
        scores: (n_seeds, n) in [0, 1].
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.
        pretrainings: that each seed was run with, as for `tfmed.evaluation.intervals`.

    Returns:
        `roc` with `fpr`, `tpr`, `low`, `high`, and `pr` with `recall`, `precision`, `low`, `high`.
    """
    numbers, rng = numbered(patients, len(labels)), np.random.default_rng(0)
    if numbers is None:
        weights = rng.exponential(size=(_DRAWS, len(labels)))
    else:
        weights = rng.exponential(size=(_DRAWS, int(numbers.max()) + 1))[:, numbers]
    centres = [roc_and_pr(labels, row) for row in scores]
    draws = [
        [_weighted_curves(labels, row, block) for block in np.array_split(weights, _BLOCKS)]
        for row in scores
    ]
    n_cases = min(n_inside(labels == 1, numbers), n_inside(labels == 0, numbers))
    bands = {}
    for i, (name, (x_name, grid), y_name) in enumerate(
        (("roc", ("fpr", ROC_GRID), "tpr"), ("pr", ("recall", RECALL_GRID), "precision"))
    ):
        centre = np.array([curves[i] for curves in centres])
        drawn = np.array([np.concatenate([block[i] for block in blocks]) for blocks in draws])
        low, high = _band(centre, drawn, n_cases, pretrainings)
        if name == "roc":
            low[-1] = high[-1] = 1.0  # by definition: every case is answered 1
        bands[name] = {
            x_name: grid.tolist(),
            y_name: centre.mean(axis=0).tolist(),
            "low": low.tolist(),
            "high": high.tolist(),
        }
    return bands


def _band(
    centre: np.ndarray, drawn: np.ndarray, n_cases: int, pretrainings: int
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits (grid,) from curves (n_seeds, grid) and (n_seeds, draws, grid)."""
    deviations = drawn - drawn.mean(axis=1, keepdims=True)
    covariance = np.einsum("adg,bdg->gab", deviations, deviations) / (drawn.shape[1] - 1)
    # One case of a class shows no spread: the largest variance there can be stands in.
    covariance += 0.25 if n_cases == 1 else 0.0
    limits = [
        wilson(float(values.mean()), spread_of(values, matrix, n_cases, pretrainings), n_cases)
        for values, matrix in zip(centre.T, covariance, strict=True)
    ]
    low, high = np.array(limits).T
    return low, high


def reliability(labels: np.ndarray, scores: np.ndarray) -> dict[str, list[Any]]:
    """Reliability diagram of one run in 10 bins of equal width, `(0, .1]` and so on.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].

    Returns:
        Per bin the `count` of cases, their mean `score` and their `share` of label 1; the latter
        two are None in an empty bin.
    """
    bins = bin_of(scores, RELIABILITY_BINS)
    counts, sums, positives = (
        np.bincount(bins, weights=weights, minlength=RELIABILITY_BINS)
        for weights in (None, scores, labels)
    )
    return {
        "count": counts.tolist(),
        "score": [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)],
        "share": [float(p / n) if n else None for p, n in zip(positives, counts, strict=True)],
    }


def reliability_band(
    labels: np.ndarray,
    scores: np.ndarray,
    patients: ArrayLike | None = None,
    pretrainings: int = 1,
) -> dict[str, list[Any]]:
    """Reliability diagram over seeds with the 95 % interval of each bin's share of label 1.

    A bin's share is the ratio of sums over all seeds; its per-case values are those of the
    linearised ratio estimator (Cochran 1977, section 6).

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1].
        patients: (n,) integers or texts, equal where cases are of one patient; None: not known.
        pretrainings: that each seed was run with, as for `tfmed.evaluation.intervals`.

    Returns:
        Per bin the mean `count` over seeds, the pooled mean `score`, the pooled `share` of label 1
        with `low` and `high`; all but `count` are None in a bin that is empty in every seed.
    """
    bins, numbers = bin_of(scores, RELIABILITY_BINS), numbered(patients, len(labels))
    found: dict[str, list[Any]] = {key: [] for key in ("count", "score", "share", "low", "high")}
    for number in range(RELIABILITY_BINS):
        inside = (bins == number).astype(float)
        count = float(inside.sum(axis=1).mean())
        found["count"].append(count)
        if count == 0:
            for key in ("score", "share", "low", "high"):
                found[key].append(None)
            continue
        share = float((inside * labels).sum() / inside.sum())
        values = share + inside * (labels - share) * len(labels) / count
        n_cases = max(round(np.mean([n_inside(row > 0, numbers) for row in inside])), 1)
        of_groups = None if numbers is None else (numbers,)
        found_values = CaseValues(values.mean(axis=1), (values,), n_cases, patients=of_groups)
        band = interval_of(found_values, pretrainings)
        found["score"].append(float((inside * scores).sum() / inside.sum()))
        found["share"].append(share)
        found["low"].append(band["low"])
        found["high"].append(band["high"])
    return found
