"""The losses that classifiers are fitted with."""

from collections.abc import Mapping

import keras
import numpy as np

from tfmed.design import Loss


def loss_of(loss: Loss) -> keras.losses.Loss:
    """`plain` and `class_weighted`: binary cross-entropy; `focal` as in Lin et al. (2017).

    Focal loss has gamma 2 and no class balancing. The weights of `class_weighted` come with the
    examples: `class_weights`.
    """
    if loss == "focal":
        return keras.losses.BinaryFocalCrossentropy(gamma=2.0)
    return keras.losses.BinaryCrossentropy()


def class_weights(labels: np.ndarray) -> Mapping[int, float]:
    """Weights n / (2 n_c) of the classes 0 and 1, which make both weigh the same in sum."""
    counts = np.bincount(labels, minlength=2)
    return {label: float(len(labels) / (2 * max(n, 1))) for label, n in enumerate(counts)}
