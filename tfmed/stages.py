"""What each kind of job does: pure functions of a specification, data files and parents' results.

Each takes `(spec, data, parents, say)`: plain settings, role to data set, role to finished result,
and a listener told the share of the work that is done. `tfmed.plan` writes the specifications.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfmed import latent, models, training
from tfmed.data import DatasetInfo, Split, pipelines
from tfmed.data.budgets import draw_budget
from tfmed.data.sources import load_labels, load_rows, load_split, stream_split
from tfmed.evaluation import choose_threshold
from tfmed.jobs import Result, cache_folder
from tfmed.serving import archive
from tfmed.serving.card import Evidence
from tfmed.study import FitConfig
from tfmed.training import LabelledImages, LabelledSplits

Spec = Mapping[str, Any]
Data = Mapping[str, DatasetInfo]
Parents = Mapping[str, Result]
Say = Callable[[float], None]

SHOWN_QUANTILES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)
"""Test images whose reconstructions are kept: by how their error ranks, best and worst included."""
_PIECE = 4 << 20  # bytes of images reconstructed at once


def pretrain(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits the autoencoder on images without labels, then measures it on the test split.

    Arrays: weights of encoder and decoder, test images and reconstructions at `SHOWN_QUANTILES`.
    """
    source = data["source"]
    if source.fits_in_memory:
        return _pretrain(spec, source, None, say)
    from tfmed.data.records import damage_named, write_records

    folder = write_records(source, cache_folder() / "records", progress=False)
    with damage_named(folder):
        return _pretrain(spec, source, folder, say)


def _pretrain(spec: Spec, source: DatasetInfo, records: Path | None, say: Say) -> Result:
    seed = spec["seed"]
    images = _pretraining_images(source, records, spec)
    training.seed_everything(seed)
    with training.devices(all_gpus=spec["all_gpus"]).scope():
        encoder, autoencoder = _autoencoder(spec, source)
        fitted = training.fit_autoencoder(
            autoencoder, images.train, images.val, FitConfig(**spec["fit"]), say
        )
    errors, absolute, mean_image_error = _reconstruct(
        autoencoder, stream_split(source, "test"), images.mean
    )
    ranks = np.unique(np.round(np.array(SHOWN_QUANTILES) * (len(errors) - 1)).astype(int))
    best_first = np.argsort(errors, kind="stable")[ranks]
    shown, order = np.sort(best_first), np.argsort(np.argsort(best_first))
    originals = load_rows(source, "test", shown).images[order]
    record = {
        "fit": _fit_record(fitted),
        "n_train": images.n_train,
        "parameters": {
            "encoder": encoder.count_params(),
            "autoencoder": autoencoder.count_params(),
        },
        "embedding_shape": list(encoder.output_shape[1:]),
        "test": {
            "n": len(errors),
            "mse": float(errors.mean()),
            "mae": absolute,
            "psnr": float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12)))),
            "mse_mean_image": mean_image_error,
        },
        "mse_quantiles": np.quantile(errors, np.linspace(0, 1, 101)).tolist(),
        "shown": [
            {
                "index": int(row),
                "mse": float(errors[row]),
                "quantile": float(np.mean(errors < errors[row])),
            }
            for row in best_first
        ],
    }
    reconstructions = training.predict(autoencoder, originals)
    arrays = {
        "originals": originals,
        "reconstructions": np.round(reconstructions * 255).astype("uint8"),
    }
    return Result(record, arrays | _packed("autoencoder", autoencoder))


def run(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits one classifier and scores the test split, which is read once, after all is chosen.

    Parents: `pretraining` for `frozen`, `frozen` for `finetune`, none for the others. Arrays:
    weights of the classifier, `test_scores` and `val_scores` (float64, probability of label 1).
    """
    task, seed, strategy = data["task"], spec["seed"], spec["strategy"]
    splits = _labelled(task, spec["label_budget"], seed)
    training.seed_everything(seed)
    encoder = models.build_encoder(_encoder_config(spec, task))
    frozen = strategy in ("frozen", "random_frozen")
    head = models.build_head(
        encoder.output_shape[1:],
        dropout=spec["dropout"],
        l2=spec["penalty"] / len(splits.train) if frozen else 0.0,
    )
    config = FitConfig(**spec["fit"])
    if strategy == "frozen":
        models.set_weights(encoder, encoder_weights(spec, task, parents["pretraining"]))
    classifier = models.build_classifier(encoder, head, trainable=not frozen)
    if strategy == "finetune":
        models.set_weights(classifier, _unpacked("classifier", parents["frozen"]))
    if frozen:
        embeddings = LabelledSplits(
            LabelledImages(training.embed(encoder, splits.train.images), splits.train.labels),
            LabelledImages(training.embed(encoder, splits.val.images), splits.val.labels),
        )
        fitted = training.fit_head(head, embeddings, config, seed, say)
    else:
        fitted = training.fit_classifier(classifier, splits, config, seed, say)
    val_scores = training.scores(classifier, splits.val.images)
    record = {
        "fit": _fit_record(fitted),
        "n_train": len(splits.train),
        "n_val": len(splits.val),
        "val_labels": splits.val.labels.tolist(),
        "threshold": choose_threshold(splits.val.labels, val_scores),
        "parameters": {
            "trainable": sum(int(np.prod(v.shape)) for v in classifier.trainable_weights),
            "total": classifier.count_params(),
        },
    }
    test_scores = training.scores(classifier, stream_split(task, "test"))
    arrays = {"val_scores": val_scores, "test_scores": test_scores}
    return Result(record, arrays | _packed("classifier", classifier))


def latent_space(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """PCA, t-SNE and separation of the test split in the latent space of one run.

    Parents: `run`. Arrays: `pca` and `tsne` coordinates (n, 2), `rows` of the test split.
    """
    embeddings, labels, rows = _test_embeddings(spec, data["task"], parents["run"])
    say(0.1)
    components = latent.pca(embeddings)
    neighbours = latent.tsne(embeddings, perplexity=spec["perplexity"], seed=0)
    record = {
        "n": len(embeddings),
        "dimensions": embeddings.shape[1],
        "explained_variance_ratio": components["explained_variance_ratio"].tolist(),
        "perplexity": neighbours["perplexity"],
        "kl_divergence": neighbours["kl_divergence"],
        "silhouette": latent.silhouette(embeddings, labels),
        "knn_accuracy": latent.knn_accuracy(embeddings, labels),
        "component_auc": latent.component_auc(components["coordinates"], labels),
    }
    arrays = {
        "pca": components["coordinates"][:, :2],
        "tsne": neighbours["coordinates"],
        "rows": rows,
    }
    return Result(record, arrays)


def similarity(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Linear CKA between every two latent spaces of one task; parents: the runs, by name."""
    names = sorted(parents)
    embeddings = {
        name: _test_embeddings(spec, data["task"], parents[name])[0].astype("float32")
        for name in names
    }
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    cka = [
        {"a": a, "b": b, "value": latent.linear_cka(embeddings[a], embeddings[b])} for a, b in pairs
    ]
    return Result({"cka": cka})


def export(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Writes one run's classifier as the next version of a model in service.

    Parents: `run`, and under its key each run that differs in the seed alone. Data: `task`, and
    `source` where the classifier came from an autoencoder.
    """
    task, chosen, settings = data["task"], parents["run"], spec["training"]
    seeds = {role: result for role, result in parents.items() if role != "run"}
    splits = _labelled(task, settings["label_budget"], settings["seed"])
    test_labels = load_split(task, "test").labels
    evidence = Evidence(
        name=spec["name"],
        source=spec["source"],
        task=task,
        pretrained_on=data.get("source"),
        training=settings,
        class_balance={
            "train": _balance(splits.train.labels),
            "val": _balance(splits.val.labels),
            "test": _balance(test_labels),
        },
        threshold=chosen.record["threshold"],
        labels=test_labels,
        scores=chosen.arrays["test_scores"],
        seed_scores={key: result.arrays["test_scores"] for key, result in seeds.items()},
        seed_thresholds={key: result.record["threshold"] for key, result in seeds.items()},
    )
    classifier = restore_classifier(spec, task, chosen)
    return Result({"version": archive.export(classifier, Path(spec["models"]), evidence).version})


def _balance(labels: np.ndarray) -> tuple[int, int]:
    positive = int(labels.sum())
    return len(labels) - positive, positive


def restore_classifier(spec: Spec, task: DatasetInfo, result: Result) -> keras.Model:
    """The classifier that a run left behind, for prediction."""
    encoder = models.build_encoder(_encoder_config(spec, task))
    head = models.build_head(encoder.output_shape[1:])
    classifier = models.build_classifier(encoder, head, trainable=False)
    models.set_weights(classifier, _unpacked("classifier", result))
    return classifier


def encoder_weights(spec: Spec, source: DatasetInfo, result: Result) -> list[np.ndarray]:
    """Weights of the encoder inside the autoencoder that a pretraining left behind."""
    encoder, autoencoder = _autoencoder(spec, source)
    models.set_weights(autoencoder, _unpacked("autoencoder", result))
    return models.weights(encoder)


def _autoencoder(spec: Spec, source: DatasetInfo) -> tuple[keras.Model, keras.Model]:
    config = _encoder_config(spec, source)
    encoder = models.build_encoder(config)
    return encoder, models.build_autoencoder(encoder, models.build_decoder(config))


def _encoder_config(spec: Spec, dataset: DatasetInfo) -> models.EncoderConfig:
    return models.EncoderConfig(image_shape=dataset.image_shape, **spec["encoder"])


@dataclass(frozen=True)
class _PretrainingImages:
    """Batches of (image, image), how many images train, and their mean in [0, 1]."""

    train: tf.data.Dataset
    val: tf.data.Dataset
    n_train: int
    mean: np.ndarray


def _pretraining_images(
    source: DatasetInfo, records: Path | None, spec: Spec
) -> _PretrainingImages:
    """The images of a pretraining, from memory or, for a large data set, from records on disk."""
    fit, seed = FitConfig(**spec["fit"]), spec["seed"]
    available = sum(source.counts["train"])
    n_train = min(spec["max_images"] or available, available)
    if records is not None:
        return _streamed_images(source, records, fit, seed, n_train)
    train = load_split(source, "train").images
    if n_train < available:
        train = train[np.sort(np.random.default_rng(seed).permutation(available)[:n_train])]
    val = load_split(source, "val").images
    return _PretrainingImages(
        pipelines.autoencoder_batches(
            train, batch_size=fit.batch_size, shuffle_seed=seed, augment=fit.augment
        ),
        pipelines.autoencoder_batches(val, batch_size=training.PREDICT_BATCH, shuffle_seed=None),
        n_train,
        train.mean(axis=0, dtype="float64") / 255,
    )


def _streamed_images(
    source: DatasetInfo, records: Path, fit: FitConfig, seed: int, n_train: int
) -> _PretrainingImages:
    from tfmed.data.records import stream_images

    stream = functools.partial(stream_images, records)
    in_order = stream("train", batch_size=fit.batch_size, shuffle_seed=None, take=n_train)
    total = np.zeros(source.image_shape, "float64")
    for batch in in_order:
        total += batch.numpy().sum(axis=0, dtype="float64")
    train = stream("train", batch_size=fit.batch_size, shuffle_seed=seed, take=n_train)
    val = stream("val", batch_size=fit.batch_size, shuffle_seed=None)
    return _PretrainingImages(
        pipelines.streamed_autoencoder_batches(train, shuffle_seed=seed, augment=fit.augment),
        pipelines.streamed_autoencoder_batches(val, shuffle_seed=None),
        n_train,
        total / n_train / 255,
    )


def _labelled(task: DatasetInfo, budget: int | str, seed: int) -> LabelledSplits:
    """The examples of a label budget; `full` means the official train and val splits."""
    if budget == "full":
        splits = [load_split(task, split) for split in ("train", "val")]
    else:
        rows, val_rows = draw_budget(load_labels(task, "train"), int(budget), seed)
        drawn = load_rows(task, "train", np.concatenate([rows, val_rows]))
        is_val = np.isin(np.sort(np.concatenate([rows, val_rows])), val_rows)
        splits = [Split(drawn.images[part], drawn.labels[part]) for part in (~is_val, is_val)]
    return LabelledSplits(*(LabelledImages(split.images, split.labels) for split in splits))


def _test_embeddings(
    spec: Spec, task: DatasetInfo, result: Result
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings (n, features), labels (n,) and rows (n,) of the test images looked at."""
    encoder = restore_classifier(spec, task, result).get_layer("encoder")
    labels = load_labels(task, "test")
    rows = np.arange(len(labels))
    if len(rows) > spec["max_images"]:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[: spec["max_images"]])
    embeddings = training.embed(encoder, _chosen(stream_split(task, "test"), rows))
    return embeddings.reshape(len(rows), -1), labels[rows], rows


def _chosen(chunks: Iterable[np.ndarray], rows: np.ndarray) -> Iterator[np.ndarray]:
    """Chunks of the images whose rows were chosen, in their order."""
    start = 0
    for chunk in chunks:
        inside = rows[(rows >= start) & (rows < start + len(chunk))]
        if len(inside):
            yield chunk[inside - start]
        start += len(chunk)


def _reconstruct(
    autoencoder: keras.Model, chunks: Iterable[np.ndarray], mean_image: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Mean squared error per image; mean absolute error; mean squared error of `mean_image`."""
    squared, absolute, baseline, pixels = [], 0.0, 0.0, 0
    for chunk in chunks:
        for images in np.array_split(chunk, -(-chunk.nbytes // _PIECE)):
            scaled = images.astype("float32") / 255
            difference = training.predict(autoencoder, images) - scaled
            squared.append(np.mean(difference**2, axis=(1, 2, 3), dtype="float64"))
            absolute += float(np.abs(difference).sum(dtype="float64"))
            baseline += float(((scaled - mean_image) ** 2).sum(dtype="float64"))
            pixels += images.size
    return np.concatenate(squared), absolute / pixels, baseline / pixels


def _fit_record(fitted: training.Fit) -> dict[str, Any]:
    return {
        "history": fitted.history,
        "epochs": fitted.epochs,
        "best_epoch": fitted.best_epoch,
        "stopped_early": fitted.stopped_early,
    }


def _packed(name: str, model: keras.Model) -> dict[str, np.ndarray]:
    return {f"{name}/{i:03d}": weight for i, weight in enumerate(models.weights(model))}


def _unpacked(name: str, result: Result) -> list[np.ndarray]:
    keys = sorted(key for key in result.arrays if key.startswith(f"{name}/"))
    return [result.arrays[key] for key in keys]
