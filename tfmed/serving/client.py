"""Asks a TF Serving what is in image files, over REST or gRPC, with retries and clear errors."""

import base64
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tfmed.errors import InputError

SIGNATURE, INPUT = "serve_image_bytes", "image_bytes"
NO_LABEL = "version label"
"""What TF Serving's words hold if a label is unknown, be it that the model is."""
_OF_THE_MODEL = re.compile(r"assertion failed: \[image\] \[\d+\] \[(.*?)\]")
"""The words of `tfmed.serving.signatures` inside TensorFlow's."""
FIRST_PAUSE = 0.5
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
    """What a model says of one image.

    Attributes:
        label: name of the class, by the model's threshold.
        probabilities: of both classes, in the model's order.
    """

    label: str
    probabilities: tuple[float, ...]


class ServerError(InputError):
    """What the server, or the way to it, has against every request."""


class BadImageError(InputError):
    """What the server has against one request."""


class PassingError(Exception):
    """A failure that may be gone at the next try."""


class Connection(Protocol):
    """A way to ask a server."""

    def predict(self, content: bytes) -> Answer:
        """What the model says of one PNG or JPEG file.

        Raises:
            PassingError: it may work at the next try.
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
    """Asks once, and again after growing pauses while the failure may pass.

    Asking twice does no harm: a prediction changes nothing.

    Raises:
        ServerError: no request will work, or every try failed.
        BadImageError: the server refuses this one.
    """
    for attempt in range(retries + 1):
        try:
            return connection.predict(content)
        except PassingError as error:
            if attempt == retries:
                raise ServerError(f"{error}; tried {retries + 1} times") from None
            sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError("not reached")


def connect(target: Target, seconds: float = 10.0) -> Connection:
    """A connection by the address's scheme; nothing is sent yet.

    Raises:
        InputError: the address is of no such kind, or gRPC is not installed.
    """
    parts = urllib.parse.urlsplit(target.url)
    if parts.scheme in ("http", "https") and parts.netloc:
        return Rest(target, seconds)
    if parts.scheme == "grpc" and parts.netloc:
        try:
            from tfmed.serving.grpc_client import Grpc
        except ImportError as error:
            raise InputError(
                f"{target.url}: gRPC needs tensorflow-serving-api ({error}); "
                "pip install tensorflow-serving-api, or give the http:// address"
            ) from None
        return Grpc(target, parts.netloc, seconds)
    raise InputError(
        f"{target.url!r} is no server's address; give http://host:8501 or grpc://host:8500"
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
        if status == 404 or NO_LABEL in words:
            raise not_found(self.target, self._states(), words)
        raise failure(self.target, status == 400, status in (429, 502, 503, 504), words)

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
            raise PassingError(f"{self.target.url}: no answer ({error.reason})") from None
        except (OSError, http.client.HTTPException) as error:
            words = str(error) or type(error).__name__
            raise PassingError(f"{self.target.url}: the connection broke ({words})") from None


def not_found(target: Target, states: dict[int, str] | None, words: str) -> Exception:
    """What it means that a server has no such model, version or label.

    Args:
        target: what was asked for.
        states: version to state, such as `LOADING`; None if the model is unknown to the server.
        words: the server's.
    """
    if states is None:
        return ServerError(
            f"{target.url} serves no model {target.model}; names are those in models.config"
        )
    asked = {v: s for v, s in states.items() if target.version in (None, v)}
    if any(state in ("UNKNOWN", "START", "LOADING") for state in asked.values()):
        return PassingError(f"{target.url}: {target.model} is still loading")
    if NO_LABEL in words:
        return ServerError(
            f"{target.url}: {target.model} has no version labelled {target.label}; give another "
            "--label (candidate), or a --version"
        )
    there = ", ".join(str(v) for v, state in sorted(states.items()) if state == "AVAILABLE")
    return ServerError(
        f"{target.url}: {words}; of {target.model} it serves version {there or 'none'}"
    )


def failure(target: Target, refused: bool, passing: bool, words: str) -> Exception:
    """What a failed request means: the image is `refused`, or the failure is `passing`, or else."""
    line = " ".join(words.split())
    if "signature" in line.lower() and SIGNATURE in line:
        return ServerError(f"{target.url}: {target.model} takes no image bytes ({line})")
    if refused:
        said = _OF_THE_MODEL.search(line)
        return BadImageError(f"the server refuses it: {said[1] if said else line}")
    if passing:
        return PassingError(f"{target.url}: {line}")
    return ServerError(f"{target.url}: {line}")


def _rest_answer(answer: Any, target: Target) -> Answer:
    try:
        (row,) = answer["predictions"]
        return Answer(row["label"], tuple(map(float, row["probabilities"])))
    except (KeyError, TypeError, ValueError):
        raise ServerError(
            f"{target.url}: {target.model} gives no label and probabilities; is it one of tfmed's?"
        ) from None


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")[:200]
