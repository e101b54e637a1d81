"""Grades: what they add to several classes, held against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, mean_absolute_error

from tfmed.evaluation.case_values import case_values
from tfmed.evaluation.metrics import evaluate, mean_interval
from tfmed.tasks import multiclass, ordinal


def cases(n: int = 400, k: int = 5):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, k, n)
    logits = rng.normal(size=(1, n, k)) - 0.6 * np.abs(labels[:, None] - np.arange(k))
    scores = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return labels, scores


def test_metrics_are_those_of_scikit_learn_and_of_several_classes():
    labels, scores = cases()
    answered = scores[0].argmax(axis=1)
    found = evaluate(labels, scores[0], None, "ordinal")["metrics"]
    kappa = cohen_kappa_score(labels, answered, weights="quadratic")
    assert found.pop("quadratic_kappa") == pytest.approx(kappa, abs=1e-12)
    error = mean_absolute_error(labels, answered)
    assert found.pop("mean_absolute_error") == pytest.approx(error, abs=1e-12)
    assert found == evaluate(labels, scores[0], None, "multiclass")["metrics"]


@pytest.mark.parametrize("metric", ["quadratic_kappa", "mean_absolute_error"])
def test_spread_of_case_values_is_that_of_a_bootstrap(metric):
    labels, scores = cases()
    values = case_values(metric, labels, scores, np.array([None]), "ordinal")
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(400):
        rows = rng.integers(0, len(labels), len(labels))
        again = case_values(metric, labels[rows], scores[:, rows], np.array([None]), "ordinal")
        drawn.append(again.estimates[0])
    assert np.sqrt(values.covariance()[0, 0]) == pytest.approx(np.std(drawn), rel=0.15)


def test_intervals_stay_within_the_range_of_the_metric():
    labels, scores = cases(20)
    error = mean_interval(labels, scores, "mean_absolute_error", task="ordinal")
    assert 0 <= error["low"] <= error["mean"] <= error["high"] <= 4
    kappa = mean_interval(labels, scores, "quadratic_kappa", task="ordinal")
    assert -1 <= kappa["low"] <= kappa["mean"] <= kappa["high"] <= 1


def test_one_grade_leaves_kappa_undefined_with_the_reason():
    _, scores = cases(10)
    found = evaluate(np.full(10, 3), scores[0], None, "ordinal")
    assert found["metrics"]["quadratic_kappa"] is None
    assert "every label is 3" in found["undefined"]["quadratic_kappa"]
    assert found["metrics"]["mean_absolute_error"] is not None


def test_everything_else_is_that_of_several_classes():
    assert ordinal.draw is multiclass.draw
    assert ordinal.class_names(np.array([0, 2])) == ("grade 0", "grade 1", "grade 2")
