import pytest
from example_results import example_results
from several_methods import several_methods

from tfmed.report.answering.opening import answer_blocks
from tfmed.report.sections import method


@pytest.mark.parametrize("drawn", [False, True])
def test_whose_the_splits_are_is_what_the_import_says(drawn):
    results = example_results(n_seeds=1, latent=False, evidence=False)
    notes = ["splits: drawn by patient, stratified by class (70/10/20 %, seed 0)"] if drawn else []
    results["datasets"][-1]["notes"] = notes
    words = str(method._split_words(results))
    assert ("were drawn by tfmed" in words) == drawn
    assert ("those of the files" in words) != drawn


def test_the_images_of_each_pretraining_are_named():
    results = several_methods(example_results(latent=False))
    for fit in results["pretraining"]:
        fit["images"] = ["chest_nih", "pneumoniamnist"]
    both = "training images of NIH ChestX-ray14 subset and PneumoniaMNIST, without labels "
    assert f"{both}(autoencoder and SimCLR); the target" in str(method._split_words(results))
    for fit in results["pretraining"]:
        if fit["method"] == "simclr":
            fit["images"] = ["pneumoniamnist"]
    words = str(method._split_words(results))
    assert f"{both}(autoencoder) and on the training images of PneumoniaMNIST, without" in words
    assert "other images" not in str(answer_blocks(results))
