"""Tiny studies on phantom images, whose every job is done once, in this process."""

import contextlib
import sys
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from earlier import EARLIER

from tfmed import steps
from tfmed.config.classifiers import SearchSettings
from tfmed.config.experiments import ExperimentSettings
from tfmed.data import loading, sources
from tfmed.data.importers.npz_file import KEYS
from tfmed.design import Cell, Repeat, Variant, method_of
from tfmed.execution.job import with_ancestors
from tfmed.orchestration.plan import make_plan
from tfmed.pretraining import images
from tfmed.pretraining.quality import measures
from tfmed.results.planned import Plan
from tfmed.steps.classify import restore_classifier
from tfmed.tasks import task_of
from tfmed.training import examples
from tfmed.training.settings import FitSettings, PretrainingFit

SHORT = FitSettings(epochs=2, batch_size=32, learning_rate=1e-3, patience=2)
COUNTS = {"train": 120, "val": 40, "test": 60}
LABELS = 50
CODE = str(Path(steps.__file__).parents[1])
READERS = ("load_split", "stream_split")


def nothing(_share):
    """Listens and does nothing."""


def tiny_study():
    """One seed, every strategy, baseline and variant."""
    study = EARLIER.replaced(seeds=1)
    return study.replaced(
        encoder=study.encoder.model_copy(
            update={"latent_channels": 8, "base_filters": 4, "batch_norm": True}
        ),
        pretraining=(
            study.pretraining[0].model_copy(update={"fit": PretrainingFit(**dict(SHORT))}),
        ),
        classifiers=study.classifiers.replaced(
            head=SHORT, finetune=SHORT, scratch=SHORT, overtrained_epochs=2
        ),
        source_task=study.source_task.replaced(
            label_budgets=(LABELS,), strategies=("scratch",), baselines=False
        ),
        target_task=study.target_task.replaced(label_budgets=(LABELS,)),
        experiments=ExperimentSettings(losses=("class_weighted", "focal"), dropouts=(0.5,)),
    )


def searching_study():
    """Two pretrainings, four recipes, and nothing beyond the strategies of the target."""
    study = tiny_study()
    return study.replaced(
        pretraining=(study.pretraining[0].model_copy(update={"repeats": 2}),),
        classifiers=study.classifiers.replaced(search=SearchSettings(learning_rates=(1e-2, 1e-3))),
        source_task=study.source_task.replaced(label_budgets=()),
        target_task=study.target_task.replaced(overtrained=False, baselines=False),
        experiments=ExperimentSettings(),
    )


def plan_in(folder, study):
    """The plan of a study on phantoms."""
    source, target = (
        sources.resolve(
            "phantom", data_root=folder, cache_dir=folder, role=role, phantom_counts=COUNTS
        )
        for role in ("source", "target")
    )
    return make_plan(study, source, target)


class TinyStudy:
    """The study with what came of its jobs.

    `reads` counts what each job reads: (job's title, split). `ran` holds the functions of tfmed
    that ran, as (module, name at its top level), by kind of job.
    """

    def __init__(self, folder, study, wanted=Plan.jobs):
        self.plan = plan_in(folder, study)
        self.reads, self.ran, self.finished = Counter(), defaultdict(set), {}
        for job in with_ancestors(wanted(self.plan)):
            with self._counting(job.title):
                self.finished[job.key] = self.again(job, self.ran[job.kind])

    def again(self, job, functions=None):
        """The result of doing a job once more; what runs is added to a set of functions."""
        data = {role: self.plan.datasets[md5] for role, md5 in job.data.items()}
        parents = {role: self.finished[parent.key] for role, parent in job.parents.items()}
        with noting(functions if functions is not None else set()):
            return steps.perform(job.kind, job.spec, data, parents, nothing, code=job.code)

    def run_of(self, method, variant="standard", task="target", pretraining=0):
        """The run of a strategy or baseline."""
        task = getattr(self.plan, task).name
        cell = Cell(task, method_of(method), Variant.parse(variant), LABELS)
        repeat = Repeat(0, pretraining)
        return next(run for run in self.plan.runs if (run.cell, run.repeat) == (cell, repeat))

    def result_of(self, method, variant="standard", task="target"):
        """What came of it."""
        return self.finished[self.run_of(method, variant, task).job.key]

    def classifier_of(self, strategy):
        """The classifier that a strategy's run left behind."""
        run = self.run_of(strategy)
        return restore_classifier(run.job.spec, run.task, self.finished[run.job.key])

    @property
    def pretraining(self):
        """The job of the pretraining."""
        return self.plan.pretrainings[0]

    @contextlib.contextmanager
    def _counting(self, title):
        with pytest.MonkeyPatch.context() as patch:
            for name in READERS:
                read = getattr(loading, name)
                for module in (loading, examples, images, measures):
                    if hasattr(module, name):
                        patch.setattr(module, name, self._counted(title, read))
            yield

    def _counted(self, title, read):
        def counted(info, split):
            if sys._getframe(1).f_globals["__name__"] != loading.__name__:
                self.reads[title, split] += 1
            return read(info, split)

        return counted


@contextlib.contextmanager
def noting(functions):
    """Adds the functions of tfmed that are called to a set."""

    def note(frame, event, _argument):
        if event == "call" and frame.f_code.co_filename.startswith(CODE):  # no generated code
            name = frame.f_code.co_qualname.partition(".")[0]
            functions.add((frame.f_globals["__name__"], name))

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextlib.contextmanager
def labels_swapped(which):
    """Every reader gives the labels of one split the wrong way round."""
    labels_of = task_of("binary").labels_of
    read = loading.read_npz

    def swapped(path, keys=KEYS, **options):
        found = read(path, keys, **options)
        key = f"{which}_labels"
        return found | ({key: (1 - labels_of(found[key]))[:, None]} if key in found else {})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "read_npz", swapped)
        yield


def assert_same(ours, theirs):
    """Two results are the same in every bit."""
    assert ours.record == theirs.record
    assert ours.arrays.keys() == theirs.arrays.keys()
    assert all(np.array_equal(ours.arrays[name], theirs.arrays[name]) for name in ours.arrays)
