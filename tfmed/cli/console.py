"""What a command tells while it works: a live bar on a terminal, a few plain lines elsewhere."""

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

from tfmed.execution.timing import Timing, clock

if TYPE_CHECKING:
    from rich.live import Live

    from tfmed.execution.engine import Progress

SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_FRAMES = 0.1
BAR_WIDTH = 20


class Console:
    """A `tfmed.orchestration.listening.Listener` that writes to a stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Starts the clock; `stream` defaults to standard error."""
        self._stream = stream or sys.stderr
        self._is_live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._live: Live | None = None
        self._timing = Timing()
        self._last_shown = float("-inf")
        self.has_discarded = False
        """Whether old results are gone, as `--fresh` asks."""

    def __enter__(self) -> "Console":
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Takes the bar off the terminal."""
        self.close()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return self._timing.seconds

    def note(self, text: str) -> None:
        """One line of its own, or several."""
        self.close()
        with contextlib.suppress(OSError):  # a terminal or a log that is gone stops no study
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def stage(self, text: str) -> None:
        """A new stage of the work begins."""
        self._timing.begin_stage()
        self.note(f"{clock(self.seconds)}  {text}")

    def jobs(self, progress: "Progress") -> None:
        """A job went on or was finished."""
        left = self._timing.left(progress)
        now, is_last = time.monotonic(), progress.finished and progress.done == progress.total
        pause = SECONDS_BETWEEN_FRAMES if self._is_live else SECONDS_BETWEEN_LINES
        if not is_last and (now < self._last_shown + pause or not self._is_shown(progress)):
            return
        self._last_shown = now
        if self._is_live and not is_last:
            self._draw(progress, left)
            return
        width = len(str(progress.total))
        done = f"[{progress.done:{width}}/{progress.total}]"
        self.note(f"{clock(self.seconds)}  {done} {progress.job.title}{left}")

    def discarded(self) -> None:
        """Old results are gone."""
        self.has_discarded = True

    def close(self) -> None:
        """Takes the bar off the terminal."""
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()
            self._live = None

    def _is_shown(self, progress: "Progress") -> bool:
        """Only a bar shows how far a job is."""
        return self._is_live or progress.finished

    def _draw(self, progress: "Progress", left: str) -> None:
        from rich.console import Console as Terminal
        from rich.live import Live

        bar = _bar(progress, clock(self.seconds), left)
        with contextlib.suppress(OSError):
            if self._live is None:
                terminal = Terminal(file=self._stream)
                # Drawn on news alone: a thread that draws could outlive an interrupt.
                self._live = Live(
                    console=terminal,
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()
            self._live.update(bar, refresh=True)


def _bar(progress: "Progress", time_since: str, left: str) -> Any:
    """One line: the time, the bar, how many are done, the time left, what is being done."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    done = f"{progress.done}/{progress.total}{left}"
    row = Table.grid(padding=(0, 1), expand=True)
    for width in (len(time_since), BAR_WIDTH, len(done)):
        row.add_column(min_width=width, no_wrap=True)
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")  # as much as there is room for
    bar = ProgressBar(total=progress.total, completed=progress.done, width=BAR_WIDTH)
    running = "; ".join(progress.running) or progress.job.title
    row.add_row(Text(time_since), bar, Text(done), Text(running))
    return row
