"""Files in MedMNIST's format (Yang et al., "MedMNIST v2", Scientific Data 2023).

The format: an `.npz` with `{train,val,test}_{images,labels}`; images uint8 of shape (n, size, size)
or (n, size, size, channels), labels of shape (n,) or (n, columns).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict

from tfmed.data.checks import (
    image_shape,
    known_duplicates,
    n_columns,
    refuse_useless,
    shared_patients,
    verify_arrays,
    verify_subgroups,
)
from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers import medmnist
from tfmed.data.importers.npz_file import KEYS, array_names, read_npz, subgroup_keys
from tfmed.data.importers.settings import ImportSettings
from tfmed.data.importers.splitting import resplit_npz
from tfmed.data.integrity import check_readable, md5_of
from tfmed.data.pictures.recipe import shown_steps, steps_from
from tfmed.errors import InputError, printable
from tfmed.tasks import REGISTRY, UNLABELLED, class_counts, task_for, task_of

WANTED = "the path of an .npz file"
MAKES_SIZES = False

ABOUT = "about"
"""Array that says in JSON how tfmed made the file."""
Shown = Annotated[str, AfterValidator(printable)]
_PATIENT_KEYS = tuple(f"{split}_patients" for split in SPLITS)
_IMAGE_KEYS = tuple(key for key in KEYS if key.endswith("_images"))


@dataclass(frozen=True)
class Words:
    """What people read of a data set; see `DatasetInfo`."""

    name: str
    title: str
    description: str = "A file of the user's own, given by its path."
    license: str = ""
    class_names: tuple[str, ...] | None = None
    synthetic: bool = False
    steps: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()
    step_settings: tuple[dict[str, int | str], ...] = ()


NIH_FINDINGS = (
    *("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia"),
    *("pneumothorax", "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"),
)
# Files outside MedMNIST that deserve more than their stem as a title, by their MD5.
_KNOWN_FILES = {
    "cfe5c43c6c5c56fb17be4b3338e00332": Words(
        "chest_nih",
        "NIH ChestX-ray14 subset",
        "15,923 frontal chest X-rays of NIH ChestX-ray14 with their 14 text-mined findings, "
        "split by patient. Not ChestMNIST: other images, resizing and split.",
        "Use unrestricted with a link to https://nihcc.app.box.com/v/ChestXray-NIHCC, "
        "acknowledgement of the NIH Clinical Center and citation of Wang et al., CVPR 2017",
        label_names=NIH_FINDINGS,
    )
}


class About(BaseModel):
    """What the array `about` of a file that tfmed wrote says in JSON.

    Attributes:
        steps: that made the images, in order, as people read them.
        step_settings: the same, with their settings; empty if the file was put together otherwise.
        notes: what was met, decided and left out.
        class_names: in the order of labels; empty where the task names them.
        task: one of `tfmed.tasks`.
        findings: names of the label columns, where there are several.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: tuple[Shown, ...]
    step_settings: tuple[dict[str, int | str], ...] = ()
    notes: tuple[Shown, ...]
    class_names: tuple[Shown, ...]
    task: str
    findings: tuple[Shown, ...] = ()


def about_of(path: Path) -> About | None:
    """What a file says of itself; None where it says nothing.

    Raises:
        InputError: it can't be read, or says something that tfmed does not write.
    """
    array = read_npz(path, (), optional=(ABOUT,)).get(ABOUT)
    if array is None:
        return None
    try:
        about = About.model_validate_json(str(array))
        n_labels = len(about.class_names)
        if about.task not in (*REGISTRY, UNLABELLED) or n_labels == 1:
            raise ValueError(about.task)
        if about.step_settings:
            steps_from(about.step_settings)
            if shown_steps(about.step_settings) != about.steps:
                raise ValueError(about.steps)
    except ValueError:
        raise _untrue(path) from None
    return about


def _untrue(path: Path) -> InputError:
    return InputError(
        f"{printable(path)}: {ABOUT} is not what tfmed writes there: leave it out, or import again"
    )


def imported_words(about: About, name: str, title: str) -> Words:
    """What people read of imported images."""
    steps = ", ".join(about.steps)
    description = f"Image files of the user's own. Steps: {steps}."
    names = about.class_names or None
    return Words(
        name,
        title,
        description,
        class_names=names,
        steps=about.steps,
        label_names=about.findings,
        step_settings=about.step_settings,
    )


def takes(spec: str) -> bool:
    """Whether something is a path: it ends in `.npz` or holds a path separator."""
    separators = {os.sep, os.altsep or os.sep}
    return spec.lower().endswith(".npz") or any(separator in spec for separator in separators)


def check(path: Path) -> None:
    """As `tfmed.data.importers.Importer.check`."""
    check_readable(path)


def read(path: Path, cache_dir: Path, settings: ImportSettings) -> DatasetInfo:
    """Verify and describe a file of the user's own, which stays where it is.

    An official file of MedMNIST is known by its MD5 at any path.

    Args:
        path: absolute.
        cache_dir: for a file with other splits, where they are asked for.
        settings: only `resplit`, `split_seed` and `task` matter.

    Raises:
        InputError: the file cannot be read or is not in MedMNIST's format, its images are all
            blank, or all of its test or val images are in train.
    """
    info = _read(path, cache_dir, settings)
    refuse_useless(info, known_duplicates(info, cache_dir))
    return info


def _read(path: Path, cache_dir: Path, settings: ImportSettings) -> DatasetInfo:
    """As `read`, whatever its images show."""
    check_readable(path)
    if settings.resplit:
        return _resplit(path, cache_dir, settings)
    md5 = md5_of(path)
    official = medmnist.find_by_md5(md5)
    if official is not None:
        return read_official(medmnist.require_supported(official), path, settings.task)
    words = Words(safe_name(path.stem, md5), printable(path.stem))
    about = about_of(path)
    if about is not None:
        words = imported_words(about, words.name, words.title)
        info = described(path, words, about, settings)
        empty = about.class_names and any(0 in counts for counts in info.counts.values())
        if empty or not _made_by(info):
            raise _untrue(path)
        return info
    if md5 in _KNOWN_FILES:
        words = replace(_KNOWN_FILES[md5], name=words.name)
    if medmnist.is_name(path.stem):
        words = replace(words, title=f"{words.title} (not the official file)")
    return describe(path, words, task=settings.task)


def described(path: Path, words: Words, about: About, settings: ImportSettings) -> DatasetInfo:
    """As `describe`, of a file that tfmed wrote."""
    info = describe(path, words, task=settings.task or about.task)
    return replace(info, notes=about.notes)


def _made_by(info: DatasetInfo) -> bool:
    """Whether images have the size and the channels that their steps make."""
    if not info.step_settings:
        return True
    recipe = steps_from(info.step_settings)
    return info.image_shape == (recipe.size, recipe.size, recipe.channels)


def _resplit(path: Path, cache_dir: Path, settings: ImportSettings) -> DatasetInfo:
    """As `read`, in splits that tfmed draws."""
    about = about_of(path)
    official = medmnist.find_by_md5(md5_of(path))
    known = about or official
    task = settings.task or (known.task if known else _task_of(path))
    other, note = resplit_npz(path, cache_dir, task, settings.split_seed)
    words = Words(safe_name(path.stem, md5_of(path)), printable(path.stem))
    if about is not None:
        words = imported_words(about, words.name, words.title)
    elif official is not None:
        words = replace(_words_of(official), title=f"{official.title} (other splits)")
    info = describe(other, words, task=task)
    if not _made_by(info):
        raise _untrue(path)
    notes = about.notes if about else ()
    return replace(info, notes=(*notes, note), description=f"{info.description} {note}.".strip())


def _task_of(path: Path) -> str:
    columns = read_npz(path, [f"{split}_labels" for split in SPLITS])
    return task_for(list(columns.values()))


def read_official(
    official: medmnist.OfficialFile, path: Path, task: str | None = None
) -> DatasetInfo:
    """Describe a file that is known to be an official one; errors as for `read`."""
    task, expected = task or official.task, official.n_samples
    return describe(path, _words_of(official), task=task, expected=expected)


def describe(
    path: Path, words: Words, *, task: str | None = None, expected: Mapping[str, int] | None = None
) -> DatasetInfo:
    """Verify a file and describe it.

    Args:
        path: absolute.
        words: what people read of it.
        task: what its labels are for; None: what its columns say (`tfmed.tasks.task_for`).
        expected: images per split of an official file, whose MD5 vouches for every byte, so that
            its images need not be inflated.

    Raises:
        InputError: the file cannot be read, is damaged, or is not what the task needs.
    """
    md5 = md5_of(path)  # before reading, so that a change in between is noticed
    beside = (*_PATIENT_KEYS, *subgroup_keys(array_names(path)))
    arrays = read_npz(path, headers_of=_IMAGE_KEYS, optional=beside, check=expected is None)
    task = task or task_for([arrays[f"{split}_labels"] for split in SPLITS])
    asked = task_of(task)
    verify_arrays(arrays, str(path), asked, expected)
    columns = {split: arrays[f"{split}_labels"] for split in SPLITS}
    n_labels = n_columns(columns["train"])
    warnings = shared_patients(arrays, str(path))
    verify_subgroups(arrays, str(path))
    everywhere = np.concatenate([each.reshape(len(each), -1) for each in columns.values()])
    class_names = words.class_names or asked.class_names(everywhere, words.label_names)
    asked.check_splits(columns, class_names, printable(path))
    return DatasetInfo(
        name=words.name,
        title=words.title,
        description=words.description,
        license=words.license,
        path=path,
        md5=md5,
        synthetic=words.synthetic,
        image_shape=image_shape(arrays["train_images"]),
        class_names=class_names,
        n_labels=n_labels,
        counts={
            split: class_counts(task, asked.labels_of(columns[split]), len(class_names))
            for split in SPLITS
        },
        task=task,
        steps=words.steps,
        step_settings=words.step_settings,
        warnings=warnings,
        sizes={split: len(columns[split]) for split in SPLITS},
    )


def _words_of(official: medmnist.OfficialFile) -> Words:
    return Words(
        official.name,
        official.title,
        official.description,
        official.license,
        class_names=official.class_names,
        label_names=official.label_names,
    )


def safe_name(stem: str, md5: str) -> str:
    """A name for file names: letters, digits, `-`, `_` and `.`, at most 64 of them."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:64]
    return safe or f"dataset-{md5[:8]}"
