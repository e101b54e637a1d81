"""A report of invented results, made once for all tests that only look at it."""

import json
from pathlib import Path

import pytest
from example_results import example_results

from tfmed import report


@pytest.fixture(scope="session")
def example_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the report of `example_results()`."""
    out = tmp_path_factory.mktemp("example")
    (out / "results.json").write_text(json.dumps(example_results()))
    report.render(out)
    return out
