"""Everything that a study can name has its page."""

import pytest
from pages import ROOT

from tfmed import encoders, pretraining, tasks


@pytest.mark.parametrize(
    ("folder", "names"),
    [("methods", pretraining.REGISTRY), ("encoders", encoders.REGISTRY), ("tasks", tasks.REGISTRY)],
)
def test_every_name_of_a_registry_has_its_page(folder, names):
    pages = {page.stem for page in (ROOT / "docs" / folder).glob("*.md")}
    assert pages == set(names)
