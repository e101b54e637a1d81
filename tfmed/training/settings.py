"""How long and how fast to fit, as a study file sets it; needs no TensorFlow."""

import functools
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

Auto = Literal["auto"]
SEEN = 300_000
"""Images of `SEEN_SIDE` that `auto` epochs show a model in all, each as often as it is seen: those
of an epoch times the epochs. Of larger ones, as many as have the same number of pixels."""
SEEN_SIDE = 28
EPOCHS = (10, 100)
BATCHES = ((8192, 256), (2048, 128), (0, 64))
"""Images from which on `auto` takes a batch of this size."""
BATCH_PIXELS, SMALLEST_BATCH = 256 * 64**2, 16
"""Of larger images `auto` halves a batch until it has at most so many pixels: what a step keeps of
each image to find its gradient grows with them. Of 224 x 224, a SimCLR step of 256 images took a
process to 6.7 GB, and one of 16 to 4.5 GB."""


class FitSettings(BaseModel):
    """How long and how fast to fit.

    Attributes:
        epochs: the most epochs to fit.
        batch_size: images in a batch.
        learning_rate: of the Adam optimiser.
        patience: epochs without a better validation loss after which fitting stops; 0 fits all
            epochs and keeps the last weights.
        augment: change training images a little each time they are seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=1, le=65_536)
    learning_rate: float = Field(gt=0, le=10)
    patience: int = Field(ge=0)
    augment: bool = False


def _auto_or(most: int, value: Any) -> Any:
    """`auto`, or an integer from 1 on; refused as `tfmed.config.items.refusal` does."""
    if value == "auto":
        return value
    if type(value) is not int:
        wrong = "must be an integer or 'auto'"
    elif not 1 <= value <= most:
        wrong = f"is out of range; it must be 'auto' or from 1 to {most}"
    else:
        return value
    raise PydanticCustomError("refused", "{wrong}", {"value": value, "wrong": wrong, "at": ""})


class PretrainingFit(BaseModel):
    """How long and how fast to fit without labels; `auto` is chosen by the number of images.

    Attributes:
        epochs: the most epochs to fit; `auto`: as many as see `SEEN` images, within
            `EPOCHS`; fewer where images are larger.
        batch_size: images in a batch; `auto`: as `BATCHES`, fewer where images are larger.
        learning_rate: as of `FitSettings`, as the others are.
        patience: there.
        augment: there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epochs: Annotated[int | Auto, BeforeValidator(functools.partial(_auto_or, 100_000))] = "auto"
    batch_size: Annotated[int | Auto, BeforeValidator(functools.partial(_auto_or, 65_536))] = "auto"
    learning_rate: float = Field(default=2e-3, gt=0, le=10)
    patience: int = Field(default=0, ge=0)
    augment: bool = False

    def resolved(self, n_images: int, side: int = SEEN_SIDE) -> FitSettings:
        """The same for so many training images of this side, nothing `auto` any more."""
        epochs, batch_size = self.epochs, self.batch_size
        if epochs == "auto":
            seen = SEEN * min(1.0, (SEEN_SIDE / side) ** 2)
            epochs = min(max(round(seen / max(n_images, 1)), EPOCHS[0]), EPOCHS[1])
        if batch_size == "auto":
            size = next(size for least, size in BATCHES if n_images >= least)
            while size > SMALLEST_BATCH and size * side**2 > BATCH_PIXELS:
                size //= 2
            batch_size = size
        return FitSettings(**{**dict(self), "epochs": epochs, "batch_size": batch_size})
