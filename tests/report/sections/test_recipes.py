"""The recipes that strategies chose are counted over the searches that were made."""

import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed.report.sections import limits, method, recipes


@pytest.fixture(scope="module")
def results() -> dict:
    return several_methods(example_results(latent=False))


def test_a_table_counts_the_recipes_of_each_strategy_and_budget(results: dict) -> None:
    (block,) = [b for b in recipes.recipe_blocks(results) if b["id"] == "recipes-pneumoniamnist"]
    rows = {row[0]: row[1:] for row in block["rows"]}
    assert set(rows) == {"from scratch", "autoencoder, fine-tuned", "SimCLR, fine-tuned"}
    few, *_, most = rows["SimCLR, fine-tuned"]
    found = ["0.0003 augmented ×1", "0.0003 plain ×1", "0.001 augmented ×1"]
    assert sorted(few.split("\n")) == found
    assert most == "0.001 plain ×1"
    assert "Each search made 4 tries." in block["caption"][0][1]


def test_it_is_said_that_all_strategies_tried_the_same(results: dict) -> None:
    words = str(recipes.recipe_words(results))
    assert "tried the same 4 recipes inside their label budget" in words
    assert "learning rate 0.0003 or 0.001, plain or augmented" in words
    run = next(run for run in recipes.searched_runs(results))
    other = {**run, "recipe": {**run["recipe"], "tries": run["recipe"]["tries"][:1]}}
    assert "not all the same" in str(recipes.recipe_words({**results, "runs": [run, other]}))


def test_without_a_search_nothing_is_said_of_recipes_and_the_unlike_fits_are_a_limit(
    results: dict,
) -> None:
    bare = example_results(latent=False, evidence=False)
    assert "Recipes" not in str(method.method_blocks(bare))
    assert "two ways of fitting" in str(limits.limit_blocks(bare))
    assert "two ways of fitting" not in str(limits.limit_blocks(results))


def test_limits_say_how_pretrainings_are_counted_and_that_the_best_is_favoured(
    results: dict,
) -> None:
    crossed = str(limits.limit_blocks(results))
    assert "Each method was pretrained 3 times, and each time fitted with every seed." in crossed
    assert "highest mean of 4 on the very test images" in crossed
    shared = str(
        limits.limit_blocks(several_methods(example_results(latent=False), pretrainings=1))
    )
    assert "All seeds of a strategy share one pretrained encoder" in shared
    assert "highest mean of" not in str(limits.limit_blocks(example_results(latent=False)))


def test_intervals_and_comparisons_say_what_they_are_over(results: dict) -> None:
    words = str(method.method_blocks(results))
    assert "every seed was fitted from each of 3 pretrainings" in words
    assert "each method against autoencoder" in words
    results["study"]["settings"]["comparisons"] = [["simclr:frozen", "scratch"]]
    assert "named in the study file" in str(method.method_blocks(results))
    results["study"]["settings"]["comparisons"] = []
