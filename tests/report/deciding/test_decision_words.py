"""The report says what to use, how sure that is and when not to use it, as results.json has it."""

import copy

import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed import report
from tfmed.report.answering.opening import answer_blocks
from tfmed.report.deciding.decision import decision_blocks, decision_text
from tfmed.report.wording import interval


@pytest.fixture
def results() -> dict:
    return several_methods(example_results(latent=False))


def choice_of(results: dict) -> dict:
    (choice,) = [c for c in results["decision"]["budgets"] if c["label_budget"] == 300]
    return choice


def words(results: dict) -> str:
    found = decision_text(results)
    assert found is not None
    return "".join(span[1] for span in found)


def test_the_report_opens_with_what_to_use_with_few_labels(results: dict) -> None:
    choice = choice_of(results)
    choice |= {"strategy": "simclr:frozen", "seconds": {"pretraining": 60.0, "fit": 8.4}}
    choice["candidates"] = [
        {"strategy": "scratch", "mean": 0.8, "standard_error": 0.01, "tied": False},
        {"strategy": "simclr:frozen", "mean": 0.9, "standard_error": 0.02, "tied": True},
    ]
    choice["above_on_test"] = [{"strategy": "scratch", "mean": 0.95, "clear": False}]
    assert words(results) == (
        f"With 300 labels, use “SimCLR, frozen”: AUC {interval(choice['expected']['auc'])} on new "
        "images. How sure: best of 2 (validation 0.900 ± 0.020); “from scratch” is higher on the "
        "test split (0.950)."
    )
    statement = answer_blocks(results)[0]
    assert statement["items"][0] == decision_text(results)
    assert len(statement["items"]) == 1 + len(report.answer(results))
    assert report.decision_lines(results)[0] == words(results)


def test_how_sure_counts_what_comes_within_a_standard_error(results: dict) -> None:
    choice = choice_of(results)
    for candidate in choice["candidates"]:
        candidate["tied"] = True
    choice["above_on_test"] = [
        {"strategy": "finetune", "mean": 0.95, "clear": True},
        {"strategy": "scratch", "mean": 0.94, "clear": False},
    ]
    n = len(choice["candidates"])
    said = words(results)
    assert f"cheapest of {n} within a standard error of the best of {n} (validation " in said
    assert said.endswith("“autoencoder, fine-tuned” is clearly better on the test split.")
    choice["above_on_test"][0]["clear"] = False
    said = words(results)
    assert said.endswith("2 are higher on the test split, “autoencoder, fine-tuned” most (0.950).")
    choice["above_on_test"] = []
    assert words(results).endswith("none is higher on the test split.")


def test_without_a_recommendation_the_report_opens_with_the_reason(results: dict) -> None:
    choice = choice_of(results)
    choice |= {"recommended": False, "against": ["its AUC is that of a coin", "and more"]}
    assert words(results).startswith(
        "With 300 labels, no recommendation: its AUC is that of a coin. By the rule: “"
    )
    (line,) = report.decision_lines(results)
    assert "tfmed models predict" not in line
    (table,) = [block for block in decision_blocks(results) if block["kind"] == "table"]
    rows = [row for row in table["rows"] if row[0] == "300 labels"]
    assert rows[0][1].startswith("no recommendation\nby the rule: ")
    said = decision_blocks(results)[-1]["items"]
    lines = ["".join(span[1] for span in item) for item in said]
    assert "With 300 labels: No recommendation: and more." in lines


def test_how_a_model_is_asked_is_said_of_recommendations(results: dict) -> None:
    choice = choice_of(results)
    choice["model"] = {"name": "m_300", "path": "m_300/1", "stage": "stable"}
    choice["command"] = "tfmed models predict --model m_300 IMAGE.png"
    assert report.decision_lines(results)[1] == f"ask it: {choice['command']}"
    spans = [
        span[1]
        for block in decision_blocks(results)
        if block["kind"] == "list"
        for item in block["items"]
        for span in item
    ]
    assert choice["command"] in spans
    assert "m_300/1" in spans


def test_results_without_a_decision_have_no_such_section(results: dict) -> None:
    earlier = copy.deepcopy(results)
    del earlier["decision"]
    assert decision_text(earlier) is None
    assert decision_blocks(earlier) == []
    assert report.decision_lines(earlier) == []
