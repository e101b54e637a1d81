"""Metrics of binary classifiers, intervals over seeds and test cases, and predictions files.

Labels are integers of shape (n,), 0 or 1. Scores are floats of shape (n,), or (n_seeds, n) for
several runs on the same test cases, in [0, 1]; a case is answered 1 if its score exceeds the
threshold, as in `medmnist.evaluator.getACC`. A metric that these labels do not define is `None`.

Intervals are at 95 % and carry two sources of luck: the seed (weights, label subset, shuffling)
and the draw of the test cases. Seeds and cases are crossed random effects, as readers and cases are
in Obuchowski & Rockette (1995) and Hillis (2007): with `s²` the variance of a metric over `S` seeds
and `c` the mean covariance of two seeds' values due to their common cases,

    variance of the mean = s² / S + max(c, 0)

`s²` already holds the seed-by-case residual, so that nothing is counted twice. `c` comes from
per-case values in closed form (structural components for AUC: DeLong et al. 1988) and needs no
resampling. `benchmarks/interval_coverage.py` measures how often such intervals hold the truth.

`python -m tfmed.evaluation reports/<study>` computes every metric again from the predictions files
and says whether `results.json` agrees.
"""

import argparse
import contextlib
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from tfmed.errors import InputError

_AT_HALF = ("accuracy", "auc", "balanced_accuracy", "sensitivity", "specificity", "brier", "ece")
_AT_THRESHOLD = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
METRICS = (*_AT_HALF, *(f"{name}_at_threshold" for name in _AT_THRESHOLD))
ROC_GRID = np.linspace(0, 1, 101)
_LABELS_NEEDED = {
    "auc": (0, 1),
    "balanced_accuracy": (0, 1),
    "sensitivity": (1,),
    "specificity": (0,),
}
_PREDICTIONS_NAME = re.compile(
    r"(?P<name>.+)_test_\[AUC\](nan|[\d.]+)_\[ACC\][\d.]+@(?P<run>[^@]+)\.csv"
)


def evaluate(labels: ArrayLike, scores: ArrayLike, threshold: float) -> dict[str, Any]:
    """Every metric of one run, as `runs` of results.json holds it.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].
        threshold: chosen on validation labels; used by the metrics named `*_at_threshold`.

    Returns:
        `metrics` (name to float or None), `undefined` (name to reason), `confusion` at .5 and
        `confusion_at_threshold` (`[[tn, fp], [fn, tp]]`), and `roc_tpr`: the true positive rate at
        the false positive rates of `ROC_GRID`, None without both classes.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = _checked(labels, scores)
    undefined = {name: why for name in METRICS if (why := _undefined(name, truth))}
    metrics = {
        name: None
        if name in undefined
        else float(_case_values(name, truth, answers, np.array([threshold])).estimates[0])
        for name in METRICS
    }
    return {
        "metrics": metrics,
        "undefined": undefined,
        "confusion": _confusion(truth, answers[0] > 0.5),
        "confusion_at_threshold": _confusion(truth, answers[0] > threshold),
        "roc_tpr": None if "auc" in undefined else _roc_tpr(truth, answers[0]).tolist(),
    }


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
    truth, answers = _checked(labels, scores)
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
    # In whole numbers, so that ties are exact.
    youden = true_positives * len(negatives) + true_negatives * len(positives)
    best = candidates[youden == youden.max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def brier_score(labels: ArrayLike, scores: ArrayLike) -> float:
    """Mean squared distance of score and label (Brier 1950); 0 is perfect.

    Raises:
        InputError: labels or scores are not (n,) of 0 and 1 and (n,) in [0, 1].
    """
    truth, answers = _checked(labels, scores)
    return float(np.mean((answers[0] - truth) ** 2))


def expected_calibration_error(labels: ArrayLike, scores: ArrayLike, n_bins: int = 15) -> float:
    """Expected calibration error of the score of class 1 (Naeini et al. 2015); 0 is perfect.

    The scores are cut into `n_bins` bins of equal width, `(0, 1/n_bins]` and so on (0 belongs to
    the first); the distance of mean score and share of class 1 is averaged over bins, weighted by
    their number of cases. It is biased upwards when bins hold few cases.

    Raises:
        InputError: labels or scores are not (n,) of 0 and 1 and (n,) in [0, 1].
    """
    truth, answers = _checked(labels, scores)
    return float(_calibration_gaps(truth, answers[0], n_bins).mean())


def summarise(labels: ArrayLike, scores: ArrayLike, thresholds: ArrayLike) -> dict[str, Any]:
    """Every metric of one strategy over its seeds, as `summary` of results.json holds it.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1], one row per seed, all of the same test cases.
        thresholds: (n_seeds,), each chosen on its run's validation labels.

    Returns:
        Per metric `mean_interval`'s dict or None; `confusion` at .5, mean over seeds; `roc` with
        `fpr`, mean `tpr`, and the `low`est and `high`est seed, or None without both classes.

    Raises:
        InputError: shapes, labels or scores are not as said above.
    """
    truth, answers = _checked(labels, scores)
    summary: dict[str, Any] = {
        name: mean_interval(truth, answers, name, thresholds) for name in METRICS
    }
    confusions = [_confusion(truth, row > 0.5) for row in answers]
    summary["confusion"] = np.mean(confusions, axis=0).tolist()
    summary["roc"] = None
    if summary["auc"] is not None:
        curves = np.array([_roc_tpr(truth, row) for row in answers])
        summary["roc"] = {
            "fpr": ROC_GRID.tolist(),
            "tpr": curves.mean(axis=0).tolist(),
            "low": curves.min(axis=0).tolist(),
            "high": curves.max(axis=0).tolist(),
        }
    return summary


def mean_interval(
    labels: ArrayLike, scores: ArrayLike, metric: str, thresholds: ArrayLike | None = None
) -> dict[str, float | None] | None:
    """A metric's mean over seeds with its 95 % interval.

    The interval has Wilson's form (1927) with the number of cases that would give the variance
    found, so that it stays within [0, 1] and keeps a width when every answer is right. One seed
    tells nothing of the luck of seeds: its interval covers test cases only and `sd` is None.

    Args:
        labels: (n,) of 0 and 1.
        scores: (n_seeds, n) in [0, 1].
        metric: one of `METRICS`.
        thresholds: (n_seeds,); needed by metrics named `*_at_threshold` only.

    Returns:
        `mean`, `low`, `high`, `sd` (over seeds); None where the labels do not define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    truth, answers = _checked(labels, scores)
    if _undefined(metric, truth):
        return None
    values = _case_values(metric, truth, answers, _seed_thresholds(thresholds, metric, answers))
    mean = float(values.estimates.mean())
    variance, quantile = _variance_and_quantile(values)
    low, high = _wilson(mean, variance, quantile, n_cases=values.n_cases)
    sd = float(values.estimates.std(ddof=1)) if len(answers) > 1 else None
    return {"mean": mean, "low": low, "high": high, "sd": sd}


def compare(
    labels: ArrayLike,
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    metric: str = "accuracy",
    thresholds_a: ArrayLike | None = None,
    thresholds_b: ArrayLike | None = None,
) -> dict[str, float | int] | None:
    """Mean of a metric's difference, a minus b, paired by seed and by test case.

    Strategies that give the same answers have an interval of no width.

    Args:
        labels: (n,) of 0 and 1.
        scores_a: (n_seeds, n) in [0, 1].
        scores_b: (n_seeds, n); row i has the seed of row i of `scores_a`.
        metric: one of `METRICS`.
        thresholds_a: (n_seeds,); needed by metrics named `*_at_threshold` only.
        thresholds_b: the same for b.

    Returns:
        `difference`, `low`, `high` (95 %, within [-1, 1]), `n_seeds`; None where the labels do not
        define the metric.

    Raises:
        InputError: shapes, labels, scores or the metric's name are not as said above.
    """
    truth, a = _checked(labels, scores_a)
    _, b = _checked(labels, scores_b)
    if a.shape != b.shape:
        raise InputError(f"{len(a)} seeds against {len(b)}: compare strategies at the same seeds")
    if _undefined(metric, truth):
        return None
    values_a = _case_values(metric, truth, a, _seed_thresholds(thresholds_a, metric, a))
    values_b = _case_values(metric, truth, b, _seed_thresholds(thresholds_b, metric, b))
    values = _CaseValues(
        values_a.estimates - values_b.estimates,
        tuple(x - y for x, y in zip(values_a.groups, values_b.groups, strict=True)),
        span=2.0,
    )
    difference = float(values.estimates.mean())
    variance, quantile = _variance_and_quantile(values)
    half_width = quantile * math.sqrt(variance)
    return {
        "difference": difference,
        "low": max(difference - half_width, -1.0),
        "high": min(difference + half_width, 1.0),
        "n_seeds": len(a),
    }


@dataclass(frozen=True)
class _CaseValues:
    """A metric as a sum of means over groups of cases, for every seed.

    Attributes:
        estimates: (n_seeds,).
        groups: per independent group of cases (all of them, or those of one class) an array
            (n_seeds, cases of the group) whose row means sum to the estimate.
        span: width of the range of one case's value.
    """

    estimates: np.ndarray
    groups: tuple[np.ndarray, ...]
    span: float = 1.0

    @property
    def n_cases(self) -> int:
        """Cases of the smallest group."""
        return min(group.shape[1] for group in self.groups)

    def covariance(self) -> np.ndarray:
        """Covariance (n_seeds, n_seeds) of the estimates due to the draw of cases."""
        total = np.zeros((len(self.estimates), len(self.estimates)))
        for group in self.groups:
            n = group.shape[1]
            # One case shows no spread: the largest variance there can be (Popoviciu) stands in.
            total += np.cov(group) / n if n > 1 else self.span**2 / 4
        return total


def _case_values(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> _CaseValues:
    """Per-case values of a metric that `labels` define; `thresholds` has shape (n_seeds,)."""
    positive, negative = labels == 1, labels == 0
    name = metric.removesuffix("_at_threshold")
    cut = thresholds[:, None] if metric.endswith("_at_threshold") else 0.5
    if name == "auc":
        return _auc_values(labels, scores)
    if name == "brier":
        groups: tuple[np.ndarray, ...] = ((scores - labels) ** 2,)
    elif name == "ece":
        groups = (np.array([_calibration_gaps(labels, row) for row in scores]),)
    else:
        right = ((scores > cut) == positive).astype(float)
        groups = {
            "accuracy": (right,),
            "sensitivity": (right[:, positive],),
            "specificity": (right[:, negative],),
            "balanced_accuracy": (right[:, positive] / 2, right[:, negative] / 2),
        }[name]
    return _CaseValues(sum(group.mean(axis=1) for group in groups), groups)


def _auc_values(labels: np.ndarray, scores: np.ndarray) -> _CaseValues:
    """Structural components of AUC: each case's share of the other class ranked rightly."""
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    aucs = np.array([roc_auc_score(labels, row) for row in scores])
    of_positives, of_negatives = [], []
    for row in scores:
        positives, negatives = row[labels == 1], row[labels == 0]
        of_positives.append(_share_below(positives, negatives))
        of_negatives.append(1 - _share_below(negatives, positives))
    # Centred, because each of the two groups alone has the AUC as its mean.
    return _CaseValues(aucs, (np.array(of_positives), np.array(of_negatives) - aucs[:, None]))


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Share of `others` below each value, ties counted half."""
    others = np.sort(others)
    below = np.searchsorted(others, values, side="left")
    not_above = np.searchsorted(others, values, side="right")
    return (below + not_above) / (2 * len(others))


def _calibration_gaps(labels: np.ndarray, scores: np.ndarray, n_bins: int = 15) -> np.ndarray:
    """Per case the signed gap of score and label, its sign chosen so that a bin's sum is >= 0."""
    bins = np.clip(np.ceil(scores * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = scores - labels
    return gaps * np.sign(np.bincount(bins, weights=gaps, minlength=n_bins))[bins]


def _variance_and_quantile(values: _CaseValues) -> tuple[float, float]:
    """Variance of the mean over seeds, and the multiple of its root that makes a 95 % interval.

    With two variances of unlike degrees of freedom no exact quantile exists. Satterthwaite's
    (1946) is too small with few seeds (coverage down to 92 % with 3), that of Cochran & Cox (1950)
    too large (up to 97.2 %); the mean of the two keeps 93.8 to 96.4 % with 3 seeds or more.
    """
    covariance = values.covariance()
    n_seeds, case_freedom = len(covariance), max(values.n_cases - 1, 1)
    case_quantile = stdtrit(case_freedom, 0.975)
    if n_seeds == 1:
        return float(covariance[0, 0]), float(case_quantile)
    between_seeds = (covariance.sum() - np.trace(covariance)) / (n_seeds * (n_seeds - 1))
    case_variance = max(float(between_seeds), 0.0)
    seed_variance = float(values.estimates.var(ddof=1)) / n_seeds
    variance = seed_variance + case_variance
    if variance == 0:
        return 0.0, float(case_quantile)
    share = seed_variance / variance
    freedom = 1 / (share**2 / (n_seeds - 1) + (1 - share) ** 2 / case_freedom)
    cochran_cox = share * stdtrit(n_seeds - 1, 0.975) + (1 - share) * case_quantile
    return variance, float((stdtrit(freedom, 0.975) + cochran_cox) / 2)


def _wilson(mean: float, variance: float, quantile: float, n_cases: int) -> tuple[float, float]:
    """Wilson's interval for as many cases as give this variance; `n_cases` if there is none."""
    spread = mean * (1 - mean)
    if variance == 0 and spread > 0:
        return mean, mean
    # quantile² over the effective number of cases
    weight = quantile**2 * (variance / spread if spread > 0 else 1 / n_cases)
    centre = (mean + weight / 2) / (1 + weight)
    half_width = math.sqrt(weight * spread + weight**2 / 4) / (1 + weight)
    return max(min(centre - half_width, mean), 0.0), min(max(centre + half_width, mean), 1.0)


def _roc_tpr(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """True positive rate (101,) at `ROC_GRID`; at a vertical step its upper end."""
    from sklearn.metrics import roc_curve  # takes seconds to import

    fpr, tpr, _ = roc_curve(labels, scores)
    last = np.searchsorted(fpr, ROC_GRID, side="right") - 1
    following = np.minimum(last + 1, len(fpr) - 1)
    run = fpr[following] - fpr[last]
    share = np.divide(ROC_GRID - fpr[last], run, out=np.zeros_like(run), where=run > 0)
    return tpr[last] + share * (tpr[following] - tpr[last])


def _confusion(labels: np.ndarray, answers: np.ndarray) -> list[list[int]]:
    """Counts; rows truth 0, 1; columns answer 0, 1."""
    return np.bincount(2 * labels + answers, minlength=4).reshape(2, 2).tolist()


def _undefined(metric: str, labels: np.ndarray) -> str | None:
    """Why these labels do not define a metric, or None if they do."""
    if metric not in METRICS:
        raise InputError(f"metric {metric!r} is unknown: use one of {', '.join(METRICS)}")
    for label in _LABELS_NEEDED.get(metric.removesuffix("_at_threshold"), ()):
        if not (labels == label).any():
            return f"needs cases of label {label}, and every label is {1 - label}"
    return None


def _seed_thresholds(thresholds: ArrayLike | None, metric: str, scores: np.ndarray) -> np.ndarray:
    """Thresholds (n_seeds,), not needed by every metric."""
    if not metric.endswith("_at_threshold"):
        return np.full(len(scores), 0.5)
    values = np.asarray([] if thresholds is None else thresholds, dtype=float)
    if values.shape != (len(scores),):
        raise InputError(
            f"{metric}: {values.size} thresholds for {len(scores)} seeds: give each one"
        )
    return values


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) int64 and scores (n_seeds, n) float64, or an InputError."""
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


def write_predictions(
    folder: Path | str, name: str, labels: ArrayLike, scores: ArrayLike, run: str | int
) -> Path:
    """Write one run's scores on the test split in MedMNIST's format and standard naming.

    The name is `{name}_test_[AUC]0.934_[ACC]0.848@{run}.csv`, AUC `nan` if there is one class only
    (`medmnist.evaluator.Evaluator.get_standard_evaluation_filename`); rows are `index,score`, and a
    score reads back as the identical float64. An earlier file of the same run is replaced.

    Args:
        folder: created if absent.
        name: the data set's short name.
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].
        run: what tells this run from others of the same data set; no `@`, slash or backslash.

    Raises:
        InputError: the arrays or names are not as said above, or the folder can't be written.
    """
    truth, answers = _checked(labels, scores)
    metrics = evaluate(truth, answers[0], 0.5)["metrics"]
    auc = math.nan if metrics["auc"] is None else metrics["auc"]
    file_name = f"{name}_test_[AUC]{auc:.3f}_[ACC]{metrics['accuracy']:.3f}@{run}.csv"
    path = _write_rows(Path(folder), file_name, [repr(score) for score in answers[0].tolist()])
    for other in Path(folder).iterdir():
        match = _PREDICTIONS_NAME.fullmatch(other.name)
        if match and other != path and (match["name"], match["run"]) == (name, str(run)):
            other.unlink()
    return path


def write_labels(folder: Path | str, name: str, labels: ArrayLike) -> Path:
    """Write a task's test labels as `{name}_test_labels.csv`, rows `index,label`.

    Raises:
        InputError: labels are not (n,) of 0 and 1, or the folder can't be written.
    """
    truth, _ = _checked(labels, np.zeros(np.shape(labels)))
    return _write_rows(Path(folder), f"{name}_test_labels.csv", [str(x) for x in truth.tolist()])


def read_predictions(path: Path | str) -> np.ndarray:
    """Scores (n,) float64 in [0, 1] of a predictions file, in the order of its indices.

    Raises:
        InputError: the file can't be read, or its rows are not `index,score` with the indices
            0 to n - 1.
    """
    return _read_rows(Path(path))


def read_labels(path: Path | str) -> np.ndarray:
    """Labels (n,) int64 of 0 and 1 of a labels file, in the order of its indices.

    Raises:
        InputError: the file can't be read, or its rows are not `index,label` with the indices
            0 to n - 1.
    """
    labels = _read_rows(Path(path))
    if not np.isin(labels, (0, 1)).all():
        raise InputError(f"{path}: holds labels other than 0 and 1; run the study again")
    return labels.astype(np.int64)


def _write_rows(folder: Path, file_name: str, values: Sequence[str]) -> Path:
    """Write `index,value` rows aside and move them into place."""
    if re.search(r"[/\\]|@.*@", file_name):
        raise InputError(f"{file_name!r} can't be a file's name: leave out '/', '\\' and '@'")
    path, aside = folder / file_name, folder / f".{file_name}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_text("".join(f"{i},{value}\n" for i, value in enumerate(values)))
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may never have come to be
            aside.unlink()
        raise InputError(
            f"{path}: can't be written ({error.strerror}); free or choose another folder"
        ) from error
    return path


def _read_rows(path: Path) -> np.ndarray:
    """Values (n,) in [0, 1] of `index,value` rows, by index."""
    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
        indices = np.array([int(index) for index, _ in rows])
        values = np.array([float(value) for _, value in rows])
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: is not rows of 'index,value'; run the study again") from error
    if not rows or sorted(indices.tolist()) != list(range(len(rows))):
        raise InputError(f"{path}: its indices are not 0 to n - 1; run the study again")
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"{path}: holds values outside [0, 1]; run the study again")
    return values[np.argsort(indices)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute every metric again from predictions files; see the module's docstring.

    Returns:
        Exit code: 0 if all numbers agree or there is nothing to hold them against, 1 if some do
        not, 2 for bad input.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tfmed.evaluation",
        description="Compute every metric again from predictions files and check results.json.",
    )
    parser.add_argument("path", type=Path, help="a reports/<study> folder, or one predictions csv")
    path = parser.parse_args(arguments).path
    try:
        if (path / "results.json").is_file():
            return _recheck(path / "results.json")
        _print_metrics(_prediction_files(path))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("no results.json beside them: nothing to hold these numbers against")
    return 0


def _prediction_files(path: Path) -> list[Path]:
    """The predictions file given, or those in a folder or its `predictions` folder."""
    folder = path / "predictions" if (path / "predictions").is_dir() else path
    files = [path] if path.is_file() else sorted(folder.glob("*.csv"))
    files = [file for file in files if _PREDICTIONS_NAME.fullmatch(file.name)]
    if not files:
        raise InputError(f"{path}: no predictions file of a run is there; run a study first")
    return files


def _print_metrics(files: Sequence[Path]) -> None:
    """A table of the metrics at threshold .5, which need no results.json."""
    print(" ".join(f"{name:>17}" for name in _AT_HALF), " run")
    for file in files:
        metrics = evaluate(*_labels_and_scores(file), threshold=0.5)["metrics"]
        print(_row([metrics[name] for name in _AT_HALF], 17), f" {file.stem.split('@')[-1]}")


def _row(values: Sequence[float | None], width: int) -> str:
    return " ".join(f"{'undefined' if x is None else f'{x:.4f}':>{width}}" for x in values)


def _labels_and_scores(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a predictions file; the labels lie beside it."""
    match = _PREDICTIONS_NAME.fullmatch(file.name)
    if not match:
        raise InputError(f"{file}: its name is not that of a predictions file; don't rename it")
    return read_labels(file.with_name(f"{match['name']}_test_labels.csv")), read_predictions(file)


def _recheck(path: Path) -> int:
    """Compute runs, summary and comparisons of a results.json again; 0 if all numbers agree."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        files = [path.parent / run["predictions"] for run in results["runs"]]
        found = _disagreements(results, files)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a study's results ({error!r}); run it again") from error
    n_numbers, differing = found
    _print_metrics(files)
    for line in differing:
        print(f"differs: {line}")
    verdict = f"{len(differing)} differ" if differing else "all agree"
    print(f"{n_numbers} numbers of {path} computed again from {len(files)} runs: {verdict}")
    return 1 if differing else 0


def _disagreements(results: dict[str, Any], files: Sequence[Path]) -> tuple[int, list[str]]:
    """How many numbers were computed again, and a line for each that differs."""
    runs: dict[tuple, dict[int, tuple]] = {}
    pairs: list[tuple[str, dict, dict | None]] = []
    for run, file in zip(results["runs"], files, strict=True):
        labels, scores = _labels_and_scores(file)
        pairs.append((run["id"], run, evaluate(labels, scores, run["threshold"])))
        of_seed = runs.setdefault(_strategy_key(run, run), {})
        of_seed[run["seed"]] = (labels, scores, run["threshold"])
    for entry in results["summary"]:
        labels, scores, thresholds = _stacked(runs[_strategy_key(entry, entry)])
        summary = {"n_seeds": len(scores), **summarise(labels, scores, thresholds)}
        pairs.append((f"summary {' '.join(map(str, _strategy_key(entry, entry)))}", entry, summary))
    for entry in results["comparisons"]:
        a, b = (runs[_strategy_key(entry, entry[side])] for side in "ab")
        labels, scores_a, thresholds_a = _stacked({seed: a[seed] for seed in a if seed in b})
        _, scores_b, thresholds_b = _stacked({seed: b[seed] for seed in b if seed in a})
        difference = compare(
            labels, scores_a, scores_b, entry["metric"], thresholds_a, thresholds_b
        )
        name = f"{entry['a']['strategy']} - {entry['b']['strategy']} {entry['metric']}"
        pairs.append(
            (f"comparison {entry['task']} {entry['label_budget']} {name}", entry, difference)
        )
    n_numbers, differing = 0, []
    for where, stored, again in pairs:
        for name, value in (again or {}).items():
            old, new = _leaves(stored[name]), _leaves(value)
            n_numbers += len(new)
            if len(old) != len(new) or not all(map(_agree, old, new)):
                differing.append(f"{where} {name}: {_short(stored[name])}, again {_short(value)}")
    return n_numbers, differing


def _strategy_key(entry: dict[str, Any], side: dict[str, Any]) -> tuple:
    """What tells one strategy's runs from another's; `side` holds its strategy and variant."""
    return entry["task"], entry["label_budget"], side["strategy"], side["variant"]


def _stacked(of_seed: dict[int, tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n,), scores (n_seeds, n) and thresholds (n_seeds,), seeds in ascending order."""
    rows = [of_seed[seed] for seed in sorted(of_seed)]
    return rows[0][0], np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def _leaves(value: Any) -> list[Any]:
    """The numbers, texts and Nones of nested lists and dicts, dicts by sorted key."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in _leaves(value[key])]
    return [leaf for x in value for leaf in _leaves(x)] if isinstance(value, list) else [value]


def _agree(old: Any, new: Any) -> bool:
    """Equal up to what rounding in JSON and another machine's sums may change."""
    numbers = isinstance(old, (int, float)) and isinstance(new, (int, float))
    return math.isclose(old, new, abs_tol=1e-6, rel_tol=0) if numbers else old == new


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 90 else f"{text[:90]}…"


if __name__ == "__main__":
    sys.exit(main())
