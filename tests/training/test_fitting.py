import keras
import numpy as np
import pytest

from tfmed.encoders import plain
from tfmed.pretraining.parts.views import AUGMENTATION, augmentation
from tfmed.tasks import task_of
from tfmed.training import fitting, heads, transfer
from tfmed.training.examples import LabelledImages, LabelledSplits
from tfmed.training.settings import FitSettings
from tfmed.training.standardising import statistics

pytestmark = pytest.mark.slow

BINARY = task_of("binary")
SMALL = plain.Settings(latent_channels=8, base_filters=4)


def fit_config(epochs, batch_size, learning_rate, patience, augment=False):
    """Also with values that no study file may have."""
    return FitSettings.model_construct(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        augment=augment,
    )


def noise(n_train=64, n_val=32, seed=0):
    """Labels that nothing predicts: the validation loss can only get worse in the end."""
    rng = np.random.default_rng(seed)

    def draw(n):
        images = rng.integers(0, 256, (n, 28, 28, 1)).astype("uint8")
        return LabelledImages(images, rng.integers(0, 2, n).astype("uint8"))

    return LabelledSplits(draw(n_train), draw(n_val), "binary")


def classifier(dropout=0.0, l2=0.0):
    head = heads.build_head((4, 4, 8), BINARY.output(2), dropout=dropout, l2=l2)
    return heads.build_classifier(plain.build(SMALL, (28, 28, 1)), head, trainable=True)


def unbalanced(n=200, share=0.1, seed=0):
    """Few of label 1, a little brighter than the others."""
    rng = np.random.default_rng(seed)

    def draw(size):
        labels = (np.arange(size) < share * size).astype("uint8")
        images = rng.integers(0, 200, (size, 28, 28, 1)) + 4 * labels[:, None, None, None]
        return LabelledImages(images.astype("uint8"), labels)

    return LabelledSplits(draw(n), draw(n // 2), "binary")


def test_a_class_weighted_loss_weighs_both_classes_the_same():
    labels = unbalanced().train.labels
    weights = BINARY.class_weights(labels)
    assert weights[0] * np.sum(labels == 0) == pytest.approx(weights[1] * np.sum(labels == 1))
    assert np.mean([weights[label] for label in labels]) == pytest.approx(1)


@pytest.mark.slow
def test_weighting_the_classes_raises_the_scores_of_the_rare_one():
    means = {}
    for loss in ("plain", "class_weighted"):
        fitting.seed_everything(3)
        splits, model = unbalanced(), classifier()
        fitting.fit_classifier(model, splits, fit_config(5, 32, 1e-3, 0), seed=0, loss=loss)
        means[loss] = fitting.scores(model, splits.val.images, "binary").mean()
    assert means["class_weighted"] > means["plain"] + 0.1


def test_every_loss_is_what_its_formula_says():
    splits = noise(n_train=16, n_val=16)
    labels, first = splits.train.labels, {}
    for loss in ("plain", "class_weighted", "focal"):
        fitting.seed_everything(3)
        model = classifier()
        scores = fitting.scores(model, splits.train.images, "binary")
        twin = fitting._traced_twin(model, 1, loss, "binary")
        first[loss] = float(twin.loss(labels[:, None], scores[:, None].astype("float32")))
    right = np.where(labels == 1, scores, 1 - scores)
    assert first["plain"] == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert first["class_weighted"] == first["plain"]  # the weights come with the examples
    assert first["focal"] == pytest.approx(-((1 - right) ** 2 * np.log(right)).mean(), rel=1e-4)


@pytest.mark.parametrize("loss", ["class_weighted", "focal"])
def test_early_stopping_watches_the_plain_loss_whatever_is_learned(loss):
    splits, model = unbalanced(), classifier()
    fit = fitting.fit_classifier(model, splits, fit_config(4, 32, 1e-3, 5), seed=0, loss=loss)
    assert validation_loss(model, splits) == pytest.approx(min(fit.history["val_loss"]), abs=1e-5)


def validation_loss(model, splits):
    scores = fitting.scores(model, splits.val.images, "binary")
    return float(keras.losses.binary_crossentropy(splits.val.labels.astype("float64"), scores))


@pytest.fixture(autouse=True)
def _seed():
    fitting.seed_everything(3)


def test_patience_running_out_restores_the_best_weights():
    splits, model = noise(), classifier()
    fit = fitting.fit_classifier(model, splits, fit_config(60, 16, 3e-3, patience=3), seed=0)
    losses = fit.history["val_loss"]
    assert fit.stopped_early
    assert fit.epochs == fit.best_epoch + 3
    assert fit.best_epoch == np.argmin(losses) + 1
    assert validation_loss(model, splits) == pytest.approx(min(losses), abs=1e-5)


def test_the_last_epoch_restores_the_best_weights_too():
    splits, model = noise(), classifier()
    fit = fitting.fit_classifier(model, splits, fit_config(12, 16, 1e-2, patience=50), seed=0)
    losses = fit.history["val_loss"]
    assert not fit.stopped_early
    assert fit.epochs == 12
    assert fit.best_epoch < 12
    assert validation_loss(model, splits) == pytest.approx(min(losses), abs=1e-5)
    assert losses[-1] > min(losses)


def test_without_patience_nothing_stops_and_the_last_weights_stay():
    splits, model = noise(), classifier()
    fit = fitting.fit_classifier(model, splits, fit_config(12, 16, 1e-2, patience=0), seed=0)
    assert (fit.epochs, fit.best_epoch, fit.stopped_early) == (12, 12, False)
    assert validation_loss(model, splits) == pytest.approx(fit.history["val_loss"][-1], abs=1e-5)


@pytest.mark.parametrize(("epoch_steps", "steps"), [(1, 3), (3, 3), (4, 6), (8, 9)])
def test_an_epoch_passes_few_images_until_it_has_the_steps_asked_for(epoch_steps, steps):
    fitting.forget_traced()
    fitting.fit_classifier(classifier(), noise(40), fit_config(2, 16, 1e-3, 0), 0, epoch_steps)
    [twin] = fitting._traced.values()
    assert int(twin.optimizer.iterations) == 2 * steps


def test_early_stopping_watches_the_loss_without_its_penalty():
    splits, model = noise(), classifier(l2=10.0)
    fit = fitting.fit_classifier(model, splits, fit_config(3, 16, 1e-4, patience=5), seed=0)
    assert validation_loss(model, splits) == pytest.approx(min(fit.history["val_loss"]), abs=1e-5)


def test_head_on_cached_embeddings_equals_the_joined_model():
    splits = noise()
    encoder = plain.build(SMALL, (28, 28, 1))
    head = heads.build_head((4, 4, 8), BINARY.output(2), dropout=0.3)
    embeddings = fitting.embedded(encoder, splits)
    fitting.fit_head(head, embeddings, fit_config(5, 16, 1e-2, patience=5), seed=0)
    joined = heads.build_classifier(encoder, head, trainable=False)
    from_cache = fitting.predict(head, embeddings.val.images)
    assert from_cache.tobytes() == fitting.predict(joined, splits.val.images).tobytes()


def test_head_is_standardised_with_the_training_embeddings_alone():
    splits = noise()
    encoder = plain.build(SMALL, (28, 28, 1))
    embeddings = fitting.embed(encoder, splits.train.images)
    loud = LabelledImages(np.full((32, 4, 4, 8), 1e6, "float32"), splits.val.labels)
    head = heads.build_head((4, 4, 8), BINARY.output(2))
    labelled = LabelledSplits(LabelledImages(embeddings, splits.train.labels), loud, "binary")
    fitting.fit_head(head, labelled, fit_config(1, 16, 1e-2, patience=5), seed=0)
    mean, _ = statistics(embeddings.reshape(len(embeddings), -1))
    assert np.allclose(head.get_layer("standardise").get_weights()[0], mean, rtol=1e-5)


@pytest.mark.parametrize("augment", [False, True])
def test_same_seed_gives_the_same_bytes_and_another_seed_others(augment):
    def fitted(seed):
        fitting.seed_everything(seed)
        model = classifier(dropout=0.5)
        config = fit_config(2, 16, 1e-2, patience=5, augment=augment)
        change = augmentation(AUGMENTATION)
        fitting.fit_classifier(model, noise(), config, seed, change=change)
        return b"".join(weight.tobytes() for weight in transfer.weights(model))

    assert fitted(0) == fitted(0)
    assert fitted(0) != fitted(1)


def test_training_images_are_changed_only_where_the_settings_ask_for_it():
    seen = []

    def noted(images, _):
        seen.append(images.shape)
        return images

    for augment in (False, True):
        assert not seen
        config = fit_config(1, 16, 1e-3, patience=0, augment=augment)
        fitting.fit_classifier(classifier(), noise(), config, 0, change=noted)
    assert {tuple(shape[1:]) for shape in seen} == {(28, 28, 1)}


def test_a_loss_that_is_no_number_is_an_error_that_names_the_learning_rate():
    config = fit_config(20, 16, 1e30, patience=0)
    with pytest.raises(FloatingPointError, match=r"learning rate of 1e\+30"):
        fitting.fit_classifier(classifier(), noise(), config, seed=0)


@pytest.mark.slow
def test_a_model_like_one_fitted_before_is_not_traced_again_and_learns_the_same(monkeypatch):
    def fitted(seed):
        fitting.seed_everything(seed)
        model = classifier(dropout=0.3)
        fit = fitting.fit_classifier(model, noise(), fit_config(3, 16, 1e-3, patience=2), seed)
        return fit, transfer.weights(model)

    fitting.forget_traced()
    alone = {}
    for seed in (1, 0):
        fitting.forget_traced()
        alone[seed] = fitted(seed)
    traced = []
    real = keras.Model.make_train_function
    monkeypatch.setattr(
        keras.Model,
        "make_train_function",
        lambda model, force=False: traced.append(model.train_function) or real(model, force),
    )
    fitting.forget_traced()
    for seed in (1, 0):
        fit, weights = fitted(seed)
        assert fit == alone[seed][0]
        assert all(map(np.array_equal, weights, alone[seed][1]))
    assert [function is None for function in traced] == [True, False]
