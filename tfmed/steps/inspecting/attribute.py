"""Attribution: where a classifier looks in test images, and whether it is what it has learned."""

from typing import TYPE_CHECKING, Any

from tfmed import inspection
from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import (
    EMBEDDED_PER_SECOND,
    START_SECONDS,
    Data,
    Parents,
    Say,
    Spec,
    make_job,
    relative_size,
)

if TYPE_CHECKING:
    import numpy as np

    from tfmed.config.study import Study
    from tfmed.data.phantom.places import Box
    from tfmed.inspection import Inspected
    from tfmed.inspection.cases import Case

SHOWN = 2
"""Cases of each class that are shown, of those answered rightly and of those answered wrongly."""
MOST_CLASSES = 8
"""Classes of which cases are shown, the first ones."""
MEASURED, QUICK_MEASURED = 60, 8
"""Right answers of the diseased class whose opacity's place is known, at most; of large images,
each of which takes longer, fewer."""
MASKS = 170
"""Rough number of windows that an image is covered with."""


def attribute_job(study: "Study", task: DatasetInfo, name: str, run: Job) -> Job:
    """Makes maps of attribution of one classifier; arguments as for `corrupt_job`."""
    most = QUICK_MEASURED if study.quick else MEASURED
    measured = max(QUICK_MEASURED, min(most, int(MEASURED / relative_size(task))))
    images = 2 * (2 * SHOWN * min(len(task.class_names), MOST_CLASSES) + measured)
    return make_job(
        "attribute",
        {
            "encoder": study.encoder.model_dump(),
            "methods": list(inspection.REGISTRY),
            "shown": SHOWN,
            "most_classes": MOST_CLASSES,
            "measured": measured,
        },
        {"task": task},
        {"run": run},
        f"where {name} looks",
        START_SECONDS + MASKS * images * relative_size(task) / EMBEDDED_PER_SECOND,
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Maps of typical cases of each class, right and wrong, by every method.

    Which cases is said by `tfmed.inspection.cases`; answers are those of the run's own threshold.
    The parent is the `run`. The record has `cases`, each with `row`, `truth`, `explained`, `right`,
    `score` and `correlation`: by method, the rank correlation of its map with that of the same
    network with random weights (None where one is constant). `inside` is None, or of a phantom with
    two classes by method what `_inside` finds. Arrays: `images` uint8 (cases, ...), and for each
    method its maps, float64 (cases, height, width).
    """
    import numpy as np

    from tfmed.data.loading import load_labels, load_rows
    from tfmed.inspection import agreement
    from tfmed.steps.classify import restore_classifier
    from tfmed.steps.inspecting import finished

    task, run = data["task"], parents["run"]
    classifier = finished.inspected(restore_classifier(spec, task, run), task)
    random = finished.inspected(finished.with_random_weights(spec, task), task)
    scores = finished.probabilities(run.arrays["test_scores"])
    groups = _groups(task, load_labels(task, "test"), run)
    cases, boxes = _shown(groups, scores, spec), _boxes(task)
    # Groups are those of class 0, right and wrong, and then those of class 1.
    diseased = [case for case in groups[2] if boxes and boxes[case.row]][: spec["measured"]]
    rows = np.array(sorted({case.row for case in (*cases, *diseased)}), dtype=int)
    every = load_rows(task, "test", rows).images
    numbers = np.array([case.explained for case in cases], "int32")
    images = every[np.searchsorted(rows, [case.row for case in cases])]
    arrays, correlations = {"images": images}, {}
    for name in spec["methods"]:
        explain = inspection.method(name).attribution
        arrays[name] = explain(classifier, images, numbers)
        pairs = zip(arrays[name], explain(random, images, numbers), strict=True)
        correlations[name] = [agreement.rank_correlation(*pair) for pair in pairs]
    shown = [
        {
            **vars(case),
            "score": float(scores[case.row, case.explained]),
            "correlation": {name: found[i] for name, found in correlations.items()},
        }
        for i, case in enumerate(cases)
    ]
    say(0.5)
    inside = None
    if boxes:
        known = every[np.searchsorted(rows, [case.row for case in diseased])]
        places = [box for case in diseased if (box := boxes[case.row]) is not None]
        inside = {
            name: _inside(name, (classifier, random), known, places) for name in spec["methods"]
        }
    return Result({"cases": shown, "inside": inside}, arrays)


def _groups(task: DatasetInfo, labels: "np.ndarray", run: Result) -> "list[list[Case]]":
    """Of each class the cases answered rightly, then those answered wrongly."""
    from tfmed.inspection.cases import groups_of
    from tfmed.tasks import task_of

    asked = task_of(task.task)
    threshold = run.record["threshold"]
    scores = run.arrays["test_scores"]
    answered = asked.answers(scores) if threshold is None else asked.answers(scores, threshold)
    return list(groups_of(asked.members(labels, len(task.class_names)), answered))


def _shown(groups: "list[list[Case]]", scores: "np.ndarray", spec: Spec) -> "list[Case]":
    from tfmed.inspection.cases import typical

    first = groups[: 2 * spec["most_classes"]]
    return [case for group in first for case in typical(group, scores, spec["shown"])]


def _boxes(task: DatasetInfo) -> "list[Box | None] | None":
    """Where the opacities are, where that is known and there is one diseased class."""
    from tfmed.data.phantom.places import opacity_boxes

    return opacity_boxes(task) if task.task == "binary" and task.synthetic else None


def _inside(
    name: str,
    both: "tuple[Inspected, Inspected]",
    images: "np.ndarray",
    boxes: "list[Box]",
) -> dict[str, Any]:
    """How much of a method's attribution for class 1 lies in the opacity's box of each image.

    Args:
        name: of the method.
        both: the classifier, and the same network with random weights.
        images: uint8 (n, height, width, channels), answered rightly as class 1.
        boxes: one for each.

    Returns:
        `share`, the mean share of the attribution above 0; `random`, the same with random weights;
        `area`, the share of the image that the boxes take, which an even map would have in them;
        and `n`, the images whose map has something above 0. The means are None where there is none.
    """
    import numpy as np

    from tfmed.inspection import agreement

    numbers = np.ones(len(images), "int32")
    maps, others = (inspection.method(name).attribution(each, images, numbers) for each in both)
    found = [
        (agreement.share_inside(values, box), agreement.area_share(values.shape, box))
        for values, box in zip(maps, boxes, strict=True)
    ]
    shares = [share for share, _ in found if share is not None]
    by_chance = [
        agreement.share_inside(values, box) for values, box in zip(others, boxes, strict=True)
    ]
    return {
        "share": _mean(shares),
        "random": _mean([share for share in by_chance if share is not None]),
        "area": _mean([area for share, area in found if share is not None]),
        "n": len(shares),
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
