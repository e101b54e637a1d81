"""Which runs go into an interval, and which are held against each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed.design import Repeat
from tfmed.evaluation.repeats import crossed, paired


def grid(seeds, numbers):
    """Every seed with every pretraining."""
    return [Repeat(seed, number) for seed in seeds for number in numbers]


def words(pairs):
    """Seed and both pretrainings of each pair."""
    assert all(a.seed == b.seed for a, b in pairs)
    return [(a.seed, a.pretraining, b.pretraining) for a, b in pairs]


seeds = st.sets(st.integers(0, 9), min_size=1, max_size=4)
numbers = st.sets(st.integers(0, 4), min_size=1, max_size=3)


@given(seeds, numbers, st.randoms())
def test_crossed_repeats_come_seed_by_seed_whatever_their_order(seeds, numbers, random):
    given = grid(seeds, numbers)
    random.shuffle(given)
    assert crossed(given) == (grid(sorted(seeds), sorted(numbers)), len(numbers))


def test_a_pretraining_that_one_seed_lacks_is_left_out():
    some = [*grid([0, 1], [0, 2]), Repeat(0, 1)]
    assert crossed(some) == (grid([0, 1], [0, 2]), 2)


def test_seeds_without_a_common_pretraining_are_an_error():
    with pytest.raises(ValueError, match=r"seeds \[0, 1\] share no pretraining"):
        crossed([Repeat(0, 0), Repeat(1, 1)])


@given(seeds, numbers)
def test_two_cells_of_the_same_repeats_are_paired_each_with_itself(seeds, numbers):
    both, pretrainings = paired(grid(seeds, numbers), grid(seeds, numbers))
    assert both == [(each, each) for each in grid(sorted(seeds), sorted(numbers))]
    assert pretrainings == len(numbers)


@pytest.mark.parametrize("other", [0, 1])
def test_a_side_of_one_pretraining_is_held_against_each_of_the_other(other):
    one, three = grid([0, 1], [other]), grid([1, 0], [0, 1, 2])
    both, pretrainings = paired(one, three)
    assert words(both) == [(seed, other, number) for seed in (0, 1) for number in (0, 1, 2)]
    assert pretrainings == 3
    turned, pretrainings = paired(three, one)
    assert turned == [(b, a) for a, b in both]
    assert pretrainings == 3


def test_of_unequal_numbers_the_pretrainings_of_both_are_paired():
    both, pretrainings = paired(grid([0, 1], [0, 1, 2, 3]), grid([0, 1], [1, 2, 5]))
    assert words(both) == [(0, 1, 1), (0, 2, 2), (1, 1, 1), (1, 2, 2)]
    assert pretrainings == 2


def test_seeds_and_pretrainings_that_are_missing_on_one_side_are_left_out():
    lacking = [each for each in grid([0, 1, 2], [0, 1, 2]) if each != Repeat(1, 1)]
    both, pretrainings = paired(lacking, grid([1, 2, 3], [0, 1, 2]))
    assert words(both) == [(1, 0, 0), (1, 2, 2), (2, 0, 0), (2, 2, 2)]
    assert pretrainings == 2


@pytest.mark.parametrize(
    "others",
    [grid([3], [0, 1]), grid([0, 1], [2, 3]), []],
    ids=["no seed", "no pretraining", "nothing"],
)
def test_cells_with_nothing_in_common_are_not_compared(others):
    assert paired(grid([0, 1], [0, 1]), others) == ([], 1)
