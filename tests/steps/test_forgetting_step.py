import pytest
from tiny_study import COUNTS, labels_swapped

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


def forgotten(tiny):
    """What is measured before and after fine-tuning."""
    [pair] = tiny.plan.forgetting
    return [tiny.again(job).record for job in (pair.before, pair.after)]


def test_forgetting_before_is_the_model_as_it_was_pretrained(tiny):
    before, after = forgotten(tiny)
    kept = tiny.finished[tiny.pretraining.key].record["reconstruction"]["test"]
    assert before["mse"] == pytest.approx(kept["mse"], rel=1e-6)
    assert before["mse"] != after["mse"]
    assert (before["n_train"], before["n_test"]) == (COUNTS["train"], COUNTS["test"])
    assert all(0 <= found["probe_auc"] <= 1 for found in (before, after))


def test_swapping_source_test_labels_turns_the_probes_auc_and_changes_nothing_else(tiny):
    before = forgotten(tiny)
    with labels_swapped("test"):
        swapped = forgotten(tiny)
    for ours, theirs in zip(before, swapped, strict=True):
        assert theirs["probe_auc"] == pytest.approx(1 - ours["probe_auc"])
        assert {**theirs, "probe_auc": None} == {**ours, "probe_auc": None}
