"""Which groups the values of a column make."""

import numpy as np
import pytest

from tfmed.evaluation.subgroups.naming import AGE_GROUPS, MOST_GROUPS, grouped


@pytest.mark.parametrize(
    ("age", "group"),
    [
        *[("0", "under 18"), ("17", "under 18"), ("17.9", "under 18"), ("11M", "under 18")],
        *[("18", "18–39"), ("39", "18–39"), ("40", "40–64"), ("64.5", "40–64")],
        *[("65", "65 and over"), ("090Y", "65 and over"), ("90+", "65 and over")],
        *[("", ""), ("nan", ""), ("411", ""), ("-1", ""), ("unknown", "")],
    ],
)
@pytest.mark.parametrize("name", ["age", "patient_age", "Patient Age"])
def test_ages_become_four_groups(name, age, group):
    column = grouped(name, np.array([age, "30"]))
    assert column.names() == [group, "18–39"]
    assert column.by_age
    assert column.not_given == (group == "")


def test_ages_may_be_numbers_and_are_in_order():
    column = grouped("age", np.array([70.0, np.nan, 3.5, 44.0]))
    assert column.groups == ("under 18", "40–64", "65 and over")
    assert column.members.tolist() == [2, -1, 0, 1]
    assert grouped("age", np.array([70, 3])).groups == ("under 18", "65 and over")


@pytest.mark.parametrize("values", [["20-30", "30-40"], ["young", "44"], ["18–39", "old"]])
def test_a_column_of_ages_in_words_is_taken_as_it_is(values):
    column = grouped("age", np.array(values))
    assert {*column.groups} == {*values}
    assert not column.by_age


@pytest.mark.parametrize("name", ["stage", "image", "agent"])
def test_numbers_of_other_columns_are_no_ages(name):
    column = grouped(name, np.array(["10", "2", "70"]))
    assert column.groups == ("2", "10", "70")
    assert not column.by_age


def test_categories_are_as_they_are_and_blanks_are_not_given():
    column = grouped("sex", np.array([" F", "M", "", "N/A", "M", "other"]))
    assert column.groups == ("F", "M", "other")
    assert column.names() == ["F", "M", "", "", "M", "other"]
    assert column.rows("M").tolist() == [1, 4]
    assert grouped("sex", np.array([b"F", b"M"])).groups == ("F", "M")
    assert grouped("flag", np.array([True, False])).groups == ("False", "True")
    assert grouped("a", np.array(["x\ny"])).groups == ("x\\ny",)


def test_groups_that_are_written_and_read_again_are_the_same():
    for name, values in {"age": ["70", "3", "", "44"], "sex": ["M", "", "F", "M"]}.items():
        column = grouped(name, np.array(values))
        again = grouped(name, np.array(column.names()))
        assert (again.groups, again.by_age) == (column.groups, column.by_age)
        assert again.members.tolist() == column.members.tolist()


def test_a_column_of_too_many_values_or_of_none_is_not_used_and_says_why():
    most = [f"d{number}" for number in range(MOST_GROUPS)]
    assert grouped("device", np.array(most)).why_not_used is None
    assert grouped("device", np.array([*most, "d99"])).why_not_used == "has 13 values, more than 12"
    assert grouped("device", np.array(["", ""])).why_not_used == "gives no value"
    assert grouped("age", np.arange(90)).why_not_used is None
    assert len(AGE_GROUPS) <= MOST_GROUPS
