"""Tests of metrics, thresholds and summaries."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import assume, given
from simulation import cases, quick, simulated, tied_scores
from sklearn import metrics as reference

from tfmed.errors import InputError
from tfmed.evaluation.metrics import (
    METRICS,
    accuracy_and_auc,
    compare,
    evaluate,
    summarise,
)
from tfmed.tasks import task_of
from tfmed.tasks.scoring import calibration_gaps

BINARY = task_of("binary")

with contextlib.redirect_stdout(io.StringIO()):
    from medmnist.evaluator import getACC, getAUC


@quick
@given(cases)
def test_accuracy_and_auc_are_medmnists(case):
    labels, scores = case
    assume(len(labels) > 1)
    found = evaluate(labels, scores, 0.5)["metrics"]
    assert found["accuracy"] == getACC(labels, scores, "binary-class")
    if 0 < labels.sum() < len(labels):
        assert found["auc"] == getAUC(labels, scores, "binary-class")


@quick
@given(cases, tied_scores)
def test_other_metrics_are_scikit_learns(case, threshold):
    labels, scores = case
    assume(0 < labels.sum() < len(labels))
    found = evaluate(labels, scores, threshold)
    for suffix, cut in (("", 0.5), ("_at_threshold", threshold)):
        answers = scores > cut
        expected = {
            "accuracy": reference.accuracy_score(labels, answers),
            "balanced_accuracy": reference.balanced_accuracy_score(labels, answers),
            "sensitivity": reference.recall_score(labels, answers),
            "specificity": reference.recall_score(labels, answers, pos_label=0),
        }
        for name, value in expected.items():
            assert found["metrics"][name + suffix] == pytest.approx(value)
        confusion = reference.confusion_matrix(labels, answers)
        assert found["confusion" + suffix] == confusion.tolist()
    assert found["metrics"]["brier"] == pytest.approx(reference.brier_score_loss(labels, scores))
    precision = reference.average_precision_score(labels, scores)
    assert found["metrics"]["average_precision"] == pytest.approx(precision, abs=1e-12)
    assert not found["undefined"]


@quick
@given(cases)
def test_calibration_error_is_the_weighted_gap_of_its_bins(case):
    labels, scores = case
    gaps = [
        abs(np.sum((scores - labels)[(scores > low) & (scores <= low + 0.25)]))
        for low in (0.25, 0.5, 0.75)
    ]
    gaps.append(abs(np.sum((scores - labels)[scores <= 0.25])))
    found = calibration_gaps(labels, scores, n_bins=4).mean()
    assert found == pytest.approx(sum(gaps) / len(labels))


def test_calibration_error_is_zero_for_honest_and_one_for_wrong_certainty():
    assert evaluate([0, 0, 0, 1], [0.25] * 4, 0.5)["metrics"]["ece"] == 0
    assert evaluate([0, 1], [1.0, 0.0], 0.5)["metrics"]["ece"] == 1


@pytest.mark.parametrize("label", [0, 1])
def test_metrics_that_need_the_absent_class_are_none_with_a_reason(label):
    found = evaluate([label] * 3, [0.2, 0.6, 0.9], 0.7)
    absent = {name for name, value in found["metrics"].items() if value is None}
    lacking = "specificity" if label else "sensitivity"
    assert absent == {
        *("auc", "average_precision", "balanced_accuracy", "balanced_accuracy_at_threshold"),
        *(lacking, f"{lacking}_at_threshold"),
    }
    assert set(found["undefined"]) == absent
    assert f"every label is {label}" in found["undefined"]["auc"]
    assert found["roc_tpr"] is None
    assert found["pr_precision"] is None
    assert sum(found["reliability"]["count"]) == 3


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_without_a_threshold_only_what_needs_none_is_measured(task):
    random = np.random.default_rng(0)
    shape = (40,) if task == "binary" else (40, 3)
    labels, scores = random.integers(0, 2, shape), random.random(shape)
    found = evaluate(labels, scores, None, task)
    chosen = evaluate(labels, scores, 0.5 if task == "binary" else [0.5] * 3, task)["metrics"]
    of_none = {name: n for name, n in chosen.items() if not name.endswith("_at_threshold")}
    assert found["metrics"] == of_none
    assert "balanced_accuracy" in of_none
    assert found["confusion_at_threshold"] is None


def test_a_score_equal_to_the_threshold_is_answered_0():
    assert evaluate([1, 0], [0.5, 0.5], 0.5)["confusion"] == [[1, 0], [1, 0]]


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([], [], "at least one case"),
        ([0, 1], [0.5], "do not match"),
        ([[0], [1]], [0.1, 0.2], "do not match"),
        ([0, 2], [0.1, 0.2], "other than 0 and 1"),
        ([0, 1], [0.1, np.nan], "NaN"),
        ([0, 1], [0.1, -2.0], "logits"),
    ],
)
def test_unusable_arrays_are_named_in_one_line(labels, scores, words):
    for function in (accuracy_and_auc, BINARY.choose):
        with pytest.raises(InputError, match=words) as caught:
            function(labels, scores)
        assert "\n" not in str(caught.value)


def test_summary_is_the_mean_over_runs_inside_its_interval():
    labels, scores = simulated(np.random.default_rng(0))
    thresholds = [0.4, 0.5, 0.6]
    runs = [evaluate(labels, *run) for run in zip(scores, thresholds, strict=True)]
    summary = summarise(labels, scores, thresholds)
    for name in METRICS:
        values = [run["metrics"][name] for run in runs]
        assert summary[name]["mean"] == pytest.approx(np.mean(values))
        assert summary[name]["sd"] == pytest.approx(np.std(values, ddof=1))
        assert 0 <= summary[name]["low"] < np.mean(values) < summary[name]["high"] <= 1
    assert summary["confusion"] == np.mean([run["confusion"] for run in runs], axis=0).tolist()
    assert summary["roc"]["tpr"] == np.mean([run["roc_tpr"] for run in runs], axis=0).tolist()
    assert summary["pr"]["precision"] == pytest.approx(
        np.mean([run["pr_precision"] for run in runs], axis=0)
    )
    counts = [run["reliability"]["count"] for run in runs]
    assert summary["reliability"]["count"] == pytest.approx(np.mean(counts, axis=0))


def test_one_class_leaves_undefined_summaries_and_comparisons_none():
    scores = np.random.default_rng(0).random((3, 20))
    summary = summarise(np.ones(20, int), scores, [0.5] * 3)
    assert summary["auc"] is None
    assert summary["roc"] is None
    assert summary["pr"] is None
    assert summary["sensitivity"]["sd"] is not None
    assert compare(np.ones(20, int), scores, scores, "auc") is None


def test_swapped_test_labels_move_no_threshold_and_no_score():
    rng = np.random.default_rng(7)
    labels, scores = simulated(rng, n_seeds=1)
    val_labels, val_scores = simulated(rng, n_seeds=1, n=60)
    threshold = BINARY.choose(val_labels, val_scores[0])
    kept = scores.copy()
    right, swapped = (evaluate(y, scores[0], threshold) for y in (labels, 1 - labels))
    assert swapped["metrics"]["auc"] == pytest.approx(1 - right["metrics"]["auc"])
    assert swapped["metrics"]["accuracy"] == pytest.approx(1 - right["metrics"]["accuracy"])
    assert swapped["reliability"]["score"] == right["reliability"]["score"]
    assert scores.tobytes() == kept.tobytes()
    assert BINARY.choose(val_labels, val_scores[0]) == threshold


def test_accuracy_and_auc_alone_are_those_of_all_metrics():
    labels, scores = simulated(np.random.default_rng(3), n_seeds=1)
    for case in ((labels, scores[0]), (labels, np.round(scores[0], 1)), ([1, 1], [0.5, 0.6])):
        expected = evaluate(*case, 0.5)["metrics"]
        found = accuracy_and_auc(*case)
        assert found["auc"] == expected["auc"]
        assert found["accuracy"] == pytest.approx(expected["accuracy"], abs=1e-15)
