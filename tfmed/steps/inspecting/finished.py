"""Classifiers as methods of attribution see them: that of a run, and one with random weights."""

from typing import TYPE_CHECKING

from tfmed.data import DatasetInfo
from tfmed.steps import Spec

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tfmed.inspection import Inspected


def inspected(classifier: "keras.Model", task: DatasetInfo) -> "Inspected":
    """A Keras classifier as methods of attribution see it."""
    import tensorflow as tf

    from tfmed.data.pipelines import scale_images
    from tfmed.inspection import Inspected
    from tfmed.inspection.grad_cam import activation_of
    from tfmed.training import fitting

    activation = activation_of(classifier)

    def scores(images: "np.ndarray") -> "np.ndarray":
        return probabilities(fitting.scores(classifier, images, task.task))

    def maps(images: "np.ndarray", numbers: "np.ndarray") -> "np.ndarray":
        return activation(scale_images(tf.constant(images)), tf.constant(numbers)).numpy()

    return Inspected(scores, maps)


def probabilities(scores: "np.ndarray") -> "np.ndarray":
    """Scores of a task as the probability of each class, (n, n_classes)."""
    import numpy as np

    return np.stack([1 - scores, scores], axis=1) if scores.ndim == 1 else scores


def with_random_weights(spec: Spec, task: DatasetInfo) -> "keras.Model":
    """The network of a job's classifiers with random weights, the same ones every time."""
    from tfmed.steps.classify import new_classifier
    from tfmed.training import fitting

    fitting.seed_everything(0)
    return new_classifier(spec, task)
