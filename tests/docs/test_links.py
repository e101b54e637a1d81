"""Links between the repository's pages lead somewhere."""

import json
import re
from pathlib import Path

import pytest
from pages import NAMES, PAGES, ROOT, prose

LINK = re.compile(r'\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"')


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_anchor_and_image_exists(page):
    dead = []
    for link in (first or second for first, second in LINK.findall(prose(page))):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        exists = target.exists() and target.is_relative_to(ROOT.resolve())
        if not exists or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert not dead


@pytest.mark.parametrize(
    "notebook", sorted(ROOT.glob("docs/**/*.ipynb")), ids=lambda each: each.stem
)
def test_every_link_of_a_notebook_exists(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    links = [first or second for text in texts for first, second in LINK.findall(text)]
    within = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in within if not (notebook.parent / link).exists()] == []


def test_every_page_can_be_reached_from_the_readme():
    reached, open_pages = set(), [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = [first or second for first, second in LINK.findall(prose(page))]
        paths = [link.partition("#")[0] for link in links if not re.match(r"[a-z]+:", link)]
        open_pages += [(page.parent / path).resolve() for path in paths if path]
    registries = {ROOT / "docs" / name for name in ("methods", "encoders", "tasks")}
    assert [page for page in PAGES if page not in reached and page.parent not in registries] == []


def test_the_readme_has_at_most_150_lines():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
