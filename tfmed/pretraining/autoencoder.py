"""Autoencoder: the encoder and a decoder that mirrors it reproduce the image (squared error)."""

from typing import TYPE_CHECKING, Literal

from tfmed.pretraining import PretrainingSettings

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TITLE = "Autoencoder"
PAPER = (
    "Hinton & Salakhutdinov (2006), Reducing the dimensionality of data with neural networks; "
    "convolutional as Masci et al. (2011), Stacked convolutional auto-encoders"
)
RECONSTRUCTS = True


class Settings(PretrainingSettings):
    """Nothing beyond what every method has."""

    method: Literal["autoencoder"] = "autoencoder"


def build(settings: Settings, encoder: "keras.Model") -> "keras.Model":
    """`decoder(encoder(x))`; both keep their identity and train with it."""
    from tfmed.pretraining.parts.decoder import build_reconstructing

    return build_reconstructing(encoder, "autoencoder")


def loss(settings: Settings) -> str:
    """Mean squared error of the pixels."""
    return "mse"


def views(
    settings: Settings, images: "tf.Tensor", seed: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor"]:
    """The images, and again the images."""
    return images, images
