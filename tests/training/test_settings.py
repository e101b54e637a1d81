"""Epochs and batches that are chosen by the number of images."""

import pytest
from pydantic import ValidationError

from tfmed.training.settings import BATCHES, EPOCHS, SEEN, FitSettings, PretrainingFit


@pytest.mark.parametrize(
    ("images", "epochs", "batch_size"),
    [
        (1, 100, 64),
        (2047, 100, 64),
        (2048, 100, 128),
        (3000, 100, 128),
        (8000, 38, 128),
        (8191, 37, 128),
        (8192, 37, 256),
        (10_000, 30, 256),
        (30_000, 10, 256),
        (80_000, 10, 256),
    ],
)
def test_auto_shows_about_as_many_images_whatever_their_number(images, epochs, batch_size):
    found = PretrainingFit().resolved(images)
    assert type(found) is FitSettings
    assert (found.epochs, found.batch_size) == (epochs, batch_size)
    if EPOCHS[0] < epochs < EPOCHS[1]:
        assert abs(epochs * images - SEEN) <= images / 2


@pytest.mark.parametrize(
    ("images", "side", "epochs"),
    [
        (4000, 28, 75),
        (4000, 16, 75),
        (4000, 56, 19),
        (4000, 64, 14),
        (4000, 224, 10),
        (10, 224, 100),
    ],
)
def test_auto_shows_fewer_of_larger_images(images, side, epochs):
    assert PretrainingFit().resolved(images, side).epochs == epochs


def test_auto_batches_have_a_size_for_any_number():
    assert BATCHES[-1][0] == 0
    assert PretrainingFit().resolved(0).batch_size == BATCHES[-1][1]


@pytest.mark.parametrize(("side", "batch"), [(28, 256), (64, 256), (128, 64), (224, 16), (512, 16)])
def test_a_batch_of_large_images_holds_few(side, batch):
    assert PretrainingFit().resolved(10_000, side).batch_size == batch
    assert PretrainingFit(batch_size=256).resolved(10_000, side).batch_size == 256


def test_what_is_set_is_kept():
    fit = PretrainingFit(epochs=3, batch_size=7, learning_rate=0.1, patience=2, augment=True)
    assert fit.resolved(10**6) == FitSettings(**dict(fit))
    assert PretrainingFit(epochs=3).resolved(9000).batch_size == 256
    assert PretrainingFit(batch_size=7).resolved(9000).epochs == 33


@pytest.mark.parametrize("value", [0, -1, 100_001, 2.0, True, "autos", None, []])
def test_other_epochs_than_auto_and_numbers_are_refused(value):
    with pytest.raises(ValidationError):
        PretrainingFit(epochs=value)
