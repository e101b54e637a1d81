"""What the page's explorer and slider are given, whatever the results hold."""

import base64
import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_results import HOSTILE, enlarge_latent, example_results, write_images

from tfmed import report
from tfmed.report.figures.drawing import described
from tfmed.report.page.explorer import page_scripts
from tfmed.report.pretraining.reconstructions import difference_span, signed_difference
from tfmed.report.sections.latent import explorer_blocks, latent_blocks
from tfmed.report.selection import mistakes_of

TASK, SLUG = "pneumoniamnist", "pneumoniamnist"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict:
    found = example_results()
    found["out"] = tmp_path_factory.mktemp("explorer")
    write_images(found, found["out"])
    return found


def payload(scripts: str, slug: str = SLUG) -> dict[str, Any]:
    found = re.search(rf'id="explorer-data-{slug}">(.*?)</script>', scripts, re.S)
    assert found
    return json.loads(found[1])


def numbers(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def test_explorer_is_given_what_the_results_hold(results: dict) -> None:
    data, latent = payload(page_scripts(results, results["out"])), results["latent"]
    assert numbers(data["labels"], "u1").tolist() == latent["labels"][TASK]
    assert numbers(data["indices"], "<u4").tolist() == latent["indices"][TASK]
    spaces = {space["id"]: space for space in latent["spaces"] if space["task"] == TASK}
    assert {space["id"] for space in data["spaces"]} == set(spaces)
    for space in data["spaces"]:
        one = spaces[space["id"]]
        for kind in ("pca", "tsne"):
            points = numbers(space[kind], "<f4").reshape(-1, 2)
            np.testing.assert_allclose(points, one[kind]["coordinates"], rtol=1e-6)
        scores = numbers(space["scores"], "<u2") / 10_000
        np.testing.assert_allclose(scores, one["scores"], atol=1e-9)
        assert space["run"] == one["run"]


def test_block_begins_with_the_run_fine_tuned_on_most_labels(results: dict) -> None:
    (block,) = explorer_blocks(results, TASK, SLUG)
    chosen, other = (block["spaces"][i] for i in block["chosen"])
    assert (chosen, other) == ("Autoencoder, fine-tuned, all labels", "From scratch, all labels")


def test_missing_or_changed_atlas_leaves_the_explorer_without_images(results: dict) -> None:
    assert payload(page_scripts(results, results["out"]))["images"]["tile"] == [28, 28]
    assert payload(page_scripts(results, Path("nowhere")))["images"] is None
    changed = copy.deepcopy(results)
    changed["latent"]["images"][TASK]["sha256"] = "0" * 64
    assert payload(page_scripts(changed, results["out"]))["images"] is None


@pytest.mark.slow
def test_results_without_scores_and_images_still_make_a_page(tmp_path: Path) -> None:
    old = example_results()
    old["latent"] |= {"images": {}, "mistakes": {}}
    for space in old["latent"]["spaces"]:
        space |= {"run": None, "scores": None}
    (tmp_path / "results.json").write_text(json.dumps(old))
    html, _ = report.render(tmp_path)
    data = payload(html.read_text())
    assert data["images"] is None
    assert {space["scores"] for space in data["spaces"]} == {None}
    assert mistakes_of(old, TASK) is None


@pytest.mark.parametrize(
    ("part", "odd"), [("scores", 7.0), ("scores", -0.1), ("labels", 256), ("indices", -1)]
)
def test_numbers_that_the_page_cannot_hold_are_refused(results: dict, part: str, odd: Any) -> None:
    changed = copy.deepcopy(results)
    latent = changed["latent"]
    numbers = latent["spaces"][-1][part] if part == "scores" else latent[part][TASK]
    numbers[0] = odd
    with pytest.raises(ValueError, match="out of range"):
        page_scripts(changed, Path("nowhere"))


def test_spaces_without_a_label_for_every_point_are_not_explored() -> None:
    cut = example_results()
    cut["latent"]["labels"][TASK] = []
    assert explorer_blocks(cut, TASK, SLUG) == []
    kinds = [block["kind"] for block in latent_blocks(cut)]
    assert kinds.count("explorer") == 1


def test_no_latent_space_and_no_pretraining_need_no_script() -> None:
    bare = example_results(latent=False)
    bare["pretraining"] = []
    assert page_scripts(bare, Path("nowhere")) == ""


def test_no_name_can_end_a_script(tmp_path: Path) -> None:
    hostile = example_results(hostile=True)
    for dataset in hostile["datasets"]:
        dataset["class_names"] = ["</script><script>alert(1)</script>", "<!--" + HOSTILE]
    scripts = page_scripts(hostile, tmp_path)
    assert payload(scripts)["classes"] == hostile["datasets"][1]["class_names"]
    assert "alert(1)</script>" not in scripts
    assert scripts.count("</script>") == len(re.findall(r"<script[ >]", scripts))


def test_bokeh_keeps_its_licence_and_is_there_once(results: dict) -> None:
    scripts = page_scripts(results, results["out"])
    assert scripts.count("root.Bokeh = bokeh") == 1
    assert "Copyright (c) Anaconda, Inc., and Bokeh Contributors" in scripts


def test_mistakes_are_told_with_their_number_and_scores(results: dict) -> None:
    found = mistakes_of(results, TASK)
    assert found is not None
    figure = described(results)[f"mistakes-{SLUG}"]
    words = "".join(span[1] for span in figure.caption)
    assert f"{found['false_positives']['n']} false positives" in words
    assert f"{found['false_negatives']['shown'][0]['score']:.3f}" in figure.alt


def test_difference_is_red_where_brighter_blue_where_darker_and_white_where_alike() -> None:
    original = np.full((2, 2, 3), 100, dtype=np.uint8)
    answer = original.copy()
    answer[0, 0], answer[1, 1] = 255, 0
    found = signed_difference(original, answer, 0.2)
    assert found[0, 0].tolist() == [213, 94, 0]
    assert found[1, 1].tolist() == [0, 114, 178]
    assert found[0, 1].tolist() == [255, 255, 255]
    half = signed_difference(original, original + np.uint8(26), 0.2)[0, 0]
    assert np.abs(half - (255 + np.array([213, 94, 0])) / 2).max() < 3


def test_span_of_differences_is_shared_and_rounded_up(results: dict) -> None:
    span = difference_span(results["pretraining"][0])
    assert 0.05 <= span <= 0.5
    assert span / 0.05 == pytest.approx(round(span / 0.05))


@pytest.mark.slow
def test_page_of_four_spaces_of_22433_points_is_below_15_megabytes(tmp_path: Path) -> None:
    large = example_results()
    enlarge_latent(large, tmp_path)
    (tmp_path / "results.json").write_text(json.dumps(large))
    html, _ = report.render(tmp_path)
    data = payload(html.read_text())
    assert (data["n"], len(data["spaces"])) == (22_433, 4)
    assert data["images"]["tile"] == [28, 28]
    assert html.stat().st_size < 15e6
