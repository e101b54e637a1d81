"""What the parts of `results.json` are made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Holds what is declared and nothing else; numbers are finite."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


_MOST = 2**63
Count = Annotated[int, Field(ge=0, lt=_MOST)]
OneOrMore = Annotated[int, Field(ge=1, lt=_MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Number = float | None
Labels = Annotated[int, Field(ge=1, lt=_MOST)] | Literal["full"]
"""Labelled examples seen, training and validation together; `full`: the official splits."""
Counts = Annotated[list[Count], Field(min_length=2)]
"""Images of each class."""
Confusion = list[list[Annotated[float, Field(ge=0)]]]
"""Rows: the true class; columns: the answer. Of several findings a row for each: true negatives,
false positives, false negatives, true positives."""
Threshold = float | list[float] | None
"""Chosen on validation labels, one for each of several findings; null where nothing is chosen."""
Png = Annotated[str, Field(pattern="^data:image/png;base64,")]
"""A PNG as a data URI."""
Bins = Annotated[list[Number], Field(min_length=10, max_length=10)]
"""A number for each tenth of the score, (0, .1] and so on; null where it is not defined."""
History = dict[str, list[float]]
"""Per epoch; keys loss, val_loss and, for classifiers, accuracy and val_accuracy."""


class Span(Part):
    """A mean with its 95 % interval over images; null where it is not defined."""

    mean: Number
    low: Number
    high: Number


class SeedsInterval(Part):
    """A mean over seeds with its 95 % interval."""

    mean: float
    low: Number
    high: Number
    sd: Number
    """Standard deviation over seeds; null with one seed."""


class SideEntry(Part):
    """What was trained, and how it differs from the standard."""

    strategy: str
    """`initialisation:trained` or its short name, or a baseline."""
    variant: str
    """`standard`, or what differs from it: `overtrained` trains for a fixed number of epochs
    without early stopping, `class_weighted` and `focal` have another loss, `dropout_<p>` another
    dropout."""


class NamedEntry(SideEntry):
    """What was trained on which data set."""

    task: str
    """Name of the data set classified."""
    initialisation: str | None
    """Where the encoder's weights come from; null for baselines."""
    trained: Literal["frozen", "finetune"] | None
    """What of the classifier is trained; null for baselines."""


class CellEntry(NamedEntry):
    """What the seeds of one row of the summary share."""

    label_budget: Labels


class FitEntry(Part):
    """How fitting went."""

    history: History
    epochs: Count
    """0 for baselines."""
    best_epoch: Count
    """Counted from 1; 0 for baselines."""
    stopped_early: bool
    seconds: Seconds
