"""The step that measures a cell keeps, of validation labels, all that a decision may ask for."""

import numpy as np
import pytest

from tfmed.data import DatasetInfo, loading
from tfmed.evaluation.metrics import evaluate
from tfmed.execution.job import Result
from tfmed.steps import evaluate as step
from tfmed.tasks import REGISTRY, task_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


@pytest.mark.parametrize("task", REGISTRY)
def test_validation_labels_have_the_metrics_that_strategies_are_compared_by(
    task: str, tmp_path, monkeypatch
) -> None:
    rng, n = np.random.default_rng(0), 60
    classes = 2 if task == "binary" else 3
    if task == "multilabel":
        labels, scores = rng.integers(0, 2, (n, 3)), rng.random((n, 3))
        threshold: object = [0.5, 0.5, 0.5]
    elif task == "binary":
        labels, scores, threshold = rng.integers(0, 2, n), rng.random(n), 0.4
    else:
        labels, scores, threshold = rng.integers(0, 3, n), rng.dirichlet([1, 1, 1], n), None
    record = {"threshold": threshold, "val_labels": labels.tolist(), "train_accuracy": 0.5}
    run = Result(record, {"test_scores": scores, "val_scores": scores})
    counts = dict.fromkeys(("train", "val", "test"), (n,) * classes)
    names = ("a", "b", "c")[:classes]
    info = DatasetInfo(
        "d", "D", "d", "l", tmp_path / "d.npz", "d", False, (28, 28, 1), names, 1, counts, task=task
    )
    monkeypatch.setattr(loading, "load_labels", lambda *_: labels)
    monkeypatch.setattr(loading, "load_patients", lambda *_: None)
    spec = {"runs": ["seed0"], "pretrainings": 1}
    done = step.work(spec, {"task": info}, {"seed0": run}, lambda _: None)
    found = done.record["runs"]["seed0"]["val_metrics"]
    again = evaluate(labels, scores, threshold, task)["metrics"]
    assert {"accuracy", "auc", *task_of(task).COMPARED_METRICS} == set(found)
    assert all(found[name] == pytest.approx(again[name]) for name in found if name in again)
