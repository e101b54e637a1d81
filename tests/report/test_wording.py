"""Numbers and names are written in one way."""

import pytest

from tfmed.design import (
    FINETUNE,
    FROZEN,
    RANDOM_FROZEN,
    SCRATCH,
    Strategy,
    Variant,
    method_of,
)
from tfmed.report import wording


def results_of(*methods: str) -> dict:
    """Results as far as names of strategies need them."""
    return {"pretraining": [{"method": method} for method in methods]}


def test_numbers_are_written_in_one_way() -> None:
    assert wording.interval({"mean": 0.8534, "low": 0.841, "high": 0.8661}) == (
        "0.853 [0.841, 0.866]"
    )
    comparison = {"metric": "accuracy", "difference": 0.012, "low": -0.0041, "high": 0.028}
    assert wording.difference(comparison) == "+1.2 points [−0.4, +2.8]"
    assert wording.difference({**comparison, "low": -0.0001}) == "+1.2 points [+0.0, +2.8]"
    assert wording.interval(None) == "–"


@pytest.mark.parametrize(
    ("strategy", "name"),
    [
        (SCRATCH, "from scratch"),
        (RANDOM_FROZEN, "random, frozen"),
        (FROZEN, "frozen"),
        (FINETUNE, "fine-tuned"),
        (Strategy("masked_images", "frozen"), "masked images, frozen"),
        (Strategy("simclr", "finetune"), "SimCLR, fine-tuned"),
    ],
)
def test_a_strategy_is_named_by_where_its_encoder_comes_from_and_what_is_trained(
    strategy: Strategy, name: str
) -> None:
    assert wording.method_name(results_of("autoencoder"), strategy) == name


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("frozen", "autoencoder, frozen"),
        ("finetune", "autoencoder, fine-tuned"),
        ("simclr:frozen", "SimCLR, frozen"),
        ("scratch", "from scratch"),
        ("random_frozen", "random, frozen"),
        ("frozen_logistic", "logistic, frozen autoencoder"),
        ("random_logistic", "logistic, random encoder"),
    ],
)
def test_of_several_pretraining_methods_each_is_named(method: str, name: str) -> None:
    results = results_of("autoencoder", "simclr")
    assert wording.method_name(results, method_of(method)) == name


def test_a_baseline_on_a_frozen_encoder_names_the_first_method() -> None:
    found = wording.method_name(results_of("simclr", "autoencoder"), method_of("frozen_knn"))
    assert found == "k-NN, frozen SimCLR"


def test_a_variant_is_named_beside_its_strategy() -> None:
    entry = {"strategy": "finetune", "variant": str(Variant(loss="focal"))}
    assert wording.strategy_name(results_of("autoencoder"), entry) == "fine-tuned, focal loss"
    entry = {"strategy": "finetune", "variant": str(Variant(dropout=0.5))}
    assert wording.strategy_name(results_of("autoencoder"), entry) == "fine-tuned, dropout 0.5"


def test_a_metric_keeps_its_capitals_at_the_start_of_a_sentence() -> None:
    names = [wording.capitalised(wording.metric_name(m)) for m in ("accuracy", "auc", "ece")]
    assert names == ["Accuracy", "AUC", "ECE"]


def test_tables_of_a_list_are_numbered_settings() -> None:
    settings = {"pretraining": [{"method": "simclr", "fit": {"epochs": 3}}, {"method": "vicreg"}]}
    assert dict(wording.flat_settings(settings)) == {
        "pretraining.1.method": "simclr",
        "pretraining.1.fit.epochs": "3",
        "pretraining.2.method": "vicreg",
    }
    assert dict(wording.flat_settings({"pairs": [["a", "b"]], "none": []})) == {
        "pairs": "a, b",
        "none": "none",
    }
