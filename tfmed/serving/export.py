"""Writes a Keras classifier as the next version of a model in service."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfmed.data import DatasetInfo
from tfmed.data.pictures.recipe import steps_from
from tfmed.data.pipelines import scale_images
from tfmed.errors import InputError
from tfmed.inspection.grad_cam import activation_of
from tfmed.locks import working_folder
from tfmed.serving import card, gate, protos, signatures, versions
from tfmed.serving.card import Evidence

WARM_UP_SIZES = (1, gate.N_REFERENCE)
"""Batch sizes of the warm-up requests, each for both signatures."""


@dataclass(frozen=True)
class Exported:
    """A version that was written, and the gate's verdict."""

    version: int
    verdict: gate.Verdict


def export_model(classifier: keras.Model, models: Path, evidence: Evidence) -> Exported:
    """Writes a classifier as the next version of its model; it appears at once or not at all.

    Card, warm-up requests and the gate's verdict are in the folder when it appears.

    Args:
        classifier: from `tfmed.training.heads.build_classifier`.
        models: folder of all models.
        evidence: what goes into the card and is checked by the gate.

    Raises:
        InputError: the folder can't be written to.
    """
    folder = models / evidence.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with working_folder(folder, versions.WRITING) as temporary:
            written = temporary / "model"
            write_version(classifier, written, evidence)
            verdict = gate.judge(written)
            gate.write_verdict(written, verdict)
            return Exported(versions.move_into_place(written, folder), verdict)
    except Exception as error:
        with contextlib.suppress(OSError):  # goes only if it has no version
            folder.rmdir()
        reason = _system_message(error)
        if reason is None:
            raise
        raise InputError(
            f"{folder}: the model can't be written there ({reason}); "
            "make room or choose another --models"
        ) from None


def _system_message(error: Exception) -> str | None:
    """The file system's message, to Python or to TensorFlow; None for another error."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if type(error).__module__.startswith("tensorflow.python") and "; " in str(error):
        # `{{function_node …}} <path>; No space left on device [Op:SaveV2]`
        return str(error).rpartition("; ")[2].partition(" [Op:")[0]
    return None


def write_version(classifier: keras.Model, folder: Path, evidence: Evidence) -> None:
    """Writes everything of a version but the gate's verdict."""
    shape, task = tuple(classifier.input_shape[1:]), evidence.task

    def of_arrays(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return signatures.answer(
            classifier, images, evidence.threshold, task.class_names, task.task
        )

    _write_model(classifier, folder, task, of_arrays)
    images = reference_images(shape)
    extra = folder / "assets.extra"
    extra.mkdir()
    _write_warm_up(extra / gate.WARM_UP, evidence.name, images)
    # As a graph too: eagerly, a deep network is further off by rounding than the gate allows.
    asked = tf.function(of_arrays, autograph=False)(tf.constant(images))
    original = {name: value.numpy() for name, value in asked.items()}
    _write_arrays(
        extra / gate.REFERENCE,
        images=images,
        probabilities=original["probabilities"],
        embedding=original["embedding"],
    )
    labels = evidence.labels.astype("uint8")
    known = {} if evidence.patients is None else {"patients": evidence.patients}
    _write_arrays(extra / gate.TEST_SCORES, labels=labels, scores=evidence.scores, **known)
    written = protos.read_signatures((folder / "saved_model.pb").read_bytes())
    card.write_card(folder, card.model_card(evidence, protos.described(written)))


def _write_model(
    classifier: keras.Model, folder: Path, task: DatasetInfo, of_arrays: signatures.OfArrays
) -> None:
    """Writes the SavedModel with all its signatures."""
    shape = tuple(classifier.input_shape[1:])
    recipe = steps_from(task.step_settings) if task.step_settings else None
    activation = activation_of(classifier)

    def of_bytes(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return of_arrays(signatures.decode_images(image_bytes, shape, recipe))

    def of_questions(question: tf.Tensor) -> dict[str, tf.Tensor]:
        return signatures.written_steps(question, task.step_settings)

    def of_classes(images: tf.Tensor, class_number: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"map": activation(scale_images(images), class_number)}

    arrays = tf.TensorSpec((None, *shape), tf.uint8, name="images")
    numbers = tf.TensorSpec((None,), tf.int32, name="class_number")
    archive = keras.export.ExportArchive()
    archive.track(classifier)
    archive.add_endpoint(signatures.ARRAYS, of_arrays, [arrays])
    archive.add_endpoint(
        signatures.IMAGE_BYTES, of_bytes, [tf.TensorSpec((None,), tf.string, name="image_bytes")]
    )
    archive.add_endpoint(signatures.GRAD_CAM, of_classes, [arrays, numbers])
    if recipe is not None:
        archive.add_endpoint(
            signatures.IMAGE_STEPS,
            of_questions,
            [tf.TensorSpec((None,), tf.string, name="question")],
        )
    archive.write_out(str(folder), verbose=False)


def reference_images(shape: tuple[int, ...]) -> np.ndarray:
    """Drawn uint8 images (16, *shape) of many contrasts, coarse and fine; the same every time."""
    rng = np.random.default_rng(0)
    images = []
    for i in range(gate.N_REFERENCE):
        cells = (2, 4, 7, shape[0])[i % 4]
        repeats = -(-shape[0] // cells)
        coarse = rng.random((cells, cells, shape[2])) * rng.uniform(0.2, 1) * 255
        image = coarse.repeat(repeats, axis=0).repeat(repeats, axis=1)
        images.append(image[: shape[0], : shape[1]])
    return np.stack(images).astype("uint8")


def _write_warm_up(path: Path, name: str, images: np.ndarray) -> None:
    files = gate.as_png_files(images)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in WARM_UP_SIZES:
            for signature, inputs in (
                (signatures.ARRAYS, {"images": images[:size]}),
                (signatures.IMAGE_BYTES, {"image_bytes": files[:size]}),
            ):
                writer.write(protos.prediction_log(protos.predict_request(name, signature, inputs)))


def _write_arrays(path: Path, **arrays: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    path.write_bytes(buffer.getvalue())
