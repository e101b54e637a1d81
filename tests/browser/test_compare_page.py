"""The page of a comparison in a real browser."""

import json
import sys
from pathlib import Path

import pytest

from tfmed.report import compare

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from example_results import example_results


@pytest.fixture(scope="session", params=[False, True], ids=["plain", "hostile"])
def comparison(tmp_path_factory, request):
    """Two runs of invented results, the second with odd names in one case."""
    out = tmp_path_factory.mktemp("comparison")
    for name, options in (("a", {}), ("b", {"seed": 1, "hostile": request.param})):
        results = example_results(evidence=False, **options)
        (out / f"{name}.json").write_text(json.dumps(results))
    found = compare.read_both(out / "a.json", out / "b.json")
    return compare.render(found, out)[0]


def test_a_comparison_asks_for_nothing_outside_and_nothing_fails(comparison, open_page):
    opened = open_page(comparison)
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [comparison.resolve().as_uri()]
    assert opened.errors == []


@pytest.mark.parametrize("width", [380, 1400])
def test_a_comparison_never_scrolls_sideways(comparison, open_page, width):
    page = open_page(comparison, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_comparison_begins_with_what_changed(comparison, open_page):
    page = open_page(comparison).page
    assert page.get_by_text("metrics that both hold").first.bounding_box()["y"] < 900
