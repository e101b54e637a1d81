"""Predictions files: written and read.

The files are in MedMNIST's format and naming, so that `medmnist.evaluator` reads them too.
"""

import contextlib
import csv
import io
import itertools
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from tfmed.errors import InputError
from tfmed.evaluation.metrics import accuracy_and_auc
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
    (`medmnist.evaluator.Evaluator.get_standard_evaluation_filename`); rows are `index,score`, with
    a score for each class where the task has more than two; a score reads back as the identical
    float64. An earlier file of the same run is replaced.

    Args:
        folder: created if absent.
        name: the data set's short name.
        labels: of the task, one row a case; of `binary` (n,) of 0 and 1.
        scores: in [0, 1], one row a case; of `binary` (n,).
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
    rows = found[0].reshape(len(truth), -1).tolist()
    path = _write_rows(Path(folder), file_name, [",".join(map(repr, row)) for row in rows])
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

    Of several findings a row holds 0 or 1 for each.

    Raises:
        InputError: labels are not (n,) or (n, findings) of integers, or the folder can't be
            written.
    """
    found = np.asarray(labels)
    if found.ndim not in (1, 2) or not ((found >= 0) & (found == np.floor(found))).all():
        raise InputError(f"{name}: labels of {task} are not (n,) of whole numbers from 0")
    rows = [",".join(map(str, row)) for row in found.reshape(len(found), -1).astype(int).tolist()]
    return _write_rows(Path(folder), f"{name}_test_labels.csv", rows)


def write_patients(folder: Path | str, name: str, patients: np.ndarray | None) -> Path | None:
    """Write whose image each test image is as `{name}_test_patients.csv`, rows `index,patient`.

    Patients are numbers (n,) from 0, which say nothing of who they are. Where they are not known
    (None) nothing is written, and what lies there of another run goes.

    Raises:
        InputError: the folder can't be written.
    """
    file_name = _patients_name(name)
    if patients is None:
        (Path(folder) / file_name).unlink(missing_ok=True)
        return None
    return _write_rows(Path(folder), file_name, [str(x) for x in patients.tolist()])


def _patients_name(name: str) -> str:
    return f"{name}_test_patients.csv"


def write_subgroups(
    folder: Path | str, name: str, columns: Mapping[str, Sequence[str]]
) -> Path | None:
    """Write of which groups each test image is as `{name}_test_subgroups.csv`.

    The first line names the columns, `index,sex,age`; fields are empty where a group is not given.
    Without columns nothing is written, and what lies there of another run goes.

    Raises:
        InputError: the folder can't be written.
    """
    file_name = _subgroups_name(name)
    if not columns:
        (Path(folder) / file_name).unlink(missing_ok=True)
        return None
    rows = [("index", *columns), *zip(itertools.count(), *columns.values(), strict=False)]
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return _write_lines(Path(folder), file_name, lines.getvalue().splitlines())


def _subgroups_name(name: str) -> str:
    return f"{name}_test_subgroups.csv"


def write_thresholds(
    folder: Path | str, name: str, thresholds: Mapping[str, float | list[float] | None]
) -> Path | None:
    """Write the runs' thresholds as `{name}_test_thresholds.csv`, rows `run,threshold`.

    Of several findings a row holds one for each. Nothing is written, and None given, where no run
    has one.

    Raises:
        InputError: the folder can't be written.
    """
    known = {run: value for run, value in thresholds.items() if value is not None}
    if thresholds and not known:
        return None
    rows = [
        ",".join([run, *map(repr, value if isinstance(value, list) else [value])])
        for run, value in known.items()
    ]
    return _write_lines(Path(folder), f"{name}_test_thresholds.csv", rows)


def read_predictions(path: Path | str, *, two_findings: bool = False) -> np.ndarray:
    """Scores of a predictions file, in the order of its indices.

    Float64 in [0, 1], of shape (n,), or (n, k) where a row holds k: two only of two findings, as
    two classes have one score.

    Raises:
        InputError: the file can't be read, or its rows are not `index,score` with the indices
            0 to n - 1, or a score is outside [0, 1].
    """
    scores = _read_rows(Path(path))
    if scores.shape[1:] == (2,) and not two_findings:
        raise InputError(f"{path}: is not rows of 'index,value'; run the study again")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise InputError(f"{path}: holds values outside [0, 1]; run the study again")
    return scores


def read_labels(path: Path | str) -> np.ndarray:
    """Labels int64 of a labels file, in the order of its indices.

    Whole numbers from 0, of shape (n,), or (n, k) where a row holds k.

    Raises:
        InputError: the file can't be read, or its rows are not `index,label` with the indices
            0 to n - 1.
    """
    return _read_numbers(Path(path), "labels")


def read_patients(folder: Path | str, name: str, n: int) -> np.ndarray:
    """Patients (n,) int64 of a data set's test images, from the file beside its predictions.

    Raises:
        InputError: the file is missing or can't be read, or does not name n images' patients by
            whole numbers from 0.
    """
    path = Path(folder) / _patients_name(name)
    patients = _read_numbers(path, "patients")
    if patients.shape != (n,):
        raise InputError(
            f"{path}: has {len(patients)} patients for {n} test images; run the study again"
        )
    return patients


def read_subgroups(folder: Path | str, name: str, n: int) -> dict[str, np.ndarray]:
    """Groups (n,) of a data set's test images by column, from the file beside its predictions.

    Raises:
        InputError: the file is missing or can't be read, or has no row for each of n images.
    """
    path = Path(folder) / _subgroups_name(name)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: is no table of groups; run the study again") from error
    indices = [row[:1] for row in rows]
    if indices != [[str(i)] for i in range(n)] or {*map(len, rows)} != {len(head)}:
        raise InputError(f"{path}: has no row for each of {n} test images; run the study again")
    return {
        column: np.array([row[place] for row in rows])
        for place, column in enumerate(head)
        if place > 0
    }


def _read_numbers(path: Path, what: str) -> np.ndarray:
    """Whole numbers from 0 in the order of their indices, (n,); (n, L) of several columns."""
    found = _read_rows(path)
    if not ((found >= 0) & (found == np.floor(found)) & (found < 2**53)).all():
        raise InputError(f"{path}: holds {what} other than 0, 1, 2 …; run the study again")
    return found.astype(np.int64)


def prediction_files(path: Path) -> list[Path]:
    """The predictions file given, or those in a folder or its `predictions` folder.

    Raises:
        InputError: there is none.
    """
    folder = path / "predictions" if (path / "predictions").is_dir() else path
    files = [path] if path.is_file() else sorted(folder.glob("*.csv"))
    files = [file for file in files if _PREDICTIONS_NAME.fullmatch(file.name)]
    if not files:
        raise InputError(f"{path}: no predictions file of a run is there; run a study first")
    return files


def name_and_run(file: Path) -> tuple[str, str]:
    """The data set's name and the run of a predictions file.

    Raises:
        InputError: the file is not named as `write_predictions` does.
    """
    match = _PREDICTIONS_NAME.fullmatch(file.name)
    if not match:
        raise InputError(f"{file}: its name is not that of a predictions file; don't rename it")
    return match["name"], match["run"]


def read_threshold(file: Path) -> float | list[float] | None:
    """What a predictions file's run chose, None if no file of thresholds lies beside it.

    Raises:
        InputError: that file has none for this run.
    """
    name, run = name_and_run(file)
    path = file.with_name(f"{name}_test_thresholds.csv")
    if not path.is_file():
        return None
    try:
        rows = dict(line.split(",", 1) for line in path.read_text("utf-8").splitlines())
        found = [float(value) for value in rows[run].split(",")]
    except (OSError, ValueError, KeyError):
        found = [math.nan]
    if not all(0 <= threshold <= 1 for threshold in found):
        raise InputError(f"{path}: has no threshold for {run}; run the study again")
    return found if len(found) > 1 else found[0]


def labels_and_scores(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a predictions file; the labels lie beside it.

    Raises:
        InputError: one of the two can't be read, or they do not fit each other.
    """
    name, _ = name_and_run(file)
    labels = read_labels(file.with_name(f"{name}_test_labels.csv"))
    scores = read_predictions(file, two_findings=labels.ndim == 2)
    if len(labels) != len(scores):
        raise InputError(
            f"{file}: has {len(scores)} scores for {len(labels)} labels; run the study again"
        )
    return labels, scores


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
    """Values (n,) of `index,value` rows, or (n, k) of rows with k values, by index."""
    try:
        rows = [line.split(",") for line in path.read_text(encoding="utf-8").splitlines()]
        indices = np.array([int(index) for index, *_ in rows])
        values = np.array([list(map(float, (first, *rest))) for _, first, *rest in rows])
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: is not rows of 'index,value'; run the study again") from error
    if not rows or sorted(indices.tolist()) != list(range(len(rows))):
        raise InputError(f"{path}: its indices are not 0 to n - 1; run the study again")
    ordered = values[np.argsort(indices)]
    return ordered[:, 0] if ordered.shape[1] == 1 else ordered
