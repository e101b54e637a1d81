"""Asks TF Serving for a model's answer to image files, over REST or gRPC, with retries.

    >>> connection = connect(Target("http://localhost:8501", "pneumoniamnist_finetune_full"))
    >>> predict(connection, Path("xray.png").read_bytes())
    Answer(label='pneumonia', probabilities=(0.0312, 0.9688))

A model of imported images knows their steps: then a file is prepared here, by the import's own
code, and its pixels are sent. Any other model is sent the file.

Starts fast: TensorFlow is not imported (`tfmed.serving.protos`).
"""

import json
import time
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.data.pictures.files import UnusableError
from tfmed.data.pictures.recipe import Recipe, prepared, steps_from
from tfmed.errors import InputError
from tfmed.serving.client.asking import (
    FILES,
    PIXELS,
    STEPS,
    BadImageError,
    Connection,
    NoSignatureError,
    ServerError,
    Target,
    TransientError,
    Value,
    not_ours,
)
from tfmed.serving.client.over_grpc import Grpc
from tfmed.serving.client.over_rest import Rest

_FIRST_PAUSE = 0.5
"""Seconds before the first retry; each further pause is twice as long."""


@dataclass(frozen=True)
class Answer:
    """A model's answer to one image.

    Attributes:
        label: name of the class, by the model's threshold.
        probabilities: of the classes, in the model's order.
    """

    label: str
    probabilities: tuple[float, ...]


def predict(
    connection: Connection,
    image: bytes | np.ndarray,
    *,
    retries: int = 4,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """The model's answer to one image.

    Args:
        connection: from `connect`.
        image: a PNG or JPEG file, or uint8 pixels (height, width, channels) of the model's size.
        retries: tries after the first, where the failure may be transient.
        sleep: waits for some seconds between them.

    Raises:
        ServerError: no request will work, or every try failed.
        BadImageError: the server refuses this one.
    """
    signature = FILES if isinstance(image, bytes) else PIXELS
    found = _asked(connection, signature, image, ("label", "probabilities"), retries, sleep)
    try:
        return Answer(_text(found["label"]), tuple(map(float, found["probabilities"])))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise not_ours(connection.target) from None


def image_steps(
    connection: Connection, *, retries: int = 4, sleep: Callable[[float], None] = time.sleep
) -> Recipe | None:
    """The steps that the model's images were imported by; None where they were not.

    Raises:
        ServerError: no request will work, or every try failed.
        InputError: they are of another version of tfmed.
    """
    try:
        found = _asked(connection, STEPS, "steps", ("steps",), retries, sleep)
    except NoSignatureError:
        return None
    try:
        return steps_from(json.loads(_text(found["steps"])))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InputError(
            f"{connection.target.url}: {connection.target.model} prepares its images by steps that "
            "this version of tfmed does not know; use the version that exported it"
        ) from None


def _asked(
    connection: Connection,
    signature: str,
    value: Value,
    outputs: Sequence[str],
    retries: int,
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """Asks once, and again after growing pauses while the failure may be transient.

    Asking twice does no harm: a request changes nothing.
    """
    for attempt in range(retries + 1):
        try:
            return connection.ask(signature, value, outputs)
        except TransientError as error:
            if attempt == retries:
                raise ServerError(f"{error}; tried {retries + 1} times") from None
            sleep(_FIRST_PAUSE * 2**attempt)
    raise AssertionError("not reached")


def predict_files(
    target: Target, paths: Sequence[Path], *, seconds: float = 10.0, retries: int = 4
) -> Iterator[tuple[Path, Answer | InputError]]:
    """Each file with the model's answer, or with why it has none.

    Args:
        target: what to ask.
        paths: of image files: whatever an import reads where the model's images were imported, else
            PNG or JPEG.
        seconds: time limit of one try.
        retries: tries after the first.

    Raises:
        InputError: the address is not one of a server.
        ServerError: no request will work, or every try failed.
    """
    connection = connect(target, seconds)
    recipe = image_steps(connection, retries=retries)
    for path in paths:
        try:
            image = file_bytes(path) if recipe is None else file_pixels(path, recipe)
            yield path, predict(connection, image, retries=retries)
        except BadImageError as error:
            yield path, error


def file_bytes(path: Path) -> bytes:
    """A file as it is.

    Raises:
        BadImageError: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadImageError(f"can't be read ({error.strerror})") from None


def file_pixels(path: Path, recipe: Recipe) -> np.ndarray:
    """The picture that the import of the model's images would make of a file.

    Raises:
        BadImageError: it can't be read, or gives no picture.
    """
    try:
        with path.open("rb"):
            pass
        return prepared(path, recipe)
    except UnusableError as fault:
        raise BadImageError(str(fault)) from None
    except OSError as error:
        raise BadImageError(f"can't be read ({error.strerror})") from None


def connect(target: Target, seconds: float = 10.0) -> Connection:
    """A connection by the address's scheme; nothing is sent yet.

    Raises:
        InputError: the address has another scheme, or no host.
    """
    parts = urllib.parse.urlsplit(target.url)
    if parts.scheme in ("http", "https") and parts.netloc:
        return Rest(target, seconds)
    if parts.scheme == "grpc" and parts.netloc:
        return Grpc(target, parts.netloc, seconds)
    raise InputError(
        f"{target.url!r} is not the address of a server; give http://host:8501 or grpc://host:8500"
    )


def _text(value: Any) -> str:
    """Of REST, or bytes of gRPC."""
    return value.decode() if isinstance(value, bytes) else value
