"""Of `results.json`: `claims`, `models`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tfmed.results.schema.base import (
    CellEntry,
    Count,
    Counts,
    Number,
    OneOrMore,
    Part,
    SeedsInterval,
    Threshold,
)


class Measured(Part):
    """A quantity with its 95 % interval, where it has one."""

    value: float
    low: Number
    high: Number
    unit: str


class Needed(Part):
    """Sample size that would decide an undecided claim if the value stays, and the size there
    is.
    """

    n: OneOrMore
    of: str
    now: OneOrMore


class ClaimEntry(Part):
    """A finding under test."""

    id: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    claim: str
    quantity: str
    criterion: str
    """Declared before the numbers are seen."""
    measured: Measured | None
    verdict: Literal["supported", "refuted", "undecided", "not_tested"]
    reason: str | None
    """Why it was not tested; null otherwise."""
    needed: Needed | None
    figure: str
    """Kind of figure that shows it: the report's figure ids start with it."""
    shown_in: str | None
    """Figure that shows it better, where the report has that one."""
    signed: bool
    """Whether a difference is shown with its sign."""
    task: str
    synthetic: bool
    """Measured on synthetic images, which prove nothing of real ones."""


class OverMajority(Part):
    """Accuracy of the served labels (of several findings: balanced accuracy, their mean) minus that
    of always answering the test split's more frequent label.
    """

    difference: float
    low: float
    high: float


class CardMetrics(Part):
    """On the test split."""

    this_seed: dict[str, SeedsInterval | None]
    """Of this model; the intervals hold the variance of test cases alone."""
    over_seeds: dict[str, SeedsInterval | None]
    """As in summary."""
    n_seeds: OneOrMore
    n_test: Count
    n_patients: Count | None = None
    """Whose test images they are, which the intervals count; null where that is not known."""
    accuracy_over_majority: OverMajority


class Shift(Part):
    """The served labels where label 1 is more or less frequent, by Bayes' rule from sensitivity
    and specificity.
    """

    share_of_label_1: float
    accuracy: float
    positive_predictive_value: Number
    negative_predictive_value: Number


class ClassBalance(Part):
    """Images of each class."""

    train: Counts
    val: Counts
    test: Counts
    shift: list[Shift]


class CardData(Part):
    """The data sets: name, terms, checksum, counts."""

    task: dict[str, Any]
    pretrained_on: list[dict[str, Any]] | dict[str, Any] | None
    """All whose images were used; results of earlier versions name one, or null."""


class Card(Part):
    """From model_card.json."""

    intended_use: str
    not_for: list[str]
    data: CardData
    class_names: Annotated[list[str], Field(min_length=2)]
    threshold: Threshold
    metrics: CardMetrics
    class_balance: ClassBalance
    call: dict[str, Any]
    """Signatures, and how to ask them."""
    tfmed_version: str


class ModelEntry(CellEntry):
    """A classifier that was exported."""

    name: str
    version: Count
    path: str
    """Relative to the models folder."""
    seed: Count
    pretraining: Count | None = None
    """As of its run."""
    bytes: Count
    """Size of the weights."""
    stage: Literal["stable", "candidate", "unservable"]
    """The gate's verdict."""
    reasons: list[str]
    """Why it is not stable."""
    card: Card
