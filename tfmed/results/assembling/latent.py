"""What `results.json` says of the latent spaces: points, scores, pictures, surest mistakes."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.data import DatasetInfo
from tfmed.data.loading import load_rows, stream_split
from tfmed.design import RANDOM
from tfmed.execution.job import Result
from tfmed.results import atlas
from tfmed.results.assembling import forgetting
from tfmed.results.planned import Plan, Space
from tfmed.tasks import task_of

MISTAKES = 8
"""False positives and negatives of a task that are kept as pictures, the most confident first."""

Finished = Mapping[str, Result]


def latent_part(
    plan: Plan, finished: Finished, labels: Mapping[str, np.ndarray], out: Path
) -> dict[str, Any]:
    """The `latent` part of `results.json`; writes the atlases into `out/images` on the way.

    Args:
        plan: the study's plan.
        finished: key to result of every job of the plan.
        labels: task to labels of its test split.
        out: the study's report folder.
    """
    rows = {space.run.task.name: finished[space.job.key].arrays["rows"] for space in plan.spaces}
    tasks = {space.run.task.name: space.run.task for space in plan.spaces}
    spaces = [_space(space, finished) for space in plan.spaces]
    return {
        "labels": {
            name: task_of(task.task).groups_of(labels[name][rows[name]]).tolist()
            for name, task in tasks.items()
        },
        "groups": {
            name: list(names)
            for name, task in tasks.items()
            if (names := task_of(task.task).group_names(task.class_names)) != task.class_names
        },
        "findings": {
            name: labels[name][rows[name]].tolist() for name in tasks if labels[name].ndim == 2
        },
        "indices": {task: chosen.tolist() for task, chosen in rows.items()},
        "images": {
            name: atlas.write_atlas(out / "images", name, stream_split(task, "test"), rows[name])
            for name, task in tasks.items()
        },
        "mistakes": {
            name: found
            for name, task in tasks.items()
            if (found := _mistakes(task, _of(name, spaces), labels[name], rows[name]))
        },
        "spaces": spaces,
        "cka": [
            pair for job in plan.similarities.values() for pair in finished[job.key].record["cka"]
        ],
        "forgetting": forgetting.entries(plan, finished),
    }


def _of(task: str, spaces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [space for space in spaces if space["task"] == task]


def _mistakes(
    task: DatasetInfo, spaces: list[dict[str, Any]], labels: np.ndarray, rows: np.ndarray
) -> dict[str, Any] | None:
    """The most confident mistakes of the fine-tuned run with most labels, else of the last run.

    None of a task that shows none.
    """
    tuned = [each for each in spaces if _is_pretrained(each) and each["trained"] == "finetune"]
    space = (tuned or spaces)[-1]
    scores = np.array(space["scores"])
    found: dict[str, Any] = {"space": space["id"], "run": space["run"]}
    of_kinds = task_of(task.task).mistakes(labels[rows], scores)
    for kind, places in of_kinds.items():
        kept = places[:MISTAKES]
        images = load_rows(task, "test", rows[kept]).images[np.argsort(np.argsort(kept))]
        found[kind] = {
            "n": len(places),
            "shown": [
                {
                    "index": int(rows[place]),
                    "score": float(scores[place]),
                    "image": atlas.as_png(image),
                }
                for place, image in zip(kept, images, strict=True)
            ],
        }
    return found if of_kinds else None


def _is_pretrained(entry: dict[str, Any]) -> bool:
    return entry["initialisation"] not in (None, RANDOM)


def _space(space: Space, finished: Finished) -> dict[str, Any]:
    result = finished[space.job.key]
    record, scores = result.record, finished[space.run.job.key].arrays["test_scores"]
    return {
        "id": space.id,
        **space.run.cell.entry(),
        "label_budget": space.label_budget,
        "seed": space.run.seed,
        "title": space.title,
        "run": space.run.id,
        "scores": task_of(space.run.task.task).rounded(scores[result.arrays["rows"]]),
        "n": record["n"],
        "dimensions": record["dimensions"],
        "pca": {
            "coordinates": _rounded(result.arrays["pca"]),
            "explained_variance_ratio": record["explained_variance_ratio"],
        },
        "tsne": {
            "coordinates": _rounded(result.arrays["tsne"]),
            "perplexity": record["perplexity"],
            "kl_divergence": record["kl_divergence"],
            "two_clusters": record["two_clusters"],
        },
        "silhouette": record["silhouette"],
        "knn_accuracy": record["knn_accuracy"],
        "component_auc": record["component_auc"],
        "clusters": {name: record["clusters"][name] for name in ("silhouette", "knn_accuracy")},
        "components": record["components"],
    }


def _rounded(coordinates: np.ndarray) -> list[list[float]]:
    """Coordinates to a ten-thousandth of their extent, which no plot can show."""
    extent = float(np.abs(coordinates).max()) or 1.0
    digits = max(0, 4 - math.floor(math.log10(extent)))
    return np.round(coordinates.astype("float64"), digits).tolist()
