"""Model cards: what an exported model is, what it is not for, and which files are it.

The headings follow Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019).
"""

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import tfmed
from tfmed.data import DatasetInfo
from tfmed.evaluation import metrics
from tfmed.tasks import task_of

FORMAT = 1
CARD = "model_card.json"
GATE = "gate.json"
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Shares of label 1 for which a card gives accuracy and predictive values."""
_NEEDED = {
    *("format", "name", "source", "seeds", "threshold", "class_names", "metrics", "files"),
    *("data", "training", "class_balance", "sha256"),
}
_NOT_FOR = (
    "Decisions about patients: it is not a medical device and has not been tested as one.",
    "Images of another kind, body part, age group or scanner than those of its data.",
    "Taking probabilities at face value where label 1 is rarer or more frequent than in its "
    "training labels: see class_balance.",
)


class CardError(Exception):
    """Why a version has no card that can be read."""


@dataclass(frozen=True)
class Evidence:
    """What is known of a classifier that is exported.

    Attributes:
        name: the model's name.
        source: key of the run that it comes from.
        task: the data set that it classifies.
        pretrained_on: the data sets whose images its encoder was pretrained on; none if it was not.
        training: `strategy`, `variant`, `label_budget`, `seed`, as in results.json.
        class_balance: split to the number of images of each class whose labels it saw; and `test`.
        threshold: what the task chose on validation labels; None where it chooses nothing.
        labels: of the test split, as the task reads them, one row an image.
        scores: the Keras original's of the test split, one row a case, as the task keeps them.
        seed_scores: key of each run of its cell, this one included, to its scores; the
            pretrainings of the first seed first.
        seed_thresholds: the same runs' thresholds.
        patients: (n,) numbers of the test images' patients; None where they are not known.
        pretrainings: that each seed was run with.
    """

    name: str
    source: str
    task: DatasetInfo
    pretrained_on: Sequence[DatasetInfo]
    training: Mapping[str, Any]
    class_balance: Mapping[str, tuple[int, ...]]
    threshold: float | list[float] | None
    labels: np.ndarray
    scores: np.ndarray
    seed_scores: Mapping[str, np.ndarray]
    seed_thresholds: Mapping[str, float | list[float] | None]
    patients: np.ndarray | None = None
    pretrainings: int = 1


def model_card(evidence: Evidence, signatures: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of a card but the hashes of the files, which `write_card` adds.

    Args:
        evidence: of the classifier.
        signatures: as from `tfmed.serving.protos.described`.
    """
    task = evidence.task
    metrics = _metrics(evidence)
    return {
        "format": FORMAT,
        "task": task.task,
        "name": evidence.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "tfmed_version": tfmed.__version__,
        "source": evidence.source,
        "seeds": sorted(evidence.seed_scores),
        "synthetic": task.synthetic,
        "intended_use": f"Research on training with few labels: {_use(task)}.",
        "not_for": _not_for(task),
        "data": {
            "task": _dataset(task),
            "pretrained_on": list(map(_dataset, evidence.pretrained_on)),
        },
        "training": dict(evidence.training),
        "image_steps": list(task.step_settings),
        "class_names": list(task.class_names),
        "threshold": evidence.threshold,
        "metrics": metrics,
        "class_balance": {
            **{split: list(counts) for split, counts in evidence.class_balance.items()},
            "shift": _shift(metrics["this_seed"]),
        },
        "call": _call(evidence, signatures),
    }


def write_card(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a card with the hashes of all that is in the folder, and its own; gives the card."""
    written = {**content, "files": file_hashes(folder)}
    written["sha256"] = card_hash(written)
    text = json.dumps(written, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
    return written


def read_card(folder: Path) -> dict[str, Any]:
    """A version's card.

    Raises:
        CardError: it is missing or can't be understood.
    """
    try:
        found = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"{CARD}: {error.strerror}") from None
    except ValueError:
        raise CardError(f"{CARD} is not JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise CardError(f"{CARD} is not of format {FORMAT}")
    missing = sorted(_NEEDED - set(found))
    if missing or not isinstance(found["files"], dict):
        raise CardError(f"{CARD} lacks {', '.join(missing) or 'the hashes of the files'}")
    return found


def card_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of a card's content, its own hash aside, as JSON with sorted keys."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a version, card and gate's verdict aside, by relative path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if (name := path.relative_to(folder).as_posix()) not in (CARD, GATE)
    }


def damage(folder: Path, found: Mapping[str, Any]) -> list[str]:
    """What differs between a version's files and its card; empty if nothing does."""
    named, there = found["files"], file_hashes(folder)
    changed = found["sha256"] != card_hash(found)
    return [
        *([f"{CARD} was changed after it was written"] if changed else []),
        *(f"{name} is missing" for name in sorted(set(named) - set(there))),
        *(f"{name} is not in the card" for name in sorted(set(there) - set(named))),
        *(
            f"{name} is not the file that the card names"
            for name in sorted(set(named) & set(there))
            if named[name] != there[name]
        ),
    ]


def majority_gain(
    labels: np.ndarray,
    scores: np.ndarray,
    threshold: float | list[float] | None,
    task: str,
    patients: np.ndarray | None = None,
) -> dict[str, Any]:
    """Accuracy of the served labels minus that of always answering the test's majority class.

    What counts as accuracy is the task's (`SERVED_ACCURACY`). Paired by test case; the 95 %
    interval is `metrics.compare`'s for one seed. It counts patients (n,) where they are known.

    Returns:
        `difference`, `low`, `high`.
    """
    asked = task_of(task)
    constant = asked.majority_scores(labels, scores)[None]
    gain = metrics.compare(
        labels,
        scores[None],
        constant,
        asked.SERVED_ACCURACY,
        np.array([threshold]),
        [0.5],
        task=task,
        patients=patients,
    )
    assert gain is not None  # any labels define the accuracy
    return {name: gain[name] for name in ("difference", "low", "high")}


def _metrics(evidence: Evidence) -> dict[str, Any]:
    """Of this very model (its interval covers the variance of test cases), and over the seeds."""
    # In the order of the seeds, so that results do not depend on keys, down to the last digit.
    task, keys = evidence.task.task, list(evidence.seed_scores)
    asked, patients = task_of(task), evidence.patients
    scores = np.stack([evidence.seed_scores[key] for key in keys])
    thresholds = np.array([evidence.seed_thresholds[key] for key in keys])
    own = (evidence.scores[None], np.array([evidence.threshold]))
    found = {}
    over = (scores, thresholds)
    for name, (rows, cuts), pretrainings in (
        ("this_seed", own, 1),
        ("over_seeds", over, evidence.pretrainings),
    ):
        found[name] = {
            metric: metrics.mean_interval(
                evidence.labels, rows, metric, cuts, task, patients, pretrainings
            )
            for metric in asked.metrics_of(asked.n_classes_of(scores))
        }
    gain = majority_gain(evidence.labels, evidence.scores, evidence.threshold, task, patients)
    return {
        **found,
        "n_seeds": len(keys) // evidence.pretrainings,
        "n_test": len(evidence.labels),
        "n_patients": None if patients is None else len(np.unique(patients)),
        "accuracy_over_majority": gain,
    }


def _shift(metrics: Mapping[str, Any]) -> list[dict[str, float | None]]:
    """Accuracy and predictive values of the served labels at other shares of label 1: Bayes' rule.

    Empty where the task or the test labels define no sensitivity and specificity.
    """
    sensitivity, specificity = (
        metrics.get(f"{name}_at_threshold") for name in ("sensitivity", "specificity")
    )
    if sensitivity is None or specificity is None:
        return []
    right_1, right_0 = sensitivity["mean"], specificity["mean"]
    rows = []
    for share in SHARES:
        true_1, false_1 = share * right_1, (1 - share) * (1 - right_0)
        true_0, false_0 = (1 - share) * right_0, share * (1 - right_1)
        rows.append(
            {
                "share_of_label_1": share,
                "accuracy": true_1 + true_0,
                "positive_predictive_value": _share(true_1, false_1),
                "negative_predictive_value": _share(true_0, false_0),
            }
        )
    return rows


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest > 0 else None


def _not_for(data: DatasetInfo) -> list[str]:
    named = "label 1 is" if data.task == "binary" else "classes are"
    lines = [line.replace("label 1 is", named) for line in _NOT_FOR]
    if data.steps and not data.step_settings:
        side = data.image_shape[0]
        lines.append(
            f"Image files that are not {side} × {side} pixels yet: serve_image_bytes cuts and "
            "resizes them in another way than its data were; see tfmed data import."
        )
    lines += [f"Trusting its metrics: {warning}." for warning in data.warnings]
    return lines


def _use(data: DatasetInfo) -> str:
    if data.task == "multilabel":
        shown = _listed(data.class_names)
        return f"saying whether images like those of {data.title} show {shown}, each by itself"
    return f"classifying images like those of {data.title} as {_listed(data.class_names)}"


def _listed(names: tuple[str, ...]) -> str:
    """Such as `normal or pneumonia`."""
    return ", ".join([*names[:-2], " or ".join(names[-2:])])


def _dataset(info: DatasetInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "title": info.title,
        "description": info.description,
        "terms": info.license or "not known",
        "synthetic": info.synthetic,
        "md5": info.md5,
        "image_shape": list(info.image_shape),
        "counts": {split: list(counts) for split, counts in info.counts.items()},
    }


def _call(evidence: Evidence, signatures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "signatures": signatures,
        "rest": f"POST /v1/models/{evidence.name}/labels/stable:predict "
        '{"signature_name": "serve_image_bytes", "instances": [{"b64": "<PNG or JPEG>"}]}',
        "command": "tfmed models predict --url http://localhost:8501 --model "
        f"{evidence.name} IMAGE.png",
    }
