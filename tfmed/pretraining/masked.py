"""Masked autoencoder: the encoder and a decoder fill in patches that were taken out of the image.

The encoder here is a convolutional one and sees grey in their place, as in SimMIM; leaving patches
out altogether, as He et al. (2022) do, needs a transformer.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from tfmed.pretraining import PretrainingSettings

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TITLE = "Masked autoencoder"
PAPER = (
    "He et al. (2022), Masked autoencoders are scalable vision learners; "
    "with grey patches as Xie et al. (2022), SimMIM"
)
RECONSTRUCTS = False
GREY = 0.5


class Settings(PretrainingSettings):
    """What is taken out.

    Attributes:
        patches: along each side of the image.
        masked: share of the patches taken out.
    """

    method: Literal["masked"] = "masked"
    patches: int = Field(default=7, ge=2, le=64)
    masked: float = Field(default=0.6, gt=0, lt=1)


def build(settings: Settings, encoder: "keras.Model") -> "keras.Model":
    """`decoder(encoder(x))`, as the autoencoder's."""
    from tfmed.pretraining.parts.decoder import build_reconstructing

    return build_reconstructing(encoder, "masked")


def loss(settings: Settings) -> "object":
    """Mean squared error over the pixels that were taken out, of each image."""
    return masked_error


def masked_error(targets: "tf.Tensor", answers: "tf.Tensor") -> "tf.Tensor":
    """Squared errors where the mask is 1, their mean.

    Args:
        targets: (n, side, side, channels + 1): images, and after them the mask.
        answers: (n, side, side, channels).

    Returns:
        (n,).
    """
    import tensorflow as tf

    images, mask = targets[..., :-1], targets[..., -1:]
    errors = tf.reduce_mean(tf.square(answers - images), axis=-1, keepdims=True) * mask
    return tf.reduce_sum(errors, axis=(1, 2, 3)) / tf.reduce_sum(mask, axis=(1, 2, 3))


def views(
    settings: Settings, images: "tf.Tensor", seed: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor"]:
    """Images with patches of grey in them, and the images with the mask as one more channel.

    Of each image the same number of patches is taken out: the share that is set, rounded.
    """
    import tensorflow as tf

    n, side = tf.shape(images)[0], images.shape[1]
    patches = min(settings.patches, side)
    count = patches * patches
    taken = min(max(round(settings.masked * count), 1), count - 1)
    order = tf.argsort(tf.random.stateless_uniform((n, count), seed), axis=1)
    grid = tf.reshape(tf.cast(tf.argsort(order, axis=1) < taken, tf.float32), (n, patches, patches))
    places = [i * patches // side for i in range(side)]
    mask = tf.gather(tf.gather(grid, places, axis=1), places, axis=2)[..., None]
    return images * (1 - mask) + GREY * mask, tf.concat([images, mask], axis=-1)
