"""Verdicts from intervals, and what decides an undecided one."""

import pytest

from tfmed.results.verdicts import BOTH, NotTestedError, judge_interval


def test_the_needed_sample_would_end_the_interval_at_the_margin():
    found = judge_interval(0.02, -0.02, 0.06, (0.0, 1.0), "points", 100, BOTH)
    assert found.needed == {"n": 400, "of": BOTH, "now": 100}
    inside = judge_interval(0.58, 0.53, 0.63, (0.56, 0.60), "accuracy", 100, BOTH)
    assert inside.needed["n"] == 625
    assert judge_interval(0.0, -0.1, 0.1, (0.0, 1.0), "points", 100, BOTH).needed is None


def test_a_difference_of_no_width_at_the_margin_stays_undecided():
    found = judge_interval(0.0, 0.0, 0.0, (0.0, 1.0), "points", 100, BOTH)
    assert (found.verdict, found.needed) == ("undecided", None)


def test_a_quantity_without_an_interval_is_not_tested():
    with pytest.raises(NotTestedError, match="no interval of the linear CKA"):
        judge_interval(0.9, None, None, (0.5, 0.99), "linear CKA", 10, "test images")
