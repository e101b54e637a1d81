"""Maps of attribution as pictures: enlarged, and laid over their images."""

import numpy as np
from PIL import Image

FOR, AGAINST = (214, 39, 40), (31, 119, 180)
"""Colours where the image speaks for the class, and against it."""
STRONGEST = 0.65
"""Share of the colour in the pixel that speaks most."""
SIDE = 224
"""Pixels that a picture for people has at least."""


def enlarged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A map (rows, columns) as a larger one, float64 of `shape`, interpolated bilinearly."""
    picture = Image.fromarray(np.asarray(values, "float32"))
    size = (shape[1], shape[0])
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR), "float64")


def overlay(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A map laid over its image: red where the image speaks for the class, blue where against it.

    Args:
        image: uint8 (height, width, 1 or 3).
        values: (height, width); scaled by their largest absolute value.

    Returns:
        uint8 (height, width, 3).
    """
    grey = np.broadcast_to(image, (*image.shape[:2], 3)).astype("float64")
    most = np.abs(values).max()
    share = STRONGEST * (np.abs(values) / most if most > 0 else np.zeros(values.shape))[..., None]
    ink = np.where(values[..., None] > 0, np.array(FOR), np.array(AGAINST))
    return np.round(grey * (1 - share) + ink * share).astype("uint8")


def picture(image: np.ndarray, values: np.ndarray) -> Image.Image:
    """Image and overlay side by side, large enough for people."""
    factor = max(1, -(-SIDE // min(image.shape[:2])))
    plain = np.broadcast_to(image, (*image.shape[:2], 3))
    height, width = factor * image.shape[0], factor * image.shape[1]
    large = plain.repeat(factor, axis=0).repeat(factor, axis=1)
    return Image.fromarray(np.hstack([large, overlay(large, enlarged(values, (height, width)))]))
