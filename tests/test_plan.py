import dataclasses
from pathlib import Path

import pytest

from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.jobs import with_ancestors
from tfmed.plan import exports, fit_budgets, make_plan, space_id
from tfmed.study import Study


def dataset(name, n_train=4000, shape=(28, 28, 1), md5=None):
    counts = {"train": (n_train // 2, n_train // 2), "val": (50, 50), "test": (80, 80)}
    path = Path(f"{name}.npz")
    fields = ("d", "l", path, md5 or name, False, shape, ("no", "yes"), 1, counts)
    return DatasetInfo(name, name.title(), *fields)


SOURCE, TARGET = dataset("chest"), dataset("pneumonia")


def test_default_study_runs_every_strategy_budget_and_seed_once():
    plan = make_plan(Study(), SOURCE, TARGET)
    labels = sorted(f"{run.task.name}-{run.label}" for run in plan.runs)
    assert len(labels) == len(set(labels)) == 3 * (4 * 2 + 4 + 1)
    assert "pneumonia-finetune-full-seed2" in labels
    assert "chest-scratch-300-overtrained-seed0" in labels


def test_finetuning_starts_from_the_frozen_run_of_its_seed_and_budget():
    plan = make_plan(Study(), SOURCE, TARGET)
    runs = {(run.task.name, run.label): run for run in plan.runs}
    finetune = runs["pneumonia", "finetune-300-seed1"].job
    assert finetune.parents["frozen"].key == runs["pneumonia", "frozen-300-seed1"].job.key
    assert finetune.parents["frozen"].parents["pretraining"].key == plan.pretraining.key
    assert runs["pneumonia", "scratch-300-seed1"].job.parents == {}
    assert runs["pneumonia", "random_frozen-300-seed1"].job.parents == {}


def test_more_seeds_change_no_job_there_was():
    few, more = (make_plan(Study(seeds=n), SOURCE, TARGET) for n in (3, 5))
    keys = [{job.key for job in with_ancestors(plan.jobs())} for plan in (few, more)]
    assert keys[0] < keys[1]
    assert len(keys[1] - keys[0]) == 2 * 13


def test_overtrained_runs_have_no_patience():
    plan = make_plan(Study(), SOURCE, TARGET)
    fits = {run.variant: run.job.spec["fit"] for run in plan.runs if run.strategy == "scratch"}
    assert fits["overtrained"]["patience"] == 0
    assert fits["standard"]["patience"] > 0


def test_latent_spaces_show_each_encoder_once():
    plan = make_plan(Study(), SOURCE, TARGET)
    assert [space_id(space) for space in plan.spaces if space.run.task is TARGET] == [
        "pneumonia-scratch-300",
        "pneumonia-random_frozen-any",
        "pneumonia-frozen-any",
        "pneumonia-finetune-300",
        "pneumonia-scratch-full",
        "pneumonia-finetune-full",
    ]


def test_finetune_alone_still_brings_the_jobs_it_needs():
    task = dataclasses.replace(Study().target_task, strategies=("finetune",))
    study = dataclasses.replace(
        Study(), target_task=task, source_task=dataclasses.replace(task, label_budgets=())
    )
    plan = make_plan(study, SOURCE, TARGET)
    assert {run.strategy for run in plan.runs} == {"finetune"}
    kinds = [job.spec.get("strategy", job.kind) for job in with_ancestors(plan.jobs())]
    assert kinds.count("frozen") == 6


def test_images_of_two_sizes_are_refused():
    with pytest.raises(InputError, match="28 × 28 × 1 and target big of 64 × 64 × 1"):
        make_plan(Study(), SOURCE, dataset("big", shape=(64, 64, 1)))


def test_one_data_set_as_source_and_target_is_one_task():
    plan = make_plan(Study(), SOURCE, SOURCE)
    assert [task.name for task in plan.tasks] == ["chest"]
    assert len(plan.runs) == len({run.label for run in plan.runs}) == 3 * 9


def test_two_files_of_one_name_are_kept_apart():
    plan = make_plan(Study(), SOURCE, dataset("chest", md5="another"))
    assert {task.name for task in plan.tasks} == {"chest", "chest-target"}


def test_budgets_too_large_for_the_data_are_left_out_with_a_note():
    study, notes = fit_budgets(Study(), SOURCE, dataset("small", n_train=200))
    assert study.target_task.label_budgets == ("full",)
    assert notes == ["Small has 200 training images: no runs with 300 labels"]


def test_models_of_the_target_leave_out_the_control():
    plan = make_plan(Study(), SOURCE, TARGET)
    best = {run.cell: run for run in plan.runs if run.seed == 0}
    names = [name for name, _, _ in exports(plan, best, Path("models"))]
    assert "pneumonia_finetune_full" in names
    assert "chest_scratch_300_overtrained" in names
    assert not any(name.startswith("pneumonia_random") for name in names)


def test_an_export_brings_the_runs_of_all_seeds_and_the_data_that_its_card_names():
    plan = make_plan(Study(), SOURCE, TARGET)
    best = {run.cell: run for run in plan.runs if run.seed == 1}
    jobs = {name: (run, job) for name, run, job in exports(plan, best, Path("models"))}
    run, job = jobs["pneumonia_frozen_300"]
    seeds = {other.job.key for other in plan.runs if other.cell == run.cell}
    assert set(job.parents) == {"run", *seeds}
    assert len(seeds) == 3
    assert job.data == {"task": TARGET.md5, "source": SOURCE.md5}
    assert job.spec["training"]["seed"] == 1
    assert jobs["pneumonia_scratch_300"][1].data == {"task": TARGET.md5}
