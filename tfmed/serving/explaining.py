"""Explains an exported model's answers to image files, on this machine and without a server."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfmed import inspection
from tfmed.data.pictures.recipe import Recipe, steps_from
from tfmed.errors import InputError
from tfmed.inspection import Inspected, occlusion, overlays
from tfmed.serving import card, loader, versions
from tfmed.serving.client import file_bytes, file_pixels
from tfmed.serving.client.asking import ACTIVATION, PIXELS, STEPS, BadImageError, refusal_in

BATCH = 256
"""Images that a model is asked about at once."""


@dataclass(frozen=True)
class Wanted:
    """How answers are to be explained.

    Attributes:
        method: of `tfmed.inspection.REGISTRY`.
        class_name: whose score; None for the class answered.
        window: of occlusion, in pixels of the model's picture; None for a sixth of its side.
        fill: of occlusion.
    """

    method: str = "occlusion"
    class_name: str | None = None
    window: int | None = None
    fill: occlusion.Fill = occlusion.FILL


@dataclass(frozen=True)
class Explanation:
    """Where a model looks in one file.

    Attributes:
        label: what the model answers.
        class_name: whose score is explained.
        score: its probability.
        values: float64 (height, width) of the model's picture; above 0 speaks for the class.
        picture: PNG of the model's picture beside the map over it.
    """

    label: str
    class_name: str
    score: float
    values: np.ndarray
    picture: bytes

    @property
    def strongest(self) -> tuple[int, int]:
        """Row and column, counted from 1, of the pixel that speaks most for the class."""
        row, column = np.unravel_index(int(np.argmax(self.values)), self.values.shape)
        return int(row) + 1, int(column) + 1


def explain_files(
    folder: Path, paths: Sequence[Path], wanted: Wanted
) -> Iterator[tuple[Path, Explanation | InputError]]:
    """Each file with where the model looks, or with why nothing can be said.

    Args:
        folder: of a version, or of a model, whose newest version is taken.
        paths: image files, as for `tfmed.serving.client.predict_files`.
        wanted: how.

    Raises:
        InputError: there is no such model, it is damaged, or it lacks what was asked for.
    """
    folder = _version(folder)
    try:
        found = card.read_card(folder)
        damaged = card.damage(folder, found)
    except card.CardError as error:
        damaged, found = [str(error)], {}
    if damaged:
        raise InputError(f"{folder}: {damaged[0]}; export the model again")
    names, shape = found["class_names"], tuple(found["data"]["task"]["image_shape"])
    if wanted.class_name is not None and wanted.class_name not in names:
        raise InputError(
            f"--class {wanted.class_name}: {folder} knows no such class; give one of "
            f"{', '.join(names)}"
        )
    if wanted.window is not None and wanted.window > min(shape[:2]):
        raise InputError(
            f"--window {wanted.window}: the model's pictures have {min(shape[:2])} pixels a side; "
            "give no more"
        )
    try:
        with contextlib.ExitStack() as stack:
            with loader.quiet():
                model = stack.enter_context(loader.load(folder))
            if wanted.method == "grad-cam" and ACTIVATION not in model.signatures:
                raise InputError(
                    f"{folder}: was exported without {ACTIVATION}; remove this folder and run its "
                    "study again, or use --method occlusion"
                )
            pixels_of = _reader(model, shape)
            for path in paths:
                try:
                    yield path, _explained(model, pixels_of(path), wanted, names)
                except BadImageError as error:
                    yield path, error
    except loader.LoaderError as error:
        raise InputError(f"{folder}: {error}; export the model again") from None


def _version(folder: Path) -> Path:
    """The folder of one version.

    Raises:
        InputError: there is none, or versions of several models are in it.
    """
    found = list(versions.version_folders(folder))
    if len({version.parent for version in found}) > 1:
        raise InputError(f"{folder}: holds several models; give one of them, such as {found[0]}")
    return found[-1]


def _reader(model: loader.LoadedModel, shape: tuple[int, int, int]) -> Callable[[Path], np.ndarray]:
    """From a file to the picture that the model answers to, uint8 of its shape."""
    if STEPS not in model.signatures:
        return lambda path: _central(file_bytes(path), shape)
    question = np.array([b"steps"], dtype=object)
    steps = model.run(STEPS, {"question": question})["steps"][0]
    recipe: Recipe = steps_from(json.loads(steps))
    return lambda path: file_pixels(path, recipe)


def _central(content: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """What a model without steps makes of a file in its graph; the only thing here that takes
    TensorFlow's seconds.

    Raises:
        BadImageError: the graph refuses the file.
    """
    with loader.quiet():
        import tensorflow as tf

        from tfmed.serving.signatures import decode_images

    # In a graph, whose errors are those of a served model.
    decode = tf.function(lambda files: decode_images(files, shape), autograph=False)
    try:
        return decode(tf.constant([content]))[0].numpy()
    except tf.errors.OpError as error:
        raise BadImageError(refusal_in(" ".join(str(error).split()))) from None


def _explained(
    model: loader.LoadedModel, image: np.ndarray, wanted: Wanted, names: Sequence[str]
) -> Explanation:
    answer = model.run(PIXELS, {"images": image[None]})
    label, probabilities = answer["label"][0].decode(), answer["probabilities"][0]
    # Of several findings the label may name more than one: then the most probable is explained.
    own = label if label in names else names[int(probabilities.argmax())]
    name = own if wanted.class_name is None else wanted.class_name
    number, inspected = names.index(name), _inspected(model)
    asked = inspected, image[None], np.array([number], "int32")
    if wanted.method == "occlusion":
        values = occlusion.attribution(*asked, window=wanted.window, fill=wanted.fill)[0]
    else:
        values = inspection.method(wanted.method).attribution(*asked)[0]
    buffer = io.BytesIO()
    overlays.picture(image, values).save(buffer, format="PNG")
    return Explanation(label, name, float(probabilities[number]), values, buffer.getvalue())


def _inspected(model: loader.LoadedModel) -> Inspected:
    def scores(images: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [
                model.run(PIXELS, {"images": images[start : start + BATCH]})["probabilities"]
                for start in range(0, len(images), BATCH)
            ]
        )

    def activation(images: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        return model.run(ACTIVATION, {"images": images, "class_number": numbers})["map"]

    return Inspected(scores, activation)


def free_name(name: str, taken: set[str]) -> str:
    """A name that none of `taken` is, to which it is added: two files may have one name."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    taken.add(found)
    return found


def write(explanation: Explanation, folder: Path, name: str) -> tuple[Path, Path]:
    """Writes `<name>.png` and the values as `<name>.npy` into a folder, which is made if absent.

    Raises:
        InputError: they can't be written there.
    """
    picture, values = folder / f"{name}.png", folder / f"{name}.npy"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
        picture.write_bytes(explanation.picture)
        with values.open("wb") as file:
            np.save(file, explanation.values)
    except OSError as error:
        raise InputError(
            f"{folder}: can't be written to ({error.strerror}); choose another --out"
        ) from None
    return picture, values
