"""Metrics of groups of cases, and gaps between two."""

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.metrics import accuracy_score, roc_auc_score

from tfmed.evaluation.intervals import mean_interval
from tfmed.evaluation.subgroups.gaps import gap
from tfmed.evaluation.subgroups.measuring import (
    FEWEST,
    Cases,
    CellRuns,
    class_counts,
    group_metrics,
    why_left_out,
)


def drawn(rng, sizes=(60, 60), n_seeds=3, strength=(1.0, 1.0), of_seed=0.15):
    """Rows of two groups, labels and scores, in mixed order; runs and groups interact."""
    group = rng.permutation(np.repeat([0, 1], sizes))
    labels = rng.integers(0, 2, len(group))
    skill = np.array(strength)[group] + rng.normal(0, of_seed, (n_seeds, 2))[:, group]
    skill = skill + rng.normal(0, of_seed, (n_seeds, 1))
    logits = (2 * labels - 1) * skill + rng.normal(0, 1, len(group))
    logits = logits + rng.normal(0, 0.3, (n_seeds, 1)) + rng.normal(0, 0.4, (n_seeds, len(group)))
    scores = 1 / (1 + np.exp(-logits))
    return np.flatnonzero(group == 0), np.flatnonzero(group == 1), labels, scores


def test_metrics_of_a_group_are_scikit_learns_on_its_cases():
    a, b, labels, scores = drawn(np.random.default_rng(0))
    for rows in (a, b):
        found = group_metrics(Cases("binary", labels), rows, CellRuns(scores), ("auc", "accuracy"))
        aucs = [roc_auc_score(labels[rows], row[rows]) for row in scores]
        accuracies = [accuracy_score(labels[rows], row[rows] > 0.5) for row in scores]
        assert found["auc"]["mean"] == pytest.approx(np.mean(aucs))
        assert found["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
        assert found["auc"] == mean_interval(labels[rows], scores[:, rows], "auc")


def test_small_groups_and_groups_of_one_class_are_left_out_with_a_reason():
    labels = np.arange(100) % 2
    cases = Cases("binary", labels)
    assert why_left_out(cases, np.arange(FEWEST)) is None
    assert why_left_out(cases, np.arange(FEWEST - 1)) == "19 images, fewer than 20"
    assert why_left_out(cases, np.arange(0, 60, 2)) == "images of one class only"
    of_patients = Cases("binary", labels, np.arange(100) // 4)
    assert why_left_out(of_patients, np.arange(60)) == "15 patients, fewer than 20"
    findings = Cases("multilabel", np.column_stack([labels, labels]))
    assert why_left_out(findings, np.arange(40)) is None
    assert "no finding" in why_left_out(findings, np.arange(0, 80, 2))
    assert class_counts(cases, np.arange(31), 2) == [16, 15]


def test_a_gap_is_the_difference_of_the_groups_means_and_turns_with_them():
    a, b, labels, scores = drawn(np.random.default_rng(1))
    cases, runs = Cases("binary", labels), CellRuns(scores)
    for metric in ("auc", "accuracy"):
        found, turned = gap(cases, a, b, runs, metric), gap(cases, b, a, runs, metric)
        means = [group_metrics(cases, rows, runs, [metric])[metric]["mean"] for rows in (a, b)]
        assert found["difference"] == pytest.approx(means[0] - means[1])
        assert (turned["low"], turned["high"]) == pytest.approx((-found["high"], -found["low"]))
        assert turned["p_value"] == pytest.approx(found["p_value"])
        assert (found["p_value"] < 0.05) == (not found["low"] <= 0 <= found["high"])


def test_with_one_run_the_variance_is_the_sum_of_both_groups():
    a, b, labels, scores = drawn(np.random.default_rng(2), n_seeds=1)
    right = ((scores[0] > 0.5) == labels).astype(float)
    found = gap(Cases("binary", labels), a, b, CellRuns(scores), "accuracy")
    variance = sum(right[rows].var(ddof=1) / len(rows) for rows in (a, b))
    assert found["standard_error"] == pytest.approx(np.sqrt(variance))


def test_a_patient_with_images_in_both_groups_counts_once():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 80)
    scores = 1 / (1 + np.exp(-((2 * labels - 1) + rng.normal(0, 1.5, (3, 80)))))
    twice, alike = np.tile(labels, 2), np.tile(scores, 2)
    a, b = np.arange(80), np.arange(80, 160)
    apart = gap(Cases("binary", twice), a, b, CellRuns(alike), "accuracy")
    of_patients = Cases("binary", twice, np.tile(np.arange(80), 2))
    together = gap(of_patients, a, b, CellRuns(alike), "accuracy")
    assert apart["difference"] == together["difference"] == 0
    assert together["standard_error"] < 1e-9 < apart["standard_error"]
    names = Cases("binary", twice, np.array([f"p{n}" for n in range(160)]))
    assert gap(names, a, b, CellRuns(alike), "accuracy") == pytest.approx(apart)


def test_groups_without_a_wrong_answer_have_some_variance_all_the_same():
    labels = np.arange(80) % 2
    scores = np.tile(np.where(labels == 1, 0.9, 0.1), (2, 1))
    found = gap(
        Cases("binary", labels), np.arange(40), np.arange(40, 80), CellRuns(scores), "accuracy"
    )
    assert (found["difference"], found["p_value"]) == (0, 1)
    assert found["high"] > 0.02


def test_of_several_findings_those_count_that_both_groups_have_with_and_without():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 2, (100, 3))
    labels[:50, 1] = 0
    scores = rng.random((2, 100, 3))
    a, b = np.arange(50), np.arange(50, 100)
    found = gap(Cases("multilabel", labels), a, b, CellRuns(scores), "auc")
    means = [
        np.mean([roc_auc_score(labels[rows, k], s[rows, k]) for s in scores for k in (0, 2)])
        for rows in (a, b)
    ]
    assert found["findings"] == 2
    assert found["difference"] == pytest.approx(means[0] - means[1])
    labels[:50] = 0
    assert gap(Cases("multilabel", labels), a, b, CellRuns(scores), "auc") is None


def test_a_metric_that_one_group_does_not_define_has_no_gap():
    labels = np.concatenate([np.arange(60) % 3, np.arange(40) % 2])
    scores = np.random.default_rng(0).dirichlet(np.ones(3), (2, 100))
    cases, runs = Cases("ordinal", labels), CellRuns(scores)
    a, b = np.arange(60), np.arange(60, 100)
    assert gap(cases, a, b, runs, "auc") is None
    assert gap(cases, a, b, runs, "quadratic_kappa")["low"] >= -2


def truth(strength, metric, of_seed=0.15):
    """What a metric of `drawn` is in the mean over all cases and runs."""
    noise, of_skill, of_runs = 1 + 0.4**2, 2 * of_seed**2, 0.3**2
    if metric == "auc":
        return float(ndtr(2 * strength / np.sqrt(2 * noise + 4 * of_skill)))
    return float(ndtr(strength / np.sqrt(noise + of_runs + of_skill)))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["accuracy", "auc"])
@pytest.mark.parametrize("sizes", [(25, 25), (30, 120), (300, 300)])
@pytest.mark.parametrize("strength", [(1.0, 1.0), (1.4, 0.8)])
def test_intervals_of_gaps_hold_the_truth_as_often_as_they_say(metric, sizes, strength):
    expected = truth(strength[0], metric) - truth(strength[1], metric)
    rng, held, n = np.random.default_rng(5), 0, 300
    for _ in range(n):
        a, b, labels, scores = drawn(rng, sizes, 3, strength)
        found = gap(Cases("binary", labels), a, b, CellRuns(scores), metric)
        held += found["low"] <= expected <= found["high"]
    assert held / n > 0.92
