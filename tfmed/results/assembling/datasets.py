"""What results say of a data set: the part `datasets`, and what `tfmed data check` shows."""

from typing import Any

import numpy as np

from tfmed.data import SPLITS, DatasetInfo
from tfmed.data.checks import Duplicates, images_of_shared, shifts
from tfmed.data.loading import (
    load_labels,
    load_patients,
    load_patients_of_splits,
    load_rows,
    load_subgroups,
)
from tfmed.evaluation.subgroups.naming import grouped
from tfmed.results.atlas import as_png
from tfmed.tasks import task_of
from tfmed.tasks.binary import BINARISE

EXAMPLES = 6
"""Training images of each class that are shown."""


def dataset_entry(info: DatasetInfo, role: str, found: Duplicates) -> dict[str, Any]:
    """The entry of one data set.

    Args:
        info: the data set.
        role: `source`, `target` or `source and target`.
        found: images that it holds twice.

    Raises:
        InputError: its file changed since it was verified, or cannot be read any more.
    """
    return {
        "name": info.name,
        "role": role,
        "title": info.title,
        "description": info.description,
        "license": info.license,
        "synthetic": info.synthetic,
        "file": info.path.name,
        "md5": info.md5,
        "image_shape": list(info.image_shape),
        "class_names": list(info.class_names),
        "n_labels": info.n_labels,
        "task": info.task,
        "binarise": BINARISE if info.task == "binary" and info.n_labels > 1 else None,
        "splits": {
            split: {
                "n": info.n_images(split),
                "patients": _n_patients(info, split),
                "counts": list(info.counts[split]),
            }
            for split in SPLITS
        },
        "examples": _examples(info),
        "steps": list(info.steps),
        "notes": [*info.notes, *_group_notes(info)],
        "warnings": list(info.warnings),
        "repeated": _repeated(found),
        "shared_patients": [
            {"earlier": earlier, "split": split, "images": images}
            for (earlier, split), images in images_of_shared(load_patients_of_splits(info)).items()
        ],
        "shifts": [{"split": s.split, "distance": s.distance, "p": s.p} for s in shifts(info)],
    }


def _repeated(found: Duplicates) -> dict[str, Any]:
    return {
        "within": found.within,
        "blank": found.blank,
        "across": [
            {
                "earlier": pair[0],
                "split": pair[1],
                "equal": equal,
                "near": found.near[pair],
                "named": [list(names) for names in found.named[pair]],
            }
            for pair, equal in found.across.items()
        ],
    }


def _n_patients(info: DatasetInfo, split: str) -> int | None:
    patients = load_patients(info, split)
    return None if patients is None else int(patients.max()) + 1


def _group_notes(info: DatasetInfo) -> list[str]:
    """A line for each column that says of which group test images are."""
    columns = [grouped(name, each) for name, each in load_subgroups(info, "test").items()]
    lines = []
    for column in columns:
        if column.why_not_used is not None:
            lines.append(f"groups of test images by {column.name}: none, it {column.why_not_used}")
            continue
        sizes = [f"{name} ({len(column.rows(name)):,})" for name in column.groups]
        sizes += [f"not given ({column.not_given:,})"] if column.not_given else []
        lines.append(f"groups of test images by {column.name}: {', '.join(sizes)}")
    return lines


def _examples(info: DatasetInfo) -> list[list[str]]:
    """A few training images of each class, by a fixed seed."""
    rng = np.random.default_rng(0)
    chosen = [
        rng.permutation(np.flatnonzero(inside))[:EXAMPLES]
        for inside in _groups(info, load_labels(info, "train"))
    ]
    shown = load_rows(info, "train", np.unique(np.concatenate(chosen)))
    return [
        [as_png(image) for image in shown.images[inside][:EXAMPLES]]
        for inside in _groups(info, shown.labels)
    ]


def _groups(info: DatasetInfo, labels: np.ndarray) -> np.ndarray:
    """Whether each image is of each class, bool (classes, n); without labels all are one group."""
    if not info.labelled:
        return np.ones((1, len(labels)), bool)
    return task_of(info.task).members(labels, len(info.class_names)).T
