"""Predictions files: written, read, and every metric computed again from them.

The files are in MedMNIST's format and naming, so that `medmnist.evaluator` reads them too.
"""

import argparse
import contextlib
import json
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError
from tfmed.evaluation.intervals import FAMILY
from tfmed.evaluation.metrics import (
    METRICS,
    METRICS_AT_HALF,
    accuracy_and_auc,
    compare,
    corrected,
    evaluate,
    summarise,
)
from tfmed.tasks import task_of

_PARTIAL = ".partial"
_PREDICTIONS_NAME = re.compile(
    r"(?P<name>.+)_test_\[AUC\](nan|[\d.]+)_\[ACC\][\d.]+@(?P<run>[^@]+)\.csv"
)


def write_predictions(
    folder: Path | str,
    name: str,
    labels: ArrayLike,
    scores: ArrayLike,
    run: str | int,
    metrics: Mapping[str, float | None] | None = None,
    task: str = "binary",
) -> Path:
    """Write one run's scores on the test split in MedMNIST's format and standard naming.

    The name is `{name}_test_[AUC]0.934_[ACC]0.848@{run}.csv`, AUC `nan` if there is one class only
    (`medmnist.evaluator.Evaluator.get_standard_evaluation_filename`); rows are `index,score`, and a
    score reads back as the identical float64. An earlier file of the same run is replaced.

    Args:
        folder: created if absent.
        name: the data set's short name.
        labels: (n,) of 0 and 1.
        scores: (n,) in [0, 1].
        run: what tells this run from others of the same data set; no `@`, slash or backslash.
        metrics: `accuracy` and `auc` of these scores, if they are known.
        task: what the labels are for.

    Raises:
        InputError: the arrays or names are not as said above, or the folder can't be written.
    """
    truth, found = task_of(task).check_cases(labels, scores)
    metrics = metrics or accuracy_and_auc(truth, found[0], task)
    auc = math.nan if metrics["auc"] is None else metrics["auc"]
    file_name = f"{name}_test_[AUC]{auc:.3f}_[ACC]{metrics['accuracy']:.3f}@{run}.csv"
    path = _write_rows(Path(folder), file_name, [repr(score) for score in found[0].tolist()])
    with os.scandir(folder) as entries:  # of hundreds of runs, so no Path is made of each
        others = [entry.name for entry in entries if entry.name.endswith(f"@{run}.csv")]
    for other in others:
        match = _PREDICTIONS_NAME.fullmatch(other)
        if match and other != file_name and (match["name"], match["run"]) == (name, str(run)):
            (Path(folder) / other).unlink(missing_ok=True)
    return path


def remove_leftovers(folder: Path) -> None:
    """Removes what a killed process left half-written, where no other process writes now."""
    for path in folder.glob(f".*{_PARTIAL}"):
        path.unlink(missing_ok=True)


def write_labels(folder: Path | str, name: str, labels: ArrayLike, task: str = "binary") -> Path:
    """Write a task's test labels as `{name}_test_labels.csv`, rows `index,label`.

    Raises:
        InputError: labels are not (n,) of 0 and 1, or the folder can't be written.
    """
    truth, _ = task_of(task).check_cases(labels, np.zeros(np.shape(labels)))
    return _write_rows(Path(folder), f"{name}_test_labels.csv", [str(x) for x in truth.tolist()])


def write_thresholds(folder: Path | str, name: str, thresholds: Mapping[str, float]) -> Path:
    """Write the runs' thresholds as `{name}_test_thresholds.csv`, rows `run,threshold`.

    Raises:
        InputError: the folder can't be written.
    """
    rows = [f"{run},{threshold!r}" for run, threshold in thresholds.items()]
    return _write_lines(Path(folder), f"{name}_test_thresholds.csv", rows)


def read_predictions(path: Path | str) -> np.ndarray:
    """Scores (n,) float64 in [0, 1] of a predictions file, in the order of its indices.

    Raises:
        InputError: the file can't be read, or its rows are not `index,score` with the indices
            0 to n - 1.
    """
    return _read_rows(Path(path))


def read_labels(path: Path | str) -> np.ndarray:
    """Labels (n,) int64 of 0 and 1 of a labels file, in the order of its indices.

    Raises:
        InputError: the file can't be read, or its rows are not `index,label` with the indices
            0 to n - 1.
    """
    labels = _read_rows(Path(path))
    if not np.isin(labels, (0, 1)).all():
        raise InputError(f"{path}: holds labels other than 0 and 1; run the study again")
    return labels.astype(np.int64)


def _write_rows(folder: Path, file_name: str, values: Sequence[str]) -> Path:
    return _write_lines(folder, file_name, [f"{i},{value}" for i, value in enumerate(values)])


def _write_lines(folder: Path, file_name: str, lines: Sequence[str]) -> Path:
    """Write lines aside and move them into place."""
    if re.search(r"[/\\]|@.*@", file_name):
        raise InputError(f"{file_name!r} can't be a file's name: leave out '/', '\\' and '@'")
    path, aside = folder / file_name, folder / f".{file_name}.{os.getpid()}{_PARTIAL}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may never have come to be
            aside.unlink()
        raise InputError(
            f"{path}: can't be written ({error.strerror}); make room, or choose another --out"
        ) from error
    return path


def _read_rows(path: Path) -> np.ndarray:
    """Values (n,) in [0, 1] of `index,value` rows, by index."""
    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
        indices = np.array([int(index) for index, _ in rows])
        values = np.array([float(value) for _, value in rows])
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: is not rows of 'index,value'; run the study again") from error
    if not rows or sorted(indices.tolist()) != list(range(len(rows))):
        raise InputError(f"{path}: its indices are not 0 to n - 1; run the study again")
    if not ((values >= 0) & (values <= 1)).all():
        raise InputError(f"{path}: holds values outside [0, 1]; run the study again")
    return values[np.argsort(indices)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compute every metric again from predictions files; `python -m tfmed.evaluation.metrics PATH`.

    Returns:
        Exit code: 0 if all numbers agree or there is nothing to hold them against, 1 if some do
        not, 2 for bad input.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tfmed.evaluation.metrics",
        description="Compute every metric again from predictions files and check results.json.",
    )
    parser.add_argument("path", type=Path, help="a reports/<study> folder, or one predictions csv")
    path = parser.parse_args(arguments).path
    try:
        if (path / "results.json").is_file():
            return _recheck(path / "results.json")
        _print_metrics(_prediction_files(path))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print("no results.json beside them: nothing to hold these numbers against")
    return 0


def _prediction_files(path: Path) -> list[Path]:
    """The predictions file given, or those in a folder or its `predictions` folder."""
    folder = path / "predictions" if (path / "predictions").is_dir() else path
    files = [path] if path.is_file() else sorted(folder.glob("*.csv"))
    files = [file for file in files if _PREDICTIONS_NAME.fullmatch(file.name)]
    if not files:
        raise InputError(f"{path}: no predictions file of a run is there; run a study first")
    return files


def _print_metrics(files: Sequence[Path]) -> None:
    """A table of every metric of each run, from what lies in the predictions folder."""
    heads = [name.replace("_at_threshold", " (t)").replace("_", " ") for name in METRICS]
    print("  ".join([*heads, "run"]))
    for file in files:
        name, run = _name_and_run(file)
        threshold = _threshold(file)
        known = METRICS if threshold is not None else METRICS_AT_HALF
        metrics = evaluate(*_labels_and_scores(file), threshold=threshold or 0.5)["metrics"]
        cells = [_cell(metrics[metric]) if metric in known else "unknown" for metric in METRICS]
        row = [f"{cell:>{len(head)}}" for cell, head in zip(cells, heads, strict=True)]
        print("  ".join([*row, f"{name} {run}"]))
    print("(t): at the threshold chosen on validation labels; the others at .5")


def _cell(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _name_and_run(file: Path) -> tuple[str, str]:
    match = _PREDICTIONS_NAME.fullmatch(file.name)
    if not match:
        raise InputError(f"{file}: its name is not that of a predictions file; don't rename it")
    return match["name"], match["run"]


def _threshold(file: Path) -> float | None:
    """The threshold of a predictions file's run, if the file of them lies beside it."""
    name, run = _name_and_run(file)
    path = file.with_name(f"{name}_test_thresholds.csv")
    if not path.is_file():
        return None
    try:
        rows = dict(line.rsplit(",", 1) for line in path.read_text("utf-8").splitlines())
        threshold = float(rows[run])
    except (OSError, ValueError, KeyError):
        threshold = math.nan
    if not 0 <= threshold <= 1:
        raise InputError(f"{path}: has no threshold for {run}; run the study again")
    return threshold


def _labels_and_scores(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a predictions file; the labels lie beside it."""
    name, _ = _name_and_run(file)
    labels, scores = read_labels(file.with_name(f"{name}_test_labels.csv")), read_predictions(file)
    if len(labels) != len(scores):
        raise InputError(
            f"{file}: has {len(scores)} scores for {len(labels)} labels; run the study again"
        )
    return labels, scores


def _recheck(path: Path) -> int:
    """Compute runs, summary and comparisons of a results.json again; 0 if all numbers agree."""
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        files = [path.parent / run["predictions"] for run in results["runs"]]
        found = _disagreements(results, files)
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a study's results ({error!r}); run it again") from error
    n_numbers, differing = found
    _print_metrics(files)
    for line in differing:
        print(f"differs: {line}")
    verdict = f"{len(differing)} differ" if differing else "all agree"
    print(f"{n_numbers} numbers of {path} computed again from {len(files)} runs: {verdict}")
    return 1 if differing else 0


def _disagreements(results: dict[str, Any], files: Sequence[Path]) -> tuple[int, list[str]]:
    """How many numbers were computed again, and a line for each that differs."""
    runs: dict[tuple, dict[int, tuple]] = {}
    pairs: list[tuple[str, dict, dict]] = []
    for run, file in zip(results["runs"], files, strict=True):
        labels, scores = _labels_and_scores(file)
        pairs.append((run["id"], run, evaluate(labels, scores, run["threshold"])))
        of_seed = runs.setdefault(_strategy_key(run, run), {})
        of_seed[run["seed"]] = (labels, scores, run["threshold"])
    for entry in results["summary"]:
        labels, scores, thresholds = _stacked(runs[_strategy_key(entry, entry)])
        summary = {"n_seeds": len(scores), **summarise(labels, scores, thresholds)}
        pairs.append((f"summary {' '.join(map(str, _strategy_key(entry, entry)))}", entry, summary))
    again = corrected(_compared_again(entry, runs) for entry in results["comparisons"])
    for entry, difference in zip(results["comparisons"], again, strict=True):
        name = f"{entry['a']['strategy']} - {entry['b']['strategy']} {entry['metric']}"
        where = f"comparison {entry['task']} {entry['label_budget']} {name}"
        pairs.append((where, entry, difference))
    n_numbers, differing = 0, []
    for where, stored, found in pairs:
        for name, value in found.items():
            old, new = _leaves(stored[name]), _leaves(value)
            n_numbers += len(new)
            if len(old) != len(new) or not all(map(_agree, old, new)):
                differing.append(f"{where} {name}: {_short(stored[name])}, again {_short(value)}")
    return n_numbers, differing


def _compared_again(entry: dict[str, Any], runs: dict[tuple, dict[int, tuple]]) -> dict[str, Any]:
    """A comparison from the predictions of the seeds that both sides have."""
    a, b = (runs[_strategy_key(entry, entry[side])] for side in "ab")
    labels, scores_a, thresholds_a = _stacked({seed: a[seed] for seed in a if seed in b})
    _, scores_b, thresholds_b = _stacked({seed: b[seed] for seed in b if seed in a})
    metric = entry["metric"]
    found = compare(
        labels, scores_a, scores_b, metric, thresholds_a, thresholds_b, family=entry["family"]
    )
    if found is None:
        raise ValueError(f"{metric} is not defined by the labels of {entry['task']}")
    return {key: entry[key] for key in FAMILY} | found


def _strategy_key(entry: dict[str, Any], side: dict[str, Any]) -> tuple:
    """What tells one strategy's runs from another's; `side` holds its strategy and variant."""
    return entry["task"], entry["label_budget"], side["strategy"], side["variant"]


def _stacked(of_seed: dict[int, tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n,), scores (n_seeds, n) and thresholds (n_seeds,), seeds in ascending order."""
    rows = [of_seed[seed] for seed in sorted(of_seed)]
    return rows[0][0], np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def _leaves(value: Any) -> list[Any]:
    """The numbers, texts and Nones of nested lists and dicts, dicts by sorted key."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in _leaves(value[key])]
    return [leaf for x in value for leaf in _leaves(x)] if isinstance(value, list) else [value]


def _agree(old: Any, new: Any) -> bool:
    """Equal up to what rounding in JSON and another machine's sums may change."""
    numbers = isinstance(old, (int, float)) and isinstance(new, (int, float))
    return math.isclose(old, new, abs_tol=1e-6, rel_tol=0) if numbers else old == new


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 90 else f"{text[:90]}…"
