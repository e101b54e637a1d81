"""From what jobs found of classifiers to the parts of `results.json`."""

from types import SimpleNamespace

import numpy as np
import pytest

from tfmed.design import Cell, Repeat, Strategy
from tfmed.execution.job import Result
from tfmed.inspection.overlays import overlay
from tfmed.report.figures.plotting import decode_png
from tfmed.results.assembling.inspection import inspection_parts
from tfmed.results.schema.inspection import AttributionEntry, RobustnessEntry

STRATEGIES = (Strategy("random", "frozen"), Strategy("simclr", "finetune"))


def found(side):
    """A plan of two classifiers, the first without maps, and what came of its jobs."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, side, side, 1), dtype=np.uint8)
    maps = {name: rng.normal(0, 1, (2, side, side)) for name in ("occlusion", "grad-cam")}
    correlation = {"occlusion": 0.1, "grad-cam": None}
    case = {"row": 3, "truth": 0, "explained": 1, "right": False, "score": 0.75}
    cases = [{**case, "correlation": correlation}, {**case, "row": 4, "correlation": correlation}]
    metrics = {"accuracy": 0.8, "auc": None}
    worse = {"kind": "blur", "unit": "pixels", "strength": 1, "value": 0.5, "metrics": metrics}
    finished = {
        "looks": Result({"cases": cases, "inside": None}, {"images": images, **maps}),
        "withstands": Result({"n": 9, "clean": metrics, "corruptions": [worse], "seconds": 1.0}),
    }
    inspections = [
        SimpleNamespace(
            run=SimpleNamespace(
                cell=Cell("lung", strategy, label_budget=300), repeat=Repeat(0), seed=0
            ),
            strategy=strategy,
            robustness=SimpleNamespace(key="withstands"),
            attribution=SimpleNamespace(key="looks") if strategy.pretrained else None,
        )
        for strategy in STRATEGIES
    ]
    return SimpleNamespace(inspections=inspections), finished, images, maps


def test_every_part_is_as_the_schema_says():
    plan, finished, *_ = found(28)
    parts = inspection_parts(plan, finished)
    assert [entry["strategy"] for entry in parts["attribution"]] == ["simclr:finetune"]
    assert [entry["pretraining"] for entry in parts["robustness"]] == [None, 0]
    for entry in parts["attribution"]:
        AttributionEntry.model_validate(entry)
    for entry in parts["robustness"]:
        RobustnessEntry.model_validate(entry)


def test_pictures_are_the_images_and_the_maps_over_them():
    plan, finished, images, maps = found(28)
    [entry] = inspection_parts(plan, finished)["attribution"]
    for number, case in enumerate(entry["cases"]):
        assert np.array_equal(decode_png(case["image"])[..., :1], images[number])
        shown = decode_png(case["overlays"]["occlusion"])
        assert np.array_equal(shown, overlay(images[number], maps["occlusion"][number]))


@pytest.mark.parametrize(("side", "shown"), [(28, 28), (56, 56), (224, 56)])
def test_pictures_of_large_images_are_reduced(side, shown):
    plan, finished, *_ = found(side)
    [entry] = inspection_parts(plan, finished)["attribution"]
    for uri in (entry["cases"][0]["image"], *entry["cases"][0]["overlays"].values()):
        assert decode_png(uri).shape == (shown, shown, 3)
