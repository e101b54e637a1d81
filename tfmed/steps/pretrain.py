"""Pretraining: gives an encoder its weights, mostly by a fit inside a method's model."""

from typing import TYPE_CHECKING, Any

from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.execution.job import Job, Result
from tfmed.pretraining import FittedSettings, Initialised, MethodSettings, PretrainingSettings
from tfmed.steps import START_SECONDS, Data, Parents, Say, Spec, fit_seconds, make_job

if TYPE_CHECKING:
    import keras
    import numpy as np

    from tfmed.config.study import Study
    from tfmed.pretraining.images import Origin, PretrainingImages
    from tfmed.pretraining.quality.probing import Probe


def pretraining_job(
    study: "Study",
    settings: MethodSettings,
    source: DatasetInfo,
    target: DatasetInfo,
    seed: int,
) -> Job:
    """Pretrains an encoder on training images of the source, of the target, or of both.

    Of a method that learns from nothing here, the encoder is looked at on images of the source.

    Args:
        study: says which encoder.
        settings: which method, whose images, and how.
        source: the data set pretrained on.
        target: the data set classified.
        seed: of this pretraining.

    Raises:
        InputError: the source has no labels to learn from, or only the target's, or a file that the
            settings name is none that the method can take.
    """
    data = _data(settings, source, target)
    plain = settings.model_dump(mode="json", exclude={"repeats"})
    seconds, on, again = 2 * START_SECONDS, "", ""
    if isinstance(settings, FittedSettings):
        available = sum(each.n_images("train") for each in data.values())
        images = min(settings.max_images or available, available)
        fit = settings.fit.resolved(images, source.image_shape[0])
        plain |= {"fit": fit.model_dump(), "seed": seed}
        seconds += images * fit.epochs * fit_seconds(source)
        on = f" on {' and '.join(each.title for each in data.values())}"
        again = f", seed {seed}" if settings.repeats > 1 else ""
    return make_job(
        "pretrain",
        {
            "encoder": study.encoder.model_dump(),
            "pretraining": plain,
            "files": settings.files(),
        },
        data,
        {},
        f"pretraining by {settings.method}{on}{again}",
        seconds,
    )


def _data(
    settings: MethodSettings, source: DatasetInfo, target: DatasetInfo
) -> dict[str, DatasetInfo]:
    """By role; one data set in both roles is there once."""
    if settings.LEARNS_FROM == "labels":
        _check_labels(settings.method, source, target)
    found = {"source": source, "target": target}
    if not isinstance(settings, PretrainingSettings) or source.md5 == target.md5:
        return {"source": source}
    return {role: found[role] for role in settings.images.split("+")}


def _check_labels(method: str, source: DatasetInfo, target: DatasetInfo) -> None:
    named = f"pretraining.method = {method!r} learns from the labels of {source.title}"
    if not source.labelled:
        raise InputError(f"{named}, which has none; choose another source or method")
    if source.md5 == target.md5:
        raise InputError(
            f"{named}, which is the target too, whose label budgets would hold back nothing then; "
            "choose another source or method"
        )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Gives an encoder its weights, then measures what it learned.

    Reconstructions are measured on the test split of the first data set where the method gives
    any. Data: `source`, `target`, or both. Arrays: weights of the encoder (`encoder/…`); where the
    method reconstructs, of the whole model (`model/…`), and those that
    `tfmed.pretraining.quality.measures.measure` keeps.
    """
    import contextlib

    from tfmed import pretraining
    from tfmed.pretraining.images import Origin

    settings, infos = pretraining.settings_of(spec["pretraining"]), list(data.values())
    if settings.files() != spec["files"]:
        raise InputError(
            f"a file that pretraining by {settings.method} reads changed while the study ran: run "
            "it again"
        )
    if settings.LEARNS_FROM != "images" or all(info.fits_in_memory for info in infos):
        return _pretrain(spec, [Origin(info) for info in infos], say)
    from tfmed.data.records import open_records

    with contextlib.ExitStack() as reading:
        origins = [Origin(info, reading.enter_context(open_records(info))) for info in infos]
        return _pretrain(spec, origins, say)


def _pretrain(spec: Spec, origins: "list[Origin]", say: Say) -> Result:
    from tfmed import encoders, pretraining
    from tfmed.data.loading import load_rows
    from tfmed.pretraining.images import pretraining_images
    from tfmed.pretraining.quality import health, measures, viewing
    from tfmed.training import examples, fitting, transfer

    first = origins[0].info
    settings = pretraining.settings_of(spec["pretraining"])
    method = pretraining.method(settings.method)
    # First: the global seed is part of every shuffle's.
    fitting.seed_everything(spec["pretraining"].get("seed", 0))
    images, probe = None, None
    if isinstance(settings, PretrainingSettings):
        images = pretraining_images(origins, settings)
        encoder = encoders.build(spec["encoder"], first.image_shape)
        probe = _probe(encoder, origins, settings.fit.resolved(images.n_train).epochs)
        done = _fitted(settings, encoder, images, probe, say)
    else:
        encoder = encoders.build(spec["encoder"], first.image_shape)
        done = method.initialise(settings, encoder, first, say)
    record: dict[str, Any] = {
        "fit": done.fit.record(),
        "n_train": done.n_train,
        "parameters": {"encoder": encoder.count_params()},
        "embedding_shape": list(encoder.output_shape[1:]),
        "reconstruction": None,
        "probe": probe.record() if probe else None,
    }
    if done.model is not encoder:
        record["parameters"]["model"] = done.model.count_params()
    rows = examples.drawn_rows(first.n_images("train"), health.IMAGES)
    embeddings = fitting.embed(encoder, load_rows(first, "train", rows).images)
    record["health"] = health.health(embeddings)
    arrays = transfer.packed("encoder", encoder)
    if isinstance(settings, PretrainingSettings):
        arrays |= viewing.shown(settings, first)
    if images is not None and method.RECONSTRUCTS:
        record["reconstruction"], shown = measures.measure(done.model, first, images.mean)
        arrays |= shown | transfer.packed("model", done.model)
    return Result(record, arrays)


def _probe(encoder: "keras.Model", origins: "list[Origin]", epochs: int) -> "Probe | None":
    from tfmed.pretraining.quality import probing

    labelled = probing.probed([origin.info for origin in origins])
    return probing.Probe(encoder, labelled, epochs) if labelled else None


def _fitted(
    settings: PretrainingSettings,
    encoder: "keras.Model",
    images: "PretrainingImages",
    probe: "Probe | None",
    say: Say,
) -> Initialised:
    """Fits the method's model without labels."""
    from tfmed import pretraining
    from tfmed.training import fitting

    method = pretraining.method(settings.method)
    model = method.build(settings, encoder)
    fit = fitting.fit_unlabelled(
        model,
        method.loss(settings),
        images.train,
        images.val,
        settings.fit.resolved(images.n_train),
        say,
        probe.after if probe else lambda _: None,
    )
    return Initialised(model, fit, images.n_train)


def encoder_weights(result: Result) -> "list[np.ndarray]":
    """Weights of the encoder that a pretraining left behind."""
    from tfmed.training import transfer

    return transfer.unpacked("encoder", result.arrays)
