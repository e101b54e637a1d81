import numpy as np
import pytest
from tiny_study import LABELS, assert_same, labels_swapped

from tfmed.data import loading
from tfmed.design import BASELINES
from tfmed.steps.pretrain import encoder_weights
from tfmed.training import examples, fitting, transfer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study

EVERY_WAY = [
    ("scratch", "standard", "target"),
    ("finetune", "dropout_0.5", "target"),
    ("scratch", "class_weighted", "source"),
    ("scratch", "focal", "source"),
    *((str(baseline), "standard", "target") for baseline in BASELINES),
]


def pretrained_and_of(tiny, strategy):
    """Whether each weight of a classifier's encoder is the pretrained one."""
    pretrained = encoder_weights(tiny.finished[tiny.pretraining.key])
    own = transfer.weights(tiny.classifier_of(strategy).get_layer("encoder"))
    return [np.array_equal(a, b) for a, b in zip(own, pretrained, strict=True)]


def test_test_split_is_read_once_per_run(tiny):
    for run in tiny.plan.runs:
        assert tiny.reads[run.job.title, "test"] == (str(run.cell.method) != "majority")
        assert tiny.reads[run.job.title, "val"] == 0


def test_frozen_run_carries_the_pretrained_encoder_byte_for_byte(tiny):
    assert all(pretrained_and_of(tiny, "frozen"))


def test_finetuned_run_moved_away_from_the_pretrained_encoder(tiny):
    assert not all(pretrained_and_of(tiny, "finetune"))


@pytest.mark.parametrize("strategy", ["scratch", "frozen", "finetune"])
def test_a_restored_classifier_gives_the_scores_that_the_run_kept(tiny, strategy):
    test = loading.load_split(tiny.plan.target, "test").images
    scores = fitting.scores(tiny.classifier_of(strategy), test, "binary")
    assert scores.tobytes() == tiny.result_of(strategy).arrays["test_scores"].tobytes()


@pytest.mark.parametrize(("method", "variant", "task"), EVERY_WAY)
@pytest.mark.parametrize("split", ["test", "val"])
def test_no_run_sees_labels_of_the_test_split_or_beyond_its_budget(
    tiny, method, variant, task, split
):
    job = tiny.run_of(method, variant, task).job
    with labels_swapped(split):
        assert_same(tiny.again(job), tiny.finished[job.key])


@pytest.mark.parametrize("strategy", ["scratch", "frozen", "finetune"])
def test_training_accuracy_is_that_of_the_weights_kept(tiny, strategy):
    train = examples.labelled(tiny.plan.target, LABELS, 0).train
    answers = fitting.scores(tiny.classifier_of(strategy), train.images, "binary") > 0.5
    kept = tiny.result_of(strategy).record["train_accuracy"]
    assert kept == np.mean(answers == train.labels)


@pytest.mark.parametrize("variant", ["class_weighted", "focal"])
def test_a_loss_changes_what_is_learned_from_the_same_start(tiny, variant):
    standard, changed = (
        tiny.result_of("scratch", each, "source").arrays["test_scores"]
        for each in ("standard", variant)
    )
    assert 0 < np.abs(changed - standard).max() < 0.5


def test_a_run_with_few_labels_does_not_depend_on_where_images_come_from(tiny, streamed):
    assert_same(tiny.again(tiny.run_of("scratch").job), tiny.result_of("scratch"))


@pytest.mark.parametrize("kind", ["pretraining", "scratch", "frozen", "random_logistic"])
def test_a_job_does_not_depend_on_what_its_worker_did_before(tiny, kind):
    job = tiny.pretraining if kind == "pretraining" else tiny.run_of(kind).job
    fitting.seed_everything(99)
    assert_same(tiny.again(job), tiny.finished[job.key])
