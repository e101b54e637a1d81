"""The latent explorer in a real browser."""

import json
import re

import numpy as np
import pytest
from example_results import example_results, write_images

from tfmed import report

TASK = "pneumoniamnist"
PLACE = f"#explorer-{TASK}"
OF_POINT = """([kind, row, i]) => {
  const root = document.querySelector("#explorer-pneumoniamnist");
  const { data, plots } = root.explorer;
  const plot = plots.find((found) => found.kind === kind && found.row === row);
  const space = data.spaces[root.querySelectorAll("[data-control=space]")[row].value];
  const { x_range, y_range } = plot.figure;
  const view = Bokeh.index.get_by_id(plot.figure.id);
  const frame = view.frame.bbox;
  const box = plot.place.getBoundingClientRect();
  const { x, y } = space[kind];
  const across = (x[i] - x_range.start) / (x_range.end - x_range.start);
  const up = (y[i] - y_range.start) / (y_range.end - y_range.start);
  return [box.left + frame.left + across * frame.width, box.top + frame.bottom - up * frame.height];
}"""


@pytest.fixture(scope="module")
def made(scripted, tmp_path_factory):
    """A page with its results and test images."""
    results = example_results()
    images = write_images(results, tmp_path_factory.mktemp("images"))[TASK]
    return scripted, results, images


@pytest.fixture
def explorer(made, open_page):
    """Opens the explorer of the target task: `explorer(**options of open_page)`."""

    def opened(**options):
        found = open_page(made[0], **{"height": 1400, **options})
        found.page.locator(PLACE).scroll_into_view_if_needed()
        found.page.wait_for_selector(f"{PLACE}[data-ready]")
        found.page.wait_for_timeout(300)
        found.place = found.page.locator(PLACE)
        return found

    return opened


def space_of(results, title):
    return next(
        space
        for space in results["latent"]["spaces"]
        if space["task"] == TASK and space["title"] == title
    )


def chosen_space(opened, results, row=0):
    select = opened.place.locator("[data-control=space]").nth(row)
    return space_of(results, select.locator("option:checked").inner_text())


def truth(results, space):
    """Labels, scores, and answers of the images of a space."""
    labels = np.array(results["latent"]["labels"][TASK])
    scores = np.array(space["scores"])
    return labels, scores, (scores > 0.5).astype(int)


def lonely(space, kind):
    """The point whose nearest neighbour is furthest, so that nothing lies over it."""
    points = np.array(space[kind]["coordinates"])
    scaled = (points - points.min(0)) / np.ptp(points, axis=0)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    return int(distances.min(1).argmax())


@pytest.mark.parametrize(("kind", "row"), [("pca", 0), ("tsne", 1)])
def test_hovering_a_point_shows_its_image_label_and_answer(explorer, made, kind, row):
    _, results, images = made
    opened = explorer()
    space = chosen_space(opened, results, row)
    i = lonely(space, kind)
    x, y = opened.page.evaluate(OF_POINT, [kind, row, i])
    opened.page.mouse.move(x - 4, y)
    opened.page.mouse.move(x, y)
    tip = opened.place.locator("[data-part=tip]")
    tip.wait_for(state="visible")
    ring = opened.place.locator(f"[data-row='{row}'][data-plot={kind}] .explorer-ring")
    box = ring.bounding_box()
    assert abs(box["x"] + box["width"] / 2 - x) < 2
    assert abs(box["y"] + box["height"] / 2 - y) < 2
    labels, scores, answers = truth(results, space)
    names = results["datasets"][1]["class_names"]
    words = tip.inner_text()
    assert f"Test image {results['latent']['indices'][TASK][i]}\n" in words
    assert f"label: {names[labels[i]]}" in words
    assert f"{scores[i]:.3f}" in words
    assert ("right" in words) == (answers[i] == labels[i])
    drawn = opened.page.evaluate(
        """() => {
          const canvas = document.querySelector("#explorer-pneumoniamnist .explorer-tip canvas");
          const { width, height } = canvas;
          const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          return [...pixels].filter((_, i) => i % 4 === 0);
        }"""
    )
    shown = np.array(drawn, dtype=float)
    errors = np.abs(images[..., 0].reshape(len(images), -1) - shown).mean(axis=1)
    assert errors.argmin() == i
    assert opened.errors == []


def test_marking_in_pca_marks_the_same_points_everywhere(explorer, made):
    _, results, _ = made
    opened = explorer()
    space = chosen_space(opened, results)
    points = np.array(space["pca"]["coordinates"])
    low, high = np.quantile(points, 0.3, axis=0), np.quantile(points, 0.7, axis=0)
    corners = opened.page.evaluate(
        """([low, high]) => {
          const { plots } = document.querySelector("#explorer-pneumoniamnist").explorer;
          const frame = Bokeh.index.get_by_id(plots[0].figure.id).frame;
          const box = plots[0].place.getBoundingClientRect();
          return [low, high].map(([x, y]) => [
            box.left + frame.x_scale.compute(x), box.top + frame.y_scale.compute(y)]);
        }""",
        [low.tolist(), high.tolist()],
    )
    mouse = opened.page.mouse
    mouse.move(*corners[0])
    mouse.down()
    mouse.move(*np.mean(corners, axis=0))
    mouse.move(*corners[1])
    mouse.up()
    opened.place.locator("[data-part=selected]").wait_for(state="visible")
    opened.page.wait_for_timeout(200)
    marked = opened.page.evaluate(
        f"document.querySelector('{PLACE}').explorer.source.selected.indices"
    )
    inside = np.flatnonzero(((points > low) & (points < high)).all(axis=1))
    # A pixel of the box's edge either way.
    assert len(set(inside) ^ set(marked)) <= 0.03 * len(points)
    assert len(inside) > 20
    sources = opened.page.evaluate(
        f"""document.querySelector('{PLACE}').explorer.plots.map((plot) =>
          plot.figure.renderers[0].data_source.id)"""
    )
    assert len(sources) == 4
    assert len(set(sources)) == 1
    title = opened.place.locator("[data-part=selected-title]").inner_text()
    assert title.startswith(f"{len(marked)} images marked")
    opened.place.get_by_role("button", name="Clear marks").click()
    assert not opened.place.locator("[data-part=selected]").is_visible()


def counted(opened):
    words = opened.place.locator("[data-part=count]").inner_text()
    found = re.fullmatch(r"([\d,]+) of ([\d,]+) images", words)
    assert found
    return int(found[1].replace(",", ""))


def test_filters_count_what_they_should(explorer, made):
    _, results, _ = made
    opened = explorer()
    labels, scores, answers = truth(results, chosen_space(opened, results))
    assert counted(opened) == len(labels)
    error = opened.place.locator("[data-control=error]")
    for value, wanted in (
        ("right", answers == labels),
        ("wrong", answers != labels),
        ("fp", (answers == 1) & (labels == 0)),
        ("fn", (answers == 0) & (labels == 1)),
    ):
        error.select_option(value)
        assert counted(opened) == wanted.sum()
    error.select_option("wrong")
    opened.place.get_by_label("pneumonia", exact=True).check()
    wrong = (answers != labels) & (labels == 1)
    assert counted(opened) == wrong.sum()
    opened.place.locator("[data-control=low]").fill("70")
    opened.place.locator("[data-control=high]").fill("90")
    confidence = np.maximum(scores, 1 - scores)
    between = (confidence >= 0.7 - 1e-9) & (confidence <= 0.9 + 1e-9)
    assert counted(opened) == (wrong & between).sum()
    assert (
        opened.page.evaluate(f"document.querySelector('{PLACE}').explorer.shown()")
        == np.flatnonzero(wrong & between).tolist()
    )


def test_most_confident_mistakes_follow_the_way_of_training_and_can_be_marked(explorer, made):
    _, results, _ = made
    opened = explorer()
    select = opened.place.locator("[data-control=space]").first
    for title in select.locator("option").all_inner_texts():
        select.select_option(label=title)
        labels, scores, answers = truth(results, space_of(results, title))
        wrong = np.flatnonzero(answers != labels)
        order = np.argsort(-np.round(np.maximum(scores, 1 - scores)[wrong], 4), kind="stable")
        buttons = opened.place.locator("[data-part=mistakes-strip] button")
        shown = [int(button.get_attribute("data-point")) for button in buttons.all()]
        assert shown == wrong[order][:16].tolist()
    buttons.nth(2).focus()
    opened.page.keyboard.press("Enter")
    marked = f"document.querySelector('{PLACE}').explorer.source.selected.indices"
    assert opened.page.evaluate(marked) == [shown[2]]
    assert buttons.nth(2).get_attribute("aria-pressed") == "true"
    assert "false" in buttons.nth(2).get_attribute("aria-label")


@pytest.mark.parametrize("width", [380, 1400])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_asked_for_nothing_fails_nothing_scrolls(explorer, made, width, dark):
    opened = explorer(width=width, dark=dark)
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [made[0].resolve().as_uri()]
    assert opened.errors == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    tops = [box.bounding_box()["y"] for box in opened.place.locator(".explorer-plot").all()[:2]]
    assert (tops[0] < tops[1] - 100) == (width == 380)


def test_inks_follow_the_theme(explorer):
    opened = explorer()
    inks = f"document.querySelector('{PLACE}').explorer.plots[0].figure.renderers[0].glyph"
    palette = f"{inks}.fill_color.transform.palette"
    light = opened.page.evaluate(palette)
    opened.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    opened.page.wait_for_function(f"{palette}[1] !== '{light[1]}'")
    opened.page.evaluate("document.documentElement.dataset.theme = 'light'")
    opened.page.wait_for_function(f"{palette}[1] === '{light[1]}'")
    opened.page.emulate_media(color_scheme="dark")
    opened.page.evaluate("delete document.documentElement.dataset.theme")
    opened.page.wait_for_function(f"{palette}[1] !== '{light[1]}'")


def test_without_scripts_it_is_not_there_and_the_figures_are(made, open_page):
    page = open_page(made[0], javascript=False, unfolded=True).page
    assert not page.locator(PLACE).is_visible()
    assert page.locator(f"#item-spaces-{TASK} svg").is_visible()
    assert page.locator(f"#item-mistakes-{TASK} svg").is_visible()


def test_missing_atlas_and_scores_are_said(made, open_page, tmp_path):
    results = json.loads(json.dumps(made[1]))
    for space in results["latent"]["spaces"]:
        space["scores"] = space["run"] = None
    (tmp_path / "results.json").write_text(json.dumps(results))
    opened = open_page(report.render(tmp_path)[0])
    place = opened.page.locator(PLACE)
    place.scroll_into_view_if_needed()
    opened.page.wait_for_selector(f"{PLACE}[data-ready]")
    assert place.locator("[data-part=no-images]").is_visible()
    assert place.locator("[data-part=no-scores]").is_visible()
    assert place.locator("[data-control=error]").is_disabled()
    assert not place.locator("[data-part=mistakes]").is_visible()
    assert opened.errors == []


TOUCH_ACTIONS = """(root) => root.explorer.plots.map(({ figure }) => {
  return getComputedStyle(Bokeh.index.get_by_id(figure.id).canvas.events_el).touchAction;
})"""


def test_a_finger_scrolls_the_page_until_it_is_to_mark(explorer):
    opened = explorer(width=380, touch=True)
    scroll = opened.place.locator("[data-part=scroll] input")
    assert scroll.is_visible()
    assert scroll.is_checked()
    assert set(opened.place.evaluate(TOUCH_ACTIONS)) == {"auto"}
    opened.place.locator("input[value=box]").check()
    assert set(opened.place.evaluate(TOUCH_ACTIONS)) == {"none"}


def test_a_mouse_is_not_offered_to_scroll_by_dragging(explorer):
    opened = explorer()
    assert not opened.place.locator("[data-part=scroll]").is_visible()
    assert opened.place.locator("input[value=box]").is_checked()
    assert set(opened.place.evaluate(TOUCH_ACTIONS)) == {"none"}
