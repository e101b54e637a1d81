"""From a study and its data sets to the jobs that answer it."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tfmed import pretraining
from tfmed.config.study import Study
from tfmed.config.tasks import TaskSettings
from tfmed.data import DatasetInfo
from tfmed.data.budgets import check_budget
from tfmed.design import (
    BASELINES,
    OVERTRAINED,
    SCRATCH,
    STANDARD,
    Baseline,
    Cell,
    LabelBudget,
    Repeat,
    Strategy,
    Variant,
    budget_size,
    budget_words,
    largest_budget,
    nearest_budget,
)
from tfmed.errors import InputError
from tfmed.evaluation import comparisons
from tfmed.execution.job import Job
from tfmed.results.planned import Forgetting, Plan, Run, Space
from tfmed.steps.baseline import baseline_job
from tfmed.steps.classify import classify_job
from tfmed.steps.compare import compare_job
from tfmed.steps.evaluate import evaluate_job
from tfmed.steps.export import export_job
from tfmed.steps.forgetting import forgetting_job
from tfmed.steps.latent_space import latent_space_job
from tfmed.steps.pretrain import pretraining_job
from tfmed.steps.similarity import similarity_job

Pretrainings = Mapping[str, Sequence[Job]]


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
    if not target.labelled:
        raise without_labels(target)
    if source.md5 == target.md5 and source.task != target.task:
        raise InputError(
            f"source {source.name} and target {target.name} are one file, asked as {source.task} "
            f"and as {target.task}: give source_task.task and target_task.task the same"
        )
    if source.name == target.name and source.md5 != target.md5:
        target = dataclasses.replace(target, name=f"{target.name}-target")
    pretrainings = _pretrainings(study, source, target)
    tasks = [(source, study.source_task, True), (target, study.target_task, False)]
    tasks = [each for each in tasks if each[0].labelled]
    for task, settings, _ in tasks:
        _check_budgets(task, settings)
    if source.md5 == target.md5:
        tasks.reverse()
    found: dict[tuple[str, str], Run] = {}
    for task, settings, is_source in tasks:
        fair = {  # what has seen all labels of the source would break its label budgets
            method: jobs
            for method, jobs in pretrainings.items()
            if not (is_source and _learns_from(study, method) == "labels")
        }
        for run in _runs(study, task, settings, fair, source_task=is_source):
            found.setdefault((task.md5, run.label), run)
    runs = list(found.values())
    spaces = list(_spaces(study, runs))
    same = source.md5 == target.md5
    return Plan(
        study=study,
        source=source,
        target=source if same else target,
        pretrainings=[job for some in pretrainings.values() for job in some],
        runs=runs,
        spaces=spaces,
        similarities=_similarities(study, spaces),
        forgetting=(
            _forgetting(study, source, target, runs, pretrainings)
            if source.labelled and not same
            else []
        ),
        evaluations=_evaluations(runs),
        comparisons=_comparisons(runs, study.comparisons),
    )


def without_labels(info: DatasetInfo) -> InputError:
    """The error about a target that can't be classified."""
    return InputError(
        f"{info.title} holds images without labels, which can be a source only: for a target put "
        "the images of each class into a folder of its own, or give a table of labels"
    )


def fit_budgets(study: Study, source: DatasetInfo, target: DatasetInfo) -> tuple[Study, list[str]]:
    """The study without the label budgets that do not fit its data sets, and a note each."""
    notes = []

    def fitted(settings: TaskSettings, info: DatasetInfo) -> TaskSettings:
        if not info.labelled:
            return settings
        most, kept = info.n_images("train"), []
        for budget in settings.label_budgets:
            if budget != "full" and int(budget) > most:
                notes.append(
                    f"{info.title} has {most} training images: no runs with {budget} labels"
                )
            elif fault := _fault(info, budget):
                notes.append(f"{info.title}: no runs with {budget} labels ({fault})")
            else:
                kept.append(budget)
        return settings.replaced(label_budgets=tuple(kept))

    fits = study.model_copy(
        update={
            "source_task": fitted(study.source_task, source),
            "target_task": fitted(study.target_task, target),
        }
    )
    return fits, notes


def exports(plan: Plan, best: Mapping[Cell, Run], models: Path) -> list[tuple[str, Run, Job]]:
    """Models to export: name, the run it comes from, and the job that writes it.

    Args:
        plan: the study's plan.
        best: cell to the run of the seed to export.
        models: folder of the exported models.
    """
    chosen = []
    for cell, run in best.items():
        strategy = cell.method
        if not isinstance(strategy, Strategy) or not _is_exported(plan, cell):
            continue
        training = {
            "strategy": str(strategy),
            "variant": str(cell.variant),
            "label_budget": cell.label_budget,
            "seed": run.seed,
            "pretraining": run.repeat.pretraining if strategy.pretrained else None,
        }
        data = {"task": run.task, **_pretrained_on(plan, strategy)}
        repeats = {other.repeat: other.job for other in plan.runs if other.cell == cell}
        name = f"{cell.task}_{cell.label('_')}"
        chosen.append((name, run, export_job(name, models, run.job, training, data, repeats)))
    return chosen


def _pretrained_on(plan: Plan, strategy: Strategy) -> dict[str, DatasetInfo]:
    """By role, the data sets whose images a strategy's encoder was pretrained on."""
    return {
        role: plan.datasets[md5]
        for job in plan.pretrainings
        if job.spec["pretraining"]["method"] == strategy.initialisation
        and _learns_from(plan.study, strategy.initialisation) != "nothing"
        for role, md5 in job.data.items()
    }


def _is_exported(plan: Plan, cell: Cell) -> bool:
    """Of the target what the decision may pick at few and at most labels; of the source few.

    A quick study exports none of the source.
    """
    study = plan.study
    if cell.task == plan.target.name:
        shown = _shown(study, study.target_task.label_budgets)
        return cell.variant == STANDARD and cell.label_budget in shown
    budgets = study.source_task.label_budgets
    few = nearest_budget(budgets, study.experiments.label_budget) or largest_budget(budgets)
    return not study.quick and cell.variant in (STANDARD, OVERTRAINED) and cell.label_budget == few


def _check_budgets(task: DatasetInfo, settings: TaskSettings) -> None:
    most = task.n_images("train")
    for budget in settings.label_budgets:
        if budget != "full" and int(budget) > most:
            raise InputError(
                f"{task.name} has {most} training images, fewer than the label budget {budget}; "
                "use a smaller one, or 'full' for the official splits"
            )
        if fault := _fault(task, budget):
            raise InputError(f"{task.name}: {fault}")


def _learns_from(study: Study, initialisation: str) -> str:
    return next(s.LEARNS_FROM for s in study.pretraining if s.method == initialisation)


def _fault(task: DatasetInfo, budget: LabelBudget) -> str | None:
    """Why a label budget is too small for the classes of a data set; None where it is not."""
    try:
        if budget != "full":
            check_budget(task.counts["train"], int(budget), task.task)
    except InputError as error:
        return str(error)
    return None


def _shape(info: DatasetInfo) -> str:
    return " × ".join(map(str, info.image_shape))


def _pretrainings(study: Study, source: DatasetInfo, target: DatasetInfo) -> Pretrainings:
    """By method: a job for each time that it is done."""
    return {
        settings.method: [
            pretraining_job(study, settings, source, target, seed) for seed in settings.seeds()
        ]
        for settings in study.pretraining
    }


def _runs(
    study: Study,
    task: DatasetInfo,
    settings: TaskSettings,
    pretrainings: Pretrainings,
    *,
    source_task: bool,
) -> Iterator[Run]:
    variants = list(_variants(study, settings, source_task=source_task))
    nearest = nearest_budget(settings.label_budgets, study.experiments.label_budget)
    first = next(iter(pretrainings.values()), ())
    for seed in range(study.seeds):
        for budget in settings.label_budgets:
            sides = [(Strategy.parse(name), STANDARD) for name in settings.strategies]
            for strategy, variant in [*sides, *(variants if budget == nearest else [])]:
                some = pretrainings.get(strategy.initialisation, ())
                for number in range(max(len(some), 1)):
                    repeat = Repeat(seed, number)
                    job = classify_job(study, task, strategy, variant, budget, repeat, some)
                    yield Run(task, Cell(task.name, strategy, variant, budget), repeat, job)
            for baseline in _baselines(task, settings, pretrained=bool(first)):
                seen: Sequence[Job | None] = first if baseline.features == "frozen" else [None]
                for number, started in enumerate(seen):
                    job = baseline_job(study, task, baseline, budget, seed, started)
                    repeat = Repeat(seed, number)
                    yield Run(task, Cell(task.name, baseline, STANDARD, budget), repeat, job)


def _variants(
    study: Study, settings: TaskSettings, *, source_task: bool
) -> Iterator[tuple[Strategy, Variant]]:
    if settings.overtrained:
        yield SCRATCH, OVERTRAINED
    tuned = [each for each in map(Strategy.parse, settings.strategies) if not each.frozen]
    if source_task:
        for loss in study.experiments.losses:
            yield from ((strategy, Variant(loss=loss)) for strategy in tuned)
        return
    for strategy in tuned:
        for dropout in study.experiments.dropouts if strategy.pretrained else ():
            if dropout != study.classifiers.dropout:
                yield strategy, Variant(dropout=dropout)


def _baselines(task: DatasetInfo, settings: TaskSettings, *, pretrained: bool) -> list[Baseline]:
    """Those of pixels take all images at once, so a data set must fit in memory for them."""
    if not settings.baselines:
        return []
    without = set() if task.fits_in_memory else {"pixels"}
    without |= set() if pretrained else {"frozen"}
    return [each for each in BASELINES if each.features not in without]


def _shown(study: Study, budgets: Iterable[LabelBudget]) -> tuple[LabelBudget | None, ...]:
    """Label budgets whose classifiers are looked into: that of the experiments and the largest."""
    known = list(budgets)
    return nearest_budget(known, study.experiments.label_budget), largest_budget(known)


def _spaces(study: Study, runs: Iterable[Run]) -> Iterator[Space]:
    """One space for each encoder that is looked into, of the first seed.

    A frozen encoder is the same at every label budget, so the largest stands for all.
    """
    found: dict[tuple[str, Strategy, LabelBudget | None], Run] = {}
    for run in sorted((run for run in runs if run.repeat == Repeat(0)), key=_size):
        strategy = run.cell.method
        if isinstance(strategy, Strategy) and run.cell.variant == STANDARD:
            budget = None if strategy.frozen else run.cell.label_budget
            found[run.task.name, strategy, budget] = run
    there: dict[str, set[LabelBudget]] = {}
    for run in found.values():
        there.setdefault(run.task.name, set()).add(run.cell.label_budget)
    for (task, strategy, budget), run in found.items():
        if budget is None or budget in _shown(study, there[task]):
            job = latent_space_job(study, run.task, run.job)
            yield Space(run, _space_title(strategy, budget), budget, job)


def _size(run: Run) -> float:
    return budget_size(run.cell.label_budget)


def _space_title(strategy: Strategy, budget: LabelBudget | None) -> str:
    if strategy.pretrained:
        title = pretraining.method(strategy.initialisation).TITLE
        title += ", frozen" if strategy.frozen else ", fine-tuned"
    else:
        title = "Random weights, no training" if strategy.frozen else "From scratch"
    return title if budget is None else f"{title}, {budget_words(budget)}"


def _forgetting(
    study: Study,
    source: DatasetInfo,
    target: DatasetInfo,
    runs: Iterable[Run],
    pretrainings: Pretrainings,
) -> list[Forgetting]:
    shown = _shown(study, study.target_task.label_budgets)
    pairs = []
    for run in runs:
        cell, strategy = run.cell, run.cell.method
        if not isinstance(strategy, Strategy) or not strategy.pretrained or strategy.frozen:
            continue
        if (cell.task, cell.variant) == (target.name, STANDARD) and cell.label_budget in shown:
            some = pretrainings[strategy.initialisation]
            own = len(some) == 1 or run.repeat.pretraining == run.seed
            if not own or (study.quick and run.seed):
                continue  # each seed has a pretraining of its own, or they would not be independent
            pretrained = some[run.repeat.pretraining]
            before = forgetting_job(study, source, pretrained)
            after = forgetting_job(study, source, pretrained, (run.job, run.task))
            pairs.append(Forgetting(run, before, after))
    return pairs


def _similarities(study: Study, spaces: Sequence[Space]) -> dict[str, Job]:
    jobs = {}
    for task in dict.fromkeys(space.run.task.name for space in spaces):
        runs = {space.id: space.run for space in spaces if space.run.task.name == task}
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
            f"{_named(cell)}, {budget_words(cell.label_budget)}",
            {run.repeat: run.job for run in some},
        )
        for cell, some in _by_cell(runs).items()
    }


def _comparisons(
    runs: Iterable[Run], declared: Sequence[tuple[str, str]]
) -> dict[tuple[str, LabelBudget], Job]:
    """One job for each task and label budget where there is something to compare."""
    cells = _by_cell(runs)
    jobs = {}
    repeats = {cell: [run.repeat for run in some] for cell, some in cells.items()}
    for (task, budget), pairs in comparisons.planned(repeats, declared).items():
        compared = dict.fromkeys(side for pair in pairs for side in (pair.a, pair.b))
        some = {
            (side, run.repeat): run
            for side in compared
            for run in cells[Cell(task, side.method, side.variant, budget)]
        }
        data = next(iter(some.values())).task
        named = {of: run.job for of, run in some.items()}
        jobs[task, budget] = compare_job(data, budget, pairs, named)
    return jobs


def _by_cell(runs: Iterable[Run]) -> dict[Cell, list[Run]]:
    cells: dict[Cell, list[Run]] = {}
    for run in runs:
        cells.setdefault(run.cell, []).append(run)
    return cells


def _named(cell: Cell) -> str:
    return str(cell.method) if cell.variant == STANDARD else f"{cell.method} ({cell.variant})"
