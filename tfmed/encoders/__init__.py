"""Encoders: image to feature map, one file an architecture.

    >>> settings_class("plain")().latent_channels
    64

A new one is a file with what `Encoder` asks for, and a line in `REGISTRY`. A study names it in
`[encoder]`. No other code knows a side or a width of its feature map: that is the built model's
`output_shape`.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from pydantic import BaseModel

if TYPE_CHECKING:
    import keras

REGISTRY = {
    "plain": "tfmed.encoders.plain",
    "compact": "tfmed.encoders.compact",
    "residual": "tfmed.encoders.residual",
    "applications": "tfmed.encoders.applications",
}
"""Name in a study file to the module; a job depends on the code of the one that it names."""


class Encoder(Protocol):
    """What a module of the registry has; importing it must not import TensorFlow."""

    @property
    def Settings(self) -> type[BaseModel]:  # noqa: N802  # a class of the module
        """What can be set in a study file, `name` among it (pydantic)."""

    def build(
        self, settings: Any, image_shape: tuple[int, int, int], *, name: str = "encoder"
    ) -> "keras.Model":
        """A model from images (n, height, width, channels) to maps (n, side, side, channels).

        Args:
            settings: of this module's `Settings`.
            image_shape: (height, width, channels); square, side at least 8, channels 1 or 3.
            name: of the model.
        """


def encoder(name: str) -> Encoder:
    """The module of an encoder.

    Raises:
        KeyError: the name is not in the registry.
    """
    return cast(Encoder, importlib.import_module(REGISTRY[name]))


def settings_class(name: str) -> type[BaseModel]:
    """What can be set of an encoder; errors as for `encoder`."""
    return encoder(name).Settings


def build(settings: Mapping[str, Any], image_shape: tuple[int, int, int]) -> "keras.Model":
    """The encoder that the plain values of its settings describe, with random weights."""
    module = encoder(settings["name"])
    return module.build(module.Settings(**settings), image_shape)
