"""Every number of `results.json` that follows from the predictions, computed again from them."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.design import Cell, Repeat
from tfmed.errors import InputError
from tfmed.evaluation.intervals import FAMILY
from tfmed.evaluation.metrics import (
    compare,
    corrected,
    evaluate,
    summarise,
)
from tfmed.evaluation.repeats import crossed, paired
from tfmed.evaluation.subgroups.measuring import Cases, CellRuns
from tfmed.evaluation.subgroups.naming import grouped
from tfmed.results.predictions import (
    labels_and_scores,
    name_and_run,
    prediction_files,
    read_patients,
    read_subgroups,
    read_threshold,
)
from tfmed.results.subgroups import subgroups_part
from tfmed.tasks.scoring import CHOSEN


def recheck(path: Path) -> int:
    """Prints every metric of each run, and what in `results.json` differs from it.

    Args:
        path: a reports/<study> folder, a folder of predictions files, or one such file.

    Returns:
        0 if all numbers agree or there is nothing to hold them against, 1 if some do not.

    Raises:
        InputError: there are no predictions, or a file is not what it should be.
    """
    if (path / "results.json").is_file():
        return _recheck(path / "results.json")
    _print_metrics(prediction_files(path))
    print("no results.json beside them: nothing to hold these numbers against")
    return 0


def _print_metrics(files: Sequence[Path], tasks: Mapping[str, str] | None = None) -> None:
    """A table of every metric of each run, from what lies in the predictions folder.

    Args:
        files: predictions files.
        tasks: data set to what its labels are for; without, the number of scores tells.
    """
    shown: list[str] = []
    for file in files:
        name, run = name_and_run(file)
        threshold, (labels, scores) = read_threshold(file), labels_and_scores(file)
        task = (tasks or {}).get(name) or _task_by_shape(labels, scores)
        metrics = evaluate(labels, scores, 0.5 if threshold is None else threshold, task)["metrics"]
        heads = [each.replace(CHOSEN, " (t)").replace("_", " ") for each in metrics]
        if heads != shown:
            print("  ".join([*heads, "run"]))
            shown = heads
        cells = [
            "unknown" if each.endswith(CHOSEN) and threshold is None else _cell(value)
            for each, value in metrics.items()
        ]
        row = [f"{cell:>{len(head)}}" for cell, head in zip(cells, heads, strict=True)]
        print("  ".join([*row, f"{name} {run}"]))
    print("(t): at the threshold chosen on validation labels; the others at .5")


def _task_by_shape(labels: np.ndarray, scores: np.ndarray) -> str:
    if labels.ndim == 2:
        return "multilabel"
    return "binary" if scores.ndim == 1 else "multiclass"


def _cell(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"


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
    _print_metrics(files, _tasks(results))
    for line in differing:
        print(f"differs: {line}")
    verdict = f"{len(differing)} differ" if differing else "all agree"
    print(f"{n_numbers} numbers of {path} computed again from {len(files)} runs: {verdict}")
    return 1 if differing else 0


def _tasks(results: dict[str, Any]) -> dict[str, str]:
    """Data set to what its labels are for; results from before there were several do not say."""
    return {data["name"]: data.get("task", "binary") for data in results.get("datasets", [])}


def _disagreements(results: dict[str, Any], files: Sequence[Path]) -> tuple[int, list[str]]:
    """How many numbers were computed again, and a line for each that differs."""
    runs: dict[tuple, dict[Repeat, tuple]] = {}
    pairs: list[tuple[str, dict, dict]] = []
    tasks = defaultdict(lambda: "binary", _tasks(results))
    patients = _patients(results, files)
    for run, file in zip(results["runs"], files, strict=True):
        labels, scores = labels_and_scores(file)
        again_run = evaluate(labels, scores, run["threshold"], tasks[run["task"]])
        pairs.append((run["id"], run, again_run))
        of_cell = runs.setdefault(_strategy_key(run, run), {})
        of_cell[Repeat.of_entry(run)] = (labels, scores, run["threshold"])
    for entry in results["summary"]:
        of_cell, task = runs[_strategy_key(entry, entry)], entry["task"]
        repeats, pretrainings = crossed(of_cell)
        labels, scores, thresholds = _stacked([of_cell[each] for each in repeats])
        whose = patients.get(task)
        summary = {
            "n_seeds": len(scores) // pretrainings,
            "n_pretrainings": pretrainings,
            **summarise(labels, scores, thresholds, tasks[task], whose, pretrainings),
        }
        name = f"summary {' '.join(map(str, _strategy_key(entry, entry)))}"
        pairs.append((name, {"n_pretrainings": 1, **entry}, summary))  # earlier results have none
    again = corrected(
        _compared_again(entry, runs, tasks[entry["task"]], patients.get(entry["task"]))
        for entry in results["comparisons"]
    )
    for entry, difference in zip(results["comparisons"], again, strict=True):
        name = f"{entry['a']['strategy']} - {entry['b']['strategy']} {entry['metric']}"
        where = f"comparison {entry['task']} {entry['label_budget']} {name}"
        pairs.append((where, entry, difference))
    pairs += _subgroups_again(results, runs, files, tasks, patients)
    n_numbers, differing = 0, []
    for where, stored, found in pairs:
        for name, value in found.items():
            old, new = _leaves(stored[name]), _leaves(value)
            n_numbers += len(new)
            if len(old) != len(new) or not all(map(_agree, old, new)):
                differing.append(f"{where} {name}: {_short(stored[name])}, again {_short(value)}")
    return n_numbers, differing


def _patients(results: dict[str, Any], files: Sequence[Path]) -> dict[str, np.ndarray]:
    """Data set to whose test images they are, where the results count patients."""
    folders = {run["task"]: file.parent for run, file in zip(results["runs"], files, strict=True)}
    tests = {data["name"]: data["splits"]["test"] for data in results.get("datasets", [])}
    return {
        name: read_patients(folder, name, tests[name]["n"])
        for name, folder in folders.items()
        if name in tests and tests[name].get("patients") is not None
    }


def _subgroups_again(
    results: dict[str, Any],
    runs: dict[tuple, dict[Repeat, tuple]],
    files: Sequence[Path],
    tasks: Mapping[str, str],
    patients: Mapping[str, np.ndarray],
) -> list[tuple[str, dict, dict]]:
    """The part `subgroups` as it is, and again from the groups beside the predictions."""
    stored = results.get("subgroups")
    if not stored or not stored["columns"]:
        return []
    task = stored["task"]
    of_task = zip(results["runs"], files, strict=True)
    folder = next(file.parent for run, file in of_task if run["task"] == task)

    def runs_of(cell: Cell) -> CellRuns:
        of_cell = runs[_strategy_key(cell.entry(), cell.entry())]
        repeats, pretrainings = crossed(of_cell)
        return CellRuns(_stacked([of_cell[each] for each in repeats])[1], pretrainings)

    labels = next(of_cell for key, of_cell in runs.items() if key[0] == task)
    cases = Cases(tasks[task], next(iter(labels.values()))[0], patients.get(task))
    columns = read_subgroups(folder, task, len(cases.labels))
    found = subgroups_part(
        results, cases, [grouped(name, each) for name, each in columns.items()], runs_of
    )
    again = found or {}
    kept = ("columns", "measured", "gaps")
    return [("subgroups", stored, {name: again.get(name, []) for name in kept})]


def _compared_again(
    entry: dict[str, Any],
    runs: dict[tuple, dict[Repeat, tuple]],
    task: str,
    patients: np.ndarray | None,
) -> dict[str, Any]:
    """A comparison from the predictions of the runs that both sides have."""
    a, b = (runs[_strategy_key(entry, entry[side])] for side in "ab")
    pairs, pretrainings = paired(a, b)
    labels, scores_a, thresholds_a = _stacked([a[each] for each, _ in pairs])
    _, scores_b, thresholds_b = _stacked([b[each] for _, each in pairs])
    metric = entry["metric"]
    found = compare(
        labels,
        scores_a,
        scores_b,
        metric,
        thresholds_a,
        thresholds_b,
        family=entry["family"],
        task=task,
        patients=patients,
        pretrainings=pretrainings,
    )
    if found is None:
        raise ValueError(f"{metric} is not defined by the labels of {entry['task']}")
    known = {key: value for key, value in found.items() if key in entry}
    return {key: entry[key] for key in FAMILY} | known


def _strategy_key(entry: dict[str, Any], side: dict[str, Any]) -> tuple:
    """What tells one strategy's runs from another's; `side` holds its strategy and variant."""
    return entry["task"], entry["label_budget"], side["strategy"], side["variant"]


def _stacked(rows: Sequence[tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels (n,), scores (runs, n) and thresholds (runs,)."""
    return rows[0][0], np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def _leaves(value: Any) -> list[Any]:
    """The numbers, texts and Nones of nested lists and dicts, dicts by sorted key."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in _leaves(value[key])]
    return [leaf for x in value for leaf in _leaves(x)] if isinstance(value, list) else [value]


def _agree(old: Any, new: Any) -> bool:
    """Equal up to what rounding in JSON and another machine's sums may change."""
    numbers = isinstance(old, (int, float)) and isinstance(new, (int, float))
    # Files keep seven significant digits: of a mean count such as 367 2/3 that is more than 1e-6.
    return math.isclose(old, new, abs_tol=1e-6, rel_tol=1e-6) if numbers else old == new


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 90 else f"{text[:90]}…"
