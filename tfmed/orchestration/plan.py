"""From a study and its data sets to the jobs that answer it."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfmed.config.study import BASELINES, DROPOUT, OVERTRAINED, STANDARD, STRATEGIES, Study
from tfmed.config.tasks import TaskSettings
from tfmed.data import DatasetInfo
from tfmed.design import LabelBudget, budget_size, budget_words
from tfmed.errors import InputError
from tfmed.evaluation import comparisons
from tfmed.evaluation.comparisons import Cell
from tfmed.execution.job import Job
from tfmed.steps import summaries
from tfmed.steps.specs import (
    baseline_job,
    compare_job,
    evaluate_job,
    export_job,
    forgetting_job,
    pretraining_job,
    run_job,
    similarity_job,
    space_job,
)

EXPORTED_TARGET = ("scratch", "frozen", "finetune")
EXPORTED_VARIANTS = (STANDARD, OVERTRAINED)
PIXEL_BASELINES = ("majority", "pixels_logistic", "pca_logistic")


@dataclass(frozen=True)
class Run:
    """One classifier of the study: task x strategy x variant x label budget x seed.

    `strategy` is one of `STRATEGIES` or of `BASELINES`; seeds that change nothing share a job.
    """

    task: DatasetInfo
    strategy: str
    variant: str
    label_budget: LabelBudget
    seed: int
    job: Job

    @property
    def cell(self) -> Cell:
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
class Forgetting:
    """The source task with the encoder of one run before and after fine-tuning on the target."""

    run: Run
    before: Job
    after: Job


@dataclass(frozen=True)
class Plan:
    """The jobs of a study and what each is for.

    `pretrainings` holds one for all seeds of the classifiers, or one for each.
    """

    study: Study
    source: DatasetInfo
    target: DatasetInfo
    pretrainings: list[Job]
    runs: list[Run]
    spaces: list[Space]
    similarities: dict[str, Job]
    forgetting: list[Forgetting]
    evaluations: dict[Cell, Job]
    comparisons: dict[tuple[str, LabelBudget], Job]

    @property
    def pretraining(self) -> Job:
        """The pretraining of the first seed, whose encoder the latent spaces show."""
        return self.pretrainings[0]

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
            *self.pretrainings,
            *(run.job for run in self.runs),
            *(space.job for space in self.spaces),
            *self.similarities.values(),
            *(job for pair in self.forgetting for job in (pair.before, pair.after)),
            *self.evaluations.values(),
            *self.comparisons.values(),
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
    pretrainings = _pretrainings(study, source)
    tasks = [(source, study.source_task, True), (target, study.target_task, False)]
    for task, settings, _ in tasks:
        _check_budgets(task, settings)
    if source.md5 == target.md5:
        tasks.reverse()
    found: dict[tuple, Run] = {}
    for task, settings, is_source in tasks:
        for run in _runs(study, task, settings, pretrainings, source_task=is_source):
            found.setdefault((task.md5, run.label), run)
    runs = list(found.values())
    spaces = list(_spaces(study, runs))
    same = source.md5 == target.md5
    return Plan(
        study=study,
        source=source,
        target=source if same else target,
        pretrainings=pretrainings,
        runs=runs,
        spaces=spaces,
        similarities=_similarities(study, spaces),
        forgetting=[] if same else _forgetting(study, source, target, runs, pretrainings),
        evaluations=_evaluations(runs),
        comparisons=_comparisons(runs),
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
        return settings.replaced(label_budgets=kept)

    fits = study.model_copy(
        update={
            "source_task": fitted(study.source_task, source),
            "target_task": fitted(study.target_task, target),
        }
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
        if strategy not in STRATEGIES or variant not in EXPORTED_VARIANTS:
            continue
        settings, few = plan.study.source_task, plan.study.experiments.label_budget
        exported: tuple[LabelBudget | None, ...]
        exported = (settings.nearest_budget(few) or settings.largest_budget(),)
        if task == plan.target.name:
            if strategy not in EXPORTED_TARGET or variant != STANDARD:
                continue
            exported = _shown_budgets(plan.study, plan.study.target_task)
        if budget in exported:
            name = "_".join([task, *cell_label(strategy, variant, budget)])
            training = {
                "strategy": strategy,
                "variant": variant,
                "label_budget": budget,
                "seed": run.seed,
            }
            data = {"task": run.task.md5}
            if strategy in ("frozen", "finetune"):
                data["source"] = plan.source.md5
            seeds = {other.job.key: other.job for other in plan.runs if other.cell == run.cell}
            job = export_job(name, models, run.job, training, data, seeds)
            chosen.append((name, run, job))
    return chosen


def cell_label(strategy: str, variant: str, budget: LabelBudget) -> list[str]:
    """Parts of a name for one cell, such as `["scratch", "300", "overtrained"]`."""
    return [strategy, str(budget), *([] if variant == STANDARD else [variant])]


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


def _pretrainings(study: Study, source: DatasetInfo) -> list[Job]:
    settings = study.pretraining
    seeds = range(study.seeds if settings.per_seed else 1)
    return [pretraining_job(study, source, (settings.seed + seed) % 2**32) for seed in seeds]


def _runs(
    study: Study,
    task: DatasetInfo,
    settings: TaskSettings,
    pretrainings: list[Job],
    *,
    source_task: bool,
) -> Iterator[Run]:
    for seed in range(study.seeds):
        pretraining = pretrainings[seed % len(pretrainings)]
        variants = list(_variants(study, settings, source_task=source_task))
        for budget in settings.label_budgets:
            cells = [(strategy, STANDARD) for strategy in settings.strategies]
            if budget == settings.nearest_budget(study.experiments.label_budget):
                cells += variants
            for strategy, variant in cells:
                job = run_job(study, task, strategy, variant, budget, seed, pretraining)
                yield Run(task, strategy, variant, budget, seed, job)
            for baseline in _baselines(task, settings):
                job = baseline_job(study, task, baseline, budget, seed, pretraining)
                yield Run(task, baseline, STANDARD, budget, seed, job)


def _variants(
    study: Study, settings: TaskSettings, *, source_task: bool
) -> Iterator[tuple[str, str]]:
    if settings.overtrained:
        yield "scratch", OVERTRAINED
    trained = [strategy for strategy in settings.strategies if strategy in ("scratch", "finetune")]
    if source_task:
        yield from ((strategy, loss) for loss in study.experiments.losses for strategy in trained)
    elif "finetune" in trained:
        for dropout in study.experiments.dropouts:
            if dropout != study.classifiers.dropout:
                yield "finetune", f"{DROPOUT}{dropout:g}"


def _baselines(task: DatasetInfo, settings: TaskSettings) -> tuple[str, ...]:
    """Those of pixels take all images at once, so a data set must fit in memory for them."""
    if not settings.baselines:
        return ()
    large = not task.fits_in_memory
    return tuple(name for name in BASELINES if not (large and name in PIXEL_BASELINES[1:]))


def _shown_budgets(study: Study, settings: TaskSettings) -> tuple[LabelBudget | None, ...]:
    """Label budgets whose classifiers are looked into: that of the experiments and the largest."""
    return settings.nearest_budget(study.experiments.label_budget), settings.largest_budget()


def _spaces(study: Study, runs: Iterable[Run]) -> Iterator[Space]:
    """One space for each encoder that is looked into, of the first seed.

    A frozen encoder is the same at every label budget, so the largest stands for all.
    """
    shown: dict[tuple, Run] = {}
    for run in sorted((run for run in runs if run.seed == 0), key=_size):
        if run.strategy not in STRATEGIES or run.variant != STANDARD:
            continue
        frozen = run.strategy in ("frozen", "random_frozen")
        shown[(run.task.name, run.strategy, None if frozen else run.label_budget)] = run
    numbers: dict[str, set[LabelBudget]] = {}
    for run in shown.values():
        numbers.setdefault(run.task.name, set()).add(run.label_budget)
    for (task, strategy, budget), run in shown.items():
        all_budgets = TaskSettings(label_budgets=tuple(sorted(numbers[task], key=budget_size)))
        if budget is None or budget in _shown_budgets(study, all_budgets):
            job = space_job(study, run.task, run.job)
            yield Space(run, _space_title(strategy, budget), budget, job)


def _size(run: Run) -> float:
    return budget_size(run.label_budget)


def _forgetting(
    study: Study,
    source: DatasetInfo,
    target: DatasetInfo,
    runs: Iterable[Run],
    pretrainings: list[Job],
) -> list[Forgetting]:
    shown = _shown_budgets(study, study.target_task)
    pairs = []
    for run in runs:
        cell = (run.task.name, run.strategy, run.variant)
        if cell == (target.name, "finetune", STANDARD) and run.label_budget in shown:
            pretraining = pretrainings[run.seed % len(pretrainings)]
            before = forgetting_job(study, source, pretraining)
            after = forgetting_job(study, source, pretraining, run.job)
            pairs.append(Forgetting(run, before, after))
    return pairs


def _space_title(strategy: str, budget: LabelBudget | None) -> str:
    title = {
        "scratch": "From scratch",
        "random_frozen": "Random weights, no training",
        "frozen": "Autoencoder, frozen",
        "finetune": "Autoencoder, fine-tuned",
    }[strategy]
    return title if budget is None else f"{title}, {budget_words(budget)}"


def _similarities(study: Study, spaces: list[Space]) -> dict[str, Job]:
    jobs = {}
    for task in dict.fromkeys(space.run.task.name for space in spaces):
        runs = {space_id(space): space.run for space in spaces if space.run.task.name == task}
        if len(runs) > 1:
            data = next(iter(runs.values())).task
            named = {name: run.job for name, run in runs.items()}
            jobs[task] = similarity_job(study, data, named)
    return jobs


def _evaluations(runs: Iterable[Run]) -> dict[Cell, Job]:
    """One job for each cell."""
    return {
        cell: evaluate_job(
            some[0].task,
            f"{_named(some[0])}, {budget_words(some[0].label_budget)}",
            {run.seed: run.job for run in some},
        )
        for cell, some in _by_cell(runs).items()
    }


def _comparisons(runs: Iterable[Run]) -> dict[tuple[str, LabelBudget], Job]:
    """One job for each task and label budget where there is something to compare."""
    cells = _by_cell(runs)
    jobs = {}
    seeds = {cell: [run.seed for run in some] for cell, some in cells.items()}
    for (task, budget), pairs in comparisons.planned(seeds).items():
        compared = {side for pair in pairs for side in (pair.a, pair.b)}
        named = {
            role: run.job
            for side in sorted(compared)
            for run in cells[task, *side, budget]
            for role in summaries.roles(side, [run.seed])
        }
        data = next(some[0].task for cell, some in cells.items() if cell[0] == task)
        jobs[task, budget] = compare_job(data, budget, pairs, named)
    return jobs


def _by_cell(runs: Iterable[Run]) -> dict[Cell, list[Run]]:
    cells: dict[Cell, list[Run]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    return cells


def _named(run: Run) -> str:
    return run.strategy if run.variant == STANDARD else f"{run.strategy} ({run.variant})"


def space_id(space: Space) -> str:
    """Name of a space, unique within a study."""
    run = space.run
    budget = space.label_budget or "any"
    return "-".join([run.task.name, *cell_label(run.strategy, run.variant, budget)])  # type: ignore[arg-type]
