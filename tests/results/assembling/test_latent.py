"""Tests of what results.json says of the latent spaces."""

import hashlib

import numpy as np
import pytest

from tfmed.data import DatasetInfo
from tfmed.design import FINETUNE, SCRATCH, Cell
from tfmed.results.assembling import latent
from tfmed.results.schema.latent import Mistakes

N = 60


@pytest.fixture
def task(tmp_path):
    """A data set whose test image i is filled with the grey level i."""
    images = np.broadcast_to(np.arange(N, dtype=np.uint8)[:, None, None], (N, 28, 28))
    labels = (np.arange(N) % 2)[:, None]
    arrays = {}
    for split in ("train", "val", "test"):
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}
    path = tmp_path / "lung.npz"
    np.savez(path, **arrays)
    counts = dict.fromkeys(("train", "val", "test"), (N // 2, N // 2))
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    fields = ("d", "l", path, md5, False, (28, 28, 1), ("no", "yes"), 1, counts)
    return DatasetInfo("lung", "Lung", *fields)


def cell(strategy):
    return Cell("lung", strategy)


def test_mistakes_are_the_surest_of_the_run_fine_tuned_on_most_labels(task):
    rows = np.arange(0, N, dtype=int)[5:]
    labels = np.arange(N) % 2
    scores = np.random.default_rng(3).uniform(size=len(rows)).round(4)
    spaces = [
        {"id": name, "run": f"run {name}", **cell(strategy).entry(), "scores": row.tolist()}
        for name, strategy, row in (
            ("a", FINETUNE, 1 - scores),
            ("b", FINETUNE, scores),
            ("c", SCRATCH, 1 - scores),
        )
    ]
    found = latent._mistakes(task, spaces, labels, rows)
    assert (found["space"], found["run"]) == ("b", "run b")
    negative = labels[rows] == 0
    worst = rows[negative][np.argsort(-scores[negative])][: latent.MISTAKES]
    assert [case["index"] for case in found["false_positives"]["shown"]] == worst.tolist()
    assert found["false_positives"]["n"] == int((scores[negative] > 0.5).sum())
    missed = rows[~negative][np.argsort(scores[~negative])][: latent.MISTAKES]
    assert [case["index"] for case in found["false_negatives"]["shown"]] == missed.tolist()
    Mistakes.model_validate(found)


def test_each_mistake_has_its_own_picture(task):
    from tfmed.report.figures.plotting import decode_png

    scores = np.random.default_rng(4).uniform(size=N).round(4)
    spaces = [{"id": "a", "run": "r", **cell(SCRATCH).entry(), "scores": scores.tolist()}]
    found = latent._mistakes(task, spaces, np.arange(N) % 2, np.arange(N))
    for kind in ("false_positives", "false_negatives"):
        for case in found[kind]["shown"]:
            assert (decode_png(case["image"]) == case["index"]).all()
