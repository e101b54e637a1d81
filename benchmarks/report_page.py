"""How soon a large report shows its first content and its explorer in headless Chromium.

A generated report with four latent spaces of 22,433 test images (ChestMNIST's test split) and an
atlas of them is opened from `file://`: first content is the browser's own first contentful paint,
the explorer counts from the start of the navigation to its plots being drawn (PCA and t-SNE of one
way of training, then of another), the page scrolled to it as soon as it is there. How long a change
of the way of training takes shows if it is fluid.
Run from the repository: `python -m benchmarks.report_page [ROUNDS]`. Needs Chromium and Playwright.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.side_by_side import machine
from tfmed import report

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "recorded"))
from example_results import enlarge_latent, example_results

FIRST_PAINT = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""
CHANGE = """async () => {
  const select = document.querySelector(".explorer [data-control=space]");
  const start = performance.now();
  select.value = select.value === "0" ? "1" : "0";
  select.dispatchEvent(new Event("change"));
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}"""


def opened(page_file: Path, browser) -> dict[str, float]:
    """Milliseconds of one visit in a fresh context."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () =>
             document.querySelector(".explorer").scrollIntoView());
           window.drawn = {};
           for (const name of ["first", "ready"]) {
             new MutationObserver((_, watch) => {
               if (!document.querySelector(`.explorer[data-${name}]`)) return;
               watch.disconnect();
               requestAnimationFrame(() => requestAnimationFrame(() => {
                 window.drawn[name] = performance.now();
               }));
             }).observe(document, { subtree: true, childList: true, attributes: true });
           }"""
    )
    page.goto(page_file.as_uri(), wait_until="commit")
    page.wait_for_function("window.drawn.ready", timeout=60_000)
    found = {
        "first content": page.evaluate(FIRST_PAINT),
        "explorer, first row": page.evaluate("window.drawn.first"),
        "explorer, row to compare with": page.evaluate("window.drawn.ready"),
    }
    page.wait_for_timeout(500)
    found["change of the way of training"] = page.evaluate(CHANGE)
    context.close()
    return found


def main() -> None:
    """Prints Markdown: least, median and most of the rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    rounds = parser.parse_args().rounds
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("no Chromium on the PATH; `apt install chromium` has one")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        out, results = Path(folder), example_results()
        enlarge_latent(results, out)
        (out / "results.json").write_text(json.dumps(results))
        html, _ = report.render(out)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        visits = [opened(html, browser) for _ in range(rounds)]
        print(f"{machine()}. {html.stat().st_size / 1e6:.1f} MB; Chromium {browser.version}.\n")
        browser.close()
    print("|  | ms, least / median / most |\n| --- | ---: |")
    for name in visits[0]:
        values = [visit[name] for visit in visits]
        spread = (min(values), statistics.median(values), max(values))
        print(f"| {name} | {' / '.join(f'{value:,.0f}' for value in spread)} |")


if __name__ == "__main__":
    main()
