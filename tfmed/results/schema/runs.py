"""Of `results.json`: `runs`, `summary`, `comparisons`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from tfmed.results.schema.base import (
    Bins,
    CellEntry,
    Confusion,
    Count,
    FitEntry,
    Labels,
    Number,
    OneOrMore,
    Part,
    SeedsInterval,
    Share,
    SideEntry,
    Threshold,
)


class Reliability(Part):
    """Cases, mean score and share of label 1 in bins of the score."""

    count: Annotated[list[Count], Field(min_length=10, max_length=10)]
    score: Bins
    share: Bins


class Weights(Part):
    """Numbers of weights."""

    trainable: Count
    total: Count


class TryEntry(Part):
    """One recipe that was tried."""

    learning_rate: float
    augment: bool
    val_loss: Number
    """Of the weights that were kept; null where numbers became infinite."""
    epochs: Count


class RecipeEntry(Part):
    """The recipe of a fit, and the tries that it was chosen from by validation loss."""

    learning_rate: float
    augment: bool
    tries: list[TryEntry]
    """Empty where the recipe is that of another run of the cell: of its first pretraining or, with
    all labels, its first seed; and of a variant that of the standard classifier."""


class RunEntry(CellEntry, FitEntry):
    """One classifier, measured on the test split."""

    id: str
    seed: Count
    pretraining: Count | None = None
    """Number, from 0, of the pretraining of its method that the encoder comes from; null where it
    comes from none."""
    n_train: Count
    n_val: Count
    n_test: Count
    metrics: dict[str, Number]
    """At threshold .5 unless the name says at_threshold."""
    undefined: dict[str, str]
    """Metrics that are null, and why."""
    train_accuracy: Number
    """At threshold .5 on the run's own training images, with the weights kept; null for
    baselines."""
    val_metrics: dict[str, Number]
    """Those that strategies are compared by, on the validation labels of the budget (of a
    baseline out of fold on all of its labels); of earlier versions accuracy and auc alone."""
    threshold: Threshold
    confusion: Confusion
    confusion_at_threshold: Confusion | None
    """Null where the task chooses nothing."""
    roc_tpr: Annotated[list[float], Field(min_length=101, max_length=101)] | None
    """True positive rate at false positive rates 0, .01, ... 1."""
    pr_precision: Annotated[list[float], Field(min_length=51, max_length=51)] | None
    """Precision at the highest threshold whose recall reaches 0, .02, ... 1."""
    reliability: Reliability | None
    """Null, as the two above, where a case has more than one score."""
    parameters: Weights | None
    """Null for baselines."""
    chosen: dict[str, float] | None
    """What a baseline chose by cross-validation inside its budget: C or k, and the number of folds;
    null for strategies."""
    recipe: RecipeEntry | None = None
    """What was searched for on the validation labels; null where nothing was."""
    predictions: str
    """Path relative to this file."""


class Roc(Part):
    """Mean over seeds with its pointwise 95 % band."""

    fpr: list[float]
    tpr: list[float]
    low: list[float]
    high: list[float]


class PrecisionRecall(Part):
    """Mean over seeds with its pointwise 95 % band."""

    recall: list[float]
    precision: list[float]
    low: list[float]
    high: list[float]


class MeanReliability(Part):
    """Per bin of the score the mean count over seeds; the share of label 1 with its interval."""

    count: Annotated[list[float], Field(min_length=10, max_length=10)]
    score: Bins
    share: Bins
    low: Bins
    high: Bins


class SummaryEntry(CellEntry):
    """A cell over its seeds: beside what is named here, an interval for each metric of its runs."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, SeedsInterval | None]

    n_seeds: OneOrMore
    n_pretrainings: OneOrMore = 1
    """That each seed was run with."""
    confusion: Confusion
    roc: Roc | None
    pr: PrecisionRecall | None
    reliability: MeanReliability | None
    """Null, as the two above, where a case has more than one score."""
    train_accuracy: SeedsInterval | None

    @property
    def metrics(self) -> set[str]:
        """Names of what was measured."""
        return set(self.__pydantic_extra__)


class ComparisonEntry(Part):
    """A paired difference between two cells of one task and label budget."""

    task: str
    label_budget: Labels
    metric: str
    kind: Literal["question", "experiment", "baseline"]
    """What the pair is compared for; each kind is corrected for itself."""
    a: SideEntry
    b: SideEntry
    difference: float
    """Mean of a minus b at the same seeds."""
    low: float
    high: float
    standard_error: float
    df: float
    """Degrees of freedom of the Student's t that has the interval's quantile."""
    seed_share: Share
    """Share of the squared standard error that is estimated from seeds and pretrainings; the rest
    is from test cases."""
    seed_df: float | None = None
    """Degrees of freedom of that share; null in results of earlier versions: n_seeds - 1."""
    agreeing: bool
    """The seeds agree more than their test cases allow, so the standard error is that of the test
    cases."""
    p_value: Share
    """Two-sided; below .05 just where the interval leaves out 0."""
    detectable: float
    """Smallest true difference that this design finds clear with 80 % power: at the two-sided 5 %
    level over family, which is the first step of Holm's procedure."""
    n_seeds: OneOrMore
    n_pretrainings: OneOrMore = 1
    family: OneOrMore
    """Comparisons of this metric, task and kind, among which p_adjusted corrects."""
    p_adjusted: Share
    """p_value corrected by Holm's procedure."""
    clear: bool
    """p_adjusted below .05, and more than one seed."""
