"""Pillow's bilinear resizing in the graph, to the last bit.

As `src/libImaging/Resample.c` of Pillow: first along the rows, then along the columns; of an image
of 8 bits with weights of 22 binary digits and a rounded result of each pass, of a deeper one in
float64 with a float32 result of each pass.

The optimiser of graphs may reorder floating-point sums and drop casts between them. So the weights
for 8 bits are computed in integers (Pillow rounds the same fractions: for sides of up to 4096
pixels none lies so near to a half that its float64 could differ), and the result of a pass over a
deeper image is handed on as bits.

What lies outside the image is black, so that bars need no memory; and a loop over the weights takes
one pixel of each window at a time, so that large images need little.
"""

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

_BITS = 22
"""Binary digits of a weight after the point."""

Levels = Callable[[tf.Tensor], tf.Tensor]
"""Makes numbers to be weighted of gathered pixels."""
Weight = Callable[[tf.Tensor], tf.Tensor]
"""Number of a pixel in its window, int32, to its weight in each window (size,)."""


@dataclass(frozen=True)
class Span:
    """The part of one axis that becomes `size` pixels.

    Attributes:
        start: first pixel, int32; negative where there is a bar before the image.
        length: pixels, int32.
        there: pixels of the image along this axis, int32.
        size: pixels of the result.
    """

    start: tf.Tensor
    length: tf.Tensor
    there: tf.Tensor
    size: int


def resize(pixels: tf.Tensor, rows: Span, columns: Span, levels: Levels | None = None) -> tf.Tensor:
    """An image of 8 bits, resized.

    Args:
        pixels: uint8 of shape (height, width, n).
        rows: along the first axis.
        columns: along the second.
        levels: makes int32 grey levels (…, m) of gathered pixels, int32 (…, n).

    Returns:
        uint8 of shape (rows.size, columns.size, m).
    """

    def to_int(gathered: tf.Tensor) -> tf.Tensor:
        return tf.cast(gathered, tf.int32)

    def both(gathered: tf.Tensor) -> tf.Tensor:
        return levels(to_int(gathered)) if levels else to_int(gathered)

    def one_pass(pixels: tf.Tensor, span: Span, axis: int, read: Levels) -> tf.Tensor:
        half = tf.constant(1 << (_BITS - 1), tf.int32)
        total = _summed(pixels, span, axis, read, _integer_weights(span), half)
        return tf.cast(tf.clip_by_value(tf.bitwise.right_shift(total, _BITS), 0, 255), tf.uint8)

    return one_pass(one_pass(pixels, columns, 1, both), rows, 0, to_int)


def resize_deep(pixels: tf.Tensor, rows: Span, columns: Span) -> tf.Tensor:
    """An image of more than 8 bits, resized.

    Args:
        pixels: uint16 of shape (height, width, 1).
        rows: along the first axis.
        columns: along the second.

    Returns:
        float32 of shape (rows.size, columns.size, 1).
    """

    def stored(gathered: tf.Tensor) -> tf.Tensor:
        return tf.cast(gathered, tf.float64)

    def from_bits(gathered: tf.Tensor) -> tf.Tensor:
        return tf.cast(tf.bitcast(gathered, tf.float32), tf.float64)

    def one_pass(pixels: tf.Tensor, span: Span, axis: int, read: Levels) -> tf.Tensor:
        zero = tf.constant(0.0, tf.float64)
        return tf.cast(_summed(pixels, span, axis, read, _weights(span), zero), tf.float32)

    narrowed = tf.bitcast(one_pass(pixels, columns, 1, stored), tf.int32)
    return one_pass(narrowed, rows, 0, from_bits)


def _summed(
    pixels: tf.Tensor, span: Span, axis: int, read: Levels, weight: Weight, first: tf.Tensor
) -> tf.Tensor:
    """For each pixel of the result `first` and the weighted sum over its window, along one axis."""
    begin, end = _windows(span)
    along = (1, span.size, 1) if axis == 1 else (span.size, 1, 1)

    def levels(tap: tf.Tensor) -> tf.Tensor:
        place = span.start + begin + tap
        found = read(tf.gather(pixels, tf.clip_by_value(place, 0, span.there - 1), axis=axis))
        inside = tf.cast((place >= 0) & (place < span.there), found.dtype)
        return found * tf.reshape(inside, along)

    def add(tap: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tap + 1, total + levels(tap) * tf.reshape(weight(tap), along)

    return _loop(tf.reduce_max(end - begin), add, tf.zeros_like(levels(tf.constant(0))) + first)


def _loop(n_taps: tf.Tensor, add: Callable, first: tf.Tensor) -> tf.Tensor:
    return tf.while_loop(
        lambda tap, _: tap < n_taps, add, (tf.constant(0), first), parallel_iterations=1
    )[1]


def _windows(span: Span) -> tuple[tf.Tensor, tf.Tensor]:
    """The first pixel of each window, and the one after its last: int32 (size,)."""
    centers, support = _centers(span)
    begin = tf.maximum(tf.cast(centers - support + 0.5, tf.int32), 0)
    return begin, tf.minimum(tf.cast(centers + support + 0.5, tf.int32), span.length)


def _centers(span: Span) -> tuple[tf.Tensor, tf.Tensor]:
    """Of the windows, float64 (size,), and half their width; in pixels."""
    # Not `/ span.size`: dividing by a constant becomes multiplying by its rounded reciprocal.
    size = tf.cast(span.length * span.size // span.length, tf.float64)
    scale = tf.cast(span.length, tf.float64) / size
    return (tf.range(span.size, dtype=tf.float64) + 0.5) * scale, tf.maximum(scale, 1.0)


def _weights(span: Span) -> Weight:
    """Of the n-th pixel of each window, float64, in the order of operations of Pillow."""
    (begin, end), (centers, support) = _windows(span), _centers(span)

    def raw(tap: tf.Tensor) -> tf.Tensor:
        distance = (tf.cast(begin + tap, tf.float64) - centers + 0.5) * (1.0 / support)
        weight = tf.maximum(1.0 - tf.abs(distance), 0.0)
        return tf.where(begin + tap < end, weight, tf.zeros_like(weight))

    def add(tap: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tap + 1, total + raw(tap)

    total = _loop(tf.reduce_max(end - begin), add, tf.zeros(span.size, tf.float64))
    return lambda tap: raw(tap) / total


def _integer_weights(span: Span) -> Weight:
    """Of the n-th pixel of each window, int32, in 1 / 2**22.

    A triangle's height at a pixel, times twice its half width and the result's size, is an integer.
    """
    begin, end = _windows(span)
    length, size = tf.cast(span.length, tf.int64), tf.constant(span.size, tf.int64)
    centers = (2 * tf.range(size, dtype=tf.int64) + 1) * length
    support = 2 * tf.maximum(length, size)

    def raw(tap: tf.Tensor) -> tf.Tensor:
        pixel = tf.cast(begin + tap, tf.int64)
        weight = tf.maximum(support - tf.abs((2 * pixel + 1) * size - centers), 0)
        return tf.where(begin + tap < end, weight, tf.zeros_like(weight))

    def add(tap: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tap + 1, total + raw(tap)

    total = _loop(tf.reduce_max(end - begin), add, tf.zeros(span.size, tf.int64))
    return lambda tap: tf.cast((raw(tap) * 2 ** (_BITS + 1) + total) // (2 * total), tf.int32)
