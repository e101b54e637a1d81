"""The steps of an import (`tfmed.data.pictures.steps`) in the graph, to the last byte.

What the graph can't do as the import does is refused, and left to `tfmed models predict`, which
prepares a file by the import's own code: images that EXIF or XMP turns, and CMYK. Both refuse
several frames, colours of 16 bits, and more than 8 bits where no image of the model had them.
"""

import tensorflow as tf

from tfmed.data.pictures.recipe import Recipe
from tfmed.data.pictures.steps import Depth
from tfmed.serving.pictures.central import luma
from tfmed.serving.pictures.headers import File, ensure
from tfmed.serving.pictures.resampling import Span, resize, resize_deep

_CLIENT = "; prepare it as tfmed models predict does"
_DEPTH_AT, _COLOURS_AT = 24, 25
"""Bytes of a PNG's header."""
_GREY = 0
"""Kind of colours of a PNG."""
_TURNED = (
    # EXIF's tag 0x0112 as one SHORT from 2 to 8, of either byte order; as one of another type.
    r"\x01\x12\x00\x03\x00\x00\x00\x01\x00[\x02-\x08]",
    r"\x12\x01\x03\x00\x01\x00\x00\x00[\x02-\x08]\x00",
    r"\x01\x12\x00[\x01\x02\x04-\x0d]\x00\x00\x00\x01",
    r"\x12\x01[\x01\x02\x04-\x0d]\x00\x01\x00\x00\x00",
    r'tiff:Orientation(="|>)[2-8]',
    # In a PNG either may be written as text, and compressed.
    r"Raw profile type exif\x00",
    r"XML:com\.adobe\.xmp\x00\x01",
)
"""What tells, or may tell, that an image is to be turned; some files that are upright have it."""
_FRAMES = r"\x00\x00\x00\x08acTL"
_CLEAR = r"\x00\x00\x00[\x01-\x10]tRNS"
"""Where one pixel has fewer than 8 bits."""


def decode_imported(file: File, recipe: Recipe) -> tf.Tensor:
    """A file as the import by these steps makes it.

    Args:
        file: checked.
        recipe: the steps.

    Returns:
        uint8 of shape (size, size, channels).

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs: it is damaged, or the graph can't do
            what the import does.
    """
    turned = _holds(file.content, "|".join(_TURNED))
    with ensure(~turned, file.row, f"may be turned by its EXIF{_CLIENT}"):
        content = tf.identity(file.content)
    file = File(content, file.row, file.is_png)
    rgb = tf.cond(file.is_png, lambda: _png(file, recipe), lambda: _jpeg(file, recipe))
    return rgb if recipe.channels == 3 else tf.cast(luma(tf.cast(rgb, tf.int32)), tf.uint8)


def _jpeg(file: File, recipe: Recipe) -> tf.Tensor:
    pixels = tf.io.decode_jpeg(file.content, channels=3, dct_method="INTEGER_ACCURATE")
    return resize(pixels, *_spans(pixels, recipe))


def _png(file: File, recipe: Recipe) -> tf.Tensor:
    """uint8 (size, size, 3)."""
    with ensure(~_holds(file.content, _FRAMES), file.row, "holds several frames; save one image"):
        content = tf.identity(file.content)
    depth, colours = _byte(content, _DEPTH_AT), _byte(content, _COLOURS_AT)
    deep, grey = depth == 16, colours == _GREY
    with ensure(
        grey | ~deep, file.row, "is a colour image of 16 bits; save it with 8 bits a channel"
    ):
        content = tf.identity(content)
    return tf.cond(
        deep,
        lambda: _deep_png(content, file.row, recipe),
        lambda: _plain_png(content, file.row, recipe, depth < 8, grey),
    )


def _deep_png(content: tf.Tensor, row: tf.Tensor, recipe: Recipe) -> tf.Tensor:
    """Of grey levels of 16 bits: uint8 (size, size, 3)."""
    depth = recipe.depth
    with ensure(
        tf.constant(depth is not None), row, "has more than 8 bits, and the model's images had not"
    ):
        content = tf.identity(content)
    pixels = tf.io.decode_png(content, channels=1, dtype=tf.uint16)
    levels = tf.cast(resize_deep(pixels, *_spans(pixels, recipe)), tf.float64)
    scaled = levels * (depth or Depth(16)).factor
    grey = tf.cast(tf.clip_by_value(tf.round(scaled), 0.0, 255.0), tf.uint8)
    return tf.repeat(grey, 3, axis=2)


def _plain_png(
    content: tf.Tensor, row: tf.Tensor, recipe: Recipe, coarse: tf.Tensor, grey: tf.Tensor
) -> tf.Tensor:
    """Of at most 8 bits: uint8 (size, size, 3).

    Of fewer (`coarse`), TensorFlow's decoder adds no alpha of 255 where there is none, and Pillow
    takes a transparent level of `grey` for another.
    """
    clear = _holds(content, _CLEAR)
    with ensure(
        ~(clear & coarse & grey),
        row,
        f"is grey of less than 8 bits and partly transparent{_CLIENT}",
    ):
        content = tf.identity(content)

    def opaque() -> tf.Tensor:
        pixels = tf.io.decode_png(content, channels=3)
        return resize(pixels, *_spans(pixels, recipe))

    def over_black() -> tf.Tensor:
        pixels = tf.io.decode_png(content, channels=4)
        return resize(pixels, *_spans(pixels, recipe), levels=_over_black)

    return tf.cond(coarse & ~clear, opaque, over_black)


def _over_black(pixels: tf.Tensor) -> tf.Tensor:
    """int32 (…, 4) to (…, 3): Pillow's rounded division by 255."""
    product = pixels[..., :3] * pixels[..., 3:] + 128
    return tf.bitwise.right_shift(tf.bitwise.right_shift(product, 8) + product, 8)


def _spans(pixels: tf.Tensor, recipe: Recipe) -> tuple[Span, Span]:
    """What of the rows and of the columns becomes the picture."""
    sides = tf.shape(pixels)[0], tf.shape(pixels)[1]
    lengths = {
        "pad": (tf.maximum(*sides),) * 2,
        "crop": (tf.minimum(*sides),) * 2,
        "stretch": sides,
    }[recipe.square.aspect]

    def span(axis: int) -> Span:
        side, length = sides[axis], lengths[axis]
        return Span((side - length) // 2, length, side, recipe.size)  # rounded down, as in Python

    return span(0), span(1)


def _byte(content: tf.Tensor, place: int) -> tf.Tensor:
    return tf.io.decode_raw(tf.strings.substr(content, place, 1), tf.uint8)[0]


def _holds(content: tf.Tensor, pattern: str) -> tf.Tensor:
    """Whether bytes match a regular expression somewhere."""
    return tf.strings.regex_full_match(content, rf"\C*({pattern})\C*")
