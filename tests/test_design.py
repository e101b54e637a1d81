import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmed import design
from tfmed.design import BASELINES, STRATEGIES, Cell, Strategy, Variant, method_of

variants = st.one_of(
    st.builds(Variant, loss=st.sampled_from(["plain", "class_weighted", "focal"])),
    st.builds(Variant, overtrained=st.booleans()),
    st.builds(Variant, dropout=st.integers(0, 99).map(lambda n: n / 100)),
)
strategies = st.builds(
    Strategy,
    st.from_regex(r"[a-z_]{1,12}", fullmatch=True),
    st.sampled_from(["frozen", "finetune"]),
)


def test_the_examples_of_the_docstring_hold():
    assert doctest.testmod(design).failed == 0


@given(strategies | st.sampled_from(STRATEGIES))
def test_a_strategy_is_read_back_from_its_name(strategy):
    assert Strategy.parse(str(strategy)) == strategy
    assert ":" not in strategy.slug


def test_the_short_names_of_the_earlier_report_stay_valid():
    for short, long in (
        ("scratch", "random:finetune"),
        ("random_frozen", "random:frozen"),
        ("frozen", "autoencoder:frozen"),
        ("finetune", "autoencoder:finetune"),
    ):
        assert Strategy.parse(short) == Strategy.parse(long)
        assert str(Strategy.parse(long)) == short


@pytest.mark.parametrize("name", ["", "thawed", "simclr:", ":frozen", "simclr:thawed"])
def test_a_name_of_no_strategy_is_refused(name):
    with pytest.raises(ValueError, match="neither"):
        Strategy.parse(name)


@given(variants)
def test_a_variant_is_read_back_from_its_name(variant):
    assert Variant.parse(str(variant)) == variant


@given(strategies | st.sampled_from(BASELINES), variants, st.integers(10, 999) | st.just("full"))
def test_a_cell_is_read_back_from_its_entry(method, variant, budget):
    cell = Cell("chest", method, variant, budget)
    assert Cell.of_entry(cell.entry()) == cell
    assert method_of(cell.entry()["strategy"]) == method
