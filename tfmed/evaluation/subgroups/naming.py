"""From what a column says of each test image to the groups that metrics are measured of.

A column of ages (its name ends in the word `age`, and whatever it gives is a number, of years or
with one of DICOM's units D, W, M, Y behind it) becomes `AGE_GROUPS`. Any other is taken as it is:
each of its values is a group.
"""

import re
from dataclasses import dataclass

import numpy as np

from tfmed.errors import printable

AGE_GROUPS = {"under 18": 0.0, "18–39": 18.0, "40–64": 40.0, "65 and over": 65.0}
"""Name to its lowest age in years."""
OLDEST = 120
"""Years above which an age is a mistake, and counts as not given."""
MOST_GROUPS = 12
"""Of a column of more, no group is compared."""
NOT_GIVEN = ("", "nan", "na", "n/a", "null", "unknown", "not given")
"""What stands in small letters for no value."""

_AGE = re.compile(r"(-?\d+(?:\.\d*)?)\s*\+?\s*([dwmy]?)", re.IGNORECASE)
_A_YEAR = {"d": 365.25, "w": 52.18, "m": 12.0, "y": 1.0, "": 1.0}


@dataclass(frozen=True)
class Column:
    """The groups of a column.

    Attributes:
        name: of the column.
        groups: their names, in order.
        members: (n,) of each test image the place of its group in `groups`; -1 where not given.
    """

    name: str
    groups: tuple[str, ...]
    members: np.ndarray

    @property
    def by_age(self) -> bool:
        """Whether the groups are of ages."""
        return _is_age(self.name) and bool(self.groups) and {*self.groups} <= {*AGE_GROUPS}

    @property
    def not_given(self) -> int:
        """Images of no group."""
        return int((self.members < 0).sum())

    @property
    def why_not_used(self) -> str | None:
        """Why no group of it is measured; None where they are."""
        if not self.groups:
            return "gives no value"
        if len(self.groups) > MOST_GROUPS:
            return f"has {len(self.groups):,} values, more than {MOST_GROUPS}"
        return None

    def rows(self, group: str) -> np.ndarray:
        """Rows of the test split that are of a group."""
        return np.flatnonzero(self.members == self.groups.index(group))

    def names(self) -> list[str]:
        """Of each test image the name of its group; empty where not given."""
        return [self.groups[place] if place >= 0 else "" for place in self.members.tolist()]


def grouped(name: str, values: np.ndarray) -> Column:
    """The groups of a column; those of names of groups are the same groups.

    Args:
        name: of the column.
        values: (n,) texts, integers, floats or bools.
    """
    texts = [_text(value) for value in values.tolist()]
    given = {text for text in texts if text.casefold() not in NOT_GIVEN}
    order = sorted(given, key=lambda text: (*_numbers_first(text), text.casefold(), text))
    if _is_age(name) and all(map(_AGE.fullmatch, given)):
        ages = {text: _age_group(text) for text in given}
        texts = [ages.get(text) or "" for text in texts]
        given = {*filter(None, texts)}
        order = list(AGE_GROUPS)
    elif _is_age(name) and given <= {*AGE_GROUPS}:
        order = list(AGE_GROUPS)
    groups = [group for group in order if group in given]
    places = {group: place for place, group in enumerate(groups)}
    return Column(name, tuple(groups), np.array([places.get(text, -1) for text in texts], int))


def _is_age(name: str) -> bool:
    return re.split(r"[\s_-]+", name.strip().casefold())[-1] == "age"


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return printable(text.strip())


def _numbers_first(text: str) -> tuple[bool, float]:
    number = re.fullmatch(r"-?\d+(\.\d+)?", text)
    return number is None, float(text) if number else 0.0


def _age_group(text: str) -> str | None:
    """Of an age as it is written; None of one that no human has."""
    found = _AGE.fullmatch(text)
    assert found is not None
    years = float(found[1]) / _A_YEAR[found[2].lower()]
    if not 0 <= years <= OLDEST:
        return None
    return [name for name, lowest in AGE_GROUPS.items() if years >= lowest][-1]
