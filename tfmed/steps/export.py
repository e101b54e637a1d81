"""Exports: writes one classifier as the next version of a model in service."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmed.data import DatasetInfo
from tfmed.design import Repeat
from tfmed.evaluation.repeats import crossed
from tfmed.execution.job import Job, Result
from tfmed.steps import START_SECONDS, Data, Parents, Say, Spec
from tfmed.tasks import class_counts

if TYPE_CHECKING:
    import numpy as np


def export_job(
    name: str,
    models: Path,
    run: Job,
    training: dict[str, Any],
    data: Mapping[str, DatasetInfo],
    repeats: Mapping[Repeat, Job],
) -> Job:
    """Writes a run's classifier as a SavedModel below `models`; its result is not kept.

    Args:
        name: of the model.
        models: folder of all models.
        run: whose classifier it is.
        training: strategy, variant, label budget, seed and pretraining, for the model's card.
        data: role to the data sets that the card names.
        repeats: all runs of its cell.
    """
    ordered, pretrainings = crossed(list(repeats))
    return Job(
        kind="export",
        spec={
            "encoder": run.spec["encoder"],
            "models": str(models),
            "name": name,
            "source": run.key,
            "training": training,
            "pretrainings": pretrainings,
        },
        data={role: info.md5 for role, info in data.items()},
        parents={"run": run, **{repeats[each].key: repeats[each] for each in ordered}},
        title=f"exporting {name}",
        cost=2 * START_SECONDS,
        kept=False,
    )


def work(spec: Spec, data: Data, parents: Parents, say: Say) -> Result:
    """Writes one run's classifier as the next version of a model in service.

    Parents: `run`, and under its key each run of its cell. Data: `task`, and
    `source` and `target` where the encoder was pretrained on their images.
    """
    from tfmed.data.loading import load_labels, load_patients
    from tfmed.serving.card import Evidence
    from tfmed.serving.export import export_model
    from tfmed.steps.classify import restore_classifier
    from tfmed.training import examples

    task, chosen, settings = data["task"], parents["run"], spec["training"]
    seeds = {role: result for role, result in parents.items() if role != "run"}
    splits = examples.labelled(task, settings["label_budget"], settings["seed"])
    test_labels = load_labels(task, "test")
    evidence = Evidence(
        name=spec["name"],
        source=spec["source"],
        task=task,
        pretrained_on=[data[role] for role in ("source", "target") if role in data],
        training=settings,
        class_balance={
            "train": _balance(task, splits.train.labels),
            "val": _balance(task, splits.val.labels),
            "test": _balance(task, test_labels),
        },
        threshold=chosen.record["threshold"],
        labels=test_labels,
        patients=load_patients(task, "test"),
        scores=chosen.arrays["test_scores"],
        seed_scores={key: result.arrays["test_scores"] for key, result in seeds.items()},
        seed_thresholds={key: result.record["threshold"] for key, result in seeds.items()},
        pretrainings=spec["pretrainings"],
    )
    classifier = restore_classifier(spec, task, chosen)
    return Result({"version": export_model(classifier, Path(spec["models"]), evidence).version})


def _balance(task: DatasetInfo, labels: "np.ndarray") -> tuple[int, ...]:
    """Images of each class."""
    return class_counts(task.task, labels, len(task.class_names))
