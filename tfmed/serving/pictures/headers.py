"""Which bytes `serve_image_bytes` takes, by what they say of themselves before any is decoded."""

from dataclasses import dataclass

import tensorflow as tf

MAX_SIDE = 4096
"""Pixels; a file whose header gives more is refused before anything is decoded."""
MAX_PIXELS = 16 * 2**20
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PNG_HEADER = 33
"""Bytes of a PNG's signature and its first chunk, which holds its size."""


@dataclass(frozen=True)
class File:
    """A PNG or JPEG of bearable size.

    Attributes:
        content: string scalar.
        row: its place in the request, for the errors' messages.
        is_png: bool scalar; else it is a JPEG.
    """

    content: tf.Tensor
    row: tf.Tensor
    is_png: tf.Tensor


def checked(content: tf.Tensor, row: tf.Tensor) -> File:
    """Looks at a file's first bytes.

    Args:
        content: string scalar.
        row: its place in the request.

    Raises:
        tf.errors.InvalidArgumentError: when the graph runs: it is neither PNG nor JPEG, cut short
            in its header, larger than `MAX_SIDE` or `MAX_PIXELS`, or a JPEG in CMYK.
    """
    is_png = tf.equal(tf.strings.substr(content, 0, len(_PNG)), _PNG)
    is_jpeg = tf.equal(tf.strings.substr(content, 0, len(_JPEG)), _JPEG)
    with ensure(is_png | is_jpeg, row, "is neither PNG nor JPEG"):
        content = tf.identity(content)
    height, width, channels = tf.unstack(
        tf.cond(is_png, lambda: _png_shape(content, row), lambda: _jpeg_shape(content)), num=3
    )
    inside = (height > 0) & (width > 0) & (height <= MAX_SIDE) & (width <= MAX_SIDE)
    small = inside & (height * width <= MAX_PIXELS)
    limit = f"is empty or larger than {MAX_SIDE} pixels a side and {MAX_PIXELS >> 20} Mpixels"
    with ensure(small, row, limit), ensure(channels <= 3, row, "is a JPEG in CMYK; save as RGB"):
        content = tf.identity(content)
    return File(content, row, is_png)


def ensure(condition: tf.Tensor, row: tf.Tensor, what: str) -> tf.control_dependencies:
    """What is made in this context is made only if the condition holds."""
    check = tf.debugging.Assert(condition, ["image", row, what])
    return tf.control_dependencies([check] if check is not None else [])


def _png_shape(content: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """int64 (height, width, 3) from the header; the decoder makes three channels of any PNG."""
    with ensure(tf.strings.length(content) >= _PNG_HEADER, row, "is a PNG cut short"):
        header = tf.strings.substr(content, 0, _PNG_HEADER)
    first_chunk = tf.equal(tf.strings.substr(header, 12, 4), b"IHDR")
    with ensure(first_chunk, row, "is a PNG without a header"):
        sizes = tf.io.decode_raw(tf.strings.substr(header, 16, 8), tf.uint8)
    bases = tf.constant([2**24, 2**16, 2**8, 1], tf.int64)
    width_and_height = tf.reshape(tf.cast(sizes, tf.int64), (2, 4)) @ bases[:, None]
    return tf.stack([width_and_height[1, 0], width_and_height[0, 0], tf.constant(3, tf.int64)])


def _jpeg_shape(content: tf.Tensor) -> tf.Tensor:
    """int64 (height, width, channels) from the header, which the decoder reads the same way."""
    return tf.ensure_shape(tf.io.extract_jpeg_shape(content, tf.int64), (3,))
