"""What the command tells while it works: the stage, how much is done, the time left."""

import contextlib
import sys
import time
from typing import TextIO

from tfmed.execution.schedule import Progress


class Console:
    """Lines on a stream; on a terminal the last one is written over while a job goes on."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Starts the clock; `stream` defaults to standard error."""
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._stage_began = self._started
        self._all_of_it: float | None = None
        self._open = False

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def line(self, text: str) -> None:
        """One line of its own."""
        self._close()
        self._write(f"{text}\n")

    def stage(self, text: str) -> None:
        """A new stage of the work begins."""
        self._stage_began, self._all_of_it = time.monotonic(), None
        self.line(f"{clock(self.seconds)}  {text}")

    def jobs(self, progress: Progress) -> None:
        """A job went on or was finished; to be given to `do_jobs` as its listener."""
        if self._all_of_it is None:
            self._all_of_it = progress.cost_left + progress.job.cost
        width = len(str(progress.total))
        done = f"[{progress.done:{width}}/{progress.total}]"
        text = f"{clock(self.seconds)}  {done} {progress.job.title}{self._left(progress)}"
        if progress.finished:
            self.line(text)
        elif self._stream.isatty():
            self._write(f"\r\x1b[K{text[:100]}")
            self._open = True

    def _left(self, progress: Progress) -> str:
        assert self._all_of_it is not None
        done = self._all_of_it - progress.cost_left
        if done < 0.05 * self._all_of_it or not progress.cost_left:
            return ""
        left = (time.monotonic() - self._stage_began) * progress.cost_left / done
        return f" · about {duration(left)} left"

    def _close(self) -> None:
        if self._open:
            self._write("\r\x1b[K")
            self._open = False

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal or a log that is gone stops no study
            self._stream.write(text)
            self._stream.flush()


def clock(seconds: float) -> str:
    """Minutes and seconds since the start, such as ` 2:05`."""
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"


def duration(seconds: float) -> str:
    """Such as `40 s`, `3 min` or `1 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
