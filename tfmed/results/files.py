"""Writes `results.json`: whole or not at all, and no larger than it need be."""

import contextlib
import json
from pathlib import Path
from typing import Any

from tfmed.errors import InputError
from tfmed.results.schema import StudyResults

CURVES = ("roc_tpr", "pr_precision", "roc", "pr", "reliability", "history")
"""Points of curves, which are most of the file and are drawn, not quoted."""
DIGITS = 7


def write(results: dict[str, Any], out: Path) -> Path:
    """Checks `results.json` against its schema, writes it aside and moves it into place.

    One line without spaces (`python -m json.tool` lays it out), the points of curves to 7
    significant digits: a tenth of what `python -m tfmed.evaluation.metrics` lets differ.

    Raises:
        InputError: the disk is full or the folder can't be written to.
        pydantic.ValidationError: the results are not as `tfmed.results.schema` says.
    """
    path = out / "results.json"
    part = out / ".results.json.tmp"
    text = json.dumps(
        shortened(results), separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    StudyResults.model_validate_json(text)
    try:
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise InputError(
            f"{path}: can't be written ({error.strerror}); make room or choose another --out"
        ) from None
    return path


def shortened(value: Any, *, curve: bool = False) -> Any:
    """The same results with the points of `CURVES` to `DIGITS` significant digits."""
    if isinstance(value, dict):
        return {key: shortened(item, curve=curve or key in CURVES) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shortened(item, curve=curve) for item in value]
    return float(f"{value:.{DIGITS}g}") if curve and isinstance(value, float) else value
