"""The answer follows from the paired differences, and says no more than they do."""

import pytest
from example_results import example_results

from tfmed import report


@pytest.mark.parametrize(
    ("difference", "clear", "words"),
    [
        (0.02, True, "a pretrained encoder helps when fine-tuned"),
        (-0.02, True, "a pretrained encoder hurts when fine-tuned"),
        (0.02, False, "a pretrained encoder makes no clear difference when fine-tuned"),
    ],
)
def test_the_answer_follows_from_the_corrected_comparison(
    difference: float, clear: bool, words: str
) -> None:
    results = example_results(latent=False, evidence=False)
    for entry in results["comparisons"]:
        ends = {"low": difference - 0.01, "high": difference + 0.01}
        entry |= {"difference": difference, "clear": clear, **ends}
    assert words in report.answer(results)[0]
    assert (", not clear after correction)" in report.answer(results)[0]) is not clear


def test_the_answer_says_at_which_label_budgets_anything_is_clear() -> None:
    results = example_results(latent=False)
    for entry in results["comparisons"]:
        few = entry["label_budget"] == 30 and entry["a"]["strategy"] == "frozen"
        entry |= {"difference": 0.02, "clear": few}
    said = report.answer(results)[-1]
    assert (
        "these differences in accuracy from scratch are clear: frozen better with 30 labels;"
        in said
    )


@pytest.mark.parametrize(
    ("clear", "words"),
    [
        (False, "not clear, so the effect of pretraining itself stays open."),
        (True, "clear, so the gain is due to pretraining"),
    ],
)
def test_the_answer_credits_pretraining_only_where_it_beats_random_weights(
    clear: bool, words: str
) -> None:
    results = example_results(latent=False, evidence=False)
    for entry in results["comparisons"]:
        control = entry["b"]["strategy"] == "random_frozen"
        entry |= {"difference": 0.02, "clear": clear if control else True}
    assert f", which is {words}" in report.answer(results)[-1]


@pytest.mark.parametrize(
    ("few", "all_labels", "words"),
    [
        (-1, -1, ", which is clear, and random weights do better."),
        (-1, 0, "clear in part, and there random weights do better."),
        (1, 0, "only there is the gain due to pretraining."),
        (1, -1, "clear, but pretraining does better at one and random weights at another."),
    ],
)
def test_the_answer_says_where_random_weights_do_better(
    few: int, all_labels: int, words: str
) -> None:
    results = example_results(latent=False, evidence=False)
    for entry in results["comparisons"]:
        outcome = all_labels if entry["label_budget"] == "full" else few
        entry |= {"difference": 0.02 * outcome, "clear": outcome != 0}
    assert report.answer(results)[-1].endswith(words)


def test_the_answer_stays_short_with_many_label_budgets() -> None:
    assert len(report.answer(example_results(latent=False))) == 3
