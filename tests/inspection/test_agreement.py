import numpy as np
import pytest
from scipy.stats import spearmanr

from tfmed.inspection import agreement


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (2, 7, 7))
    assert agreement.rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel())[0])


def test_a_constant_map_correlates_with_nothing():
    assert agreement.rank_correlation(np.ones((3, 3)), np.arange(9).reshape(3, 3)) is None


def test_what_speaks_against_the_class_is_in_no_share():
    values = np.array([[3.0, -9.0], [1.0, 0.0]])
    assert agreement.share_inside(values, (0, 0, 1, 1)) == 0.75
    assert agreement.share_inside(values, (0, 1, 2, 2)) == 0
    assert agreement.share_inside(-np.ones((2, 2)), (0, 0, 1, 1)) is None


def test_an_even_map_has_inside_what_the_box_takes_of_the_image():
    box = (1, 2, 5, 9)
    expected = agreement.area_share((10, 10, 1), box)
    assert expected == 0.28
    assert agreement.share_inside(np.ones((10, 10)), box) == pytest.approx(expected)
