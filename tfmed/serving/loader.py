"""SavedModels through TensorFlow's own C++ loader, the one that TF Serving runs.

The wheel's `libtensorflow_cc` is called through ctypes (`tensorflow/c/c_api.h`); the Python package
is not imported. The library may end the process on a damaged graph: load in a process of its own.
"""

import contextlib
import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from tfmed.errors import InputError
from tfmed.serving import protos

_STRING_BYTES = 24
"""Size of a `TF_TString`."""
_TYPES = {
    "p": ctypes.c_void_p,
    "s": ctypes.c_char_p,
    "n": ctypes.c_size_t,
    "i": ctypes.c_int,
    "l": ctypes.c_int64,
    "-": None,
}
_FUNCTIONS = {
    "TF_NewStatus": "p",
    "TF_DeleteStatus": "-p",
    "TF_GetCode": "ip",
    "TF_Message": "sp",
    "TF_NewGraph": "p",
    "TF_DeleteGraph": "-p",
    "TF_NewSessionOptions": "p",
    "TF_DeleteSessionOptions": "-p",
    "TF_LoadSessionFromSavedModel": "pppspippp",
    "TF_CloseSession": "-pp",
    "TF_DeleteSession": "-pp",
    "TF_GraphOperationByName": "pps",
    "TF_SessionRun": "-ppppippipipp",
    "TF_AllocateTensor": "pipin",
    "TF_DeleteTensor": "-p",
    "TF_TensorData": "pp",
    "TF_TensorType": "ip",
    "TF_NumDims": "ip",
    "TF_Dim": "lpi",
    "TF_TensorByteSize": "np",
    "TF_StringInit": "-p",
    "TF_StringCopy": "-psn",
    "TF_StringGetDataPointer": "pp",
    "TF_StringGetSize": "np",
}
"""Functions of the C library: what each returns, and its arguments, as letters of `_TYPES`."""


class LoaderError(Exception):
    """Why TensorFlow refuses a model or a request, in one line."""


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


class LoadedModel:
    """A SavedModel in a session of its own; made by `load`.

    Attributes:
        signatures: name to `SignatureDef`.
    """

    def __init__(self, folder: Path) -> None:
        """Loads the model; prefer `load`, which also frees it.

        Raises:
            LoaderError: the folder holds no SavedModel that loads.
        """
        try:
            self.signatures = protos.read_signatures((folder / "saved_model.pb").read_bytes())
        except (OSError, DecodeError, IndexError) as error:
            raise LoaderError(f"saved_model.pb: {error}") from None
        self._library = library = _library()
        self._status = library.TF_NewStatus()
        self._graph = library.TF_NewGraph()
        options, tags = library.TF_NewSessionOptions(), (ctypes.c_char_p * 1)(b"serve")
        self._session = library.TF_LoadSessionFromSavedModel(
            options, None, str(folder).encode(), tags, 1, self._graph, None, self._status
        )
        library.TF_DeleteSessionOptions(options)
        self._check()

    def run(self, signature: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Answers of a signature.

        Args:
            signature: one of `signatures`.
            inputs: input name to array; strings are object arrays of bytes.

        Raises:
            LoaderError: the request is refused.
        """
        if signature not in self.signatures:
            raise LoaderError(f"there is no signature {signature}")
        takes, gives = self.signatures[signature].inputs, self.signatures[signature].outputs
        if set(inputs) != set(takes):
            raise LoaderError(f"{signature} takes {', '.join(takes)}")
        tensors: list[int] = []
        try:
            for name, info in takes.items():
                tensors.append(self._tensor(inputs[name], info))
            given = (ctypes.c_void_p * len(tensors))(*tensors)
            answers = (ctypes.c_void_p * len(gives))()
            sources, sinks = self._places(takes.values()), self._places(gives.values())
            self._library.TF_SessionRun(
                *(self._session, None, sources, given, len(given), sinks, answers, len(answers)),
                *(None, 0, None, self._status),
            )
        finally:
            for tensor in tensors:
                self._library.TF_DeleteTensor(tensor)
        self._check()
        return {name: self._array(tensor) for name, tensor in zip(gives, answers, strict=True)}

    def close(self) -> None:
        """Frees the session and its memory."""
        self._library.TF_CloseSession(self._session, self._status)
        self._library.TF_DeleteSession(self._session, self._status)
        self._library.TF_DeleteGraph(self._graph)
        self._library.TF_DeleteStatus(self._status)

    def _check(self) -> None:
        if self._library.TF_GetCode(self._status):
            message = self._library.TF_Message(self._status).decode(errors="replace")
            raise LoaderError(" ".join(message.split()))

    def _places(self, infos: Any) -> ctypes.Array:
        found = (_Output * len(infos))()
        for place, info in zip(found, infos, strict=True):
            operation, _, index = info.name.rpartition(":")
            place.operation = self._library.TF_GraphOperationByName(self._graph, operation.encode())
            if not place.operation:
                raise LoaderError(f"the graph has no operation {operation}")
            place.index = int(index)
        return found

    def _tensor(self, array: np.ndarray, info: Any) -> int:
        if array.dtype.name != (dtype := protos.dtype_of(info)):
            raise LoaderError(f"{info.name} takes {dtype} and got {array.dtype}")
        library, strings = self._library, array.dtype == object
        sizes = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        size = array.size * _STRING_BYTES if strings else array.nbytes
        tensor = library.TF_AllocateTensor(info.dtype, sizes, array.ndim, size)
        start = library.TF_TensorData(tensor)
        if not strings:
            ctypes.memmove(start, np.ascontiguousarray(array).ctypes.data, size)
            return tensor
        for place, value in zip(_places_of(start, array.size), array.ravel(), strict=True):
            library.TF_StringInit(place)
            library.TF_StringCopy(place, value, len(value))
        return tensor

    def _array(self, tensor: int) -> np.ndarray:
        library = self._library
        try:
            dtype = protos.DTYPES[library.TF_TensorType(tensor)]
            shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
            start = library.TF_TensorData(tensor)
            if dtype != "object":
                content = ctypes.string_at(start, library.TF_TensorByteSize(tensor))
                return np.frombuffer(content, dtype).reshape(shape)
            array = np.empty(int(np.prod(shape)), dtype=object)
            for i, place in enumerate(_places_of(start, array.size)):
                text = library.TF_StringGetDataPointer(place)
                array[i] = ctypes.string_at(text, library.TF_StringGetSize(place))
            return array.reshape(shape)
        finally:
            library.TF_DeleteTensor(tensor)


@contextlib.contextmanager
def load(folder: Path) -> Iterator[LoadedModel]:
    """A SavedModel, for as long as the context lasts.

    Raises:
        LoaderError: the folder holds no SavedModel that loads.
        InputError: this TensorFlow comes without its C++ library.
    """
    model = LoadedModel(folder)
    try:
        yield model
    finally:
        model.close()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drops what is written to standard error for as long as the context lasts.

    TensorFlow's libraries write there what they find of the machine while they are loaded, whatever
    `TF_CPP_MIN_LOG_LEVEL` says.
    """
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _places_of(start: int, n: int) -> range:
    """Addresses of the strings of a tensor; its data pointer is None where it has none."""
    return range(start, start + n * _STRING_BYTES, _STRING_BYTES) if n else range(0)


@functools.cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("tensorflow")
    folders = [] if spec is None else spec.submodule_search_locations or []
    found = [path for folder in folders for path in sorted(Path(folder).glob("libtensorflow_cc*"))]
    if not found:
        raise InputError(
            "TensorFlow's C++ library (libtensorflow_cc) is missing; install tensorflow from PyPI"
        )
    library = ctypes.CDLL(str(found[0]))
    for name, letters in _FUNCTIONS.items():
        function, types = getattr(library, name), [_TYPES[letter] for letter in letters]
        function.restype, function.argtypes = types[0], types[1:]
    return library
