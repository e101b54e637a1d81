"""Tests of intervals that count patients with several images."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import cases, quick, simulated

from tfmed.errors import InputError
from tfmed.evaluation.case_values import case_values, undefined
from tfmed.evaluation.curves import curve_bands, reliability_band
from tfmed.evaluation.intervals import compare, mean_interval
from tfmed.evaluation.metrics import METRICS, summarise
from tfmed.evaluation.patients import covariance, numbered
from tfmed.tasks import REGISTRY, scoring, task_of

HALF = np.array([0.5])


def clustered(rng, n_patients=60, n_seeds=1, most=5):
    """Labels, scores and patients, whose images are alike, in mixed order."""
    patients = np.repeat(np.arange(n_patients), rng.integers(1, most + 1, n_patients))
    labels = rng.integers(0, 2, n_patients)[patients]
    alike = rng.normal(0, 1, n_patients)[patients]
    logits = (2 * labels - 1) * 0.8 + alike + rng.normal(0, 0.5, (n_seeds, len(labels)))
    order = rng.permutation(len(labels))
    return labels[order], (1 / (1 + np.exp(-logits)))[:, order], patients[order]


def of_any_task(task, rng, n=60, k=4):
    """Labels and scores of one run in which every metric is defined."""
    if task == "binary":
        return rng.integers(0, 2, n), rng.random((1, n))
    scores = rng.random((1, n, k))
    if task == "multilabel":
        return rng.integers(0, 2, (n, k)), scores
    return rng.integers(0, k, n), scores / scores.sum(axis=2, keepdims=True)


@quick
@given(cases, st.integers(0, 10))
def test_with_one_image_a_patient_everything_is_what_it_is_without_patients(drawn, seed):
    labels, scores = drawn
    names = np.random.default_rng(seed).permutation(len(labels))
    two = np.stack([scores, scores[::-1]])
    assert summarise(labels, two, [0.4, 0.5], patients=names) == summarise(labels, two, [0.4, 0.5])
    for metric in ("accuracy", "auc"):
        found = compare(labels, two, two[::-1], metric, patients=[f"p{n}" for n in names])
        assert found == compare(labels, two, two[::-1], metric)


@pytest.mark.parametrize("metric", METRICS)
def test_the_closed_form_of_single_images_is_the_covariance_of_the_cases(metric):
    labels, scores = simulated(np.random.default_rng(0), n_seeds=3, n=50)
    values = case_values(metric, labels, scores, np.full(3, 0.5))
    parts = task_of("binary").case_groups(metric, labels, scores, np.full(3, 0.5))
    numbers = tuple(
        np.flatnonzero(p.cases) if isinstance(p, scoring.Group) else np.arange(50) for p in parts
    )
    assert covariance(values.groups, numbers, 3) == pytest.approx(values.covariance())


@pytest.mark.parametrize("metric", ["accuracy", "auc", "average_precision", "balanced_accuracy"])
def test_the_variance_is_that_of_leaving_out_one_patient_after_the_other(metric):
    labels, scores, patients = clustered(np.random.default_rng(1), n_seeds=2)
    cut = np.full(2, 0.5)
    parts = task_of("binary").case_groups(metric, labels, scores, cut)
    expected = np.zeros((2, 2))
    for patient in np.unique(patients):
        change = np.zeros(2)
        for part in parts:
            whole = not isinstance(part, scoring.Group)
            values, of = (part, patients) if whole else (part.values, patients[part.cases])
            n = len(np.unique(of))
            if patient in of:
                without = values[:, of != patient].mean(axis=1)
                change += np.sqrt((n - 1) / n) * (values.mean(axis=1) - without)
        expected += np.outer(change, change)
    found = case_values(metric, labels, scores, cut, patients=patients)
    assert found.covariance() == pytest.approx(expected)


@pytest.mark.parametrize("task", REGISTRY)
def test_groups_of_every_metric_say_which_cases_they_hold(task):
    rng = np.random.default_rng(2)
    labels, scores = of_any_task(task, rng)
    asked, patients = task_of(task), np.arange(60) // 3
    k = asked.n_classes_of(scores)
    choices = np.array([asked.choose(labels, scores[0])])
    for metric in asked.metrics_of(k):
        assert undefined(metric, labels, k, task) is None
        for part in asked.case_groups(metric, labels, scores, choices):
            n = part.cases.sum() if isinstance(part, scoring.Group) else len(labels)
            values = part.values if isinstance(part, scoring.Group) else part
            assert values.shape == (1, n), metric
        found = case_values(metric, labels, scores, choices, task, patients)
        assert 1 <= found.n_cases <= 20
        assert np.isfinite(found.covariance()).all()


@pytest.mark.parametrize("metric", METRICS)
def test_every_image_twice_tells_nothing_new(metric):
    labels, scores, patients = clustered(np.random.default_rng(3), n_seeds=3)
    once, twice = (
        mean_interval(
            np.tile(labels, n), np.tile(scores, n), metric, [0.5] * 3, patients=np.tile(patients, n)
        )
        for n in (1, 2)
    )
    assert once == pytest.approx(twice, abs=1e-9)
    as_images = mean_interval(np.tile(labels, 2), np.tile(scores, 2), metric, [0.5] * 3)
    assert as_images["high"] - as_images["low"] < 0.95 * (once["high"] - once["low"])


def test_names_and_order_of_patients_do_not_matter():
    rng = np.random.default_rng(4)
    labels, scores, patients = clustered(rng, n_seeds=2)
    order = rng.permutation(len(labels))
    named = np.array([f"person {n}" for n in patients])
    a = mean_interval(labels, scores, "auc", patients=patients)
    b = mean_interval(labels[order], scores[:, order], "auc", patients=named[order])
    assert a == pytest.approx(b)
    assert a != mean_interval(labels, scores, "auc")


def test_differences_p_values_and_detectable_differences_count_patients():
    labels, scores, patients = clustered(np.random.default_rng(5), n_seeds=6, most=8)
    flipped = np.where(patients % 5 == 0, 1 - scores[3:], scores[3:])
    of_patients = compare(labels, scores[:3], flipped, "accuracy", patients=patients)
    of_images = compare(labels, scores[:3], flipped, "accuracy")
    assert of_patients["difference"] == of_images["difference"]
    for key in ("standard_error", "p_value", "detectable"):
        assert of_patients[key] > of_images[key]
    assert (of_patients["p_value"] < 0.05) == (of_patients["low"] > 0 or of_patients["high"] < 0)


def test_a_class_of_one_patient_counts_as_one_case():
    labels, patients = np.array([1, 1, 1, 0, 0, 0]), np.array([0, 0, 0, 1, 2, 3])
    scores = np.array([[0.6, 0.7, 0.8, 0.1, 0.2, 0.7]])
    found = case_values("auc", labels, scores, HALF, patients=patients)
    assert found.n_cases == 1
    interval = mean_interval(labels, scores, "auc", patients=patients)
    assert interval["high"] - interval["low"] > 0.5
    all_one = mean_interval(labels, scores, "accuracy", patients=[7] * 6)
    assert all_one["high"] - all_one["low"] > 0.5


def test_bands_of_curves_count_patients():
    labels, scores, patients = clustered(np.random.default_rng(6), most=10)
    bands, plain = curve_bands(labels, scores, patients), curve_bands(labels, scores)
    assert bands["roc"]["tpr"] == plain["roc"]["tpr"]
    for wide, narrow in (
        (bands["roc"], plain["roc"]),
        (bands["pr"], plain["pr"]),
    ):
        assert np.subtract(wide["high"], wide["low"]).mean() > 1.1 * np.mean(
            np.subtract(narrow["high"], narrow["low"])
        )
    wide, narrow = reliability_band(labels, scores, patients), reliability_band(labels, scores)
    assert wide["share"] == narrow["share"]
    assert wide["low"] != narrow["low"]


def test_patients_are_one_for_each_case():
    assert numbered(None, 3) is None
    assert numbered(["b", "a", "b"], 3).tolist() == [1, 0, 1]
    with pytest.raises(InputError, match=r"shape \(2,\) for 3 cases"):
        numbered([1, 2], 3)


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "auc", "balanced_accuracy"])
def test_intervals_of_patients_hold_the_truth_about_95_times_in_100(metric):
    rng = np.random.default_rng(7)
    labels, scores, _ = clustered(rng, n_patients=200_000, most=1)
    truth = case_values(metric, labels, scores, HALF).estimates[0]
    held = np.zeros(2)
    for _ in range(600):
        labels, scores, patients = clustered(rng, most=10)
        for i, known in enumerate((patients, None)):
            found = mean_interval(labels, scores, metric, patients=known)
            held[i] += found["low"] <= truth <= found["high"]
    assert 0.92 <= held[0] / 600 <= 0.98
    assert held[1] / 600 < 0.88
