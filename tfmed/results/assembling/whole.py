"""From finished jobs to `results.json`, the contract between computing and showing.

Its form is `tfmed.results.schema`; every number in it comes from a job that was done.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.cache import cache_folder
from tfmed.data import DatasetInfo
from tfmed.data.checks import known_duplicates
from tfmed.data.loading import load_labels, load_patients
from tfmed.design import Cell, Strategy
from tfmed.evaluation import metrics
from tfmed.execution.job import Job, Result
from tfmed.pretraining import settings_class
from tfmed.results import predictions
from tfmed.results.assembling.datasets import dataset_entry
from tfmed.results.assembling.inspection import inspection_parts
from tfmed.results.assembling.latent import latent_part
from tfmed.results.atlas import as_png
from tfmed.results.ledger import Ledger, judged
from tfmed.results.ledger import applies as ledger_applies
from tfmed.results.planned import Plan, Run
from tfmed.results.schema import SCHEMA_VERSION
from tfmed.serving import card, gate

OF_CARD = (
    *("intended_use", "not_for", "data", "class_names", "threshold"),
    *("metrics", "class_balance", "call", "tfmed_version"),
)
"""What of a model's card is the same however often a study is run."""

Finished = Mapping[str, Result]


def assemble(
    plan: Plan, finished: Finished, out: Path, ledger: Ledger | None = None
) -> dict[str, Any]:
    """Everything but `provenance` and `models`; writes predictions and image atlases on the way.

    Args:
        plan: the study's plan.
        finished: key to result of every job of the plan.
        out: the study's report folder.
        ledger: findings that the study puts to the test.
    """
    labels = {task.name: load_labels(task, "test") for task in plan.tasks}
    predictions.remove_leftovers(out / "predictions")
    for task in plan.tasks:
        name = task.name
        predictions.write_labels(out / "predictions", name, labels[name], task.task)
        predictions.write_patients(out / "predictions", name, load_patients(task, "test"))
        thresholds = {
            run.label: finished[run.job.key].record["threshold"]
            for run in plan.runs
            if run.task.name == name
        }
        predictions.write_thresholds(out / "predictions", name, thresholds)
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
            "primary_metric": plan.study.primary_metric,
            "settings": plan.study.settings(),
        },
        "synthetic": plan.source.synthetic or plan.target.synthetic,
        "datasets": [
            dataset_entry(info, _role(info, plan), known_duplicates(info, cache_folder()))
            for info in plan.datasets.values()
        ],
        "pretraining": [_pretraining(plan, job, finished[job.key]) for job in plan.pretrainings],
        **measured(plan, finished, labels, out),
        "latent": latent_part(plan, finished, labels, out),
        **inspection_parts(plan, finished),
    }
    ledger = ledger or Ledger()
    applies = ledger_applies(ledger, results)
    results["study"]["ledger"] = ledger.introduction if applies else None
    return {**results, "claims": judged(ledger, results)}


def measured(
    plan: Plan, finished: Finished, labels: Mapping[str, np.ndarray], out: Path
) -> dict[str, Any]:
    """`runs`, `summary` and `comparisons`; writes the predictions of each run on the way.

    Args:
        plan: the study's plan.
        finished: key to result of every job of the plan.
        labels: task to labels of its test split.
        out: the study's report folder.
    """
    records = {cell: finished[job.key].record for cell, job in plan.evaluations.items()}
    compared = [
        {"task": task, "label_budget": budget, **difference}
        for (task, budget), job in plan.comparisons.items()
        for difference in finished[job.key].record["differences"]
    ]
    return {
        "runs": [
            _run(run, finished[run.job.key], _measured_run(plan, finished, run), labels, out)
            for run in plan.runs
        ],
        "summary": [{**cell.entry(), **record["summary"]} for cell, record in records.items()],
        "comparisons": metrics.corrected(compared),
    }


def _measured_run(plan: Plan, finished: Finished, run: Run) -> dict[str, Any]:
    """What the evaluation of its cell says of one run."""
    return finished[plan.evaluations[run.cell].key].record["runs"][str(run.repeat)]


def best_runs(plan: Plan, finished: Finished) -> dict[Cell, Run]:
    """Per cell of a strategy, the run with the best validation AUC (then the lowest seed)."""
    best: dict[Cell, tuple[float, Run]] = {}
    for run in plan.runs:
        if not isinstance(run.cell.method, Strategy):
            continue
        validation = _measured_run(plan, finished, run)["val_metrics"]
        auc = validation["auc"]
        quality = validation["accuracy"] if auc is None else auc
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
                **run.cell.entry(),
                "seed": run.seed,
                "pretraining": _pretraining_number(run),
                "bytes": sum(array.nbytes for array in weights),
                "stage": verdict.stage,
                "reasons": verdict.reasons,
                "card": {key: found[key] for key in OF_CARD},
            }
        )
    return entries


def _pretraining_number(run: Run) -> int | None:
    """Of the encoder that it starts from; None where that is of none."""
    method = run.cell.method
    started = method.pretrained if isinstance(method, Strategy) else method.features == "frozen"
    return run.repeat.pretraining if started else None


def _role(info: DatasetInfo, plan: Plan) -> str:
    both = (("source", plan.source), ("target", plan.target))
    return " and ".join(role for role, other in both if other.md5 == info.md5)


def _pretraining(plan: Plan, job: Job, result: Result) -> dict[str, Any]:
    record, settings = result.record, job.spec["pretraining"]
    method, seed = settings["method"], settings.get("seed", 0)
    learned_from = settings_class(method).LEARNS_FROM
    used = [] if learned_from == "nothing" else job.data.values()
    return {
        "id": f"{plan.source.name}-{method}-seed{seed}",
        "source": plan.source.name,
        "images": [plan.datasets[md5].name for md5 in used],
        "learned_from": learned_from,
        "seed": seed,
        "method": method,
        "settings": dict(settings),
        "encoder": dict(job.spec["encoder"]),
        "parameters": record["parameters"],
        "embedding_shape": record["embedding_shape"],
        **record["fit"],
        "seconds": record["seconds"],
        "health": record["health"],
        "probe": record["probe"],
        "views": _views(result),
        **_reconstruction(record["reconstruction"], result),
    }


def _views(result: Result) -> list[dict[str, Any]]:
    """Some images and what the method sees of them; none where it sees them as they are."""
    images = zip(result.arrays.get("viewed", ()), result.arrays.get("views", ()), strict=True)
    return [{"original": as_png(image), "views": list(map(as_png, few))} for image, few in images]


def _reconstruction(measured: dict[str, Any] | None, result: Result) -> dict[str, Any]:
    """How well test images are reproduced; nothing of a method that reconstructs none."""
    if measured is None:
        return {"test": None, "detail": None, "mse_quantiles": [], "reconstructions": []}
    images = zip(result.arrays["originals"], result.arrays["reconstructions"], strict=True)
    return {
        "test": measured["test"],
        "detail": measured["detail"],
        "mse_quantiles": measured["mse_quantiles"],
        "reconstructions": [
            {**shown, "original": as_png(original), "reconstruction": as_png(reconstruction)}
            for shown, (original, reconstruction) in zip(measured["shown"], images, strict=True)
        ],
    }


def _run(
    run: Run,
    result: Result,
    evaluated: dict[str, Any],
    labels: Mapping[str, np.ndarray],
    out: Path,
) -> dict[str, Any]:
    record, scores = result.record, result.arrays["test_scores"]
    truth = labels[run.task.name]
    path = predictions.write_predictions(
        out / "predictions",
        run.task.name,
        truth,
        scores,
        run.label,
        evaluated["metrics"],
        run.task.task,
    )
    return {
        "id": run.id,
        **run.cell.entry(),
        "seed": run.seed,
        "pretraining": _pretraining_number(run),
        "n_train": record["n_train"],
        "n_val": record["n_val"],
        "n_test": len(truth),
        **evaluated,
        "train_accuracy": record["train_accuracy"],
        "threshold": record["threshold"],
        **record["fit"],
        "parameters": record["parameters"],
        "chosen": record.get("chosen"),
        "recipe": record.get("recipe"),
        "seconds": record["seconds"],
        "predictions": f"predictions/{path.name}",
    }
