"""Tasks: what is asked of an image. The rest of tfmed asks a task, and never assumes two classes.

A new one is a file with what `Task` asks for, and a line in `REGISTRY`.

    >>> task_of("binary").class_names(1)
    ('label 0', 'label 1')
"""

import importlib
from typing import Protocol, cast

import numpy as np

from tfmed.errors import InputError

REGISTRY = {
    "binary": "tfmed.tasks.binary",
}
"""Name to module; a job depends on the code of the one that its data set names."""


class Task(Protocol):
    """What a module of the registry has; importing it must not import TensorFlow.

    Labels have two forms. The *columns* are those of a data set's file: one row an image, one or
    several columns. The *labels* are what a classifier is fitted to and scored on.
    """

    def check_columns(self, columns: np.ndarray, what: str) -> None:
        """Refuse label columns of which the task cannot be made.

        Args:
            columns: as stored, of any dtype, shape (n,) or (n, columns), not empty.
            what: what to call them in a message, such as `own.npz: train_labels`.

        Raises:
            InputError: dtype or a value is wrong, or a class has no image.
        """

    def labels_of(self, columns: np.ndarray) -> np.ndarray:
        """Labels of columns that `check_columns` accepts."""

    def class_names(self, n_columns: int) -> tuple[str, ...]:
        """Names of the classes of a data set that names none itself."""

    def counts(self, labels: np.ndarray) -> tuple[int, ...]:
        """Images of each class, in the order of `class_names`."""


def task_of(name: str) -> Task:
    """The module of a task.

    Raises:
        InputError: the name is not in the registry.
    """
    if name not in REGISTRY:
        raise InputError(f"task {name!r} is unknown: use one of {', '.join(REGISTRY)}")
    return cast(Task, importlib.import_module(REGISTRY[name]))
