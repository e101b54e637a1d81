"""The centre of a file, resized by areas: for models whose images were not imported from files."""

import tensorflow as tf

from tfmed.serving.pictures.headers import File


def decode_central(file: File, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """A file as a uint8 image of the model's size.

    - Transparency is dropped, palettes are resolved, of 16 bits the upper 8 are kept; EXIF's
      orientation is ignored.
    - The largest centred square is cut out and resized by averaging areas (as MedMNIST cuts
      PneumoniaMNIST); an image of the model's size comes through unchanged.
    - Colour becomes grey by ITU-R BT.601 luma, as in Pillow; grey becomes three equal channels.

    Args:
        file: checked.
        image_shape: (height, width, channels); square, channels 1 or 3.

    Raises:
        tf.errors.InvalidArgumentError: it is damaged.
    """
    pixels = tf.cond(
        file.is_png,
        lambda: tf.io.decode_png(file.content, channels=3),
        lambda: tf.io.decode_jpeg(file.content, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    resized = tf.image.resize(_centre_square(pixels)[None], image_shape[:2], method="area")[0]
    rounded = tf.cast(tf.round(resized), tf.int32)
    shown = rounded if image_shape[2] == 3 else luma(rounded)
    return tf.ensure_shape(tf.cast(shown, tf.uint8), image_shape)


def _centre_square(pixels: tf.Tensor) -> tf.Tensor:
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    side = tf.minimum(height, width)
    return tf.slice(pixels, [(height - side) // 2, (width - side) // 2, 0], [side, side, 3])


def luma(pixels: tf.Tensor) -> tf.Tensor:
    """int32 (h, w, 3) to (h, w, 1); in integers, so that grey stays exactly the same."""
    weighted = tf.tensordot(pixels, tf.constant([19595, 38470, 7471]), axes=1) + 2**15
    return tf.bitwise.right_shift(weighted, 16)[..., None]
