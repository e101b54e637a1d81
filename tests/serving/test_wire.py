"""The bytes are those of TensorFlow's and TF Serving's own protocol buffers."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tfmed.serving import wire

STRINGS = np.array([b"", b"\x89PNG\x00", b"a" * 300], dtype=object)
ARRAYS = [
    np.arange(24, dtype="uint8").reshape(2, 3, 4),
    np.array([[0.5, -1.0]], dtype="float32"),
    np.array(2**40, dtype="int64"),
    np.zeros((0, 3), dtype="float32"),
    STRINGS,
]


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_tensors_are_those_of_tensorflow(array):
    ours = tf.make_tensor_proto(array).FromString(wire.tensor_proto(array))
    assert (tf.make_ndarray(ours) == array).all()
    assert tf.make_ndarray(ours).shape == array.shape
    assert (wire.read_tensor_proto(wire.tensor_proto(array)) == array).all()


def test_a_prediction_log_is_that_of_tf_serving():
    request = wire.Request("serve_image_bytes", {"image_bytes": STRINGS})
    message = wire.prediction_log("chest", request)
    parsed = prediction_log_pb2.PredictionLog.FromString(message).predict_log.request
    assert parsed.model_spec.name == "chest"
    assert parsed.model_spec.signature_name == "serve_image_bytes"
    assert (tf.make_ndarray(parsed.inputs["image_bytes"]) == STRINGS).all()
    again = wire.read_prediction_log(parsed_bytes(parsed))
    assert again.signature == "serve_image_bytes"
    assert (again.inputs["image_bytes"] == STRINGS).all()


def parsed_bytes(request):
    """The log as TF Serving's own code writes it."""
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.CopyFrom(request)
    return log.SerializeToString()


def test_signatures_are_read_as_tensorflow_reads_them(example):
    content = (example.version / "saved_model.pb").read_bytes()
    theirs = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].signature_def
    ours = wire.read_signatures(content)
    assert set(ours) == set(theirs)
    for name in ("serving_default", "serve_image_bytes"):
        for key, info in theirs[name].outputs.items():
            found = ours[name].outputs[key]
            assert found.tensor == info.name
            assert list(found.shape) == [dim.size for dim in info.tensor_shape.dim]
    assert ours["serving_default"].inputs["images"].dtype == "uint8"


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_other_bytes_are_an_error_and_never_a_crash(content):
    for read in (wire.read_signatures, wire.read_prediction_log, wire.read_tensor_proto):
        try:
            read(content)
        except ValueError:
            continue


def test_a_file_of_records_that_is_cut_short_is_an_error():
    with pytest.raises(ValueError, match="cut short"):
        list(wire.read_records(b"\x08" + bytes(11) + b"1234"))
