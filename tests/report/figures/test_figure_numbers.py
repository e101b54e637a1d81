"""Numbers that go with the figures are those of the results."""

import csv
import json

import pytest
from example_results import HOSTILE, example_results

from tfmed.design import FINETUNE, STANDARD, Cell
from tfmed.report.figures.description import Numbers, csv_text, figure_numbers, write_numbers
from tfmed.report.figures.drawing import described
from tfmed.report.selection import find_row


@pytest.fixture(scope="module")
def results() -> dict:
    return json.loads(json.dumps(example_results()))


def as_dicts(numbers: Numbers) -> list[dict]:
    return [dict(zip(numbers.columns, row, strict=True)) for row in numbers.rows]


def numbers_of(results: dict, *names: str) -> dict[str, Numbers]:
    """The numbers of all figures, or of those named."""
    figures = described(results)
    shown = [figures[name] for name in names] if names else figures.values()
    return figure_numbers(shown, synthetic=results["synthetic"])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_seeds": 1, "evidence": False},
        {"strategies": ("finetune",), "n_seeds": 1, "evidence": False},
    ],
)
def test_every_figure_has_numbers_or_says_why_not_and_words_for_who_cannot_see_it(
    options: dict,
) -> None:
    results = json.loads(json.dumps(example_results(**options)))
    figures = described(results)
    numbers = numbers_of(results)
    for name, figure in figures.items():
        assert figure.id == name
        assert figure.alt.strip(), name
        assert any(span[1].strip() for span in figure.caption), name
        assert (name in numbers) != bool(figure.why_no_numbers), name
    assert [name for name in figures if name not in numbers] == ["examples"]


def test_the_answer_is_given_as_in_the_results(results: dict) -> None:
    rows = as_dicts(numbers_of(results, "answer")["answer"])
    row = find_row(results, Cell("pneumoniamnist", FINETUNE, STANDARD, 300))
    assert row is not None
    (found,) = [r for r in rows if r["labels"] == 300 and r["strategy"] == "fine-tuned"]
    for key in ("mean", "low", "high"):
        assert found[key] == pytest.approx(row["accuracy"][key], rel=1e-5)
    assert found["seeds"] == 3


def test_every_difference_is_there_with_its_verdict(results: dict) -> None:
    rows = as_dicts(numbers_of(results, "differences")["differences"])
    known = {(c["difference"], c["clear"]) for c in results["comparisons"]}
    rounded = {(float(f"{value:.6g}"), clear) for value, clear in known}
    assert {(row["difference"], row["clear"]) for row in rows} <= rounded
    assert {row["metric"] for row in rows} == {"accuracy", "auc"}


def test_a_bare_study_has_only_its_balance(results: dict) -> None:
    bare = example_results(n_seeds=1, latent=False) | {"pretraining": [], "summary": []}
    bare |= {"runs": [], "comparisons": []}
    assert set(numbers_of(bare)) == {"balance"}


def test_mistakes_are_given_by_their_place_in_the_test_split(results: dict) -> None:
    shown = {"n": 3, "shown": [{"index": 41, "score": 0.99, "image": "data:image/png;base64,"}]}
    space = next(s["id"] for s in results["latent"]["spaces"] if s["task"] == "pneumoniamnist")
    found = {
        "space": space,
        "run": "a",
        "false_positives": shown,
        "false_negatives": {"n": 0, "shown": []},
    }
    latent = results["latent"] | {"mistakes": {"pneumoniamnist": found}}
    name = "mistakes-pneumoniamnist"
    (row,) = numbers_of(results | {"latent": latent}, name)[name].rows
    assert row == ["false_positives", "a", 41, 0.99]


def test_hostile_names_survive_csv() -> None:
    results = example_results(hostile=True, n_seeds=1, evidence=False)
    text = csv_text(numbers_of(results, "balance")["balance"])
    rows = list(csv.reader(text.splitlines()))
    assert rows[1][0] == HOSTILE
    assert rows[2][2] == "<script>alert(1)</script>"


def test_numbers_on_synthetic_images_say_so() -> None:
    results = example_results(synthetic=True, n_seeds=1, evidence=False)
    for numbers in numbers_of(results).values():
        assert {row["synthetic_data"] for row in as_dicts(numbers)} == {"yes"}


def test_files_of_earlier_figures_are_removed(tmp_path) -> None:
    (tmp_path / "gone.csv").touch()
    write_numbers({"kept": Numbers(("a", "b"), [[1, None]])}, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]
    assert (tmp_path / "kept.csv").read_text() == "a,b\n1,\n"
