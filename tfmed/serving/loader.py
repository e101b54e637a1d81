"""SavedModels through TensorFlow's own C++ loader: what a server would make of them.

The wheel's `libtensorflow_cc` is called through ctypes (`tensorflow/c/c_api.h`); the Python package
is not imported. The library may end the process on a damaged graph, so ask in one of your own.
"""

import contextlib
import ctypes
import functools
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from tfmed.errors import InputError
from tfmed.serving.wire import DTYPES, STRING, TensorInfo, read_signatures

_SERVE = b"serve"
_STRING_BYTES = 24
"""Size of a `TF_TString`."""


class LoaderError(Exception):
    """What TensorFlow said against a model or a request, in one line."""


class _Output(ctypes.Structure):
    _fields_ = (("operation", ctypes.c_void_p), ("index", ctypes.c_int))


class LoadedModel:
    """A SavedModel in a session of its own; made by `load`."""

    def __init__(self, folder: Path) -> None:
        """Loads the model; prefer `load`, which also lets go of it.

        Raises:
            LoaderError: the folder holds no SavedModel that loads.
        """
        try:
            self.signatures = read_signatures((folder / "saved_model.pb").read_bytes())
        except (OSError, ValueError) as error:
            raise LoaderError(f"saved_model.pb: {error}") from None
        self._library = library = _library()
        self._status = library.TF_NewStatus()
        self._graph = library.TF_NewGraph()
        options = library.TF_NewSessionOptions()
        tags = (ctypes.c_char_p * 1)(_SERVE)
        try:
            self._session = library.TF_LoadSessionFromSavedModel(
                options, None, str(folder).encode(), tags, 1, self._graph, None, self._status
            )
        finally:
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
        infos = self.signatures[signature]
        if set(inputs) != set(infos.inputs):
            raise LoaderError(f"{signature} takes {', '.join(infos.inputs)}")
        fed, wanted = list(infos.inputs), list(infos.outputs)
        tensors: list[int] = []
        try:
            for name in fed:
                tensors.append(self._tensor(inputs[name], infos.inputs[name]))
            answers = (ctypes.c_void_p * len(wanted))()
            given = (ctypes.c_void_p * len(fed))(*tensors)
            sources = self._places([infos.inputs[name] for name in fed])
            sinks = self._places([infos.outputs[name] for name in wanted])
            self._library.TF_SessionRun(
                *(self._session, None, sources, given, len(fed), sinks, answers, len(wanted)),
                *(None, 0, None, self._status),
            )
        finally:
            for tensor in tensors:
                self._library.TF_DeleteTensor(tensor)
        self._check()
        return {name: self._array(tensor) for name, tensor in zip(wanted, answers, strict=True)}

    def close(self) -> None:
        """Lets go of the session and its memory."""
        self._library.TF_CloseSession(self._session, self._status)
        self._library.TF_DeleteSession(self._session, self._status)
        self._library.TF_DeleteGraph(self._graph)
        self._library.TF_DeleteStatus(self._status)

    def _check(self) -> None:
        if self._library.TF_GetCode(self._status):
            message = self._library.TF_Message(self._status).decode(errors="replace")
            raise LoaderError(" ".join(message.split()))

    def _places(self, infos: list[TensorInfo]) -> ctypes.Array:
        found = (_Output * len(infos))()
        for place, info in zip(found, infos, strict=True):
            operation, _, index = info.tensor.rpartition(":")
            place.operation = self._library.TF_GraphOperationByName(self._graph, operation.encode())
            if not place.operation:
                raise LoaderError(f"the graph has no operation {operation}")
            place.index = int(index)
        return found

    def _tensor(self, array: np.ndarray, info: TensorInfo) -> int:
        if array.dtype.name != info.dtype:
            raise LoaderError(f"{info.tensor} takes {info.dtype} and got {array.dtype}")
        number = next(number for number, name in DTYPES.items() if name == info.dtype)
        sizes = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        if number != STRING:
            content = np.ascontiguousarray(array)
            tensor = self._library.TF_AllocateTensor(number, sizes, array.ndim, content.nbytes)
            ctypes.memmove(self._library.TF_TensorData(tensor), content.ctypes.data, content.nbytes)
            return tensor
        size = array.size * _STRING_BYTES
        tensor = self._library.TF_AllocateTensor(number, sizes, array.ndim, size)
        start = self._library.TF_TensorData(tensor)
        for i, value in enumerate(array.ravel()):
            self._library.TF_StringInit(start + i * _STRING_BYTES)
            self._library.TF_StringCopy(start + i * _STRING_BYTES, value, len(value))
        return tensor

    def _array(self, tensor: int) -> np.ndarray:
        library = self._library
        try:
            number = library.TF_TensorType(tensor)
            shape = [library.TF_Dim(tensor, axis) for axis in range(library.TF_NumDims(tensor))]
            start = library.TF_TensorData(tensor)
            if number != STRING:
                content = ctypes.string_at(start, library.TF_TensorByteSize(tensor))
                return np.frombuffer(content, dtype=DTYPES[number]).reshape(shape)
            array = np.empty(int(np.prod(shape)), dtype=object)
            for i in range(array.size):
                place = start + i * _STRING_BYTES
                array[i] = ctypes.string_at(
                    library.TF_StringGetDataPointer(place), library.TF_StringGetSize(place)
                )
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


@functools.cache
def _library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("tensorflow")
    folders = [] if spec is None else spec.submodule_search_locations or []
    found = [path for folder in folders for path in sorted(Path(folder).glob("libtensorflow_cc*"))]
    if not found:
        raise InputError(
            "TensorFlow's C++ library (libtensorflow_cc) is not there; install tensorflow from PyPI"
        )
    library = ctypes.CDLL(str(found[0]))
    pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    number, shape = ctypes.c_int, ctypes.POINTER(ctypes.c_int64)
    declared: dict[str, tuple[object, list[object]]] = {
        "TF_NewStatus": (pointer, []),
        "TF_DeleteStatus": (None, [pointer]),
        "TF_GetCode": (number, [pointer]),
        "TF_Message": (text, [pointer]),
        "TF_NewGraph": (pointer, []),
        "TF_DeleteGraph": (None, [pointer]),
        "TF_NewSessionOptions": (pointer, []),
        "TF_DeleteSessionOptions": (None, [pointer]),
        "TF_LoadSessionFromSavedModel": (
            pointer,
            [pointer, pointer, text, ctypes.POINTER(text), number, pointer, pointer, pointer],
        ),
        "TF_CloseSession": (None, [pointer, pointer]),
        "TF_DeleteSession": (None, [pointer, pointer]),
        "TF_GraphOperationByName": (pointer, [pointer, text]),
        "TF_SessionRun": (
            None,
            [
                *(pointer, pointer),
                *(ctypes.POINTER(_Output), ctypes.POINTER(pointer), number),
                *(ctypes.POINTER(_Output), ctypes.POINTER(pointer), number),
                *(pointer, number, pointer, pointer),
            ],
        ),
        "TF_AllocateTensor": (pointer, [number, shape, number, size]),
        "TF_DeleteTensor": (None, [pointer]),
        "TF_TensorData": (pointer, [pointer]),
        "TF_TensorType": (number, [pointer]),
        "TF_NumDims": (number, [pointer]),
        "TF_Dim": (ctypes.c_int64, [pointer, number]),
        "TF_TensorByteSize": (size, [pointer]),
        "TF_StringInit": (None, [pointer]),
        "TF_StringCopy": (None, [pointer, text, size]),
        "TF_StringGetDataPointer": (pointer, [pointer]),
        "TF_StringGetSize": (size, [pointer]),
    }
    for name, (returned, taken) in declared.items():
        function: Callable = getattr(library, name)
        function.restype, function.argtypes = returned, taken  # type: ignore[attr-defined]
    return library
