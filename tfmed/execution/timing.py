"""How long a run has worked, and about how long a stage of it will go on."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfmed.execution.engine import Progress

ENOUGH = 0.05
"""Share of a stage's cost after which its rest can be guessed."""


class Timing:
    """The clock of a run."""

    def __init__(self) -> None:
        """Starts the clock."""
        self._started = self._stage_began = time.monotonic()
        self._all_of_it: float | None = None

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def begin_stage(self) -> None:
        """A new stage of the work begins; its cost is that of its first news."""
        self._stage_began, self._all_of_it = time.monotonic(), None

    def left(self, progress: "Progress") -> str:
        """Such as ` · about 3 min left`; empty where too little is done to tell, or all."""
        if self._all_of_it is None:
            self._all_of_it = progress.cost_left + progress.job.cost * progress.finished
        done = self._all_of_it - progress.cost_left
        if done < ENOUGH * self._all_of_it or not progress.cost_left:
            return ""
        left = (time.monotonic() - self._stage_began) * progress.cost_left / done
        return f" · about {duration(left)} left"


def clock(seconds: float) -> str:
    """Minutes and seconds since the start, such as ` 2:05`."""
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"


def duration(seconds: float) -> str:
    """Such as `40 s`, `3 min` or `1 h 20 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
