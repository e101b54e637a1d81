"""What the jobs of a study are for: classifiers, latent spaces, forgetting, evaluations."""

import functools
from dataclasses import dataclass

from tfmed.config.study import Study
from tfmed.data import DatasetInfo
from tfmed.design import (
    RANDOM_FROZEN,
    STANDARD,
    Cell,
    LabelBudget,
    Repeat,
    Strategy,
    budget_words,
    largest_budget,
    nearest_budget,
)
from tfmed.execution.job import Job
from tfmed.steps.inspecting.attribute import attribute_job
from tfmed.steps.inspecting.corrupt import corrupt_job


@dataclass(frozen=True)
class Run:
    """One classifier of the study: a cell and a seed; seeds that change nothing share a job.

    Attributes:
        task: what is classified.
        cell: strategy or baseline, variant and label budget of that task.
        repeat: its seed, and the pretraining that its encoder comes from.
        job: fits it.
    """

    task: DatasetInfo
    cell: Cell
    repeat: Repeat
    job: Job

    @property
    def seed(self) -> int:
        """Of the label subset, weights, shuffling and dropout."""
        return self.repeat.seed

    @property
    def label(self) -> str:
        """Name within its task, such as `finetune-300-seed0`."""
        return f"{self.cell.label()}-{self.repeat}"

    @property
    def id(self) -> str:
        """Name within the study."""
        return f"{self.task.name}-{self.label}"


@dataclass(frozen=True)
class Space:
    """One latent space: the encoder of a run, looked at on the test split.

    Attributes:
        run: whose encoder.
        title: for people.
        label_budget: None where no label shaped the encoder.
        job: looks at it.
    """

    run: Run
    title: str
    label_budget: LabelBudget | None
    job: Job

    @property
    def id(self) -> str:
        """Name within the study, such as `pneumoniamnist-frozen-any`."""
        cell = self.run.cell
        return "-".join([cell.task, cell.method.slug, str(self.label_budget or "any")])


@dataclass(frozen=True)
class Forgetting:
    """The source task with the encoder of one run before and after fine-tuning on the target."""

    run: Run
    before: Job
    after: Job


@dataclass(frozen=True)
class Inspection:
    """One classifier of the target that is looked into.

    Attributes:
        run: of the classifier.
        strategy: that it is of.
        robustness: measures it on images that are made worse.
        attribution: shows where it looks; None of one that has learned next to nothing.
    """

    run: Run
    strategy: Strategy
    robustness: Job
    attribution: Job | None


@dataclass(frozen=True)
class Plan:
    """The jobs of a study and what each is for.

    Attributes:
        study: what is asked.
        source: data set pretrained on.
        target: data set classified.
        pretrainings: one for all seeds of the classifiers, or one for each.
        runs: the classifiers.
        spaces: their latent spaces that are looked into.
        similarities: task to the job that compares its spaces.
        forgetting: of every run fine-tuned on the target that is looked into.
        evaluations: cell to the job that measures its runs.
        comparisons: task and label budget to the job that compares its cells.
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

    @functools.cached_property
    def inspections(self) -> list[Inspection]:
        """Of each strategy of the target the first run, at the label budget of the experiments."""
        budgets, labels = self.study.target_task.label_budgets, self.study.experiments.label_budget
        budget = nearest_budget(budgets, labels) or largest_budget(budgets)
        found = []
        for run in self.runs:
            cell, strategy = run.cell, run.cell.method
            place = cell.task, cell.variant, cell.label_budget, run.repeat
            if place != (self.target.name, STANDARD, budget, Repeat(0)):
                continue
            if isinstance(strategy, Strategy):
                name = f"{strategy}, {budget_words(cell.label_budget)} of {run.task.title}"
                how = (self.study, run.task, name, run.job)
                shown = None if strategy == RANDOM_FROZEN else attribute_job(*how)
                found.append(Inspection(run, strategy, corrupt_job(*how), shown))
        return found

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
            *(
                job
                for one in self.inspections
                for job in (one.attribution, one.robustness)
                if job is not None
            ),
        ]
