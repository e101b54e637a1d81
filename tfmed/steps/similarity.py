"""Similarity of latent spaces: CKA of every two of one task."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfmed.data import DatasetInfo
from tfmed.execution.job import Job, Result
from tfmed.steps import Data, Parents, Say, Spec, make_job

if TYPE_CHECKING:
    from tfmed.config.study import Study


def similarity_job(study: "Study", task: DatasetInfo, runs: Mapping[str, Job]) -> Job:
    """Compares the latent spaces of classifiers of one task, which are given by name."""
    images = min(task.n_images("test"), study.latent.max_images)
    pairs = len(runs) * (len(runs) - 1) / 2
    return make_job(
        "similarity",
        {"encoder": study.encoder.model_dump(), "max_images": study.latent.max_images},
        {"task": task},
        runs,
        f"similarity of the latent spaces of {task.name}",
        1.0 + pairs * images / 10_000,
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Debiased linear CKA of every two latent spaces of one task; parents: the runs, by name."""
    from tfmed.data.loading import load_patients
    from tfmed.latent.similarity import cka_interval
    from tfmed.steps.latent_space import embedded_test_images

    names = sorted(parents)
    embeddings = {}
    for name in names:
        found, _, rows = embedded_test_images(spec, data["task"], parents[name])
        embeddings[name] = found.astype("float32")
    patients = load_patients(data["task"], "test")
    whose = None if patients is None else patients[rows]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    cka = [{"a": a, "b": b, **cka_interval(embeddings[a], embeddings[b], whose)} for a, b in pairs]
    return Result({"cka": cka})
