"""Strided convolutions down to a map of 4 x 4 or less: the encoder of the default study.

The map is 4 x 4 for the sides of MedMNIST (28, 64, 128 and 224), 3 x 3 for some others, such as 96.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tfmed.encoders.stages import strided, widths

if TYPE_CHECKING:
    import keras


class Settings(BaseModel):
    """Architecture of the encoder.

    Attributes:
        name: in the registry.
        latent_channels: channels of the output map; an embedding has one number for each channel
            and place of the map, 16 times as many where it is 4 x 4.
        base_filters: channels of the first convolution at least; they double up to
            `latent_channels`.
        batch_norm: a BatchNormalization after every convolution.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["plain"] = "plain"
    latent_channels: int = Field(default=64, ge=4, le=1024)
    base_filters: int = Field(default=16, ge=1, le=1024)
    batch_norm: bool = False


def build(
    settings: Settings, image_shape: tuple[int, int, int], *, name: str = "encoder"
) -> "keras.Model":
    """As `tfmed.encoders.Encoder.build`: maps of `latent_channels`, 4 x 4 or less."""
    import keras

    inputs = keras.Input(image_shape, name="image")
    channels = widths(image_shape[0], settings.base_filters, settings.latent_channels)
    maps = strided(inputs, channels, batch_norm=settings.batch_norm)
    return keras.Model(inputs, maps, name=name)
