"""Of `results.json`: `attribution`, `robustness`; both are empty in results of earlier versions."""

from typing import Annotated, Literal

from pydantic import Field

from tfmed.results.schema.base import CellEntry, Count, Number, OneOrMore, Part, Png, Share


class InspectedEntry(CellEntry):
    """Whose classifier it is: the first run of its cell."""

    seed: Count
    pretraining: Count | None
    """As of its run."""


class InsideEntry(Part):
    """How much of the attribution lies in the box of an opacity whose place is known."""

    share: Annotated[float, Field(ge=0, le=1)] | None
    """Of the attribution above 0, mean of the images; null where no map has any."""
    random: Annotated[float, Field(ge=0, le=1)] | None
    """The same of the network with random weights, on the same images."""
    area: Annotated[float, Field(ge=0, le=1)] | None
    """Of the image that the boxes take, which is the share of an even map."""
    n: Count
    """Right answers of the diseased class that were measured."""


class CaseEntry(Part):
    """A test image, and where the classifier looks in it."""

    row: Count
    """In the test split."""
    truth: Count
    """Number of its class."""
    explained: Count
    """Number of the class whose score the maps explain: the one answered; of several findings the
    true one."""
    right: bool
    """Whether the answer is right, by the threshold chosen on validation labels."""
    score: Share
    """Of the class explained."""
    image: Png
    overlays: dict[str, Png]
    """By method, the map over the image: red speaks for the class, blue against it."""
    correlation: dict[str, Number]
    """By method, Spearman's correlation of its map with that of the same network with random
    weights; null where one of the two is constant."""


class AttributionEntry(InspectedEntry):
    """Where one classifier looks."""

    cases: list[CaseEntry]
    """Of each class right and wrong answers, those nearest to the median score."""
    inside: dict[str, InsideEntry] | None
    """By method; null where no place of an opacity is known, as of all real images."""


class CorruptionEntry(Part):
    """Test images made worse in one way."""

    kind: Literal["blur", "noise", "brightness", "contrast", "jpeg", "rotation"]
    unit: str
    strength: OneOrMore
    """1 to 3."""
    value: float
    """The strength in its unit."""
    metrics: dict[str, Number]
    """On the images that were made worse; null where not defined."""


class RobustnessEntry(InspectedEntry):
    """What one classifier withstands."""

    n: OneOrMore
    """Test images."""
    clean: dict[str, Number]
    """Metrics on these as they are."""
    corruptions: list[CorruptionEntry]
