"""Freezing and the transfer of weights between models; the one place that does either."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np


def set_trainable(model: keras.Model, trainable: bool) -> None:
    """Freezes (`trainable=False`) or frees a model and every layer in it, before it is compiled.

    Args:
        model: the model to freeze or free, usually an encoder. Keras fixes what is trained when a
            model is compiled: of one that is compiled already nothing changes.
        trainable: whether its weights may change; a frozen BatchNormalization also runs in
            inference mode, so that its moving statistics stay as they are.
    """
    model.trainable = trainable
    for layer in model.layers:
        layer.trainable = trainable


def transfer_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies every weight, moving statistics included, from `source` to `target`.

    Raises:
        ValueError: the two differ in the number, order or shape of their weights.
    """
    set_weights(target, weights(source))


def weights(model: keras.Model) -> list[np.ndarray]:
    """Every weight as a numpy array, in the order in which `set_weights` takes them."""
    return [np.array(weight) for weight in model.get_weights()]


def set_weights(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Sets every weight.

    Raises:
        ValueError: the number or a shape differs.
    """
    model.set_weights(list(values))


def packed(name: str, model: keras.Model) -> dict[str, np.ndarray]:
    """Every weight of a model as `name/00000`, `name/00001`, …, to be kept."""
    return {f"{name}/{i:05d}": weight for i, weight in enumerate(weights(model))}


def unpacked(name: str, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The weights that `packed` named, as `set_weights` takes them."""
    return [arrays[key] for key in sorted(arrays) if key.startswith(f"{name}/")]
