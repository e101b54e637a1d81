"""Pretraining methods: how an encoder is trained without labels, one file a method.

    >>> settings_class("autoencoder")().fit.epochs
    20

A new one is a file with what `Method` asks for, and a line in `REGISTRY`. A study names it in
`[pretraining]`.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, cast

from pydantic import BaseModel, ConfigDict, Field

from tfmed.training.settings import PretrainingFit

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

REGISTRY = {
    "autoencoder": "tfmed.pretraining.autoencoder",
    "denoising": "tfmed.pretraining.denoising",
    "masked": "tfmed.pretraining.masked",
    "simclr": "tfmed.pretraining.simclr",
    "vicreg": "tfmed.pretraining.vicreg",
}
"""Name in a study file to the module; a job depends on the code of the one that it names."""


Width = Annotated[int, Field(ge=1, le=65_536)]
"""Numbers that a layer gives."""


class PretrainingSettings(BaseModel):
    """What can be set of every method; a method's `Settings` says its name and adds its own.

    Attributes:
        method: its name in the registry.
        fit: how long and how fast.
        images: training images of which data set: the source's, the target's, or both. Of the
            target no labels are used, and never images of its validation or test split.
        held_out: share of those images that is not trained on but measured after each epoch, for
            early stopping; 0 measures the source's validation images instead, as the earlier
            report did.
        max_images: limits the images used (0: all).
        seed: of weights, shuffling and the choice of images.
        repeats: pretrains so many times, with `seed`, `seed` + 1, …, each time for all seeds of the
            classifiers, so that intervals carry the variance of pretraining too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    method: str
    fit: PretrainingFit = PretrainingFit(batch_size=128, patience=3)
    images: Literal["source", "target", "source+target"] = "source+target"
    held_out: float = Field(default=0.05, ge=0, le=0.5)
    max_images: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    repeats: int = Field(default=3, ge=1, le=100)


class Method(Protocol):
    """What a module of the registry has; importing it must not import TensorFlow.

    The encoder is trained inside a model around it: with a decoder, a projection, or nothing. What
    that model is given and what is asked of it are the `views` of a batch of images: the images
    themselves twice for an autoencoder, two crops for a contrastive method.
    """

    @property
    def Settings(self) -> type[PretrainingSettings]:  # noqa: N802  # a class of the module
        """What can be set in a study file, `method` among it (pydantic)."""

    @property
    def TITLE(self) -> str:  # noqa: N802  # a constant of the module
        """Its name for people, such as `Autoencoder`."""

    @property
    def PAPER(self) -> str:  # noqa: N802
        """Where it comes from: authors, year, title."""

    @property
    def RECONSTRUCTS(self) -> bool:  # noqa: N802
        """Whether the model answers with an image of the shape of its input, in [0, 1].

        Reconstructions are measured and shown then.
        """

    def build(self, settings: Any, encoder: "keras.Model") -> "keras.Model":
        """The model that is fitted, around this very encoder."""

    def loss(self, settings: Any) -> Any:
        """What `keras.Model.compile` takes: of targets and the model's answers."""

    def views(self, settings: Any, images: "tf.Tensor", seed: "tf.Tensor") -> tuple[Any, Any]:
        """Inputs and targets of the model, made in the graph of the input pipeline.

        Args:
            settings: of this module's `Settings`.
            images: float32 (n, height, width, channels) in [0, 1].
            seed: int64 (2,), another one for every batch, for stateless random numbers.
        """


def method(name: str) -> Method:
    """The module of a pretraining method.

    Raises:
        KeyError: the name is not in the registry.
    """
    return cast(Method, importlib.import_module(REGISTRY[name]))


def settings_class(name: str) -> type[PretrainingSettings]:
    """What can be set of a method; errors as for `method`."""
    return method(name).Settings


def settings_of(values: Mapping[str, Any]) -> PretrainingSettings:
    """A method's settings from their plain values, `method` among them."""
    return settings_class(values["method"])(**values)
