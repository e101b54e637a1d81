"""Pretraining methods: where an encoder's weights come from, one file a method.

    >>> settings_class("autoencoder")().fit.epochs
    20

A new one is a file with what `Method` asks for, and a line in `REGISTRY`. A study names it in
`[pretraining]`.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from tfmed.training.settings import PretrainingFit

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from tfmed.data import DatasetInfo
    from tfmed.training.fitting import Fit

REGISTRY = {
    "autoencoder": "tfmed.pretraining.autoencoder",
    "denoising": "tfmed.pretraining.denoising",
    "masked": "tfmed.pretraining.masked",
    "simclr": "tfmed.pretraining.simclr",
    "vicreg": "tfmed.pretraining.vicreg",
    "supervised": "tfmed.pretraining.supervised",
    "imagenet": "tfmed.pretraining.imagenet",
}
"""Name in a study file to the module; a job depends on the code of the one that it names."""


Width = Annotated[int, Field(ge=1, le=65_536)]
"""Numbers that a layer gives."""


LearnsFrom = Literal["images", "labels", "nothing"]
"""What a method trains on here: images without labels, the source's labels, or nothing at all."""

QUICK_EPOCHS, QUICK_IMAGES = 5, 2000
"""Of a quick study, at most."""


class MethodSettings(BaseModel):
    """What every table of `[pretraining]` has, and what a study has to know of the method.

    Attributes:
        LEARNS_FROM: `nothing`, unless it is one of those below.
        ENCODERS: names of the encoders that the method has weights for; none named: of any.
        method: its name in the registry.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    LEARNS_FROM: ClassVar[LearnsFrom] = "nothing"
    ENCODERS: ClassVar[tuple[str, ...]] = ()

    method: str

    def seeds(self) -> list[int]:
        """The seed of each pretraining; one, where it changes nothing."""
        return [0]

    def files(self) -> dict[str, str]:
        """Setting to SHA-256 of the file that it names, part of a job's key.

        Raises:
            InputError: a file is none that the method can take.
        """
        return {}

    def quickened(self) -> Self:
        """The same for a quick study."""
        return self


class FittedSettings(MethodSettings):
    """What can be set of a method that fits the encoder, to the source's labels.

    Attributes:
        fit: how long and how fast.
        max_images: limits the images used (0: all).
        seed: of weights, shuffling and the choice of images.
        repeats: pretrains so many times, with `seed`, `seed` + 1, …, each time for all seeds of the
            classifiers, so that intervals carry the variance of pretraining too.
    """

    LEARNS_FROM: ClassVar[LearnsFrom] = "labels"

    fit: PretrainingFit = PretrainingFit(batch_size=128, patience=3)
    max_images: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    repeats: int = Field(default=3, ge=1, le=100)

    def seeds(self) -> list[int]:
        """One for each time that the encoder is pretrained."""
        return [(self.seed + number) % 2**32 for number in range(self.repeats)]

    def quickened(self) -> Self:
        """Once, with fewer images and epochs."""
        epochs = QUICK_EPOCHS if self.fit.epochs == "auto" else min(self.fit.epochs, QUICK_EPOCHS)
        fit = self.fit.model_copy(update={"epochs": epochs})
        images = min(self.max_images or QUICK_IMAGES, QUICK_IMAGES)
        return self.model_copy(update={"fit": fit, "max_images": images, "repeats": 1})


class PretrainingSettings(FittedSettings):
    """What can be set of a method that learns from images without labels.

    Attributes:
        images: training images of which data set: the source's, the target's, or both. Of the
            target no labels are used, and never images of its validation or test split.
        held_out: share of those images that is not trained on but measured after each epoch, for
            early stopping; 0 measures the source's validation images instead, as the earlier
            report did.
    """

    LEARNS_FROM: ClassVar[LearnsFrom] = "images"

    images: Literal["source", "target", "source+target"] = "source+target"
    held_out: float = Field(default=0.05, ge=0, le=0.5)


@dataclass(frozen=True)
class Initialised:
    """What `Method.initialise` did.

    Attributes:
        model: what was fitted, with the encoder in it; the encoder itself where nothing was.
        fit: how it went.
        n_train: images trained on.
    """

    model: "keras.Model"
    fit: "Fit"
    n_train: int


class Method(Protocol):
    """What a module of the registry has; importing it must not import TensorFlow.

    One that learns from images without labels has `build`, `loss` and `views`; another has
    `initialise` in their place (`MethodSettings.LEARNS_FROM`).

    The first trains the encoder inside a model around it: with a decoder, a projection, or nothing.
    What that model is given and what is asked of it are the `views` of a batch of images: the
    images themselves twice for an autoencoder, two crops for a contrastive method.
    """

    @property
    def Settings(self) -> type[MethodSettings]:  # noqa: N802  # a class of the module
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

    def initialise(
        self,
        settings: Any,
        encoder: "keras.Model",
        source: "DatasetInfo",
        say: Callable[[float], None],
    ) -> Initialised:
        """Gives this very encoder its weights; the target is never seen.

        Args:
            settings: of this module's `Settings`.
            encoder: with random weights.
            source: the data set pretrained on.
            say: takes the share of the work that is done.

        Raises:
            InputError: weights can't be had, or are of another encoder.
        """


def method(name: str) -> Method:
    """The module of a pretraining method.

    Raises:
        KeyError: the name is not in the registry.
    """
    return cast(Method, importlib.import_module(REGISTRY[name]))


def settings_class(name: str) -> type[MethodSettings]:
    """What can be set of a method; errors as for `method`."""
    return method(name).Settings


def settings_of(values: Mapping[str, Any]) -> MethodSettings:
    """A method's settings from their plain values, `method` among them."""
    return settings_class(values["method"])(**values)
