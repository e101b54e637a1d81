"""A study file to a `Study`, or to one line that says what is wrong with it."""

import tomllib
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tfmed.config.items import did_you_mean
from tfmed.config.study import Study
from tfmed.design import Section
from tfmed.errors import InputError

_TYPES = {
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
}
_RANGES = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number")


def read_study(path: Path) -> Study:
    """Reads and checks a study file; what it leaves out keeps its default.

    Raises:
        InputError: the file is missing or no TOML, or a setting is unknown or out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows puts a mark first
    except FileNotFoundError:
        raise InputError(f"{path}: no such study file; give an existing one to --study") from None
    except OSError as error:
        raise InputError(
            f"{path}: can't be read ({error.strerror}); give a file that can to --study"
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is no text in UTF-8; save it in that encoding") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no valid TOML ({error}); correct that line") from None
    try:
        return study_of(values)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def study_of(values: Mapping[str, Any]) -> Study:
    """The study that the tables of a study file make.

    Raises:
        InputError: names the setting, its value and what it may be.
    """
    _refuse_long_integers(values, "")
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise InputError(_line(error.errors(include_url=False)[0])) from None


def _refuse_long_integers(value: Any, where: str) -> None:
    """Refuses integers that TOML does not have either: Python can't even print some of them."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            _refuse_long_integers(item, f"{where}.{name}" if where else name)
    elif isinstance(value, list):
        for item in value:
            _refuse_long_integers(item, where)
    elif type(value) is int and abs(value) >= 2**63:
        raise InputError(f"{where} has more than 64 bits; give a smaller number")


def _line(error: Mapping[str, Any]) -> str:
    """One line for what pydantic found: the setting's name, its value, what is allowed."""
    kind, value, given = error["type"], error["input"], error.get("ctx", {})
    parts = [str(part) for part in error["loc"] if isinstance(part, str)]
    if kind == "refused":
        parts += [given["at"]] if given["at"] else []
        return f"{'.'.join(parts)} = {given['value']!r} {given['wrong']}"
    if kind == "extra_forbidden":
        known = list(_section(parts[:-1]).model_fields)
        near = did_you_mean(parts[-1], known) or f"; known are {', '.join(known)}"
        return f"unknown setting {'.'.join(parts)!r}{near}"
    where = ".".join(parts)
    if kind == "model_type":
        return f"{where} must be a table; write it as [{where}]"
    if kind == "tuple_type":
        return f"{where} = {value!r} must be a list; write [{value!r}]"
    if kind == "literal_error":
        near = did_you_mean(value, given["expected"].replace("'", "").split(" or "))
        return f"{where} = {value!r} must be {given['expected']}{near}"
    if kind in _RANGES:
        allowed = _allowed(_section(parts[:-1]).model_fields[parts[-1]])
        return f"{where} = {value!r} is out of range; it must be {allowed}"
    return f"{where} = {value!r} must be {_TYPES.get(kind, error['msg'])}"


def _section(names: Iterable[str]) -> type[Section]:
    """The model of the section of this dotted name."""
    section: type[Section] = Study
    for name in names:
        section = typing.cast(type[Section], section.model_fields[name].annotation)
    return section


def _allowed(setting: FieldInfo) -> str:
    """A setting's range in words, such as `from 4 to 1024`."""
    limits = {type(limit): limit for limit in setting.metadata}
    least: Any = limits.get(Ge)
    above: Any = limits.get(Gt)
    most: Any = limits.get(Le)
    below: Any = limits.get(Lt)
    if least and most:
        return f"from {least.ge} to {most.le}"
    lower = f"at least {least.ge}" if least else f"above {above.gt}" if above else ""
    upper = f"at most {most.le}" if most else f"below {below.lt:g}" if below else ""
    if least and not upper:
        return f"{least.ge} or more"
    return " and ".join(filter(None, (lower, upper))) or "a finite number"
