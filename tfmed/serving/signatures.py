"""What is computed inside an exported model: image bytes to pixels, pixels to answers.

The pixels of both signatures go through `tfmed.data.pipelines.scale_images`, the preprocessing that
the model was trained with.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfmed.data.pictures.recipe import Recipe, shown_steps
from tfmed.data.pipelines import scale_images
from tfmed.serving.pictures.central import decode_central
from tfmed.serving.pictures.headers import checked
from tfmed.serving.pictures.imported import decode_imported
from tfmed.tasks import BETWEEN, NO_FINDING, task_of

ARRAYS, IMAGE_BYTES, IMAGE_STEPS = "serving_default", "serve_image_bytes", "image_steps"
GRAD_CAM = "grad_cam"
OfArrays = Callable[[tf.Tensor], dict[str, tf.Tensor]]
"""From uint8 images to a model's answers."""


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


def decode_images(
    image_bytes: tf.Tensor, image_shape: tuple[int, int, int], recipe: Recipe | None = None
) -> tf.Tensor:
    """PNG or JPEG files (n,) as uint8 images (n, *image_shape); arguments as for `decode_image`.

    One after another, so that a request never holds more than one large image in memory.
    """
    rows = tf.range(tf.shape(image_bytes)[0])
    return tf.map_fn(
        lambda pair: decode_image(pair[0], pair[1], image_shape, recipe),
        (image_bytes, rows),
        fn_output_signature=tf.TensorSpec(image_shape, tf.uint8),
        parallel_iterations=1,
    )


def decode_image(
    content: tf.Tensor,
    row: tf.Tensor,
    image_shape: tuple[int, int, int],
    recipe: Recipe | None = None,
) -> tf.Tensor:
    """One PNG or JPEG file as a uint8 image of the model's size, in the graph.

    Args:
        content: string scalar.
        row: its place in the request, for the error's message.
        image_shape: (height, width, channels); square, channels 1 or 3.
        recipe: the steps that the model's images were imported by; None where they did not come
            from files: then the centre is taken (`tfmed.serving.pictures.central`).

    Raises:
        tf.errors.InvalidArgumentError: it can't be read as an image, or not as the import reads it.
    """
    file = checked(content, row)
    if recipe is None:
        return decode_central(file, image_shape)
    return tf.ensure_shape(decode_imported(file, recipe), image_shape)


def written_steps(question: tf.Tensor, steps: Sequence[Mapping[str, Any]]) -> dict[str, tf.Tensor]:
    """The signature `image_steps`: the steps of the model's images, once for each question.

    Args:
        question: string (n,), which does not matter; TF Serving wants an input.
        steps: as from `tfmed.data.pictures.recipe.settings_of`.

    Returns:
        `steps`, JSON, and `shown`, for people; string (n,).
    """
    shown = shown_steps(steps)
    return {
        "steps": tf.fill(tf.shape(question), json.dumps(steps)),
        "shown": tf.fill(tf.shape(question), " | ".join(shown)),
    }
