"""The kinds of jobs: one file each, with what it needs, costs and does.

A file has a function that makes the job (settings, parents, rough cost, title) and `work`, which
does it: a pure function of plain settings, data sets, parents' results. Making jobs must not import
TensorFlow, so `work` imports what it trains and measures with inside.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from tfmed import encoders, inspection, pretraining, tasks
from tfmed.data import DatasetInfo
from tfmed.design import LabelBudget
from tfmed.errors import InputError
from tfmed.execution import keys
from tfmed.execution.job import Job, Result

REGISTRY = {
    "pretrain": "tfmed.steps.pretrain",
    "classify": "tfmed.steps.classify",
    "baseline": "tfmed.steps.baseline",
    "latent_space": "tfmed.steps.latent_space",
    "similarity": "tfmed.steps.similarity",
    "forgetting": "tfmed.steps.forgetting",
    "evaluate": "tfmed.steps.evaluate",
    "compare": "tfmed.steps.compare",
    "attribute": "tfmed.steps.inspecting.attribute",
    "corrupt": "tfmed.steps.inspecting.corrupt",
    "export": "tfmed.steps.export",
}
"""Kind of job to the module that does it."""
_OF_TASK = {
    "pretrain": (*tasks.OF_TRAINING, *tasks.OF_MEASURING),
    "latent_space": (*tasks.OF_TRAINING, *tasks.OF_MEASURING),
    "forgetting": (*tasks.OF_TRAINING, *tasks.OF_MEASURING),
    "evaluate": tasks.OF_MEASURING,
    "compare": tasks.OF_MEASURING,
    "corrupt": (*tasks.OF_TRAINING, *tasks.OF_MEASURING),
}
"""What of a task the work of a kind of job uses, where that is not what shapes classifiers."""

Spec = Mapping[str, Any]
Data = Mapping[str, DatasetInfo]
Parents = Mapping[str, Result]
Say = Callable[[float], None]

START_SECONDS = 1.0
"""Rough cost of building a model and, now and then, of tracing it; the order of jobs and the time
left depend on this and on the other costs, no result does."""
READ_SECONDS = 0.1
"""Rough cost of reading a data set and building a model that is not fitted."""
FITTED_PER_SECOND = 3500
"""Rough speed of fitting 28 x 28 images on one core."""
EMBEDDED_PER_SECOND = 12_000
"""Rough speed of embedding such images."""


def perform(
    kind: str, spec: Spec, data: Data, parents: Parents, say: Say, *, code: str = ""
) -> Result:
    """Does one job in this process.

    Args:
        kind: of `REGISTRY`.
        spec: the job's settings.
        data: role to data set.
        parents: role to finished result.
        say: takes the share of the work that is done.
        code: the job's; empty to do it with whatever code there is.

    Raises:
        InputError: the code is another one here, or the work found something the user can fix.
        FloatingPointError: numbers became infinite; it says which setting is too high.
    """
    if code and code != code_of(kind, spec, data):
        raise InputError(
            "the code of tfmed or the version of a package changed while the study ran; finished "
            "work is kept: run the study again"
        )
    return importlib.import_module(REGISTRY[kind]).work(spec, data, parents, say)


def code_of(kind: str, spec: Spec, data: Data) -> str:
    """Hash of the code and of the package versions that a job depends on."""
    return keys.code_version(roots(kind, spec, data))


def roots(kind: str, spec: Spec, data: Data) -> tuple[str, ...]:
    """What a job runs: its step, and the modules of registries that settings and data name."""
    used = _OF_TASK.get(kind, tasks.OF_TRAINING)
    found = {f"{REGISTRY[kind]}:work"}
    found |= {place for info in data.values() for place in tasks.code_of(info.task, used)}
    if spec.get("encoder"):
        found.add(encoders.REGISTRY[spec["encoder"]["name"]])
    if spec.get("pretraining"):
        found.add(pretraining.REGISTRY[spec["pretraining"]["method"]])
    found |= {inspection.REGISTRY[name] for name in spec.get("methods", ())}
    return tuple(sorted(found))


def make_job(
    kind: str,
    spec: Spec,
    data: Mapping[str, DatasetInfo],
    parents: Mapping[str, Job],
    title: str,
    cost: float,
) -> Job:
    """A job whose result is kept under the code that it depends on; arguments as for `Job`."""
    return Job(
        kind=kind,
        spec=spec,
        data={role: info.md5 for role, info in data.items()},
        parents=parents,
        code=code_of(kind, spec, data),
        title=title,
        cost=cost,
    )


def n_labels(task: DatasetInfo, budget: LabelBudget) -> int:
    """Labels of a budget; of `full` those that train."""
    return task.n_images("train") if budget == "full" else budget


def relative_size(info: DatasetInfo) -> float:
    """Pixels of an image over those of one of 28 x 28."""
    return info.image_shape[0] ** 2 / 28**2


def fit_seconds(info: DatasetInfo) -> float:
    """Rough cost of fitting to one image once."""
    return relative_size(info) / FITTED_PER_SECOND


def embed_seconds(info: DatasetInfo) -> float:
    """Rough cost of embedding the test images."""
    return info.n_images("test") * relative_size(info) / EMBEDDED_PER_SECOND
