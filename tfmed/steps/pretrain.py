"""Pretraining: fits an encoder, inside a method's model, on images without labels."""

from typing import TYPE_CHECKING, Any

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import START_SECONDS, Data, Parents, Say, Spec, fit_seconds, make_job

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from tfmed.config.study import Study


def pretraining_job(study: "Study", source: DatasetInfo, seed: int) -> Job:
    """Pretrains an encoder on the source's images.

    Args:
        study: says which encoder, which method, and how.
        source: whose images.
        seed: of this pretraining.
    """
    settings = study.pretraining
    images = min(settings.max_images or 10**9, source.n_images("train"))
    again = f", seed {seed}" if settings.per_seed else ""
    return make_job(
        "pretrain",
        {
            "encoder": study.encoder.model_dump(),
            "pretraining": {**settings.model_dump(exclude={"per_seed"}), "seed": seed},
        },
        {"source": source},
        {},
        f"pretraining on {source.title}{again}",
        2 * START_SECONDS + images * settings.fit.epochs * fit_seconds(source),
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits the method's model, then measures reconstructions on the test split where it gives any.

    Arrays: weights of the encoder (`encoder/…`) and of the whole model (`model/…`), and those that
    `tfmed.pretraining.measures.measure` keeps.
    """
    from tfmed.cache import cache_folder

    source = data["source"]
    if source.fits_in_memory:
        return _pretrain(spec, source, None, say)
    from tfmed.data.streaming import damage_named, write_records

    folder = write_records(source, cache_folder() / "records")
    with damage_named(folder):
        return _pretrain(spec, source, folder, say)


def _pretrain(spec: Spec, source: DatasetInfo, records: "Path | None", say: Say) -> Result:
    from tfmed import encoders, pretraining
    from tfmed.pretraining import measures
    from tfmed.pretraining.images import pretraining_images
    from tfmed.training import fitting, transfer

    settings = pretraining.settings_of(spec["pretraining"])
    method = pretraining.method(settings.method)
    fitting.seed_everything(settings.seed)  # first: the global seed is part of every shuffle's
    images = pretraining_images(source, records, settings)
    encoder = encoders.build(spec["encoder"], source.image_shape)
    model = method.build(settings, encoder)
    fitted = fitting.fit_unlabelled(
        model, method.loss(settings), images.train, images.val, settings.fit, say
    )
    record: dict[str, Any] = {
        "fit": fitted.record(),
        "n_train": images.n_train,
        "parameters": {"encoder": encoder.count_params(), "model": model.count_params()},
        "embedding_shape": list(encoder.output_shape[1:]),
        "reconstruction": None,
    }
    arrays = transfer.packed("encoder", encoder) | transfer.packed("model", model)
    if method.RECONSTRUCTS:
        record["reconstruction"], shown = measures.measure(model, source, images.mean)
        arrays |= shown
    return Result(record, arrays)


def encoder_weights(result: Result) -> "list[np.ndarray]":
    """Weights of the encoder that a pretraining left behind."""
    from tfmed.training import transfer

    return transfer.unpacked("encoder", result.arrays)
