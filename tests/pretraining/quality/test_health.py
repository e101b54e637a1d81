import numpy as np
import pytest

from tfmed.pretraining.quality.health import health


def test_directions_that_are_all_alike_have_spread_1_and_fill_their_rank():
    found = health(np.random.default_rng(0).normal(size=(4000, 2, 2, 4)))
    assert (found["n"], found["dimensions"]) == (4000, 16)
    assert found["spread"] == pytest.approx(1, abs=0.01)
    assert found["effective_rank"] == pytest.approx(16, abs=0.1)


@pytest.mark.parametrize("value", [0.0, 3.0, 1e8])
def test_embeddings_that_are_one_have_neither(value):
    found = health(np.full((50, 8), value, "float32"))
    assert found["spread"] < 1e-6
    assert found["effective_rank"] == 0


def test_embeddings_near_one_are_collapsed_and_those_on_a_line_have_rank_1():
    rng = np.random.default_rng(0)
    assert health(1 + 0.01 * rng.normal(size=(100, 8)))["spread"] < 0.1
    line = rng.normal(size=(100, 1)) * np.arange(1, 9)
    assert health(line)["effective_rank"] == pytest.approx(1)
