"""Residual blocks of separable convolutions down to a map of 2 x 2, below 100,000 parameters.

Blocks as He et al. (2016), convolutions as Chollet (2017), Xception.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from tfmed.encoders.stages import normed, pooled, widths

if TYPE_CHECKING:
    import keras


class Settings(BaseModel):
    """Architecture of the encoder.

    Attributes:
        name: in the registry.
        channels: of the output map; an embedding has four times as many numbers.
        base_filters: channels of the first stage at least; they double up to `channels`.
        stem_filters: channels of a first convolution at the image's full side; 0: none. On a CPU
            it costs more than all the rest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["residual"] = "residual"
    channels: int = Field(default=96, ge=4, le=1024)
    base_filters: int = Field(default=24, ge=1, le=1024)
    stem_filters: int = Field(default=0, ge=0, le=1024)


def build(
    settings: Settings, image_shape: tuple[int, int, int], *, name: str = "encoder"
) -> "keras.Model":
    """As `tfmed.encoders.Encoder.build`: maps of `channels`, 2 x 2."""
    import keras

    inputs = keras.Input(image_shape, name="image")
    x = inputs
    if settings.stem_filters:
        x = _normed(_convolved(x, settings.stem_filters, 1, "stem"), "stem")
    for stage, width in enumerate(
        widths(image_shape[0], settings.base_filters, settings.channels), 1
    ):
        x = _normed(_convolved(x, width, 2, f"down_{stage}"), f"down_{stage}")
        x = _block(x, width, f"block_{stage}")
    return keras.Model(inputs, pooled(x), name=name)


def _convolved(x: "keras.KerasTensor", width: int, stride: int, name: str) -> "keras.KerasTensor":
    from keras import layers

    return layers.Conv2D(
        width,
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def _block(x: "keras.KerasTensor", width: int, name: str) -> "keras.KerasTensor":
    """x, and on top of it what a separable convolution makes of it."""
    from keras import layers

    change = layers.SeparableConv2D(
        width,
        3,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        pointwise_initializer="he_normal",
        name=name,
    )(x)
    change = normed(change, f"{name}_norm")
    added = layers.Add(name=f"{name}_added")([x, change])
    return layers.Activation("relu", name=f"{name}_relu")(added)


def _normed(x: "keras.KerasTensor", name: str) -> "keras.KerasTensor":
    from keras import layers

    x = normed(x, f"{name}_norm")
    return layers.Activation("relu", name=f"{name}_relu")(x)
