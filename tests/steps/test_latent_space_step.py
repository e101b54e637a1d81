import pytest
from tiny_study import COUNTS

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


def test_latent_space_of_a_run_has_coordinates_for_every_test_image(tiny):
    run = tiny.run_of("frozen")
    space = next(space for space in tiny.plan.spaces if space.run is run)
    result = tiny.finished[space.job.key]
    assert result.arrays["pca"].shape == result.arrays["tsne"].shape == (COUNTS["test"], 2)
    record, tests = result.record, result.record["clusters"]
    assert record["dimensions"] == 16 * 8
    assert tests["knn_accuracy"]["value"] == pytest.approx(record["knn_accuracy"])
    assert tests["silhouette"]["value"] == pytest.approx(record["silhouette"])
    assert record["components"]["first"] == pytest.approx(record["component_auc"][0] - 0.5)
    assert sum(record["two_clusters"]["sizes"]) == COUNTS["test"]


def test_similarity_compares_every_two_spaces(tiny):
    job = tiny.plan.similarities[tiny.plan.target.name]
    cka = tiny.finished[job.key].record["cka"]
    n = len(job.parents)
    assert len(cka) == n * (n - 1) // 2
    assert all(pair["low"] <= pair["value"] <= pair["high"] <= 1 for pair in cka)
