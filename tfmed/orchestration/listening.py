"""What a run tells while it works, to a terminal or to nobody."""

from typing import Protocol

from tfmed.execution.engine import Progress


class Listener(Protocol):
    """Hears how a run goes on; what it does with it is its own matter."""

    def stage(self, text: str) -> None:
        """A new stage of the work begins."""

    def note(self, text: str) -> None:
        """Something that a user should know, in one line."""

    def jobs(self, progress: Progress) -> None:
        """A job went on or was finished."""

    def discarded(self) -> None:
        """Old results are gone: from now on, beginning afresh would discard new ones."""


class Silent:
    """Hears everything and says nothing."""

    def stage(self, text: str) -> None:
        """Nothing comes of it."""

    def note(self, text: str) -> None:
        """Nothing comes of it."""

    def jobs(self, progress: Progress) -> None:
        """Nothing comes of it."""

    def discarded(self) -> None:
        """Nothing comes of it."""
