"""Simple classifiers that see a label budget: what a network has to beat.

Every one gets the whole budget (training and validation labels together) and chooses its own
setting by stratified cross-validation inside it. Features are (n, ...) of uint8, read as
intensities over 255, or of floats; labels are (n,), 0 to k - 1, or (n, k) of 0 and 1 where a case
may be of several classes. A score is the probability of label 1 where there are two classes, and of
each of them where there are more or several. The labels of the test cases are no argument of
anything here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from tfmed.errors import InputError
from tfmed.training.standardising import statistics

BASELINES = ("majority", "pixels_logistic", "pca_logistic", "knn", "logistic")
"""Names for `fit_predict`: those of pixels take images, `knn` and `logistic` embeddings as well."""

PENALTIES = tuple(10.0**power for power in range(-5, 1))
"""Candidates of scikit-learn's C (inverse of the L2 penalty), the strongest penalty first."""

PCA_PENALTIES = tuple(10.0**power for power in range(-3, 3))
"""The same for few components, which need less of a penalty than hundreds of features."""

NEIGHBOURS = (50, 20, 10, 5, 3, 1)
"""Candidates of k, the smoothest first."""

_FOLDS = 5
_COMPONENTS = 50

Predictor = Callable[[np.ndarray], np.ndarray]
"""Features (n, ...) to scores (n,) in [0, 1], the probability of label 1; (n, k) if k > 2."""

_Scorer = Callable[[np.ndarray], np.ndarray]
_Fit = Callable[[np.ndarray, np.ndarray, tuple[float, ...], int], _Scorer]


@dataclass(frozen=True)
class BaselineScores:
    """What a baseline says of the test cases, and of its own budget.

    Attributes:
        test_scores: (n_test,) float64 in [0, 1]; (n_test, k) of more than two classes.
        val_labels: (n,) labels of the budget, in the order given.
        val_scores: (n,) or (n, k) out-of-fold scores of the same cases: each from a fit that did
            not see it, with the setting that was chosen. A threshold can be chosen on them.
        chosen: JSON values; the setting (`C` or `k`) and the number of `folds` that chose it;
            empty where there was nothing to choose.
    """

    test_scores: np.ndarray
    val_labels: np.ndarray
    val_scores: np.ndarray
    chosen: dict[str, Any]


def fit_predict(
    name: str,
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    seed: int = 0,
    n_classes: int = 2,
) -> BaselineScores:
    """Fits one of `BASELINES` to a label budget and scores the test cases.

    - `majority`: the share of label 1 (of each class) for every case; it answers the more common
      label.
    - of several classes a case, each by itself, all with one setting.
    - `pixels_logistic`, `logistic`: logistic regression with an L2 penalty on standardised
      features.
    - `pca_logistic`: the same on the first 50 principal components at most, fitted to the budget.
    - `knn`: the share of label 1 (of each class) among the k nearest cases of the budget,
      Euclidean; k is at most half of the budget.

    C and k are those with the lowest Brier score out of fold, of equal ones the smoother. A budget
    with one class is answered as by `majority`.

    Args:
        name: one of `BASELINES`.
        train_x: (n, ...) the budget's features.
        train_y: (n,) its labels, or (n, k).
        test_x: (n_test, ...).
        seed: of the folds.
        n_classes: that labels may be of.

    Raises:
        InputError: an unknown name, shapes that do not match, labels of no class, or
            features that are not finite.
    """
    if name not in BASELINES:
        raise InputError(f"baseline {name!r} is unknown: use one of {', '.join(BASELINES)}")
    x, y = _budget(train_x, train_y, n_classes)
    if name == "majority" or y.min() == y.max():
        test_scores, val_scores = (_always(y, n, n_classes) for n in (len(test_x), len(y)))
        return BaselineScores(test_scores, y, val_scores, {})
    test = _features(test_x, x.shape[1])
    fit, setting, candidates = _SETTINGS[name]
    if name == "knn":
        # No fold fits on less than half the budget.
        candidates = tuple(k for k in candidates if k <= len(y) // 2)
    predictor, val_scores, best, folds = _cross_validated(fit, candidates, x, y, seed, n_classes)
    return BaselineScores(predictor(test), y, val_scores, {setting: best, "folds": folds})


def fit_probe(
    train_embeddings: np.ndarray, train_labels: np.ndarray, seed: int = 0, n_classes: int = 2
) -> Predictor:
    """Logistic regression on standardised embeddings, for scores of any other embeddings.

    The baseline `logistic` kept for later: the L2 penalty is chosen by cross-validation among these
    cases only. One class gives its label as every score.

    Args:
        train_embeddings: (n, d).
        train_labels: (n,).
        seed: of the folds.
        n_classes: that labels may be of.

    Raises:
        InputError: shapes do not match, labels of no class, or embeddings not finite.
    """
    x, y = _budget(train_embeddings, train_labels, n_classes)
    if y.min() == y.max():
        return lambda embeddings: _always(y, len(embeddings), n_classes)
    predictor, _, _, _ = _cross_validated(_fit_logistic, PENALTIES, x, y, seed, n_classes)
    return lambda embeddings: predictor(_features(embeddings, x.shape[1]))


def _cross_validated(
    fit: _Fit,
    candidates: tuple[float, ...],
    x: np.ndarray,
    y: np.ndarray,
    seed: int,
    n_classes: int,
) -> tuple[Predictor, np.ndarray, float, int]:
    """The best candidate fitted to all cases: its predictor, out-of-fold scores, it, folds.

    Not scikit-learn's `GridSearchCV`: it averages the folds' means where this is the mean over
    cases, keeps no out-of-fold scores, and fits each candidate from zero, where `warm_start` from
    the stronger penalty saves most of the iterations.
    """
    folds = _folds(y if y.ndim == 1 else _rarest(y), seed)
    truth = _truth(y, n_classes)
    out_of_fold = np.empty((len(candidates), *truth.shape))
    for train, held_out in folds:
        out_of_fold[:, held_out] = fit(x[train], y[train], candidates, n_classes)(x[held_out])
    errors = np.square(out_of_fold - truth).reshape(len(candidates), -1)
    best = int(errors.mean(axis=1).argmin())
    scorer = fit(x, y, candidates[best : best + 1], n_classes)
    return lambda rows: scorer(rows)[0], out_of_fold[best], candidates[best], len(folds)


def _rarest(y: np.ndarray) -> np.ndarray:
    """One class (n,) of cases (n, k) of several: their rarest, k for none; small ones are one."""
    counts = y.sum(axis=0)
    found = np.where(y == 1, counts, len(y) + 1).argmin(axis=1)
    found[~y.any(axis=1)] = y.shape[1]
    small = np.bincount(found, minlength=y.shape[1] + 1) < _FOLDS
    return np.unique(np.where(small[found], y.shape[1], found), return_inverse=True)[1]


def _folds(y: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to fit and rows held out; each class in every fold, if it has as many as two cases."""
    from sklearn.model_selection import KFold, StratifiedKFold  # takes seconds to import

    counts = np.bincount(y, minlength=2)
    smallest = int(counts.min() if len(counts) == 2 else counts[counts > 0].min())
    if smallest > 1:
        return list(
            StratifiedKFold(min(_FOLDS, smallest), shuffle=True, random_state=seed).split(y, y)
        )
    return list(KFold(min(_FOLDS, len(y)), shuffle=True, random_state=seed).split(y))


def _fit_logistic(
    x: np.ndarray, y: np.ndarray, candidates: tuple[float, ...], n_classes: int
) -> _Scorer:
    """Logistic regression on standardised features, one for each C."""
    if y.ndim == 2:
        return _fit_findings(x, y, candidates)
    if y.min() == y.max():
        return _constant(y, candidates, n_classes)
    from sklearn.linear_model import LogisticRegression  # takes seconds to import

    centre, spread = _statistics(x)
    standardised = x - centre
    standardised /= spread  # in place: of a large budget each copy counts
    model = LogisticRegression(warm_start=True, max_iter=2000)
    weights, biases = [], []
    for candidate in candidates:
        # From the solution of the stronger penalty it is not far to the next.
        model.set_params(C=candidate).fit(standardised, y)
        of_one = model.coef_[0] if n_classes == 2 else model.coef_
        weights.append(of_one.astype(np.float64))
        biases.append(model.intercept_.astype(np.float64))
    if n_classes > 2:
        inside = [int(number) for number in model.classes_]
        return _of_classes(weights, biases, inside, n_classes, centre, spread)

    def scorer(rows: np.ndarray) -> np.ndarray:
        return expit(np.array(weights) @ ((rows - centre) / spread).T + np.array(biases))

    return scorer


def _fit_findings(x: np.ndarray, y: np.ndarray, candidates: tuple[float, ...]) -> _Scorer:
    """`_fit_logistic` of several findings, each by itself; all in one product of matrices.

    What is minimised is what scikit-learn's `LogisticRegression` minimises, one finding at a time
    and in many times as long: here along principal directions, each step as long as its curvature
    allows. A finding that all have or none has gets its share.
    """
    from scipy.optimize import minimize

    centre, spread = _statistics(x)
    standardised, n = (x - centre) / spread, len(x)
    directions, curvature = _directions(standardised)
    rotated = standardised @ directions
    shares, truth = y.mean(axis=0), y.astype(np.float32)

    def objective(flat: np.ndarray, penalty: float, scale: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(scale.shape) * scale
        logits = rotated @ weights[:, :-1].T.astype(np.float32) + weights[:, -1].astype(np.float32)
        size = 0.5 * penalty * float(np.square(weights[:, :-1]).sum())
        loss = float((np.logaddexp(0, logits) - truth * logits).sum(dtype=np.float64)) / n
        residual = expit(logits) - truth
        gradient = np.empty_like(weights)
        gradient[:, :-1] = residual.T @ rotated / n + penalty * weights[:, :-1]
        gradient[:, -1] = residual.mean(axis=0, dtype=np.float64)
        return loss + size, (gradient * scale).ravel()

    found = []
    variances = np.maximum(shares * (1 - shares), 1 / n)[:, None]
    weights = np.zeros((y.shape[1], rotated.shape[1] + 1))
    for candidate in candidates:
        penalty = 1 / (candidate * n)
        slopes = np.append(variances * curvature + penalty, variances, axis=1)
        scale = 1 / np.sqrt(slopes)
        limits = {"maxiter": 2000, "gtol": 1e-5, "ftol": 1e-10}
        flat = minimize(
            objective, (weights / scale).ravel(), (penalty, scale), "L-BFGS-B", True, options=limits
        ).x
        weights = flat.reshape(scale.shape) * scale
        found.append((directions.astype(float) @ weights[:, :-1].T, weights[:, -1]))
    constant = y.min(axis=0) == y.max(axis=0)

    def scorer(rows: np.ndarray) -> np.ndarray:
        standardised = (rows - centre) / spread
        answers = [expit(standardised @ slopes + biases) for slopes, biases in found]
        return np.where(constant, shares, np.array(answers))

    return scorer


def _directions(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Principal directions (d, m) float32 of centred features (n, d), and the variance in each."""
    if len(z) < z.shape[1]:
        _, sizes, rows = np.linalg.svd(z, full_matrices=False)
        return rows.T, np.square(sizes.astype(float)) / len(z)
    variances, columns = np.linalg.eigh((z.T @ z / len(z)).astype(float))
    return columns.astype(np.float32), np.maximum(variances, 0.0)


def _of_classes(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    inside: list[int],
    n_classes: int,
    centre: np.ndarray,
    spread: np.ndarray,
) -> _Scorer:
    """Scores (candidates, n, n_classes) of linear models of the classes `inside`; others get 0."""

    def scorer(rows: np.ndarray) -> np.ndarray:
        found = np.zeros((len(weights), len(rows), n_classes))
        for of_candidate, weight, bias in zip(found, weights, biases, strict=True):
            logits = ((rows - centre) / spread) @ weight.T + bias
            if len(inside) == 2:  # one column: for the second against the first
                logits = np.hstack([np.zeros_like(logits), logits])
            of_candidate[:, inside] = softmax(logits, axis=1)
        return found

    return scorer


def _statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (d,) float32 to standardise with, from these cases only."""
    mean, variance = statistics(x)
    return mean.astype(np.float32), np.sqrt(variance).astype(np.float32)


def _fit_pca_logistic(
    x: np.ndarray, y: np.ndarray, candidates: tuple[float, ...], n_classes: int
) -> _Scorer:
    """`_fit_logistic` on the first principal components of x."""
    if y.min() == y.max() or (x == x[0]).all():
        return _fit_logistic(x, y, candidates, n_classes)
    from sklearn.decomposition import PCA  # takes seconds to import

    pca = PCA(min(_COMPONENTS, len(x) - 1, x.shape[1]), random_state=0).fit(x)
    scorer = _fit_logistic(pca.transform(x), y, candidates, n_classes)
    return lambda rows: scorer(pca.transform(rows))


def _fit_knn(
    x: np.ndarray, y: np.ndarray, candidates: tuple[float, ...], n_classes: int
) -> _Scorer:
    """Share of label 1 (of each class) among the nearest cases, one for each k."""
    from sklearn.neighbors import NearestNeighbors  # takes seconds to import

    counts = [int(k) for k in candidates]
    # Equal distances are settled by position: in random order, position says nothing of the class.
    order = np.random.default_rng(0).permutation(len(x))
    truth = _truth(y, n_classes)
    search = NearestNeighbors(n_neighbors=max(counts), algorithm="brute").fit(x[order])

    def scorer(rows: np.ndarray) -> np.ndarray:
        nearest = truth[order[search.kneighbors(rows, return_distance=False)]]
        votes = nearest.cumsum(axis=1)
        return np.array([votes[:, count - 1] / count for count in counts])

    return scorer


def _constant(y: np.ndarray, candidates: tuple[float, ...], n_classes: int) -> _Scorer:
    """The share of label 1 (of each class), whatever the case and the candidate."""
    return lambda rows: np.stack([_always(y, len(rows), n_classes)] * len(candidates))


def _always(y: np.ndarray, n: int, n_classes: int) -> np.ndarray:
    """The share of label 1 for n cases, (n,); of more than two classes each one's, (n, k)."""
    shares = _truth(y, n_classes).mean(axis=0)
    return np.full((n, *shares.shape), shares)


def _truth(y: np.ndarray, n_classes: int) -> np.ndarray:
    """What scores are held against: the labels, or of more than two classes each one's 0 or 1."""
    return (
        y
        if n_classes == 2 or y.ndim == 2
        else (y[:, None] == np.arange(n_classes)).astype(np.int64)
    )


def _budget(
    train_x: np.ndarray, train_y: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d) float32 and labels (n,) or (n, k) int64 of a budget, or an InputError."""
    x, y = _features(train_x), np.asarray(train_y)
    if y.shape not in ((len(x),), (len(x), n_classes)):
        raise InputError(f"{len(x)} cases and labels of shape {y.shape}: give (n,) or (n, k)")
    if not np.isin(y, np.arange(n_classes if y.ndim == 1 else 2)).all():
        known = "and" if n_classes == 2 else "to"
        raise InputError(
            f"labels hold values other than 0 {known} {n_classes - 1}: number the classes"
        )
    return x, y.astype(np.int64)


def _features(images: np.ndarray, expected: int | None = None) -> np.ndarray:
    """Features (n, d) float32, uint8 divided by 255, or an InputError."""
    values = np.asarray(images)
    if values.ndim < 2 or 0 in values.shape:
        raise InputError(f"features have shape {values.shape}: give at least one case, (n, ...)")
    rows = values.reshape(len(values), -1).astype(np.float32, copy=False)
    if values.dtype == np.uint8:
        rows = rows / np.float32(255)
    if expected not in (None, rows.shape[1]):
        raise InputError(f"{rows.shape[1]} features where the fit saw {expected}: give the same")
    if not np.isfinite(rows).all():
        raise InputError("features hold NaN or infinity: training diverged, lower its rate")
    return rows


_SETTINGS: dict[str, tuple[_Fit, str, tuple[float, ...]]] = {
    "pixels_logistic": (_fit_logistic, "C", PENALTIES),
    "pca_logistic": (_fit_pca_logistic, "C", PCA_PENALTIES),
    "knn": (_fit_knn, "k", NEIGHBOURS),
    "logistic": (_fit_logistic, "C", PENALTIES),
}
