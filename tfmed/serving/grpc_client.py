"""TF Serving's gRPC interface; needs the optional `tensorflow-serving-api`."""

import os

# What these libraries log would hide the one line that says what went wrong.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tfmed.serving.client import (
    INPUT,
    NO_LABEL,
    SIGNATURE,
    Answer,
    PassingError,
    ServerError,
    Target,
    failure,
    not_found,
)

_STATES = get_model_status_pb2.ModelVersionStatus.State
_PASSING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
)


class Grpc:
    """See `tfmed.serving.client.Connection`."""

    def __init__(self, target: Target, address: str, seconds: float) -> None:
        """Opens a channel; `seconds` is the time limit of one request."""
        self.target, self.seconds = target, seconds
        channel = grpc.insecure_channel(address)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)

    def predict(self, content: bytes) -> Answer:
        """See `Connection`."""
        request = predict_pb2.PredictRequest(output_filter=["label", "probabilities"])
        request.model_spec.name = self.target.model
        request.model_spec.signature_name = SIGNATURE
        if self.target.version is not None:
            request.model_spec.version.value = self.target.version
        elif self.target.label:
            request.model_spec.version_label = self.target.label
        request.inputs[INPUT].CopyFrom(tf.make_tensor_proto([content]))
        try:
            outputs = self._predictions.Predict(request, timeout=self.seconds).outputs
        except grpc.RpcError as error:
            raise self._failure(error) from None
        try:
            label = tf.make_ndarray(outputs["label"])[0].decode()
            probabilities = tf.make_ndarray(outputs["probabilities"])[0]
        except (ValueError, IndexError, TypeError):
            raise ServerError(
                f"{self.target.url}: {self.target.model} gives no label and probabilities; "
                "is it one of tfmed's?"
            ) from None
        return Answer(label, tuple(map(float, probabilities)))

    def _failure(self, error: grpc.RpcError) -> Exception:
        code, words = error.code(), error.details() or error.code().name
        if code == grpc.StatusCode.NOT_FOUND or NO_LABEL in words:
            return not_found(self.target, self._states(), words)
        too_large = "larger than max" in words
        refused = code == grpc.StatusCode.INVALID_ARGUMENT or too_large
        return failure(self.target, refused, code in _PASSING and not too_large, words)

    def _states(self) -> dict[int, str] | None:
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = self.target.model
        try:
            found = self._models.GetModelStatus(request, timeout=self.seconds)
        except grpc.RpcError as error:
            if error.code() in _PASSING:
                raise PassingError(f"{self.target.url}: {error.details()}") from None
            return None
        return {row.version: _STATES.Name(row.state) for row in found.model_version_status}
