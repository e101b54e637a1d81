"""What classifiers look at and withstand: from finished jobs to results."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfmed.execution.job import Result
from tfmed.inspection.overlays import enlarged, overlay
from tfmed.results.atlas import LARGE_TILE, as_png
from tfmed.results.planned import Inspection, Plan


def inspection_parts(plan: Plan, finished: Mapping[str, Result]) -> dict[str, Any]:
    """`attribution` and `robustness`."""
    found = plan.inspections
    return {
        "attribution": [
            _attribution(one, finished[one.attribution.key])
            for one in found
            if one.attribution is not None
        ],
        "robustness": [_robustness(one, finished[one.robustness.key]) for one in found],
    }


def _entry(one: Inspection) -> dict[str, Any]:
    """Whose classifier it is."""
    run = one.run
    number = run.repeat.pretraining if one.strategy.pretrained else None
    return {**run.cell.entry(), "seed": run.seed, "pretraining": number}


def _robustness(one: Inspection, result: Result) -> dict[str, Any]:
    return {**_entry(one), **{key: result.record[key] for key in ("n", "clean", "corruptions")}}


def _attribution(one: Inspection, result: Result) -> dict[str, Any]:
    methods = [name for name in result.arrays if name != "images"]
    cases = []
    for number, case in enumerate(result.record["cases"]):
        image = result.arrays["images"][number]
        overlays = {name: _shown(image, result.arrays[name][number]) for name in methods}
        cases.append({**case, "image": _shown(image), "overlays": overlays})
    return {**_entry(one), "cases": cases, "inside": result.record["inside"]}


def _shown(image: np.ndarray, values: np.ndarray | None = None) -> str:
    """An image, or a map over it, as a PNG of at most `LARGE_TILE` pixels a side."""
    from PIL import Image

    side = min(image.shape[0], LARGE_TILE)
    if side < image.shape[0]:
        channels = [
            np.asarray(Image.fromarray(channel).resize((side, side), Image.Resampling.BOX))
            for channel in np.moveaxis(image, -1, 0)
        ]
        image = np.stack(channels, axis=-1)
        values = None if values is None else enlarged(values, (side, side))
    return as_png(image if values is None else overlay(image, values))
