"""The page in a real browser."""

import json
import sys
from pathlib import Path

import pytest

from tfmed import report

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from example_results import example_results


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The report of invented results."""
    out = tmp_path_factory.mktemp("report")
    (out / "results.json").write_text(json.dumps(example_results()))
    return report.render(out)[0]


def test_nothing_is_asked_for_outside_the_page_and_nothing_fails(example, open_page):
    opened = open_page(example)
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [example.resolve().as_uri()]
    assert opened.errors == []


@pytest.mark.parametrize("width", [380, 1400])
def test_the_page_never_scrolls_sideways(example, open_page, width):
    page = open_page(example, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
