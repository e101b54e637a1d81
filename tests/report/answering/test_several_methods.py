"""Of several methods the answer names the best mean, its gains, and what is clear."""

import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed import report
from tfmed.report.answering.opening import answer_blocks
from tfmed.report.wording import interval

TARGET = "pneumoniamnist"


@pytest.fixture
def results() -> dict:
    return several_methods(example_results(latent=False))


def row_of(results: dict, strategy: str, budget: object) -> dict:
    (row,) = [
        row
        for row in results["summary"]
        if (row["task"], row["strategy"], row["variant"], row["label_budget"])
        == (TARGET, strategy, "standard", budget)
    ]
    return row


def make_best(results: dict, strategy: str, value: float = 0.99) -> dict:
    for budget in (300, "full"):
        row_of(results, strategy, budget)["auc"] |= {"mean": value, "high": 1.0}
    return row_of(results, strategy, 300)


def set_differences(results: dict, *, clear: bool, value: float = 0.02) -> None:
    for entry in results["comparisons"]:
        entry |= {"difference": value, "low": value - 0.01, "high": value + 0.01, "clear": clear}


def test_the_best_mean_is_named_with_its_values_and_gains(results: dict) -> None:
    row = make_best(results, "simclr:frozen")
    set_differences(results, clear=True)
    few, most, _ = report.answer(results)
    assert few == (
        "With 300 labels on PneumoniaMNIST, the pretrained strategy with the highest mean AUC is "
        f"SimCLR, frozen: {interval(row['auc'])} (accuracy {interval(row['accuracy'])}). Its gain "
        "is +2.0 points [+1.0, +3.0] over training from scratch (clear), +2.0 points [+1.0, +3.0] "
        "over frozen random weights (clear) and +2.0 points [+1.0, +3.0] over logistic regression "
        "on pixels (clear)."
    )
    assert most.startswith("With all 1,160 labels on PneumoniaMNIST, ")


def test_declared_comparisons_are_what_the_answer_speaks_of(results: dict) -> None:
    make_best(results, "simclr:frozen")
    results["study"]["settings"]["comparisons"] = [["simclr:finetune", "scratch"]]
    results["comparisons"] = [
        entry
        for entry in results["comparisons"]
        if (entry["a"]["strategy"], entry["b"]["strategy"]) == ("simclr:finetune", "scratch")
    ]
    set_differences(results, clear=True)
    few, most, overall = report.answer(results)
    assert few == (
        "With 300 labels on PneumoniaMNIST, the declared comparisons in AUC: SimCLR, fine-tuned "
        "minus from scratch +2.0 points [+1.0, +3.0] (clear)."
    )
    assert most.startswith("With all 1,160 labels on PneumoniaMNIST, the declared comparisons")
    assert "highest mean" not in overall
    results["comparisons"] = []
    assert "none of the declared comparisons could be made" in report.answer(results)[0]


def test_what_the_best_was_not_compared_with_is_said(results: dict) -> None:
    make_best(results, "simclr:finetune")
    assert report.answer(results)[0].endswith("; it was not compared with frozen random weights.")
    results["comparisons"] = []
    few, _, overall = report.answer(results)
    assert few.endswith(
        "It was not compared with training from scratch or frozen random weights or logistic "
        "regression on pixels."
    )
    assert "whether pretraining helps cannot be said" in overall


def test_a_random_encoder_is_no_pretrained_strategy(results: dict) -> None:
    make_best(results, "scratch", 1.0)
    assert "from scratch:" not in report.answer(results)[0]


def test_the_clear_comparisons_of_the_question_are_named_by_pair(results: dict) -> None:
    make_best(results, "simclr:frozen")
    set_differences(results, clear=False)
    said = report.answer(results)[2]
    assert said.startswith(
        "Of the question's 60 comparisons in AUC, corrected together, none is clear."
    )
    for entry in results["comparisons"]:
        if (entry["a"]["strategy"], entry["b"]["strategy"]) == ("simclr:frozen", "scratch"):
            few = entry["label_budget"] in (30, 100)
            entry |= {"clear": few, "difference": -0.02}
    assert (
        "2 are clear: from scratch is better than SimCLR, frozen with 30 labels and 100 labels."
        in report.answer(results)[2]
    )
    set_differences(results, clear=True)
    assert "60 are clear: " in report.answer(results)[2]
    assert "and so are those of 9 other pairs" in report.answer(results)[2]


def test_frozen_is_held_against_fine_tuned_for_the_best_method(results: dict) -> None:
    make_best(results, "simclr:frozen")
    set_differences(results, clear=True, value=-0.02)
    assert (
        "Frozen or fine-tuned: with 300 labels SimCLR has the higher mean frozen (fine-tuned minus "
        "frozen −2.0 points [−3.0, −1.0], clear); with all" in report.answer(results)[2]
    )


def test_the_primary_metric_decides(results: dict) -> None:
    results["study"]["primary_metric"] = "accuracy"
    row_of(results, "frozen", 300)["accuracy"] |= {"mean": 0.99, "high": 1.0}
    few, _, overall = report.answer(results)
    assert "the highest mean accuracy is autoencoder, frozen: 0.990" in few
    assert "(AUC " in few
    assert "comparisons in accuracy" in overall


def test_a_collapsed_encoder_is_said_in_the_answer(results: dict) -> None:
    assert len(report.answer(results)) == 3
    results["pretraining"][-1]["health"]["effective_rank"] = 1.2
    said = report.answer(results)[-1]
    assert said.startswith("The encoder of SimCLR collapsed in 1 of 3 pretrainings: ")


def test_the_words_explain_what_strategies_have_in_common(results: dict) -> None:
    blocks = answer_blocks(results)
    terms = [name for name, _ in blocks[-1]["items"]]
    assert {"AUC", "accuracy", "frozen", "fine-tuned", "from scratch", "random, frozen"} <= {*terms}
    assert not any(term.startswith("SimCLR") for term in terms)
    assert "each of 3 pretrainings" in str(blocks[2])


def test_balanced_accuracy_is_explained_where_it_is_the_primary_metric(results: dict) -> None:
    assert "balanced accuracy" not in [name for name, _ in answer_blocks(results)[-1]["items"]]
    results["study"]["primary_metric"] = "balanced_accuracy"
    assert "balanced accuracy" in [name for name, _ in answer_blocks(results)[-1]["items"]]
