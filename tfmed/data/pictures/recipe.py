"""Steps as data: written down with what was made by them, and done again to another file.

>>> written = settings_of((*steps_of(64), *last_steps(None, 1)))
>>> written[-2:]
({'step': 'resize', 'size': 64}, {'step': 'channels', 'number': 1})
>>> prepared(Path("scan.dcm"), steps_from(written)).shape
(64, 64, 1)
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from tfmed.data.pictures.dicom import Display
from tfmed.data.pictures.files import UnusableError, read_picture
from tfmed.data.pictures.steps import (
    Alpha,
    Channels,
    Depth,
    Mode,
    Palette,
    Resize,
    Square,
    Step,
    Turn,
    applied,
)

_KINDS = {
    kind.__name__.lower(): kind
    for kind in (Display, Turn, Palette, Alpha, Mode, Square, Resize, Depth, Channels)
}
_DONE_TO_EACH = (Turn, Palette, Alpha, Mode, Square, Resize)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All steps of a data set.

    Attributes:
        first: those that are done to each file alone, up to the resizing.
        last: those that its images share: the depth, if some have more than 8 bits, and channels.
    """

    first: tuple[Step, ...]
    last: tuple[Step, ...]

    @property
    def square(self) -> Square:
        """How images become square."""
        return next(step for step in self.first if isinstance(step, Square))

    @property
    def size(self) -> int:
        """Side of the pictures, in pixels."""
        return next(step.size for step in self.first if isinstance(step, Resize))

    @property
    def depth(self) -> Depth | None:
        """How more than 8 bits become 8; None where no image had more."""
        return next((step for step in self.last if isinstance(step, Depth)), None)

    @property
    def channels(self) -> int:
        """1 or 3."""
        return next(step.number for step in self.last if isinstance(step, Channels))


def settings_of(steps: Iterable[object]) -> tuple[dict[str, Any], ...]:
    """Names and settings of steps, for JSON; the inverse of `steps_from`.

    Args:
        steps: dataclasses of `tfmed.data.pictures`.
    """
    return tuple(
        {"step": type(step).__name__.lower(), **dataclasses.asdict(step)}  # type: ignore[call-overload]
        for step in steps
    )


def steps_from(settings: Iterable[Mapping[str, Any]]) -> Recipe:
    """Steps by their names and settings, as `settings_of` writes them.

    `display`, which only says that DICOM files were met, may be among them: it belongs to reading.

    Raises:
        ValueError: they are not steps of this version of tfmed, in its order.
    """
    steps = [_step_from(dict(each)) for each in settings]
    if steps and isinstance(steps[0], Display):
        steps = steps[1:]
    kinds = tuple(map(type, steps))
    if kinds not in ((*_DONE_TO_EACH, Channels), (*_DONE_TO_EACH, Depth, Channels)):
        raise ValueError("these are not the steps of an import")
    n_first = len(_DONE_TO_EACH)
    return Recipe(tuple(steps[:n_first]), tuple(steps[n_first:]))


def shown_steps(settings: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Steps as people read them, such as `resize(64)`; errors as for `steps_from`."""
    return tuple(str(_step_from(dict(each))) for each in settings)


def _step_from(settings: dict[str, Any]) -> Any:
    kind = _KINDS.get(settings.pop("step", None))
    if kind is None or set(settings) != {field.name for field in dataclasses.fields(kind)}:
        raise ValueError("there is no such step")
    return TypeAdapter(kind).validate_json(json.dumps(settings), strict=True)


def prepared(path: Path, recipe: Recipe) -> np.ndarray:
    """The picture that an import by these steps would make of a file.

    Returns:
        uint8 of shape (size, size, channels).

    Raises:
        UnusableError: it is no image that can be read, or has more than 8 bits where no image of
            the import had.
    """
    image = read_picture(path, recipe.first).image
    if image.mode == "F" and recipe.depth is None:
        raise UnusableError("has more than 8 bits, and the model's images had not; save it with 8")
    pixels = np.asarray(applied(recipe.last, image))
    return pixels.reshape(recipe.size, recipe.size, recipe.channels)
