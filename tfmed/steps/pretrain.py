"""Pretraining: fits an encoder, inside a method's model, on images without labels."""

from typing import TYPE_CHECKING, Any

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import START_SECONDS, Data, Parents, Say, Spec, fit_seconds, make_job

if TYPE_CHECKING:
    import numpy as np

    from tfmed.config.study import Study
    from tfmed.pretraining import PretrainingSettings
    from tfmed.pretraining.images import Origin


def pretraining_job(
    study: "Study",
    settings: "PretrainingSettings",
    source: DatasetInfo,
    target: DatasetInfo,
    seed: int,
) -> Job:
    """Pretrains an encoder on training images of the source, of the target, or of both.

    Args:
        study: says which encoder.
        settings: which method, whose images, and how.
        source: the data set pretrained on.
        target: the data set classified.
        seed: of this pretraining.
    """
    data = _data(settings, source, target)
    images = min(
        settings.max_images or 10**9, sum(each.n_images("train") for each in data.values())
    )
    fit = settings.fit.resolved(images)
    on = " and ".join(each.title for each in data.values())
    again = f", seed {seed}" if settings.repeats > 1 else ""
    return make_job(
        "pretrain",
        {
            "encoder": study.encoder.model_dump(),
            "pretraining": {
                **settings.model_dump(mode="json", exclude={"repeats"}),
                "fit": fit.model_dump(),
                "seed": seed,
            },
        },
        data,
        {},
        f"pretraining by {settings.method} on {on}{again}",
        2 * START_SECONDS + images * fit.epochs * fit_seconds(source),
    )


def _data(
    settings: "PretrainingSettings", source: DatasetInfo, target: DatasetInfo
) -> dict[str, DatasetInfo]:
    """By role; one data set in both roles is there once."""
    found = {"source": source, "target": target}
    wanted = settings.images.split("+")
    if source.md5 == target.md5:
        wanted = ["source"]
    return {role: found[role] for role in wanted}


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits the method's model, then measures what it learned.

    Reconstructions are measured on the test split of the first data set where the method gives
    any. Data: `source`, `target`, or both. Arrays: weights of the encoder (`encoder/…`) and of the
    whole model (`model/…`), and those that `tfmed.pretraining.quality.measures.measure` keeps.
    """
    import contextlib

    from tfmed.pretraining.images import Origin

    infos = list(data.values())
    if all(info.fits_in_memory for info in infos):
        return _pretrain(spec, [Origin(info) for info in infos], say)
    from tfmed.data.records import open_records

    with contextlib.ExitStack() as reading:
        origins = [Origin(info, reading.enter_context(open_records(info))) for info in infos]
        return _pretrain(spec, origins, say)


def _pretrain(spec: Spec, origins: "list[Origin]", say: Say) -> Result:
    from tfmed import encoders, pretraining
    from tfmed.data.loading import load_rows
    from tfmed.pretraining.images import pretraining_images
    from tfmed.pretraining.quality import health, measures, probing, viewing
    from tfmed.training import examples, fitting, transfer

    first = origins[0].info
    settings = pretraining.settings_of(spec["pretraining"])
    method = pretraining.method(settings.method)
    fitting.seed_everything(settings.seed)  # first: the global seed is part of every shuffle's
    images = pretraining_images(origins, settings)
    encoder = encoders.build(spec["encoder"], first.image_shape)
    model = method.build(settings, encoder)
    fit = settings.fit.resolved(images.n_train)
    labelled = probing.probed([origin.info for origin in origins])
    probe = probing.Probe(encoder, labelled, fit.epochs) if labelled else None
    fitted = fitting.fit_unlabelled(
        model,
        method.loss(settings),
        images.train,
        images.val,
        fit,
        say,
        probe.after if probe else lambda _: None,
    )
    record: dict[str, Any] = {
        "fit": fitted.record(),
        "n_train": images.n_train,
        "parameters": {"encoder": encoder.count_params(), "model": model.count_params()},
        "embedding_shape": list(encoder.output_shape[1:]),
        "reconstruction": None,
        "probe": probe.record() if probe else None,
    }
    rows = examples.drawn_rows(first.n_images("train"), health.IMAGES)
    embeddings = fitting.embed(encoder, load_rows(first, "train", rows).images)
    record["health"] = health.health(embeddings)
    arrays = (
        viewing.shown(settings, first)
        | transfer.packed("encoder", encoder)
        | transfer.packed("model", model)
    )
    if method.RECONSTRUCTS:
        record["reconstruction"], shown = measures.measure(model, first, images.mean)
        arrays |= shown
    return Result(record, arrays)


def encoder_weights(result: Result) -> "list[np.ndarray]":
    """Weights of the encoder that a pretraining left behind."""
    from tfmed.training import transfer

    return transfer.unpacked("encoder", result.arrays)
