"""What a finished classifier looks at, and what it withstands.

A method of attribution is a file with what `Method` asks for, and a line in `REGISTRY`. It sees a
classifier as `Inspected`, so that the same code explains a Keras model and an exported one.

    >>> method("grad-cam").TITLE
    'Grad-CAM'
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

REGISTRY = {
    "occlusion": "tfmed.inspection.occlusion",
    "grad-cam": "tfmed.inspection.grad_cam",
}
"""Name to module; a job depends on the code of those that its settings name."""


@dataclass(frozen=True)
class Inspected:
    """A classifier as methods of attribution see it.

    Attributes:
        scores: uint8 images (n, height, width, channels) to the probability of each class, floats
            (n, n_classes).
        activation: such images and the number of a class for each, int32 (n,), to class activation
            maps, float32 (n, rows, columns): see `tfmed.inspection.grad_cam`.
    """

    scores: Callable[[np.ndarray], np.ndarray]
    activation: Callable[[np.ndarray, np.ndarray], np.ndarray]


class Method(Protocol):
    """What a module of the registry has; importing it must not import TensorFlow."""

    @property
    def TITLE(self) -> str:  # noqa: N802  # a constant, like the next
        """Its name for people."""

    @property
    def PAPER(self) -> str:  # noqa: N802
        """Where it comes from."""

    def attribution(
        self, inspected: Inspected, images: np.ndarray, numbers: np.ndarray
    ) -> np.ndarray:
        """How much each pixel of some images speaks for a class.

        Args:
            inspected: the classifier.
            images: uint8 (n, height, width, channels).
            numbers: of the class of each, int (n,).

        Returns:
            float64 (n, height, width); above 0 where the image speaks for the class.
        """


def method(name: str) -> Method:
    """The module of a method of attribution.

    Raises:
        KeyError: the name is not in the registry.
    """
    return cast(Method, importlib.import_module(REGISTRY[name]))
