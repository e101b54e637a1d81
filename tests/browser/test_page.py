"""The page in a real browser."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from example_results import HOSTILE

OVERLAPS = """() => {
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const floating = ".bar, nav.contents, svg, script, style, .said, .skip";
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (!node.data.trim() || parent.closest(floating) || !parent.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) boxes.push([box, node]);
  }
  boxes.sort((a, b) => a[0].top - b[0].top);
  const found = [];
  boxes.forEach(([a, one], i) => {
    for (let j = i + 1; j < boxes.length && boxes[j][0].top < a.bottom - 4; j++) {
      const [b, other] = boxes[j];
      if (one === other || Math.min(a.right, b.right) - Math.max(a.left, b.left) < 2) continue;
      found.push([one.data.trim().slice(0, 60), other.data.trim().slice(0, 60)]);
    }
  });
  return [boxes.length, found];
}"""


def saved(page: Any, selector: str) -> tuple[str, str]:
    """Name and content of the file that a click saves."""
    with page.expect_download() as waiting:
        page.click(selector)
    return waiting.value.suggested_filename, waiting.value.path().read_text(encoding="utf-8")


def column(page: Any, table: str, index: int) -> list[str]:
    """Texts of a table's column, titles of rows left out."""
    return page.eval_on_selector_all(
        f"#item-{table} tbody tr:not(.group)",
        f"rows => rows.map(row => row.cells[{index}].innerText.trim())",
    )


def test_nothing_is_asked_for_outside_the_page_and_nothing_fails(
    example: Path, open_page: Any
) -> None:
    opened = open_page(example)
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [example.resolve().as_uri()]
    assert opened.errors == []


@pytest.mark.parametrize("width", [380, 1400])
@pytest.mark.parametrize("kind", ["example", "hostile"])
def test_the_page_never_scrolls_sideways_and_no_text_covers_another(
    kind: str, width: int, open_page: Any, request: pytest.FixtureRequest
) -> None:
    page = open_page(request.getfixturevalue(kind), width=width, unfolded=True).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes, overlaps = page.evaluate(OVERLAPS)
    assert boxes > 500
    assert overlaps == []


@pytest.mark.parametrize(("width", "height"), [(1400, 900), (380, 800)])
def test_the_first_screen_holds_question_answer_and_the_top_of_its_figure(
    example: Path, open_page: Any, width: int, height: int
) -> None:
    page = open_page(example, width=width, height=height).page
    bottom = page.eval_on_selector(
        ".statement", "element => element.getBoundingClientRect().bottom"
    )
    top = page.eval_on_selector(
        "#answer .drawing", "element => element.getBoundingClientRect().top"
    )
    assert page.is_visible("h1")
    assert page.is_visible(".question")
    assert bottom <= height
    assert top <= height


def test_at_full_width_the_whole_answer_is_on_the_first_screen(
    example: Path, open_page: Any
) -> None:
    page = open_page(example).page
    for selector in ("#answer .statement", "#answer .drawing", "#answer > p"):
        box = page.locator(selector).bounding_box()
        assert box["y"] + box["height"] <= 900, selector


def test_contents_mark_the_section_that_is_read(example: Path, open_page: Any) -> None:
    page = open_page(example).page
    current = "nav.contents [aria-current]"
    assert page.inner_text(current) == "The answer"
    page.click("nav.contents a[href='#limits']")
    page.wait_for_function(
        "document.querySelector('nav.contents [aria-current]').hash === '#limits'"
    )
    assert page.locator(current).count() == 1
    assert page.is_visible(current)


def test_contents_are_folded_on_a_phone_and_close_behind_the_reader(
    example: Path, open_page: Any
) -> None:
    page = open_page(example, width=380, height=800).page
    link = "details.contents a[href='#data']"
    assert not page.is_visible(link)
    page.click("details.contents summary")
    page.click(link)
    assert not page.is_visible(link)
    page.wait_for_function("document.querySelector('.here').textContent.includes('The data')")


def test_the_first_tab_leads_past_the_contents(example: Path, open_page: Any) -> None:
    page = open_page(example).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_tables_sort_by_number_within_their_groups(example: Path, open_page: Any) -> None:
    page = open_page(example).page
    table = "accuracy-pneumoniamnist"
    before, header = column(page, table, 1), page.locator(f"#item-{table} thead th").nth(1)
    networks = len(before) - 7
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    means = [float(words.split()[0]) for words in column(page, table, 1)]
    assert means[:networks] == sorted(means[:networks])
    assert means[networks:] == sorted(means[networks:])
    assert means != sorted(means)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    means = [float(words.split()[0]) for words in column(page, table, 1)]
    assert means[:networks] == sorted(means[:networks], reverse=True)
    header.locator("button").click()
    assert header.get_attribute("aria-sort") is None
    assert column(page, table, 1) == before


def test_sorting_by_keyboard_reads_signs_and_keeps_what_is_missing_last(
    example: Path, open_page: Any
) -> None:
    page = open_page(example, unfolded=True).page
    page.evaluate("""() => {
      const texts = ["−1.5 points [−2, −1]", "–", "+0.2", "<0.001", "1,234 [0, 2,000]", "12 %"];
      const rows = [...document.querySelectorAll("#item-claims tbody tr")];
      rows.forEach((row, i) => { row.cells[1].textContent = texts[i] ?? "–"; });
    }""")
    page.focus("#item-claims thead th:nth-child(2) button")
    page.keyboard.press("Enter")
    shown = ["−1.5 points [−2, −1]", "<0.001", "+0.2", "12 %", "1,234 [0, 2,000]", "–"]
    assert column(page, "claims", 1)[:6] == shown
    page.keyboard.press("Space")
    assert column(page, "claims", 1)[:5] == shown[4::-1]
    assert column(page, "claims", 1)[-1] == "–"
    assert page.inner_text(".said") == "Sorted by Measured [95 % interval], descending"


def test_a_figure_is_saved_as_it_was_drawn_whatever_the_theme(
    example: Path, open_page: Any
) -> None:
    page = open_page(example, dark=True).page
    name, svg = saved(page, "#item-answer a[data-save=svg]")
    assert name == "answer.svg"
    assert "var(" not in svg
    drawn = (example.parent / "figures" / "answer.svg").read_text()
    colours = [set(re.findall(r"#[0-9a-f]{6}", text)) for text in (svg, drawn)]
    assert colours[0] == colours[1]


def test_numbers_of_a_figure_are_those_of_its_file(example: Path, open_page: Any) -> None:
    page = open_page(example).page
    name, text = saved(page, "#item-differences a[data-save=csv]")
    assert name == "differences.csv"
    assert text == (example.parent / "figures" / "differences.csv").read_text()


def test_a_table_is_saved_with_intervals_in_columns_of_numbers(
    example: Path, open_page: Any
) -> None:
    page = open_page(example, unfolded=True).page
    name, text = saved(page, "#item-differences-table .tools button")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert name == "differences-table.csv"
    assert rows[0]["group"] == "30 labels, accuracy"
    title = "Points [95 % interval]"
    shown = column(page, "differences-table", 1)
    assert len(rows) == len(shown)
    for row, words in zip(rows, shown, strict=True):
        numbers = [float(row[key]) for key in (title, f"{title} (low)", f"{title} (high)")]
        said = re.findall(r"[+-][\d.]+", words.replace("−", "-"))
        assert numbers == [float(number) for number in said]


def test_a_saved_table_of_synthetic_results_says_so(hostile: Path, open_page: Any) -> None:
    page = open_page(hostile, unfolded=True).page
    _, text = saved(page, "#item-balance-table .tools button")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["synthetic_data"] for row in rows} == {"yes"}
    assert [row["Images"] for row in rows[:3]] == ["2000", "300", "600"]
    assert rows[0]["group"].startswith('Study #1 *bold* _it_ $x$ `c` @ref <b>"q"</b> \\ שלום')


def test_a_link_to_a_figure_jumps_to_it_and_marks_it(example: Path, open_page: Any) -> None:
    page = open_page(example, unfolded=True).page
    link = page.locator("#item-claims tbody a").first
    target = link.get_attribute("href")
    link.click()
    shade = "element => getComputedStyle(element).backgroundColor"
    assert page.eval_on_selector(target, shade) != "rgba(0, 0, 0, 0)"
    assert 0 <= page.locator(target).bounding_box()["y"] < 300


def test_the_theme_follows_the_system_until_the_reader_chooses(
    example: Path, open_page: Any
) -> None:
    page = open_page(example, dark=True).page
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = "element => getComputedStyle(element).fill"
    assert page.evaluate(paper) == "rgb(20, 23, 26)"
    assert page.eval_on_selector("#item-answer svg", ink) == "rgb(233, 231, 226)"
    page.click("button.theme")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    assert page.eval_on_selector("#item-answer svg", ink) == "rgb(0, 0, 0)"
    page.reload()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    assert page.inner_text("button.theme") == "Dark theme"


def test_a_browser_that_refuses_storage_has_themes_all_the_same(
    example: Path, open_page: Any
) -> None:
    opened = open_page(example)
    opened.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } });"
    )
    opened.page.reload()
    opened.page.click("button.theme")
    assert opened.page.get_attribute("html", "data-theme") == "dark"
    assert opened.errors == []


def test_without_javascript_all_is_there_but_what_needs_it(example: Path, open_page: Any) -> None:
    with_it = open_page(example).page
    without = open_page(example, javascript=False, unfolded=True).page
    for selector in ("section > p", ".item td", ".item th", "figcaption", "figure svg"):
        count = with_it.locator(selector).count()
        assert without.locator(selector).count() == count, selector
        shown = without.locator(f"{selector}:visible").count()
        assert shown == count, selector
    assert without.locator("button:visible").count() == 0
    assert without.is_visible("nav.contents a[href='#appendix']")
    for link in without.locator("a[data-save]").all():
        assert (example.parent / link.get_attribute("href")).is_file()


@pytest.mark.parametrize("width", [380, 1400])
def test_hostile_names_come_out_as_text(hostile: Path, open_page: Any, width: int) -> None:
    opened = open_page(hostile, width=width)
    assert opened.page.inner_text("h1") == HOSTILE
    assert "<script>alert(1)</script>" in opened.page.inner_text("#data")
    assert opened.page.locator("h1 bdi").inner_text() == "שלום"
    assert opened.errors == []


def test_on_paper_the_page_is_light_and_has_no_tools(example: Path, open_page: Any) -> None:
    page = open_page(example, dark=True).page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(27, 27, 27)"
    assert page.locator(".tools:visible, .switches:visible, .contents:visible").count() == 0


def test_a_link_to_what_is_folded_unfolds_it(example: Path, open_page: Any) -> None:
    page = open_page(example).page
    assert not page.is_visible("#item-claims")
    page.click("#ledger a[href='#item-claims']")
    assert page.is_visible("#item-claims")
    assert 0 <= page.locator("#item-claims").bounding_box()["y"] < 300
    folded = "#item-differences-table"
    assert not page.is_visible(folded)
    page.goto("about:blank")
    page.goto(f"{example.resolve().as_uri()}{folded}")
    assert page.is_visible(folded)
    assert 0 <= page.locator(folded).bounding_box()["y"] < 300


def test_all_details_unfold_and_fold_at_once(example: Path, open_page: Any) -> None:
    page = open_page(example).page
    folds = page.locator("details.more").count()
    assert folds > 5
    page.click("button.unfold")
    assert page.locator("details.more[open]").count() == folds
    page.wait_for_function("document.querySelector('.unfold').textContent === 'Fold details'")
    page.click("button.unfold")
    assert page.locator("details.more[open]").count() == 0


@pytest.mark.parametrize("javascript", [True, False])
def test_what_is_folded_is_printed(example: Path, open_page: Any, javascript: bool) -> None:
    page = open_page(example, javascript=javascript).page
    assert not page.is_visible("#item-claims")
    page.emulate_media(media="print")
    assert page.locator("#item-claims").bounding_box()["height"] > 100
