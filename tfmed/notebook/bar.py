"""A bar in a notebook that shows how far a run is: one, drawn again in place."""

import sys
import time
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tfmed.execution.timing import Timing, clock

if TYPE_CHECKING:
    from tfmed.execution.engine import Progress

SECONDS_BETWEEN_FRAMES = 0.5
"""A notebook keeps every frame's message until it has shown it."""


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, and not a script, a console or a worker."""
    module = sys.modules.get("IPython")  # a kernel has imported it
    shell = module.get_ipython() if module else None
    return hasattr(shell, "kernel")


class Bar:
    """A `tfmed.orchestration.listening.Listener` that shows itself in the cell that is running."""

    def __init__(self) -> None:
        """Starts the clock."""
        self._timing = Timing()
        self._notes: list[str] = []
        self._stage = ""
        self._jobs: tuple[int, int, str] | None = None
        self._shown: Any = None
        self._last_shown = float("-inf")

    def __enter__(self) -> "Bar":
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Says that it is over, and how."""
        self._stage, self._jobs = "stopped" if kind else "done", None
        self._show()

    def stage(self, text: str) -> None:
        """A new stage of the work begins."""
        self._timing.begin_stage()
        self._stage, self._jobs = text, None
        self._show()

    def note(self, text: str) -> None:
        """One line of its own, or several; it stays above the bar."""
        self._notes.append(text)
        self._show()

    def jobs(self, progress: "Progress") -> None:
        """A job went on or was finished."""
        left = self._timing.left(progress)
        running = "; ".join(progress.running) or progress.job.title
        words = f"{progress.done}/{progress.total}{left} · {running}"
        self._jobs = progress.done, progress.total, words
        is_last = progress.finished and progress.done == progress.total
        if is_last or time.monotonic() >= self._last_shown + SECONDS_BETWEEN_FRAMES:
            self._show()

    def discarded(self) -> None:
        """Nothing comes of it."""

    def _show(self) -> None:
        from IPython.display import display

        self._last_shown = time.monotonic()
        content = {"text/html": self._html(), "text/plain": self._line()}
        if self._shown is None:
            self._shown = display(content, raw=True, display_id=True)
        else:
            self._shown.update(content, raw=True)

    def _line(self) -> str:
        words = self._jobs[2] if self._jobs else self._stage
        return f"{clock(self._timing.seconds)}  {words}"

    def _html(self) -> str:
        notes = "".join(f"<div>{escape(note)}</div>" for note in self._notes)
        bar = ""
        if self._jobs:
            done, total, _ = self._jobs
            bar = f'<progress value="{done}" max="{total}"></progress> '
        return f"{notes}<div>{bar}{escape(self._line())}</div>"
