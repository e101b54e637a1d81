"""What a user can choose of an import."""

import re
from dataclasses import dataclass
from typing import Literal

SMALLEST, LARGEST = 16, 1024
"""Sides of imported images, in pixels."""


@dataclass(frozen=True)
class ImportSettings:
    """How images become a data set; files that are data sets already need none of it.

    Attributes:
        size: side of the pictures, in pixels.
        aspect: how they become square: black bars, the centre, or stretched.
        grey: make colours grey; images whose channels are all equal are grey anyway.
        resplit: draw splits anew, also where some come along.
        patient_pattern: a regular expression for file names; what its groups (or, without any,
            the whole) match is the patient.
        split_seed: of the drawn splits.
        task: what labels are for, one of `tfmed.tasks`; None for what they say.
    """

    size: int = 28
    aspect: Literal["pad", "crop", "stretch"] = "pad"
    grey: bool = False
    resplit: bool = False
    patient_pattern: str | None = None
    split_seed: int = 0
    task: str | None = None


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a regular expression; None where nothing is."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None
