"""What it takes to do one job, wherever it is done: what is sent there, and what comes back."""

import contextlib
import dataclasses
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.execution.job import Job, Result
from tfmed.execution.store import Store, decode_result, encode_result
from tfmed.locks import working_folder

SCRATCH = "tfmed-"
"""Start of the name of a folder for temporary files; TensorFlow writes some."""

Say = Callable[[float], None]
"""Takes the share of a job that is done, from 0 to 1."""


class Perform(Protocol):
    """A function that does jobs; it is sent to other processes by its name."""

    def __call__(
        self,
        kind: str,
        spec: Mapping[str, Any],
        data: Mapping[str, DatasetInfo],
        parents: Mapping[str, Result],
        say: Say,
        *,
        code: str,
    ) -> Result:
        """Does one job of a kind.

        Args:
            kind: the job's.
            spec: the job's.
            data: role to data set, whose file is on this machine.
            parents: role to result.
            say: told the share of the work that is done, now and then.
            code: the job's; the code that is to do it may have changed since its key was made.

        Raises:
            InputError: something the user can fix.
            FloatingPointError: numbers became infinite; it says which setting is too high.
        """


@dataclass(frozen=True)
class Request:
    """A job with all that it needs, to be sent to where it is done.

    Attributes:
        job: the job, without its parents.
        data: role to data set; their paths are those of the command's machine.
        parents: role to the file name and the content of a result, as from `encode_result`.
        file: name of the file that its own result will have.
    """

    job: Job
    data: Mapping[str, DatasetInfo]
    parents: Mapping[str, tuple[str, bytes]]
    file: str


@dataclass(frozen=True)
class Answer:
    """What came of a job that was done, or failed.

    Attributes:
        record: of its result; empty if it failed.
        content: its encoded result; empty if it failed, or is kept nowhere.
        input_error: one line for the user, where that was the end of it.
        error: of tfmed's own, with its traceback.
    """

    record: dict[str, Any] = field(default_factory=dict)
    content: bytes = b""
    input_error: str = ""
    error: str = ""


def request_for(job: Job, store: Store, datasets: Mapping[str, DatasetInfo]) -> Request:
    """What it takes to do a job.

    Args:
        job: the job.
        store: holds the results of its parents.
        datasets: MD5 to data set.

    Raises:
        InputError: a parent's result is gone.
    """
    parents = {}
    for role, parent in job.parents.items():
        path = store.path(parent)
        try:
            parents[role] = path.name, path.read_bytes()
        except OSError:
            raise _gone(path) from None
    return Request(
        job=dataclasses.replace(job, parents={}),
        data={role: datasets[md5] for role, md5 in job.data.items()},
        parents=parents,
        file=store.path(job).name,
    )


def answer(perform: Perform, request: Request, say: Say) -> Answer:
    """Does one job in this process; errors become part of the answer.

    Args:
        perform: does it.
        request: the job and what it needs.
        say: told the share of the work that is done, now and then.
    """
    job = request.job
    try:
        parents = {role: _intact(*parent) for role, parent in request.parents.items()}
        started = time.perf_counter()
        found = perform(job.kind, job.spec, request.data, parents, say, code=job.code)
        seconds = round(time.perf_counter() - started, 2)
        result = Result({**found.record, "seconds": seconds}, found.arrays)
        content = encode_result(Path(request.file), job.title, result) if job.kept else b""
        return Answer(result.record, content)
    except InputError as error:
        return Answer(input_error=str(error))
    except FloatingPointError as error:
        return Answer(input_error=f"{job.title}: {error}; lower it in the study file")
    except Exception as error:  # the command shows it; this process goes on
        return Answer(error=f"{type(error).__name__}: {error}\n{traceback.format_exc()}")


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Has temporary files go to a folder that is removed at the end."""
    before = tempfile.tempdir
    with working_folder(Path(tempfile.gettempdir()), SCRATCH) as folder:
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _intact(name: str, content: bytes) -> Result:
    result = decode_result(Path(name), content)
    if result is None:
        raise _gone(Path(name))
    return result


def _gone(path: Path) -> InputError:
    return InputError(f"{path}: a finished result is gone or damaged; run the study again")
