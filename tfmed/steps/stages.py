"""What each kind of job does: pure functions of a specification, data files and parents' results.

Each takes `(spec, data, parents, say)`: plain settings, role to data set, role to finished result,
and a listener told the share of the work that is done. `tfmed.steps.specs` writes the
specifications.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmed.cache import cache_folder
from tfmed.data import DatasetInfo
from tfmed.data.loading import load_labels, load_rows, stream_split
from tfmed.evaluation.cases import choose_threshold
from tfmed.execution.job import Result
from tfmed.latent import projections, significance
from tfmed.pretraining import reconstruction
from tfmed.serving.card import Evidence
from tfmed.serving.export import export_model
from tfmed.training import baselines, fitting, models
from tfmed.training.fitting import LabelledImages, LabelledSplits
from tfmed.training.inputs import chosen_rows, drawn_rows, labelled, pretraining_images
from tfmed.training.settings import FitSettings

Spec = Mapping[str, Any]
Data = Mapping[str, DatasetInfo]
Parents = Mapping[str, Result]
Say = Callable[[float], None]

SHOWN_QUANTILES = tuple(np.linspace(0, 1, 21).tolist())
"""Test images whose reconstructions are kept: by how their error ranks, best and worst included."""
SHOWN_WORST = 5
"""Test images with the largest errors whose reconstructions are kept besides."""
_PIECE = 4 << 20  # bytes of images reconstructed at once
_DETAIL_IMAGES = 5000
_DETAIL_BYTES = 32 << 20
_SSIM_SIDE = 11  # of its window
_NOT_FITTED = {"history": {}, "epochs": 0, "best_epoch": 0, "stopped_early": False}


def pretrain(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits the autoencoder on images without labels, then measures it on the test split.

    Arrays: weights of encoder and decoder, test images and reconstructions at `SHOWN_QUANTILES`
    and of the `SHOWN_WORST`.
    """
    source = data["source"]
    if source.fits_in_memory:
        return _pretrain(spec, source, None, say)
    from tfmed.data.streaming import damage_named, write_records

    folder = write_records(source, cache_folder() / "records")
    with damage_named(folder):
        return _pretrain(spec, source, folder, say)


def _pretrain(spec: Spec, source: DatasetInfo, records: Path | None, say: Say) -> Result:
    seed, fit = spec["seed"], FitSettings(**spec["fit"])
    fitting.seed_everything(seed)  # first: TensorFlow's global seed is part of every shuffle's
    images = pretraining_images(source, records, fit, seed, spec["max_images"])
    with fitting.devices(all_gpus=spec["all_gpus"]).scope():
        encoder, autoencoder = _autoencoder(spec, source)
        fitted = fitting.fit_autoencoder(autoencoder, images.train, images.val, fit, say)
    errors, absolute, mean_image_error = _reconstruct(
        autoencoder, stream_split(source, "test"), images.mean
    )
    last = len(errors) - 1
    worst = np.arange(max(0, last + 1 - SHOWN_WORST), last + 1)
    ranks = np.union1d(np.round(np.array(SHOWN_QUANTILES) * last).astype(int), worst)
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
        "detail": _detail(autoencoder, source),
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
    reconstructions = fitting.predict(autoencoder, originals)
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
    splits = labelled(task, spec["label_budget"], seed)
    fitting.seed_everything(seed)
    encoder = models.build_encoder(_encoder_config(spec, task))
    frozen = strategy in ("frozen", "random_frozen")
    head = models.build_head(
        encoder.output_shape[1:],
        dropout=spec["dropout"],
        l2=spec["penalty"] / len(splits.train) if frozen else 0.0,
    )
    config = FitSettings(**spec["fit"])
    if strategy == "frozen":
        models.set_weights(encoder, encoder_weights(spec, task, parents["pretraining"]))
    classifier = models.build_classifier(encoder, head, trainable=not frozen)
    if strategy == "finetune":
        models.set_weights(classifier, _unpacked("classifier", parents["frozen"]))
    if frozen:
        embeddings = LabelledSplits(
            LabelledImages(fitting.embed(encoder, splits.train.images), splits.train.labels),
            LabelledImages(fitting.embed(encoder, splits.val.images), splits.val.labels),
        )
        fitted = fitting.fit_head(head, embeddings, config, seed, spec["epoch_steps"], say)
    else:
        fitted = fitting.fit_classifier(
            classifier, splits, config, seed, spec["epoch_steps"], say, spec["loss"]
        )
    train_answers = fitting.scores(classifier, splits.train.images) > 0.5
    val_scores = fitting.scores(classifier, splits.val.images)
    record = {
        "fit": _fit_record(fitted),
        "n_train": len(splits.train),
        "n_val": len(splits.val),
        "train_accuracy": float(np.mean(train_answers == splits.train.labels)),
        "val_labels": splits.val.labels.tolist(),
        "threshold": choose_threshold(splits.val.labels, val_scores),
        "parameters": {
            "trainable": sum(int(np.prod(v.shape)) for v in classifier.trainable_weights),
            "total": classifier.count_params(),
        },
    }
    test_scores = fitting.scores(classifier, stream_split(task, "test"))
    arrays = {"val_scores": val_scores, "test_scores": test_scores}
    return Result(record, arrays | _packed("classifier", classifier))


def baseline(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits one of `BASELINES` to a whole label budget and scores the test split.

    Parents: `pretraining` for `frozen_*`, none for the others. The record and the arrays are those
    of a run, but the validation scores are out-of-fold scores of the whole budget, which has no
    validation part. The untrained encoder is that of `random_frozen` with the same seed.
    """
    task, seed = data["task"], spec["seed"]
    splits = labelled(task, spec["label_budget"], seed)
    images = np.concatenate([splits.train.images, splits.val.images])
    labels = np.concatenate([splits.train.labels, splits.val.labels])
    features, _, method = spec["baseline"].partition("_")
    test: np.ndarray
    if features in ("frozen", "random"):
        fitting.seed_everything(seed)
        encoder = models.build_encoder(_encoder_config(spec, task))
        if features == "frozen":
            models.set_weights(encoder, encoder_weights(spec, task, parents["pretraining"]))
        known = fitting.embed(encoder, images)
        test = fitting.embed(encoder, stream_split(task, "test"))
    elif spec["baseline"] == "majority":  # sees no image, and a large set is not read for nothing
        method, known = spec["baseline"], images
        test = np.broadcast_to(np.uint8(0), (sum(task.counts["test"]), 1))
    else:
        method, known = spec["baseline"], images
        test = np.concatenate(list(stream_split(task, "test")))
    found = baselines.fit_predict(method, known, labels, test, seed)
    record = {
        "fit": _NOT_FITTED,
        "n_train": len(labels),
        "n_val": 0,
        "train_accuracy": None,
        "val_labels": found.val_labels.tolist(),
        "threshold": choose_threshold(found.val_labels, found.val_scores),
        "parameters": None,
        "chosen": found.chosen,
    }
    return Result(record, {"val_scores": found.val_scores, "test_scores": found.test_scores})


def forgetting(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """How well an encoder serves the source task and the decoder that it was pretrained with.

    Parents: `pretraining`, and `run` if it is that run's encoder that is measured. The record has
    the test AUC of a probe fitted to embeddings of source training images (None without both
    classes; the arrays are its `scores` and the `labels`), and the mean squared error of the
    decoder's answer to embeddings of test images.
    """
    from sklearn.metrics import roc_auc_score  # takes seconds to import

    source = data["source"]
    encoder, autoencoder = _autoencoder(spec, source)
    models.set_weights(autoencoder, _unpacked("autoencoder", parents["pretraining"]))
    if "run" in parents:
        classifier = restore_classifier(spec, source, parents["run"])
        models.transfer_weights(classifier.get_layer("encoder"), encoder)
    rows = drawn_rows(sum(source.counts["train"]), spec["train_images"])
    train = load_rows(source, "train", rows)
    embeddings = fitting.embed(encoder, train.images).reshape(len(rows), -1)
    probe = baselines.fit_probe(embeddings, train.labels)
    say(0.7)
    test_rows = drawn_rows(sum(source.counts["test"]), spec["test_images"])
    test = load_rows(source, "test", test_rows)
    scores = probe(fitting.embed(encoder, test.images).reshape(len(test_rows), -1))
    both = 0 < test.labels.sum() < len(test.labels)
    squared = [
        np.square(fitting.predict(autoencoder, piece) - piece / np.float32(255)).sum(dtype=float)
        for piece in np.array_split(test.images, -(-test.images.nbytes // _PIECE))
    ]
    record = {
        "probe_auc": float(roc_auc_score(test.labels, scores)) if both else None,
        "mse": float(np.sum(squared) / test.images.size),
        "n_train": len(rows),
        "n_test": len(test_rows),
    }
    return Result(record, {"scores": scores, "labels": test.labels})


def latent_space(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """PCA, t-SNE and separation of the test split in the latent space of one run.

    Parents: `run`. Arrays: `pca` and `tsne` coordinates (n, 2), `rows` of the test split.
    """
    embeddings, labels, rows = _test_embeddings(spec, data["task"], parents["run"])
    say(0.1)
    components = projections.pca(embeddings)
    neighbours = projections.tsne(embeddings, perplexity=spec["perplexity"], seed=0)
    record = {
        "n": len(embeddings),
        "dimensions": embeddings.shape[1],
        "explained_variance_ratio": components["explained_variance_ratio"].tolist(),
        "perplexity": neighbours["perplexity"],
        "kl_divergence": neighbours["kl_divergence"],
        "silhouette": projections.silhouette(embeddings, labels),
        "knn_accuracy": projections.knn_accuracy(embeddings, labels),
        "component_auc": projections.component_auc(components["coordinates"], labels),
        "clusters": significance.permutation_test(embeddings, labels),
        "components": significance.component_difference(components["coordinates"], labels),
        "two_clusters": significance.two_clusters(neighbours["coordinates"], labels),
    }
    arrays = {
        "pca": components["coordinates"][:, :2],
        "tsne": neighbours["coordinates"],
        "rows": rows,
    }
    return Result(record, arrays)


def similarity(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Debiased linear CKA of every two latent spaces of one task; parents: the runs, by name."""
    names = sorted(parents)
    embeddings = {
        name: _test_embeddings(spec, data["task"], parents[name])[0].astype("float32")
        for name in names
    }
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    cka = [
        {"a": a, "b": b, **significance.cka_interval(embeddings[a], embeddings[b])}
        for a, b in pairs
    ]
    return Result({"cka": cka})


def export(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Writes one run's classifier as the next version of a model in service.

    Parents: `run`, and under its key each run that differs in the seed alone. Data: `task`, and
    `source` where the classifier came from an autoencoder.
    """
    task, chosen, settings = data["task"], parents["run"], spec["training"]
    seeds = {role: result for role, result in parents.items() if role != "run"}
    splits = labelled(task, settings["label_budget"], settings["seed"])
    test_labels = load_labels(task, "test")
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
    return Result({"version": export_model(classifier, Path(spec["models"]), evidence).version})


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
    settings = {key: value for key, value in spec["encoder"].items() if key != "name"}
    return models.EncoderConfig(image_shape=dataset.image_shape, **settings)


def _test_embeddings(
    spec: Spec, task: DatasetInfo, result: Result
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings (n, features), labels (n,) and rows (n,) of the test images looked at."""
    encoder = restore_classifier(spec, task, result).get_layer("encoder")
    labels = load_labels(task, "test")
    rows = drawn_rows(len(labels), spec["max_images"])
    embeddings = fitting.embed(encoder, chosen_rows(stream_split(task, "test"), rows))
    return embeddings.reshape(len(rows), -1), labels[rows], rows


def _reconstruct(
    autoencoder: keras.Model, chunks: Iterable[np.ndarray], mean_image: np.ndarray
) -> tuple[np.ndarray, float, float]:
    """Mean squared error per image; mean absolute error; mean squared error of `mean_image`."""
    squared, absolute, baseline, pixels = [], 0.0, 0.0, 0
    for chunk in chunks:
        for images in np.array_split(chunk, -(-chunk.nbytes // _PIECE)):
            scaled = images.astype("float32") / 255
            difference = fitting.predict(autoencoder, images) - scaled
            squared.append(np.mean(difference**2, axis=(1, 2, 3), dtype="float64"))
            absolute += float(np.abs(difference).sum(dtype="float64"))
            baseline += float(((scaled - mean_image) ** 2).sum(dtype="float64"))
            pixels += images.size
    return np.concatenate(squared), absolute / pixels, baseline / pixels


def _detail(autoencoder: keras.Model, source: DatasetInfo) -> dict[str, Any] | None:
    """`reconstruction.detail` of test images; None for images smaller than a window of SSIM."""
    if source.image_shape[0] < _SSIM_SIDE:
        return None
    most = max(min(_DETAIL_IMAGES, _DETAIL_BYTES // int(np.prod(source.image_shape))), 1)
    rows = drawn_rows(sum(source.counts["test"]), most)
    originals = load_rows(source, "test", rows).images
    return reconstruction.detail(originals, fitting.predict(autoencoder, originals))


def _fit_record(fitted: fitting.Fit) -> dict[str, Any]:
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
