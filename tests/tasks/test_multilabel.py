"""Several findings: labels, budgets, scores and metrics, held against scikit-learn and MedMNIST."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sk

from tfmed.data.budgets import check_budget, draw_budget
from tfmed.errors import InputError
from tfmed.evaluation.case_values import case_values
from tfmed.evaluation.metrics import compare, evaluate, mean_interval, summarise
from tfmed.tasks import answer_names, binary, multilabel

with contextlib.redirect_stdout(io.StringIO()):
    from medmnist.evaluator import getACC, getAUC


def cases(n: int = 300, findings: int = 4, seeds: int = 2, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, findings)) < np.linspace(0.1, 0.5, findings)).astype(int)
    logits = rng.normal(size=(seeds, n, findings)) + 1.2 * labels - 0.6
    return labels, 1 / (1 + np.exp(-logits))


def test_metrics_are_those_of_scikit_learn():
    labels, scores = cases()
    row, thresholds = scores[0], [0.3, 0.5, 0.4, 0.6]
    found = evaluate(labels, row, thresholds, "multilabel")
    metrics = found["metrics"]
    expected = {
        "auc": sk.roc_auc_score(labels, row),
        "average_precision": sk.average_precision_score(labels, row),
        "brier": np.mean([sk.brier_score_loss(y, p) for y, p in zip(labels.T, row.T, strict=True)]),
        "log_loss": np.mean([sk.log_loss(y, p) for y, p in zip(labels.T, row.T, strict=True)]),
    }
    for end, answered in (("", row > 0.5), ("_at_threshold", row > np.array(thresholds))):
        answered = answered.astype(int)
        pairs = list(zip(labels.T, answered.T, strict=True))
        expected |= {
            f"accuracy{end}": np.mean(labels == answered),
            f"balanced_accuracy{end}": np.mean([sk.balanced_accuracy_score(*p) for p in pairs]),
            f"macro_f1{end}": sk.f1_score(labels, answered, average="macro"),
        }
    for f in range(4):
        expected |= {
            f"auc_of_class_{f}": sk.roc_auc_score(labels[:, f], row[:, f]),
            f"average_precision_of_class_{f}": sk.average_precision_score(labels[:, f], row[:, f]),
            f"recall_of_class_{f}_at_threshold": sk.recall_score(*pairs[f]),
            f"precision_of_class_{f}_at_threshold": sk.precision_score(*pairs[f]),
        }
    assert set(metrics) == set(expected)
    for name, value in expected.items():
        assert metrics[name] == pytest.approx(value, abs=1e-12), name
    matrices = sk.multilabel_confusion_matrix(labels, answered).reshape(4, 4).tolist()
    assert found["confusion_at_threshold"] == matrices
    assert found["reliability"] is found["roc_tpr"] is None


def test_accuracy_and_auc_are_those_of_medmnist():
    labels, scores = cases()
    found = evaluate(labels, scores[0], [0.5] * 4, "multilabel")["metrics"]
    assert found["auc"] == getAUC(labels, scores[0], "multi-label, binary-class")
    accuracy = getACC(labels, scores[0], "multi-label, binary-class")
    assert found["accuracy"] == pytest.approx(accuracy, abs=1e-15)


@pytest.mark.parametrize("metric", multilabel.metrics_of(2))
def test_spread_of_case_values_is_that_of_a_bootstrap(metric):
    labels, scores = cases(400, findings=2, seeds=1)
    thresholds = np.array([[0.45, 0.55]])
    values = case_values(metric, labels, scores, thresholds, "multilabel")
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(400):
        rows = rng.integers(0, len(labels), len(labels))
        again = case_values(metric, labels[rows], scores[:, rows], thresholds, "multilabel")
        drawn.append(again.estimates[0])
    assert np.sqrt(values.covariance()[0, 0]) == pytest.approx(np.std(drawn), rel=0.15)


def test_intervals_stay_within_the_range_of_the_metric():
    labels, scores = cases(60, seeds=3)
    found = summarise(labels, scores, [[0.5] * 4] * 3, "multilabel")
    for name in multilabel.metrics_of(4):
        low, high = multilabel.metric_range(name, 4)
        row = found[name]
        assert low <= row["low"] <= row["mean"] <= row["high"] <= high
    assert np.shape(found["confusion"]) == (4, 4)


def test_a_strategy_compared_with_itself_does_not_differ():
    labels, scores = cases()
    found = compare(labels, scores, scores, "auc", task="multilabel")
    assert (found["difference"], found["p_value"]) == (0, 1)


def test_a_finding_without_cases_is_left_out_of_the_means_and_named():
    labels, scores = cases()
    labels[:, 2] = 0
    found = evaluate(labels, scores[0], [0.5] * 4, "multilabel")
    others = [0, 1, 3]
    expected = sk.roc_auc_score(labels[:, others], scores[0][:, others])
    assert found["metrics"]["auc"] == pytest.approx(expected, abs=1e-12)
    assert found["metrics"]["auc_of_class_2"] is None
    assert found["undefined"] == {
        name: "needs cases of finding 2, and there is none"
        for name in multilabel.metrics_of(4)
        if "_of_class_2" in name
    }
    labels[:, 1] = 1
    found = evaluate(labels, scores[0], [0.5] * 4, "multilabel")
    assert "every case has it" in found["undefined"]["auc_of_class_1"]
    assert found["metrics"]["average_precision_of_class_1"] == 1
    assert mean_interval(labels * 0, scores, "auc", task="multilabel") is None


def test_few_cases_of_a_rare_finding_do_not_make_those_of_the_others_few():
    labels = np.zeros((1000, 3), int)
    labels[:400, 0] = labels[:300, 1] = labels[:2, 2] = 1
    assert multilabel.n_cases("auc_of_class_2", labels) == 2
    assert multilabel.n_cases("auc", labels) == 2
    labels[:100, 2] = 1
    assert 100 < multilabel.n_cases("auc", labels) < 400
    assert multilabel.n_cases("brier", labels) == 1000


def test_thresholds_are_those_that_each_finding_alone_would_choose():
    labels, scores = cases()
    labels[:, 3] = 0
    chosen = multilabel.choose(labels, scores[0])
    assert chosen[:3] == [binary.choose(labels[:, f], scores[0][:, f]) for f in range(3)]
    assert chosen[3] == 0.5


LABELS = st.integers(2, 6).flatmap(
    lambda k: arrays.arrays(
        np.uint8, st.tuples(st.integers(30, 120), st.just(k)), elements=st.integers(0, 1)
    )
)


@given(labels=LABELS, share=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_a_budget_trains_on_every_finding_that_the_pool_has(labels, share, seed):
    budget = 10 + int(share * (len(labels) - 10))
    train, val = draw_budget(labels, budget, seed, "multilabel")
    assert len(val) == round(0.2 * budget)
    assert len(np.union1d(train, val)) == len(train) + len(val) == budget
    assert (labels[train].any(axis=0) == labels.any(axis=0)).all()
    again = draw_budget(labels, budget, seed, "multilabel")
    assert np.array_equal(train, again[0])
    assert np.array_equal(val, again[1])


def test_a_budget_has_the_findings_in_the_proportion_of_the_pool():
    rng = np.random.default_rng(0)
    labels = (rng.random((4000, 5)) < [0.02, 0.05, 0.1, 0.2, 0.4]).astype(np.uint8)
    train, val = draw_budget(labels, 500, 0, "multilabel")
    for rows in (train, val):
        expected = labels.mean(axis=0) * len(rows)
        assert (np.abs(labels[rows].sum(axis=0) - expected) <= 2.5).all()


def test_a_budget_too_small_for_the_findings_is_said_in_one_line():
    with pytest.raises(InputError, match=r"budget of 12 leaves 10 .* 12 findings") as caught:
        check_budget([5] * 12 + [0], 12, "multilabel")
    assert "\n" not in str(caught.value)
    check_budget([5] * 10 + [0] * 90, 12, "multilabel")


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (np.zeros(4, int), "one column"),
        (np.zeros((4, 1), int), "one column"),
        (np.array([["a", "b"]]), "not numeric"),
        (np.array([[0.0, np.nan]]), "NaN"),
        (np.array([[0, 2], [1, 0]]), "holds 2"),
        (np.zeros((4, 3), int), "no finding that some"),
        (np.ones((4, 3), int), "no finding that some"),
    ],
)
def test_columns_of_no_findings_are_refused(columns, words):
    with pytest.raises(InputError, match=words):
        multilabel.check_columns(columns, "own.npz: train_labels")


def test_a_finding_that_cannot_be_learnt_is_named():
    one, none = np.array([[1, 1], [0, 0]]), np.array([[1, 0], [0, 0]])
    with pytest.raises(InputError, match=r"own.npz: train_labels has no image of finding 1 \(b\)"):
        multilabel.check_splits({"train": none, "val": one, "test": one}, ("a", "b"), "own.npz")
    multilabel.check_splits({"train": one, "val": none, "test": none}, ("a", "b"), "own.npz")


@given(
    arrays.arrays(np.uint8, st.tuples(st.integers(2, 30), st.integers(2, 5)),
                  elements=st.integers(0, 1))
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_class_weights_make_images_with_and_without_a_finding_weigh_the_same(labels):
    weights = multilabel.class_weights(labels)
    assert weights.shape == labels.shape
    assert np.isfinite(weights).all()
    for truth, of_finding in zip(labels.T, weights.T, strict=True):
        if 0 < truth.sum() < len(truth):
            sums = [of_finding[truth == label].sum() for label in (0, 1)]
            assert sums == pytest.approx([len(truth) / 2] * 2)
        else:
            assert (of_finding == 1).all()


def test_groups_are_how_many_findings_an_image_has():
    labels = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 0], [1, 1, 1]])
    assert multilabel.groups_of(labels).tolist() == [0, 1, 2, 2]


def test_answers_are_named():
    answered = np.array([[0, 1, 1], [0, 0, 0]])
    assert answer_names(answered, ["a", "b", "c"]) == ["b|c", "no listed finding"]
    assert answer_names(np.array([1, 0]), ["no", "yes"]) == ["yes", "no"]


def test_scores_that_are_no_probabilities_are_refused():
    labels, scores = cases(10)
    for truth, wrong in ((labels, scores - 1), (labels[:, 0], scores), (labels[:, :2], scores)):
        with pytest.raises(InputError):
            multilabel.check_cases(truth, wrong)
    with pytest.raises(InputError, match="other than 0 and 1"):
        multilabel.check_cases(labels * 2, scores)


def test_the_graph_answers_as_the_scores_do():
    import tensorflow as tf

    outputs = np.array([[0.2, 0.6], [0.7, 0.1]], np.float32)
    scores, thresholds = multilabel.scores_of(outputs), [0.5, float(outputs[0, 1])]
    probabilities, answered = multilabel.served(tf.constant(outputs), thresholds)
    assert answered.numpy().tolist() == multilabel.answers(scores, thresholds).tolist()
    assert (
        answered.numpy().tolist() == multilabel.class_of(probabilities.numpy(), thresholds).tolist()
    )
    assert answered.numpy().tolist() == [[0, 0], [1, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "class_weighted", "focal"])
def test_a_loss_is_the_mean_over_findings_of_the_binary_one(name):
    labels, scores = cases(40)
    truth, outputs = multilabel.targets(labels), scores[0].astype("float32")
    found = float(multilabel.loss(name)(truth, outputs))
    of_findings = [
        float(binary.loss(name)(truth[:, f : f + 1], outputs[:, f : f + 1])) for f in range(4)
    ]
    assert found == pytest.approx(np.mean(of_findings), rel=1e-5)
    weights = multilabel.class_weights(labels)
    weighted = float(multilabel.loss("plain")(truth, outputs, sample_weight=weights))
    entropy = -(labels * np.log(outputs) + (1 - labels) * np.log(1 - outputs))
    assert weighted == pytest.approx((weights * entropy).mean(), rel=1e-4)
