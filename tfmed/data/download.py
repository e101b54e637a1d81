"""Downloads that end in a verified file or in one clear line, never in half a file."""

import errno
import hashlib
import http.client
import os
import re
import shutil
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from tfmed.data.integrity import file_md5
from tfmed.errors import InputError, printable
from tfmed.locks import hold

ATTEMPTS = 3
PAUSE_SECONDS = 0.5
STALL_SECONDS = 30.0

_CHUNK = 1 << 18


class _UnreachableError(OSError):
    """No connection was made: trying again at once would not help."""


class _DroppedError(OSError):
    """The server answered and then did not deliver what it said."""


@dataclass
class _Transfer:
    """What is downloaded, and what was learned of the server on the way."""

    url: str
    label: str
    by_hand: str
    timeout: float
    progress: bool
    ignores_ranges: bool = False

    @property
    def host(self) -> str | None:
        """The server's name, for messages."""
        return urlsplit(self.url).hostname


def is_reachable(url: str, *, timeout: float = 8.0) -> bool:
    """Whether the server has the file of this address now; asks for its first byte only.

    Args:
        url: an http or https address.
        timeout: seconds to wait for a connection, and then for the answer.
    """
    _check_address(url)
    request = urllib.request.Request(url, headers=_headers(first=0, last=0))
    try:
        with _opener(stall=timeout).open(request, timeout=timeout):
            return True
    except (OSError, http.client.HTTPException):
        return False


def download(
    url: str,
    destination: Path,
    md5: str,
    *,
    label: str,
    timeout: float = 8.0,
    progress: bool = True,
) -> Path:
    """Download one file; `destination` appears only once its MD5 is right.

    Bytes are written to `<destination>.part`, which stays when a download is broken off and is
    resumed the next time. Two processes that want the same file take turns, and the second finds
    the file of the first.

    Args:
        url: an http or https address; `http_proxy` and `https_proxy` are honoured.
        destination: where the file shall be; its folder is made.
        md5: the 32 hexadecimal digits its MD5 must have.
        label: what to call the file in messages and beside the progress bar.
        timeout: seconds within which a connection must be made, name resolution included.
        progress: show a progress bar on stderr.

    Returns:
        `destination`.

    Raises:
        InputError: the server cannot be reached, lacks the file, breaks off or sends other bytes;
            or the file cannot be written.
    """
    _check_address(url)
    part = destination.with_name(destination.name + ".part")
    by_hand = f"or put the file at {printable(destination)} by hand"
    transfer = _Transfer(url, label, by_hand, timeout, progress)
    with _writing(destination), _exclusive(part, label) as file:
        # Whoever held the part before may have finished it.
        if _is_finished(destination, md5):
            file.truncate(0)
            return destination
        resumed = _size(file) > 0
        _fetch(transfer, file)
        if resumed and _md5(file) != md5:
            # The part was not the beginning of this file.
            file.truncate(0)
            _fetch(transfer, file)
        if (found := _md5(file)) != md5:
            n_bytes = _size(file)
            file.truncate(0)
            raise InputError(
                f"{label}: {url} sent other bytes than expected ({n_bytes} bytes with MD5 {found} "
                f"and not {md5}): check for a proxy or login page in between, {by_hand}"
            )
        os.fsync(file.fileno())
        part.replace(destination)
    return destination


def _check_address(url: str) -> None:
    try:
        address = urlsplit(url)
        good = address.scheme in ("http", "https") and bool(address.hostname)
        good = good and (address.port is None or address.port > 0)
    except ValueError:
        good = False
    if not good or not url.isascii() or " " in url or not url.isprintable():
        raise InputError(
            f"{printable(url)!r} is not an address: give one such as https://host/folder"
        )


def _headers(*, first: int = 0, last: int | None = None) -> dict[str, str]:
    headers = {"User-Agent": "tfmed", "Accept-Encoding": "identity"}
    if first or last is not None:
        headers["Range"] = f"bytes={first}-{'' if last is None else last}"
    return headers


def _is_finished(destination: Path, md5: str) -> bool:
    return destination.is_file() and destination.stat().st_size > 0 and file_md5(destination) == md5


@contextmanager
def _writing(destination: Path) -> Iterator[None]:
    """Turn what the file system answers to writing into one line."""
    where = printable(destination.parent)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"no space left for {destination.name} in {where}: "
                "free some, or choose another folder with --data-root"
            ) from None
        raise InputError(
            f"{printable(destination)} cannot be written ({error.strerror or error}): "
            "choose a folder you may write to with --data-root"
        ) from None


@contextmanager
def _exclusive(part: Path, label: str) -> Iterator[IO[bytes]]:
    """The open part file, held by this process alone; removed at the end if it is empty."""
    with ExitStack() as stack:
        _take_turn(stack, part.with_name(f"{part.name}.lock"), label)
        file = stack.enter_context(part.open("a+b"))
        try:
            yield file
        finally:
            if part.exists() and _size(file) == 0:
                part.unlink()


def _take_turn(stack: ExitStack, lock: Path, label: str) -> None:
    try:
        if not stack.enter_context(hold(lock, wait=False)):
            print(f"{label}: waiting for another process that downloads it", file=sys.stderr)
            stack.enter_context(hold(lock, wait=True))
    except InputError:
        # Some network file systems know no locks; the MD5 still guards the result.
        return


def _size(file: IO[bytes]) -> int:
    file.flush()
    return os.fstat(file.fileno()).st_size


def _md5(file: IO[bytes]) -> str:
    file.flush()
    file.seek(0)
    return hashlib.file_digest(file, "md5").hexdigest()  # type: ignore[arg-type]


def _fetch(transfer: _Transfer, file: IO[bytes]) -> None:
    """Append what is missing to `file`, with a few attempts; the caller checks the MD5."""
    trouble = ""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt * PAUSE_SECONDS)
        try:
            return _fetch_once(transfer, file)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:
                # The part is as long as the file or longer: its MD5 decides.
                return None
            trouble = f"answered {error.code} {printable(error.reason)}"
            if error.code < 500:
                raise InputError(
                    f"{transfer.label}: the server {trouble} to {transfer.url}: "
                    f"check the address, {transfer.by_hand}"
                ) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, _UnreachableError):
                raise InputError(
                    f"{transfer.label}: cannot reach {transfer.host} ({printable(error.reason)}): "
                    f"check the network connection, {transfer.by_hand}"
                ) from None
            trouble = f"failed ({printable(error.reason)})"
        except TimeoutError:
            trouble = f"sent nothing for {STALL_SECONDS:g} s"
        except _DroppedError as error:
            trouble = f"broke off ({printable(error)})"
    if transfer.ignores_ranges:
        file.truncate(0)
    raise InputError(
        f"{transfer.label}: {transfer.host} {trouble} in the last of {ATTEMPTS} attempts: "
        f"run the command again later (it resumes where it can), {transfer.by_hand}"
    )


def _fetch_once(transfer: _Transfer, file: IO[bytes]) -> None:
    offset = _size(file)
    request = urllib.request.Request(transfer.url, headers=_headers(first=offset))
    with _network():
        response = _opener(stall=STALL_SECONDS).open(request, timeout=transfer.timeout)
    with response:
        if offset and response.status != 206:
            transfer.ignores_ranges = True
            file.truncate(0)
            offset = 0
        elif offset and not _continues(response.headers.get("Content-Range"), offset):
            file.truncate(0)
            raise _DroppedError("it resumed at another place than asked")
        # None where the server does not say how much it sends.
        total = None if response.length is None else offset + response.length
        _check_space(file, total, offset)
        with _bar(transfer, total, offset) as advance:
            while chunk := _receive(response):
                file.write(chunk)
                advance(len(chunk))
    if total is not None and _size(file) < total:
        raise _DroppedError(f"after {_size(file)} of {total} bytes")


@contextmanager
def _bar(transfer: _Transfer, total: int | None, done: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, and elsewhere one line at the end; moved on by numbers of bytes."""
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.DownloadColumn(),
        progress.TimeRemainingColumn(),
    )
    terminal = Console(file=sys.stderr)
    with progress.Progress(*columns, console=terminal, disable=not transfer.progress) as bar:
        task = bar.add_task(f"downloading {transfer.label}", total=total, completed=done)
        yield lambda n_bytes: bar.advance(task, n_bytes)


def _receive(response: Any) -> bytes:
    with _network():
        return response.read(_CHUNK)


@contextmanager
def _network() -> Iterator[None]:
    """Tell the network's errors from the disk's, which are `OSError` as well."""
    try:
        yield
    except (urllib.error.URLError, TimeoutError):
        raise
    except (OSError, http.client.HTTPException) as error:
        raise _DroppedError(str(error) or type(error).__name__) from error


def _continues(content_range: str | None, offset: int) -> bool:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", (content_range or "").strip())
    return match is not None and int(match[1]) == offset


def _check_space(file: IO[bytes], total: int | None, offset: int) -> None:
    folder = Path(file.name).parent
    if total is not None and shutil.disk_usage(folder).free < total - offset:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _PromptConnection(http.client.HTTPConnection):
    """Connects within `timeout` in all, then waits `stall` seconds for each answer."""

    stall = STALL_SECONDS

    def connect(self) -> None:
        failure: list[Exception] = []

        def attempt() -> None:
            try:
                super(_PromptConnection, self).connect()
            except (OSError, http.client.HTTPException, ValueError) as error:
                failure.append(error)

        # Name resolution knows no timeout, so it is left behind in its thread when it hangs.
        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        thread.join(self.timeout)
        if thread.is_alive():
            raise _UnreachableError(f"no connection within {self.timeout:g} s")
        if failure:
            reason = getattr(failure[0], "strerror", None) or str(failure[0])
            raise _UnreachableError(reason) from failure[0]
        self.sock.settimeout(self.stall)


class _PromptSecureConnection(_PromptConnection, http.client.HTTPSConnection):
    """The same over TLS, handshake included."""


class _PromptHandler(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    def __init__(self, stall: float) -> None:
        super().__init__()
        self._stall = stall

    def _connection(self, secure: bool) -> Any:
        kind = _PromptSecureConnection if secure else _PromptConnection

        def make(host: str, **options: Any) -> http.client.HTTPConnection:
            connection = kind(host, **options)
            connection.stall = self._stall
            return connection

        return make

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connection(secure=False), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(
            self._connection(secure=True), req, context=ssl.create_default_context()
        )


def _opener(*, stall: float) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_PromptHandler(stall))
