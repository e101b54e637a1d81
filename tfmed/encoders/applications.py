"""Any architecture of `keras.applications`, with what it does to images before, down to 2 x 2.

Its weights are random when it is built; pretraining fits them, and `imagenet` gives those that were
published. Images are made larger first, since these networks halve a map five times.
"""

import warnings
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticKnownError

from tfmed.encoders.stages import pooled

if TYPE_CHECKING:
    import keras

PUBLISHED = "imagenet"
"""What Keras calls the weights that were published."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's training images in [0, 1], by channel."""
MOMENTUM = 0.99
"""Of moving statistics at most: with more they are still the initial ones after a short fit."""
_SCALINGS: dict[str, dict[str, Any]] = {
    "symmetric": {"scale": 2.0, "offset": -1.0},
    "standardised": {
        "scale": [1 / deviation for deviation in DEVIATION],
        "offset": [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)],
    },
    "centred": {"scale": 255.0, "offset": [-103.939, -116.779, -123.68]},
    "pixels": {"scale": 255.0, "offset": 0.0},
    "standardised pixels": {
        "scale": [255 / deviation for deviation in DEVIATION],
        "offset": [
            -255 * mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)
        ],
    },
}
"""Arguments of `keras.layers.Rescaling` from [0, 1] to what architectures take. Those of the two
with pixels divide them by 255 themselves; those of `centred` take blue first."""
_BLUE_FIRST = "centred"
_SCALED = {
    "symmetric": (
        *("InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2", "NASNetLarge"),
        *("NASNetMobile", "ResNet50V2", "ResNet101V2", "ResNet152V2", "Xception"),
    ),
    "standardised": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "centred": ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19"),
    "pixels": (
        *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
        *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
        *("MobileNetV3Large", "MobileNetV3Small"),
    ),
    "standardised pixels": tuple(f"EfficientNetB{size}" for size in range(8)),
}
ARCHITECTURES = {name: scaling for scaling, names in _SCALED.items() for name in names}
"""Class of `keras.applications` to the scaling of its images."""
SMALLEST_SIDE = 32
_SMALLEST_SIDES = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}
"""Of images that an architecture takes, where that is not `SMALLEST_SIDE`."""


def _known(architecture: str) -> str:
    if architecture not in ARCHITECTURES:
        expected = ", ".join(map(repr, sorted(ARCHITECTURES)))
        raise PydanticKnownError("literal_error", {"expected": expected})
    return architecture


class Settings(BaseModel):
    """Which architecture, and how large its images are.

    Attributes:
        name: in the registry.
        architecture: class of `keras.applications`.
        side: that images are enlarged to, bilinearly, and never below what the architecture takes;
            larger ones stay as they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Literal["applications"] = "applications"
    architecture: Annotated[str, AfterValidator(_known)] = "MobileNetV2"
    side: int = Field(default=96, ge=SMALLEST_SIDE, le=1024)


def build(
    settings: Settings, image_shape: tuple[int, int, int], *, name: str = "encoder"
) -> "keras.Model":
    """As `tfmed.encoders.Encoder.build`: maps of 2 x 2, or 1 x 1 from small images."""
    import keras

    inputs = keras.Input(image_shape, name="image")
    x = prepared(inputs, settings)
    network = _network(settings.architecture, x.shape[1])
    return keras.Model(inputs, pooled(network(x)), name=name)


def backbone(encoder: "keras.Model") -> "keras.Model":
    """The model of `keras.applications` inside an encoder; its name is the architecture's."""
    import keras

    return next(layer for layer in encoder.layers if isinstance(layer, keras.Model))


def load(encoder: "keras.Model", weights: str) -> None:
    """Gives the network inside an encoder weights that were published, or those of a file.

    Args:
        encoder: built here.
        weights: `imagenet`, which Keras has in its cache or downloads, or the path of a file in
            one of Keras's two forms, `.weights.h5` and `.h5`.

    Raises:
        Exception: of Keras: they can't be had, or are of another architecture.
        ValueError: weights are missing in the file, or are not finite.
    """
    import keras
    import numpy as np

    network = backbone(encoder)
    before = network.get_weights()
    network.set_weights([w * np.nan if w.dtype.kind == "f" else w for w in before])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which size was trained on; what a file lacks shows below
        if weights == PUBLISHED:
            published = getattr(keras.applications, network.name)(
                weights=weights, include_top=False, input_shape=network.input_shape[1:]
            )
            network.set_weights(published.get_weights())
        else:
            network.load_weights(weights)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            # Constants of a graph, which no transfer of weights takes along; `scaled` has them.
            layer.set_weights([np.zeros(3), np.ones(3), np.zeros((), int)])
            layer.finalize_state()
    if not all(np.isfinite(weight).all() for weight in network.get_weights()):
        raise ValueError("some weights are missing or not finite")


def prepared(images: "keras.KerasTensor", settings: Settings) -> "keras.KerasTensor":
    """Images in [0, 1] as the architecture takes them: larger, of three channels, scaled.

    Args:
        images: (n, side, side, 1 or 3).
        settings: which architecture.

    Returns:
        (n, larger side, larger side, 3).
    """
    from keras import layers, ops

    least = _SMALLEST_SIDES.get(settings.architecture, SMALLEST_SIDE)
    side = max(settings.side, least)
    scaling = ARCHITECTURES[settings.architecture]
    x = images
    if x.shape[1] < side:
        x = ops.image.resize(x, (side, side))  # the layer for it has others run as in training
    if x.shape[3] == 1:
        x = layers.Concatenate(name="colours")([x, x, x])
    elif scaling == _BLUE_FIRST:
        x = ops.flip(x, axis=3)
    return layers.Rescaling(**_SCALINGS[scaling], name="scaled")(x)


def _network(architecture: str, side: int) -> "keras.Model":
    import keras

    network = getattr(keras.applications, architecture)(
        weights=None, include_top=False, input_shape=(side, side, 3)
    )
    network.name = architecture
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MOMENTUM)
    return network
