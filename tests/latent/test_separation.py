"""Tests of how far classes lie apart, and how sure that is."""

import json

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, roc_auc_score, silhouette_score
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier

from tfmed.errors import InputError
from tfmed.latent import separation
from tfmed.latent.separation import (
    component_auc,
    component_difference,
    knn_accuracy,
    permutation_test,
    silhouette,
    two_clusters,
)


def clusters(n=120, d=10, distance=3.0, seed=0):
    """Embeddings (n, d) float32 of two classes, and their labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    points = rng.normal(size=(n, d))
    points[:, 0] += distance * labels
    return points.astype(np.float32), labels


def test_silhouette_is_scikit_learns():
    points, labels = clusters()
    assert silhouette(points, labels) == pytest.approx(silhouette_score(points, labels))


def test_silhouette_of_many_points_is_close_to_that_of_a_sample():
    points, labels = clusters(n=5500, d=2)
    assert silhouette(points, labels) == pytest.approx(
        silhouette(points[:4000], labels[:4000]), abs=0.02
    )


@pytest.mark.parametrize("k", [1, 10])
def test_knn_accuracy_is_scikit_learns_left_one_out(k):
    points, labels = clusters(n=50, distance=1.5)
    model = KNeighborsClassifier(k, algorithm="brute")
    expected = cross_val_predict(model, points, labels, cv=LeaveOneOut())
    assert knn_accuracy(points, labels, k) == np.mean(expected == labels)


def test_knn_accuracy_of_a_dead_encoder_does_not_read_the_order_of_rows():
    labels = np.repeat([0, 1], 200)
    assert knn_accuracy(np.zeros((400, 5)), labels) < 0.65


def test_component_auc_is_free_of_direction():
    points, labels = clusters(distance=1)
    expected = roc_auc_score(labels, points[:, 0])
    assert component_auc(points[:, :1], labels) == pytest.approx([expected])
    assert component_auc(-points[:, :1], labels) == pytest.approx([expected])


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
    assert separation._silhouettes(points, orders) == pytest.approx(expected)
    alone = np.arange(30)[:, None] == 4
    assert separation._silhouettes(points, alone) == pytest.approx(
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
        found = separation._adjusted_rand(table[None])[0]
        assert found == pytest.approx(adjusted_rand_score(a, b))


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("points", [np.zeros((12, 2)), np.eye(12, 2), np.arange(24).reshape(12, 2)])
@pytest.mark.parametrize("labels", [np.arange(12) % 2, np.ones(12, int), np.arange(12) // 11])
def test_degenerate_spaces_and_labels_give_json(points, labels):
    found = [
        permutation_test(points, labels, permutations=10),
        component_difference(points, labels),
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
    with pytest.raises(InputError, match="labels of shape"):
        two_clusters(points, labels[:3])
    with pytest.raises(InputError, match="NaN or infinity"):
        two_clusters(points * np.nan, labels)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_random_orders_exchange_whole_patients(n_classes):
    rng = np.random.default_rng(1)
    patients = rng.permutation(np.repeat(np.arange(40), [1, 2, 3, 4] * 10))
    classes = rng.integers(0, n_classes, 40)[patients]
    orders = separation._orders(classes, patients, 20, seed=0)
    assert (orders[0] == classes).all()
    assert len(np.unique(orders, axis=0)) > 10
    for order in orders:
        assert np.bincount(order).tolist() == np.bincount(classes).tolist()
        assert all(len(set(order[patients == patient])) == 1 for patient in range(40))


def test_patients_that_lie_apart_are_not_taken_for_classes_that_do():
    rng = np.random.default_rng(2)
    points = rng.normal(0, 3, (24, 5)).repeat(10, axis=0) + rng.normal(0, 0.1, (240, 5))
    patients = np.arange(240) // 10
    labels = (patients % 2).astype(int)
    of_points = permutation_test(points, labels, permutations=200)
    of_patients = permutation_test(points, labels, patients, permutations=200)
    assert of_points["knn_accuracy"]["p_value"] < 0.01
    assert of_patients["knn_accuracy"]["p_value"] > 0.05
    assert of_points["knn_accuracy"]["value"] == of_patients["knn_accuracy"]["value"]


def test_intervals_of_clusters_and_components_draw_patients():
    points, labels = clusters(n=60, d=2, distance=2.0)
    tenfold, classes, patients = points.repeat(5, axis=0), labels.repeat(5), np.arange(300) // 5
    for found in (two_clusters, component_difference):
        of_points, of_patients = found(tenfold, classes), found(tenfold, classes, patients)
        pair = (of_patients, of_points)
        wide, narrow = (each.get("adjusted_rand", each) for each in pair)
        assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
