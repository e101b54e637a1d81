"""Tests of intervals, paired comparisons and their correction."""

import numpy as np
import pytest
from simulation import simulated

from tfmed.errors import InputError
from tfmed.evaluation.intervals import compare, corrected, holm, mean_interval, seeds_interval
from tfmed.evaluation.metrics import METRICS, evaluate


def test_case_variance_of_one_seed_is_that_of_a_bootstrap():
    rng = np.random.default_rng(1)
    labels, scores = simulated(rng, n_seeds=1, n=400)
    draws = [rng.integers(0, 400, 400) for _ in range(250)]
    again = [evaluate(labels[i], scores[0, i], 0.6)["metrics"] for i in draws]
    for metric in METRICS:
        interval = mean_interval(labels, scores, metric, [0.6])
        assert interval["sd"] is None
        width = interval["high"] - interval["low"]
        # The calibration error's bins change sign between draws, which no variance can follow.
        tolerance = 0.5 if metric == "ece" else 0.15
        spread = np.std([found[metric] for found in again])
        assert width == pytest.approx(2 * 1.96 * spread, rel=tolerance), metric


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_scores_keep_an_interval_with_width(metric):
    labels = np.array([0, 1] * 10)
    interval = mean_interval(labels, np.tile(labels, (3, 1)), metric, [0.5] * 3)
    assert interval["low"] < interval["high"]
    assert interval["mean"] == (0 if metric in ("brier", "ece") else 1)
    assert 0 <= interval["low"] <= interval["mean"] <= interval["high"] <= 1


def test_a_class_of_one_case_gives_a_wide_finite_interval():
    labels, scores = np.array([1, 0, 0, 0]), np.array([[0.6, 0.1, 0.2, 0.7]] * 2)
    for metric in METRICS:
        interval = mean_interval(labels, scores, metric, [0.5, 0.5])
        assert np.isfinite([interval["low"], interval["high"]]).all()
    auc = mean_interval(labels, scores, "auc")
    assert auc["high"] - auc["low"] > 0.5


def test_three_seeds_that_disagree_give_a_wider_interval_than_three_that_agree():
    rng = np.random.default_rng(2)
    labels, calm = simulated(rng, seed_sd=0.0)
    shaken = np.clip(calm + np.array([[-0.3], [0.0], [0.3]]), 0, 1)
    widths = [
        interval["high"] - interval["low"]
        for interval in (mean_interval(labels, scores, "accuracy") for scores in (calm, shaken))
    ]
    assert widths[1] > 2 * widths[0]


def test_pairing_by_case_narrows_the_interval_of_a_difference():
    labels, scores = simulated(np.random.default_rng(3), n_seeds=10, seed_sd=0.0)
    paired = compare(labels, scores[:5], scores[5:], "auc")
    alone = mean_interval(labels, scores[:5], "auc")
    assert paired["high"] - paired["low"] < alone["high"] - alone["low"]


def test_comparison_is_antisymmetric_and_zero_with_itself():
    labels, scores = simulated(np.random.default_rng(4), n_seeds=6)
    ab, ba = (
        compare(labels, x, y) for x, y in ((scores[:3], scores[3:]), (scores[3:], scores[:3]))
    )
    assert ab["difference"] == -ba["difference"]
    assert ab["low"] == pytest.approx(-ba["high"])
    none = compare(labels, scores, scores)
    assert none["difference"] == none["low"] == none["high"] == none["detectable"] == 0
    assert (none["p_value"], none["n_seeds"]) == (1.0, 6)


def test_comparison_refuses_unequal_seeds_unknown_metrics_and_missing_thresholds():
    labels, scores = simulated(np.random.default_rng(5))
    with pytest.raises(InputError, match="same seeds"):
        compare(labels, scores, scores[:2])
    with pytest.raises(InputError, match="'f1' is unknown"):
        compare(labels, scores, scores, "f1")
    with pytest.raises(InputError, match="0 thresholds for 3 seeds"):
        compare(labels, scores, scores, "accuracy_at_threshold")


@pytest.mark.parametrize("n_seeds", [3, 5])
def test_intervals_of_accuracy_hold_the_truth_about_95_times_in_100(n_seeds):
    rng = np.random.default_rng(n_seeds)
    held = 0
    for _ in range(400):
        # Per-case chance of a right answer, moved by the seed; the expectation is .8.
        chance = np.clip(0.8 + rng.normal(0, 0.01, (n_seeds, 1)), 0, 1)
        case = rng.random(300)
        right = (
            np.where(rng.random((n_seeds, 300)) < 0.6, case, rng.random((n_seeds, 300))) < chance
        )
        labels = rng.integers(0, 2, 300)
        interval = mean_interval(labels, np.where(right, labels, 1 - labels), "accuracy")
        held += interval["low"] <= 0.8 <= interval["high"]
    assert 0.92 <= held / 400 <= 0.985


def test_seeds_that_agree_by_chance_do_not_hide_the_variance_of_the_test_cases():
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    a, b = (np.tile(labels, (2, 1)) * 1.0 for _ in range(2))
    # In each seed 30 cases of their own are wrong for a and 40 for b: equal differences.
    for seed in range(2):
        wrong = rng.permutation(200)[:70] + 200 * seed
        a[seed, wrong[:30]] = 1 - labels[wrong[:30]]
        b[seed, wrong[30:]] = 1 - labels[wrong[30:]]
    found = compare(labels, a, b, "accuracy")
    assert found["difference"] == pytest.approx(10 / 400)
    cases_alone = 1.96 * np.sqrt(2 * 70 / 400**2) / 2
    assert found["high"] - found["difference"] == pytest.approx(cases_alone, rel=0.05)


@pytest.mark.parametrize("metric", ["accuracy", "auc", "average_precision"])
@pytest.mark.parametrize("n_seeds", [1, 2, 3, 5])
def test_p_is_below_5_percent_just_where_the_interval_leaves_out_0(metric, n_seeds):
    rng = np.random.default_rng(n_seeds)
    outcomes = set()
    for gain in np.linspace(0, 0.6, 25):
        labels, scores = simulated(rng, n_seeds=2 * n_seeds, n=120)
        better = np.clip(scores[n_seeds:] + 0.3 * gain * (2 * labels - 1), 0, 1)
        found = compare(labels, better, scores[:n_seeds], metric)
        assert (found["p_value"] < 0.05) == (found["low"] > 0 or found["high"] < 0)
        outcomes.add(found["p_value"] < 0.05)
    assert outcomes == {False, True}


def test_degrees_of_freedom_belong_to_the_interval():
    from scipy.stats import t

    labels, scores = simulated(np.random.default_rng(8), n_seeds=6)
    found = compare(labels, scores[:3], scores[3:])
    half_width = t.ppf(0.975, found["df"]) * found["standard_error"]
    assert found["high"] - found["difference"] == pytest.approx(half_width)
    assert 2 <= found["df"] <= len(labels) + 3


def test_detectable_difference_allows_for_the_correction():
    labels, scores = simulated(np.random.default_rng(5), n_seeds=6)
    alone, of_twenty = (
        compare(labels, scores[:3], scores[3:], "accuracy", family=family) for family in (1, 20)
    )
    assert of_twenty["detectable"] > 1.2 * alone["detectable"]
    assert {**of_twenty, "detectable": 0} == {**alone, "detectable": 0}


def test_kinds_and_tasks_are_corrected_apart_and_one_seed_is_never_clear():
    entry = {"metric": "auc", "task": "lung", "kind": "question", "p_value": 0.001, "n_seeds": 3}
    others = [{"kind": "baseline"}, {"task": "heart"}, {"metric": "accuracy"}, {"n_seeds": 1}]
    found = corrected([entry, *({**entry, **change} for change in others)])
    assert [each["family"] for each in found] == [2, 1, 1, 1, 2]
    assert [each["clear"] for each in found] == [True, True, True, True, False]


def test_detectable_difference_is_that_of_a_power_analysis():
    from scipy.stats import norm

    labels, scores = simulated(np.random.default_rng(9), n_seeds=2, n=2000)
    found = compare(labels, scores[:1], scores[1:])
    quantiles = norm.ppf(0.975) + norm.ppf(0.8)
    assert found["detectable"] == pytest.approx(quantiles * found["standard_error"], rel=0.01)


def test_holm_gives_the_adjusted_p_values_of_a_hand_made_family():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_a_family_is_all_comparisons_of_one_metric():
    entries = [
        {"metric": metric, "p_value": p, "n_seeds": 2}
        for metric, p in (("auc", 0.02), ("accuracy", 0.02), ("auc", 0.03), ("auc", 0.9))
    ]
    found = corrected(entries)
    assert [entry["family"] for entry in found] == [3, 1, 3, 3]
    assert [entry["p_adjusted"] for entry in found] == pytest.approx([0.06, 0.02, 0.06, 0.9])
    assert [entry["clear"] for entry in found] == [False, True, False, False]
    assert "family" not in entries[0]


def test_influence_values_of_average_precision_are_its_derivatives():
    from sklearn.metrics import average_precision_score

    from tfmed.evaluation.case_values import case_values

    rng = np.random.default_rng(10)
    labels, scores = rng.integers(0, 2, 60), rng.integers(0, 12, 60) / 12
    found = case_values("average_precision", labels, scores[None], np.array([0.5]))
    base, step = average_precision_score(labels, scores), 1e-6
    for case, value in enumerate(found.groups[0][0]):
        weights = 1 + step * (np.arange(60) == case)
        moved = average_precision_score(labels, scores, sample_weight=weights)
        assert value - base == pytest.approx(60 * (moved - base) / step, abs=1e-5)


def test_an_interval_over_seeds_is_students():
    from scipy.stats import t

    values = [0.8, 0.9, 0.85]
    found = seeds_interval(values)
    half_width = t.ppf(0.975, 2) * np.std(values, ddof=1) / np.sqrt(3)
    assert found["high"] - found["mean"] == pytest.approx(half_width)
    assert seeds_interval([0.8]) == {"mean": 0.8, "low": None, "high": None, "sd": None}
