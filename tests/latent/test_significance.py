"""Tests of permutation tests and intervals of the numbers of latent spaces."""

import json
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, roc_auc_score, silhouette_score

from tfmed.errors import InputError
from tfmed.latent import significance
from tfmed.latent.projections import knn_accuracy, silhouette
from tfmed.latent.significance import (
    cka_interval,
    component_difference,
    permutation_test,
    two_clusters,
)


def clusters(n=120, d=10, distance=3.0, seed=0):
    """Embeddings (n, d) float32 of two classes, and their labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    points = rng.normal(size=(n, d))
    points[:, 0] += distance * labels
    return points.astype(np.float32), labels


def linear_cka(a, b):
    """Kornblith et al. (2019), over features: biased upwards where points are few."""
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    return np.square(x.T @ y).sum() / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)


def debiased_cka(a, b):
    """Song et al. (2012), equation 5, over kernel matrices."""
    n, ones = len(a), np.ones(len(a))

    def hsic(x, y):
        k, m = x @ x.T, y @ y.T
        np.fill_diagonal(k, 0)
        np.fill_diagonal(m, 0)
        total = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        return (np.trace(k @ m) + total - 2 * (ones @ k @ m @ ones) / (n - 2)) / (n * (n - 3))

    return hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))


def test_permutation_test_gives_the_values_of_the_plain_functions():
    points, labels = clusters(distance=1)
    found = permutation_test(points, labels, permutations=20)
    assert found["silhouette"]["value"] == pytest.approx(silhouette(points, labels))
    assert found["knn_accuracy"]["value"] == knn_accuracy(points, labels)
    assert (found["n"], found["permutations"]) == (120, 20)


def test_silhouettes_of_random_orders_are_scikit_learns():
    points = clusters(n=30)[0].astype(np.float64)
    orders = np.random.default_rng(1).permuted(np.tile(np.arange(30) < 8, (5, 1)), axis=1).T
    expected = [silhouette_score(points, order) for order in orders.T]
    assert significance._silhouettes(points, orders) == pytest.approx(expected)
    alone = np.arange(30)[:, None] == 4
    assert significance._silhouettes(points, alone) == pytest.approx(
        [silhouette_score(points, alone[:, 0])]
    )


def test_classes_that_lie_apart_are_never_reached_by_random_orders():
    points, labels = clusters()
    found = permutation_test(points, labels, permutations=199)
    for name in ("silhouette", "knn_accuracy"):
        assert found[name]["p_value"] == pytest.approx(1 / 200)
        assert found[name]["null_high"] < found[name]["value"]


def test_p_values_of_classes_that_mean_nothing_are_uniform():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(100):
        points, labels = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
        found = permutation_test(points, labels, permutations=99)
        p_values.append([found[name]["p_value"] for name in ("silhouette", "knn_accuracy")])
    assert (np.mean(np.array(p_values) <= 0.2, axis=0) < 0.32).all()
    assert np.mean([p for p, _ in p_values]) == pytest.approx(0.5, abs=0.1)


def test_permutation_test_of_many_points_takes_two_thousand():
    points, labels = clusters(n=2600, d=3)
    found = permutation_test(points, labels, permutations=10)
    assert found["n"] == 2000
    assert found["silhouette"]["value"] == pytest.approx(silhouette(points, labels), abs=0.02)


def test_permutation_test_gives_the_same_values_twice():
    points, labels = clusters(n=60, distance=0.5)
    first, second = (permutation_test(points, labels, permutations=50) for _ in range(2))
    assert first == second
    assert first != permutation_test(points, labels, permutations=50, seed=1)


def test_component_difference_is_that_of_two_aucs():
    points, labels = clusters(distance=1.5)
    found = component_difference(points, labels)
    strengths = [abs(roc_auc_score(labels, points[:, i]) - 0.5) for i in (0, 1)]
    assert found["first"] == pytest.approx(strengths[0])
    assert found["second"] == pytest.approx(strengths[1])
    assert found["difference"] == pytest.approx(strengths[0] - strengths[1])
    assert found["low"] < found["difference"] < found["high"]
    assert found["low"] > 0


def test_component_difference_is_free_of_direction_and_antisymmetric():
    points, labels = clusters(distance=1.5)
    found = component_difference(points, labels)
    assert component_difference(points * [-1, *[1] * 9], labels) == pytest.approx(found)
    swapped = component_difference(points[:, [1, 0]], labels)
    assert swapped["difference"] == pytest.approx(-found["difference"])
    assert swapped["low"] == pytest.approx(-found["high"])


def test_component_intervals_hold_equal_strengths_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(120):
        labels = np.arange(80) % 2
        found = component_difference(rng.normal(size=(80, 2)) + 0.8 * labels[:, None], labels)
        hits += found["low"] <= 0 <= found["high"]
    assert 0.89 <= hits / 120 <= 0.99


@pytest.mark.parametrize("shapes", [(60, 10, 12), (60, 100, 7), (40, 40, 90), (5, 3, 3)])
def test_cka_is_the_debiased_one_over_features_and_over_points(shapes):
    n, d1, d2 = shapes
    rng = np.random.default_rng(0)
    a = rng.normal(size=(n, d1)) + 3
    b = a @ rng.normal(size=(d1, d2)) + rng.normal(size=(n, d2))
    assert cka_interval(a, b)["value"] == pytest.approx(debiased_cka(a, b), abs=1e-4)


@pytest.mark.parametrize("d", [6, 300])
def test_the_jackknife_is_that_of_leaving_groups_out(d):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(95, d)) * np.arange(1, d + 1)
    b = a + 40 * rng.normal(size=(95, d))
    order = np.random.default_rng(0).permutation(95)
    edges = np.linspace(0, 95, 21).astype(int)
    without = [
        debiased_cka(*(x[np.delete(order, np.arange(i, j))] for x in (a, b)))
        for i, j in pairwise(edges)
    ]
    found = cka_interval(a, b)
    half_width = 2.0930 * np.sqrt(19 * np.var(without))
    assert found["value"] - found["low"] == pytest.approx(half_width, rel=1e-3)


def test_cka_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(8, 8))

    def draw(n):
        a = rng.normal(size=(n, 8))
        return a, a @ mixing + 2 * rng.normal(size=(n, 8))

    truth = linear_cka(*draw(200_000))
    found = [cka_interval(*draw(150)) for _ in range(200)]
    assert 0.9 <= np.mean([x["low"] <= truth <= x["high"] for x in found]) <= 0.995
    assert np.mean([x["value"] for x in found]) == pytest.approx(truth, abs=0.01)


def test_unrelated_spaces_of_many_dimensions_share_nothing():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(200, 400)), rng.normal(size=(200, 400))
    found = cka_interval(a, b)
    assert linear_cka(a, b) > 0.5
    assert abs(found["value"]) < 0.02
    assert found["low"] < 0 < found["high"]


def test_a_space_is_like_itself_and_a_dead_one_like_none():
    points, _ = clusters()
    itself = cka_interval(points, -2 * points + 5)
    assert itself["value"] == pytest.approx(1, abs=1e-4)
    assert itself["high"] - itself["low"] < 1e-3
    nothing = {"value": 0, "low": 0, "high": 0}
    assert cka_interval(points, np.full((120, 4), 0.1)) == nothing
    assert cka_interval(points * 1e30, points)["value"] == pytest.approx(1, abs=1e-4)


def test_two_clusters_finds_heaps_that_are_the_classes():
    points, labels = clusters(d=2, distance=20)
    found = two_clusters(points, labels)
    assert found["adjusted_rand"] == {"value": 1, "low": 1, "high": 1}
    assert found["silhouette"] > 0.8
    assert found["sizes"] == sorted(np.bincount(labels).tolist(), reverse=True)


def test_heaps_that_are_not_the_classes_agree_by_chance_only():
    points, _ = clusters(n=400, d=2, distance=20)
    found = two_clusters(points, np.random.default_rng(1).integers(0, 2, 400))
    rand = found["adjusted_rand"]
    assert rand["low"] <= 0 < rand["high"] < 0.05
    assert found["silhouette"] > 0.8


def test_adjusted_rand_is_scikit_learns():
    rng = np.random.default_rng(0)
    for share in (0, 0.02, 0.5, 1):
        a, b = rng.random((2, 60)) < share
        b = np.where(rng.random(60) < 0.7, a, b)
        table = np.bincount(2 * a + b, minlength=4)
        found = significance._adjusted_rand(table[None])[0]
        assert found == pytest.approx(adjusted_rand_score(a, b))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("points", [np.zeros((12, 2)), np.eye(12, 2), np.arange(24).reshape(12, 2)])
@pytest.mark.parametrize("labels", [np.arange(12) % 2, np.ones(12, int), np.arange(12) // 11])
def test_degenerate_spaces_and_labels_give_json(points, labels):
    found = [
        permutation_test(points, labels, permutations=10),
        component_difference(points, labels),
        cka_interval(points, points),
        two_clusters(points, labels),
    ]
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    if not points.any() or labels.min() == 1:
        assert found[0]["silhouette"] == {"value": 0, "null_high": 0, "p_value": 1}
    if labels.min() == 1:
        assert found[0]["knn_accuracy"]["p_value"] == 1
        assert found[1] == {"first": 0, "second": 0, "difference": 0, "low": None, "high": None}


def test_unusable_input_is_named():
    points, labels = clusters(n=10)
    with pytest.raises(InputError, match="at least 2"):
        permutation_test(points[:1], labels[:1])
    with pytest.raises(InputError, match="second one"):
        component_difference(points[:, :1], labels)
    with pytest.raises(InputError, match="same images"):
        cka_interval(points, points[:6])
    with pytest.raises(InputError, match="at least 5"):
        cka_interval(points[:4], points[:4])
    with pytest.raises(InputError, match="labels of shape"):
        two_clusters(points, labels[:3])
    with pytest.raises(InputError, match="NaN or infinity"):
        two_clusters(points * np.nan, labels)
