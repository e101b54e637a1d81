"""What a data set is to the rest of tfmed: a description, and splits of images with labels."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.tasks import UNLABELLED

SPLITS = ("train", "val", "test")
IN_MEMORY_LIMIT = 512 << 20
"""Bytes of images, all splits together, above which they are streamed from disk."""


@dataclass(frozen=True)
class Split:
    """One split.

    Attributes:
        images: uint8 of shape (n, height, width, channels), channels 1 or 3.
        labels: as the task reads them from the file; for `binary` uint8 of shape (n,), 0 or 1.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without its arrays; cheap to send to a worker and to print.

    Attributes:
        name: short name used in file names and results: a MedMNIST flag, `phantom-chest`,
            `phantom-pneumonia`, or the file's stem.
        title: name to show to people.
        description: one or two sentences on where the images come from; may be empty.
        license: terms of the images; may be empty.
        path: the `.npz` that holds the arrays.
        md5: MD5 of that file.
        synthetic: drawn by the phantom generator.
        image_shape: (height, width, channels).
        class_names: name of each class of the task, in the order of its labels.
        n_labels: columns of the original labels (14 for ChestMNIST, 1 for PneumoniaMNIST).
        counts: per split, the number of images of each class.
        sizes: per split, the number of images, where counts do not add up to it.
        task: what is asked of an image; one of `tfmed.tasks`, or `UNLABELLED` there.
        steps: that an import made the images by, in order, as people read them; empty where nothing
            is known of them.
        step_settings: the same, as `tfmed.data.pictures.recipe.steps_from` reads them.
        notes: what an import met, decided and left out, one line each.
        warnings: what makes its results doubtful, one line each.
    """

    name: str
    title: str
    description: str
    license: str
    path: Path
    md5: str
    synthetic: bool
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    n_labels: int
    counts: dict[str, tuple[int, ...]]
    task: str = "binary"
    steps: tuple[str, ...] = ()
    step_settings: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def labelled(self) -> bool:
        """Whether its images have labels; without them it is a source only, and has no classes."""
        return self.task != UNLABELLED

    @property
    def image_bytes(self) -> int:
        """Bytes of all images, as uint8."""
        return math.prod(self.image_shape) * sum(map(self.n_images, self.counts))

    @property
    def fits_in_memory(self) -> bool:
        """Whether a split's images are held in memory; if not, they are streamed.

        It follows from the size of the data set alone, so a study takes the same path everywhere.
        """
        return self.image_bytes <= IN_MEMORY_LIMIT

    def n_images(self, split: str) -> int:
        """Images of one split."""
        return self.sizes.get(split, sum(self.counts[split]))

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for `from_json` in another process."""
        return {**dataclasses.asdict(self), "path": str(self.path)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "DatasetInfo":
        """The inverse of `to_json`, after a journey through JSON."""
        return cls(
            **{
                **values,
                "path": Path(values["path"]),
                "image_shape": tuple(values["image_shape"]),
                "class_names": tuple(values["class_names"]),
                "steps": tuple(values["steps"]),
                "step_settings": tuple(values["step_settings"]),
                "notes": tuple(values["notes"]),
                "warnings": tuple(values["warnings"]),
                "counts": {split: tuple(counts) for split, counts in values["counts"].items()},
            }
        )
