"""A headless Chromium that notes every request and every error of a page."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from example_results import example_results, write_images

from tfmed.report.document import document
from tfmed.report.figures.description import figure_numbers, write_numbers
from tfmed.report.figures.drawing import described, draw_all
from tfmed.report.page.explorer import page_scripts
from tfmed.report.page.html import render_html

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


@dataclass
class OpenPage:
    """A page with what it asked for and complained about while it was open."""

    page: Any
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def page_of(out: Path, results: dict, *, scripts: bool = False) -> Path:
    """The page of these results, without the PDF, which takes longer; its scripts if asked for."""
    results = json.loads(json.dumps(results))
    figures = described(results)
    drawn = draw_all(figures.values(), out / "figures", synthetic=results["synthetic"])
    numbers = figure_numbers(figures.values(), synthetic=results["synthetic"])
    write_numbers(numbers, out / "figures")
    page = out / "report.html"
    own = page_scripts(results, out) if scripts else ""
    page.write_text(render_html(document(results, figures), drawn, own, numbers=numbers))
    return page


@pytest.fixture(scope="session")
def example(made_once: Callable[..., Path]) -> Path:
    """The page of invented results."""
    return made_once("example", lambda out: page_of(out, example_results())) / "report.html"


@pytest.fixture(scope="session")
def scripted(made_once: Callable[..., Path]) -> Path:
    """The page of invented results with its slider, and with its explorers of test images."""

    def fill(out: Path) -> None:
        results = example_results()
        write_images(results, out)
        page_of(out, results, scripts=True)

    return made_once("scripted", fill) / "report.html"


@pytest.fixture(scope="session")
def small(made_once: Callable[..., Path]) -> Path:
    """A page with one of everything, for what takes long on a large one."""
    results = example_results(evidence=False, n_seeds=2)
    return made_once("small", lambda out: page_of(out, results)) / "report.html"


@pytest.fixture(scope="session")
def hostile(made_once: Callable[..., Path]) -> Path:
    """The page of invented results with markup and endless words for names, marked synthetic."""
    results = example_results(hostile=True, synthetic=True, n_seeds=1, evidence=False)
    return made_once("hostile", lambda out: page_of(out, results)) / "report.html"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium, driven by Playwright."""
    if not CHROMIUM:
        pytest.skip("no Chromium on the PATH; `apt install chromium` has one")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        # Chromium's own sandbox refuses to run for root, as tests do in containers.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., OpenPage]]:
    """Opens a file: `open_page(path, width=1400, dark=False, javascript=True, touch=False)`.

    With `unfolded` the details that a reader may unfold are.
    """
    contexts = []

    def opened(
        path: Path,
        *,
        width: int = 1400,
        height: int = 900,
        dark: bool = False,
        javascript: bool = True,
        touch: bool = False,
        unfolded: bool = False,
    ) -> OpenPage:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=javascript,
            has_touch=touch,
            is_mobile=touch,
            accept_downloads=True,
        )
        contexts.append(context)
        found = OpenPage(context.new_page())
        found.page.on("request", lambda request: found.requests.append(request.url))
        found.page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.page.on(
            "console",
            lambda message: found.errors.append(message.text) if message.type == "error" else None,
        )
        found.page.goto(path.resolve().as_uri())
        if unfolded:
            for summary in found.page.locator("details.more summary").all():
                summary.click()
        return found

    yield opened
    for context in contexts:
        context.close()
