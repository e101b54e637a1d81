"""Messages are TensorFlow's and TF Serving's own, and TensorFlow is not imported for them."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from tfmed.serving import protos

ARRAYS = [
    np.arange(24, dtype="uint8").reshape(2, 3, 4),
    np.array([[0.5, -1.0]], dtype="float32"),
    np.array(2**40, dtype="int64"),
    np.zeros((0, 3), dtype="float32"),
    np.array([b"", b"\x89PNG\x00", b"a" * 300], dtype=object),
]


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_tensors_are_read_and_written_as_by_tensorflow(array):
    for found in (
        tf.make_ndarray(protos.tensor_proto(array)),
        protos.to_array(protos.tensor_proto(array)),
        protos.to_array(tf.make_tensor_proto(array)),
    ):
        assert (found == array).all()
        assert found.shape == array.shape
        assert found.dtype == array.dtype


def test_tensors_in_the_fields_that_a_server_answers_in_are_read():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[0.25, 0.75])
    proto.tensor_shape.dim.add(size=1)
    proto.tensor_shape.dim.add(size=2)
    assert (protos.to_array(proto) == tf.make_ndarray(proto)).all()


@pytest.mark.parametrize("dtype", [types_pb2.DT_COMPLEX64, types_pb2.DT_FLOAT])
def test_a_tensor_of_another_dtype_or_with_too_few_values_is_an_error(dtype):
    proto = tensor_pb2.TensorProto(dtype=dtype, float_val=[0.25])
    proto.tensor_shape.dim.add(size=2)
    with pytest.raises(ValueError, match=r"not supported|reshape"):
        protos.to_array(proto)


SCRIPT = """
import sys
from tfmed.serving import client, protos
client.connect(client.Target("grpc://127.0.0.1:1", "m"))
assert "tensorflow" not in sys.modules
assert not [name for name in sys.modules if name.startswith("tensorflow.python")]
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
request = protos.predict_request("m", "s", {})
assert isinstance(request, predict_pb2.PredictRequest)
request.inputs["x"].CopyFrom(tf.make_tensor_proto([b"a"]))
assert tf.make_ndarray(request.inputs["x"]) == [b"a"]
"""


@pytest.mark.slow
def test_the_client_starts_without_tensorflow_which_can_still_be_imported_after_it():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True, timeout=120)
