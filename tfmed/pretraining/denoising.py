"""Denoising autoencoder: the encoder and a decoder remove noise from the image."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tfmed.pretraining import PretrainingSettings

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TITLE = "Denoising autoencoder"
PAPER = (
    "Vincent et al. (2008), Extracting and composing robust features with denoising autoencoders"
)
RECONSTRUCTS = True


class Settings(PretrainingSettings):
    """How much noise there is to remove.

    Attributes:
        noise: standard deviation of Gaussian noise, as a share of the range of grey levels.
    """

    method: Literal["denoising"] = "denoising"
    noise: float = Field(default=0.2, gt=0, le=1)


def build(settings: Settings, encoder: "keras.Model") -> "keras.Model":
    """`decoder(encoder(x))`, as the autoencoder's."""
    from tfmed.pretraining.parts.decoder import build_reconstructing

    return build_reconstructing(encoder, "denoising")


def loss(settings: Settings) -> str:
    """Mean squared error of the pixels, against the image without noise."""
    return "mse"


def views(
    settings: Settings, images: "tf.Tensor", seed: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor"]:
    """Images with noise, and the images; noise may leave [0, 1]."""
    import tensorflow as tf

    return images + settings.noise * tf.random.stateless_normal(tf.shape(images), seed), images
