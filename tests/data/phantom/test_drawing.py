"""The phantom: MedMNIST's format, determinism, and a difficulty between trivial and hopeless."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tfmed.data import SPLITS
from tfmed.data.phantom.drawing import DEFAULT_COUNTS, MAX_SIZE, MIN_SIZE, draw_phantom
from tfmed.data.phantom.findings import FINDINGS
from tfmed.errors import InputError

FEW = {"train": 40, "val": 10, "test": 16}
DOMAINS = ("chest", "pneumonia")


@pytest.fixture(scope="module")
def chest():
    return draw_phantom("chest")


@pytest.fixture(scope="module")
def pneumonia():
    return draw_phantom("pneumonia")


@pytest.fixture(params=DOMAINS)
def phantom(request):
    return request.getfixturevalue(request.param), request.param


def test_arrays_have_the_shapes_and_dtypes_of_medmnist(phantom):
    arrays, domain = phantom
    assert set(arrays) == {f"{split}_{part}" for split in SPLITS for part in ("images", "labels")}
    columns = 14 if domain == "chest" else 1
    for split, n in DEFAULT_COUNTS[domain].items():
        assert arrays[f"{split}_images"].shape == (n, 28, 28)
        assert arrays[f"{split}_labels"].shape == (n, columns)
    assert {a.dtype for a in arrays.values()} == {np.dtype(np.uint8)}


def test_labels_are_zero_or_one(phantom):
    arrays, _ = phantom
    for split in SPLITS:
        assert set(np.unique(arrays[f"{split}_labels"])) == {0, 1}


def test_finding_names_are_the_fourteen_of_chestmnist_in_order():
    medmnist_info = pytest.importorskip("medmnist.info", reason="medmnist is not installed")
    assert tuple(medmnist_info.INFO["chestmnist"]["label"].values()) == FINDINGS


def test_every_finding_occurs_in_every_default_split(chest):
    for split in SPLITS:
        assert (chest[f"{split}_labels"].sum(axis=0) > 0).all()


def test_more_than_half_of_the_chests_have_no_finding(chest):
    for split in SPLITS:
        assert 0.55 <= 1 - chest[f"{split}_labels"].any(axis=1).mean() <= 0.60


@pytest.mark.parametrize(("split", "share"), [("train", 0.74), ("val", 0.74), ("test", 0.625)])
def test_pneumonia_has_the_class_balance_of_pneumoniamnist(pneumonia, split, share):
    assert pneumonia[f"{split}_labels"].mean() == pytest.approx(share)


@pytest.mark.parametrize("domain", DOMAINS)
def test_same_seed_gives_the_same_bytes(domain):
    first, second = (draw_phantom(domain, counts=FEW, seed=3) for _ in range(2))
    assert all(first[key].tobytes() == second[key].tobytes() for key in first)


@pytest.mark.parametrize("domain", DOMAINS)
def test_another_seed_draws_other_images_and_labels(domain):
    first, second = (draw_phantom(domain, counts=FEW, seed=seed) for seed in (0, 1))
    assert all((first[key] != second[key]).any() for key in first)


def test_splits_are_independent_draws(phantom):
    arrays, _ = phantom
    images = np.concatenate([arrays[f"{split}_images"] for split in SPLITS])
    assert len(np.unique(images.reshape(len(images), -1), axis=0)) == len(images)


@pytest.mark.parametrize("domain", DOMAINS)
def test_fewer_images_are_a_prefix_of_more(domain, request):
    many, few = request.getfixturevalue(domain), draw_phantom(domain, counts=FEW)
    for key, array in few.items():
        np.testing.assert_array_equal(array, many[key][: len(array)])


def test_a_split_left_out_of_counts_keeps_its_default():
    arrays = draw_phantom("pneumonia", counts={"train": 5})
    sizes = {split: len(arrays[f"{split}_images"]) for split in SPLITS}
    assert sizes == {"train": 5, "val": 250, "test": 624}


def test_the_two_domains_look_different(chest, pneumonia):
    means = [arrays["train_images"].mean(axis=0) for arrays in (chest, pneumonia)]
    assert np.abs(means[0] - means[1]).mean() > 8


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_larger_size_shows_the_same_patients(domain):
    small, large = (draw_phantom(domain, counts=FEW, size=size) for size in (32, 64))
    assert large["train_images"].shape == (40, 64, 64)
    np.testing.assert_array_equal(small["train_labels"], large["train_labels"])
    halved = large["train_images"].reshape(40, 32, 2, 32, 2).mean(axis=(2, 4))
    assert np.abs(halved - small["train_images"]).mean() < 6


@pytest.mark.parametrize("domain", DOMAINS)
def test_lungs_are_darker_than_the_mediastinum_and_the_abdomen(domain, request):
    mean = request.getfixturevalue(domain)["train_images"].mean(axis=0)
    lungs = (mean[10:15, 7:9].mean() + mean[10:15, 19:21].mean()) / 2
    assert lungs < mean[10:15, 13:15].mean() - 30
    assert lungs < mean[25:, 10:18].mean() - 30


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_heart_lies_on_the_viewers_right(domain, request):
    mean = request.getfixturevalue(domain)["train_images"].mean(axis=0)
    assert mean[15:18, 17:20].mean() > mean[15:18, 8:11].mean() + 10


def _auc(arrays, features, n_train):
    def split(name):
        images = arrays[f"{name}_images"] / 255
        return features(images.reshape(len(images), -1)), arrays[f"{name}_labels"].any(axis=1)

    (x, y), (x_test, y_test) = split("train"), split("test")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=3e-3, max_iter=300))
    scores = model.fit(x[:n_train], y[:n_train]).decision_function(x_test)
    return roc_auc_score(y_test, scores)


@pytest.mark.parametrize(
    ("domain", "n_train", "low", "high"),
    [
        ("chest", 300, 0.54, 0.70),
        ("chest", 4000, 0.60, 0.75),
        ("pneumonia", 300, 0.78, 0.92),
        ("pneumonia", 2000, 0.86, 0.95),
    ],
)
def test_logistic_regression_on_pixels_beats_chance_and_is_not_perfect(
    domain, n_train, low, high, request
):
    assert low < _auc(request.getfixturevalue(domain), lambda x: x, n_train) < high


def test_global_brightness_and_contrast_alone_do_not_tell_the_classes_apart(phantom):
    arrays, domain = phantom
    auc = _auc(arrays, lambda x: np.stack([x.mean(axis=1), x.std(axis=1)], axis=1), None)
    assert auc < (0.58 if domain == "chest" else 0.72)


def test_the_default_sets_are_drawn_in_seconds():
    start = time.process_time()
    for domain in DOMAINS:
        draw_phantom(domain)
    assert time.process_time() - start < 12


@settings(max_examples=15, deadline=None)
@given(
    domain=st.sampled_from(DOMAINS),
    counts=st.fixed_dictionaries({split: st.integers(1, 6) for split in SPLITS}),
    size=st.integers(MIN_SIZE, 48),
    seed=st.integers(0, 2**63),
)
def test_any_valid_request_gives_images_with_structure(domain, counts, size, seed):
    arrays = draw_phantom(domain, counts=counts, size=size, seed=seed)
    for split, n in counts.items():
        assert arrays[f"{split}_images"].shape == (n, size, size)
        assert arrays[f"{split}_images"].std(axis=(1, 2)).min() > 8


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"domain": "knee"}, "'knee'"),
        ({"domain": "chest", "counts": {"dev": 3}}, "'dev'"),
        ({"domain": "chest", "counts": {"val": 0}}, "'val'"),
        ({"domain": "chest", "size": MIN_SIZE - 1}, f"size {MIN_SIZE - 1}"),
        ({"domain": "chest", "size": MAX_SIZE + 1}, f"size {MAX_SIZE + 1}"),
        ({"domain": "chest", "seed": -1}, "seed -1"),
    ],
)
def test_a_request_out_of_range_is_named_in_one_line(arguments, named):
    with pytest.raises(InputError, match=named) as error:
        draw_phantom(**arguments)
    assert "\n" not in str(error.value)
