"""`[images]`: how image files of the user's own become a data set."""

from typing import Annotated

from pydantic import AfterValidator, Field

from tfmed.config.items import Section, refusal
from tfmed.data.importers.settings import LARGEST, SMALLEST, ImportSettings, pattern_fault
from tfmed.data.pictures.steps import Aspect


def _pattern(pattern: str) -> str:
    if fault := pattern_fault(pattern):
        raise refusal(pattern, f"is no regular expression ({fault})")
    return pattern


class ImageSettings(Section):
    """For folders and tables of images; files that are data sets already are taken as they are.

    Attributes:
        size: side of the pictures, in pixels.
        aspect: how images that are not square become so.
        grey: make colours grey.
        resplit: draw new splits.
        patient_pattern: regular expression that finds the patient in a file's name; empty for none.
        split_seed: of the drawn splits.
    """

    size: int = Field(default=28, ge=SMALLEST, le=LARGEST)
    aspect: Aspect = "pad"
    grey: bool = False
    resplit: bool = False
    patient_pattern: Annotated[str, AfterValidator(_pattern)] = ""
    split_seed: int = Field(default=0, ge=0, lt=2**32)

    def for_import(self) -> ImportSettings:
        """What importers take."""
        return ImportSettings(**{**dict(self), "patient_pattern": self.patient_pattern or None})
