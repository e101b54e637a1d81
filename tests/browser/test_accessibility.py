"""The page by the rules of axe-core, and what it says to those who don't see it."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

axe = pytest.importorskip("axe_playwright_python.sync_playwright")


def violations(page: Any) -> list[str]:
    """Serious and critical violations, each with the first elements that it is about.

    Drawings are pictures to a screen reader; looking into each of their lines takes a minute.
    """
    found = axe.Axe().run(page, context={"exclude": [["svg"]]}).response["violations"]
    return [
        f"{entry['id']}: {[node['html'][:150] for node in entry['nodes'][:3]]}"
        for entry in found
        if entry["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("width", [380, 1400])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(small: Path, open_page: Any, width: int, dark: bool) -> None:
    assert violations(open_page(small, width=width, dark=dark).page) == []
    assert violations(open_page(small, width=width, dark=dark, unfolded=True).page) == []


def test_axe_finds_nothing_serious_in_a_synthetic_report_with_hostile_names(
    hostile: Path, open_page: Any
) -> None:
    page = open_page(hostile, width=380, unfolded=True).page
    page.click("details.contents summary")
    assert violations(page) == []


def test_headings_never_skip_a_level(example: Path, open_page: Any) -> None:
    levels = open_page(example).page.eval_on_selector_all(
        "h1, h2, h3, h4, h5, h6", "found => found.map(heading => Number(heading.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_figure_says_what_it_shows_in_numbers(example: Path, open_page: Any) -> None:
    figures = open_page(example).page.locator("figure [role=img]")
    told = [figure.get_attribute("aria-label") for figure in figures.all()]
    assert len(told) > 15
    for words in told:
        assert re.search(r"\d", words), words


def test_whatever_is_reached_by_keyboard_shows_it(example: Path, open_page: Any) -> None:
    page = open_page(example, width=380).page
    for _ in range(25):
        page.keyboard.press("Tab")
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        seen = page.evaluate("document.activeElement.outerHTML.slice(0, 100)")
        assert style != "none", seen


def test_regions_that_scroll_are_reached_by_keyboard(example: Path, open_page: Any) -> None:
    page = open_page(example, width=380, unfolded=True).page
    page.wait_for_function("document.querySelector('.scroll:not([tabindex])')")
    state = page.eval_on_selector_all(
        ".scroll", "found => found.map(e => [e.scrollWidth > e.clientWidth, e.tabIndex])"
    )
    assert any(scrolls for scrolls, _ in state)
    assert all((tab == 0) == scrolls for scrolls, tab in state)
