"""Several classes: labels, budgets, scores and metrics, held against scikit-learn and MedMNIST."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sk

from tfmed.data.budgets import draw_budget
from tfmed.errors import InputError
from tfmed.evaluation.case_values import case_values
from tfmed.evaluation.metrics import compare, evaluate, mean_interval, summarise
from tfmed.tasks import multiclass, task_for


def cases(n: int = 200, k: int = 3, seeds: int = 2, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    labels[:k] = range(k)
    logits = rng.normal(size=(seeds, n, k)) + 1.5 * (labels[:, None] == np.arange(k))
    scores = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    return labels, scores


@pytest.mark.parametrize("k", [3, 7])
def test_metrics_are_those_of_scikit_learn(k):
    labels, scores = cases(k=k)
    found = evaluate(labels, scores[0], None, "multiclass")
    row, answered = scores[0], scores[0].argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(labels, answered),
        "auc": sk.roc_auc_score(labels, row, multi_class="ovr"),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, answered),
        "macro_f1": sk.f1_score(labels, answered, average="macro"),
        "log_loss": sk.log_loss(labels, row),
        "brier": np.square(row - np.eye(k)[labels]).sum(axis=1).mean(),
    }
    recalls = sk.recall_score(labels, answered, average=None)
    precisions = sk.precision_score(labels, answered, average=None, zero_division=0)
    for c in range(k):
        expected[f"recall_of_class_{c}"] = recalls[c]
        expected[f"precision_of_class_{c}"] = precisions[c]
        expected[f"auc_of_class_{c}"] = sk.roc_auc_score(labels == c, row[:, c])
    for name, value in expected.items():
        assert found["metrics"][name] == pytest.approx(value, abs=1e-12), name
    assert found["confusion"] == sk.confusion_matrix(labels, answered).tolist()
    assert found["confusion_at_threshold"] is None
    assert found["reliability"] is found["roc_tpr"] is None
    assert set(found["metrics"]) == set(expected) | {"ece"}


def test_calibration_error_is_that_of_the_answered_class():
    labels, scores = cases(500)
    sure, right = scores[0].max(axis=1), scores[0].argmax(axis=1) == labels
    bins = np.clip(np.ceil(sure * 15) - 1, 0, 14)
    expected = sum(
        abs((right[bins == b] - sure[bins == b]).sum()) for b in range(15) if (bins == b).any()
    ) / len(labels)
    found = evaluate(labels, scores[0], None, "multiclass")["metrics"]["ece"]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("metric", multiclass.metrics_of(3))
def test_spread_of_case_values_is_that_of_a_bootstrap(metric):
    labels, scores = cases(400, seeds=1)
    values = case_values(metric, labels, scores, np.array([None]), "multiclass")
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(400):
        rows = rng.integers(0, len(labels), len(labels))
        again = case_values(metric, labels[rows], scores[:, rows], np.array([None]), "multiclass")
        drawn.append(again.estimates[0])
    spread = np.sqrt(values.covariance()[0, 0])
    # ECE is biased upwards by noise, so that its values tell of no more than its order.
    tolerance = 0.6 if metric == "ece" else 0.15
    assert spread == pytest.approx(np.std(drawn), rel=tolerance)


def test_intervals_stay_within_the_range_of_the_metric():
    labels, scores = cases(30, seeds=3)
    found = summarise(labels, scores, [None] * 3, "multiclass")
    for name in multiclass.metrics_of(3):
        low, high = multiclass.metric_range(name, 3)
        row = found[name]
        assert low <= row["low"] <= row["mean"] <= row["high"] <= high
    assert found["roc"] is found["pr"] is found["reliability"] is None


def test_a_strategy_compared_with_itself_does_not_differ():
    labels, scores = cases()
    found = compare(labels, scores, scores, "auc", task="multiclass")
    assert (found["difference"], found["p_value"]) == (0, 1)


def test_a_class_without_cases_leaves_means_over_classes_undefined_with_the_reason():
    labels, scores = cases(60)
    labels[labels == 2] = 1
    found = evaluate(labels, scores[0], None, "multiclass")
    assert found["metrics"]["auc"] is None
    assert "2 of 3 classes" in found["undefined"]["auc"]
    assert "class 2" in found["undefined"]["recall_of_class_2"]
    assert found["metrics"]["auc_of_class_0"] is not None
    assert mean_interval(labels, scores, "macro_f1", task="multiclass") is None


def test_of_a_class_that_is_never_answered_precision_is_0():
    labels = np.array([0, 1, 2])
    scores = np.tile([0.5, 0.3, 0.2], (3, 1))
    found = evaluate(labels, scores, None, "multiclass")["metrics"]
    assert found["precision_of_class_2"] == 0


@given(
    counts=st.lists(st.integers(2, 60), min_size=3, max_size=9),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_a_budget_has_every_class_and_their_balance(counts, share, seed):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.uint8)
    least = max(10, 2 * len(counts))
    if len(labels) < least:
        return
    budget = least + int(share * (len(labels) - least))
    train, val = draw_budget(labels, budget, seed, "multiclass")
    assert len(train) + len(val) == budget
    assert not set(train) & set(val)
    assert set(labels[train]) == set(range(len(counts)))
    found = np.bincount(labels[np.concatenate([train, val])], minlength=len(counts))
    assert (found <= counts).all()


def test_a_budget_too_small_for_the_classes_is_said_in_one_line():
    labels = np.repeat(np.arange(12), 20).astype(np.uint8)
    with pytest.raises(InputError, match=r"budget of 12 leaves 10 .* 12 classes") as caught:
        draw_budget(labels, 12, 0, "multiclass")
    assert "\n" not in str(caught.value)


@given(arrays.arrays(np.int64, st.integers(1, 40), elements=st.integers(-3, 9)))
@settings(max_examples=80, deadline=None)
def test_only_whole_numbers_from_0_without_a_gap_are_several_classes(column):
    values = sorted(set(column.tolist()))
    expected = len(values) > 2 and values == list(range(len(values)))
    assert (task_for([column]) == "multiclass") == expected
    assert (task_for([column[:, None]]) == "multiclass") == expected


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (np.zeros((4, 2), int), "2 columns"),
        (np.array(["a", "b"]), "not numeric"),
        (np.array([0.0, np.nan]), "holds nan"),
        (np.array([0, -1]), "holds -1"),
        (np.array([0.5, 1]), "holds 0.5"),
        (np.array([0, 300]), "holds 300"),
    ],
)
def test_columns_of_no_class_are_refused(columns, words):
    with pytest.raises(InputError, match=words):
        multiclass.check_columns(columns, "own.npz: train_labels")


def test_a_class_missing_in_a_split_is_named():
    columns = {"train": np.array([0, 1, 2]), "val": np.array([0, 2]), "test": np.array([0, 1, 2])}
    with pytest.raises(InputError, match=r"own.npz: val_labels has no image of class 1 \(b\)"):
        multiclass.check_splits(columns, ("a", "b", "c"), "own.npz")


def test_scores_that_are_no_probabilities_are_refused():
    labels, scores = cases(10)
    for wrong in (scores * 0.5, scores[..., 0], scores - 1):
        with pytest.raises(InputError):
            multiclass.check_cases(labels, wrong)


def test_rounded_scores_keep_the_answer():
    scores = np.array([[0.33334, 0.33335, 0.33331], [0.1, 0.2, 0.7]])
    assert np.argmax(multiclass.rounded(scores), axis=1).tolist() == [1, 2]


def test_class_weights_make_all_classes_weigh_the_same():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = multiclass.class_weights(labels)
    sums = [weights[c] * (labels == c).sum() for c in range(3)]
    assert sums == pytest.approx([10 / 3] * 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "focal"])
def test_losses_fall_with_the_probability_of_the_true_class(name):
    loss = multiclass.loss(name)
    truth = multiclass.targets(np.array([1, 2], np.uint8))
    good = np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], np.float32)
    bad = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], np.float32)
    expected = -np.log(0.8) * (0.04 if name == "focal" else 1)
    assert float(loss(truth, good)) == pytest.approx(expected, rel=1e-3)
    assert float(loss(truth, bad)) > float(loss(truth, good))
