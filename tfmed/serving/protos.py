"""Messages of TensorFlow and TF Serving, without importing TensorFlow.

`tensorflow-serving-api` takes its tensors from `tensorflow.core`, and importing that runs all of
TensorFlow's `__init__`: 4 s. The generated modules need only protobuf, so they are imported from an
empty package of TensorFlow's name: 0.04 s.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


@contextlib.contextmanager
def _empty_tensorflow() -> Iterator[None]:
    """A package `tensorflow` whose `__init__` has not run, unless the real one is loaded."""
    if "tensorflow" in sys.modules:
        yield
        return
    spec = importlib.util.find_spec("tensorflow")
    if spec is None:
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")
    sys.modules["tensorflow"] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules["tensorflow"]


with _empty_tensorflow():
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow.core.protobuf import saved_model_pb2
    from tensorflow_serving.apis import (
        get_model_status_pb2,
        model_service_pb2_grpc,
        predict_pb2,
        prediction_log_pb2,
        prediction_service_pb2_grpc,
    )
    from tensorflow_serving.config import model_server_config_pb2

__all__ = [
    "get_model_status_pb2",
    "model_server_config_pb2",
    "model_service_pb2_grpc",
    "prediction_service_pb2_grpc",
]

DTYPES = {
    types_pb2.DT_FLOAT: "float32",
    types_pb2.DT_DOUBLE: "float64",
    types_pb2.DT_INT32: "int32",
    types_pb2.DT_UINT8: "uint8",
    types_pb2.DT_STRING: "object",
    types_pb2.DT_INT64: "int64",
}
"""`tensorflow.DataType` to numpy; strings are object arrays of bytes."""
_NUMBERS = {name: number for number, name in DTYPES.items()}
_VALUES = {
    "float32": "float_val",
    "float64": "double_val",
    "int64": "int64_val",
    "int32": "int_val",
    "uint8": "int_val",
}


def read_signatures(saved_model: bytes) -> dict[str, Any]:
    """The `SignatureDef`s in a serialised `saved_model.pb`, by name, of its first graph.

    Raises:
        google.protobuf.message.DecodeError: it is not a SavedModel.
        IndexError: it holds no graph.
    """
    return dict(saved_model_pb2.SavedModel.FromString(saved_model).meta_graphs[0].signature_def)


def dtype_of(info: Any) -> str:
    """Numpy's name of the dtype of a `TensorInfo` or `TensorProto`."""
    return DTYPES.get(info.dtype, types_pb2.DataType.Name(info.dtype))


def described(signatures: Mapping[str, Any]) -> dict[str, Any]:
    """Signatures that take inputs, for a card: name to `inputs` and `outputs`, dtype and shape."""
    return {
        name: {
            side: {key: _described(infos[key]) for key in sorted(infos)}
            for side, infos in (("inputs", signature.inputs), ("outputs", signature.outputs))
        }
        for name, signature in sorted(signatures.items())
        if signature.inputs  # TensorFlow adds one of its own that takes none
    }


def _described(info: Any) -> dict[str, Any]:
    dtype = dtype_of(info)
    return {
        "dtype": "string" if dtype == "object" else dtype,
        "shape": [dim.size for dim in info.tensor_shape.dim],
    }


def predict_request(model: str, signature: str, inputs: Mapping[str, np.ndarray]) -> Any:
    """A `PredictRequest` of a model's signature."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tensor_proto(array))
    return request


def prediction_log(request: Any) -> bytes:
    """A serialised `PredictionLog` of a `PredictRequest`, one record of a warm-up file."""
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(request)
    return log.SerializeToString(deterministic=True)


def read_prediction_log(message: bytes) -> Any:
    """The `PredictRequest` in a serialised `PredictionLog`.

    Raises:
        google.protobuf.message.DecodeError: it is not a `PredictionLog`.
    """
    return prediction_log_pb2.PredictionLog.FromString(message).predict_log.request


def tensor_proto(array: np.ndarray) -> Any:
    """A `TensorProto`; strings are object arrays of bytes."""
    proto = tensor_pb2.TensorProto(dtype=_NUMBERS[array.dtype.name])
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype == object:
        proto.string_val.extend(array.ravel())
    else:
        proto.tensor_content = array.tobytes()
    return proto


def to_array(proto: Any) -> np.ndarray:
    """The array of a `TensorProto`, as `tf.make_ndarray` gives it.

    Raises:
        ValueError: it has a dtype that is not in `DTYPES`, or too few values for its shape.
    """
    shape = [dim.size for dim in proto.tensor_shape.dim]
    dtype = dtype_of(proto)
    if dtype == "object":
        array = np.empty(len(proto.string_val), dtype=object)
        array[:] = list(proto.string_val)
        return array.reshape(shape)
    if dtype not in _VALUES:
        raise ValueError(f"a tensor of type {dtype} is not supported")
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
    return np.array(getattr(proto, _VALUES[dtype]), dtype).reshape(shape)
