"""VICReg: two views of an image are to be alike, while embeddings stay spread and uncorrelated."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tfmed.pretraining import PretrainingSettings, Width
from tfmed.pretraining.parts.views import ViewSettings
from tfmed.training.settings import PretrainingFit

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TITLE = "VICReg"
PAPER = (
    "Bardes et al. (2022), VICReg: variance-invariance-covariance regularization for "
    "self-supervised learning"
)
RECONSTRUCTS = False
_EPSILON = 1e-4
_SPREAD = 1.0  # standard deviation below which a coordinate is pushed apart


class Settings(PretrainingSettings):
    """What each of the three terms weighs.

    Attributes:
        fit: a batch holds two views of each of its images.
        invariance: weight of the squared distance between two views.
        variance: weight of what lacks to a standard deviation of 1.
        covariance: weight of the squared covariances between coordinates.
        projection: widths of the layers behind the encoder, the last one compared.
        views: how far views may be from their image.
    """

    method: Literal["vicreg"] = "vicreg"
    fit: PretrainingFit = PretrainingFit()
    invariance: float = Field(default=25.0, ge=0)
    variance: float = Field(default=25.0, ge=0)
    covariance: float = Field(default=1.0, ge=0)
    projection: tuple[Width, ...] = Field(
        default=(256, 256), min_length=1, max_length=5, strict=False
    )
    views: ViewSettings = ViewSettings()


def build(settings: Settings, encoder: "keras.Model") -> "keras.Model":
    """`projection(encoder(x))`."""
    from tfmed.pretraining.parts.projection import build_projected

    return build_projected(encoder, settings.projection)


def loss(settings: Settings) -> Any:
    """The weighted sum of the three terms, once for each view of the batch."""

    def vicreg(_: "tf.Tensor", answers: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        return tf.fill((tf.shape(answers)[0],), regularised(settings, answers))

    return vicreg


def regularised(settings: Settings, projected: "tf.Tensor") -> "tf.Tensor":
    """The loss of a batch (Bardes et al. 2022, algorithm 1).

    Args:
        settings: the weights.
        projected: (2 n, width); view i + n is of the same image as view i.
    """
    import tensorflow as tf

    pair = tf.split(projected, 2)
    apart = tf.reduce_mean(tf.square(pair[0] - pair[1]))
    narrow, correlated = 0.0, 0.0
    for each in pair:
        centred = each - tf.reduce_mean(each, axis=0)
        below = tf.cast(tf.maximum(tf.shape(each)[0] - 1, 1), each.dtype)
        covariances = tf.matmul(centred, centred, transpose_a=True) / below
        variances = tf.linalg.diag_part(covariances)
        narrow += tf.reduce_mean(tf.nn.relu(_SPREAD - tf.sqrt(variances + _EPSILON)))
        others = tf.linalg.set_diag(covariances, tf.zeros_like(variances))
        correlated += tf.reduce_sum(tf.square(others)) / each.shape[1]
    return (
        settings.invariance * apart + settings.variance * narrow + settings.covariance * correlated
    )


def views(
    settings: Settings, images: "tf.Tensor", seed: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor"]:
    """As `two_views`."""
    from tfmed.pretraining.parts.views import two_views

    return two_views(settings.views, images, seed)
