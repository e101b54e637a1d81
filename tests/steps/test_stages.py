import contextlib
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest

from tfmed.cache import cache_folder
from tfmed.config.experiments import ExperimentSettings
from tfmed.config.study import BASELINES, Study
from tfmed.data import dataset, loading, sources
from tfmed.data.importers.npz_file import KEYS
from tfmed.errors import InputError
from tfmed.execution.job import with_ancestors
from tfmed.execution.worker import perform
from tfmed.orchestration.plan import exports, make_plan
from tfmed.serving import card, versions
from tfmed.steps import stages
from tfmed.steps.specs import MODULES
from tfmed.tasks import task_of
from tfmed.training import fitting, inputs, models
from tfmed.training.settings import FitSettings

SHORT = FitSettings(epochs=2, batch_size=32, learning_rate=1e-3, patience=2)
COUNTS = {"train": 120, "val": 40, "test": 60}
CHANGES_NO_RESULT = {
    "tfmed.errors",
    "tfmed.execution.job",
    "tfmed.execution.worker",
    "tfmed.steps.specs",
    "tfmed.data.download",
    "tfmed.training.settings",
}
"""Modules that jobs run too: they carry results and messages, check a file's MD5 and the key
itself, and hold settings whose values are in the specification."""


def nothing(_share):
    """Listens and does nothing."""


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A tiny study on phantom images, one seed, every strategy, baseline and variant."""
    folder = tmp_path_factory.mktemp("phantom")
    source, target = (
        sources.resolve(
            "phantom", data_root=folder, cache_dir=folder, role=role, phantom_counts=COUNTS
        )
        for role in ("source", "target")
    )
    study = Study(seeds=1)
    study = study.replaced(
        encoder=study.encoder.model_copy(
            update={"latent_channels": 8, "base_filters": 4, "batch_norm": True}
        ),
        pretraining=study.pretraining.model_copy(update={"fit": SHORT}),
        classifiers=study.classifiers.replaced(
            head=SHORT, finetune=SHORT, scratch=SHORT, overtrained_epochs=2
        ),
        source_task=study.source_task.replaced(
            label_budgets=(50,), strategies=("scratch",), baselines=False
        ),
        target_task=study.target_task.replaced(label_budgets=(50,)),
        experiments=ExperimentSettings(dropouts=(0.5,)),
    )
    return make_plan(study, source, target)


@pytest.fixture(scope="module")
def reads():
    """Counts what each job reads: (job's title, split)."""
    return Counter()


def counting(reads, title, read):
    """A reader that counts."""

    def counted(info, split):
        reads[title, split] += 1
        return read(info, split)

    return counted


@pytest.fixture(scope="module")
def ran():
    """Modules of tfmed whose functions ran in jobs, by kind."""
    return defaultdict(set)


@contextlib.contextmanager
def noting_modules(modules):
    """Adds the modules of tfmed whose functions are called to a set."""

    def note(frame, event, _argument):
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.startswith("tfmed."):
            modules.add(name)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def finished(plan, reads, ran):
    """Every job of the plan, done in this process."""
    results = {}
    with pytest.MonkeyPatch.context() as patch:
        for job in [plan.pretraining, *(run.job for run in plan.runs)]:
            for module, name in ((inputs, "load_split"), (stages, "stream_split")):
                patch.setattr(module, name, counting(reads, job.title, getattr(loading, name)))
            data = {role: plan.datasets[md5] for role, md5 in job.data.items()}
            parents = {role: results[parent.key] for role, parent in job.parents.items()}
            with noting_modules(ran[job.kind]):
                results[job.key] = getattr(stages, job.kind)(job.spec, data, parents, nothing)
    return results


def run_of(plan, strategy, variant="standard", task="target"):
    cell = (getattr(plan, task).name, strategy, variant)
    return next(run for run in plan.runs if (run.task.name, run.strategy, run.variant) == cell)


def again(plan, finished, job):
    """The result of doing a job once more."""
    data = {role: plan.datasets[md5] for role, md5 in job.data.items()}
    parents = {role: finished[parent.key] for role, parent in job.parents.items()}
    return getattr(stages, job.kind)(job.spec, data, parents, nothing)


def assert_same(ours, theirs):
    assert ours.record == theirs.record
    assert ours.arrays.keys() == theirs.arrays.keys()
    assert all(np.array_equal(ours.arrays[name], theirs.arrays[name]) for name in ours.arrays)


def classifier_of(plan, finished, strategy):
    run = run_of(plan, strategy)
    return stages.restore_classifier(run.job.spec, run.task, finished[run.job.key])


def autoencoder_encoder(plan, finished):
    job = plan.pretraining
    return stages.encoder_weights(job.spec, plan.source, finished[job.key])


def same(ours, theirs):
    pairs = zip(ours, theirs, strict=True)
    return [np.array_equal(a, b) for a, b in pairs]


def test_test_split_is_read_once_per_run(plan, finished, reads):
    for run in plan.runs:
        assert reads[run.job.title, "test"] == (run.strategy != "majority")
        assert reads[run.job.title, "val"] == 0


def test_frozen_run_carries_the_autoencoders_encoder_byte_for_byte(plan, finished):
    encoder = classifier_of(plan, finished, "frozen").get_layer("encoder")
    assert all(same(models.weights(encoder), autoencoder_encoder(plan, finished)))


def test_finetuned_run_moved_away_from_the_autoencoder(plan, finished):
    encoder = classifier_of(plan, finished, "finetune").get_layer("encoder")
    assert not all(same(models.weights(encoder), autoencoder_encoder(plan, finished)))


def test_a_restored_classifier_gives_the_scores_that_the_run_kept(plan, finished):
    from tfmed.training import fitting

    for strategy in ("scratch", "frozen", "finetune"):
        run = run_of(plan, strategy)
        test = loading.load_split(run.task, "test").images
        scores = fitting.scores(classifier_of(plan, finished, strategy), test)
        assert scores.tobytes() == finished[run.job.key].arrays["test_scores"].tobytes()


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


EVERY_WAY = [
    ("scratch", "standard", "target"),
    ("finetune", "dropout_0.5", "target"),
    ("scratch", "class_weighted", "source"),
    ("scratch", "focal", "source"),
    *((name, "standard", "target") for name in BASELINES),
]


@pytest.mark.parametrize(("strategy", "variant", "task"), EVERY_WAY)
@pytest.mark.parametrize("split", ["test", "val"])
def test_no_run_sees_labels_of_the_test_split_or_beyond_its_budget(
    plan, finished, strategy, variant, task, split
):
    job = run_of(plan, strategy, variant, task).job
    with labels_swapped(split):
        assert_same(again(plan, finished, job), finished[job.key])


def test_labels_of_the_budget_do_change_a_baseline(plan, finished):
    job = run_of(plan, "pixels_logistic").job
    with labels_swapped("train"):
        changed = again(plan, finished, job)
    assert changed.record != finished[job.key].record


def test_training_accuracy_is_that_of_the_weights_kept(plan, finished):
    from tfmed.training import fitting

    for strategy in ("scratch", "frozen", "finetune"):
        run = run_of(plan, strategy)
        train = inputs.labelled(run.task, 50, 0).train
        answers = fitting.scores(classifier_of(plan, finished, strategy), train.images) > 0.5
        kept = finished[run.job.key].record["train_accuracy"]
        assert kept == np.mean(answers == train.labels)


def test_a_loss_changes_what_is_learned_from_the_same_start(plan, finished):
    scores = {
        variant: finished[run_of(plan, "scratch", variant, "source").job.key].arrays["test_scores"]
        for variant in ("standard", "class_weighted", "focal")
    }
    for variant in ("class_weighted", "focal"):
        difference = np.abs(scores[variant] - scores["standard"]).max()
        assert 0 < difference < 0.5


def test_a_baseline_is_scored_like_a_run(plan, finished):
    for name in BASELINES:
        found = finished[run_of(plan, name).job.key]
        assert found.arrays["test_scores"].shape == (COUNTS["test"],)
        assert len(found.record["val_labels"]) == len(found.arrays["val_scores"]) == 50
        assert 0 <= found.record["threshold"] <= 1
    majority = finished[run_of(plan, "majority").job.key]
    assert majority.record["threshold"] == 0.5
    assert len(set(majority.arrays["test_scores"])) == 1


def test_random_baselines_use_the_encoder_of_the_random_frozen_run(plan, finished):
    from tfmed.training import baselines, fitting

    run = run_of(plan, "random_knn")
    encoder = classifier_of(plan, finished, "random_frozen").get_layer("encoder")
    splits = inputs.labelled(run.task, 50, 0)
    known = np.concatenate([splits.train.images, splits.val.images])
    labels = np.concatenate([splits.train.labels, splits.val.labels])
    test = loading.load_split(run.task, "test").images
    embeddings = (fitting.embed(encoder, images) for images in (known, test))
    expected = baselines.fit_predict("knn", next(embeddings), labels, next(embeddings))
    kept = finished[run.job.key].arrays["test_scores"]
    assert np.array_equal(kept, expected.test_scores)


def forgotten(plan, finished):
    """What is measured before and after fine-tuning."""
    [pair] = plan.forgetting
    return [again(plan, finished, job).record for job in (pair.before, pair.after)]


def test_forgetting_before_is_the_autoencoder_as_it_was_pretrained(plan, finished):
    before, after = forgotten(plan, finished)
    kept = finished[plan.pretraining.key].record["test"]
    assert before["mse"] == pytest.approx(kept["mse"], rel=1e-6)
    assert before["mse"] != after["mse"]
    assert (before["n_train"], before["n_test"]) == (COUNTS["train"], COUNTS["test"])
    assert all(0 <= found["probe_auc"] <= 1 for found in (before, after))


def test_swapping_source_test_labels_turns_the_probes_auc_and_changes_nothing_else(plan, finished):
    before = forgotten(plan, finished)
    with labels_swapped("test"):
        swapped = forgotten(plan, finished)
    for ours, theirs in zip(before, swapped, strict=True):
        assert theirs["probe_auc"] == pytest.approx(1 - ours["probe_auc"])
        assert {**theirs, "probe_auc": None} == {**ours, "probe_auc": None}


def test_detail_of_reconstructions_is_measured_on_test_images(plan, finished):
    detail = finished[plan.pretraining.key].record["detail"]
    assert detail["n"] == COUNTS["test"]
    assert detail["psnr"]["mean"] == pytest.approx(
        finished[plan.pretraining.key].record["test"]["psnr"], rel=1e-4
    )
    assert len(detail["bands"]) == 6


def test_pretraining_measures_reconstructions_on_the_test_split(plan, finished, reads):
    record = finished[plan.pretraining.key].record
    assert reads[plan.pretraining.title, "test"] == 1
    quantiles = record["mse_quantiles"]
    assert quantiles == sorted(quantiles)
    assert record["shown"][0]["mse"] == pytest.approx(quantiles[0])
    assert record["shown"][-1]["mse"] == pytest.approx(quantiles[-1])
    assert record["test"]["n"] == COUNTS["test"]


def test_latent_space_of_a_run_has_coordinates_for_every_test_image(plan, finished):
    run = run_of(plan, "frozen")
    space = next(space for space in plan.spaces if space.run is run)
    parents = {"run": finished[run.job.key]}
    result = stages.latent_space(space.job.spec, {"task": run.task}, parents, nothing)
    assert result.arrays["pca"].shape == result.arrays["tsne"].shape == (COUNTS["test"], 2)
    assert result.record["dimensions"] == 16 * 8
    record = result.record
    tests = record["clusters"]
    assert tests["knn_accuracy"]["value"] == pytest.approx(record["knn_accuracy"])
    assert tests["silhouette"]["value"] == pytest.approx(record["silhouette"])
    assert record["components"]["first"] == pytest.approx(record["component_auc"][0] - 0.5)
    assert sum(record["two_clusters"]["sizes"]) == COUNTS["test"]


def test_similarity_compares_every_two_spaces(plan, finished):
    job = plan.similarities[plan.target.name]
    parents = {name: finished[parent.key] for name, parent in job.parents.items()}
    cka = stages.similarity(job.spec, {"task": plan.target}, parents, nothing).record["cka"]
    n = len(parents)
    assert len(cka) == n * (n - 1) // 2
    assert all(pair["low"] <= pair["value"] <= pair["high"] <= 1 for pair in cka)


@pytest.mark.parametrize("kind", ["pretraining", "scratch", "frozen", "random_logistic"])
def test_a_job_does_not_depend_on_what_its_worker_did_before(plan, finished, kind):
    job = plan.pretraining if kind == "pretraining" else run_of(plan, kind).job
    fitting.seed_everything(99)
    assert_same(again(plan, finished, job), finished[job.key])


def test_every_module_that_a_job_runs_is_part_of_its_key(plan, finished, ran):
    one_of_each = {job.kind: job for job in with_ancestors(plan.jobs())}
    for kind in MODULES.keys() - ran.keys():
        job = one_of_each[kind]
        data = {role: plan.datasets[md5].to_json() for role, md5 in job.data.items()}
        parents = {role: finished[parent.key] for role, parent in job.parents.items()}
        with noting_modules(ran[kind]):
            perform(
                {"kind": kind, "spec": job.spec, "code": job.code, "data": data}, parents, nothing
            )
    assert ran.keys() == MODULES.keys()
    unkeyed = {kind: ran[kind] - set(MODULES[kind]) - CHANGES_NO_RESULT for kind in ran}
    assert not any(unkeyed.values()), unkeyed


@pytest.fixture
def streamed(tmp_path, monkeypatch):
    """No data set fits in memory."""
    monkeypatch.setenv("TFMED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(dataset, "IN_MEMORY_LIMIT", 0)


@pytest.mark.slow
def test_pretraining_from_records_learns_as_from_memory(plan, finished, streamed):
    job = plan.pretraining
    again = stages.pretrain(job.spec, {"source": plan.source}, {}, nothing)
    kept = finished[job.key]
    assert again.record["n_train"] == kept.record["n_train"]
    assert again.record["test"]["mse"] == pytest.approx(kept.record["test"]["mse"], rel=0.3)
    mean_image = kept.record["test"]["mse_mean_image"]
    assert again.record["test"]["mse_mean_image"] == pytest.approx(mean_image)
    third = stages.pretrain(job.spec, {"source": plan.source}, {}, nothing)
    assert again.record == third.record
    assert all(np.array_equal(again.arrays[k], third.arrays[k]) for k in again.arrays)


def test_a_run_with_few_labels_does_not_depend_on_where_images_come_from(plan, finished, streamed):
    run = run_of(plan, "scratch")
    again = stages.run(run.job.spec, {"task": run.task}, {}, nothing)
    assert again.record == finished[run.job.key].record
    assert np.array_equal(again.arrays["test_scores"], finished[run.job.key].arrays["test_scores"])


@pytest.mark.slow
def test_damaged_records_are_named(plan, streamed):
    job = plan.pretraining
    stages.pretrain(job.spec, {"source": plan.source}, {}, nothing)
    shard = next(cache_folder().glob("records/*/*/*/*train.tfrecord*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match="records are damaged: delete the folder"):
        stages.pretrain(job.spec, {"source": plan.source}, {}, nothing)


def test_an_exported_classifier_carries_the_labels_it_saw_and_its_own_threshold(
    plan, finished, tmp_path
):
    best = {run.cell: run for run in plan.runs}
    name, run, job = next(
        found for found in exports(plan, best, tmp_path) if found[1].strategy == "frozen"
    )
    data = {role: plan.datasets[md5] for role, md5 in job.data.items()}
    parents = {role: finished[parent.key] for role, parent in job.parents.items()}
    record = stages.export(job.spec, data, parents, nothing).record
    assert record == {"version": 1}
    found = card.read_card(tmp_path / name / "1")
    assert found["threshold"] == finished[run.job.key].record["threshold"]
    assert sum(found["class_balance"]["train"]) == finished[run.job.key].record["n_train"]
    assert sum(found["class_balance"]["test"]) == COUNTS["test"]
    assert found["data"]["pretrained_on"]["md5"] == plan.source.md5
    assert found["seeds"] == [run.job.key]
    assert versions.find_version(tmp_path, name, run.job.key, [run.job.key]) == 1
