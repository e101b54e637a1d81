"""A small server on loopback that answers as TF Serving does: predict and status, REST and gRPC.

It runs the signatures of an exported model, and fails on demand. Its error messages are those in TF
Serving's sources.
"""

import base64
import json
import re
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

PATH = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>:predict)?"
)
HTTP_CODES = {"NOT_FOUND": 404, "INVALID_ARGUMENT": 400, "UNAVAILABLE": 503, "INTERNAL": 500}


class RefusedError(Exception):
    """An error with the message of the server's core."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass
class SmallServer:
    """One model, its versions' states and labels, and the failures still to come.

    Attributes:
        failures: taken from the front by each predict request: `drop` closes the connection,
            `unavailable` and `internal` answer with that error.
        requests: how many predict requests have come.
    """

    model: str
    loaded: Any
    states: dict[int, str] = field(default_factory=lambda: {1: "AVAILABLE"})
    labels: dict[str, int] = field(default_factory=lambda: {"stable": 1})
    failures: list[str] = field(default_factory=list)
    requests: int = 0
    rest: str = ""
    grpc: str = ""

    def begin(self) -> str:
        """Counts a request and returns its failure, or an empty string."""
        self.requests += 1
        return self.failures.pop(0) if self.failures else ""

    def run(
        self, model: str, version: int | None, label: str | None, signature: str, inputs: dict
    ) -> dict[str, tf.Tensor]:
        """The answers of a signature, or why the request is refused."""
        if label and label not in self.labels:
            raise RefusedError("INVALID_ARGUMENT", f"Unrecognized servable version label: {label}")
        wanted = self.labels[label] if label else version
        ready = [number for number, state in self.states.items() if state == "AVAILABLE"]
        if model != self.model or not ready or wanted not in (None, *ready):
            found = f"Specific({model}, {wanted})" if wanted else f"Latest({model})"
            raise RefusedError("NOT_FOUND", f"Servable not found for request: {found}")
        if signature not in self.loaded.signatures:
            words = f"Serving signature key {signature!r} not found."
            raise RefusedError("INVALID_ARGUMENT", words)
        try:
            return self.loaded.signatures[signature](**inputs)
        except (tf.errors.InvalidArgumentError, TypeError, ValueError) as error:
            raise RefusedError("INVALID_ARGUMENT", str(error)) from None

    def versions_of(self, model: str) -> dict[int, str]:
        """State of each version."""
        if model != self.model:
            raise RefusedError("NOT_FOUND", f"Could not find any versions of model {model}")
        return self.states


@contextmanager
def serve(model: str, folder: Path) -> Iterator[SmallServer]:
    """Serves the SavedModel in a folder under a name."""
    server = SmallServer(model, tf.saved_model.load(str(folder)))
    http_server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    grpc_server = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        _Predictions(server), grpc_server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(server), grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    thread = Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    server.rest = f"http://127.0.0.1:{http_server.server_address[1]}"
    server.grpc = f"grpc://127.0.0.1:{port}"
    try:
        yield server
    finally:
        http_server.shutdown()
        http_server.server_close()
        thread.join()
        grpc_server.stop(None).wait()


def _handler(server: SmallServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(self._status)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            failure = server.begin()
            if failure == "drop":
                self.close_connection = True
                return
            if failure:
                self._send(HTTP_CODES[failure.upper()], {"error": failure})
                return
            self._answer(lambda parts: self._predict(parts, json.loads(content)))

        def _answer(self, action: Any) -> None:
            parts = PATH.fullmatch(self.path)
            if parts is None:
                self._send(400, {"error": f"Malformed request: {self.path}"})
                return
            try:
                self._send(200, action(parts))
            except RefusedError as error:
                self._send(HTTP_CODES[error.code], {"error": str(error)})

        def _status(self, parts: re.Match) -> dict:
            states = server.versions_of(parts["model"])
            return {
                "model_version_status": [
                    {"version": str(number), "state": state} for number, state in states.items()
                ]
            }

        def _predict(self, parts: re.Match, body: dict) -> dict:
            signature = body.get("signature_name", "serving_default")
            values = body["instances"]
            if isinstance(values[0], dict) and "b64" in values[0]:
                inputs = {"image_bytes": tf.constant([base64.b64decode(v["b64"]) for v in values])}
            elif isinstance(values[0], str):
                inputs = {"question": tf.constant(values)}
            else:
                inputs = {"images": tf.constant(np.array(values, dtype=np.uint8))}
            version = int(parts["version"]) if parts["version"] else None
            answers = server.run(parts["model"], version, parts["label"], signature, inputs)
            columns = {name: _plain(value.numpy()) for name, value in answers.items()}
            rows = zip(*columns.values(), strict=True)
            return {"predictions": [dict(zip(columns, row, strict=True)) for row in rows]}

        def _send(self, code: int, body: dict) -> None:
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _plain(values: np.ndarray) -> list:
    return [value.decode() for value in values] if values.dtype == object else values.tolist()


class _Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, server: SmallServer) -> None:
        self.server = server

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        failure = self.server.begin()
        if failure:  # gRPC reports a dropped connection as UNAVAILABLE too
            code = "INTERNAL" if failure == "internal" else "UNAVAILABLE"
            context.abort(grpc.StatusCode[code], failure)
        spec = request.model_spec
        version = spec.version.value if spec.HasField("version") else None
        inputs = {
            name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()
        }
        try:
            answers = self.server.run(
                spec.name, version, spec.version_label, spec.signature_name, inputs
            )
        except RefusedError as error:
            context.abort(grpc.StatusCode[error.code], str(error))
        response = predict_pb2.PredictResponse()
        for name in request.output_filter or answers:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(answers[name].numpy()))
        return response


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, server: SmallServer) -> None:
        self.server = server

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        response = get_model_status_pb2.GetModelStatusResponse()
        try:
            states = self.server.versions_of(request.model_spec.name)
        except RefusedError as error:
            context.abort(grpc.StatusCode[error.code], str(error))
        for number, state in states.items():
            row = response.model_version_status.add(version=number)
            row.state = get_model_status_pb2.ModelVersionStatus.State.Value(state)
        return response
