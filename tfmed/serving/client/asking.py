"""What is asked of a server, how, and what its failures mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tfmed.errors import InputError

FILES, PIXELS, STEPS = "serve_image_bytes", "serving_default", "image_steps"
ACTIVATION = "grad_cam"
"""Signatures: see `tfmed.serving.signatures`."""
Value = bytes | str | np.ndarray
"""A file, a text, or uint8 pixels (height, width, channels)."""
NO_LABEL = "version label"
"""Part of TF Serving's message for an unknown label, also where the model itself is unknown."""
_OF_THE_MODEL = re.compile(r"assertion failed: \[image\] \[\d+\] \[(.*?)\]")
"""The message of `tfmed.serving.pictures.headers.ensure` inside TensorFlow's."""


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


class ServerError(InputError):
    """Every request to this server fails: it, or the way to it, is at fault."""


class NoSignatureError(ServerError):
    """The model has no such signature."""


class BadImageError(InputError):
    """This one image can't be prepared, or the server refuses it."""


class TransientError(Exception):
    """A failure that may be gone at the next try."""


class Connection(Protocol):
    """A way to ask a server: `Rest` or `Grpc`."""

    @property
    def target(self) -> Target:
        """What is asked."""

    def ask(self, signature: str, value: Value, outputs: Sequence[str]) -> dict[str, Any]:
        """A signature's outputs for one value, without the axis of examples.

        Raises:
            TransientError: it may work at the next try.
            ServerError: no request will work.
            NoSignatureError: this signature will not.
            BadImageError: this value will not.
        """


def not_found(target: Target, states: dict[int, str] | None, words: str) -> Exception:
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
    if NO_LABEL in words:
        return ServerError(
            f"{target.url}: {target.model} has no version labelled {target.label}; give another "
            "--label (candidate), or a --version"
        )
    there = ", ".join(str(v) for v, state in sorted(states.items()) if state == "AVAILABLE")
    return ServerError(
        f"{target.url}: {words}; of {target.model} it serves version {there or 'none'}"
    )


def failure(
    target: Target, signature: str, refused: bool, transient: bool, words: str
) -> Exception:
    """What a failed request means: the image is `refused`, the failure is `transient`, or else."""
    line = " ".join(words.split())
    if "signature" in line.lower() and signature in line:
        words = f"{target.url}: {target.model} has no signature {signature} ({line})"
        return NoSignatureError(words)
    if refused:
        return BadImageError(f"the server refuses it: {refusal_in(line)}")
    if transient:
        return TransientError(f"{target.url}: {line}")
    return ServerError(f"{target.url}: {line}")


def refusal_in(line: str) -> str:
    """Why a model refuses an image, from TensorFlow's message."""
    reason = _OF_THE_MODEL.search(line)
    return reason[1] if reason else line


def not_ours(target: Target) -> ServerError:
    """A model answers in another form than those that tfmed exports."""
    return ServerError(
        f"{target.url}: {target.model} gives no label and probabilities; was it exported by tfmed?"
    )
