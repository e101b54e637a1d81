import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.data.budgets import draw_budget
from tfmed.errors import InputError

LABELS = (np.arange(4708) % 100 < 74).astype("uint8")


@given(
    budget=st.integers(10, 4708),
    seed=st.integers(0, 2**31),
    share=st.floats(0.02, 0.98),
)
def test_budget_is_counted_stratified_and_disjoint(budget, seed, share):
    labels = (np.arange(4708) < share * 4708).astype("uint8")
    train, val = draw_budget(labels, budget, seed, "binary")
    assert len(train) + len(val) == budget
    assert len(val) == round(0.2 * budget)
    assert len(np.union1d(train, val)) == budget
    for rows in (train, val):
        expected = share * len(rows)
        assert abs(labels[rows].sum() - expected) < 2
        assert set(labels[rows]) == {0, 1}


def test_same_seed_draws_the_same_rows_and_another_seed_others():
    first, again, other = (draw_budget(LABELS, 300, seed, "binary") for seed in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_labels_beyond_the_budget_do_not_matter_to_their_number():
    train, val = draw_budget(LABELS, 300, 0, "binary")
    assert (len(train), len(val)) == (240, 60)
    assert LABELS[np.concatenate([train, val])].sum() == 222


@pytest.mark.parametrize("budget", [0, 9, 4709])
def test_impossible_budget_is_named(budget):
    with pytest.raises(InputError, match=f"label budget {budget} is"):
        draw_budget(LABELS, budget, 0, "binary")


def test_a_class_with_one_example_cannot_be_split():
    with pytest.raises(InputError, match="1 example"):
        draw_budget(np.eye(1, 50, dtype="uint8")[0], 20, 0, "binary")
