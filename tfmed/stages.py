"""What each kind of job does: pure functions of a specification, data files and parents' results.

Each takes `(spec, data, parents, say)`: plain settings, role to data set, role to finished result,
and a listener told the share of the work that is done. `tfmed.plan` writes the specifications.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfmed import latent, models, training
from tfmed.data import DatasetInfo
from tfmed.data.budgets import draw_budget
from tfmed.data.sources import load_split
from tfmed.evaluation import choose_threshold
from tfmed.jobs import Result
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


def pretrain(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Fits the autoencoder on images without labels, then measures it on the test split.

    Arrays: weights of encoder and decoder, test images and reconstructions at `SHOWN_QUANTILES`.
    """
    source = data["source"]
    seed = spec["seed"]
    training.seed_everything(seed)
    encoder, autoencoder = _autoencoder(spec, source)
    train = load_split(source, "train").images
    if spec["max_images"] and len(train) > spec["max_images"]:
        rows = np.random.default_rng(seed).permutation(len(train))[: spec["max_images"]]
        train = train[np.sort(rows)]
    config = FitConfig(**spec["fit"])
    fitted = training.fit_autoencoder(
        autoencoder, train, load_split(source, "val").images, config, seed, say
    )
    test = load_split(source, "test").images
    errors, absolute, shown = _reconstruct(autoencoder, test)
    mean_image = train.mean(axis=0, dtype="float64") / 255
    record = {
        "fit": _fit_record(fitted),
        "n_train": len(train),
        "parameters": {
            "encoder": encoder.count_params(),
            "autoencoder": autoencoder.count_params(),
        },
        "embedding_shape": list(encoder.output_shape[1:]),
        "test": {
            "n": len(test),
            "mse": float(errors.mean()),
            "mae": absolute,
            "psnr": float(np.mean(-10 * np.log10(np.maximum(errors, 1e-12)))),
            "mse_mean_image": _error_of(mean_image, test),
        },
        "mse_quantiles": np.quantile(errors, np.linspace(0, 1, 101)).tolist(),
        "shown": [
            {
                "index": int(row),
                "mse": float(errors[row]),
                "quantile": float(np.mean(errors < errors[row])),
            }
            for row in shown
        ],
    }
    reconstructions = training.predict(autoencoder, test[shown])
    arrays = {
        "originals": test[shown],
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
    test_scores = training.scores(classifier, load_split(task, "test").images)
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


def _labelled(task: DatasetInfo, budget: int | str, seed: int) -> LabelledSplits:
    """The examples of a label budget; `full` means the official train and val splits."""
    train = load_split(task, "train")
    if budget == "full":
        val = load_split(task, "val")
        return LabelledSplits(
            LabelledImages(train.images, train.labels), LabelledImages(val.images, val.labels)
        )
    rows, val_rows = draw_budget(train.labels, int(budget), seed)
    return LabelledSplits(
        LabelledImages(train.images[rows], train.labels[rows]),
        LabelledImages(train.images[val_rows], train.labels[val_rows]),
    )


def _test_embeddings(
    spec: Spec, task: DatasetInfo, result: Result
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings (n, features), labels (n,) and rows (n,) of the test images looked at."""
    encoder = restore_classifier(spec, task, result).get_layer("encoder")
    test = load_split(task, "test")
    rows = np.arange(len(test))
    if len(rows) > spec["max_images"]:
        rows = np.sort(np.random.default_rng(0).permutation(rows)[: spec["max_images"]])
    embeddings = training.embed(encoder, test.images[rows])
    return embeddings.reshape(len(rows), -1), test.labels[rows], rows


def _reconstruct(
    autoencoder: keras.Model, images: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """Mean squared error per image, mean absolute error, and rows at `SHOWN_QUANTILES`."""
    squared, absolute = [], []
    for start in range(0, len(images), 4096):
        chunk = images[start : start + 4096]
        difference = training.predict(autoencoder, chunk) - chunk.astype("float32") / 255
        squared.append(np.mean(difference**2, axis=(1, 2, 3), dtype="float64"))
        absolute.append(np.abs(difference).sum(dtype="float64"))
    errors = np.concatenate(squared)
    ranks = np.unique(np.round(np.array(SHOWN_QUANTILES) * (len(errors) - 1)).astype(int))
    return errors, float(sum(absolute) / images.size), np.argsort(errors, kind="stable")[ranks]


def _error_of(mean_image: np.ndarray, images: np.ndarray) -> float:
    """Mean squared error of answering the mean training image every time."""
    scaled = (images[start : start + 4096] / 255 for start in range(0, len(images), 4096))
    return float(sum(((chunk - mean_image) ** 2).sum() for chunk in scaled) / images.size)


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
