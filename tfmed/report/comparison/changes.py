"""What a comparison of two results files is made of."""

from dataclasses import dataclass
from pathlib import Path

from tfmed.design import Cell, Repeat
from tfmed.report.selection import Entry, Results
from tfmed.report.wording import interval


@dataclass(frozen=True)
class Side:
    """One of the two results files: `A` or `B`, its file, and what it holds."""

    letter: str
    path: Path
    results: Results

    @property
    def name(self) -> str:
        """Its study's name."""
        return str(self.results["study"]["name"])


@dataclass(frozen=True)
class Change:
    """One metric of one cell that both files hold.

    Attributes:
        cell: task, strategy or baseline, variant and label budget.
        metric: its key in `summary`.
        a: mean over seeds with its interval in A; None where the labels do not define the metric.
        b: the same in B.
        paired: `tfmed.evaluation.intervals.compare`'s dict of B - A over the seeds in common,
            corrected for the number of comparisons of the metric; None where the two can't be
            paired.
    """

    cell: Cell
    metric: str
    a: Entry | None
    b: Entry | None
    paired: Entry | None = None

    @property
    def difference(self) -> float | None:
        """B - A: of the seeds in common where it is paired, else of the means."""
        if self.paired is not None:
            return float(self.paired["difference"])
        return float(self.b["mean"] - self.a["mean"]) if self.a and self.b else None

    @property
    def changed(self) -> bool:
        """Whether anything of it changed that three decimals show."""
        return interval(self.a) != interval(self.b)

    @property
    def apart(self) -> bool:
        """Whether the two intervals have no value in common."""
        if not (self.a and self.b) or None in (self.a["low"], self.b["low"]):
            return False
        return bool(self.a["high"] < self.b["low"] or self.b["high"] < self.a["low"])

    @property
    def clear(self) -> bool:
        """Whether the change is clear after correction; never where it can't be paired."""
        return self.paired is not None and bool(self.paired["clear"])


@dataclass(frozen=True)
class Compared:
    """Two results files and what changed from A to B.

    Attributes:
        a: the first.
        b: the second.
        changes: every metric of every cell that both hold, the largest change first.
        unpaired: per task of both, why its test cases can't be compared with themselves; tasks
            without an entry are paired.
        flipped: claims of both, by id, whose verdicts differ, A's and B's entry.
        turned: paired comparisons of both that became clear, stopped being so or turned round.
        kept: how many claims and comparisons both hold.
        only: cells that one file has more runs of than the other, with A's and B's own.
        same: `all` where both files hold the same, `numbers` where only times and commands differ.
        folder: name of the folder of the comparison, such as `compare-old-vs-new`.
    """

    a: Side
    b: Side
    changes: list[Change]
    unpaired: dict[str, str]
    flipped: list[tuple[Entry, Entry]]
    turned: list[tuple[Entry, Entry]]
    kept: dict[str, int]
    only: dict[Cell, tuple[list[Repeat], list[Repeat]]]
    same: str
    folder: str

    @property
    def synthetic(self) -> bool:
        """Whether either holds synthetic data."""
        return bool(self.a.results["synthetic"] or self.b.results["synthetic"])
