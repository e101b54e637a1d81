"""Asks TF Serving for a model's answer to image files, over REST or gRPC, with retries.

    >>> connection = connect(Target("http://localhost:8501", "pneumoniamnist_finetune_full"))
    >>> predict(connection, Path("xray.png").read_bytes())
    Answer(label='pneumonia', probabilities=(0.0312, 0.9688))

Starts fast: TensorFlow is not imported (`tfmed.serving.protos`).
"""

import base64
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
import numpy as np

from tfmed.errors import InputError
from tfmed.serving import protos

SIGNATURE, INPUT = "serve_image_bytes", "image_bytes"
_NO_LABEL = "version label"
"""Part of TF Serving's message for an unknown label, also where the model itself is unknown."""
_OF_THE_MODEL = re.compile(r"assertion failed: \[image\] \[\d+\] \[(.*?)\]")
"""The message of `tfmed.serving.signatures` inside TensorFlow's."""
_TRANSIENT = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
"""gRPC's codes of a failure that may be gone at the next try."""
_FIRST_PAUSE = 0.5
"""Seconds before the first retry; each further pause is twice as long."""


@dataclass(frozen=True)
class Target:
    """Which version of which model to ask.

    Attributes:
        url: `http://host:port` or `https://…` for REST, `grpc://host:port` for gRPC.
        model: its name.
        label: a version label; empty for none.
        version: a version; None for the label's, or with neither the newest that is served.
    """

    url: str
    model: str
    label: str = "stable"
    version: int | None = None


@dataclass(frozen=True)
class Answer:
    """A model's answer to one image.

    Attributes:
        label: name of the class, by the model's threshold.
        probabilities: of the classes, in the model's order.
    """

    label: str
    probabilities: tuple[float, ...]


class ServerError(InputError):
    """Every request to this server fails: it, or the way to it, is at fault."""


class BadImageError(InputError):
    """The server refuses this one request."""


class TransientError(Exception):
    """A failure that may be gone at the next try."""


class Connection(Protocol):
    """A way to ask a server: `Rest` or `Grpc`."""

    def predict(self, content: bytes) -> Answer:
        """The model's answer to one PNG or JPEG file.

        Raises:
            TransientError: it may work at the next try.
            ServerError: no request will work.
            BadImageError: this one will not.
        """


def predict(
    connection: Connection,
    content: bytes,
    *,
    retries: int = 4,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer:
    """Asks once, and again after growing pauses while the failure may be transient.

    Asking twice does no harm: a prediction changes nothing.

    Raises:
        ServerError: no request will work, or every try failed.
        BadImageError: the server refuses this one.
    """
    for attempt in range(retries + 1):
        try:
            return connection.predict(content)
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
        paths: of PNG or JPEG files.
        seconds: time limit of one try.
        retries: tries after the first.

    Raises:
        InputError: the address is not one of a server.
        ServerError: no request will work, or every try failed.
    """
    connection = connect(target, seconds)
    for path in paths:
        try:
            yield path, predict(connection, path.read_bytes(), retries=retries)
        except OSError as error:
            yield path, InputError(f"can't be read ({error.strerror})")
        except BadImageError as error:
            yield path, error


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


class Rest:
    """TF Serving's REST interface (tensorflow.org/tfx/serving/api_rest)."""

    def __init__(self, target: Target, seconds: float) -> None:
        """Keeps what is needed to ask; `seconds` is the time limit of one request."""
        self.target, self.seconds = target, seconds
        name = urllib.parse.quote(target.model, safe="")
        self.model_url = f"{target.url.rstrip('/')}/v1/models/{name}"

    def predict(self, content: bytes) -> Answer:
        """See `Connection`."""
        which = ""
        if self.target.version is not None:
            which = f"/versions/{self.target.version}"
        elif self.target.label:
            which = f"/labels/{urllib.parse.quote(self.target.label, safe='')}"
        instance = {"b64": base64.b64encode(content).decode()}
        body = {"signature_name": SIGNATURE, "instances": [instance]}
        status, answer = self._send(f"{self.model_url}{which}:predict", body)
        if status == 200:
            return _rest_answer(answer, self.target)
        words = str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer)
        if status == 404 or _NO_LABEL in words:
            raise _not_found(self.target, self._states(), words)
        raise _failure(self.target, status == 400, status in (429, 502, 503, 504), words)

    def _states(self) -> dict[int, str] | None:
        status, answer = self._send(self.model_url)
        if status != 200 or not isinstance(answer, dict):
            return None
        rows = answer.get("model_version_status", [])
        return {int(row["version"]): row["state"] for row in rows}

    def _send(self, url: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=self.seconds) as response:
                return response.status, _json(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())
        except urllib.error.URLError as error:
            raise TransientError(f"{self.target.url}: no answer ({error.reason})") from None
        except (OSError, http.client.HTTPException) as error:
            words = str(error) or type(error).__name__
            raise TransientError(f"{self.target.url}: the connection broke ({words})") from None


class Grpc:
    """TF Serving's gRPC interface (tensorflow_serving/apis/prediction_service.proto)."""

    def __init__(self, target: Target, address: str, seconds: float) -> None:
        """Opens a channel; `seconds` is the time limit of one request."""
        # What gRPC logs would hide the one line that says what went wrong.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        self.target, self.seconds = target, seconds
        channel = grpc.insecure_channel(address)
        self._predictions = protos.prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = protos.model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, content: bytes) -> Answer:
        """See `Connection`."""
        inputs = {INPUT: np.array([content], dtype=object)}
        request = protos.predict_request(self.target.model, SIGNATURE, inputs)
        request.output_filter.extend(["label", "probabilities"])
        if self.target.version is not None:
            request.model_spec.version.value = self.target.version
        elif self.target.label:
            request.model_spec.version_label = self.target.label
        try:
            outputs = self._predictions.Predict(request, timeout=self.seconds).outputs
        except grpc.RpcError as error:
            raise self._failure(error) from None
        try:
            label = protos.to_array(outputs["label"])[0].decode()
            probabilities = protos.to_array(outputs["probabilities"])[0]
            return Answer(label, tuple(map(float, probabilities)))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _not_ours(self.target) from None

    def _failure(self, error: Any) -> Exception:
        code, words = error.code(), error.details() or error.code().name
        if code == grpc.StatusCode.NOT_FOUND or _NO_LABEL in words:
            return _not_found(self.target, self._states(), words)
        too_large = "larger than max" in words
        refused = code == grpc.StatusCode.INVALID_ARGUMENT or too_large
        transient = code in _TRANSIENT and not too_large
        return _failure(self.target, refused, transient, words)

    def _states(self) -> dict[int, str] | None:
        request = protos.get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self.target.model
        try:
            found = self._models.GetModelStatus(request, timeout=self.seconds)
        except grpc.RpcError as error:
            if error.code() in _TRANSIENT:
                raise TransientError(f"{self.target.url}: {error.details()}") from None
            return None
        state = protos.get_model_status_pb2.ModelVersionStatus.State.Name
        return {row.version: state(row.state) for row in found.model_version_status}


def _not_found(target: Target, states: dict[int, str] | None, words: str) -> Exception:
    """What it means that a server has no such model, version or label.

    Args:
        target: what was asked for.
        states: version to state, such as `LOADING`; None if the model is unknown to the server.
        words: the server's message.
    """
    if states is None:
        return ServerError(
            f"{target.url} serves no model {target.model}; names are those in models.config"
        )
    asked = {v: s for v, s in states.items() if target.version in (None, v)}
    if any(state in ("UNKNOWN", "START", "LOADING") for state in asked.values()):
        return TransientError(f"{target.url}: {target.model} is still loading")
    if _NO_LABEL in words:
        return ServerError(
            f"{target.url}: {target.model} has no version labelled {target.label}; give another "
            "--label (candidate), or a --version"
        )
    there = ", ".join(str(v) for v, state in sorted(states.items()) if state == "AVAILABLE")
    return ServerError(
        f"{target.url}: {words}; of {target.model} it serves version {there or 'none'}"
    )


def _failure(target: Target, refused: bool, transient: bool, words: str) -> Exception:
    """What a failed request means: the image is `refused`, the failure is `transient`, or else."""
    line = " ".join(words.split())
    if "signature" in line.lower() and SIGNATURE in line:
        return ServerError(f"{target.url}: {target.model} does not take image bytes ({line})")
    if refused:
        reason = _OF_THE_MODEL.search(line)
        return BadImageError(f"the server refuses it: {reason[1] if reason else line}")
    if transient:
        return TransientError(f"{target.url}: {line}")
    return ServerError(f"{target.url}: {line}")


def _rest_answer(answer: Any, target: Target) -> Answer:
    try:
        (row,) = answer["predictions"]
        return Answer(row["label"], tuple(map(float, row["probabilities"])))
    except (KeyError, TypeError, ValueError):
        raise _not_ours(target) from None


def _not_ours(target: Target) -> ServerError:
    return ServerError(
        f"{target.url}: {target.model} gives no label and probabilities; was it exported by tfmed?"
    )


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:200]
