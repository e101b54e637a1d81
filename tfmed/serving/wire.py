"""The few protocol buffers that a gate and a warm-up file need, without importing TensorFlow.

Field numbers are those of TF Serving's `prediction_log.proto`, `predict.proto` and `model.proto`
and of TensorFlow's `saved_model.proto`, `meta_graph.proto` and `tensor.proto`; numbers of fields
never change (protobuf.dev, "Encoding").
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

DTYPES = {1: "float32", 2: "float64", 3: "int32", 4: "uint8", 7: "object", 9: "int64"}
"""`tensorflow.DataType` to numpy; strings are object arrays of bytes."""
STRING = 7
_NUMBERS = {name: number for number, name in DTYPES.items()}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a signature.

    Attributes:
        tensor: its name in the graph, such as `serving_default_images:0`.
        dtype: numpy's name; `object` for strings.
        shape: -1 where any size goes; None if not even the rank is known.
    """

    tensor: str
    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a signature, by name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]


@dataclass(frozen=True)
class Request:
    """What is asked of a signature: input name to array (strings: object arrays of bytes)."""

    signature: str
    inputs: Mapping[str, np.ndarray]


def prediction_log(model: str, request: Request) -> bytes:
    """A serialised `tensorflow.serving.PredictionLog`, one record of a warm-up file."""
    spec = _field(1, model.encode()) + _field(3, request.signature.encode())
    inputs = b"".join(
        _field(2, _field(1, name.encode()) + _field(2, tensor_proto(array)))
        for name, array in request.inputs.items()
    )
    return _field(6, _field(1, _field(1, spec) + inputs))


def read_prediction_log(message: bytes) -> Request:
    """The inverse of `prediction_log`.

    Raises:
        ValueError: the message is no PredictionLog of a predict request.
    """
    request = _only(_only(message, 6), 1)
    spec, inputs = b"", {}
    for number, value in fields(request):
        if number == 1:
            spec = _as_bytes(value)
        elif number == 2:
            name, array = _entry(value)
            inputs[name] = read_tensor_proto(array)
    return Request(_only(spec, 3).decode(), inputs)


def read_records(content: bytes) -> Iterator[bytes]:
    """Records of a TFRecord file; checksums are left to whoever hashes the file.

    Raises:
        ValueError: the file is cut short.
    """
    start = 0
    while start < len(content):
        length = int.from_bytes(content[start : start + 8], "little")
        end = start + 12 + length
        if end + 4 > len(content):
            raise ValueError("a record is cut short")
        yield content[start + 12 : end]
        start = end + 4


def read_signatures(saved_model: bytes) -> dict[str, Signature]:
    """Signatures in a serialised `saved_model.pb`, by name, of its first graph.

    Raises:
        ValueError: it is no SavedModel.
    """
    found = {}
    for number, value in fields(_only(saved_model, 2)):
        if number == 5:
            name, signature = _entry(value)
            found[name] = _signature(signature)
    return found


def tensor_proto(array: np.ndarray) -> bytes:
    """A serialised `tensorflow.TensorProto`."""
    sizes = b"".join(_field(2, _integer(1, size)) for size in array.shape)
    head = _integer(1, _NUMBERS[array.dtype.name]) + _field(2, sizes)
    if array.dtype == object:
        return head + b"".join(_field(8, value) for value in array.ravel())
    return head + _field(4, np.ascontiguousarray(array).tobytes())


def read_tensor_proto(message: bytes) -> np.ndarray:
    """The inverse of `tensor_proto`, for tensors whose numbers lie in `tensor_content`.

    Raises:
        ValueError: the message is no such tensor.
    """
    dtype, shape, content, strings = 0, b"", b"", []
    for number, value in fields(message):
        if number == 1 and isinstance(value, int):
            dtype = value
        elif number == 2:
            shape = _as_bytes(value)
        elif number == 4:
            content = _as_bytes(value)
        elif number == 8:
            strings.append(_as_bytes(value))
    sizes = _shape(shape)
    if dtype not in DTYPES or sizes is None:
        raise ValueError(f"a tensor of type {dtype} is not understood")
    if dtype == STRING:
        array = np.empty(len(strings), dtype=object)
        array[:] = strings
        return array.reshape(sizes)
    return np.frombuffer(content, dtype=DTYPES[dtype]).reshape(sizes)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field; a value is a whole number or bytes.

    Raises:
        ValueError: the bytes are no message.
    """
    start = 0
    while start < len(message):
        key, start = _read_varint(message, start)
        kind = key & 7
        value: int | bytes
        if kind == _VARINT:
            value, start = _read_varint(message, start)
        elif kind in (_BYTES, _FIXED32, _FIXED64):
            length = {_FIXED32: 4, _FIXED64: 8}.get(kind)
            if length is None:
                length, start = _read_varint(message, start)
            value = message[start : start + length]
            if len(value) < length:
                raise ValueError("a message is cut short")
            start += length
        else:
            raise ValueError(f"a field of unknown kind {kind}")
        yield key >> 3, value


def _signature(message: bytes) -> Signature:
    sides: dict[int, dict[str, TensorInfo]] = {1: {}, 2: {}}
    for number, value in fields(message):
        if number in sides:
            name, info = _entry(value)
            sides[number][name] = _tensor_info(info)
    return Signature(inputs=sides[1], outputs=sides[2])


def _tensor_info(message: bytes) -> TensorInfo:
    tensor, dtype, shape = "", 0, b""
    for number, value in fields(message):
        if number == 1:
            tensor = _as_bytes(value).decode()
        elif number == 2 and isinstance(value, int):
            dtype = value
        elif number == 3:
            shape = _as_bytes(value)
    return TensorInfo(tensor, DTYPES.get(dtype, f"type {dtype}"), _shape(shape))


def _shape(message: bytes) -> tuple[int, ...] | None:
    sizes = []
    for number, value in fields(message):
        if number == 3:
            return None
        if number == 2:
            size = dict(fields(_as_bytes(value))).get(1, 0)
            # Negative numbers are 64-bit two's complement.
            sizes.append(-1 if not isinstance(size, int) or size >= 2**63 else size)
    return tuple(sizes)


def _entry(value: int | bytes) -> tuple[str, bytes]:
    """Key and value of one entry of a map."""
    parts = dict(fields(_as_bytes(value)))
    return _as_bytes(parts.get(1, b"")).decode(), _as_bytes(parts.get(2, b""))


def _only(message: bytes, wanted: int) -> bytes:
    for number, value in fields(message):
        if number == wanted:
            return _as_bytes(value)
    raise ValueError(f"a message lacks its field {wanted}")


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where a message should")
    return value


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(payload)) + payload


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _read_varint(message: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while start < len(message) and shift < 70:
        byte = message[start]
        start += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, start
        shift += 7
    raise ValueError("a number is cut short")
