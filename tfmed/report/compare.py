"""Two results files side by side: what changed from A to B, in numbers.

`run_all.py --compare A B` reads both, pairs what can be paired, and renders `compare.html` and
`compare.pdf` with the templates of the report. Nothing is trained and TensorFlow is not imported.

A difference B - A has an interval only where it can be had honestly: the same file of test images
on both sides and the scores of each image beside both results, so that every test case is compared
with itself. Otherwise both intervals stand side by side.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import InputError
from tfmed.evaluation.case_values import METRICS, case_values, seed_thresholds
from tfmed.evaluation.intervals import corrected, difference_of
from tfmed.report.wording import cell_order, dataset_of, interval, verdict
from tfmed.results.loading import read_results
from tfmed.results.predictions import read_labels, read_predictions

AGREE = 1e-6
CELL = ("task", "strategy", "variant", "label_budget")
TIMES = ("seconds", "started", "command")
LONGEST_NAME = 60

Cell = tuple[str, str, str, int | str]


@dataclass(frozen=True)
class Side:
    """One of the two results files: `A` or `B`, its file, and what it holds."""

    letter: str
    path: Path
    results: dict[str, Any]

    @property
    def name(self) -> str:
        """Its study's name."""
        return str(self.results["study"]["name"])


@dataclass(frozen=True)
class Change:
    """One metric of one cell that both files hold.

    Attributes:
        cell: task, strategy, variant and label budget.
        metric: its key in `summary`.
        a: mean over seeds with its interval in A; None where the labels do not define the metric.
        b: the same in B.
        paired: `tfmed.evaluation.intervals.compare`'s dict of B - A over the seeds in common,
        corrected for
            the number of comparisons of the metric; None where the two can't be paired.
    """

    cell: Cell
    metric: str
    a: dict[str, Any] | None
    b: dict[str, Any] | None
    paired: dict[str, Any] | None = None

    @property
    def difference(self) -> float | None:
        """B - A: of the seeds in common where it is paired, else of the means."""
        if self.paired is not None:
            return float(self.paired["difference"])
        return float(self.b["mean"] - self.a["mean"]) if self.a and self.b else None

    @property
    def changed(self) -> bool:
        """Whether anything of it changed that three decimals show."""
        return interval(self.a) != interval(self.b)

    @property
    def apart(self) -> bool:
        """Whether the two intervals have no value in common."""
        if not (self.a and self.b) or None in (self.a["low"], self.b["low"]):
            return False
        return bool(self.a["high"] < self.b["low"] or self.b["high"] < self.a["low"])

    @property
    def clear(self) -> bool:
        """Whether the change is clear after correction; never where it can't be paired."""
        return self.paired is not None and bool(self.paired["clear"])


@dataclass(frozen=True)
class Compared:
    """Two results files and what changed from A to B.

    Attributes:
        a: the first.
        b: the second.
        changes: every metric of every cell that both hold, the largest change first.
        unpaired: per task of both, why its test cases can't be compared with themselves; tasks
            without an entry are paired.
        flipped: claims of both, by id, whose verdicts differ, A's and B's entry.
        turned: paired comparisons of both that became clear, stopped being so or turned round.
        kept: how many claims and comparisons both hold.
        only: cells that one file has more seeds of than the other, with A's and B's own seeds.
        same: `all` where both files hold the same, `numbers` where only times and commands differ.
        folder: name of the folder of the comparison, such as `compare-old-vs-new`.
    """

    a: Side
    b: Side
    changes: list[Change]
    unpaired: dict[str, str]
    flipped: list[tuple[dict, dict]]
    turned: list[tuple[dict, dict]]
    kept: dict[str, int]
    only: dict[Cell, tuple[list[int], list[int]]]
    same: str
    folder: str

    @property
    def synthetic(self) -> bool:
        """Whether either holds synthetic data."""
        return bool(self.a.results["synthetic"] or self.b.results["synthetic"])


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
        raise _unlike_a_study(path_a, path_b, error) from error


def _unlike_a_study(path_a: Path, path_b: Path, error: Exception) -> InputError:
    return InputError(
        f"{path_a} and {path_b}: not both what a study writes ({type(error).__name__}: "
        f"{str(error)[:100]}); render both with --report-only to see which, and run it again"
    )


def compare_sides(a: Side, b: Side) -> Compared:
    """What changed from A to B; see `Compared` and `read_both`."""
    tasks_a, tasks_b = (_tasks(side.results) for side in (a, b))
    common = [task for task in tasks_a if task in tasks_b]
    if not common:
        raise InputError(
            f"{a.path} and {b.path}: no data set is classified in both "
            f"(A: {', '.join(tasks_a) or 'none'}; B: {', '.join(tasks_b) or 'none'}); "
            "compare two studies of the same data"
        )
    changes, unpaired = _changes(a, b, common)
    claims = _matched(a.results["claims"], b.results["claims"], lambda x: (x["id"], x["task"]))
    pairs = _matched(a.results["comparisons"], b.results["comparisons"], _comparison_key)
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


def render(
    found: Compared, out: Path, *, progress: Callable[[str], None] | None = None
) -> tuple[Path, Path]:
    """Writes `compare.html`, `compare.pdf` and `figures/compare-*.svg`.

    Args:
        found: from `read_both`.
        out: the folder to write to, which is there.
        progress: told what is done next, in a few words.

    Returns:
        Paths of the HTML and of the PDF.

    Raises:
        InputError: the folder can't be written to, or something in a file can't be rendered.
    """
    from tfmed import report
    from tfmed.report import content_compare, figures_compare
    from tfmed.report.plotting import write_aside

    say = progress or (lambda _: None)
    html, pdf = out / "compare.html", out / "compare.pdf"
    try:
        say("drawing what changed")
        drawn = figures_compare.draw_all(found, out / "figures")
        content = content_compare.document(found, drawn)
        say("writing compare.html")
        write_aside(html, report.render_html(content, drawn))
        say("writing compare.pdf")
        write_aside(pdf, report.render_pdf(content, drawn))
    except OSError as error:
        where = error.filename or out
        raise InputError(
            f"{where}: can't be written ({error.strerror}); choose another --out"
        ) from error
    except Exception as error:  # jinja2, matplotlib and typst have each their own
        raise _unlike_a_study(found.a.path, found.b.path, error) from error
    return html, pdf


def summary(found: Compared) -> str:
    """What changed, in one paragraph for a terminal."""
    from tfmed.report.answer_compare import sentences
    from tfmed.report.wording import SYNTHETIC_MARK

    mark = [f"{SYNTHETIC_MARK}."] if found.synthetic else []
    return " ".join([*mark, *sentences(found)])


def cleaned(name: str) -> str:
    """A name as a part of a file's name: letters, digits, `.`, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:LONGEST_NAME] or "unnamed"


def _tasks(results: dict) -> list[str]:
    return list(dict.fromkeys(row["task"] for row in results["summary"]))


def _cell(entry: dict) -> Cell:
    task, strategy, variant, budget = (entry[key] for key in CELL)
    return task, strategy, variant, budget


def _in_report(cell: Cell) -> tuple:
    return cell[0], cell_order(dict(zip(CELL, cell, strict=True)))


def _comparison_key(entry: dict) -> tuple:
    sides = ((entry[side]["strategy"], entry[side]["variant"]) for side in "ab")
    return entry["task"], entry["label_budget"], entry["metric"], *sides


def _matched(
    of_a: Sequence[dict], of_b: Sequence[dict], key: Callable[[dict], tuple]
) -> list[tuple[dict, dict]]:
    """Entries of both lists with the same key, in A's order."""
    there = {key(entry): entry for entry in of_b}
    return [(entry, there[key(entry)]) for entry in of_a if key(entry) in there]


def _only(a: dict, b: dict) -> dict[Cell, tuple[list[int], list[int]]]:
    """Cells whose runs are not all in both, with the seeds that only A and only B have."""
    seeds: dict[Cell, tuple[set[int], set[int]]] = {}
    for side, results in enumerate((a, b)):
        for run in results["runs"]:
            seeds.setdefault(_cell(run), (set(), set()))[side].add(run["seed"])
    order = sorted(
        seeds, key=lambda cell: (cell[0], cell_order(dict(zip(CELL, cell, strict=True))))
    )
    return {
        cell: (sorted(seeds[cell][0] - seeds[cell][1]), sorted(seeds[cell][1] - seeds[cell][0]))
        for cell in order
        if seeds[cell][0] != seeds[cell][1]
    }


def _sameness(a: dict, b: dict) -> str:
    if a == b:
        return "all"
    return "numbers" if _timeless(a) == _timeless(b) else ""


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _changes(a: Side, b: Side, tasks: Sequence[str]) -> tuple[list[Change], dict[str, str]]:
    """Changes of the cells of these tasks, and why a task's cases are not paired."""
    unpaired: dict[str, str] = {}
    labels: dict[str, np.ndarray] = {}
    for task in tasks:
        found = _common_labels(a, b, task)
        if isinstance(found, str):
            unpaired[task] = found
        else:
            labels[task] = found
    changes: list[Change] = []
    rows = _matched(a.results["summary"], b.results["summary"], _cell)
    for row_a, row_b in rows:
        cell = _cell(row_a)
        paired: dict[str, dict | None] = {}
        if cell[0] in labels:
            scores = [_scores(side, cell, labels[cell[0]]) for side in (a, b)]
            if None in scores:
                unpaired[cell[0]] = "the scores of some runs do not lie beside the results"
            else:
                paired = _paired(labels[cell[0]], *scores)  # type: ignore[arg-type]
        changes += [Change(cell, m, row_a[m], row_b[m], paired.get(m)) for m in METRICS]
    return sorted(_with_correction(changes), key=_by_size), unpaired


def _by_size(change: Change) -> tuple:
    size = 0.0 if change.difference is None else abs(change.difference)
    # Not by the last digits, which say nothing: equal changes keep the order of the report.
    return not change.changed, -round(size, 6)


def _with_correction(changes: Sequence[Change]) -> list[Change]:
    """The changes with what their number costs; see `tfmed.evaluation.intervals.corrected`."""
    entries = [{"metric": c.metric, **c.paired} for c in changes if c.paired is not None]
    again = iter(corrected(entries))
    return [c if c.paired is None else replace(c, paired=next(again)) for c in changes]


def _common_labels(a: Side, b: Side, task: str) -> np.ndarray | str:
    """Labels (n,) of the test cases that both sides share, or why there are none."""
    files = [dataset_of(side.results, task) for side in (a, b)]
    if None in files or files[0]["md5"] != files[1]["md5"]:  # type: ignore[index]
        return "the two files of images are not the same"
    labels = []
    for side in (a, b):
        path = side.path.parent / "predictions" / f"{task}_test_labels.csv"
        if not path.is_file():
            return f"no predictions lie beside {side.letter}"
        labels.append(read_labels(path))
    if not np.array_equal(labels[0], labels[1]):
        return "the labels of the test images are not the same"
    return labels[0]


def _scores(side: Side, cell: Cell, labels: np.ndarray) -> dict[int, tuple] | None:
    """Seed to scores (n,), threshold and metrics of a cell's runs; None where a file is missing."""
    found = {}
    for run in side.results["runs"]:
        if _cell(run) != cell:
            continue
        path = side.path.parent / run["predictions"]
        if not path.is_file():
            return None
        scores = read_predictions(path)
        if scores.shape != labels.shape:
            raise InputError(
                f"{path}: {len(scores)} scores for {len(labels)} test images; run the study again"
            )
        found[run["seed"]] = (scores, run["threshold"], run["metrics"], path)
    return found


def _paired(
    labels: np.ndarray, of_a: dict[int, tuple], of_b: dict[int, tuple]
) -> dict[str, dict | None]:
    """Metric to the difference B - A, paired by seed and test case, of the seeds in common.

    Raises:
        InputError: the scores do not give the metrics that the results hold.
    """
    seeds = sorted(of_a.keys() & of_b.keys())
    if not seeds:
        return {}
    found: dict[str, dict | None] = {}
    for metric in METRICS:
        if any(runs[seed][2][metric] is None for runs in (of_a, of_b) for seed in seeds):
            continue
        values = []
        for runs in (of_b, of_a):
            scores = np.array([runs[seed][0] for seed in seeds])
            chosen = np.array([runs[seed][1] for seed in seeds])
            thresholds = seed_thresholds(chosen, metric, scores)
            of_cases = case_values(metric, labels, scores, thresholds)
            for seed, value in zip(seeds, of_cases.estimates, strict=True):
                if not abs(value - runs[seed][2][metric]) <= AGREE:
                    raise InputError(
                        f"{runs[seed][3]}: does not give the {metric} that results.json holds; "
                        "copy both from the same run, or compare without the predictions folder"
                    )
            values.append(of_cases)
        found[metric] = difference_of(values[0].minus(values[1]))
    return found
