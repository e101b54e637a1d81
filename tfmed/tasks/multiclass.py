"""Several classes, of which an image has exactly one: the class with the highest probability.

Labels are uint8 of shape (n,), 0 to k - 1. Scores are the probabilities of the k classes, float64
of shape (n, k), or (n_seeds, n, k) for several runs on the same cases; they sum to 1. A case is
answered by its most probable class, as in `medmnist.evaluator.getACC`, so that nothing is chosen on
validation labels.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.design import Loss
from tfmed.errors import InputError
from tfmed.tasks import scoring
from tfmed.tasks.scoring import OF_CLASS, SMALLEST_PROBABILITY

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

OVERALL_METRICS = (
    *("accuracy", "auc", "balanced_accuracy", "macro_f1"),
    *("log_loss", "brier", "ece"),
)
OF_A_CLASS = ("auc", "recall", "precision")
"""What is measured for each class: such as `recall_of_class_2`."""
COMPARED_METRICS = ("accuracy", "auc", "balanced_accuracy", "macro_f1")
SERVED_ACCURACY = "accuracy"
SMALLEST_BUDGET = 10
HAS_CURVES = False
MOST_CLASSES = 255

_NEEDS_ALL = ("auc", "balanced_accuracy", "macro_f1")
_RANGES = {"log_loss": (0.0, -float(np.log(SMALLEST_PROBABILITY))), "brier": (0.0, 2.0)}
_SUM_AGREES = 1e-3


def metrics_of(n_classes: int) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.metrics_of`."""
    of_classes = (f"{name}{OF_CLASS}{c}" for name in OF_A_CLASS for c in range(n_classes))
    return (*OVERALL_METRICS, *of_classes)


def n_classes_of(scores: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_classes_of`."""
    return scores.shape[-1]


def metric_range(metric: str, n_classes: int) -> tuple[float, float]:
    """As `tfmed.tasks.Task.metric_range`."""
    return _RANGES.get(metric, (0.0, 1.0))


def check_columns(columns: np.ndarray, what: str) -> None:
    """As `tfmed.tasks.Task.check_columns`: one column of whole numbers from 0."""
    if columns.ndim == 2 and columns.shape[1] > 1:
        raise InputError(
            f"{what} has {columns.shape[1]} columns, where several classes need one: write the "
            "number of each image's class, 0 to k - 1"
        )
    if columns.dtype.kind not in "biuf":
        raise InputError(
            f"{what} has dtype {columns.dtype}, which is not numeric: make the labels 0 to k - 1"
        )
    whole = np.isfinite(columns) & (columns == np.floor(columns)) & (columns >= 0)
    whole &= columns < MOST_CLASSES
    if not whole.all():
        place = np.unravel_index(int((~whole).argmax()), columns.shape)
        raise InputError(
            f"{what} holds {columns[place]} (row {place[0]}) and not a whole number from 0 to "
            f"{MOST_CLASSES - 1}: make the labels 0 to k - 1"
        )


def check_splits(columns: Mapping[str, np.ndarray], names: tuple[str, ...], what: str) -> None:
    """As `tfmed.tasks.Task.check_splits`: every class has an image in every split."""
    for split, values in columns.items():
        labels = labels_of(values)
        if labels.max() >= len(names):
            raise InputError(
                f"{what}: {split}_labels holds class {labels.max()}, and there are only the "
                f"{len(names)} classes 0 to {len(names) - 1}: correct the labels"
            )
        for number in np.flatnonzero(np.bincount(labels, minlength=len(names)) == 0)[:1]:
            raise InputError(
                f"{what}: {split}_labels has no image of class {number} ({names[number]}): "
                "put images of every class in every split"
            )


def labels_of(columns: np.ndarray) -> np.ndarray:
    """The number of the class, uint8 of shape (n,)."""
    return columns.reshape(-1).astype(np.uint8)


def class_names(columns: np.ndarray, named: tuple[str, ...] = ()) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.class_names`: `class 0`, `class 1` and so on, to the largest label."""
    return tuple(f"class {number}" for number in range(int(columns.max()) + 1))


def members(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """As `tfmed.tasks.Task.members`."""
    return labels[:, None] == np.arange(n_classes)


def groups_of(labels: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.groups_of`: the classes."""
    return labels


def group_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """As `tfmed.tasks.Task.group_names`."""
    return names


def check_budget(counts: Sequence[int], n_train: int, n_val: int) -> None:
    """As `tfmed.tasks.Task.check_budget`: an example of every class."""
    if n_train < len(counts) or n_val < 1:
        raise InputError(
            f"a label budget of {n_train + n_val} leaves {n_train} examples to train on, fewer "
            f"than the {len(counts)} classes: use a larger one"
        )
    if min(counts) < 2:
        raise InputError(
            f"the training split has {min(counts)} example(s) of class "
            f"{counts.index(min(counts))}; a label budget needs one to train on and one to "
            "validate on, so give more"
        )


def draw(
    labels: np.ndarray, n_train: int, n_val: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As `tfmed.tasks.Task.draw`: each part has the class balance of `labels`, rounded.

    Every class has at least one example to train on, and one to validate on where `n_val` allows.
    """
    counts = np.bincount(labels)
    k = len(counts)
    check_budget(counts.tolist(), n_train, n_val)
    of_val = _shares(counts, n_val, counts - 1, least=int(n_val >= k))
    of_train = _shares(counts, n_train, counts - of_val, least=1)
    train, val = [], []
    for number in range(k):
        order = rng.permutation(np.flatnonzero(labels == number))
        val.append(order[: of_val[number]])
        train.append(order[of_val[number] : of_val[number] + of_train[number]])
    return np.concatenate(train), np.concatenate(val)


def _shares(counts: np.ndarray, n: int, most: np.ndarray, least: int) -> np.ndarray:
    """N in shares proportional to counts, each between `least` and its `most` (largest gaps)."""
    wanted = n * counts / counts.sum()
    found = np.clip(np.floor(wanted).astype(int), least, most)
    while (missing := n - int(found.sum())) != 0:
        gap = wanted - found
        if missing > 0:
            found[np.where(found < most, gap, -np.inf).argmax()] += 1
        else:
            found[np.where(found > least, gap, np.inf).argmin()] -= 1
    return found


def output(n_classes: int) -> dict[str, Any]:
    """As `tfmed.tasks.Task.output`: softmax over the classes."""
    return {"units": n_classes, "activation": "softmax", "name": "probabilities"}


def targets(labels: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.targets`: the number of the class, (n, 1)."""
    return labels.astype("float32")[:, None]


def loss(name: Loss) -> "keras.losses.Loss":
    """As `tfmed.tasks.Task.loss`: cross-entropy, or focal loss (Lin et al. 2017) of gamma 2."""
    import keras

    if name != "focal":
        return keras.losses.SparseCategoricalCrossentropy()

    class Focal(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            of_class = keras.ops.one_hot(
                keras.ops.cast(y_true[:, 0], "int32"), y_pred.shape[-1], dtype=y_pred.dtype
            )
            return keras.losses.categorical_focal_crossentropy(
                of_class, y_pred, alpha=1.0, gamma=2.0
            )

    return Focal(name="focal")


def fit_metrics(plain_loss: str) -> list["keras.metrics.Metric"]:
    """As `tfmed.tasks.Task.fit_metrics`."""
    import keras

    return [
        keras.metrics.SparseCategoricalAccuracy("accuracy"),
        keras.metrics.SparseCategoricalCrossentropy(plain_loss),
    ]


def class_weights(labels: np.ndarray) -> Mapping[int, float]:
    """Weights n / (k n_c) of the classes, which make all weigh the same in sum."""
    counts = np.bincount(labels)
    return {label: float(len(labels) / (len(counts) * max(n, 1))) for label, n in enumerate(counts)}


def scores_of(outputs: np.ndarray) -> np.ndarray:
    """Probabilities of the classes from a model's outputs, float64 of shape (n, k)."""
    return outputs.astype("float64")


def served(outputs: "tf.Tensor", choice: None) -> tuple["tf.Tensor", "tf.Tensor"]:
    """As `tfmed.tasks.Task.served`."""
    import tensorflow as tf

    return outputs, tf.argmax(outputs, axis=-1, output_type=tf.int32)


def class_of(probabilities: np.ndarray, choice: None = None) -> np.ndarray:
    """As `tfmed.tasks.Task.class_of`."""
    return answers(probabilities)


def majority_scores(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """As `tfmed.tasks.Task.majority_scores`."""
    k = n_classes_of(scores)
    found = np.zeros((len(labels), k))
    found[:, np.bincount(labels, minlength=k).argmax()] = 1.0
    return found


def answers(scores: np.ndarray, threshold: None = None) -> np.ndarray:
    """As `tfmed.tasks.Task.answers`: int64 of shape (n,) or (n_seeds, n)."""
    return scores.argmax(axis=-1)


def choose(labels: ArrayLike, scores: ArrayLike) -> None:
    """As `tfmed.tasks.Task.choose`: there is nothing to choose."""
    return


def mistakes(labels: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """As `tfmed.tasks.Task.mistakes`: none is shown; the confusion matrix says which are made."""
    return {}


def rounded(scores: np.ndarray) -> list[list[float]]:
    """As `tfmed.tasks.Task.rounded`."""
    found = np.round(np.asarray(scores, dtype="float64"), 4)
    rows, first = np.arange(len(found)), answers(scores)
    tied = found.argmax(axis=-1) != first
    found[rows[tied], first[tied]] += 1e-4
    return np.round(found, 4).tolist()


def check_cases(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """As `tfmed.tasks.Task.check_cases`: labels (n,) int64, scores (n_seeds, n, k) float64."""
    truth, found = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    found = found[None] if found.ndim == 2 else found
    if truth.ndim != 1 or found.ndim != 3 or truth.size == 0 or found.shape[1] != truth.size:
        raise InputError(
            f"labels of shape {truth.shape} and scores of shape {np.shape(scores)} do not match:"
            " give at least one case, labels (n,) and scores (n, k) or (n_seeds, n, k)"
        )
    k = found.shape[2]
    if not np.isin(truth, np.arange(k)).all():
        raise InputError(f"labels hold values other than 0 to {k - 1}: give a score for each class")
    if not ((found >= 0) & (found <= 1)).all():  # false for NaN too
        raise InputError("scores are NaN or outside [0, 1]: training diverged, or these are logits")
    if not (np.abs(found.sum(axis=2) - 1) <= _SUM_AGREES).all():
        raise InputError("the scores of a case do not sum to 1: give the probability of each class")
    return truth.astype(np.int64), found


def undefined(metric: str, labels: np.ndarray, n_classes: int) -> str | None:
    """As `tfmed.tasks.Task.undefined`."""
    counts = np.bincount(labels, minlength=n_classes)
    name, number = _parsed(metric)
    if number is not None:
        if counts[number] == 0:
            return f"needs cases of class {number}, and there is none"
        if name == "auc" and counts[number] == len(labels):
            return f"needs cases of other classes, and every label is {number}"
        return None
    if metric in _NEEDS_ALL and (counts == 0).any():
        return (
            f"needs cases of every class, and only {int((counts > 0).sum())} of {n_classes} "
            "classes have any"
        )
    return None


def case_groups(
    metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray | scoring.Group, ...]:
    """As `tfmed.tasks.Task.case_groups`."""
    name, number = _parsed(metric)
    answered = answers(scores)
    if number is not None:
        return _of_class(name, number, labels, scores, answered)
    k, right = n_classes_of(scores), (answered == labels).astype(float)
    truth = members(labels, k)
    if metric == "accuracy":
        return (right,)
    if metric == "auc":
        # Groups that share cases: a small class has its own correction for few cases so.
        return tuple(
            scoring.Group(part.values / k, part.cases)
            for c in range(k)
            for part in scoring.auc_values(truth[:, c].astype(int), scores[..., c])
        )
    if metric == "balanced_accuracy":
        return tuple(scoring.of_cases(right / k, truth[:, c]) for c in range(k))
    if metric == "macro_f1":
        return (
            np.mean([scoring.f1_influence(truth[:, c], answered == c) for c in range(k)], axis=0),
        )
    if metric == "log_loss":
        return (-np.log(np.maximum(scores[:, truth], SMALLEST_PROBABILITY)),)
    if metric == "brier":
        return (((scores - truth) ** 2).sum(axis=2),)
    if metric == "ece":
        gaps = zip(right, scores.max(axis=2), strict=True)
        return (np.array([scoring.calibration_gaps(hit, sure) for hit, sure in gaps]),)
    raise KeyError(metric)


def _of_class(
    name: str, number: int, labels: np.ndarray, scores: np.ndarray, answered: np.ndarray
) -> tuple[np.ndarray | scoring.Group, ...]:
    inside = labels == number
    if name == "auc":
        return scoring.auc_values(inside.astype(int), scores[..., number])
    if name == "recall":
        return (scoring.of_cases((answered == number).astype(float), inside),)
    return (scoring.precision_influence(inside, answered == number),)


def _parsed(metric: str) -> tuple[str, int | None]:
    """`recall_of_class_2` as `recall` and 2; of what is no metric of a class None."""
    name, found, number = metric.partition(OF_CLASS)
    return (name, int(number)) if found else (metric, None)


def n_cases(metric: str, labels: np.ndarray) -> int:
    """As `tfmed.tasks.Task.n_cases`."""
    _, number = _parsed(metric)
    counts = np.bincount(labels)
    if number is not None:
        inside = int(counts[number])
        return min(inside, len(labels) - inside) if metric.startswith("auc") else inside
    if metric not in _NEEDS_ALL:
        return len(labels)
    # Welch's (1938) and Satterthwaite's (1946) degrees of freedom of a sum over the classes, each
    # as uncertain as its number of cases makes it.
    parts = 1 / counts[counts > 0]
    if parts.max() == 1:
        return 1
    return 1 + int(parts.sum() ** 2 / (parts**3 / (1 - parts)).sum())


def accuracy_and_auc(labels: ArrayLike, scores: ArrayLike) -> dict[str, float | None]:
    """As `tfmed.tasks.Task.accuracy_and_auc`: AUC is the mean over one class against the rest."""
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    truth, found = check_cases(labels, scores)
    k = n_classes_of(found)
    auc = 0.0
    for c in range(k):  # summed and divided as medmnist does, to the last digit
        inside = truth == c
        if not 0 < inside.sum() < len(truth):
            auc = np.nan
            break
        auc += roc_auc_score(inside, found[0, :, c])
    return {
        "accuracy": float(np.mean(answers(found[0]) == truth)),
        "auc": None if np.isnan(auc) else float(auc / k),
    }


def confusion(labels: np.ndarray, answers: np.ndarray, n_classes: int) -> list[list[int]]:
    """As `tfmed.tasks.Task.confusion`."""
    found = np.bincount(n_classes * labels + answers, minlength=n_classes**2)
    return found.reshape(n_classes, n_classes).tolist()
