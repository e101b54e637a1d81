"""Tests of the similarity of latent spaces."""

import json
from itertools import pairwise

import numpy as np
import pytest

from tfmed.errors import InputError
from tfmed.latent.similarity import cka_interval


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
    points = np.random.default_rng(0).normal(size=(120, 10)).astype(np.float32)
    itself = cka_interval(points, -2 * points + 5)
    assert itself["value"] == pytest.approx(1, abs=1e-4)
    assert itself["high"] - itself["low"] < 1e-3
    nothing = {"value": 0, "low": 0, "high": 0}
    assert cka_interval(points, np.full((120, 4), 0.1)) == nothing
    assert cka_interval(points * 1e30, points)["value"] == pytest.approx(1, abs=1e-4)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("points", [np.zeros((12, 2)), np.eye(12, 2), np.arange(24).reshape(12, 2)])
def test_degenerate_spaces_give_json(points):
    found = cka_interval(points, points)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_unusable_spaces_are_named():
    points = np.eye(10)
    with pytest.raises(InputError, match="same images"):
        cka_interval(points, points[:6])
    with pytest.raises(InputError, match="at least 5"):
        cka_interval(points[:4], points[:4])


def test_groups_of_the_jackknife_keep_patients_whole():
    rng = np.random.default_rng(9)
    of_patient = rng.normal(size=(30, 6)).repeat(8, axis=0)
    a = of_patient + rng.normal(0, 0.05, of_patient.shape)
    b = of_patient[:, ::-1] ** 2 + of_patient
    of_points, of_patients = cka_interval(a, b), cka_interval(a, b, np.arange(240) // 8)
    assert of_patients["value"] == pytest.approx(of_points["value"], abs=1e-6)
    width, narrow = (found["high"] - found["low"] for found in (of_patients, of_points))
    assert width > 1.5 * narrow
    few = cka_interval(a[:10], b[:10], np.arange(10) // 8)  # without a patient 2 points are left
    assert few == cka_interval(a[:10], b[:10])
