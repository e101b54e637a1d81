"""What runs on a node of a Ray cluster: the actor that does jobs, and what it must find there."""

import contextlib
import functools
import hashlib
import importlib.metadata
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import tfmed
from tfmed.cache import cache_folder, mark_used
from tfmed.data.integrity import file_md5
from tfmed.errors import InputError
from tfmed.execution.processes import SCRATCH
from tfmed.execution.store import decode_result, encode_result
from tfmed.execution.worker import guarded, intact, perform, use_one_thread
from tfmed.locks import alone_in, remove_abandoned, working_folder
from tfmed.orchestration.provenance import PACKAGES


class Worker:
    """Does one job after another on a node; an actor, once Ray has it."""

    def __init__(self, node: str, expected: Mapping[str, str]) -> None:
        """Takes the node's name for people and the command's `versions`."""
        self._node, self._expected = node, expected
        self._paths: dict[str, Path] = {}
        self._began = False

    def do(
        self, request: dict[str, Any], parents: Mapping[str, Any], files: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Does one job.

        Args:
            request: from `tfmed.execution.processes.request_for`; its paths are the command's.
            parents: role to reference of an encoded result.
            files: MD5 to reference of a data file's bytes, as far as the command has shared them.

        Returns:
            `record`, and the encoded result in `content`; or MD5s in `lacking`, where the node
            has not all data files; or an error as from `tfmed.execution.worker.answer`.
        """
        return guarded(request["title"], lambda: self._work(request, parents, files))

    def _work(
        self, request: dict[str, Any], parents: Mapping[str, Any], files: Mapping[str, Any]
    ) -> dict[str, Any]:
        import ray

        if not self._began:
            compare_versions(self._node, versions(), self._expected)
            use_one_thread()
            remove_abandoned(Path(tempfile.gettempdir()), f"{SCRATCH}*")
            self._began = True
        lacking = []
        for values in request["data"].values():
            md5 = values["md5"]
            fetch = functools.partial(ray.get, files[md5]) if md5 in files else None
            path = self._paths.get(md5) or place_file(Path(values["path"]), md5, self._node, fetch)
            if path is None:
                lacking.append(md5)
            else:
                self._paths[md5] = path
        if lacking:
            return {"lacking": lacking}
        data = {
            role: {**values, "path": str(self._paths[values["md5"]])}
            for role, values in request["data"].items()
        }
        found = {
            role: intact(decode_result(Path(path), ray.get(parents[role])), path)
            for role, path in request["parents"].items()
        }
        with scratch_folder():
            result = perform({**request, "data": data}, found, lambda _: None)
        content = encode_result(Path(request["path"]), request["title"], result)
        return {"record": result.record, "content": content}


@contextlib.contextmanager
def scratch_folder() -> Iterator[None]:
    """Has temporary files go to a folder that is removed at the end; TensorFlow writes some."""
    before = tempfile.tempdir
    with working_folder(Path(tempfile.gettempdir()), SCRATCH) as folder:
        tempfile.tempdir = str(folder)
        try:
            yield
        finally:
            tempfile.tempdir = before


def place_file(
    path: Path, md5: str, node: str, fetch: Callable[[], np.ndarray] | None
) -> Path | None:
    """A data file on this node, written to `<cache>/data` if the node has none.

    Args:
        path: where the command has the file; used where this node has the same one there.
        md5: of the file.
        node: this node's name for people.
        fetch: gives the file's bytes, uint8 of shape (n,).

    Returns:
        The path; None if the node has no such file and there is nothing to fetch it with.

    Raises:
        InputError: the file can't be written, or what was fetched is another one.
    """
    if _is_file(path, md5):
        return path
    copy = cache_folder() / "data" / f"{md5}.npz"
    try:
        with alone_in(copy.parent):
            if _is_file(copy, md5):
                mark_used(copy)
                return copy
            if fetch is None:
                return None
            part = copy.with_suffix(".part")
            try:
                part.write_bytes(fetch().data)
                if file_md5(part) != md5:
                    raise InputError(
                        f"{path}: has changed since the run began (MD5 is not {md5}); run it again"
                    )
                part.replace(copy)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"node {node}: {copy.parent} can't hold the data ({error.strerror}); make room there, "
            "or set TFMED_CACHE for `ray start`"
        ) from None
    return copy


def _is_file(path: Path, md5: str) -> bool:
    try:
        return path.is_file() and file_md5(path) == md5
    except (OSError, InputError):
        return False


def versions() -> dict[str, str]:
    """What has to be the same on every node for a job to have the same result there."""
    digest = hashlib.sha256()
    for path in sorted(Path(tfmed.__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    found = {
        "tfmed": f"{tfmed.__version__} (code {digest.hexdigest()[:8]})",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "none"
    return found


def compare_versions(node: str, theirs: Mapping[str, str], mine: Mapping[str, str]) -> None:
    """Sees that a node's `versions` are the command's.

    Raises:
        InputError: they are not.
    """
    other = [name for name in mine if theirs.get(name) != mine[name]]
    if other:
        found = ", ".join(f"{name} {theirs.get(name, 'none')}, not {mine[name]}" for name in other)
        raise InputError(
            f"node {node}: results would differ there, it has {found}; install the same tfmed "
            "and packages on every node"
        )
