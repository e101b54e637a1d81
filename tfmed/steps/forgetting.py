"""Forgetting: how well an encoder serves the source, before or after fine-tuning on the target."""

from typing import TYPE_CHECKING

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import READ_SECONDS, Data, Parents, Say, Spec, make_job

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tfmed.config.study import Study

PROBE_IMAGES = 2000
"""Source images that a probe is fitted to."""
TEST_IMAGES = 3000
"""Source test images that it is scored on, at most."""
PROBE_SECONDS = 0.4
"""Rough cost of fitting the probe to 1,000 embeddings."""


def forgetting_job(
    study: "Study",
    source: DatasetInfo,
    pretraining: Job,
    run: tuple[Job, DatasetInfo] | None = None,
) -> Job:
    """How well an encoder serves the source: as it was pretrained or, with a run, that run's.

    Args:
        study: says how.
        source: what it was pretrained on.
        pretraining: of the encoder.
        run: fine-tuned the encoder, and on what.
    """
    after = f" after {run[0].title}" if run else " before fine-tuning"
    return make_job(
        "forgetting",
        {
            "encoder": study.encoder.model_dump(),
            "pretraining": pretraining.spec["pretraining"],
            "train_images": PROBE_IMAGES,
            "test_images": TEST_IMAGES,
        },
        {"source": source, **({"target": run[1]} if run else {})},
        {"pretraining": pretraining, **({"run": run[0]} if run else {})},
        f"{source.title}{after}",
        READ_SECONDS + PROBE_SECONDS * PROBE_IMAGES / 1000,
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """How well an encoder serves the source task and the decoder that it was pretrained with.

    Parents: `pretraining`, and `run` if it is that run's encoder that is measured. The record has
    the test AUC of a probe fitted to embeddings of source training images (None without both
    classes; the arrays are its `scores`, the `labels` and, if known, the `patients`), and the mean
    squared error of the decoder's answer to embeddings of test images (None of a method that has no
    decoder).
    """
    from tfmed.data.loading import load_patients, load_rows
    from tfmed.pretraining.quality import measures
    from tfmed.tasks import task_of
    from tfmed.training import baselines, examples, fitting

    source = data["source"]
    encoder, model = _models(spec, data, parents)
    rows = examples.drawn_rows(source.n_images("train"), spec["train_images"])
    train = load_rows(source, "train", rows)
    probe = baselines.fit_probe(
        _flat(fitting.embed(encoder, train.images)),
        train.labels,
        n_classes=len(source.class_names),
    )
    say(0.7)
    test_rows = examples.drawn_rows(source.n_images("test"), spec["test_images"])
    test = load_rows(source, "test", test_rows)
    scores = probe(_flat(fitting.embed(encoder, test.images)))
    record = {
        "probe_auc": task_of(source.task).accuracy_and_auc(test.labels, scores)["auc"],
        "mse": measures.mean_squared_error(model, test.images) if model is not None else None,
        "n_train": len(rows),
        "n_test": len(test_rows),
    }
    patients = load_patients(source, "test")
    known = {} if patients is None else {"patients": patients[test_rows]}
    return Result(record, {"scores": scores, "labels": test.labels, **known})


def _models(spec: Spec, data: Data, parents: Parents) -> tuple["keras.Model", "keras.Model | None"]:
    """The encoder that is measured, and the pretrained model around it where that reconstructs."""
    from tfmed import encoders, pretraining
    from tfmed.steps.classify import restore_classifier
    from tfmed.steps.pretrain import encoder_weights
    from tfmed.training import transfer

    settings = pretraining.settings_of(spec["pretraining"])
    method, pretrained = pretraining.method(settings.method), parents["pretraining"]
    encoder, model = encoders.build(spec["encoder"], data["source"].image_shape), None
    if method.RECONSTRUCTS:
        model = method.build(settings, encoder)
        transfer.set_weights(model, transfer.unpacked("model", pretrained.arrays))
    else:
        transfer.set_weights(encoder, encoder_weights(pretrained))
    if "run" in parents:
        classifier = restore_classifier(spec, data["target"], parents["run"])
        transfer.transfer_weights(classifier.get_layer("encoder"), encoder)
    return encoder, model


def _flat(embeddings: "np.ndarray") -> "np.ndarray":
    return embeddings.reshape(len(embeddings), -1)
