"""Latent spaces: maps and separation of the test split in the embeddings of one classifier."""

from typing import TYPE_CHECKING

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import Data, Parents, Say, Spec, make_job

if TYPE_CHECKING:
    import numpy as np

    from tfmed.config.study import Study


def latent_space_job(study: "Study", task: DatasetInfo, run: Job) -> Job:
    """Looks at the latent space of a classifier's job."""
    images = min(task.n_images("test"), study.latent.max_images)
    return make_job(
        "latent_space",
        {
            "encoder": run.spec["encoder"],
            "perplexity": study.latent.perplexity,
            "max_images": study.latent.max_images,
        },
        {"task": task},
        {"run": run},
        f"latent space of {run.title}",
        1.0 + images / 450,
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """PCA, t-SNE and separation of the test split in the latent space of one classifier.

    What one component or a map in two halves tells of the classes is asked of two classes only.

    Parents: `run`. Arrays: `pca` and `tsne` coordinates (n, 2), `rows` of the test split.
    """
    from tfmed.data.loading import load_patients
    from tfmed.latent import projections, separation

    embeddings, labels, rows = embedded_test_images(spec, data["task"], parents["run"])
    patients = load_patients(data["task"], "test")
    whose = None if patients is None else patients[rows]
    say(0.1)
    two = data["task"].task == "binary"
    components = projections.pca(embeddings)
    neighbours = projections.tsne(embeddings, perplexity=spec["perplexity"], seed=0)
    record = {
        "n": len(embeddings),
        "dimensions": embeddings.shape[1],
        "explained_variance_ratio": components["explained_variance_ratio"].tolist(),
        "perplexity": neighbours["perplexity"],
        "kl_divergence": neighbours["kl_divergence"],
        "silhouette": separation.silhouette(embeddings, labels),
        "knn_accuracy": separation.knn_accuracy(embeddings, labels),
        "component_auc": separation.component_auc(components["coordinates"], labels) if two else [],
        "clusters": separation.permutation_test(embeddings, labels, whose),
        "components": separation.component_difference(components["coordinates"], labels, whose)
        if two
        else None,
        "two_clusters": separation.two_clusters(neighbours["coordinates"], labels, whose)
        if two
        else None,
    }
    arrays = {
        "pca": components["coordinates"][:, :2],
        "tsne": neighbours["coordinates"],
        "rows": rows,
    }
    return Result(record, arrays)


def embedded_test_images(
    spec: Spec, task: DatasetInfo, result: Result
) -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """Embeddings (n, features), groups (n,) and rows (n,) of the test images looked at."""
    from tfmed.data.loading import load_labels, stream_split
    from tfmed.steps.classify import restore_classifier
    from tfmed.tasks import task_of
    from tfmed.training import examples, fitting

    encoder = restore_classifier(spec, task, result).get_layer("encoder")
    labels = task_of(task.task).groups_of(load_labels(task, "test"))
    rows = examples.drawn_rows(len(labels), spec["max_images"])
    embeddings = fitting.embed(encoder, examples.chosen_rows(stream_split(task, "test"), rows))
    return embeddings.reshape(len(rows), -1), labels[rows], rows
