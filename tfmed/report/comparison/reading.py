"""Two results files side by side: what changed from A to B, in numbers.

`tfmed compare A B` reads both, pairs what can be paired, and renders `compare.html` and
`compare.pdf` with the templates of the report. Nothing is trained and TensorFlow is not imported.

A difference B - A has an interval only where it can be had honestly: the same file of test images
on both sides and the scores of each image beside both results, so that every test case is compared
with itself. Otherwise both intervals stand side by side.
"""

import re
from pathlib import Path
from typing import Any

from tfmed.design import Cell, Repeat, Variant, method_of
from tfmed.errors import InputError
from tfmed.report.comparison.changes import Compared, Side
from tfmed.report.comparison.pairing import changes_of, matched
from tfmed.report.selection import Entry, Results, cell_order, verdict
from tfmed.results.loading import read_results

TIMES = ("seconds", "started", "command")
LONGEST_NAME = 60


def read_both(path_a: Path, path_b: Path) -> Compared:
    """Reads two reports and compares them.

    Args:
        path_a: a report's folder, or its results.json.
        path_b: the same of the other.

    Raises:
        InputError: a file is missing, unreadable, of another schema version or not what a study
            writes; the two have no task in common; or predictions do not give the numbers of the
            results that they lie beside.
    """
    sides = []
    for letter, path in (("A", path_a), ("B", path_b)):
        file = path / "results.json" if path.is_dir() else path
        sides.append(Side(letter, file, read_results(file)))
    try:
        return compare_sides(*sides)
    except InputError:
        raise
    except Exception as error:  # a file may hold anything anywhere
        raise unlike_a_study(path_a, path_b, error) from error


def unlike_a_study(path_a: Path, path_b: Path, error: Exception) -> InputError:
    return InputError(
        f"{path_a} and {path_b}: not both what a study writes ({type(error).__name__}: "
        f"{str(error)[:100]}); render both with tfmed report to see which, and run it again"
    )


def compare_sides(a: Side, b: Side) -> Compared:
    """What changed from A to B; see `Compared` and `read_both`."""
    tasks_a, tasks_b = (
        list(dict.fromkeys(row["task"] for row in side.results["summary"])) for side in (a, b)
    )
    common = [task for task in tasks_a if task in tasks_b]
    if not common:
        raise InputError(
            f"{a.path} and {b.path}: no data set is classified in both "
            f"(A: {', '.join(tasks_a) or 'none'}; B: {', '.join(tasks_b) or 'none'}); "
            "compare two studies of the same data"
        )
    changes, unpaired = changes_of(a, b, common)
    claims = matched(a.results["claims"], b.results["claims"], lambda x: (x["id"], x["task"]))
    pairs = matched(a.results["comparisons"], b.results["comparisons"], _comparison_key)
    return Compared(
        a=a,
        b=b,
        changes=changes,
        unpaired=unpaired,
        flipped=[(x, y) for x, y in claims if x["verdict"] != y["verdict"]],
        turned=[(x, y) for x, y in pairs if verdict(x) != verdict(y)],
        kept={"claims": len(claims), "comparisons": len(pairs)},
        only=_only(a.results, b.results),
        same=_sameness(a.results, b.results),
        folder=f"compare-{cleaned(a.name)}-vs-{cleaned(b.name)}",
    )


def cleaned(name: str) -> str:
    """A name as a part of a file's name: letters, digits, `.`, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:LONGEST_NAME] or "unnamed"


def _comparison_key(entry: Entry) -> tuple:
    sides = (
        (method_of(entry[side]["strategy"]), Variant.parse(entry[side]["variant"])) for side in "ab"
    )
    return entry["task"], entry["label_budget"], entry["metric"], *sides


def _only(a: Results, b: Results) -> dict[Cell, tuple[list[Repeat], list[Repeat]]]:
    """Cells whose runs are not all in both, with the repeats that only A and only B have."""
    seeds: dict[Cell, tuple[set[Repeat], set[Repeat]]] = {}
    for side, results in enumerate((a, b)):
        for run in results["runs"]:
            seeds.setdefault(Cell.of_entry(run), (set(), set()))[side].add(Repeat.of_entry(run))
    return {
        cell: (sorted(seeds[cell][0] - seeds[cell][1]), sorted(seeds[cell][1] - seeds[cell][0]))
        for cell in sorted(seeds, key=lambda cell: (cell.task, cell_order(cell.entry())))
        if seeds[cell][0] != seeds[cell][1]
    }


def _sameness(a: Results, b: Results) -> str:
    if a == b:
        return "all"
    return "numbers" if _timeless(a) == _timeless(b) else ""


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value
