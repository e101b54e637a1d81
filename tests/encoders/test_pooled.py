"""Encoders with BatchNormalization whose maps are pooled to 2 x 2."""

import numpy as np
import pytest

from tfmed import encoders
from tfmed.encoders import compact, residual
from tfmed.training import fitting

POOLED = {"compact": compact, "residual": residual}


@pytest.mark.parametrize("name", POOLED)
@pytest.mark.parametrize("side", [8, 16, 28, 64, 96, 128, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_maps_are_two_by_two_below_100_000_parameters(name, side, channels):
    built = encoders.build({"name": name}, (side, side, channels))
    assert built.output_shape[1:3] == (2, 2)
    assert built.count_params() < 100_000


@pytest.mark.parametrize("name", POOLED)
def test_the_same_seed_gives_the_same_weights_and_embeddings(name):
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1)).astype("uint8")
    found = []
    for _ in range(2):
        fitting.seed_everything(3)
        found.append(fitting.embed(encoders.build({"name": name}, (28, 28, 1)), images))
    assert np.array_equal(*found)


def test_a_residual_encoder_without_a_stem_has_no_convolution_at_full_size():
    built = encoders.build({"name": "residual", "stem_filters": 0}, (28, 28, 1))
    assert max(layer.output.shape[1] for layer in built.layers[1:]) == 14
