"""Of `results.json`: `latent`."""

from typing import Annotated

from pydantic import Field

from tfmed.results.schema.base import (
    Count,
    Labels,
    NamedEntry,
    Number,
    OneOrMore,
    Part,
    Png,
    SeedsInterval,
    Share,
)

Point = Annotated[list[float], Field(min_length=2, max_length=2)]


class Atlas(Part):
    """The picture that holds the embedded test images of a task."""

    path: str
    """Relative to the report's folder."""
    columns: OneOrMore
    """Tiles in a row; tile i, counted row by row, is the i-th of `indices`."""
    tile: Annotated[list[OneOrMore], Field(min_length=2, max_length=2)]
    """Width and height in pixels."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Mistake(Part):
    """A test image that was answered wrongly."""

    index: Count
    """Row in the test split."""
    score: float
    image: Png


class MistakesOfAKind(Part):
    """False positives or false negatives."""

    n: Count
    """How many of the test images shown."""
    shown: list[Mistake]
    """The most confident first."""


class Mistakes(Part):
    """The most confident mistakes at threshold .5 of the run of one latent space: the fine-tuned
    one with most labels where there is one.
    """

    space: str
    run: str
    false_positives: MistakesOfAKind
    false_negatives: MistakesOfAKind


class Pca(Part):
    """Principal components."""

    coordinates: list[Point]
    explained_variance_ratio: list[float]


class RandIndex(Part):
    """With its 95 % interval."""

    value: float
    low: float
    high: float


class TwoClusters(Part):
    """The map split by 2-means: its agreement with the labels, and its halves."""

    adjusted_rand: RandIndex
    silhouette: float
    sizes: Annotated[list[Count], Field(min_length=2, max_length=2)]


class Tsne(Part):
    """t-SNE."""

    coordinates: list[Point]
    perplexity: float
    kl_divergence: float
    two_clusters: TwoClusters | None
    """Null where there are more than two classes, as `components` is."""


class ClusterTest(Part):
    """A measure of clustering by class against label permutations."""

    value: float
    null_high: float
    """The 97.5th percentile of the permutations."""
    p_value: Share
    """Share of permutations that reach the value."""


class Clusters(Part):
    """Against 1,000 label permutations, on at most 2,000 of the images."""

    silhouette: ClusterTest
    knn_accuracy: ClusterTest


class Components(Part):
    """|AUC - .5| of principal components 1 and 2, and the difference with its 95 % interval."""

    first: float
    second: float
    difference: float
    low: Number
    """Null where there is one class."""
    high: Number


class SpaceEntry(NamedEntry):
    """One latent space."""

    id: str
    label_budget: Labels | None
    """Null where no label shaped the encoder."""
    seed: Count
    title: str
    run: str | None
    """Id of the run whose classifier has this very encoder; of a frozen encoder the one with most
    labels."""
    scores: list[Share] | list[list[Share]] | None
    """Probability of label 1 of each embedded test image by that run, to four digits and on its
    side of .5; above .5 the answer is label 1. Of more than two classes, or of several findings,
    the probability of each."""
    n: Count
    dimensions: Count
    pca: Pca
    tsne: Tsne
    silhouette: float
    knn_accuracy: float
    component_auc: list[float]
    """AUC of each of the first principal components alone, direction-free: max(AUC, 1 - AUC); empty
    where there are more than two classes."""
    clusters: Clusters
    components: Components | None


class CkaEntry(Part):
    """Debiased linear CKA between two spaces of one task, with its 95 % interval over images."""

    a: str
    b: str
    value: float
    low: float
    high: float


class ForgettingEntry(Part):
    """The source task with the encoder before and after it was fine-tuned on so many labels of the
    target, over seeds.
    """

    strategy: str = "finetune"
    label_budget: Labels
    n_seeds: OneOrMore
    """Where there are several pretrainings, each seed has another one."""
    n_test: Count
    """Test images that the probe was asked about."""
    probe_auc_before: SeedsInterval | None
    """Test AUC of a probe; null where the test images have one class."""
    probe_auc_after: SeedsInterval | None
    probe_auc_difference: SeedsInterval | None
    """After minus before."""
    mse_before: SeedsInterval | None
    """Reconstruction error with the pretrained decoder; null for a method without one."""
    mse_after: SeedsInterval | None
    mse_ratio: SeedsInterval | None
    """After over before."""


class LatentEntry(Part):
    """The latent spaces that were looked into."""

    labels: dict[str, list[Count]]
    """Per task: label of each embedded test image, or its group where there are `groups`."""
    groups: dict[str, list[str]] = Field(default_factory=dict)
    """Per task whose images may be of several classes: what they are told apart by instead."""
    findings: dict[str, list[list[Count]]] = Field(default_factory=dict)
    """Of these tasks: 0 or 1 for each class of each embedded test image."""
    indices: dict[str, list[Count]]
    """Per task: row of each embedded image in the test split."""
    images: dict[str, Atlas]
    mistakes: dict[str, Mistakes]
    spaces: list[SpaceEntry]
    cka: list[CkaEntry]
    forgetting: list[ForgettingEntry]
