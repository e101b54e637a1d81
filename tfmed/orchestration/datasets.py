"""Which data sets a study runs on: found, downloaded or drawn, and verified."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tfmed.cache import cache_folder
from tfmed.config.study import Study
from tfmed.data import DatasetInfo, sources
from tfmed.data.checks import known_duplicates
from tfmed.data.importers import medmnist
from tfmed.data.importers.settings import ImportSettings
from tfmed.errors import InputError
from tfmed.orchestration.listening import Listener
from tfmed.orchestration.plan import fit_budgets, without_labels
from tfmed.report.datasets.words import NO_CLASSIFIERS
from tfmed.results.assembling.datasets import dataset_entry

QUICK_PHANTOM = {
    "source": {"train": 2000, "val": 300, "test": 600},
    "target": {"train": 1000, "val": 160, "test": 600},
}
"""Images that are drawn for a quick study."""


@dataclass(frozen=True)
class Found:
    """A study and the data sets that it runs on.

    Attributes:
        study: as asked for, or changed to fit its data.
        source: the data set pretrained on.
        target: the data set classified.
    """

    study: Study
    source: DatasetInfo
    target: DatasetInfo


def find(
    study: Study,
    data_root: Path | None,
    listener: Listener,
    *,
    phantom_if_missing: bool,
    fit_to_data: bool,
) -> Found:
    """Finds and verifies the data sets of a study.

    Args:
        study: names them.
        data_root: folder of named data sets; None for `sources.default_data_root()`.
        listener: hears what was found.
        phantom_if_missing: run on drawn images where a set is neither there nor downloadable.
        fit_to_data: leave out label budgets that the data are too small for, and give a study of
            chosen data a title of its own.

    Raises:
        InputError: a data set is unknown, can't be had or is not sound.
    """
    root = data_root or sources.default_data_root()
    listener.stage("looking for the data sets")
    if phantom_if_missing:
        missing = [
            name for name in (study.source, study.target) if not sources.available(name, root)
        ]
        if missing:
            listener.note(_phantom_note(missing, root))
            drawn = {role: sources.phantom_like(getattr(study, role)) for role in QUICK_PHANTOM}
            study = study.model_copy(update=drawn)
    for spec in (study.source, study.target):
        sources.check_spec(spec)  # before the first of them is downloaded
    same = study.target == study.source and not sources.depends_on_role(study.target)
    study = _with_one_task(study) if same else study
    imports = {role: _imports(study, role) for role in ("source", "target")}
    source = _resolved("source", study.source, root, imports["source"], quick=study.quick)
    target = source
    if not same:
        target = _resolved("target", study.target, root, imports["target"], quick=study.quick)
    if not target.labelled:
        raise without_labels(target)
    _tell("source", source, listener, notes=True)
    _tell("target", target, listener, notes=target is not source)
    if fit_to_data:
        if not phantom_if_missing:
            study = study.model_copy(update={"title": _title(source, target)})
        study, notes = fit_budgets(study, source, target)
        for note in notes:
            listener.note(f"note: {note}")
    return Found(study, source, target)


def _tell(role: str, info: DatasetInfo, listener: Listener, *, notes: bool) -> None:
    """What was found in one role; notes of one data set in both roles are told once."""
    counts = " / ".join(str(info.n_images(split)) for split in info.counts)
    listener.note(f"       {role}: {info.title}, {counts} images (train / val / test)")
    for note in info.notes if notes else ():
        listener.note(f"       {note}")
    for warning in info.warnings:
        listener.note(f"*** WARNING *** {info.title}: {warning}")
    if not info.labelled:
        listener.note(f"       {info.title} {NO_CLASSIFIERS}")
    if not info.fits_in_memory:
        listener.note(f"       {sources.loading_notice(info)}")


def _with_one_task(study: Study) -> Study:
    """A study of one data set whose task is said for one role: it is the other's too.

    Raises:
        InputError: two tasks are asked of one data set.
    """
    tasks = [study.source_task.chosen_task, study.target_task.chosen_task]
    asked = [task for task in tasks if task]
    if len(set(asked)) > 1:
        raise InputError(
            f"{study.source} is source and target, and its task is {' and '.join(asked)}: give "
            "source_task.task and target_task.task the same"
        )
    if not asked:
        return study
    both = {
        role: getattr(study, role).replaced(task=asked[0])
        for role in ("source_task", "target_task")
    }
    return study.model_copy(update=both)


def _imports(study: Study, role: str) -> ImportSettings:
    task = getattr(study, f"{role}_task").chosen_task
    return replace(study.images.for_import(), task=task)


def find_one(
    spec: str, data_root: Path | None, settings: ImportSettings | None = None
) -> DatasetInfo:
    """Finds and verifies one data set, as the source of a study.

    Raises:
        InputError: the data set is unknown, can't be had or is not sound.
    """
    sources.check_spec(spec)
    root = data_root or sources.default_data_root()
    return _resolved("source", spec, root, settings or ImportSettings(), quick=False)


def checked(info: DatasetInfo) -> dict[str, Any]:
    """What a report says of a verified data set, as an entry of `datasets` in `results.json`.

    Raises:
        InputError: its file changed since it was verified, or cannot be read any more.
    """
    entry = dataset_entry(info, "", known_duplicates(info, cache_folder()))
    return json.loads(json.dumps(entry))


def write_npz(info: DatasetInfo, out: Path) -> None:
    """Writes a verified data set as a new `.npz` in MedMNIST's format, whole or not at all.

    Raises:
        InputError: the file is there already, has another ending, or can't be written.
    """
    if out.suffix.lower() != ".npz":
        raise InputError(f"{out}: is not the name of an .npz; end it with .npz")
    if out.exists():
        raise InputError(f"{out}: is there already; choose another --out, or remove it first")
    part = out.with_name(f".{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(info.path, part)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{out}: can't be written ({error.strerror}); choose another --out"
        ) from None


def _resolved(
    role: Literal["source", "target"],
    spec: str,
    root: Path,
    settings: ImportSettings,
    *,
    quick: bool,
) -> DatasetInfo:
    counts = QUICK_PHANTOM[role] if quick else None
    return sources.resolve(
        spec,
        data_root=root,
        cache_dir=cache_folder(),
        role=role,
        phantom_counts=counts,
        settings=settings,
    )


def _title(source: DatasetInfo, target: DatasetInfo) -> str:
    """Title of the default study of other data, whose own names its own."""
    return f"Does pretraining on {source.title} without labels help to classify {target.title}?"


def _phantom_note(missing: Sequence[str], root: Path) -> str:
    found = f"not in {root} and not downloadable now"
    if not medmnist.is_installed():
        found = "can't be had without the package medmnist (pip install --no-deps medmnist)"
    return (
        f"*** SYNTHETIC DATA *** {' and '.join(missing)} {found}: "
        "running on drawn phantom images; the results have no medical meaning"
    )
