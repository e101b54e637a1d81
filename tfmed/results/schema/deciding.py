"""Of `results.json`: `decision`, `learning_curves`."""

from typing import Annotated, Literal

from pydantic import Field

from tfmed.results.schema.base import (
    CellEntry,
    Number,
    OneOrMore,
    Part,
    Seconds,
    SeedsInterval,
    Share,
)


class CandidateEntry(Part):
    """What could have been used, as validation labels see it."""

    strategy: str
    """Or a baseline."""
    mean: float
    """Over seeds, of each the mean over pretrainings."""
    standard_error: Number
    """Of that mean, over seeds; null with one seed."""
    tied: bool
    """Within one standard error of the best."""


class AboveEntry(Part):
    """What has a better mean of the primary metric on the test split than the choice."""

    strategy: str
    mean: float
    clear: bool
    """A paired comparison with the choice is clear after correction."""


class CostEntry(Part):
    """Seconds, as kept, of what has to be done to train one such classifier."""

    pretraining: Seconds | None
    """Mean of one pretraining; null where there is none."""
    fit: Seconds
    """Mean of one classifier: search over recipes, and the head that it starts from, included."""


class ServedEntry(Part):
    """The exported model."""

    name: str
    path: str
    """Relative to the models folder."""
    stage: Literal["stable", "candidate", "unservable"]


class ChosenEntry(CellEntry):
    """What to use with one label budget. It is chosen on validation labels; the test split only
    says what to expect of it, and may hold a recommendation back.
    """

    recommended: bool
    against: list[str]
    """Why it is no recommendation; empty where it is one."""
    caveats: list[str]
    validated_by: str
    """Metric on validation labels: the study's primary one, where every run keeps it; else auc or
    accuracy."""
    tolerance: Annotated[float, Field(ge=0)]
    """One standard error of the best candidate's mean; 0 with one seed."""
    best: str
    """Of the highest mean on validation labels."""
    candidates: Annotated[list[CandidateEntry], Field(min_length=1)]
    """The cheapest first: without pretraining before with, then a frozen encoder before a trained
    one, no encoder before one, baselines before strategies. The majority class is none."""
    expected: dict[str, SeedsInterval | None]
    """On the test split: of `summary`, the metrics that strategies are compared by."""
    above_on_test: list[AboveEntry]
    """The best first. Seen after the choice, which it does not change."""
    seconds: CostEntry
    model: ServedEntry | None
    """Null where none was exported."""
    command: str | None
    """Asks the model in service."""


class DecisionEntry(Part):
    """What a user with so many labels of the target should use, by a declared rule."""

    task: str
    metric: str
    """The study's primary metric, or the first that the task has."""
    rule: str
    budgets: Annotated[list[ChosenEntry], Field(min_length=1)]
    """Fewest labels first."""


class MedianEntry(Part):
    """A median with its 95 % interval. Of labels: null above a million."""

    value: Number
    low: Number
    high: Number


class CurvePoint(MedianEntry):
    """The mean of the metric with so many labels."""

    labels: OneOrMore


class HeldOutEntry(Part):
    """The largest label budget, as a curve of the smaller ones predicts it."""

    labels: OneOrMore
    measured: float
    predicted: MedianEntry
    """Of what is measured: with the variance of the measurement."""
    within: bool
    """The interval holds what was measured."""


class FittedCurve(Part):
    """Where curves a - b n^-c lead that agree with the measured intervals."""

    plateau: MedianEntry
    """What no number of labels exceeds."""
    exponent: MedianEntry
    """The c: how fast more labels help."""
    points: list[CurvePoint]
    near_plateau: MedianEntry
    """Labels with which the mean comes within `near` of the plateau."""
    reach: MedianEntry | None
    """Labels with which the mean comes to `reach`; null where nothing is to be reached."""
    chance: Share | None
    """Share of the curves that come to it with a million labels or fewer."""
    held_out: HeldOutEntry | None
    """Null where the smaller budgets are too few for a curve."""


class CurveEntry(Part):
    """The learning curve of a strategy."""

    strategy: str
    labels: list[OneOrMore]
    """The label budgets it is fitted to."""
    fit: FittedCurve | None
    """Null where there are fewer label budgets than a curve has parameters, which is three."""


class LearningCurvesEntry(Part):
    """What more labels of the target would bring."""

    task: str
    metric: str
    near: Share
    reach: Number
    """Value of the metric that the user asked for."""
    curves: list[CurveEntry]
