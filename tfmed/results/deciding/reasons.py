"""Why a choice is no recommendation, and what to keep in mind where it is one.

A recommendation is held back where one of these holds of the choice: its images are synthetic; its
test split leaks from its training images; it has too few test cases; it is not better than the
majority class; its exported model did not pass the gate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tfmed.design import Cell
from tfmed.results.deciding.candidates import REFERENCE, Entry, Results
from tfmed.results.deciding.measures import majority_level, worse_first
from tfmed.tasks.scoring import LOWER_IS_BETTER

FEWEST_CASES = 40
"""Test patients (images, where patients are not known) below which intervals hold too seldom:
benchmarks/README.md, "Patients"."""
FEWEST_OF_A_CLASS = 10
"""Test images of a class below which little is known of it."""
MOST_LEAKED = 0.01
"""Share of test images that training images may give away: they move an accuracy by no more."""
FEWEST_VALIDATION = 20
"""Validation labels of a run below which they tell strategies apart by chance."""
SHIFTED = 0.01
"""P-value below which another class balance is said."""


@dataclass(frozen=True)
class Choice:
    """What was picked with one label budget, and what the study knows of it.

    Attributes:
        cell: what was picked.
        metric: the study's primary metric.
        row: of the summary.
        model: its exported model; None where there is none.
        n_val: validation labels of a run; 0 of a baseline.
    """

    cell: Cell
    metric: str
    row: Entry
    model: Entry | None
    n_val: int


def against(results: Results, choice: Choice) -> list[str]:
    """Why it is no recommendation; empty where it is one."""
    return [
        *_synthetic(results, choice),
        *_leaks(results, choice),
        *_too_few(results, choice),
        *_no_better(results, choice),
        *_gate(choice),
    ]


def caveats(results: Results, choice: Choice) -> list[str]:
    """What to keep in mind of a choice."""
    return [
        *_of_the_choice(results, choice),
        *_of_groups(results, choice),
        *_of_the_data(results, choice),
    ]


def _dataset(results: Results, choice: Choice) -> Entry | None:
    return next((d for d in results["datasets"] if d["name"] == choice.cell.task), None)


def _synthetic(results: Results, choice: Choice) -> Iterator[str]:
    if results["synthetic"]:
        yield "images are synthetic, so that its numbers have no medical meaning"


def _leaked(dataset: Entry, split: str) -> Iterator[tuple[int, str]]:
    """Images of a split that earlier splits give away, and how."""
    for shared in (dataset.get("repeated") or {}).get("across", []):
        if shared["split"] == split and (n := shared["equal"] + shared["near"]):
            yield n, f"are equal or nearly equal to images of {shared['earlier']}"
    for shared in dataset.get("shared_patients", []):
        if shared["split"] == split and shared["images"]:
            yield shared["images"], f"are of patients with images in {shared['earlier']}"


def _leaks(results: Results, choice: Choice) -> Iterator[str]:
    if dataset := _dataset(results, choice):
        n_test = dataset["splits"]["test"]["n"]
        for n, how in _leaked(dataset, "test"):
            if n > MOST_LEAKED * n_test:
                yield f"{n:,} of {n_test:,} test images {how}"


def _too_few(results: Results, choice: Choice) -> Iterator[str]:
    if dataset := _dataset(results, choice):
        test = dataset["splits"]["test"]
        patients = test.get("patients")
        n, of = (test["n"], "images") if patients is None else (patients, "patients")
        if n < FEWEST_CASES:
            yield f"it was measured on {n:,} test {of}, fewer than {FEWEST_CASES}"


def _no_better(results: Results, choice: Choice) -> Iterator[str]:
    found, level = choice.row[choice.metric], reference_level(results, choice)
    name = _metric_words(choice)
    if found is None or found["low"] is None or found["high"] is None:
        yield f"its {name} on the test split has no interval"
    elif level is not None:
        worse = choice.metric in LOWER_IS_BETTER
        if found["high"] >= level if worse else found["low"] <= level:
            yield (
                f"its {name} of {_interval(found)} is not clearly better than the {level:.3f} of "
                "the majority class"
            )


def _metric_words(choice: Choice) -> str:
    return "AUC" if choice.metric == "auc" else choice.metric.replace("_", " ")


def reference_level(results: Results, choice: Choice) -> float | None:
    """What the majority class comes to in the primary metric: as measured, else by counts."""
    cell = choice.cell
    for row in results["summary"]:
        place = row["task"], row["strategy"], row["label_budget"]
        if place == (cell.task, REFERENCE, cell.label_budget) and row[choice.metric]:
            return float(row[choice.metric]["mean"])
    return majority_level(_dataset(results, choice), choice.metric)


def _gate(choice: Choice) -> Iterator[str]:
    if choice.model is not None and choice.model["stage"] != "stable":
        why = "; ".join(choice.model["reasons"])
        yield f"its exported model did not pass the gate ({why or choice.model['stage']})"


def _of_the_choice(results: Results, choice: Choice) -> Iterator[str]:
    if len(results["study"]["seeds"]) == 1:
        yield "With one seed nothing is known of how much the choice owes to chance."
    if 0 < choice.n_val < FEWEST_VALIDATION:
        yield (
            f"It was chosen by {choice.n_val} validation labels a seed, fewer than "
            f"{FEWEST_VALIDATION}: more by chance than by skill where values lie close together."
        )
    if choice.n_val == 0:
        yield (
            "A baseline's validation value comes from cross-validation inside its label budget, "
            "and none of its models is exported."
        )
    elif choice.model is None:
        yield "No model of it was exported, so no gate has looked at one."


def _of_groups(results: Results, choice: Choice) -> Iterator[str]:
    """Groups of test images for whom it is clearly worse than for others of their column."""
    cell = choice.cell.entry()
    worse: dict[tuple[str, str], list[str]] = {}
    for gap in (results.get("subgroups") or {}).get("gaps", []):
        if gap["clear"] and all(gap[key] == value for key, value in cell.items()):
            turned = worse_first(gap)
            worse.setdefault((gap["column"], turned["a"]), []).append(turned["b"])
    name = _metric_words(choice)
    for (column, group), others in worse.items():
        yield f"Its {name} is clearly worse for {column} {group} than for {', '.join(others)}."


def _of_the_data(results: Results, choice: Choice) -> Iterator[str]:
    if (dataset := _dataset(results, choice)) is None:
        return
    test = dataset["splits"]["test"]
    for n, how in _leaked(dataset, "test"):
        if n <= MOST_LEAKED * test["n"]:
            yield f"{n:,} of {test['n']:,} test images {how}."
    for n, how in _leaked(dataset, "val"):
        yield f"{n:,} of {dataset['splits']['val']['n']:,} validation images {how}."
    yield from (f"{warning.rstrip('.')}." for warning in dataset.get("warnings", []))
    if test.get("patients") is None:
        yield (
            "Patients are not known: where splits share some, results look better than they are."
        )
    few = [
        (count, name)
        for count, name in zip(test["counts"], dataset["class_names"], strict=False)
        if count < FEWEST_OF_A_CLASS
    ]
    for count, name in few:
        yield f"The test split has {count:,} images of {name}: little is known of these."
    for shift in dataset.get("shifts", []):
        if shift["split"] == "test" and shift["p"] is not None and shift["p"] < SHIFTED:
            yield (
                "The class balance of the test split is "
                f"{100 * shift['distance']:.0f} points from that of train; another balance gives "
                "another accuracy and other predictive values."
            )


def _interval(found: dict[str, Any]) -> str:
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
