"""Encoders and pretrainings held against each other on training and validation images alone.

What the default study's encoder and methods were chosen by. For each study file: its first
pretraining is done once, and linear probes on the frozen encoder's embeddings are fitted to some
labelled training images and scored on images they did not see. The test splits are not read.
Run from the repository:
`python -m benchmarks.choosing --source FILE --target FILE [studies/attempts/*.toml]`.
"""

import argparse
import functools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.side_by_side import machine, markdown_table
from tfmed.config.reading import read_study
from tfmed.data import DatasetInfo

DRAWS = 5
FEW = (100, 300)
ATTEMPTS = Path(__file__).parents[1] / "studies" / "attempts"
HEADER = [
    "study file",
    "parameters",
    "pretraining, s",
    *(f"target, {n} labels" for n in FEW),
    "target, all labels",
    "source, all labels",
]


def row(path: Path, source: DatasetInfo, target: DatasetInfo) -> list[str]:
    """One study file's row: mean AUCs of linear probes."""
    from tfmed import encoders, steps
    from tfmed.steps.pretrain import encoder_weights, pretraining_job
    from tfmed.training import fitting, transfer

    study = read_study(path)
    settings = study.pretraining[0]
    job = pretraining_job(study, settings, source, target, settings.seed)
    data = {role: {source.md5: source, target.md5: target}[md5] for role, md5 in job.data.items()}
    started = time.perf_counter()
    result = steps.perform(job.kind, job.spec, data, {}, lambda _: None)
    seconds = time.perf_counter() - started
    encoder = encoders.build(job.spec["encoder"], source.image_shape)
    transfer.set_weights(encoder, encoder_weights(result))
    embed = functools.partial(_embedded, fitting, encoder)
    few, every = _on_target(target, embed)
    cells = [encoder.count_params(), round(seconds), *few, every, _on_source(source, embed)]
    return [path.stem, *(f"{cell:,}" if isinstance(cell, int) else f"{cell:.3f}" for cell in cells)]


def _embedded(fitting: Any, encoder: Any, images: np.ndarray) -> np.ndarray:
    return fitting.embed(encoder, images).reshape(len(images), -1)


def _on_target(target: DatasetInfo, embed: Any) -> tuple[list[float], float]:
    """With few labels of train, on all its other images and those of val; with all, on val."""
    from tfmed.data.loading import load_split

    train, val = load_split(target, "train"), load_split(target, "val")
    known, judged = embed(train.images), embed(val.images)
    few = []
    for n in FEW:
        found = []
        for rows, rest in _draws(len(known), n):
            scored = np.concatenate([known[rest], judged])
            truth = np.concatenate([train.labels[rest], val.labels])
            found.append(_auc(target, known[rows], train.labels[rows], scored, truth))
        few.append(float(np.mean(found)))
    return few, _auc(target, known, train.labels, judged, val.labels)


def _on_source(source: DatasetInfo, embed: Any) -> float:
    from tfmed.data.loading import load_split

    train, val = load_split(source, "train"), load_split(source, "val")
    return _auc(source, embed(train.images), train.labels, embed(val.images), val.labels)


def _draws(n: int, few: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(n)
        yield order[:few], order[few:]


def _auc(data: DatasetInfo, x: np.ndarray, y: np.ndarray, other: np.ndarray, truth: Any) -> float:
    from tfmed.tasks import task_of
    from tfmed.training.baselines import fit_probe

    scores = fit_probe(x, y, n_classes=len(data.class_names))(other)
    return float(task_of(data.task).accuracy_and_auc(truth, scores)["auc"])


def main() -> None:
    """Print the table, a row as soon as it is there."""
    from tfmed.cache import cache_folder
    from tfmed.data import sources

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", required=True)
    parser.add_argument("--target", required=True)
    parser.add_argument("studies", nargs="*", type=Path, default=sorted(ATTEMPTS.glob("*.toml")))
    args = parser.parse_args()
    data = [
        sources.resolve(spec, data_root=Path.cwd(), cache_dir=cache_folder(), role=role)
        for spec, role in ((args.source, "source"), (args.target, "target"))
    ]
    rows = []
    for path in args.studies:
        rows.append(row(path, *data))
        print(" | ".join(rows[-1]), flush=True)
    print(f"{machine()}.\n\n{markdown_table(HEADER, rows)}")


if __name__ == "__main__":
    main()
