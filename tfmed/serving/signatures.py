"""What is computed inside an exported model: image bytes to pixels, pixels to answers.

The pixels of both signatures go through `tfmed.data.pipelines.scale_images`, the preprocessing that
the model was trained with.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tfmed.data.pipelines import scale_images
from tfmed.tasks import BETWEEN, NO_FINDING, task_of

ARRAYS, IMAGE_BYTES = "serving_default", "serve_image_bytes"
MAX_SIDE = 4096
"""Pixels; a file whose header gives more is refused before anything is decoded."""
MAX_PIXELS = 16 * 2**20
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_PNG_HEADER = 33
"""Bytes of a PNG's signature and its first chunk, which holds its size."""


def answer(
    classifier: keras.Model,
    images: tf.Tensor,
    threshold: float | list[float] | None,
    class_names: Sequence[str],
    task: str,
) -> dict[str, tf.Tensor]:
    """A model's answers to uint8 images (n, height, width, channels).

    Args:
        classifier: `head(encoder(x))`.
        images: unscaled.
        threshold: what the task chose on validation labels.
        class_names: in the order of the task's labels.
        task: one of `tfmed.tasks`.

    Returns:
        `probabilities` float32 (n, classes) in the order of `class_names`; `label` (n,), the name
        of the class that the task answers; `embedding` float32 (n, features). Of several findings
        `decisions` int32 (n, findings) too, and `label` names those decided, between `|`.
    """
    encoder, head = classifier.get_layer("encoder"), classifier.get_layer("head")
    embedding = encoder(scale_images(images), training=False)
    outputs = head(embedding, training=False)
    probabilities, answered = task_of(task).served(outputs, threshold)
    decisions = {"decisions": answered} if answered.shape.rank == 2 else {}
    features = int(tf.TensorShape(embedding.shape[1:]).num_elements())
    return {
        "probabilities": probabilities,
        "label": _named(answered, class_names),
        "embedding": tf.reshape(embedding, (-1, features)),
        **decisions,
    }


def _named(answered: tf.Tensor, class_names: Sequence[str]) -> tf.Tensor:
    """String (n,): as `tfmed.tasks.answer_names`, in the graph."""
    names = tf.constant(list(class_names))
    if answered.shape.rank == 1:
        return tf.gather(names, answered)
    pieces = tf.where(answered == 1, names + BETWEEN, "")
    joined = tf.strings.reduce_join(pieces, axis=1)
    kept = tf.maximum(tf.strings.length(joined) - 1, 0)
    shorter = tf.strings.substr(joined, tf.zeros_like(kept), kept)
    return tf.where(tf.reduce_any(answered == 1, axis=1), shorter, NO_FINDING)


def decode_images(image_bytes: tf.Tensor, image_shape: tuple[int, int, int]) -> tf.Tensor:
    """PNG or JPEG files (n,) as uint8 images (n, *image_shape); arguments as for `decode_image`.

    One after another, so that a request never holds more than one large image in memory.
    """
    rows = tf.range(tf.shape(image_bytes)[0])
    return tf.map_fn(
        lambda pair: decode_image(pair[0], pair[1], image_shape),
        (image_bytes, rows),
        fn_output_signature=tf.TensorSpec(image_shape, tf.uint8),
        parallel_iterations=1,
    )


def decode_image(
    content: tf.Tensor, row: tf.Tensor, image_shape: tuple[int, int, int]
) -> tf.Tensor:
    """One PNG or JPEG file as a uint8 image of the model's size, in the graph.

    - Transparency is dropped, palettes are resolved, of 16 bits the upper 8 are kept; EXIF's
      orientation is ignored.
    - The largest centred square is cut out and resized by averaging areas (as MedMNIST cuts
      PneumoniaMNIST); an image of the model's size comes through unchanged.
    - Colour becomes grey by ITU-R BT.601 luma, as in Pillow; grey becomes three equal channels.
    - A JPEG in CMYK is refused: its colours mean nothing without a profile.

    Args:
        content: string scalar.
        row: its place in the request, for the error's message.
        image_shape: (height, width, channels); square, channels 1 or 3.

    Raises:
        tf.errors.InvalidArgumentError: it is neither PNG nor JPEG, damaged, or larger than
            `MAX_SIDE` or `MAX_PIXELS`.
    """
    is_png = tf.equal(tf.strings.substr(content, 0, len(_PNG)), _PNG)
    is_jpeg = tf.equal(tf.strings.substr(content, 0, len(_JPEG)), _JPEG)
    with _ensure(is_png | is_jpeg, row, "is neither PNG nor JPEG"):
        content = tf.identity(content)
    height, width, channels = tf.unstack(
        tf.cond(is_png, lambda: _png_shape(content, row), lambda: _jpeg_shape(content)), num=3
    )
    inside = (height > 0) & (width > 0) & (height <= MAX_SIDE) & (width <= MAX_SIDE)
    small = inside & (height * width <= MAX_PIXELS)
    limit = f"is empty or larger than {MAX_SIDE} pixels a side and {MAX_PIXELS >> 20} Mpixels"
    with _ensure(small, row, limit), _ensure(channels <= 3, row, "is a JPEG in CMYK; save as RGB"):
        content = tf.identity(content)
    pixels = tf.cond(
        is_png,
        lambda: tf.io.decode_png(content, channels=3),
        lambda: tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE"),
    )
    resized = tf.image.resize(_centre_square(pixels)[None], image_shape[:2], method="area")[0]
    rounded = tf.cast(tf.round(resized), tf.int32)
    shown = rounded if image_shape[2] == 3 else _luma(rounded)
    return tf.ensure_shape(tf.cast(shown, tf.uint8), image_shape)


def _ensure(condition: tf.Tensor, row: tf.Tensor, what: str) -> tf.control_dependencies:
    """What is made in this context is made only if the condition holds."""
    check = tf.debugging.Assert(condition, ["image", row, what])
    return tf.control_dependencies([check] if check is not None else [])


def _png_shape(content: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """int64 (height, width, 3) from the header; the decoder makes three channels of any PNG."""
    with _ensure(tf.strings.length(content) >= _PNG_HEADER, row, "is a PNG cut short"):
        header = tf.strings.substr(content, 0, _PNG_HEADER)
    first_chunk = tf.equal(tf.strings.substr(header, 12, 4), b"IHDR")
    with _ensure(first_chunk, row, "is a PNG without a header"):
        sizes = tf.io.decode_raw(tf.strings.substr(header, 16, 8), tf.uint8)
    bases = tf.constant([2**24, 2**16, 2**8, 1], tf.int64)
    width_and_height = tf.reshape(tf.cast(sizes, tf.int64), (2, 4)) @ bases[:, None]
    return tf.stack([width_and_height[1, 0], width_and_height[0, 0], tf.constant(3, tf.int64)])


def _jpeg_shape(content: tf.Tensor) -> tf.Tensor:
    """int64 (height, width, channels) from the header, which the decoder reads the same way."""
    return tf.ensure_shape(tf.io.extract_jpeg_shape(content, tf.int64), (3,))


def _centre_square(pixels: tf.Tensor) -> tf.Tensor:
    height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
    side = tf.minimum(height, width)
    return tf.slice(pixels, [(height - side) // 2, (width - side) // 2, 0], [side, side, 3])


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    """int32 (h, w, 3) to (h, w, 1); in integers, so that grey stays exactly the same."""
    weighted = tf.tensordot(pixels, tf.constant([19595, 38470, 7471]), axes=1) + 2**15
    return tf.bitwise.right_shift(weighted, 16)[..., None]
