"""`results.json` read and checked, and its rows as data frames.

found = tfmed.load_results("reports/chest-to-pneumonia")
found.summary[found.summary.strategy == "finetune"][["label_budget", "auc", "auc_low"]]
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from tfmed.errors import InputError
from tfmed.results.schema import SCHEMA_VERSION, StudyResults, first_error

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Results:
    """What a study found.

    Attributes:
        folder: of the report.
        data: all of `results.json`, as JSON values.
    """

    folder: Path
    data: dict[str, Any]

    @functools.cached_property
    def runs(self) -> "pd.DataFrame":
        """A row for each run, a column for each metric; without points of curves."""
        return _frame({**run, **run["metrics"]} for run in self.data["runs"])

    @functools.cached_property
    def summary(self) -> "pd.DataFrame":
        """A row for each cell: a metric's mean over the seeds, and its `_low`, `_high` and `_sd`.

        Low and high are the ends of the 95 % interval.
        """
        return _frame(_spread(row) for row in self.data["summary"])

    @functools.cached_property
    def comparisons(self) -> "pd.DataFrame":
        """A row for each paired difference a - b, with `a_strategy`, `b_strategy` and so on."""
        return _frame(
            {**_prefixed("a", row["a"]), **_prefixed("b", row["b"]), **row}
            for row in self.data["comparisons"]
        )

    def __repr__(self) -> str:
        """Names the study, not its megabytes."""
        return f"Results({str(self.folder)!r}, {len(self.data['runs'])} runs)"


def load_results(path: Path | str) -> Results:
    """Reads what a study found.

    Args:
        path: a report's folder, or its `results.json`.

    Raises:
        InputError: the file is missing, no JSON, of another schema version, or not as
            `tfmed.results.schema` says.
    """
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    return Results(file.parent, read_results(file))


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


def _frame(rows: Iterable[Mapping[str, Any]]) -> "pd.DataFrame":
    """Rows with what a cell of a table can hold: no lists, no tables within."""
    import pandas as pd

    kept = [
        {name: value for name, value in row.items() if not isinstance(value, (list, dict))}
        for row in rows
    ]
    return pd.DataFrame(kept)


def _spread(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the summary whose means with intervals have become columns."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict) and "mean" in value:
            rest = {f"{name}_{key}": part for key, part in value.items() if key != "mean"}
            found |= {name: value["mean"], **rest}
        else:
            found[name] = value
    return found


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}_{name}": value for name, value in values.items()}
