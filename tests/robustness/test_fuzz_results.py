"""Odd `results.json`: refused in one line, or rendered."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from example_results import example_results
from mutations import NOT_FINITE, ODD_VALUES, cases, damaged, expect_one_line, odd_tree

from tfmed import report
from tfmed.errors import InputError
from tfmed.report import rendering
from tfmed.report.figures.drawing import described, draw_all
from tfmed.results.loading import read_results


def small_results() -> dict[str, Any]:
    """Every part of results, each as short as it may be."""
    results = example_results(n_seeds=1, strategies=("scratch", "finetune"), evidence=False)
    latent = results["latent"]
    for task, labels in latent["labels"].items():
        latent["labels"][task] = labels[:40]
        latent["indices"][task] = latent["indices"][task][:40]
    for space in latent["spaces"]:
        space |= {"n": 40, "scores": space["scores"][:40]}
        for projection in ("pca", "tsne"):
            space[projection]["coordinates"] = space[projection]["coordinates"][:40]
    for dataset in results["datasets"]:
        dataset["examples"] = [images[:2] for images in dataset["examples"]]
    return results


RESULTS = small_results()
TEXT = json.dumps(RESULTS).encode()


def odd_content(rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return damaged(rng, TEXT)
    odd = (*ODD_VALUES, *NOT_FINITE) if rng.random() < 0.3 else ODD_VALUES
    return odd_text(rng, odd)


def odd_text(rng: random.Random, odd: tuple[Any, ...] = ODD_VALUES) -> bytes:
    return json.dumps(odd_tree(rng, RESULTS, odd)).encode()


def is_refused(call: Any, path: Path) -> bool:
    try:
        call(path)
    except InputError as error:
        expect_one_line(error, path.name)
        return True
    return False


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for rng in cases(1500):
        path.write_bytes(odd_content(rng))
        if not is_refused(read_results, path):
            found = read_results(path)
            json.dumps(found, allow_nan=False)
            assert found["schema_version"] == 3


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    figures = described(RESULTS).values()
    return draw_all(figures, tmp_path_factory.mktemp("figures"), synthetic=False)


def rendered(out: Path, content: bytes) -> bool:
    """Whether a report comes of it; if not, no part of one is left."""
    (out / "results.json").write_bytes(content)
    for name in ("report.html", "report.pdf", "appendix.pdf"):
        (out / name).unlink(missing_ok=True)
    refused = is_refused(lambda path: report.render_again(path.parent), out / "results.json")
    assert refused or (out / "report.pdf").stat().st_size > 0
    assert not list(out.rglob(".*"))
    return not refused


def test_results_that_nobody_changed_make_a_page(tmp_path: Path) -> None:
    assert rendered(tmp_path, TEXT)


def test_changed_results_make_a_page_or_are_refused(
    tmp_path: Path, drawn: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "draw_all", lambda *_, **__: drawn)
    contents = (odd_text(rng) for rng in cases(200))
    assert sum([rendered(tmp_path, content) for content in contents]) > 0


def test_changed_results_make_figures_or_are_refused(tmp_path: Path) -> None:
    contents = (odd_text(rng) for rng in cases(40))
    assert sum([rendered(tmp_path, content) for content in contents]) > 0
