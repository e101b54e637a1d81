"""Several findings at once: an image has any number of them, and each is asked for by itself.

Labels are uint8 of shape (n, L), 0 or 1. Scores are the probabilities of the L findings, float64 of
shape (n, L), or (n_seeds, n, L) for several runs on the same cases. A finding is answered where its
score exceeds a threshold: .5, or the finding's own, chosen on validation labels as in `binary`.

A metric of all findings is the mean over those that the labels define it for: over 13 of 14 where
one has no case.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.design import Loss
from tfmed.errors import InputError
from tfmed.tasks import binary, scoring
from tfmed.tasks.scoring import CHOSEN, OF_CLASS, SMALLEST_PROBABILITY
from tfmed.tasks.stratifying import iterative_parts

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_AT_HALF = ("accuracy", "balanced_accuracy", "macro_f1")
OVERALL_METRICS = (
    *("auc", "average_precision", *_AT_HALF, "log_loss", "brier"),
    *(f"{name}{CHOSEN}" for name in _AT_HALF),
)
OF_A_FINDING = ("auc", "average_precision", f"recall{CHOSEN}", f"precision{CHOSEN}")
COMPARED_METRICS = ("auc", "average_precision", *_AT_HALF)
SERVED_ACCURACY = f"balanced_accuracy{CHOSEN}"
HAS_CURVES = False
SMALLEST_BUDGET = 10
GROUPS = ("no finding", "one finding", "several findings")
"""What images are told apart by in pictures, where each has one colour."""

_NEEDS_BOTH = ("auc", "balanced_accuracy")
_NEEDS_CASES = ("average_precision", "macro_f1", "recall", "precision")
_RANGES = {"log_loss": (0.0, -float(np.log(SMALLEST_PROBABILITY)))}


def metrics_of(n_classes: int) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.metrics_of`: of one finding such as `auc_of_class_3`."""
    found = [_named(name, finding) for name in OF_A_FINDING for finding in range(n_classes)]
    return (*OVERALL_METRICS, *found)


def _named(name: str, finding: int) -> str:
    base = name.removesuffix(CHOSEN)
    return f"{base}{OF_CLASS}{finding}{name[len(base) :]}"


def _parsed(metric: str) -> tuple[str, int | None, bool]:
    """`recall_of_class_2_at_threshold` as `recall`, 2 and True; None of all findings."""
    name, _, number = metric.removesuffix(CHOSEN).partition(OF_CLASS)
    return name, int(number) if number else None, metric.endswith(CHOSEN)


def n_classes_of(scores: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_classes_of`: findings."""
    return scores.shape[-1]


def metric_range(metric: str, n_classes: int) -> tuple[float, float]:
    """As `tfmed.tasks.Task.metric_range`."""
    return _RANGES.get(metric, (0.0, 1.0))


def check_columns(columns: np.ndarray, what: str) -> None:
    """As `tfmed.tasks.Task.check_columns`: two columns or more of 0 and 1."""
    if columns.ndim != 2 or columns.shape[1] < 2:
        raise InputError(
            f"{what} has one column, where several findings need one each: write a column of 0 and "
            "1 for each finding, or leave out task = 'multilabel'"
        )
    binary.check_values(columns, what)
    found = columns.sum(axis=0)
    if not ((found > 0) & (found < len(columns))).any():
        raise InputError(
            f"{what} has no finding that some images have and others have not: put images of both "
            "kinds in every split"
        )


def check_splits(columns: Mapping[str, np.ndarray], names: tuple[str, ...], what: str) -> None:
    """As `tfmed.tasks.Task.check_splits`: every finding that is asked for can be learnt."""
    found = {split: labels_of(values).sum(axis=0) for split, values in columns.items()}
    if len(names) != len(found["train"]):
        raise InputError(
            f"{what} has {len(found['train'])} label columns and {len(names)} names of findings: "
            "give each column a name"
        )
    for number in np.flatnonzero((found["train"] == 0) & (found["test"] > 0))[:1]:
        raise InputError(
            f"{what}: train_labels has no image of finding {number} ({names[number]}), and "
            "test_labels has some: put some into train, or leave the column out"
        )


def labels_of(columns: np.ndarray) -> np.ndarray:
    """The findings, uint8 of shape (n, L)."""
    return (columns.reshape(len(columns), -1) != 0).astype(np.uint8)


def class_names(columns: np.ndarray, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.class_names`: those of the columns, else `finding 0` and so on."""
    return named or tuple(f"finding {number}" for number in range(columns.shape[1]))


def members(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """As `tfmed.tasks.Task.members`; an image may be of several, or of none."""
    return labels == 1


def groups_of(labels: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.groups_of`: how many findings, of `GROUPS`."""
    return np.minimum(labels.sum(axis=1, dtype=int), len(GROUPS) - 1)


def group_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.group_names`."""
    return GROUPS


def check_budget(counts: Sequence[int], n_train: int, n_val: int) -> None:
    """As `tfmed.tasks.Task.check_budget`: an example of every finding that there is."""
    there = sum(count > 0 for count in counts)
    if n_train < there or n_val < 1:
        raise InputError(
            f"a label budget of {n_train + n_val} leaves {n_train} examples to train on, fewer "
            f"than the {there} findings: use a larger one"
        )


def draw(
    labels: np.ndarray, n_train: int, n_val: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As `tfmed.tasks.Task.draw`: `iterative_parts`; every finding is trained on."""
    check_budget(labels.sum(axis=0, dtype=int).tolist(), n_train, n_val)
    train, val, _ = iterative_parts(labels, (n_train, n_val, len(labels) - n_train - n_val), rng)
    return train, val


def output(n_classes: int) -> dict[str, Any]:
    """As `tfmed.tasks.Task.output`: a logistic unit for each finding."""
    return {"units": n_classes, "activation": "sigmoid", "name": "probabilities"}


def targets(labels: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.targets`: (n, L)."""
    return labels.astype("float32")


def loss(name: Loss) -> "keras.losses.Loss":
    """As `tfmed.tasks.Task.loss`: binary cross-entropy or focal loss of gamma 2, mean of findings.

    Of shape (n, L) before the mean, so that `class_weights` weigh each finding of each image.
    """
    import keras

    class OfFindings(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            truth, found = y_true[..., None], y_pred[..., None]
            if name == "focal":
                return keras.losses.binary_focal_crossentropy(truth, found, gamma=2.0)
            return keras.losses.binary_crossentropy(truth, found)

    return OfFindings(name="focal" if name == "focal" else "cross_entropy")


def fit_metrics(plain_loss: str) -> list["keras.metrics.Metric"]:
    """As `tfmed.tasks.Task.fit_metrics`: means over images and findings."""
    return binary.fit_metrics(plain_loss)


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Weights (n, L) float32: of each finding, n / (2 n_c) of the images with and without it.

    Of a finding that all images have or none has, 1.
    """
    cases = labels.sum(axis=0, dtype=float)
    both = (cases > 0) & (cases < len(labels))
    safe = np.where(both, cases, 1.0)
    weights = np.where(labels == 1, 0.5 / safe, 0.5 / np.maximum(len(labels) - safe, 1.0))
    return np.where(both, len(labels) * weights, 1.0).astype("float32")


def scores_of(outputs: np.ndarray) -> np.ndarray:
    """Probabilities of the findings from a model's outputs, float64 of shape (n, L)."""
    return outputs.astype("float64")


def served(outputs: "tf.Tensor", choice: list[float]) -> tuple["tf.Tensor", "tf.Tensor"]:
    """As `tfmed.tasks.Task.served`; compared in float64, in which the thresholds were chosen."""
    import tensorflow as tf

    answered = tf.cast(outputs, tf.float64) > tf.constant(choice, tf.float64)
    return outputs, tf.cast(answered, tf.int32)


def class_of(probabilities: np.ndarray, choice: ArrayLike = binary.HALF) -> np.ndarray:
    """As `tfmed.tasks.Task.class_of`: 0 or 1 for each finding, (n, L)."""
    return answers(probabilities.astype("float64"), choice)


def majority_scores(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.majority_scores`: of each finding by itself."""
    frequent = 2 * labels.sum(axis=0, dtype=int) >= len(labels)
    return np.tile(frequent.astype(float), (len(labels), 1))


def answers(scores: np.ndarray, threshold: ArrayLike = binary.HALF) -> np.ndarray:
    """As `tfmed.tasks.Task.answers`: int64 of the shape of `scores`; one threshold a finding."""
    return (scores > np.asarray(threshold)).astype(np.int64)


def choose(labels: ArrayLike, scores: ArrayLike) -> list[float]:
    """As `tfmed.tasks.Task.choose`: for each finding what `binary.choose` chooses."""
    truth, found = check_cases(labels, scores)
    return [
        binary.choose(of_finding, row) for of_finding, row in zip(truth.T, found[0].T, strict=True)
    ]


def mistakes(labels: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """As `tfmed.tasks.Task.mistakes`: none is shown."""
    return {}


def rounded(scores: np.ndarray) -> list[list[float]]:
    """As `tfmed.tasks.Task.rounded`."""
    return [binary.rounded(row) for row in np.asarray(scores, dtype="float64")]


def check_cases(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """As `tfmed.tasks.Task.check_cases`: labels (n, L) int64, scores (n_seeds, n, L) float64."""
    truth, found = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    found = found[None] if found.ndim == 2 else found
    if truth.ndim != 2 or found.ndim != 3 or truth.size == 0 or found.shape[1:] != truth.shape:
        raise InputError(
            f"labels of shape {truth.shape} and scores of shape {np.shape(scores)} do not match:"
            " give at least one case, labels (n, findings) and scores of that shape or with the "
            "seeds before it"
        )
    if not np.isin(truth, (0, 1)).all():
        raise InputError("labels hold values other than 0 and 1: write 0 or 1 for each finding")
    if not ((found >= 0) & (found <= 1)).all():  # false for NaN too
        raise InputError("scores are NaN or outside [0, 1]: training diverged, or these are logits")
    return truth.astype(np.int64), found


def _defined(name: str, labels: np.ndarray) -> np.ndarray:
    """Which findings the labels define a metric for, bool (L,)."""
    cases = labels.sum(axis=0)
    if name in _NEEDS_BOTH:
        return (cases > 0) & (cases < len(labels))
    return cases > 0 if name in _NEEDS_CASES else np.full(len(cases), True)


def undefined(metric: str, labels: np.ndarray, n_classes: int) -> str | None:
    """As `tfmed.tasks.Task.undefined`."""
    name, finding, _ = _parsed(metric)
    there = _defined(name, labels)
    if finding is None:
        if there.any():
            return None
        return f"needs cases of a finding, and none of {n_classes} findings has enough"
    if there[finding]:
        return None
    if not labels[:, finding].any():
        return f"needs cases of finding {finding}, and there is none"
    return f"needs cases without finding {finding}, and every case has it"


def case_groups(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray | scoring.Group, ...]:
    """As `tfmed.tasks.Task.case_groups`."""
    name, finding, chosen = _parsed(metric)
    cut = np.asarray(thresholds, float).reshape(len(thresholds), 1, -1) if chosen else binary.HALF
    answered = scores > cut
    if finding is not None:
        return _of_finding(name, labels[:, finding], scores[..., finding], answered[..., finding])
    if name == "accuracy":
        return ((answered == labels).mean(axis=2),)
    if name == "brier":
        return (((scores - labels) ** 2).mean(axis=2),)
    if name == "log_loss":
        of_truth = np.where(labels == 1, scores, 1 - scores)
        return (-np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)).mean(axis=2),)
    values = {
        "auc": lambda inside, row, hit: scoring.auc_influence(inside, row),
        "average_precision": lambda inside, row, hit: _precision_values(inside, row),
        "balanced_accuracy": lambda inside, row, hit: _balanced_values(inside, hit),
        "macro_f1": lambda inside, row, hit: scoring.f1_influence(inside, hit),
    }[name]
    inside = labels == 1
    there = np.flatnonzero(_defined(name, labels))
    found = [values(inside[:, f], scores[..., f], answered[..., f]) for f in there]
    return (np.sum(found, axis=0) / len(there),)


def _of_finding(
    name: str, truth: np.ndarray, scores: np.ndarray, answered: np.ndarray
) -> tuple[np.ndarray | scoring.Group, ...]:
    if name == "auc":
        return scoring.auc_values(truth, scores)
    if name == "average_precision":
        return (_precision_values(truth, scores),)
    if name == "recall":
        return (scoring.of_cases(answered.astype(float), truth == 1),)
    return (scoring.precision_influence(truth == 1, answered),)


def _precision_values(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Average precision of one finding plus each case's influence on it, (n_seeds, n)."""
    numbers = truth.astype(int)
    return np.array([scoring.average_precision_values(numbers, row) for row in scores])


def _balanced_values(inside: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """Balanced accuracy of one finding plus each case's influence on it, (n_seeds, n)."""
    right = (answered == inside).astype(float)
    values = np.zeros(right.shape)
    for side in (inside, ~inside):
        rate = right[:, side].mean(axis=1, keepdims=True)
        values += rate / 2
        values[:, side] += (right[:, side] - rate) / 2 * len(inside) / side.sum()
    return values


def n_cases(metric: str, labels: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_cases`.

    A mean over findings rests on few cases of each rare one and on many of the frequent ones: it
    counts as many as Satterthwaite's degrees of freedom (1946) make of variances as 1 / cases.
    """
    name, finding, _ = _parsed(metric)
    cases = labels.sum(axis=0)
    if name in _NEEDS_BOTH:
        cases = np.minimum(cases, len(labels) - cases)
    elif name not in _NEEDS_CASES:
        return len(labels)
    if finding is not None:
        return int(cases[finding])
    known = cases[_defined(name, labels)].astype(float)
    freedom = (1 / known).sum() ** 2 / (known**-2.0 / np.maximum(known - 1, 1)).sum()
    return 1 + max(int(freedom), 1)


def accuracy_and_auc(labels: ArrayLike, scores: ArrayLike) -> dict[str, float | None]:
    """As `tfmed.tasks.Task.accuracy_and_auc`: means over the findings that define them."""
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    truth, found = check_cases(labels, scores)
    there = np.flatnonzero(_defined("auc", truth))
    aucs = sum(float(roc_auc_score(truth[:, f], found[0, :, f])) for f in there)
    rights = [float(np.mean(a == t)) for a, t in zip(answers(found[0]).T, truth.T, strict=True)]
    return {
        "accuracy": sum(rights) / len(rights),
        "auc": float(aucs / len(there)) if len(there) else None,
    }


def confusion(labels: np.ndarray, answers: np.ndarray, n_classes: int) -> list[list[int]]:
    """As `tfmed.tasks.Task.confusion`: a row `[tn, fp, fn, tp]` for each finding."""
    pairs = 2 * labels + answers
    return [np.bincount(column, minlength=4).tolist() for column in pairs.T]
