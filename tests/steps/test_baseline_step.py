import numpy as np
import pytest
from tiny_study import COUNTS, LABELS, labels_swapped

from tfmed.data import loading
from tfmed.design import BASELINES
from tfmed.training import baselines, examples, fitting

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


def test_labels_of_the_budget_do_change_a_baseline(tiny):
    job = tiny.run_of("pixels_logistic").job
    with labels_swapped("train"):
        changed = tiny.again(job)
    assert changed.record != tiny.finished[job.key].record


@pytest.mark.parametrize("name", map(str, BASELINES))
def test_a_baseline_is_scored_like_a_run(tiny, name):
    found = tiny.result_of(name)
    assert found.arrays["test_scores"].shape == (COUNTS["test"],)
    assert len(found.record["val_labels"]) == len(found.arrays["val_scores"]) == LABELS
    assert 0 <= found.record["threshold"] <= 1


def test_the_majority_class_has_one_score_for_all(tiny):
    majority = tiny.result_of("majority")
    assert majority.record["threshold"] == 0.5
    assert len(set(majority.arrays["test_scores"])) == 1


def test_random_baselines_use_the_encoder_of_the_random_frozen_run(tiny):
    encoder = tiny.classifier_of("random_frozen").get_layer("encoder")
    splits = examples.labelled(tiny.plan.target, LABELS, 0)
    known = np.concatenate([splits.train.images, splits.val.images])
    labels = np.concatenate([splits.train.labels, splits.val.labels])
    test = loading.load_split(tiny.plan.target, "test").images
    embeddings = (fitting.embed(encoder, images) for images in (known, test))
    expected = baselines.fit_predict("knn", next(embeddings), labels, next(embeddings))
    kept = tiny.result_of("random_knn").arrays["test_scores"]
    assert np.array_equal(kept, expected.test_scores)
