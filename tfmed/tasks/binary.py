"""Two classes: label 1 against label 0; of several columns, any label against none.

Labels are uint8 of shape (n,), 0 or 1. Scores are the probability of label 1, float64 of shape
(n,), or (n_seeds, n) for several runs on the same cases; a case is answered 1 if its score exceeds
a threshold, as in `medmnist.evaluator.getACC`: .5, or one chosen on validation labels.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.design import Loss
from tfmed.errors import InputError
from tfmed.tasks import scoring

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

N_CLASSES = 2
FIXED_METRICS = (
    "accuracy",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "brier",
    "ece",
)
_OF_CHOICE = ("accuracy", "balanced_accuracy", "sensitivity", "specificity")
METRICS = (*FIXED_METRICS, *(f"{name}{scoring.CHOSEN}" for name in _OF_CHOICE))
COMPARED_METRICS = (
    "accuracy",
    "auc",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "average_precision",
)
HALF = 0.5
"""The threshold that nothing is chosen for."""
SERVED_ACCURACY = f"accuracy{scoring.CHOSEN}"
HAS_CURVES = True
BINARISE = "any"
"""How several findings become one question: any of them against none."""
SMALLEST_BUDGET = 10
"""Below it 80/20 leaves no validation example of each class."""

_ONE_COLUMN = ("label 0", "label 1")
_ANY_COLUMN = ("no listed finding", "any finding")
_MAKE_BINARY = "make the labels 0 and 1"
_LABELS_NEEDED = {
    "auc": (0, 1),
    "average_precision": (0, 1),
    "balanced_accuracy": (0, 1),
    "sensitivity": (1,),
    "specificity": (0,),
}


def check_columns(columns: np.ndarray, what: str) -> None:
    """As `tfmed.tasks.Task.check_columns`."""
    check_values(columns, what)
    present = np.unique(labels_of(columns))
    if len(present) == N_CLASSES:
        return
    if columns.ndim == 2 and columns.shape[1] > 1 and (columns.sum(axis=1) == 1).all():
        raise InputError(
            f"{what} looks one-hot (each row has a single 1), so no image is without a "
            "finding: write one column of 0 and 1"
        )
    raise InputError(
        f"{what} has only images of class {present[0]} (1 is any label set): "
        "put images of both classes in every split"
    )


def labels_of(columns: np.ndarray) -> np.ndarray:
    """Any finding (1) against none (0), uint8 of shape (n,).

    Args:
        columns: 0/1 of any dtype, shape (n,) or (n, columns).
    """
    rows = columns.reshape(len(columns), -1)
    return (rows != 0).any(axis=1).astype(np.uint8)


def metrics_of(n_classes: int = N_CLASSES) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.metrics_of`: `METRICS`."""
    return METRICS


def n_classes_of(scores: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_classes_of`."""
    return N_CLASSES


def metric_range(metric: str, n_classes: int = N_CLASSES) -> tuple[float, float]:
    """As `tfmed.tasks.Task.metric_range`."""
    return 0.0, 1.0


def check_splits(columns: Mapping[str, np.ndarray], names: tuple[str, ...], what: str) -> None:
    """As `tfmed.tasks.Task.check_splits`: `check_columns` has seen to both classes."""


def class_names(columns: np.ndarray, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.class_names`."""
    return _ONE_COLUMN if columns.ndim == 1 or columns.shape[1] == 1 else _ANY_COLUMN


def members(labels: np.ndarray, n_classes: int = N_CLASSES) -> np.ndarray:
    """As `tfmed.tasks.Task.members`."""
    return labels[:, None] == np.arange(n_classes)


def check_values(columns: np.ndarray, what: str) -> None:
    """Refuse label columns of other values than 0 and 1; arguments as for `check_columns`."""
    if columns.dtype.kind not in "biuf":
        raise InputError(f"{what} has dtype {columns.dtype}, which is not numeric: {_MAKE_BINARY}")
    if columns.dtype.kind == "f" and (n_nan := int(np.isnan(columns).sum())):
        raise InputError(
            f"{what} holds NaN in {n_nan} of {columns.size} places: "
            "label these images or leave them out"
        )
    wrong = (columns != 0) & (columns != 1)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), columns.shape)
        where = f"row {place[0]}" + (f", column {place[1]}" if columns.ndim == 2 else "")
        raise InputError(f"{what} holds {columns[place]} ({where}) and not 0 or 1: {_MAKE_BINARY}")


def groups_of(labels: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.groups_of`: the classes."""
    return labels


def group_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.group_names`."""
    return names


def check_budget(counts: Sequence[int], n_train: int, n_val: int) -> None:
    """As `tfmed.tasks.Task.check_budget`: an example of both classes in both parts."""
    if min(counts) < 2:
        raise InputError(
            f"the training split has {min(counts)} example(s) of one class; a label budget needs "
            "one to train on and one to validate on, so give more"
        )


def draw(
    labels: np.ndarray, n_train: int, n_val: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As `tfmed.tasks.Task.draw`: each part has the class balance of `labels`, rounded."""
    orders = [rng.permutation(np.flatnonzero(labels == value)) for value in range(N_CLASSES)]
    check_budget(list(map(len, orders)), n_train, n_val)
    share = len(orders[1]) / len(labels)
    val_positives = min(max(round(n_val * share), 1), n_val - 1)
    positives = min(max(round((n_train + n_val) * share) - val_positives, 1), n_train - 1)
    # Rounding must not ask for more of a class than there is.
    positives = min(positives, len(orders[1]) - val_positives)
    positives = max(positives, n_train - (len(orders[0]) - (n_val - val_positives)))
    train, val = [], []
    for order, take, take_val in (
        (orders[0], n_train - positives, n_val - val_positives),
        (orders[1], positives, val_positives),
    ):
        val.append(order[:take_val])
        train.append(order[take_val : take_val + take])
    return np.concatenate(train), np.concatenate(val)


def output(n_classes: int = N_CLASSES) -> dict[str, Any]:
    """As `tfmed.tasks.Task.output`: one logistic unit, the probability of label 1."""
    return {"units": n_classes - 1, "activation": "sigmoid", "name": "probability"}


def targets(labels: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.targets`: (n, 1)."""
    return labels.astype("float32")[:, None]


def loss(name: Loss) -> "keras.losses.Loss":
    """As `tfmed.tasks.Task.loss`: binary cross-entropy, or focal loss (Lin et al. 2017).

    Focal loss has gamma 2 and no class balancing. The weights of `class_weighted` come with the
    examples: `class_weights`.
    """
    import keras

    if name == "focal":
        return keras.losses.BinaryFocalCrossentropy(gamma=2.0)
    return keras.losses.BinaryCrossentropy()


def fit_metrics(plain_loss: str) -> list["keras.metrics.Metric"]:
    """As `tfmed.tasks.Task.fit_metrics`."""
    import keras

    return [
        keras.metrics.BinaryAccuracy("accuracy"),
        keras.metrics.BinaryCrossentropy(plain_loss),
    ]


def class_weights(labels: np.ndarray) -> Mapping[int, float]:
    """Weights n / (2 n_c) of the classes, which make both weigh the same in sum."""
    counts = np.bincount(labels, minlength=N_CLASSES)
    return {label: float(len(labels) / (N_CLASSES * max(n, 1))) for label, n in enumerate(counts)}


def scores_of(outputs: np.ndarray) -> np.ndarray:
    """Probability of label 1 from a model's outputs (n, 1), float64 of shape (n,)."""
    return outputs[:, 0].astype("float64")


def served(outputs: "tf.Tensor", choice: float) -> tuple["tf.Tensor", "tf.Tensor"]:
    """As `tfmed.tasks.Task.served`; compared in float64, in which the threshold was chosen."""
    import tensorflow as tf

    positive = outputs[:, 0]
    answered = tf.cast(tf.cast(positive, tf.float64) > choice, tf.int32)
    return tf.stack([1 - positive, positive], axis=1), answered


def class_of(probabilities: np.ndarray, choice: float = HALF) -> np.ndarray:
    """As `tfmed.tasks.Task.class_of`."""
    return answers(probabilities[:, 1].astype("float64"), choice)


def majority_scores(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.majority_scores`."""
    return np.full(len(labels), float(2 * labels.sum() >= len(labels)))


def answers(scores: np.ndarray, threshold: float = HALF) -> np.ndarray:
    """As `tfmed.tasks.Task.answers`: int64 of the shape of `scores`."""
    return (scores > threshold).astype(np.int64)


def choose(labels: ArrayLike, scores: ArrayLike) -> float:
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
    truth, found = check_cases(labels, scores)
    values = np.unique(found[0])
    if len(values) == 1 or truth.min() == truth.max():
        return HALF
    edges = np.unique(np.concatenate([[0.0], values, [1.0]]))
    # Between adjacent floats the midpoint may round up to the upper one and change its answer.
    middles = np.minimum((edges[:-1] + edges[1:]) / 2, np.nextafter(edges[1:], 0))
    candidates = np.append(middles, 1.0)
    positives, negatives = np.sort(found[0][truth == 1]), np.sort(found[0][truth == 0])
    true_positives = len(positives) - np.searchsorted(positives, candidates, side="right")
    true_negatives = np.searchsorted(negatives, candidates, side="right")
    # In integers, so that ties are exact.
    youden = true_positives * len(negatives) + true_negatives * len(positives)
    best = candidates[youden == youden.max()]
    return float(best[np.argmin(np.abs(best - HALF))])


def mistakes(labels: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """As `tfmed.tasks.Task.mistakes`: `false_positives` and `false_negatives`."""
    wrong = {
        "false_positives": np.flatnonzero((scores > HALF) & (labels == 0)),
        "false_negatives": np.flatnonzero((scores <= HALF) & (labels == 1)),
    }
    return {
        kind: places[np.argsort(-np.abs(scores[places] - HALF), kind="stable")]
        for kind, places in wrong.items()
    }


def rounded(scores: np.ndarray) -> list[float]:
    """As `tfmed.tasks.Task.rounded`."""
    found = np.round(np.asarray(scores, dtype="float64"), 4)
    found[(scores > HALF) & (found <= HALF)] = 0.5001
    return found.tolist()


def check_cases(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """As `tfmed.tasks.Task.check_cases`: labels (n,) int64 and scores (n_seeds, n) float64."""
    truth, found = np.asarray(labels), np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if truth.ndim != 1 or found.ndim != 2 or truth.size == 0 or found.shape[1] != truth.size:
        raise InputError(
            f"labels of shape {truth.shape} and scores of shape {np.shape(scores)} do not match:"
            " give at least one case, labels (n,) and scores (n,) or (n_seeds, n)"
        )
    if not np.isin(truth, (0, 1)).all():
        raise InputError("labels hold values other than 0 and 1: make them binary first")
    if not ((found >= 0) & (found <= 1)).all():  # false for NaN too
        raise InputError("scores are NaN or outside [0, 1]: training diverged, or these are logits")
    return truth.astype(np.int64), found


def undefined(metric: str, labels: np.ndarray, n_classes: int = N_CLASSES) -> str | None:
    """As `tfmed.tasks.Task.undefined`."""
    for label in _LABELS_NEEDED.get(metric.removesuffix(scoring.CHOSEN), ()):
        if not (labels == label).any():
            return f"needs cases of label {label}, and every label is {1 - label}"
    return None


def case_groups(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray | scoring.Group, ...]:
    """As `tfmed.tasks.Task.case_groups`."""
    positive, negative = labels == 1, labels == 0
    name = metric.removesuffix(scoring.CHOSEN)
    cut = thresholds[:, None] if metric.endswith(scoring.CHOSEN) else HALF
    if name == "auc":
        return scoring.auc_values(labels, scores)
    if name == "average_precision":
        return (np.array([scoring.average_precision_values(labels, row) for row in scores]),)
    if name == "brier":
        return ((scores - labels) ** 2,)
    if name == "ece":
        return (np.array([scoring.calibration_gaps(labels, row) for row in scores]),)
    right = ((scores > cut) == positive).astype(float)
    return {
        "accuracy": (right,),
        "sensitivity": (scoring.of_cases(right, positive),),
        "specificity": (scoring.of_cases(right, negative),),
        "balanced_accuracy": tuple(
            scoring.of_cases(right / 2, inside) for inside in (positive, negative)
        ),
    }[name]


def n_cases(metric: str, labels: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_cases`."""
    needed = _LABELS_NEEDED.get(metric.removesuffix(scoring.CHOSEN), ())
    return min((int((labels == label).sum()) for label in needed), default=len(labels))


def accuracy_and_auc(labels: ArrayLike, scores: ArrayLike) -> dict[str, float | None]:
    """As `tfmed.tasks.Task.accuracy_and_auc`: accuracy at .5; AUC needs both classes."""
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    truth, found = check_cases(labels, scores)
    both = 0 < truth.sum() < len(truth)
    return {
        "accuracy": float(np.mean((found[0] > HALF) == truth)),
        "auc": float(roc_auc_score(truth, found[0])) if both else None,
    }


def confusion(
    labels: np.ndarray, answers: np.ndarray, n_classes: int = N_CLASSES
) -> list[list[int]]:
    """As `tfmed.tasks.Task.confusion`: `[[tn, fp], [fn, tp]]`."""
    size = (N_CLASSES, N_CLASSES)
    return np.bincount(N_CLASSES * labels + answers, minlength=N_CLASSES**2).reshape(size).tolist()
