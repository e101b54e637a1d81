"""`results.json` read and checked."""

import json
import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tfmed.errors import InputError
from tfmed.results.schema import SCHEMA_VERSION, StudyResults, first_error


def read_results(path: Path) -> dict[str, Any]:
    """Reads `results.json` as JSON values.

    Raises:
        InputError: the file is missing, no JSON, of another schema version, or not as
            `tfmed.results.schema` says.
    """
    try:
        text = path.read_text(encoding="utf-8")
        results = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run the study before asking for its report") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: can't be read ({error}); run the study again") from error
    version = results.get("schema_version") if isinstance(results, dict) else None
    if version is True or version != SCHEMA_VERSION:
        raise InputError(
            f"{path}: has schema version {version}, this tfmed reads {SCHEMA_VERSION}; "
            "run the study again with --fresh"
        )
    try:
        StudyResults.model_validate(results)
    except ValidationError as error:
        raise InputError(
            f"{path}: is not a study's results ({first_error(error)}); run the study again"
        ) from None
    return results


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a number")
    return number
