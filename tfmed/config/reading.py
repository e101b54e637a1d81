"""A study file to a `Study`, or to one line that says what is wrong with it."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tfmed.config.images import ImageSettings
from tfmed.config.items import did_you_mean
from tfmed.config.ledger import beside
from tfmed.config.registered import REGISTERED
from tfmed.config.study import Study
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
        raise InputError(f"{path}: is not a text in UTF-8; save it in that encoding") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not valid TOML ({error}); correct that line") from None
    try:
        if isinstance(ledger := values.get("ledger"), str):
            values["ledger"] = beside(path, ledger)
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


def image_settings(settings: ImageSettings, changes: Mapping[str, Any]) -> ImageSettings:
    """Settings of an import with those of the command line; `--size` of below 16 is refused there.

    Raises:
        InputError: names the option and what it may be.
    """
    try:
        return settings.replaced(**changes)
    except ValidationError as error:
        (name, *_), value = error.errors()[0]["loc"], error.errors()[0]["input"]
        option = f"--{str(name).replace('_', '-')} {value}"
        allowed = _allowed(ImageSettings.model_fields[str(name)])
        if name == "patient_pattern":
            raise InputError(f"{option}: {error.errors()[0]['msg']}; mend it") from None
        raise InputError(f"{option} is out of range; it must be {allowed}") from None


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
    section, names = _place(error["loc"])
    where = ".".join(names)
    if kind == "refused":
        where = ".".join(filter(None, (where, given["at"])))
        return f"{where} = {given['value']!r} {given['wrong']}"
    if kind == "extra_forbidden":
        known = list(section.model_fields)
        near = did_you_mean(names[-1], known) or f"; known are {', '.join(known)}"
        return f"unknown setting {where!r}{near}"
    no_list = kind == "tuple_type" and where in REGISTERED
    if kind in ("model_type", "model_attributes_type") or no_list:
        return f"{where} must be a table; write it as [{where}]"
    if kind == "too_short" and where in REGISTERED:
        return f"{where} has no table; leave it out, or write [{where}]"
    if kind == "tuple_type":
        return f"{where} = {value!r} must be a list; write [{value!r}]"
    if kind == "union_tag_invalid":
        registered = REGISTERED[where]
        named = value[registered.naming]
        return _one_of(f"{where}.{registered.naming}", named, registered.members)
    if kind == "literal_error":
        return _one_of(where, value, re.findall(r"'([^']*)'", given["expected"]))
    if kind in _RANGES:
        allowed = _allowed(section.model_fields[names[-1]])
        return f"{where} = {value!r} is out of range; it must be {allowed}"
    return f"{where} = {value!r} must be {_TYPES.get(kind, error['msg'])}"


def _one_of(where: str, value: object, known: Sequence[str]) -> str:
    choice = f"one of {', '.join(map(repr, known))}" if len(known) > 1 else repr(known[0])
    return f"{where} = {value!r} must be {choice}{did_you_mean(value, known)}"


def _place(loc: Iterable[int | str]) -> tuple[type[BaseModel], list[str]]:
    """The section that holds a setting, and the setting's dotted name in parts."""
    holder: Any = Study
    inner: Any = Study
    names: list[str] = []
    for part in (part for part in loc if isinstance(part, str)):
        registered = REGISTERED.get(names[0]) if len(names) == 1 else None
        if registered and len(registered.members) > 1 and part in registered.members:
            inner = registered.settings_class(part)  # pydantic puts the member's name between
            continue
        holder = inner
        names.append(part)
        setting = holder.model_fields.get(part)
        inner = setting and setting.annotation
    return holder, names


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
