"""SimCLR: two views of an image are to be nearer to each other than to those of other images."""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from tfmed.pretraining import PretrainingSettings, Width
from tfmed.pretraining.parts.views import ViewSettings
from tfmed.training.settings import PretrainingFit

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TITLE = "SimCLR"
PAPER = "Chen et al. (2020), A simple framework for contrastive learning of visual representations"
RECONSTRUCTS = False


class Settings(PretrainingSettings):
    """What is compared, and how sharply.

    Attributes:
        fit: a batch holds two views of each of its images.
        temperature: divides similarities.
        projection: widths of the layers behind the encoder, the last one compared.
        views: how far views may be from their image.
    """

    method: Literal["simclr"] = "simclr"
    fit: PretrainingFit = PretrainingFit()
    temperature: float = Field(default=0.2, gt=0, le=10)
    projection: tuple[Width, ...] = Field(
        default=(256, 128), min_length=1, max_length=5, strict=False
    )
    views: ViewSettings = ViewSettings()


def build(settings: Settings, encoder: "keras.Model") -> "keras.Model":
    """`projection(encoder(x))`."""
    from tfmed.pretraining.parts.projection import build_projected

    return build_projected(encoder, settings.projection)


def loss(settings: Settings) -> Any:
    """NT-Xent of each view."""

    def nt_xent(_: "tf.Tensor", answers: "tf.Tensor") -> "tf.Tensor":
        return contrasted(answers, settings.temperature)

    return nt_xent


def contrasted(projected: "tf.Tensor", temperature: float) -> "tf.Tensor":
    """Normalised temperature-scaled cross-entropy of each view (Chen et al. 2020, equation 1).

    Args:
        projected: (2 n, width); view i + n is of the same image as view i.
        temperature: divides cosine similarities.

    Returns:
        (2 n,).
    """
    import tensorflow as tf

    unit = tf.math.l2_normalize(projected, axis=1)
    similar = tf.matmul(unit, unit, transpose_b=True) / temperature
    views = tf.shape(projected)[0]
    similar = tf.linalg.set_diag(similar, tf.fill((views,), similar.dtype.min))
    other = tf.math.floormod(tf.range(views) + views // 2, views)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(other, similar)


def views(
    settings: Settings, images: "tf.Tensor", seed: "tf.Tensor"
) -> tuple["tf.Tensor", "tf.Tensor"]:
    """As `two_views`."""
    from tfmed.pretraining.parts.views import two_views

    return two_views(settings.views, images, seed)
