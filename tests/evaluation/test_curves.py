"""Tests of ROC, precision-recall and reliability curves."""

import numpy as np
import pytest
from hypothesis import assume, given
from simulation import cases, quick, simulated
from sklearn import metrics as reference

from tfmed.evaluation.curves import (
    RECALL_GRID,
    ROC_GRID,
    curve_bands,
    reliability,
    reliability_band,
)
from tfmed.evaluation.metrics import evaluate


@quick
@given(cases)
def test_roc_curve_rises_to_one_and_holds_the_auc(case):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    found = evaluate(labels, scores, 0.5)
    curve = np.array(found["roc_tpr"])
    assert curve.shape == ROC_GRID.shape
    assert (np.diff(curve) >= -1e-12).all()
    assert curve[-1] == 1
    # 101 points miss at most one hundredth of the area at vertical steps.
    assert np.trapezoid(curve, ROC_GRID) == pytest.approx(found["metrics"]["auc"], abs=0.011)


@quick
@given(cases)
def test_precision_is_that_of_the_first_threshold_that_reaches_the_recall(case):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    found = evaluate(labels, scores, 0.5)["pr_precision"]
    for wanted, precision in zip(RECALL_GRID, found, strict=True):
        cut = max(
            s
            for s in scores
            if labels[scores >= s].sum() >= max(wanted * labels.sum() - 1e-9, 1e-9)
        )
        assert precision == pytest.approx(labels[scores >= cut].mean())


def test_reliability_is_scikit_learns_calibration_curve():
    from sklearn.calibration import calibration_curve

    labels, scores = simulated(np.random.default_rng(0), n_seeds=1, n=500)
    found = reliability(labels, scores[0])
    share, score = calibration_curve(labels, scores[0], n_bins=10)
    filled = [value for value in found["share"] if value is not None]
    assert filled == pytest.approx(share)
    assert [value for value in found["score"] if value is not None] == pytest.approx(score)
    assert sum(found["count"]) == 500


def test_an_empty_bin_has_no_share_and_no_score():
    found = reliability(np.array([0, 1, 1]), np.array([0.05, 0.95, 1.0]))
    assert found["count"] == [1, *[0] * 8, 2]
    assert found["share"] == [0, *[None] * 8, 1]
    band = reliability_band(np.array([0, 1, 1]), np.array([[0.05, 0.95, 1.0]] * 2))
    assert band["low"][4] is None
    assert 0 < band["low"][9] < band["share"][9] == 1


def test_bands_hold_the_mean_curve_and_repeat():
    labels, scores = simulated(np.random.default_rng(1))
    bands = curve_bands(labels, scores)
    assert bands == curve_bands(labels, scores)
    for name, key in (("roc", "tpr"), ("pr", "precision")):
        low, middle, high = (np.array(bands[name][part]) for part in ("low", key, "high"))
        assert ((low >= 0) & (low <= middle) & (middle <= high) & (high <= 1)).all()
        assert (high - low)[1:-1].max() > 0.02
    assert bands["roc"]["low"][-1] == 1


def test_the_band_of_the_roc_curve_is_that_of_a_bootstrap():
    rng = np.random.default_rng(2)
    labels, scores = simulated(rng, n_seeds=1, n=400)
    draws = [rng.integers(0, 400, 400) for _ in range(200)]
    again = [evaluate(labels[i], scores[0, i], 0.5)["roc_tpr"] for i in draws]
    spread = np.std(again, axis=0)[10:41:10]
    band = curve_bands(labels, scores)["roc"]
    width = (np.array(band["high"]) - np.array(band["low"]))[10:41:10]
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.25)


def test_a_class_of_one_case_has_a_wide_band():
    band = curve_bands(np.array([1, 0, 0, 0]), np.array([[0.6, 0.1, 0.2, 0.7]] * 2))["roc"]
    assert band["high"][50] - band["low"][50] > 0.5


def test_the_area_under_the_precision_curve_is_the_average_precision():
    labels, scores = simulated(np.random.default_rng(3), n_seeds=1, n=2000)
    found = evaluate(labels, scores[0], 0.5)
    area = np.trapezoid(found["pr_precision"], RECALL_GRID)
    assert area == pytest.approx(reference.average_precision_score(labels, scores[0]), abs=0.01)
