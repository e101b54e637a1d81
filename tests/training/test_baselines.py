"""Tests of the simple classifiers that see a label budget."""

import inspect
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from tfmed.errors import InputError
from tfmed.training.baselines import BASELINES, NEIGHBOURS, PENALTIES, fit_predict, fit_probe

LEARNERS = [name for name in BASELINES if name != "majority"]


def cases(n=200, d=40, distance=2.5, share=0.5, seed=0):
    """Features (n, d) float32 of two classes that a few dimensions tell apart, and labels (n,)."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) < round(share * n)).astype(int)
    features = rng.normal(size=(n, d))
    features[:, :3] += distance * labels[:, None]
    return features.astype(np.float32), labels


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_beat_chance_on_classes_that_lie_apart(name):
    train, labels = cases()
    test, test_labels = cases(seed=1)
    found = fit_predict(name, train, labels, test)
    assert roc_auc_score(test_labels, found.test_scores) > 0.95
    assert roc_auc_score(found.val_labels, found.val_scores) > 0.95
    assert found.chosen["folds"] == 5


@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_probabilities_of_every_case(name):
    train, labels = cases(60)
    found = fit_predict(name, train, labels, cases(30, seed=1)[0])
    assert found.test_scores.shape == (30,)
    assert found.val_scores.shape == found.val_labels.shape == (60,)
    assert found.val_labels.tolist() == labels.tolist()
    for scores in (found.test_scores, found.val_scores):
        assert scores.dtype == np.float64
        assert scores.min() >= 0
        assert scores.max() <= 1
    assert json.loads(json.dumps(found.chosen)) == found.chosen


def test_labels_of_the_test_cases_are_no_argument():
    assert list(inspect.signature(fit_predict).parameters) == [
        "name",
        "train_x",
        "train_y",
        "test_x",
        "seed",
        "n_classes",
    ]


@pytest.mark.parametrize("name", LEARNERS)
def test_the_other_test_cases_do_not_change_a_score(name):
    train, labels = cases(80)
    test, _ = cases(40, seed=1)
    found = fit_predict(name, train, labels, test).test_scores
    alone = fit_predict(name, train, labels, test[:1]).test_scores
    assert alone == pytest.approx(found[:1], abs=1e-5)


@pytest.mark.parametrize("name", BASELINES)
def test_the_same_seed_gives_the_same_bytes(name):
    train, labels = cases(90)
    test, _ = cases(20, seed=1)
    first, second = (fit_predict(name, train, labels, test, seed=4) for _ in range(2))
    assert first.test_scores.tobytes() == second.test_scores.tobytes()
    assert first.val_scores.tobytes() == second.val_scores.tobytes()
    assert first.chosen == second.chosen


def test_the_seed_decides_the_folds():
    train, labels = cases(90, distance=0.7)
    scores = [fit_predict("logistic", train, labels, train, seed).val_scores for seed in (0, 1)]
    assert not np.array_equal(*scores)


@pytest.mark.parametrize("name", LEARNERS)
def test_out_of_fold_scores_hold_no_trace_of_their_own_label(name):
    rng = np.random.default_rng(0)
    noise, labels = rng.normal(size=(300, 200)), rng.integers(0, 2, 300)
    found = fit_predict(name, noise, labels, noise)
    # Fits to noise know their own cases by heart; out of fold there is nothing to know.
    assert roc_auc_score(labels, found.val_scores) < 0.65


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("positives", [1, 2, 3, 29])
def test_thirty_labels_are_enough_to_answer(name, positives):
    train, labels = cases(30, d=784, distance=4, share=positives / 30)
    found = fit_predict(name, train, labels, cases(10, d=784, seed=1)[0])
    assert np.isfinite(found.test_scores).all()
    assert np.isfinite(found.val_scores).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BASELINES)
def test_two_labels_are_answered(name):
    train, _ = cases(2)
    found = fit_predict(name, train, np.array([0, 1]), train)
    assert np.isfinite(found.test_scores).all()


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_answered_with_it(name, label):
    train, _ = cases(12)
    found = fit_predict(name, train, np.full(12, label), train[:5])
    assert found.test_scores.tolist() == [label] * 5
    assert found.val_scores.tolist() == [label] * 12
    assert found.chosen == {}


def test_majority_answers_the_share_of_the_budget():
    train, labels = cases(40, share=0.75)
    found = fit_predict("majority", train, labels, train[:3])
    assert found.test_scores.tolist() == [0.75] * 3


def test_logistic_is_scikit_learns_at_the_setting_chosen():
    train, labels = cases(150, distance=0.8)
    test, _ = cases(50, seed=1)
    found = fit_predict("logistic", train, labels, test)
    assert found.chosen["C"] in PENALTIES
    scaler = StandardScaler().fit(train.astype(float))
    model = LogisticRegression(C=found.chosen["C"], tol=1e-8, max_iter=5000)
    model.fit(scaler.transform(train), labels)
    expected = model.predict_proba(scaler.transform(test))[:, 1]
    assert found.test_scores == pytest.approx(expected, abs=2e-3)


def test_knn_is_the_share_among_the_nearest_at_the_setting_chosen():
    train, labels = cases(150, distance=0.8)
    test, _ = cases(20, seed=1)
    found = fit_predict("knn", train, labels, test)
    k = found.chosen["k"]
    assert k in NEIGHBOURS
    distances = np.linalg.norm(test[:, None] - train[None], axis=2)
    nearest = np.argsort(distances, axis=1)[:, :k]
    assert found.test_scores == pytest.approx(labels[nearest].mean(axis=1))


def test_k_is_at_most_half_of_the_budget():
    train, labels = cases(12, distance=0)
    assert fit_predict("knn", train, labels, train).chosen["k"] <= 6


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", BASELINES)
def test_images_that_are_all_alike_get_one_score(name):
    alike, labels = np.full((30, 28, 28, 1), 7, np.uint8), np.arange(30) % 3 // 2
    found = fit_predict(name, alike, labels, alike)
    assert np.ptp(found.test_scores) < 1e-6


def test_images_of_bytes_are_read_as_intensities():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = rng.integers(0, 100, (60, 8, 8, 1), dtype=np.uint8)
    images[labels == 1, :2] += 100
    scaled = images.astype(np.float32) / np.float32(255)
    for name in ("pixels_logistic", "pca_logistic"):
        of_bytes = fit_predict(name, images, labels, images)
        of_floats = fit_predict(name, scaled, labels, scaled)
        assert of_bytes.test_scores == pytest.approx(of_floats.test_scores)


def test_a_feature_that_wakes_up_on_test_cases_does_not_decide_them():
    train, labels = cases(100)
    train[:, -1] = 0
    train[0, -1] = 1e-3
    test, _ = cases(20, seed=1)
    test[:, -1] = 0
    woken = test.copy()
    woken[:, -1] = 1
    scores = [fit_predict("logistic", train, labels, x).test_scores for x in (test, woken)]
    assert np.abs(scores[0] - scores[1]).max() < 0.15


def test_probe_gives_the_scores_of_the_logistic_baseline():
    train, labels = cases(120, distance=1)
    test, test_labels = cases(80, distance=1, seed=1)
    probe = fit_probe(train, labels, seed=2)
    expected = fit_predict("logistic", train, labels, test, seed=2).test_scores
    assert probe(test) == pytest.approx(expected)
    assert roc_auc_score(test_labels, probe(test)) > 0.7


def test_probe_of_embeddings_that_forgot_the_classes_is_at_chance():
    train, labels = cases(400)
    dead = np.full_like(train, 0.3)
    assert np.ptp(fit_probe(dead, labels)(dead)) < 1e-6
    assert fit_probe(train, np.zeros(400, int))(train[:3]).tolist() == [0, 0, 0]


def test_unusable_input_is_named():
    train, labels = cases(20)
    with pytest.raises(InputError, match="'svm' is unknown"):
        fit_predict("svm", train, labels, train)
    with pytest.raises(InputError, match="labels of shape"):
        fit_predict("knn", train, labels[:3], train)
    with pytest.raises(InputError, match="other than 0 and 1"):
        fit_predict("knn", train, labels + 1, train)
    with pytest.raises(InputError, match="NaN or infinity"):
        fit_predict("logistic", train * np.nan, labels, train)
    with pytest.raises(InputError, match="39 features where the fit saw 40"):
        fit_predict("logistic", train, labels, train[:, 1:])
    with pytest.raises(InputError, match="at least one case"):
        fit_probe(train[:0], labels[:0])


def several(n=150, seed=0):
    """Cases of three findings, one of which none has; cases may have several."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, 3)) < [0.2, 0.5, 0]).astype(int)
    return rng.normal(size=(n, 40)) + labels @ rng.normal(0, 0.5, (3, 40)), labels


@pytest.mark.parametrize("name", BASELINES)
def test_several_findings_are_each_answered_by_themselves(name):
    (train, labels), (test, _) = several(), several(50, seed=1)
    found = fit_predict(name, train, labels, test, n_classes=3)
    assert found.test_scores.shape == (50, 3)
    assert found.val_scores.shape == labels.shape
    assert ((found.test_scores >= 0) & (found.test_scores <= 1)).all()
    assert (found.test_scores[:, 2] == 0).all()
    if name == "majority":
        assert found.test_scores[0].tolist() == labels.mean(axis=0).tolist()


@pytest.mark.parametrize("n", [30, 150])
def test_logistic_of_several_findings_is_scikit_learns_of_each(n):
    (train, labels), (test, _) = several(n), several(50, seed=1)
    found = fit_predict("logistic", train, labels, test, n_classes=3)
    scaler = StandardScaler().fit(train.astype(float))
    for finding in range(2):
        model = LogisticRegression(C=found.chosen["C"], tol=1e-8, max_iter=5000)
        model.fit(scaler.transform(train), labels[:, finding])
        expected = model.predict_proba(scaler.transform(test))[:, 1]
        assert found.test_scores[:, finding] == pytest.approx(expected, abs=2e-3)


@given(
    arrays.arrays(
        np.int64, st.tuples(st.integers(2, 30), st.integers(2, 4)), elements=st.integers(0, 1)
    )
)
@settings(max_examples=25, deadline=None)
def test_any_labels_of_several_findings_are_answered(labels):
    train = np.random.default_rng(0).normal(size=(len(labels), 5))
    for name in ("pca_logistic", "knn"):
        found = fit_predict(name, train, labels, train[:3], n_classes=labels.shape[1])
        assert np.isfinite(found.test_scores).all()
