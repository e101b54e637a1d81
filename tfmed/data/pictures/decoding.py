"""Decoding the compressed pixels of DICOM files, in a process of its own.

Decoders of JPEG, JPEG-LS and JPEG 2000 are C++, and on some damaged files they end their process
instead of raising: that process is then not the user's.
"""

import atexit
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

import numpy as np

_WORK = "from tfmed.data.pictures.decoding import answer_all; answer_all()"


class DecodingError(ValueError):
    """Why pixels can't be decoded: the name of the error that a decoder raised."""


class _Process:
    """Started when first asked, and again after a file that ended it; asked by one thread a time.

    It ends with its parent, whose end closes its standard input.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: subprocess.Popen | None = None

    def pixels(self, path: Path) -> np.ndarray:
        """As `decoded`."""
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                pickle.dump(str(path.absolute()), process.stdin)
                process.stdin.flush()
                found = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                self.stop()
                raise DecodingError("the decoder broke down") from None
        if isinstance(found, str):
            raise DecodingError(found)
        return found

    def stop(self) -> None:
        """Ends it; asked again, another one starts."""
        if self._started is not None:
            self._started.kill()
            self._started.communicate()
            self._started = None

    def _running(self) -> subprocess.Popen:
        if self._started is None:
            code = f"import sys; sys.path[:] = {sys.path!r}; {_WORK}"
            self._started = subprocess.Popen(
                [sys.executable, "-P", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders tell there what the caller is told anyway
            )
        return self._started


_PROCESS = _Process()
atexit.register(_PROCESS.stop)


def decoded(path: Path) -> np.ndarray:
    """Stored values of a file whose pixels are compressed, as `pydicom.Dataset.pixel_array`.

    Raises:
        DecodingError: a decoder refused them, or broke down.
    """
    return _PROCESS.pixels(path)


def answer_all() -> None:
    """Answers each pickled path from standard input with a pickled array, or an error's name."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # decoders may print there
    while True:
        try:
            path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        _answer(path, answers)


def _answer(path: str, answers: BinaryIO) -> None:
    import pydicom

    found: np.ndarray | str
    try:
        found = np.asarray(pydicom.dcmread(path, force=True).pixel_array)
    except Exception as error:  # decoders raise of every kind
        found = type(error).__name__
    pickle.dump(found, answers)
    answers.flush()
