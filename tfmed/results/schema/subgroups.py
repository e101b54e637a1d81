"""Of `results.json`: `subgroups`."""

from typing import Annotated

from pydantic import Field

from tfmed.results.schema.base import CellEntry, Count, OneOrMore, Part, SeedsInterval, Share


class GroupEntry(Part):
    """A group of test images whose metrics are measured."""

    name: str
    n: OneOrMore
    """Test images."""
    patients: OneOrMore | None
    """Whose images they are; null where that is not known."""
    counts: list[Count]
    """Images of each class; of several findings an image may be of several, or of none."""


class LeftOutEntry(Part):
    """A group of which nothing is measured."""

    name: str
    n: OneOrMore
    why: str


class ColumnEntry(Part):
    """What tells groups of test images apart."""

    name: str
    by_age: bool
    """The groups are ages: under 18, 18 to 39, 40 to 64, 65 and over."""
    groups: list[GroupEntry]
    left_out: list[LeftOutEntry]
    """Too small, or of one class only."""
    not_given: Count
    """Test images that are of no group."""


class NotUsedEntry(Part):
    """A column of which no group is measured."""

    name: str
    why: str


class MeasuredEntry(CellEntry):
    """Metrics of a cell on the images of one group, over its seeds."""

    column: str
    group: str
    metrics: dict[str, SeedsInterval | None]
    """Null where the group's labels do not define it."""


class GapEntry(CellEntry):
    """How far the primary metric differs between two groups: of the first minus of the second."""

    column: str
    a: str
    b: str
    metric: str
    difference: float
    """Mean over the same runs."""
    low: float
    high: float
    standard_error: float
    p_value: Share
    """Two-sided; below .05 just where the interval leaves out 0."""
    n_seeds: OneOrMore
    n_pretrainings: OneOrMore
    findings: OneOrMore | None
    """Those that both groups have with and without, over which both means are; null where images
    are not of several findings."""
    family: OneOrMore
    """Gaps that are corrected together: all of this part."""
    p_adjusted: Share
    """p_value corrected by Holm's procedure."""
    clear: bool
    """p_adjusted below .05, and more than one seed."""


class SubgroupsEntry(Part):
    """For whom the classifiers of the target work."""

    task: str
    metric: str
    """The study's primary metric, or the first that the task has: that of the gaps."""
    fewest: OneOrMore
    """Patients (images, where patients are not known) below which a group is left out."""
    columns: list[ColumnEntry]
    not_used: list[NotUsedEntry]
    measured: list[MeasuredEntry]
    """Of every strategy as it is, and of what the decision picks, at each label budget."""
    gaps: Annotated[list[GapEntry], Field(default_factory=list)]
    """Of what the decision picks with each label budget: every pair of groups of every column."""
