import dataclasses
from dataclasses import replace
from pathlib import Path

import pytest
from earlier import EARLIER

from tfmed.config.experiments import ExperimentSettings
from tfmed.config.study import Study
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
    Repeat,
    Strategy,
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


def names(plan):
    """Task, method, variant, budget, seed and pretraining of each run."""
    return [
        (
            run.task.name,
            str(run.cell.method),
            str(run.cell.variant),
            run.cell.label_budget,
            run.seed,
            run.repeat.pretraining,
        )
        for run in plan.runs
    ]


def test_default_study_runs_every_strategy_budget_seed_and_pretraining_once():
    study = Study()
    plan = make_plan(study, SOURCE, TARGET)
    budgets = [("chest", 300), *(("pneumonia", n) for n in (30, 100, 300, "full"))]
    three = ("frozen", "finetune", "simclr:frozen", "simclr:finetune", "frozen_knn")
    repeats = dict.fromkeys((*three, "frozen_logistic"), 3)
    others = ("majority", "pixels_logistic", "pca_logistic", "random_knn", "random_logistic")
    repeats |= dict.fromkeys(("scratch", "random_frozen", *others), 1)
    found = names(plan)
    assert len(found) == len(set(found))
    assert set(found) == {
        (task, method, "standard", budget, seed, number)
        for task, budget in budgets
        for method, n in repeats.items()
        for seed in range(5)
        for number in range(n)
    } | {
        (task, "scratch", "overtrained", 300, seed, 0)
        for task in ("chest", "pneumonia")
        for seed in range(5)
    }
    assert len({run.id for run in plan.runs}) == len(plan.runs)
    assert "pneumonia-simclr-finetune-full-seed4-pretraining2" in {run.id for run in plan.runs}


def test_earlier_study_runs_every_strategy_budget_and_seed_once():
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


def test_where_recipes_are_searched_every_classifier_starts_from_a_head_of_its_frozen_encoder():
    plan = make_plan(Study(), SOURCE, TARGET)
    runs = {(run.cell, run.repeat): run.job for run in plan.runs}
    tuned = [run for run in plan.runs if getattr(run.cell.method, "trained", "") == "finetune"]
    assert {str(run.cell.method) for run in tuned} == {"scratch", "finetune", "simclr:finetune"}
    for run in tuned:
        head = Strategy(run.cell.method.initialisation, "frozen")
        frozen = runs[replace(run.cell, method=head, variant=STANDARD), run.repeat]
        if head.pretrained:
            assert run.job.parents["frozen"].key == frozen.key
            assert run.job.spec["head_fit"] is None
        else:  # whose statistics are measured first, so that the head is another one
            assert "frozen" not in run.job.parents
            assert run.job.spec["head_fit"] == frozen.spec["fit"]


def searches(plan):
    """Cells and repeats of the runs that try recipes, and the recipes."""
    return {(run.cell, run.repeat): run.job.spec["recipes"] for run in plan.runs if tries(run)}


def tries(run):
    return bool(run.job.spec.get("recipes"))


def test_all_strategies_try_the_same_recipes_on_their_first_pretraining():
    study = Study()
    plan = make_plan(study, SOURCE, TARGET)
    search = study.classifiers.search
    recipes = [
        {"learning_rate": rate, "augment": augment}
        for augment in search.augment
        for rate in search.learning_rates
    ]
    found = searches(plan)
    assert all(each == recipes for each in found.values())
    few = [("chest", 300), *(("pneumonia", n) for n in (30, 100, 300))]
    assert set(found) == {
        (Cell(task, Strategy.parse(name), STANDARD, budget), Repeat(seed))
        for name in ("scratch", "finetune", "simclr:finetune")
        for seeds, places in ((range(5), few), (range(1), [("pneumonia", "full")]))
        for task, budget in places
        for seed in seeds
    }


def test_a_run_that_tries_nothing_takes_the_recipe_of_one_that_does():
    study = Study(experiments=ExperimentSettings(dropouts=(0.5,), losses=("focal",)))
    plan = make_plan(study, SOURCE, TARGET)
    runs = {(run.cell, run.repeat): run for run in plan.runs}
    for run in plan.runs:
        if tries(run) or getattr(run.cell.method, "trained", "frozen") == "frozen":
            assert "searched" not in run.job.parents
            continue
        seed = 0 if run.cell.label_budget == "full" else run.seed
        first = runs[replace(run.cell, variant=STANDARD), Repeat(seed)]
        standard = runs[replace(run.cell, variant=STANDARD), run.repeat]
        of = first if run.cell.variant == STANDARD else standard
        assert run.job.parents["searched"].key == of.job.key
        assert tries(first)


def test_without_learning_rates_nothing_is_searched():
    assert searches(make_plan(EARLIER, SOURCE, TARGET)) == {}
    study = Study(classifiers={"search": {"learning_rates": ()}})
    plan = make_plan(study, SOURCE, TARGET)
    assert searches(plan) == {}
    assert not any("searched" in run.job.parents for run in plan.runs)
    for run in plan.runs:
        if run.cell.method == SCRATCH:
            assert run.job.parents == {}
            assert run.job.spec["fit"]["learning_rate"] == study.classifiers.scratch.learning_rate


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
    runs = {(run.cell, run.repeat): run.job.key for run in plan.runs}
    for cell, job in plan.evaluations.items():
        parents = {name: parent.key for name, parent in job.parents.items()}
        assert parents == {f"seed{seed}": runs[cell, Repeat(seed)] for seed in range(5)}
    budgets = [("chest", n) for n in (30, 100, 300, 1000)]
    budgets += [("pneumonia", n) for n in (30, 100, 300, 1000, "full")]
    assert list(plan.comparisons) == budgets
    for (task, budget), job in plan.comparisons.items():
        for pair in job.spec["pairs"]:
            assert pair["runs"] == [[seed, 0, 0] for seed in range(5)]
            assert pair["pretrainings"] == 1
            for side in map(Side.of_entry, (pair["a"], pair["b"])):
                cell = Cell(task, side.method, side.variant, budget)
                for seed in range(5):
                    assert job.parents[f"{side} seed{seed}"].key == runs[cell, Repeat(seed)]


def test_runs_of_several_pretrainings_are_evaluated_together_and_compared_crossed():
    plan = make_plan(Study(seeds=2), SOURCE, TARGET)
    runs = {(run.cell, run.repeat): run.job.key for run in plan.runs}
    for cell, job in plan.evaluations.items():
        repeats = [repeat for of, repeat in runs if of == cell]
        assert [*job.parents] == job.spec["runs"] == [str(each) for each in sorted(repeats)]
        assert [parent.key for parent in job.parents.values()] == [
            runs[cell, each] for each in sorted(repeats)
        ]
        assert job.spec["pretrainings"] == len(repeats) / 2
    pairs = {
        (pair["a"]["strategy"], pair["b"]["strategy"]): (pair["runs"], pair["pretrainings"])
        for pair in plan.comparisons["pneumonia", 300].spec["pairs"]
    }
    crossed = [(seed, number) for seed in (0, 1) for number in (0, 1, 2)]
    one = [[seed, number, 0] for seed, number in crossed], 3
    assert pairs["simclr:finetune", "scratch"] == pairs["frozen", "random_frozen"] == one
    each = [[seed, number, number] for seed, number in crossed], 3
    assert pairs["simclr:finetune", "finetune"] == pairs["finetune", "frozen_logistic"] == each


def test_declared_comparisons_take_the_place_of_the_usual_questions():
    declared = (("simclr:frozen", "scratch"), ("finetune", "pixels_logistic"))
    plan = make_plan(Study(comparisons=declared), SOURCE, TARGET)
    for job in plan.comparisons.values():
        found = [
            (pair["kind"], pair["a"]["strategy"], pair["b"]["strategy"], pair["family"])
            for pair in job.spec["pairs"]
        ]
        assert [each[:3] for each in found if each[0] == "question"] == [
            ("question", *pair) for pair in declared
        ]
        # Those of all label budgets of the task are corrected together, and none is counted twice.
        n_budgets = 4 if "Pneumonia" in job.title else 1
        assert {each[3] for each in found if each[0] == "question"} == {2 * n_budgets}
        assert ("baseline", "finetune", "pixels_logistic") not in {each[:3] for each in found}


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


def test_every_pretraining_gives_its_encoder_to_every_seed():
    settings = EARLIER.pretraining[0].model_copy(update={"repeats": 3, "seed": 7})
    study = EARLIER.replaced(seeds=2, pretraining=settings)
    plan = make_plan(study, SOURCE, TARGET)
    assert [job.spec["pretraining"]["seed"] for job in plan.pretrainings] == [7, 8, 9]
    assert len({job.key for job in plan.pretrainings}) == 3
    for method in (FROZEN, method_of("frozen_knn")):
        runs = [run for run in plan.runs if run.cell == Cell("pneumonia", method, STANDARD, 300)]
        assert [run.repeat for run in runs] == [Repeat(s, n) for s in (0, 1) for n in (0, 1, 2)]
        for run in runs:
            started = run.job.parents["pretraining"].key
            assert started == plan.pretrainings[run.repeat.pretraining].key


def test_a_pretraining_more_changes_no_job_there_was():
    few, more = (
        make_plan(
            EARLIER.replaced(pretraining=EARLIER.pretraining[0].model_copy(update={"repeats": n})),
            SOURCE,
            TARGET,
        )
        for n in (1, 2)
    )
    of_runs = [{run.job.key for run in plan.runs} for plan in (few, more)]
    assert of_runs[0] < of_runs[1]


@pytest.mark.parametrize(("seeds", "repeats", "measured"), [(3, 1, 3), (5, 3, 3), (2, 3, 2)])
def test_forgetting_is_measured_of_encoders_that_share_no_pretraining_or_all_one(
    seeds, repeats, measured
):
    settings = EARLIER.pretraining[0].model_copy(update={"repeats": repeats})
    plan = make_plan(EARLIER.replaced(seeds=seeds, pretraining=settings), SOURCE, TARGET)
    few = [pair for pair in plan.forgetting if pair.run.cell.label_budget == 300]
    assert [pair.run.seed for pair in few] == list(range(measured))
    before = [pair.before.parents["pretraining"].key for pair in few]
    assert before == [pair.after.parents["pretraining"].key for pair in few]
    assert len(set(before)) == min(seeds, repeats)


def test_auto_epochs_and_batches_follow_the_images_that_are_used():
    plan = make_plan(Study(), SOURCE, TARGET)  # 4,000 images each
    fits = {job.spec["pretraining"]["method"]: job.spec["pretraining"] for job in plan.pretrainings}
    autoencoder, simclr = (fits[name]["fit"] for name in ("autoencoder", "simclr"))
    assert (autoencoder["epochs"], autoencoder["batch_size"]) == (38, 128)
    assert (simclr["epochs"], simclr["batch_size"]) == (38, 128)
    fewer = Study(pretraining={"method": "simclr", "images": "source", "max_images": 1500})
    (job, *_) = make_plan(fewer, SOURCE, TARGET).pretrainings
    fit = job.spec["pretraining"]["fit"]
    assert (fit["epochs"], fit["batch_size"]) == (100, 64)


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
                for strategy in STRATEGIES
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
    assert "pneumonia_random_frozen_300" in jobs  # the decision may pick it
    quick = make_plan(EARLIER.replaced(quick=True), SOURCE, TARGET)
    best = {run.cell: run for run in quick.runs}
    assert {name.partition("_")[0] for name, *_ in exports(quick, best, Path("models"))} == {
        "pneumonia"
    }


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
