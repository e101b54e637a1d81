"""How long and how fast to fit, as a study file sets it; needs no TensorFlow."""

from pydantic import BaseModel, ConfigDict, Field


class FitSettings(BaseModel):
    """How long and how fast to fit.

    Attributes:
        epochs: the most epochs to fit.
        batch_size: images in a batch.
        learning_rate: of the Adam optimiser.
        patience: epochs without a better validation loss after which fitting stops; 0 fits all
            epochs and keeps the last weights.
        augment: shift training images by a few pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    epochs: int = Field(ge=1, le=100_000)
    batch_size: int = Field(ge=1, le=65_536)
    learning_rate: float = Field(gt=0, le=10)
    patience: int = Field(ge=0)
    augment: bool = False
