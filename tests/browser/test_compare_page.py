"""The page of a comparison in a real browser."""

import json

import pytest
from example_results import example_results

from tfmed.report import comparison


@pytest.fixture(scope="session", params=[False, True], ids=["plain", "hostile"])
def compared(made_once, request):
    """Two runs of invented results, the second with odd names in one case."""

    def fill(out):
        for name, options in (("a", {}), ("b", {"seed": 1, "hostile": request.param})):
            results = example_results(evidence=False, **options)
            (out / f"{name}.json").write_text(json.dumps(results))
        comparison.render(comparison.read_both(out / "a.json", out / "b.json"), out)

    return made_once(f"comparison-{request.param}", fill) / "compare.html"


def test_a_comparison_asks_for_nothing_outside_and_nothing_fails(compared, open_page):
    opened = open_page(compared)
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [compared.resolve().as_uri()]
    assert opened.errors == []


@pytest.mark.parametrize("width", [380, 1400])
def test_a_comparison_never_scrolls_sideways(compared, open_page, width):
    page = open_page(compared, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_comparison_begins_with_what_changed(compared, open_page):
    page = open_page(compared).page
    assert page.get_by_text("metrics that both hold").first.bounding_box()["y"] < 900
