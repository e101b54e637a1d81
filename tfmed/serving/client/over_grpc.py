"""TF Serving's gRPC interface (tensorflow_serving/apis/prediction_service.proto)."""

import os
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np

from tfmed.serving import protos
from tfmed.serving.client.asking import (
    FILES,
    NO_LABEL,
    PIXELS,
    STEPS,
    Target,
    TransientError,
    Value,
    failure,
    not_found,
    not_ours,
)

_INPUTS = {FILES: "image_bytes", PIXELS: "images", STEPS: "question"}
_TRANSIENT = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)
"""Codes of a failure that may be gone at the next try."""


class Grpc:
    """A `Connection` over one channel."""

    def __init__(self, target: Target, address: str, seconds: float) -> None:
        """Opens a channel; `seconds` is the time limit of one request."""
        # What gRPC logs would hide the one line that says what went wrong.
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        self.target, self.seconds = target, seconds
        channel = grpc.insecure_channel(address)
        self._predictions = protos.prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = protos.model_service_pb2_grpc.ModelServiceStub(channel)

    def ask(self, signature: str, value: Value, outputs: Sequence[str]) -> dict[str, Any]:
        """See `Connection`."""
        inputs = {_INPUTS[signature]: _batch(value)}
        request = protos.predict_request(self.target.model, signature, inputs)
        request.output_filter.extend(outputs)
        if self.target.version is not None:
            request.model_spec.version.value = self.target.version
        elif self.target.label:
            request.model_spec.version_label = self.target.label
        try:
            found = self._predictions.Predict(request, timeout=self.seconds).outputs
        except grpc.RpcError as error:
            raise self._failure(signature, error) from None
        try:
            return {name: protos.to_array(found[name])[0] for name in outputs}
        except (ValueError, LookupError):
            raise not_ours(self.target) from None

    def _failure(self, signature: str, error: Any) -> Exception:
        code, words = error.code(), error.details() or error.code().name
        if code == grpc.StatusCode.NOT_FOUND or NO_LABEL in words:
            return not_found(self.target, self._states(), words)
        too_large = "larger than max" in words
        refused = code == grpc.StatusCode.INVALID_ARGUMENT or too_large
        transient = code in _TRANSIENT and not too_large
        return failure(self.target, signature, refused, transient, words)

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


def _batch(value: Value) -> np.ndarray:
    """One value as a batch; texts are object arrays of bytes."""
    if isinstance(value, np.ndarray):
        return value[None]
    return np.array([value.encode() if isinstance(value, str) else value], dtype=object)
