"""A study file to a `Study`, or to one line that says what is wrong with it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tfmed.config.images import ImageSettings
from tfmed.config.items import allowed_words
from tfmed.config.ledger import beside
from tfmed.config.study import Study
from tfmed.errors import InputError


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
    return Study(**values)


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
        allowed = allowed_words(ImageSettings.model_fields[str(name)])
        if name == "patient_pattern":
            raise InputError(f"{option}: {error.errors()[0]['msg']}; mend it") from None
        raise InputError(f"{option} is out of range; it must be {allowed}") from None
