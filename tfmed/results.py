"""From finished jobs to `results.json`, the contract between computing and showing.

Its form is in `results.schema.json`; every number in it comes from a job that was done.
"""

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmed import claims, evaluation, predictions
from tfmed.atlas import as_png
from tfmed.data import SPLITS, DatasetInfo
from tfmed.data.sources import load_labels, load_rows
from tfmed.errors import InputError
from tfmed.jobs import Job, Result
from tfmed.plan import Plan, Run
from tfmed.results_latent import cell_entry, latent_part
from tfmed.serving import card, gate
from tfmed.study import OVERTRAINED, STANDARD, STRATEGIES

SCHEMA_VERSION = 1
EXAMPLES = 6
COMPARED = (
    (("finetune", STANDARD), ("scratch", STANDARD)),
    (("frozen", STANDARD), ("scratch", STANDARD)),
    (("finetune", STANDARD), ("frozen", STANDARD)),
    (("frozen", STANDARD), ("random_frozen", STANDARD)),
    (("scratch", STANDARD), ("scratch", OVERTRAINED)),
    (("scratch", "class_weighted"), ("scratch", STANDARD)),
    (("scratch", "focal"), ("scratch", STANDARD)),
    (("finetune", "class_weighted"), ("finetune", STANDARD)),
    (("finetune", "focal"), ("finetune", STANDARD)),
    (("finetune", STANDARD), ("pixels_logistic", STANDARD)),
    (("finetune", STANDARD), ("pca_logistic", STANDARD)),
    (("finetune", STANDARD), ("frozen_logistic", STANDARD)),
    (("frozen", STANDARD), ("pixels_logistic", STANDARD)),
    (("frozen", STANDARD), ("pca_logistic", STANDARD)),
    (("frozen_logistic", STANDARD), ("random_logistic", STANDARD)),
    (("frozen_logistic", STANDARD), ("pixels_logistic", STANDARD)),
)
"""Pairs of (strategy, variant) compared at every task and label budget where both were run; every
variant of fine-tuning that sets the dropout is compared with the standard one besides."""
DROPOUT = "dropout_"
COMPARED_METRICS = (
    "accuracy",
    "auc",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "average_precision",
)
OF_CARD = (
    *("intended_use", "not_for", "data", "class_names", "threshold"),
    *("metrics", "class_balance", "call", "tfmed_version"),
)
"""What of a model's card is the same however often a study is run."""

Finished = Mapping[str, Result]


def assemble(plan: Plan, finished: Finished, out: Path) -> dict[str, Any]:
    """Everything but `provenance` and `models`; writes predictions and image atlases on the way.

    Args:
        plan: the study's plan.
        finished: key to result of every job of the plan.
        out: the study's report folder.
    """
    labels = {task.name: load_labels(task, "test") for task in plan.tasks}
    scores = {run.job.key: finished[run.job.key].arrays["test_scores"] for run in plan.runs}
    predictions.remove_leftovers(out / "predictions")
    for name, values in labels.items():
        predictions.write_labels(out / "predictions", name, values)
    results: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "study": {
            "name": plan.study.name,
            "title": plan.study.title,
            "question": plan.study.question,
            "quick": plan.study.quick,
            "source": plan.source.name,
            "target": plan.target.name,
            "seeds": plan.seeds,
            "settings": plan.study.settings(),
        },
        "synthetic": plan.source.synthetic or plan.target.synthetic,
        "datasets": [_dataset(info, plan) for info in plan.datasets.values()],
        "pretraining": [_pretraining(plan, job, finished[job.key]) for job in plan.pretrainings],
        "runs": [_run(run, finished[run.job.key], labels[run.task.name], out) for run in plan.runs],
        "summary": _summary(plan, finished, labels, scores),
        "comparisons": _comparisons(plan, labels, scores),
        "latent": latent_part(plan, finished, labels, out),
    }
    return {**results, "claims": claims.ledger(results)}


def best_runs(plan: Plan, finished: Finished) -> dict[tuple, Run]:
    """Per cell of a strategy, the run with the best validation AUC (then the lowest seed)."""
    best: dict[tuple, tuple[float, Run]] = {}
    for run in plan.runs:
        if run.strategy not in STRATEGIES:
            continue
        result = finished[run.job.key]
        metrics = _val_metrics(result)
        quality = metrics["auc"] if metrics["auc"] is not None else metrics["accuracy"]
        if run.cell not in best or quality > best[run.cell][0]:
            best[run.cell] = (quality, run)
    return {cell: run for cell, (_, run) in best.items()}


def model_entries(
    exported: Iterable[tuple[str, Run, Job]],
    versions: Mapping[str, int],
    finished: Finished,
    models: Path,
) -> list[dict[str, Any]]:
    """The `models` part: what was exported, its card, and what the gate said of it.

    The size is that of the weights. The exported files are a little larger, and not the same size
    every time: TensorFlow writes random fingerprints and running numbers of functions into them.
    """
    entries = []
    for name, run, _ in exported:
        arrays = finished[run.job.key].arrays
        weights = [array for key, array in arrays.items() if key.startswith("classifier/")]
        folder = models / name / str(versions[name])
        found, verdict = card.read_card(folder), gate.read_verdict(folder)
        entries.append(
            {
                "name": name,
                "version": versions[name],
                "path": f"{name}/{versions[name]}",
                **cell_entry(run),
                "seed": run.seed,
                "bytes": sum(array.nbytes for array in weights),
                "stage": verdict.stage,
                "reasons": verdict.reasons,
                "card": {key: found[key] for key in OF_CARD},
            }
        )
    return entries


def write(results: dict[str, Any], out: Path) -> Path:
    """Writes `results.json` aside and moves it into place.

    Raises:
        InputError: the disk is full or the folder can't be written to.
    """
    path = out / "results.json"
    part = out / ".results.json.tmp"
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise InputError(
            f"{path}: can't be written ({error.strerror}); make room or choose another --out"
        ) from None
    return path


def _dataset(info: DatasetInfo, plan: Plan) -> dict[str, Any]:
    roles = [
        role
        for role, other in (("source", plan.source), ("target", plan.target))
        if other.md5 == info.md5
    ]
    return {
        "name": info.name,
        "role": " and ".join(roles),
        "title": info.title,
        "description": info.description,
        "license": info.license,
        "synthetic": info.synthetic,
        "file": info.path.name,
        "md5": info.md5,
        "image_shape": list(info.image_shape),
        "class_names": list(info.class_names),
        "n_labels": info.n_labels,
        "splits": {
            split: {"n": sum(info.counts[split]), "counts": list(info.counts[split])}
            for split in SPLITS
        },
        "examples": _examples(info),
    }


def _examples(info: DatasetInfo) -> list[list[str]]:
    labels = load_labels(info, "train")
    rng = np.random.default_rng(0)
    chosen = [rng.permutation(np.flatnonzero(labels == value))[:EXAMPLES] for value in (0, 1)]
    shown = load_rows(info, "train", np.concatenate(chosen))
    return [[as_png(image) for image in shown.images[shown.labels == value]] for value in (0, 1)]


def _pretraining(plan: Plan, job: Job, result: Result) -> dict[str, Any]:
    record, spec = result.record, job.spec
    images = zip(result.arrays["originals"], result.arrays["reconstructions"], strict=True)
    return {
        "id": f"{plan.source.name}-seed{spec['seed']}",
        "source": plan.source.name,
        "seed": spec["seed"],
        "encoder": dict(spec["encoder"]),
        "parameters": record["parameters"],
        "embedding_shape": record["embedding_shape"],
        **record["fit"],
        "seconds": record["seconds"],
        "test": record["test"],
        "detail": record["detail"],
        "mse_quantiles": record["mse_quantiles"],
        "reconstructions": [
            {**shown, "original": as_png(original), "reconstruction": as_png(reconstruction)}
            for shown, (original, reconstruction) in zip(record["shown"], images, strict=True)
        ],
    }


def _run(run: Run, result: Result, labels: np.ndarray, out: Path) -> dict[str, Any]:
    record, scores = result.record, result.arrays["test_scores"]
    path = predictions.write_predictions(
        out / "predictions", run.task.name, labels, scores, run.label
    )
    evaluated = evaluation.evaluate(labels, scores, record["threshold"])
    return {
        "id": f"{run.task.name}-{run.label}",
        **cell_entry(run),
        "seed": run.seed,
        "n_train": record["n_train"],
        "n_val": record["n_val"],
        "n_test": len(labels),
        **evaluated,
        "train_accuracy": record.get("train_accuracy"),
        "val_metrics": _val_metrics(result),
        "threshold": record["threshold"],
        **record["fit"],
        "parameters": record["parameters"],
        "chosen": record.get("chosen"),
        "seconds": record["seconds"],
        "predictions": f"predictions/{path.name}",
    }


def _val_metrics(result: Result) -> dict[str, Any]:
    val_labels = np.array(result.record["val_labels"])
    metrics = evaluation.evaluate(val_labels, result.arrays["val_scores"], 0.5)["metrics"]
    return {name: metrics[name] for name in ("accuracy", "auc")}


def _summary(
    plan: Plan, finished: Finished, labels: Mapping[str, np.ndarray], scores: Mapping[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for runs in _cells(plan).values():
        thresholds = np.array([finished[run.job.key].record["threshold"] for run in runs])
        stacked = np.stack([scores[run.job.key] for run in runs])
        summary = evaluation.summarise(labels[runs[0].task.name], stacked, thresholds)
        summary["train_accuracy"] = _over_seeds(
            [finished[run.job.key].record.get("train_accuracy") for run in runs]
        )
        rows.append({**cell_entry(runs[0]), "n_seeds": len(runs), **summary})
    return rows


def _over_seeds(values: list[float | None]) -> dict[str, float | None] | None:
    known = [value for value in values if value is not None]
    return evaluation.seeds_interval(known) if len(known) == len(values) else None


def _cells(plan: Plan) -> dict[tuple, list[Run]]:
    cells: dict[tuple, list[Run]] = {}
    for run in plan.runs:
        cells.setdefault(run.cell, []).append(run)
    return {cell: sorted(runs, key=lambda run: run.seed) for cell, runs in cells.items()}


def _comparisons(
    plan: Plan, labels: Mapping[str, np.ndarray], scores: Mapping[str, Any]
) -> list[dict[str, Any]]:
    cells = _cells(plan)
    compared = []
    for task, budget in dict.fromkeys((run.task.name, run.label_budget) for run in plan.runs):
        of_side = {
            (strategy, variant): {run.seed: scores[run.job.key] for run in runs}
            for (name, strategy, variant, labelled), runs in cells.items()
            if (name, labelled) == (task, budget)
        }
        for a, b in _pairs(of_side):
            seeds = sorted(of_side[a].keys() & of_side[b].keys())
            if not seeds:
                continue
            scores_a, scores_b = (
                np.stack([of_side[side][seed] for seed in seeds]) for side in (a, b)
            )
            for metric in COMPARED_METRICS:
                found = evaluation.compare(labels[task], scores_a, scores_b, metric)
                if found is None:
                    continue
                compared.append(
                    {
                        "task": task,
                        "label_budget": budget,
                        "metric": metric,
                        "a": {"strategy": a[0], "variant": a[1]},
                        "b": {"strategy": b[0], "variant": b[1]},
                        **found,
                    }
                )
    return evaluation.corrected(compared)


def _pairs(sides: Iterable[tuple[str, str]]) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    """Pairs of (strategy, variant) to compare among those there are."""
    there = list(sides)
    dropouts = [side for side in there if side[0] == "finetune" and side[1].startswith(DROPOUT)]
    wanted = [*COMPARED, *((side, ("finetune", STANDARD)) for side in dropouts)]
    return [(a, b) for a, b in wanted if a in there and b in there]
