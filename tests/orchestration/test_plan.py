import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest
from earlier import EARLIER

from tfmed.config.experiments import ExperimentSettings
from tfmed.data import DatasetInfo
from tfmed.design import (
    BASELINES,
    FINETUNE,
    FROZEN,
    SCRATCH,
    STANDARD,
    STRATEGIES,
    Baseline,
    Cell,
    method_of,
)
from tfmed.errors import InputError
from tfmed.evaluation.comparisons import Side
from tfmed.execution.job import with_ancestors
from tfmed.orchestration.plan import exports, fit_budgets, make_plan
from tfmed.tasks import UNLABELLED


def dataset(name, n_train=4000, shape=(28, 28, 1), md5=None):
    counts = {"train": (n_train // 2, n_train // 2), "val": (50, 50), "test": (80, 80)}
    path = Path(f"{name}.npz")
    fields = ("d", "l", path, md5 or name, False, shape, ("no", "yes"), 1, counts)
    return DatasetInfo(name, name.title(), *fields)


SOURCE, TARGET = dataset("chest"), dataset("pneumonia")


def test_default_study_runs_every_strategy_budget_and_seed_once():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    labels = sorted(f"{run.task.name}-{run.label}" for run in plan.runs)
    assert len(labels) == len(set(labels)) == 5 * ((5 + 4) * (4 + 7) + 4 + 5)
    assert "pneumonia-finetune-full-seed4" in labels
    assert "chest-scratch-300-overtrained-seed0" in labels


def test_finetuning_starts_from_the_frozen_run_of_its_seed_and_budget():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    runs = {(run.task.name, run.label): run for run in plan.runs}
    finetune = runs["pneumonia", "finetune-300-seed1"].job
    assert finetune.parents["frozen"].key == runs["pneumonia", "frozen-300-seed1"].job.key
    assert finetune.parents["frozen"].parents["pretraining"].key == plan.pretrainings[0].key
    assert runs["pneumonia", "scratch-300-seed1"].job.parents == {}
    assert runs["pneumonia", "random_frozen-300-seed1"].job.parents == {}


def test_more_seeds_change_no_job_there_was():
    few, more = (make_plan(EARLIER.replaced(seeds=n), SOURCE, TARGET) for n in (3, 5))
    measures = ("evaluate", "compare")  # over all seeds, so seconds of work are done again
    keys = [
        {job.key for job in with_ancestors(plan.jobs()) if job.kind not in measures}
        for plan in (few, more)
    ]
    assert keys[0] < keys[1]
    same_for_all_seeds = 5  # baselines of all labels on pixels or on the one pretrained encoder
    forgetting = 2
    assert len(keys[1] - keys[0]) == 2 * (9 * 11 + 9 - same_for_all_seeds + forgetting)


def test_every_cell_is_evaluated_and_every_label_budget_compared():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    assert set(plan.evaluations) == {run.cell for run in plan.runs}
    runs = {(run.cell, str(run.seed)): run.job.key for run in plan.runs}
    for cell, job in plan.evaluations.items():
        parents = {seed: parent.key for seed, parent in job.parents.items()}
        assert parents == {str(seed): runs[cell, str(seed)] for seed in range(5)}
    budgets = [("chest", n) for n in (30, 100, 300, 1000)]
    budgets += [("pneumonia", n) for n in (30, 100, 300, 1000, "full")]
    assert list(plan.comparisons) == budgets
    for (task, budget), job in plan.comparisons.items():
        for pair in job.spec["pairs"]:
            assert pair["seeds"] == list(range(5))
            for side in map(Side.of_entry, (pair["a"], pair["b"])):
                cell = Cell(task, side.method, side.variant, budget)
                for seed in map(str, pair["seeds"]):
                    assert job.parents[f"{side} {seed}"].key == runs[cell, seed]


def test_overtrained_runs_have_no_patience():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    runs = [run for run in plan.runs if run.cell.method == SCRATCH]
    fits = {str(run.cell.variant): run.job.spec["fit"] for run in runs}
    assert fits["overtrained"]["patience"] == 0
    assert fits["standard"]["patience"] > 0


def variants(plan):
    """(task, strategy, variant, budget) of the runs that are not standard."""
    cells = {run.cell for run in plan.runs if run.cell.variant != STANDARD}
    return {(c.task, str(c.method), str(c.variant), c.label_budget) for c in cells}


def test_variants_are_run_at_one_label_budget_of_their_task():
    assert variants(make_plan(EARLIER, SOURCE, TARGET)) == {
        ("chest", "scratch", "overtrained", 300),
        *(
            ("chest", strategy, loss, 300)
            for strategy in ("scratch", "finetune")
            for loss in ("class_weighted", "focal")
        ),
        ("pneumonia", "scratch", "overtrained", 300),
        *(("pneumonia", "finetune", f"dropout_{p}", 300) for p in ("0", "0.5", "0.7")),
    }


def test_variants_are_run_at_the_numeric_budget_nearest_to_that_of_the_experiments():
    budgets = (50, 200, 2000, "full")
    task = EARLIER.target_task.replaced(label_budgets=budgets)
    study = EARLIER.replaced(target_task=task)
    found = {cell[3] for cell in variants(make_plan(study, SOURCE, TARGET)) if cell[0] != "chest"}
    assert found == {200}


def test_the_standard_dropout_is_no_variant():
    experiments = ExperimentSettings(dropouts=(0.2, 0.5))
    plan = make_plan(EARLIER.replaced(experiments=experiments), SOURCE, TARGET)
    names = {variant for _, _, variant, _ in variants(plan) if variant.startswith("dropout")}
    assert names == {"dropout_0.5"}


def test_a_variant_differs_from_the_standard_run_in_one_setting():
    runs = {run.label: run for run in make_plan(EARLIER, SOURCE, TARGET).runs if run.seed == 0}
    focal, weighted = runs["finetune-300-focal-seed0"], runs["finetune-300-class_weighted-seed0"]
    standard, dropped = runs["finetune-300-seed0"].job, runs["finetune-300-dropout_0.5-seed0"].job
    assert dropped.spec == {**standard.spec, "dropout": 0.5}
    assert dropped.parents["frozen"].key == standard.parents["frozen"].key
    assert (focal.job.spec["loss"], weighted.job.spec["loss"]) == ("focal", "class_weighted")
    assert {**focal.job.spec, "loss": "plain"} == {**weighted.job.spec, "loss": "plain"}


def baseline_runs(plan):
    return [run for run in plan.runs if isinstance(run.cell.method, Baseline)]


def test_every_label_budget_has_every_baseline():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    assert len({run.cell for run in baseline_runs(plan)}) == (5 + 4) * 7
    without = EARLIER.source_task.replaced(baselines=False)
    plan = make_plan(EARLIER.replaced(source_task=without), SOURCE, TARGET)
    assert {run.task.name for run in baseline_runs(plan)} == {"pneumonia"}


def test_a_baseline_that_no_seed_can_change_is_computed_once():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    jobs = {}
    for run in baseline_runs(plan):
        jobs.setdefault((run.cell.method.name, run.cell.label_budget), set()).add(run.job.key)
    assert len(jobs["frozen_logistic", "full"]) == len(jobs["majority", "full"]) == 1
    assert len(jobs["random_logistic", "full"]) == 5


def test_pixels_of_a_data_set_too_large_for_memory_have_no_baselines(monkeypatch):
    monkeypatch.setattr("tfmed.data.dataset.IN_MEMORY_LIMIT", 0)
    seen = {run.cell.method for run in baseline_runs(make_plan(EARLIER, SOURCE, TARGET))}
    assert seen == {each for each in BASELINES if each.features != "pixels"}
    assert len(seen) == len(BASELINES) - 2


def test_one_pretraining_per_seed_gives_every_seed_its_own_encoder():
    settings = EARLIER.pretraining[0].model_copy(update={"per_seed": True, "seed": 7})
    study = EARLIER.replaced(seeds=3, pretraining=settings)
    plan = make_plan(study, SOURCE, TARGET)
    assert [job.spec["pretraining"]["seed"] for job in plan.pretrainings] == [7, 8, 9]
    for run in plan.runs:
        if run.cell.method in (FROZEN, method_of("frozen_knn")):
            assert run.job.parents["pretraining"].key == plan.pretrainings[run.seed].key
    for pair in plan.forgetting:
        own = plan.pretrainings[pair.run.seed].key
        assert pair.before.parents["pretraining"].key == own
        assert pair.after.parents["pretraining"].key == own


def test_forgetting_is_measured_for_every_seed_and_before_it_once():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    assert {(pair.run.cell.label_budget, pair.run.seed) for pair in plan.forgetting} == {
        (budget, seed) for budget in (300, "full") for seed in range(5)
    }
    assert len({pair.before.key for pair in plan.forgetting}) == 1
    assert all(pair.after.parents["run"].key == pair.run.job.key for pair in plan.forgetting)
    assert make_plan(EARLIER, SOURCE, SOURCE).forgetting == []


def test_latent_spaces_show_each_encoder_at_few_and_at_the_most_labels():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    assert [space.id for space in plan.spaces if space.run.task is TARGET] == [
        "pneumonia-random_frozen-any",
        "pneumonia-frozen-any",
        "pneumonia-scratch-300",
        "pneumonia-finetune-300",
        "pneumonia-scratch-full",
        "pneumonia-finetune-full",
    ]


def test_finetune_alone_still_brings_the_jobs_it_needs():
    task = EARLIER.target_task.replaced(
        strategies=("finetune",), overtrained=False, baselines=False
    )
    study = EARLIER.replaced(target_task=task, source_task=task.replaced(label_budgets=()))
    plan = make_plan(study, SOURCE, TARGET)
    assert {run.cell.method for run in plan.runs} == {FINETUNE}
    trained = [job.spec.get("trained") for job in with_ancestors(plan.jobs())]
    assert trained.count("frozen") == 5 * 5


def test_images_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="28 × 28 × 1 and target big of 64 × 64 × 1"):
        make_plan(EARLIER, SOURCE, dataset("big", shape=(64, 64, 1)))


def test_one_data_set_as_source_and_target_is_one_task():
    plan = make_plan(EARLIER, SOURCE, SOURCE)
    assert [task.name for task in plan.tasks] == ["chest"]
    assert len(plan.runs) == len({run.label for run in plan.runs}) == 5 * (5 * 11 + 8)


def without_labels(info):
    sizes = {split: sum(counts) for split, counts in info.counts.items()}
    nothing = dict.fromkeys(info.counts, ())
    return replace(info, class_names=(), counts=nothing, sizes=sizes, task=UNLABELLED)


def test_a_source_without_labels_is_pretrained_on_and_never_classified():
    plan = make_plan(EARLIER, without_labels(SOURCE), TARGET)
    assert {run.task.name for run in plan.runs} == {TARGET.name}
    assert plan.pretrainings
    assert plan.forgetting == []
    labelled = make_plan(EARLIER, SOURCE, TARGET)
    of_target = [run.label for run in labelled.runs if run.task.name == TARGET.name]
    assert [run.label for run in plan.runs] == of_target


def test_a_target_without_labels_is_refused():
    with pytest.raises(InputError, match="can be a source only"):
        make_plan(EARLIER, SOURCE, without_labels(TARGET))


def test_two_files_of_one_name_are_kept_apart():
    plan = make_plan(EARLIER, SOURCE, dataset("chest", md5="another"))
    assert {task.name for task in plan.tasks} == {"chest", "chest-target"}


def test_budgets_too_large_for_the_data_are_seen_with_a_note():
    study, notes = fit_budgets(EARLIER, SOURCE, dataset("small", n_train=200))
    assert study.target_task.label_budgets == (30, 100, "full")
    assert notes == [
        f"Small has 200 training images: no runs with {budget} labels" for budget in (300, 1000)
    ]


def test_models_are_those_of_strategies_at_few_and_at_the_most_labels():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    best = {run.cell: run for run in plan.runs if run.seed == 0}
    names = [name for name, _, _ in exports(plan, best, Path("models"))]
    assert sorted(names) == sorted(
        [
            *(f"chest_{strategy}_300" for strategy in STRATEGIES),
            "chest_scratch_300_overtrained",
            *(
                f"pneumonia_{strategy}_{budget}"
                for strategy in ("scratch", "frozen", "finetune")
                for budget in (300, "full")
            ),
        ]
    )


def test_an_export_brings_the_runs_of_all_seeds_and_the_data_that_its_card_names():
    plan = make_plan(EARLIER, SOURCE, TARGET)
    best = {run.cell: run for run in plan.runs if run.seed == 1}
    jobs = {name: (run, job) for name, run, job in exports(plan, best, Path("models"))}
    run, job = jobs["pneumonia_frozen_300"]
    seeds = {other.job.key for other in plan.runs if other.cell == run.cell}
    assert set(job.parents) == {"run", *seeds}
    assert len(seeds) == 5
    assert job.data == {"task": TARGET.md5, "source": SOURCE.md5}
    assert job.spec["training"]["seed"] == 1
    assert jobs["pneumonia_scratch_300"][1].data == {"task": TARGET.md5}


def several(counts, task="multilabel"):
    info = dataset("several", n_train=100)
    names = tuple(f"f{number}" for number in range(len(counts)))
    found = {"train": tuple(counts), "val": (5,) * len(counts), "test": (5,) * len(counts)}
    sizes = {"train": 100, "val": 50, "test": 50}
    return dataclasses.replace(info, class_names=names, counts=found, task=task, sizes=sizes)


@pytest.mark.parametrize("task", ["multilabel", "multiclass"])
def test_a_label_budget_too_small_for_the_classes_is_refused_before_any_training(task):
    target = several([4] * 12, task)
    budgets = {"label_budgets": (12, 15), "overtrained": False}
    study = EARLIER.replaced(target_task=EARLIER.target_task.replaced(**budgets))
    with pytest.raises(InputError, match=r"several: a label budget of 12 leaves 10 .* the 12 "):
        make_plan(study, SOURCE, target)
    fits, notes = fit_budgets(study, SOURCE, target)
    assert fits.target_task.label_budgets == (15,)
    assert "no runs with 12 labels (a label budget of 12 leaves 10" in notes[-1]
    assert make_plan(fits, SOURCE, target).target.n_images("train") == 100


def test_one_file_has_one_task():
    other = dataclasses.replace(TARGET, md5=SOURCE.md5, task="multiclass")
    with pytest.raises(InputError, match="one file, asked as binary and as multiclass"):
        make_plan(EARLIER, SOURCE, other)
