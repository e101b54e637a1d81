"""Of `results.json`: `study`, `provenance`, `datasets`, `pretraining`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tfmed.results.schema.base import Count, FitEntry, Part, Png, Seconds, Share, Span


def _is_time(started: str) -> str:
    datetime.fromisoformat(started)
    return started


def _not_one(classes: list[str]) -> list[str]:
    if len(classes) == 1:
        raise ValueError("one class alone")
    return classes


Classes = Annotated[list[str], AfterValidator(_not_one)]


class StudyEntry(Part):
    """What was asked."""

    name: str
    title: str
    question: str
    quick: bool
    source: str
    """Name of the data set pretrained on."""
    target: str
    """Name of the data set classified."""
    seeds: Annotated[list[Count], Field(min_length=1)]
    primary_metric: str = "accuracy"
    """What the answer speaks of, where the task has it."""
    settings: dict[str, Any]
    """Every setting of the study, defaults included."""
    ledger: str | None
    """What the study's ledger says of itself; null where it has none for these data."""


class Hardware(Part):
    """The machine."""

    cpu: str
    cores: Count
    memory_gib: Annotated[float, Field(ge=0)]
    gpus: list[str]


class ProvenanceEntry(Part):
    """Where the numbers come from."""

    versions: dict[str, str]
    commit: str | None
    hardware: Hardware
    files: dict[str, str]
    """File name to MD5."""
    seeds: list[Count]
    command: str
    started: Annotated[str, AfterValidator(_is_time)]
    """ISO 8601."""
    seconds: Seconds


class SplitEntry(Part):
    """Images of a split, and of each of its classes."""

    n: Count
    patients: Count | None = None
    """Whose images they are, which intervals then count; null where that is not known and images
    are counted."""
    counts: list[Count]


class SplitEntries(Part):
    """The official splits."""

    train: SplitEntry
    val: SplitEntry
    test: SplitEntry


class SharedEntry(Part):
    """Images of a split that an earlier split holds too."""

    earlier: str
    split: str
    equal: Count
    near: Count
    """Nearly equal, and not equal."""
    named: list[Annotated[list[str], Field(min_length=2, max_length=2)]]
    """Names of the first few: of the image of `split`, and of that of `earlier`."""


class RepeatedEntry(Part):
    """Images that are there twice, or show nothing."""

    within: dict[str, Count]
    """Per split, images that equal an earlier one of it."""
    blank: dict[str, Count]
    """Per split, images of one grey level or colour."""
    across: list[SharedEntry]


class SharedPatientsEntry(Part):
    """Images of a split whose patients have images in an earlier split too."""

    earlier: str
    split: str
    images: Count


class ShiftEntry(Part):
    """Class balance of a split against that of train."""

    split: str
    distance: Share
    """Total variation distance; of several findings the largest difference of their shares."""
    p: Annotated[float, Field(ge=0, le=1)] | None
    """Of the chi-squared test of homogeneity; null where every image is of one class."""


class DatasetEntry(Part):
    """One data set."""

    name: str
    role: Literal["source", "target", "source and target"]
    title: str
    description: str
    license: str
    synthetic: bool
    file: str
    md5: str
    image_shape: Annotated[list[Count], Field(min_length=3, max_length=3)]
    class_names: Classes
    """Empty where images have no labels."""
    n_labels: Count
    task: str = "binary"
    """What is asked of an image; `unlabelled` where nothing can be."""
    binarise: Literal["any"] | None = None
    """How several label columns became one question: any of them against none; null otherwise."""
    splits: SplitEntries
    examples: Annotated[list[list[Png]], Field(min_length=1)]
    """A few training images of each class; one list where there are no labels."""
    steps: list[str] = Field(default_factory=list)
    """That an import made the images by, in order."""
    notes: list[str] = Field(default_factory=list)
    """What an import met, converted, decided and left out."""
    warnings: list[str] = Field(default_factory=list)
    """What makes results doubtful."""
    repeated: RepeatedEntry | None = None
    """Null in results of earlier versions."""
    shared_patients: list[SharedPatientsEntry] = Field(default_factory=list)
    """Empty where patients are not known, and in results of earlier versions."""
    shifts: list[ShiftEntry] = Field(default_factory=list)
    """Of `val` and `test`; empty where there are no labels."""


class Reproduced(Part):
    """Errors of reconstructions on the test split."""

    n: Count
    mse: float
    mae: float
    psnr: float
    """Decibels."""
    mse_mean_image: float
    """Error of always answering the mean training image."""


class ReconstructionEntry(Part):
    """A test image and its reconstruction."""

    index: Count
    original: Png
    reconstruction: Png
    mse: float
    quantile: Share
    """Share of test images with a smaller error."""


class Band(Part):
    """A band of spatial frequencies in cycles/pixel."""

    start: float = Field(alias="from")
    to: float
    kept: Span
    """Power of the reconstructions over that of the originals."""
    explained: Span
    """1 minus power of the difference over that of the originals."""


class DetailEntry(Part):
    """What reconstructions keep of test images."""

    n: Count
    ssim: Span
    psnr: Span
    bands: list[Band]


class HealthEntry(Part):
    """How far embeddings of training images are from being all alike."""

    n: Count
    dimensions: Count
    spread: Annotated[float, Field(ge=0)]
    """1 where they point everywhere alike, 0 where all are one."""
    effective_rank: Annotated[float, Field(ge=0)]


class ProbeEntry(Part):
    """Linear probes on embeddings while the pretraining went on."""

    dataset: str
    n_train: Count
    n_val: Count
    epochs: list[Count]
    """After which; 0: before the first."""
    auc: list[Share | None]
    """On validation images; null where their labels do not define it."""


class ViewsEntry(Part):
    """A training image, and what a method is given in its place."""

    original: Png
    views: list[Png]


class PretrainingEntry(FitEntry):
    """One pretrained encoder."""

    id: str
    source: str
    images: list[str] = Field(default_factory=list)
    """Data sets whose training images were used; none named: the source's, or nothing learned."""
    learned_from: Literal["images", "labels", "nothing"] = "images"
    """Images without labels, or labels of the source; `nothing`: the weights are of elsewhere."""
    seed: Count
    method: str
    settings: dict[str, Any] = Field(default_factory=dict)
    """Of the method, with what `auto` came to."""
    encoder: dict[str, Any]
    parameters: dict[str, Count]
    """Numbers of weights: of the encoder, and of what was fitted around it."""
    embedding_shape: list[Count]
    health: HealthEntry | None = None
    probe: ProbeEntry | None = None
    """Null where nothing has labels; they choose nothing."""
    views: list[ViewsEntry] = Field(default_factory=list)
    """Empty of a method that sees images as they are."""
    test: Reproduced | None
    """Null for a method that reconstructs nothing; then the three below are empty or null too."""
    mse_quantiles: Annotated[list[float], Field(max_length=101)]
    """0th to 100th percentile of the per-image error on the test split."""
    reconstructions: list[ReconstructionEntry]
    detail: DetailEntry | None
    """Null too for images smaller than a window of SSIM."""
