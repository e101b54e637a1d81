"""From a study and its data sets to the jobs that answer it."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.jobs import Job, code_version
from tfmed.study import OVERTRAINED, STANDARD, FitConfig, LabelBudget, Strategy, Study, TaskSettings

_TRAINING_MODULES = (
    "tfmed.stages",
    "tfmed.models",
    "tfmed.training",
    "tfmed.data.pipelines",
    "tfmed.data.budgets",
    "tfmed.data.records",
)
_TRAINING_PACKAGES = ("tensorflow", "keras", "numpy")
_LATENT_MODULES = (*_TRAINING_MODULES, "tfmed.latent")
_LATENT_PACKAGES = (*_TRAINING_PACKAGES, "scikit-learn", "openTSNE", "scipy")

IMAGES_PER_SECOND = 3000
"""Rough speed of fitting 28 x 28 images on one core; only the time left depends on it."""
START_SECONDS = 4.0
"""Rough cost of building and tracing a model."""

EXPORTED_TARGET: tuple[Strategy, ...] = ("scratch", "frozen", "finetune")


@dataclass(frozen=True)
class Run:
    """One classifier of the study: task x strategy x variant x label budget x seed."""

    task: DatasetInfo
    strategy: Strategy
    variant: str
    label_budget: LabelBudget
    seed: int
    job: Job

    @property
    def cell(self) -> tuple[str, Strategy, str, LabelBudget]:
        """What the seeds of one row of the summary share."""
        return self.task.name, self.strategy, self.variant, self.label_budget

    @property
    def label(self) -> str:
        """Name within its task, such as `finetune-300-seed0`."""
        return "-".join([*cell_label(self.strategy, self.variant, self.label_budget), self._seed])

    @property
    def _seed(self) -> str:
        return f"seed{self.seed}"


@dataclass(frozen=True)
class Space:
    """One latent space: the encoder of a run, looked at on the test split.

    `label_budget` is None where no label shaped the encoder.
    """

    run: Run
    title: str
    label_budget: LabelBudget | None
    job: Job


@dataclass(frozen=True)
class Plan:
    """The jobs of a study and what each is for."""

    study: Study
    source: DatasetInfo
    target: DatasetInfo
    pretraining: Job
    runs: list[Run]
    spaces: list[Space]
    similarities: dict[str, Job]

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs."""
        return list(range(self.study.seeds))

    @property
    def tasks(self) -> list[DatasetInfo]:
        """Data sets that are classified, the source first."""
        return list({run.task.name: run.task for run in self.runs}.values())

    @property
    def datasets(self) -> dict[str, DatasetInfo]:
        """MD5 to data set."""
        return {info.md5: info for info in (self.source, self.target)}

    def jobs(self) -> list[Job]:
        """Every job whose result the report needs."""
        return [
            self.pretraining,
            *(run.job for run in self.runs),
            *(space.job for space in self.spaces),
            *self.similarities.values(),
        ]


def make_plan(study: Study, source: DatasetInfo, target: DatasetInfo) -> Plan:
    """Lays out every job of a study.

    Raises:
        InputError: the data sets do not fit each other or the study.
    """
    if source.image_shape != target.image_shape:
        raise InputError(
            f"source {source.name} has images of {_shape(source)} and target {target.name} of "
            f"{_shape(target)}; one encoder takes one size, so give two sets of the same"
        )
    if source.name == target.name and source.md5 != target.md5:
        target = dataclasses.replace(target, name=f"{target.name}-target")
    pretraining = _pretraining(study, source)
    tasks = [(source, study.source_task), (target, study.target_task)]
    for task, settings in tasks:
        _check_budgets(task, settings)
    if source.md5 == target.md5:
        tasks.reverse()
    runs: dict[str, Run] = {}
    for task, settings in tasks:
        for run in _runs(study, task, settings, pretraining):
            runs.setdefault(run.job.key, run)
    spaces = list(_spaces(study, runs.values()))
    return Plan(
        study=study,
        source=source,
        target=source if source.md5 == target.md5 else target,
        pretraining=pretraining,
        runs=list(runs.values()),
        spaces=spaces,
        similarities=_similarities(study, spaces),
    )


def fit_budgets(study: Study, source: DatasetInfo, target: DatasetInfo) -> tuple[Study, list[str]]:
    """The study without the label budgets that its data sets are too small for, and a note each."""
    notes = []

    def fitted(settings: TaskSettings, info: DatasetInfo) -> TaskSettings:
        most = sum(info.counts["train"])
        kept = tuple(b for b in settings.label_budgets if b == "full" or int(b) <= most)
        for budget in settings.label_budgets:
            if budget not in kept:
                notes.append(
                    f"{info.title} has {most} training images: no runs with {budget} labels"
                )
        return dataclasses.replace(settings, label_budgets=kept)

    fits = dataclasses.replace(
        study,
        source_task=fitted(study.source_task, source),
        target_task=fitted(study.target_task, target),
    )
    return fits, notes


def exports(plan: Plan, best: dict[tuple, Run], models: Path) -> list[tuple[str, Run, Job]]:
    """Models to export: name, the run it comes from, and the job that writes it.

    Args:
        plan: the study's plan.
        best: cell to the run of the seed to export.
        models: folder of the exported models.
    """
    chosen = []
    for (task, strategy, variant, budget), run in best.items():
        if task == plan.target.name and (strategy not in EXPORTED_TARGET or variant != STANDARD):
            continue
        name = "_".join([task, *cell_label(strategy, variant, budget)])
        spec = {
            "encoder": run.job.spec["encoder"],
            "models": str(models),
            "name": name,
            "source": run.job.key,
            "training": {
                "strategy": strategy,
                "variant": variant,
                "label_budget": budget,
                "seed": run.seed,
            },
        }
        data = {"task": run.task.md5}
        if strategy in ("frozen", "finetune"):
            data["source"] = plan.source.md5
        seeds = {other.job.key: other.job for other in plan.runs if other.cell == run.cell}
        job = Job(
            kind="export",
            spec=spec,
            data=data,
            parents={"run": run.job, **seeds},
            title=f"exporting {name}",
            cost=START_SECONDS,
            kept=False,
        )
        chosen.append((name, run, job))
    return chosen


def cell_label(strategy: str, variant: str, budget: LabelBudget) -> list[str]:
    """Parts of a name for one cell, such as `["scratch", "300", "overtrained"]`."""
    return [strategy, str(budget), *([] if variant == STANDARD else [variant])]


def budget_words(budget: LabelBudget) -> str:
    """Such as `300 labels` or `all labels`."""
    return "all labels" if budget == "full" else f"{budget} labels"


def _check_budgets(task: DatasetInfo, settings: TaskSettings) -> None:
    most = sum(task.counts["train"])
    for budget in settings.label_budgets:
        if budget != "full" and int(budget) > most:
            raise InputError(
                f"{task.name} has {most} training images, fewer than the label budget {budget}; "
                "use a smaller one, or 'full' for the official splits"
            )


def _shape(info: DatasetInfo) -> str:
    return " × ".join(map(str, info.image_shape))


def _pretraining(study: Study, source: DatasetInfo) -> Job:
    settings = study.pretraining
    images = min(settings.max_images or 10**9, sum(source.counts["train"]))
    return Job(
        kind="pretrain",
        spec={
            "encoder": dataclasses.asdict(study.encoder),
            "fit": dataclasses.asdict(settings.fit),
            "max_images": settings.max_images,
            "seed": settings.seed,
            "all_gpus": settings.all_gpus,
        },
        data={"source": source.md5},
        code=code_version(_TRAINING_MODULES, _TRAINING_PACKAGES),
        title=f"pretraining on {source.title}",
        cost=START_SECONDS + images * settings.fit.epochs * _relative_size(source),
    )


def _relative_size(info: DatasetInfo) -> float:
    return info.image_shape[0] ** 2 / 28**2 / IMAGES_PER_SECOND


def _runs(
    study: Study, task: DatasetInfo, settings: TaskSettings, pretraining: Job
) -> Iterator[Run]:
    for seed in range(study.seeds):
        for budget in settings.label_budgets:
            for strategy in settings.strategies:
                job = _run_job(study, task, strategy, STANDARD, budget, seed, pretraining)
                yield Run(task, strategy, STANDARD, budget, seed, job)
            if settings.overtrained and budget != "full":
                job = _run_job(study, task, "scratch", OVERTRAINED, budget, seed, pretraining)
                yield Run(task, "scratch", OVERTRAINED, budget, seed, job)


def _run_job(
    study: Study,
    task: DatasetInfo,
    strategy: Strategy,
    variant: str,
    budget: LabelBudget,
    seed: int,
    pretraining: Job,
) -> Job:
    parents: dict[str, Job] = {}
    if strategy == "frozen":
        parents["pretraining"] = pretraining
    elif strategy == "finetune":
        parents["frozen"] = _run_job(study, task, "frozen", STANDARD, budget, seed, pretraining)
    fit = _fit_config(study, strategy, variant, budget)
    spec: dict[str, Any] = {
        "strategy": strategy,
        "label_budget": budget,
        "seed": seed,
        "encoder": dataclasses.asdict(study.encoder),
        "dropout": study.classifiers.dropout,
        "penalty": study.classifiers.penalty,
        "fit": dataclasses.asdict(fit),
    }
    name = strategy if variant == STANDARD else f"{strategy} ({variant})"
    n_train = sum(task.counts["train"]) if budget == "full" else budget
    work = n_train * fit.epochs / 3 * _relative_size(task)
    frozen = strategy in ("frozen", "random_frozen")
    return Job(
        kind="run",
        spec=spec,
        data={"task": task.md5},
        parents=parents,
        code=code_version(_TRAINING_MODULES, _TRAINING_PACKAGES),
        title=f"{name}, {budget_words(budget)} of {task.title}, seed {seed}",
        cost=START_SECONDS + (work / 10 if frozen else work),
    )


def _fit_config(study: Study, strategy: Strategy, variant: str, budget: LabelBudget) -> FitConfig:
    classifiers = study.classifiers
    fit = {
        "scratch": classifiers.scratch,
        "random_frozen": classifiers.head,
        "frozen": classifiers.head,
        "finetune": classifiers.finetune,
    }[strategy]
    if budget != "full":
        batch_size = min(fit.batch_size, classifiers.small_batch_size)
        fit = dataclasses.replace(fit, batch_size=batch_size)
    if variant == OVERTRAINED:
        fit = dataclasses.replace(fit, epochs=classifiers.overtrained_epochs, patience=0)
    return fit


def _spaces(study: Study, runs: Iterable[Run]) -> Iterator[Space]:
    """One space for each encoder that differs, of the first seed.

    A frozen encoder is the same at every label budget, so the largest stands for all.
    """
    shown: dict[tuple, Run] = {}
    for run in sorted((run for run in runs if run.seed == 0), key=lambda run: _size(run)):
        frozen = run.strategy in ("frozen", "random_frozen")
        budget = None if frozen else run.label_budget
        shown[(run.task.name, run.strategy, run.variant, budget)] = run
    for (_, strategy, variant, budget), run in shown.items():
        yield Space(run, _space_title(strategy, variant, budget), budget, _space_job(study, run))


def _size(run: Run) -> float:
    return float("inf") if run.label_budget == "full" else float(run.label_budget)


def _space_title(strategy: str, variant: str, budget: LabelBudget | None) -> str:
    title = {
        "scratch": "From scratch",
        "random_frozen": "Random weights, no training",
        "frozen": "Autoencoder, frozen",
        "finetune": "Autoencoder, fine-tuned",
    }[strategy]
    if variant != STANDARD:
        title += f", {variant}"
    return title if budget is None else f"{title}, {budget_words(budget)}"


def _space_job(study: Study, run: Run) -> Job:
    images = min(sum(run.task.counts["test"]), study.latent.max_images)
    return Job(
        kind="latent_space",
        spec={
            "encoder": run.job.spec["encoder"],
            "perplexity": study.latent.perplexity,
            "max_images": study.latent.max_images,
        },
        data={"task": run.task.md5},
        parents={"run": run.job},
        code=code_version(_LATENT_MODULES, _LATENT_PACKAGES),
        title=f"latent space of {run.job.title}",
        cost=1.0 + images / 450,
    )


def _similarities(study: Study, spaces: list[Space]) -> dict[str, Job]:
    jobs = {}
    for task in dict.fromkeys(space.run.task.name for space in spaces):
        runs = {space_id(space): space.run for space in spaces if space.run.task.name == task}
        if len(runs) < 2:
            continue
        jobs[task] = Job(
            kind="similarity",
            spec={
                "encoder": dataclasses.asdict(study.encoder),
                "max_images": study.latent.max_images,
            },
            data={"task": next(iter(runs.values())).task.md5},
            parents={name: run.job for name, run in runs.items()},
            code=code_version(_LATENT_MODULES, _LATENT_PACKAGES),
            title=f"similarity of the latent spaces of {task}",
            cost=5.0,
        )
    return jobs


def space_id(space: Space) -> str:
    """Name of a space, unique within a study."""
    run = space.run
    budget = space.label_budget or "any"
    return "-".join([run.task.name, *cell_label(run.strategy, run.variant, budget)])  # type: ignore[arg-type]
