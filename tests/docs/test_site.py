"""The site is built from the pages without a warning, and loads nothing from elsewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*(?:src|href)=["'](?:https?:)?//[^"']*""")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_its_home_is_the_readme(site):
    assert "When labels are scarce" in (site / "index.html").read_text(encoding="utf-8")


def test_no_page_loads_anything_from_elsewhere(site):
    loaded = [
        (page.name, found)
        for page in site.rglob("*.html")
        for found in LOADED.findall(page.read_text(encoding="utf-8"))
    ]
    assert loaded == []
    styles = [page.read_text(encoding="utf-8") for page in site.rglob("*.css")]
    assert styles
    assert not any(re.search(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//", css) for css in styles)
