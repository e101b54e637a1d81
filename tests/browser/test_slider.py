"""The reconstruction slider in a real browser."""

import pytest
from example_results import example_results

from tfmed.report.pretraining.section import pretraining_blocks


@pytest.fixture(scope="module")
def made(scripted):
    """A page, and the cases its slider should show."""
    (block,) = [b for b in pretraining_blocks(example_results()) if b["kind"] == "slider"]
    return scripted, block["cases"]


def test_each_step_shows_one_case_with_its_numbers(made, open_page):
    html, cases = made
    opened = open_page(html)
    slider = opened.page.locator(".slider")
    for step, case in enumerate(cases):
        slider.locator("input").fill(str(step))
        for name in ("original", "reconstruction", "difference"):
            picture = slider.locator(f"[data-picture={name}]")
            assert picture.get_attribute("src") == case[name]
            assert case["words"] in picture.get_attribute("alt")
        assert slider.locator("[data-words]").inner_text() == case["words"]
    assert "the worst of all test images" in cases[-1]["words"]
    assert opened.errors == []


def test_arrow_keys_move_it_and_its_value_is_told(made, open_page):
    html, cases = made
    page = open_page(html, width=380).page
    control = page.get_by_label("Case, from the smallest error to the largest")
    control.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert control.get_attribute("aria-valuetext") == cases[1]["words"]
    page.keyboard.press("End")
    assert control.get_attribute("aria-valuetext") == cases[-1]["words"]


def test_without_scripts_it_is_not_there_and_the_figure_is(made, open_page):
    page = open_page(made[0], javascript=False).page
    assert not page.locator(".slider").is_visible()
    assert page.locator("#item-reconstructions svg").is_visible()
