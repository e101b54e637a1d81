"""Tasks: what is asked of an image. The rest of tfmed asks a task, and never assumes two classes.

A new one is a file with what `Task` asks for, and a line in `REGISTRY`. Importing one must not
import TensorFlow.

    >>> task_of("binary").class_names(np.array([0, 1]))
    ('label 0', 'label 1')
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from tfmed.design import Loss
from tfmed.errors import InputError
from tfmed.tasks.scoring import Group

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

REGISTRY = {
    "binary": "tfmed.tasks.binary",
    "multiclass": "tfmed.tasks.multiclass",
    "ordinal": "tfmed.tasks.ordinal",
    "multilabel": "tfmed.tasks.multilabel",
}
"""Name to module; a job depends on the code of the one that its data set names."""

BETWEEN, NO_FINDING = "|", "no listed finding"
"""What stands between several findings of one image, and in place of none."""
UNLABELLED = "unlabelled"
"""In a task's place, where images have no labels."""

OF_TRAINING = (
    *("labels_of", "members", "groups_of", "draw", "SMALLEST_BUDGET", "check_budget"),
    "check_cases",
    *("output", "targets", "loss", "fit_metrics", "class_weights", "scores_of", "answers"),
    "choose",
)
"""What of a task shapes a classifier and its scores; the rest only measures or serves them."""
OF_MEASURING = (
    *(
        "metrics_of",
        "n_classes_of",
        "metric_range",
        "COMPARED_METRICS",
        "HAS_CURVES",
        "check_cases",
        "labels_of",
        "members",
        "groups_of",
        "answers",
        "undefined",
    ),
    *("case_groups", "n_cases", "accuracy_and_auc", "confusion"),
)
"""What of a task shapes metrics and comparisons."""


class Task(Protocol):
    """What a module of the registry has.

    Labels have two forms. The *columns* are those of a data set's file: one row an image, one or
    several columns. The *labels* are what a classifier is fitted to and scored on. *Scores* are
    what a run keeps of its outputs, one row a case, for several runs on the same cases with a
    leading axis of seeds. A *choice* is what is chosen on validation labels before the test split
    is read: a threshold, or one for each finding; None where there is nothing to choose.
    """

    @property
    def COMPARED_METRICS(self) -> tuple[str, ...]:  # noqa: N802  # a constant, like those below
        """Those that strategies are compared by, all corrected together."""

    @property
    def SERVED_ACCURACY(self) -> str:  # noqa: N802
        """The metric that is the accuracy of what an exported model answers."""

    @property
    def HAS_CURVES(self) -> bool:  # noqa: N802
        """Whether a case has one score, by which ROC and calibration are drawn."""

    @property
    def SMALLEST_BUDGET(self) -> int:  # noqa: N802
        """The smallest label budget that can be split."""

    def metrics_of(self, n_classes: int) -> tuple[str, ...]:
        """Every metric in order; those that depend on a choice end in `scoring.CHOSEN`."""

    def n_classes_of(self, scores: np.ndarray) -> int:
        """Classes that scores of one or several runs are for."""

    def metric_range(self, metric: str, n_classes: int) -> tuple[float, float]:
        """The smallest and the largest value that a metric can have."""

    def check_columns(self, columns: np.ndarray, what: str) -> None:
        """Refuse label columns of which the task cannot be made.

        Args:
            columns: as stored, of any dtype, shape (n,) or (n, columns), not empty.
            what: what to call them in a message, such as `own.npz: train_labels`.

        Raises:
            InputError: dtype or a value is wrong, or a class has no image.
        """

    def check_splits(
        self, columns: Mapping[str, np.ndarray], names: tuple[str, ...], what: str
    ) -> None:
        """Refuse what `check_columns` can't see in one split.

        Args:
            columns: split to its label columns.
            names: of the classes.
            what: what to call the data set in a message.

        Raises:
            InputError: a split lacks a class, or holds one that has no name.
        """

    def labels_of(self, columns: np.ndarray) -> np.ndarray:
        """Labels of columns that `check_columns` accepts, one row an image."""

    def class_names(self, columns: np.ndarray, named: tuple[str, ...] = ...) -> tuple[str, ...]:
        """Names of the classes of a data set that names none, by all its columns.

        Args:
            columns: of all splits.
            named: names of the columns, where they are known.
        """

    def members(self, labels: np.ndarray, n_classes: int) -> np.ndarray:
        """Whether each image is of each class, bool of shape (n, n_classes)."""

    def groups_of(self, labels: np.ndarray) -> np.ndarray:
        """One number for each image, (n,), by which pictures and latent spaces tell them apart."""

    def group_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Names of these groups, by the names of the classes."""

    def check_budget(self, counts: Sequence[int], n_train: int, n_val: int) -> None:
        """Refuse a label budget that is too small for the classes.

        Args:
            counts: images of each class in the training split.
            n_train: examples to train on.
            n_val: examples to validate on.

        Raises:
            InputError: a class would have no example to train on, or has too few images.
        """

    def draw(
        self, labels: np.ndarray, n_train: int, n_val: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Disjoint rows to train on and to validate on, stratified.

        Raises:
            InputError: as for `check_budget`.
        """

    def output(self, n_classes: int) -> dict[str, Any]:
        """Arguments of the head's last `keras.layers.Dense`: units, activation and name."""

    def targets(self, labels: np.ndarray) -> np.ndarray:
        """What the outputs are fitted to, float32 of shape (n, units)."""

    def loss(self, name: Loss) -> "keras.losses.Loss":
        """A loss by its name in a study."""

    def fit_metrics(self, plain_loss: str) -> list["keras.metrics.Metric"]:
        """What is measured while fitting: `accuracy`, and the plain loss under the name given."""

    def class_weights(self, labels: np.ndarray) -> Mapping[int, float] | np.ndarray:
        """Weight of each class in the loss `class_weighted`, or of each output of each example."""

    def scores_of(self, outputs: np.ndarray) -> np.ndarray:
        """Scores, float64, from a model's outputs (n, units)."""

    def served(self, outputs: "tf.Tensor", choice: Any) -> tuple["tf.Tensor", "tf.Tensor"]:
        """What an exported model computes from its outputs, in its graph.

        Returns:
            The probability of each class, (n, n_classes), and the number of the class that is
            answered, int32 (n,); where it may be several, 0 or 1 for each, int32 (n, n_classes).
        """

    def class_of(self, probabilities: np.ndarray, choice: Any = ...) -> np.ndarray:
        """What `served` answers, from the probabilities (n, n_classes)."""

    def majority_scores(self, labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Scores, shaped as these of one run, of always answering the most frequent label."""

    def answers(self, scores: np.ndarray, choice: Any = ...) -> np.ndarray:
        """Labels that are answered to scores, by default with nothing chosen."""

    def choose(self, labels: ArrayLike, scores: ArrayLike) -> Any:
        """The choice for these validation labels and scores, as a JSON value."""

    def mistakes(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
        """Rows of the cases answered wrongly with nothing chosen, the most confident first.

        Returns:
            Kind of mistake to rows.
        """

    def rounded(self, scores: np.ndarray) -> list[Any]:
        """Scores to four digits that keep what is answered, for pages."""

    def check_cases(self, labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Labels and scores as arrays, scores with the leading axis of seeds.

        Raises:
            InputError: shapes do not match, or labels or scores are out of range.
        """

    def undefined(self, metric: str, labels: np.ndarray, n_classes: int) -> str | None:
        """Why these labels do not define one of the metrics, or None if they do."""

    def case_groups(
        self, metric: str, labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray
    ) -> tuple[np.ndarray | Group, ...]:
        """Per-case values of one of the metrics that these labels define.

        Args:
            metric: its name.
            labels: of `check_cases`.
            scores: of `check_cases`.
            thresholds: a choice for each seed, used by metrics that depend on one.

        Returns:
            Per group of cases an array (n_seeds, n) of all of them, or `scoring.of_cases` of those
            of one class. The sum of their row means is the metric.
        """

    def n_cases(self, metric: str, labels: np.ndarray) -> int:
        """Cases that the metric rests on, one more than the degrees of freedom of its variance.

        Those of the smallest class that it needs; all, if it needs none. A mean over classes has
        more than its smallest class; it is 1 where a class that it needs has one case.
        """

    def accuracy_and_auc(self, labels: ArrayLike, scores: ArrayLike) -> dict[str, float | None]:
        """`accuracy` and `auc` of one run as `medmnist.evaluator` has them, to the last digit.

        Raises:
            InputError: as for `check_cases`.
        """

    def confusion(self, labels: np.ndarray, answers: np.ndarray, n_classes: int) -> list[Any]:
        """Counts of cases; rows are the true class, columns the class answered.

        Where an image may be of several, a row `[tn, fp, fn, tp]` for each.
        """


def task_of(name: str) -> Task:
    """The module of a task; of `UNLABELLED` one that only reads.

    Raises:
        InputError: the name is not in the registry.
    """
    if name == UNLABELLED:
        return cast(Task, importlib.import_module("tfmed.tasks.unlabelled"))
    if name not in REGISTRY:
        raise InputError(f"task {name!r} is unknown: use one of {', '.join(REGISTRY)}")
    return cast(Task, importlib.import_module(REGISTRY[name]))


def task_for(columns: Sequence[np.ndarray]) -> str:
    """The task of a data set that names none, by the label columns of its splits.

    One column of integers that, all splits together, are 0 to k - 1 with k above 2 is
    `multiclass`; everything else is `binary`, and refused there where it is not.
    """
    if any(each.dtype.kind not in "iu" or each.shape[:1] != (each.size,) for each in columns):
        return "binary"
    values = np.unique(np.concatenate([each.ravel() for each in columns]))
    whole = np.array_equal(values, np.arange(len(values)))
    return "multiclass" if whole and len(values) > 2 else "binary"


def answer_names(answered: np.ndarray, names: Sequence[str]) -> list[str]:
    """What `Task.class_of` answers, in words: the class, or the findings between `|`."""
    if answered.ndim == 1:
        return [names[int(number)] for number in answered]
    return [
        BETWEEN.join(names[int(number)] for number in np.flatnonzero(row)) or NO_FINDING
        for row in answered
    ]


def code_of(name: str, used: tuple[str, ...]) -> tuple[str, ...]:
    """Definitions that a job depends on, `module:name` each, of `OF_TRAINING` or the like."""
    if name == UNLABELLED:
        return ()
    return tuple(f"{REGISTRY[name]}:{each}" for each in used)


def class_counts(name: str, labels: np.ndarray, n_classes: int) -> tuple[int, ...]:
    """Images of each class of a task, by their labels."""
    return tuple(task_of(name).members(labels, n_classes).sum(axis=0).tolist())
