"""What differs between operating systems, in one place: signals, processes, owners of files."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

_REQUESTS_TO_END = ("SIGTERM", "SIGHUP")
"""They interrupt as Ctrl+C does, where the system has them."""


def on_request_to_end(handler: Callable[..., Any]) -> None:
    """Calls `handler` when the system asks this process to end, unless that is ignored (nohup)."""
    for name in _REQUESTS_TO_END:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def ignore_interrupts() -> None:
    """Ignores Ctrl+C from now on; it goes to every process of a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def ignore_requests_to_end() -> None:
    """Ignores Ctrl+C and every request to end from now on."""
    ignore_interrupts()
    on_request_to_end(signal.SIG_IGN)  # type: ignore[arg-type]


def words_of_end(code: int) -> str:
    """How a child process ended, such as `by SIGKILL` or `with code 3`.

    Args:
        code: what `subprocess` says it returned.
    """
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"


def was_killed(code: int) -> bool:
    """Whether a child process was killed, which is what a system out of memory does."""
    return code < 0 and signal.Signals(-code).name == "SIGKILL"


def is_alive(pid: int) -> bool:
    """Whether a process of this machine still runs; one that nobody has waited for does not."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except (psutil.NoSuchProcess, OverflowError):
        return False
    except psutil.AccessDenied:
        return True


def is_mine(path: Path) -> bool:
    """Whether a file or folder is this user's own; always so where files tell no owner."""
    return not hasattr(os, "getuid") or path.lstat().st_uid == os.getuid()
