"""The recorded results with invented maps and corruptions beside them."""

import numpy as np
from example_results import TARGET, example_results

from tfmed.inspection.corruptions import CORRUPTIONS
from tfmed.inspection.overlays import overlay
from tfmed.results.atlas import as_png

METHODS = ("occlusion", "grad-cam")


def inspected_results(*, known: bool = False, n_classes: int = 2, **more) -> dict:
    """As `example_results`, with `attribution` and `robustness` at 300 labels of the target.

    Args:
        known: whether the opacities' places are.
        n_classes: that cases are of.
        **more: as for `example_results`.
    """
    results = example_results(**more)
    rng = np.random.default_rng(0)
    rows = [
        row
        for row in results["summary"]
        if (row["task"], row["label_budget"], row["variant"]) == (TARGET, 300, "standard")
        and row["initialisation"] is not None
    ]
    keys = ("task", "strategy", "initialisation", "trained", "variant", "label_budget")
    cells = [{**{key: row[key] for key in keys}, "seed": 0, "pretraining": None} for row in rows]
    results["attribution"] = [
        {**cell, "cases": _cases(rng, n_classes), "inside": _inside(rng) if known else None}
        for cell in cells
        if cell["strategy"] != "random_frozen"
    ]
    results["robustness"] = [
        {**cell, "n": 624, "clean": _metrics(rng, 0), "corruptions": _corruptions(rng)}
        for cell in cells
    ]
    return results


def _cases(rng, n_classes):
    cases = []
    for truth in range(n_classes):
        for right in (True, False):
            for _ in range(2):
                image = rng.integers(60, 200, (28, 28, 1), dtype=np.uint8)
                values = rng.normal(0, 1, (28, 28))
                cases.append(
                    {
                        "row": int(rng.integers(0, 600)),
                        "truth": truth,
                        "explained": truth if right else (truth + 1) % n_classes,
                        "right": right,
                        "score": float(rng.uniform(0.5, 1)),
                        "image": as_png(image),
                        "overlays": {name: as_png(overlay(image, values)) for name in METHODS},
                        "correlation": {
                            "occlusion": float(rng.uniform(-0.2, 0.2)),
                            "grad-cam": None if truth and right else 0.25,
                        },
                    }
                )
    return cases


def _inside(rng):
    return {
        "occlusion": {"share": float(rng.uniform(0.5, 0.7)), "random": 0.23, "area": 0.2, "n": 40},
        "grad-cam": {"share": None, "random": None, "area": None, "n": 0},
    }


def _metrics(rng, strength):
    return {name: float(rng.uniform(0.8, 0.85) - 0.05 * strength) for name in ("accuracy", "auc")}


def _corruptions(rng):
    return [
        {
            "kind": kind,
            "unit": corruption.unit,
            "strength": strength,
            "value": float(value),
            "metrics": _metrics(rng, strength),
        }
        for kind, corruption in CORRUPTIONS.items()
        for strength, value in enumerate(corruption.strengths, 1)
    ]
