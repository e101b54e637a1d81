"""What the report says of encoders that did not learn from images without labels."""

import pytest
from example_results import example_results

from tfmed.design import Strategy
from tfmed.report.answering.opening import strategy_words
from tfmed.report.figures.drawing import described
from tfmed.report.pretraining import section
from tfmed.report.sections import limits, method
from tfmed.report.wording import method_name
from tfmed.results.schema import StudyResults

UNFITTED = {"learned_from": "nothing", "images": [], "epochs": 0, "best_epoch": 0, "history": {}}
NO_ERRORS = {"test": None, "detail": None, "mse_quantiles": [], "reconstructions": []}


def beside_autoencoder(name, **changes):
    results = example_results(n_seeds=2, latent=False, evidence=False)
    (fit,) = results["pretraining"]
    results["pretraining"].append(fit | NO_ERRORS | {"id": name, "method": name} | changes)
    StudyResults.model_validate(results)
    return results


def alone(name, **changes):
    results = beside_autoencoder(name, **changes)
    del results["pretraining"][0]
    return results


def test_weights_of_elsewhere_have_no_learning_curve():
    results = alone("imagenet", **UNFITTED, parameters={"encoder": 9})
    assert "pretraining" not in described(results)
    words = str(section.pretraining_blocks(results))
    assert "ImageNet weights" in words
    assert "nothing is trained before they are used" in words
    assert "learns without labels" not in words
    assert "weights of the last epoch" not in words
    assert "share one pretrained encoder" not in str(limits.limit_blocks(results))
    assert section.pretraining_title(results) == "Pretraining"


def test_curves_are_of_what_was_fitted():
    results = beside_autoencoder("imagenet", **UNFITTED)
    rows = described(results)["pretraining"].numbers().rows
    assert {row[0] for row in rows} == {"autoencoder"}


def test_labels_of_the_source_are_said_to_be_learned_from():
    results = beside_autoencoder("supervised", learned_from="labels")
    assert "Supervised" in str(section.pretraining_blocks(results))
    assert "pretraining learns from the labels of NIH" in str(section.pretraining_blocks(results))
    words = str(method._split_words(results))
    images = "on the training images of NIH ChestX-ray14 subset, without labels (autoencoder)"
    assert f"{images} and on the" in words
    assert "labels of NIH ChestX-ray14 subset (supervised)" in words


@pytest.mark.parametrize(
    ("name", "changes", "named", "words"),
    [
        ("imagenet", UNFITTED, "ImageNet weights, frozen", "encoder with ImageNet weights; only"),
        (
            "supervised",
            {"learned_from": "labels"},
            "supervised, frozen",
            "the labels of the source; only",
        ),
    ],
)
def test_strategies_are_named_after_where_they_start(name, changes, named, words):
    results, strategy = alone(name, **changes), Strategy(name, "frozen")
    assert method_name(results, strategy) == named
    assert words in strategy_words(results, strategy)
