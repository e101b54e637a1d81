import pytest
from example_results import example_results

from tfmed.report.sections import method


@pytest.mark.parametrize("drawn", [False, True])
def test_whose_the_splits_are_is_what_the_import_says(drawn):
    results = example_results(n_seeds=1, latent=False, evidence=False)
    notes = ["splits: drawn by patient, stratified by class (70/10/20 %, seed 0)"] if drawn else []
    results["datasets"][-1]["notes"] = notes
    words = str(method._split_words(results))
    assert ("were drawn by tfmed" in words) == drawn
    assert ("those of the files" in words) != drawn
