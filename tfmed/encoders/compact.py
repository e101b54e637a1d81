"""Strided convolutions with BatchNormalization down to a map of 2 x 2: small and quick to fit."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tfmed.encoders.stages import pooled, strided, widths

if TYPE_CHECKING:
    import keras


class Settings(BaseModel):
    """Architecture of the encoder.

    Attributes:
        name: in the registry.
        channels: of the output map; an embedding has four times as many numbers.
        base_filters: channels of the first convolution at least; they double up to `channels`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["compact"] = "compact"
    channels: int = Field(default=64, ge=4, le=1024)
    base_filters: int = Field(default=16, ge=1, le=1024)


def build(
    settings: Settings, image_shape: tuple[int, int, int], *, name: str = "encoder"
) -> "keras.Model":
    """As `tfmed.encoders.Encoder.build`: maps of `channels`, 2 x 2."""
    import keras

    inputs = keras.Input(image_shape, name="image")
    channels = widths(image_shape[0], settings.base_filters, settings.channels)
    maps = pooled(strided(inputs, channels, batch_norm=True))
    return keras.Model(inputs, maps, name=name)
