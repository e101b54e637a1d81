"""Numbers that go with the figures are those of the results."""

import csv
import json

import pytest
from example_results import HOSTILE, example_results

from tfmed.report.figure_data import Numbers, csv_text, figure_numbers, write_numbers
from tfmed.report.figures import planned_figures
from tfmed.report.wording import find_row

PICTURES = ("examples",)


@pytest.fixture(scope="module")
def results() -> dict:
    return json.loads(json.dumps(example_results()))


def as_dicts(numbers: Numbers) -> list[dict]:
    return [dict(zip(numbers.columns, row, strict=True)) for row in numbers.rows]


def test_every_figure_but_pictures_of_images_has_its_numbers(results: dict) -> None:
    drawn = planned_figures(results)
    assert set(figure_numbers(results, drawn)) == set(drawn) - set(PICTURES)


def test_figures_that_are_not_drawn_have_none(results: dict) -> None:
    assert set(figure_numbers(results, {"answer"})) == {"answer"}


def test_the_answer_is_given_as_in_the_results(results: dict) -> None:
    rows = as_dicts(figure_numbers(results, {"answer"})["answer"])
    row = find_row(results, "pneumoniamnist", 300, "finetune")
    assert row is not None
    (found,) = [r for r in rows if r["labels"] == 300 and r["strategy"] == "fine-tuned"]
    for key in ("mean", "low", "high"):
        assert found[key] == pytest.approx(row["accuracy"][key], rel=1e-5)
    assert found["seeds"] == 3


def test_every_difference_is_there_with_its_verdict(results: dict) -> None:
    rows = as_dicts(figure_numbers(results, {"differences"})["differences"])
    known = {(c["difference"], c["clear"]) for c in results["comparisons"]}
    rounded = {(float(f"{value:.6g}"), clear) for value, clear in known}
    assert {(row["difference"], row["clear"]) for row in rows} <= rounded
    assert {row["metric"] for row in rows} == {"accuracy", "auc"}


@pytest.mark.parametrize("options", [{"n_seeds": 1}, {"strategies": ("finetune",), "n_seeds": 1}])
def test_small_studies_have_numbers_too(options: dict) -> None:
    results = json.loads(json.dumps(example_results(**options, evidence=False)))
    drawn = planned_figures(results)
    assert set(figure_numbers(results, drawn)) == set(drawn) - set(PICTURES)


def test_a_bare_study_has_only_its_balance(results: dict) -> None:
    bare = example_results(n_seeds=1, latent=False) | {"pretraining": [], "summary": []}
    drawn = {"balance", "answer", "pretraining", "errors", "differences"}
    bare |= {"runs": [], "comparisons": []}
    assert set(figure_numbers(bare, drawn)) == {"balance"}


def test_mistakes_are_given_by_their_place_in_the_test_split(results: dict) -> None:
    shown = {"n": 3, "shown": [{"index": 41, "score": 0.99, "image": "data:image/png;base64,"}]}
    found = {"run": "a", "false_positives": shown, "false_negatives": {"n": 0, "shown": []}}
    latent = results["latent"] | {"mistakes": {"pneumoniamnist": found}}
    name = "mistakes-pneumoniamnist"
    (row,) = figure_numbers(results | {"latent": latent}, {name})[name].rows
    assert row == ["false_positives", "a", 41, 0.99]


def test_hostile_names_survive_csv() -> None:
    results = example_results(hostile=True, n_seeds=1, evidence=False)
    text = csv_text(figure_numbers(results, {"balance"})["balance"])
    rows = list(csv.reader(text.splitlines()))
    assert rows[1][0] == HOSTILE
    assert rows[2][2] == "<script>alert(1)</script>"


def test_numbers_on_synthetic_images_say_so() -> None:
    results = example_results(synthetic=True, n_seeds=1, evidence=False)
    for numbers in figure_numbers(results, planned_figures(results)).values():
        assert {row["synthetic_data"] for row in as_dicts(numbers)} == {"yes"}


def test_files_of_earlier_figures_are_removed(tmp_path) -> None:
    (tmp_path / "gone.csv").touch()
    write_numbers({"kept": Numbers(("a", "b"), [[1, None]])}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]
    assert (tmp_path / "kept.csv").read_text() == "a,b\n1,\n"
