"""The jobs of a study: what each needs to know, whose results it needs, what it roughly costs."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmed.config.study import DROPOUT, OVERTRAINED, STANDARD, Study
from tfmed.data import DatasetInfo
from tfmed.design import LabelBudget, budget_words
from tfmed.evaluation.comparisons import Pair
from tfmed.execution.job import Job, code_version
from tfmed.training.settings import FitSettings

_READING_MODULES = (
    "tfmed.data.dataset",
    "tfmed.data.loading",
    "tfmed.data.integrity",
    "tfmed.data.importers.npz_file",
    "tfmed.tasks",
    "tfmed.tasks.binary",
)
_TRAINING_MODULES = (
    "tfmed.steps.stages",
    "tfmed.training.inputs",
    "tfmed.training.models",
    "tfmed.training.fitting",
    "tfmed.data.pipelines",
    "tfmed.data.budgets",
    "tfmed.data.streaming",
    *_READING_MODULES,
)
_PROBE_MODULES = (*_TRAINING_MODULES, "tfmed.training.baselines")
_LATENT_MODULES = (
    *_TRAINING_MODULES,
    "tfmed.latent.projections",
    "tfmed.latent.significance",
    "tfmed.evaluation.intervals",
    "tfmed.evaluation.case_values",
    "tfmed.tasks.scoring",
)
_SUMMARY_MODULES = (
    "tfmed.steps.summaries",
    "tfmed.evaluation.comparisons",
    "tfmed.evaluation.metrics",
    "tfmed.evaluation.case_values",
    "tfmed.tasks.scoring",
    "tfmed.evaluation.curves",
    "tfmed.evaluation.intervals",
    *_READING_MODULES,
)
MODULES = {
    "pretrain": (*_TRAINING_MODULES, "tfmed.pretraining.reconstruction"),
    "run": _TRAINING_MODULES,
    "baseline": _PROBE_MODULES,
    "forgetting": _PROBE_MODULES,
    "latent_space": _LATENT_MODULES,
    "similarity": _LATENT_MODULES,
    "evaluate": _SUMMARY_MODULES,
    "compare": _SUMMARY_MODULES,
}
"""Modules whose code is part of a kind's key; a test sees which ones a job runs."""
_TRAINING_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "scipy")
_SUMMARY_PACKAGES = ("numpy", "scikit-learn", "scipy")
_PACKAGES = {
    "pretrain": _TRAINING_PACKAGES,
    "run": _TRAINING_PACKAGES,
    "baseline": _TRAINING_PACKAGES,
    "forgetting": _TRAINING_PACKAGES,
    "latent_space": (*_TRAINING_PACKAGES, "openTSNE"),
    "similarity": _TRAINING_PACKAGES,
    "evaluate": _SUMMARY_PACKAGES,
    "compare": _SUMMARY_PACKAGES,
}

IMAGES_PER_SECOND = 7000
"""Rough speed of fitting 28 x 28 images on one core; the order of jobs and the time left depend on
this and on the others here, no result does."""
EMBEDDED_PER_SECOND = 12_000
"""Rough speed of embedding such images."""
EPOCH_SECONDS = 0.02
"""Rough cost of an epoch whatever the number of images."""
START_SECONDS = 1.0
"""Rough cost of building a model and, now and then, of tracing it."""
READ_SECONDS = 0.1
"""Rough cost of reading a data set and building a model that is not fitted."""
EPOCHS_SHARE = {"scratch": 0.5, "finetune": 0.5, "random_frozen": 0.25, "frozen": 0.25}
"""Rough share of the epochs after which EarlyStopping stops."""
HEAD_SPEED = 6
"""How many times as fast a head is fitted to embeddings as an encoder to images."""
BASELINE_SECONDS = {"majority": 0.0, "pixels_logistic": 0.4, "pca_logistic": 0.2}
"""Rough cost of fitting a baseline to 1,000 examples; others: `PROBE_SECONDS`."""
PROBE_SECONDS = {"knn": 0.2, "logistic": 0.4}
"""The same on embeddings."""

PROBE_IMAGES = 2000
"""Source images that a probe is fitted to, before and after fine-tuning on the target."""
FORGETTING_IMAGES = 3000
"""Source test images that it is scored on, at most."""
EVALUATE_SECONDS = 0.02
"""Rough cost of the metrics of one run and its part in those of its cell."""
COMPARE_SECONDS = 0.01
"""Rough cost of the differences between the two runs of a pair."""


def pretraining_job(study: Study, source: DatasetInfo, seed: int) -> Job:
    """Fits an autoencoder to the source's images.

    Args:
        study: says how.
        source: whose images.
        seed: of this pretraining.
    """
    settings = study.pretraining
    images = min(settings.max_images or 10**9, sum(source.counts["train"]))
    again = f", seed {seed}" if settings.per_seed else ""
    return Job(
        kind="pretrain",
        spec={
            "encoder": study.encoder.model_dump(),
            "fit": settings.fit.model_dump(),
            "max_images": settings.max_images,
            "seed": seed,
            "all_gpus": False,
        },
        data={"source": source.md5},
        code=code_of("pretrain"),
        title=f"pretraining on {source.title}{again}",
        cost=2 * START_SECONDS + images * settings.fit.epochs * _fit_seconds(source),
    )


def run_job(
    study: Study,
    task: DatasetInfo,
    strategy: str,
    variant: str,
    budget: LabelBudget,
    seed: int,
    pretraining: Job,
) -> Job:
    """Fits one classifier and scores the test split."""
    parents: dict[str, Job] = {}
    if strategy == "frozen":
        parents["pretraining"] = pretraining
    elif strategy == "finetune":
        parents["frozen"] = run_job(study, task, "frozen", STANDARD, budget, seed, pretraining)
    fit = _fit_config(study, strategy, variant, budget)
    dropout = study.classifiers.dropout
    spec: dict[str, Any] = {
        "strategy": strategy,
        "label_budget": budget,
        "seed": seed,
        "encoder": study.encoder.model_dump(),
        "dropout": float(variant.removeprefix(DROPOUT)) if variant.startswith(DROPOUT) else dropout,
        "penalty": study.classifiers.penalty,
        "loss": variant if variant in ("class_weighted", "focal") else "plain",
        "epoch_steps": study.classifiers.epoch_steps,
        "fit": fit.model_dump(),
    }
    name = strategy if variant == STANDARD else f"{strategy} ({variant})"
    epochs = fit.epochs * (EPOCHS_SHARE[strategy] if fit.patience else 1)
    work = _labels(task, budget) * epochs * _fit_seconds(task)
    if strategy in ("frozen", "random_frozen"):
        work /= HEAD_SPEED
    return Job(
        kind="run",
        spec=spec,
        data={"task": task.md5},
        parents=parents,
        code=code_of("run"),
        title=f"{name}, {budget_words(budget)} of {task.title}, seed {seed}",
        cost=START_SECONDS + epochs * EPOCH_SECONDS + work + _embed_seconds(task),
    )


def baseline_job(
    study: Study, task: DatasetInfo, baseline: str, budget: LabelBudget, seed: int, pretraining: Job
) -> Job:
    """Fits one of `BASELINES` and scores the test split.

    With all labels and no random encoder there is nothing for a seed to change: the job is the
    same for all seeds of one pretraining.
    """
    features, _, method = baseline.partition("_")
    embedded = features in ("frozen", "random")
    seconds = PROBE_SECONDS[method] if embedded else BASELINE_SECONDS[baseline]
    fixed = budget == "full" and features != "random"
    return Job(
        kind="baseline",
        spec={
            "baseline": baseline,
            "label_budget": budget,
            "seed": 0 if fixed else seed,
            "encoder": study.encoder.model_dump() if embedded else None,
        },
        data={"task": task.md5},
        parents={"pretraining": pretraining} if features == "frozen" else {},
        code=code_of("baseline"),
        title=f"{baseline}, {budget_words(budget)} of {task.title}"
        + ("" if fixed else f", seed {seed}"),
        cost=READ_SECONDS
        + seconds * _labels(task, budget) / 1000 * _relative_size(task)
        + (_embed_seconds(task) if embedded else 0.0),
    )


def space_job(study: Study, task: DatasetInfo, run: Job) -> Job:
    """Looks at the latent space of a run."""
    images = min(sum(task.counts["test"]), study.latent.max_images)
    return Job(
        kind="latent_space",
        spec={
            "encoder": run.spec["encoder"],
            "perplexity": study.latent.perplexity,
            "max_images": study.latent.max_images,
        },
        data={"task": task.md5},
        parents={"run": run},
        code=code_of("latent_space"),
        title=f"latent space of {run.title}",
        cost=1.0 + images / 450,
    )


def similarity_job(study: Study, task: DatasetInfo, runs: dict[str, Job]) -> Job:
    """Compares the latent spaces of runs of one task, which are given by name."""
    images = min(sum(task.counts["test"]), study.latent.max_images)
    pairs = len(runs) * (len(runs) - 1) / 2
    return Job(
        kind="similarity",
        spec={
            "encoder": study.encoder.model_dump(),
            "max_images": study.latent.max_images,
        },
        data={"task": task.md5},
        parents=runs,
        code=code_of("similarity"),
        title=f"similarity of the latent spaces of {task.name}",
        cost=1.0 + pairs * images / 10_000,
    )


def forgetting_job(
    study: Study, source: DatasetInfo, pretraining: Job, run: Job | None = None
) -> Job:
    """How well an encoder serves the source: the autoencoder's own or, with a run, that run's."""
    after = f" after {run.title}" if run else " before fine-tuning"
    return Job(
        kind="forgetting",
        spec={
            "encoder": study.encoder.model_dump(),
            "train_images": PROBE_IMAGES,
            "test_images": FORGETTING_IMAGES,
        },
        data={"source": source.md5},
        parents={"pretraining": pretraining, **({"run": run} if run else {})},
        code=code_of("forgetting"),
        title=f"{source.title}{after}",
        cost=READ_SECONDS + PROBE_SECONDS["logistic"] * PROBE_IMAGES / 1000,
    )


def evaluate_job(task: DatasetInfo, cell: str, runs: Mapping[int, Job]) -> Job:
    """Measures the runs of one cell.

    Args:
        task: what they classify.
        cell: its name.
        runs: by seed.
    """
    seeds = {str(seed): job for seed, job in sorted(runs.items())}
    return Job(
        kind="evaluate",
        spec={"seeds": list(seeds)},
        data={"task": task.md5},
        parents=seeds,
        code=code_of("evaluate"),
        title=f"metrics of {cell} of {task.title}",
        cost=READ_SECONDS + EVALUATE_SECONDS * len(runs),
    )


def compare_job(
    task: DatasetInfo, budget: LabelBudget, pairs: list[Pair], runs: Mapping[str, Job]
) -> Job:
    """Compares cells of one task and label budget.

    Args:
        task: what they classify.
        budget: theirs.
        pairs: of cells.
        runs: by the names that `tfmed.steps.summaries.roles` gives them.
    """
    return Job(
        kind="compare",
        spec={"pairs": [dataclasses.asdict(pair) for pair in pairs]},
        data={"task": task.md5},
        parents=runs,
        code=code_of("compare"),
        title=f"differences with {budget_words(budget)} of {task.title}",
        cost=READ_SECONDS + COMPARE_SECONDS * sum(len(pair.seeds) for pair in pairs),
    )


def export_job(
    name: str,
    models: Path,
    run: Job,
    training: dict[str, Any],
    data: dict[str, str],
    seeds: dict[str, Job],
) -> Job:
    """Writes a run's classifier as a SavedModel below `models`.

    Args:
        name: of the model.
        models: folder of all models.
        run: whose classifier it is.
        training: strategy, variant, label budget and seed, for the model's card.
        data: role to MD5 of the data sets that the card names.
        seeds: the runs of all seeds, by key.
    """
    return Job(
        kind="export",
        spec={
            "encoder": run.spec["encoder"],
            "models": str(models),
            "name": name,
            "source": run.key,
            "training": training,
        },
        data=data,
        parents={"run": run, **seeds},
        title=f"exporting {name}",
        cost=2 * START_SECONDS,
        kept=False,
    )


def code_of(kind: str) -> str:
    """Hash of the code and of the package versions that a kind of job depends on."""
    return code_version(MODULES[kind], _PACKAGES[kind])


def _fit_config(study: Study, strategy: str, variant: str, budget: LabelBudget) -> FitSettings:
    classifiers = study.classifiers
    fit = {
        "scratch": classifiers.scratch,
        "random_frozen": classifiers.head,
        "frozen": classifiers.head,
        "finetune": classifiers.finetune,
    }[strategy]
    if budget != "full":
        batch_size = min(fit.batch_size, classifiers.small_batch_size)
        fit = fit.model_copy(update={"batch_size": batch_size})
    if variant == OVERTRAINED:
        fit = fit.model_copy(update={"epochs": classifiers.overtrained_epochs, "patience": 0})
    return fit


def _labels(task: DatasetInfo, budget: LabelBudget) -> int:
    return sum(task.counts["train"]) if budget == "full" else budget


def _relative_size(info: DatasetInfo) -> float:
    return info.image_shape[0] ** 2 / 28**2


def _fit_seconds(info: DatasetInfo) -> float:
    return _relative_size(info) / IMAGES_PER_SECOND


def _embed_seconds(info: DatasetInfo) -> float:
    return sum(info.counts["test"]) * _relative_size(info) / EMBEDDED_PER_SECOND
