"""Strided convolutions with BatchNormalization down to a map of 2 x 2: small and quick to fit."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tfmed.encoders.stages import widths

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
    from keras import layers

    inputs = keras.Input(image_shape, name="image")
    x = inputs
    for stage, width in enumerate(
        widths(image_shape[0], settings.base_filters, settings.channels), 1
    ):
        x = layers.Conv2D(
            width,
            3,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"down_{stage}",
        )(x)
        x = layers.BatchNormalization(name=f"norm_{stage}")(x)
        x = layers.Activation("relu", name=f"relu_{stage}")(x)
    return keras.Model(inputs, pooled(x), name=name)


def pooled(maps: "keras.KerasTensor") -> "keras.KerasTensor":
    """Maps of 2 x 2, means of larger ones: what a place is, to a quarter of the image."""
    from keras import layers

    side = maps.shape[1]
    if side <= _MAP_SIDE:
        return maps
    stride = side // _MAP_SIDE
    return layers.AveragePooling2D(side - stride, stride, name="pooled")(maps)


_MAP_SIDE = 2
