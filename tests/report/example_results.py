"""A complete, valid `results.json` of seeded random numbers, for tests of figures and report."""

import functools
import json
from typing import Any

import numpy as np
from example_parts import COUNTS, as_uri, chest, fit_history, latent_spaces, pretraining

from tfmed.config.ledger import ledger_file
from tfmed.results.ledger import judged, load_ledger

STRATEGIES = ("scratch", "random_frozen", "frozen", "finetune")
BASELINES = (
    "majority",
    "pixels_logistic",
    "pca_logistic",
    "frozen_knn",
    "frozen_logistic",
    "random_knn",
    "random_logistic",
)
METRICS = (
    "accuracy",
    "auc",
    "average_precision",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "brier",
    "ece",
    "accuracy_at_threshold",
    "balanced_accuracy_at_threshold",
    "sensitivity_at_threshold",
    "specificity_at_threshold",
)
HOSTILE = (
    'Study #1 *bold* _it_ $x$ `c` @ref <b>"q"</b> \\ \u05e9\u05dc\u05d5\u05dd {{ 7*7 }} '
    + "W" * 200
)
COMPARED = (
    "accuracy",
    "auc",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "average_precision",
)
DROPOUTS = ("dropout_0.0", "dropout_0.5", "dropout_0.7")
FPR, RECALL = np.linspace(0, 1, 101), np.linspace(0, 1, 51)
GAIN = {"scratch": 0.0, "random_frozen": -0.06, "frozen": -0.02, "finetune": 0.012}
GAIN |= {name: -0.01 * (i + 1) for i, name in enumerate(BASELINES[1:])}


def _dataset(name: str, role: str, title: str, classes: list[str], rng: Any, **more: Any) -> dict:
    splits = {k: {"n": sum(c), "counts": list(c)} for k, c in COUNTS[name].items()}
    examples = [[as_uri(chest(rng, ill)) for _ in range(8)] for ill in (False, True)]
    return {
        "name": name,
        "role": role,
        "title": title,
        "synthetic": False,
        "file": f"{name}.npz",
        "md5": rng.bytes(16).hex(),
        "image_shape": [28, 28, 1],
        "class_names": classes,
        "splits": splits,
        "examples": examples,
        **more,
    }


def _run(rng: Any, task: str, strategy: str, variant: str, budget: Any, seed: int) -> dict:
    counts = COUNTS[task]
    negative, positive = counts["test"]
    majority, plain = strategy == "majority", strategy in STRATEGIES
    labels = 5232 if budget == "full" else budget
    few = 0.03 * np.log10(5232 / labels)
    level = (0.6 if task == "chest_nih" else 0.853) - few + 0.02 * (variant == "focal")
    level += 0 if majority else GAIN[strategy] / (4 if task == "chest_nih" else 1)
    accuracy = level + rng.normal(0, 0.006)
    values = dict.fromkeys(METRICS, accuracy)
    auc = min(0.99, accuracy + (0.03 if task == "chest_nih" else 0.085))
    sensitivity, specificity = accuracy + 0.11, accuracy - 0.2
    values |= {"auc": auc, "brier": (1 - accuracy) * 0.8, "ece": 0.05 + abs(rng.normal(0, 0.02))}
    if majority:
        values = dict.fromkeys(METRICS, max(counts["test"]) / sum(counts["test"]))
        auc, sensitivity, specificity = 0.5, 1.0, 0.0
        values |= {"auc": auc}
    values |= {"sensitivity": sensitivity, "specificity": specificity}
    values["balanced_accuracy"] = (sensitivity + specificity) / 2
    n_all = sum(counts["train"]) + sum(counts["val"])
    n_val = sum(counts["val"]) if budget == "full" else budget // 5
    overtrained = variant == "overtrained"
    epochs = 60 if overtrained else int(rng.integers(12, 30))
    rise = 0.02 if overtrained else 0.004
    confusion = [
        [specificity * negative, (1 - specificity) * negative],
        [(1 - sensitivity) * positive, sensitivity * positive],
    ]
    return {
        "id": f"{task}-{strategy}-{variant}-{budget}-{seed}",
        "task": task,
        "strategy": strategy,
        "variant": variant,
        "label_budget": budget,
        "seed": seed,
        "n_train": (n_all if budget == "full" else budget) - n_val,
        "n_val": n_val,
        "n_test": negative + positive,
        "metrics": {k: float(v) for k, v in values.items()},
        "undefined": {},
        "val_metrics": {"accuracy": float(accuracy + 0.04), "auc": float(auc)},
        "threshold": float(rng.uniform(0.4, 0.8)),
        "confusion": np.round(confusion).tolist(),
        "confusion_at_threshold": np.round(confusion).tolist(),
        "roc_tpr": (FPR ** ((1 - auc) / auc)).tolist(),
        "pr_precision": (1 - 0.4 * RECALL**3).tolist(),
        "reliability": _reliability(negative + positive),
        "train_accuracy": float(min(accuracy + 0.06, 1.0)) if plain else None,
        "history": fit_history(rng, epochs, floor=0.02 if overtrained else 0.2, rise=rise)
        if plain
        else {},
        "epochs": epochs if plain else 0,
        "best_epoch": 0 if not plain else epochs if overtrained else epochs - 6,
        "stopped_early": plain and not overtrained,
        "parameters": {"trainable": 1025 if "frozen" in strategy else 60417, "total": 60417}
        if plain
        else None,
        "chosen": None if plain or majority else {"C": 0.01, "folds": 5},
        "seconds": float(rng.uniform(2, 20)),
        "predictions": f"predictions/{task}-{strategy}-{budget}-{seed}.csv",
    }


def _reliability(n: int) -> dict:
    middles = np.linspace(0.05, 0.95, 10).tolist()
    counts = [n // 10] * 9 + [n - 9 * (n // 10)]
    return {"count": counts, "score": middles, "share": [None, *middles[1:]]}


def _summary(runs: list[dict]) -> list[dict]:
    groups: dict[tuple, list[dict]] = {}
    for run in runs:
        key = (run["task"], run["strategy"], run["variant"], run["label_budget"])
        groups.setdefault(key, []).append(run)
    return [_summary_row(key, group) for key, group in groups.items()]


def _summary_row(key: tuple, group: list[dict]) -> dict:
    row = dict(zip(("task", "strategy", "variant", "label_budget"), key, strict=True))
    row["n_seeds"] = len(group)
    for metric in METRICS:
        values = [run["metrics"][metric] for run in group]
        mean, sd = float(np.mean(values)), float(np.std(values, ddof=len(values) > 1))
        half = 1.96 * (mean * (1 - mean) / group[0]["n_test"] + sd**2) ** 0.5
        bounds = {"mean": mean, "low": max(0, mean - half), "high": min(1, mean + half)}
        row[metric] = {**bounds, "sd": sd if len(values) > 1 else None}
    tpr = np.array([run["roc_tpr"] for run in group])
    row["confusion"] = np.mean([run["confusion"] for run in group], axis=0).tolist()
    curves = {"tpr": tpr.mean(axis=0), "low": tpr.min(axis=0), "high": tpr.max(axis=0)}
    row["roc"] = {"fpr": FPR.tolist(), **{k: v.tolist() for k, v in curves.items()}}
    precision = group[0]["pr_precision"]
    row["pr"] = {"recall": RECALL.tolist(), "precision": precision, "low": precision}
    row["pr"]["high"] = [min(value + 0.02, 1) for value in precision]
    diagram = group[0]["reliability"]
    row["reliability"] = {**diagram, "low": diagram["share"], "high": diagram["share"]}
    row["train_accuracy"] = None
    if group[0]["train_accuracy"] is None:
        return row
    trained = float(np.mean([run["train_accuracy"] for run in group]))
    several = len(group) > 1
    ends = {"low": trained - 0.01 if several else None, "high": trained + 0.01 if several else None}
    row["train_accuracy"] = {"mean": trained, **ends, "sd": 0.005 if several else None}
    return row


def _comparisons(summary: list[dict]) -> list[dict]:
    pairs = [
        (("finetune", "standard"), ("scratch", "standard")),
        (("frozen", "standard"), ("scratch", "standard")),
        (("finetune", "standard"), ("frozen", "standard")),
        (("frozen", "standard"), ("random_frozen", "standard")),
        (("scratch", "standard"), ("scratch", "overtrained")),
        (("finetune", "standard"), ("pixels_logistic", "standard")),
    ]
    pairs += [
        ((strategy, variant), (strategy, "standard"))
        for strategy in ("scratch", "finetune")
        for variant in ("class_weighted", "focal", *DROPOUTS)
    ]
    rows = {(r["task"], r["label_budget"], r["strategy"], r["variant"]): r for r in summary}
    found = []
    for cell in dict.fromkeys((row["task"], row["label_budget"]) for row in summary):
        for metric in COMPARED:
            for first, second in pairs:
                a, b = rows.get((*cell, *first)), rows.get((*cell, *second))
                if a and b:
                    found.append(_comparison(a, b, metric))
    for entry in found:
        entry["family"] = sum(_family(entry) == _family(other) for other in found)
        entry["p_adjusted"] = min(1.0, entry["p_value"] * entry["family"])
        entry["clear"] = entry["p_adjusted"] < 0.05 and entry["n_seeds"] > 1
    return found


def _family(entry: dict) -> list[str]:
    return [entry[key] for key in ("metric", "task", "kind")]


def _comparison(a: dict, b: dict, metric: str) -> dict:
    difference = a[metric]["mean"] - b[metric]["mean"]
    half = (a[metric]["high"] - a[metric]["low"]) / 3
    return {
        "task": a["task"],
        "label_budget": a["label_budget"],
        "metric": metric,
        "kind": _kind(a, b),
        "a": {"strategy": a["strategy"], "variant": a["variant"]},
        "b": {"strategy": b["strategy"], "variant": b["variant"]},
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "standard_error": half / 2,
        "df": 100.0,
        "seed_share": 0.3,
        "agreeing": False,
        "p_value": 0.0001 if abs(difference) > half else 0.4,
        "detectable": 1.4 * half,
        "n_seeds": a["n_seeds"],
    }


def _kind(a: dict, b: dict) -> str:
    if b["strategy"] in BASELINES:
        return "baseline"
    standard = a["variant"] == b["variant"] == "standard"
    return "question" if standard else "experiment"


def _provenance(seeds: list[int], datasets: list[dict]) -> dict:
    return {
        "versions": {
            "python": "3.11.9",
            "tfmed": "0.1.0",
            "tensorflow": "2.21.0",
            "keras": "3.15.1",
            "numpy": "2.4.6",
        },
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "hardware": {"cpu": "Example CPU", "cores": 2, "memory_gib": 7.8, "gpus": []},
        "seeds": seeds,
        "files": {d["file"]: d["md5"] for d in datasets},
        "command": "python run_all.py --source chest_nih.npz --target pneumoniamnist.npz",
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 431.7,
    }


def _card(summary: list[dict], datasets: list[dict]) -> dict:
    data = {
        **{key: datasets[-1][key] for key in ("name", "title", "synthetic", "md5", "class_names")},
        "terms": datasets[-1]["license"],
    }
    metrics = {name: summary[0][name] for name in ("accuracy", "auc", "accuracy_at_threshold")}
    share = {
        "share_of_label_1": 0.05,
        "accuracy": 0.8,
        "positive_predictive_value": 0.21,
        "negative_predictive_value": None,
    }
    return {
        "intended_use": "Research.",
        "not_for": ["Decisions about patients."],
        "data": {"task": data, "pretrained_on": data},
        "class_names": list(datasets[-1]["class_names"]),
        "threshold": 0.43,
        "metrics": {
            "this_seed": metrics,
            "over_seeds": metrics,
            "n_seeds": 3,
            "n_test": 624,
            "accuracy_over_majority": {"difference": 0.015, "low": -0.02, "high": 0.05},
        },
        "class_balance": {
            "train": [60, 180],
            "val": [15, 45],
            "test": [234, 390],
            "shift": [share],
        },
        "call": {"command": "python -m tfmed.serving predict IMAGE.png"},
        "tfmed_version": "0.1.0",
    }


def _hostile(results: dict) -> dict:
    results["study"] |= {"name": HOSTILE, "title": HOSTILE, "question": HOSTILE}
    results["provenance"]["command"] = HOSTILE
    results["study"]["settings"][HOSTILE] = HOSTILE
    for dataset in results["datasets"]:
        dataset |= {"title": HOSTILE, "description": HOSTILE, "license": HOSTILE}
        dataset["class_names"] = [HOSTILE, "<script>alert(1)</script>"]
    for space in results["latent"]["spaces"]:
        space["title"] = HOSTILE
    for model in results["models"]:
        model["card"] |= {"class_names": [HOSTILE, HOSTILE], "intended_use": HOSTILE}
    return results


def example_results(
    *,
    synthetic: bool = False,
    n_seeds: int = 3,
    strategies: tuple[str, ...] = STRATEGIES,
    hostile: bool = False,
    latent: bool = True,
    comparisons: bool = True,
    evidence: bool = True,
    seed: int = 0,
) -> dict:
    """The default study's results with invented numbers.

    Args:
        synthetic: mark the study and both data sets as phantom images.
        n_seeds: seeds per strategy and label budget.
        strategies: the strategies run; `overtrained` comes with `scratch`.
        hostile: put markup, right-to-left text and an endless word into every free text.
        latent: with latent spaces.
        comparisons: with paired comparisons.
        evidence: with all label budgets, baselines and variants; else with two label
            budgets of the target, one of the source, and the strategies alone.
        seed: of all the invented numbers.

    Returns:
        A dict that is valid against `tfmed/results.schema.json`.
    """
    options = (synthetic, n_seeds, strategies, hostile, latent, comparisons, evidence, seed)
    return json.loads(_as_json(*options))


@functools.cache  # its ledger takes a second, and a hundred tests ask for it
def _as_json(
    synthetic: bool,
    n_seeds: int,
    strategies: tuple[str, ...],
    hostile: bool,
    latent: bool,
    comparisons: bool,
    evidence: bool,
    seed: int,
) -> str:
    rng = np.random.default_rng(seed)
    datasets = [
        _dataset(
            "chest_nih",
            "source",
            "NIH ChestX-ray14 subset",
            ["no listed finding", "any finding"],
            rng,
            n_labels=14,
            description="Frontal chest X-rays of the NIH Clinical Center, 28×28, split by patient.",
            license="Unrestricted with a link to the original and citation of Wang et al., 2017.",
        ),
        _dataset(
            "pneumoniamnist",
            "target",
            "PneumoniaMNIST",
            ["normal", "pneumonia"],
            rng,
            n_labels=1,
            description="Paediatric chest X-rays, 28×28, of MedMNIST v2.",
            license="CC BY 4.0; Yang et al., MedMNIST v2, Scientific Data 2023.",
        ),
    ]
    for dataset in datasets:
        dataset["synthetic"] = synthetic
    seeds = list(range(n_seeds))
    plan = _cells(strategies, evidence=evidence)
    runs = [_run(rng, *cell, seed) for cell in plan for seed in seeds]
    summary = _summary(runs)
    results = {
        "schema_version": 2,
        "study": {
            "name": "chest-to-pneumonia",
            "title": "Does an autoencoder on unlabelled chest X-rays help to find pneumonia?",
            "question": "With few labels, does an encoder pretrained without labels help, and "
            "should it be frozen or fine-tuned?",
            "quick": False,
            "source": "chest_nih",
            "target": "pneumoniamnist",
            "seeds": seeds,
            "settings": {
                "label_budgets": {"target": [300, "full"], "source": [300]},
                "strategies": list(strategies),
                "pretraining": {"epochs": 30, "patience": 5, "batch_size": 128},
                "classifiers": {"dropout": 0.2, "epochs": 60, "learning_rate": 0.001},
            },
        },
        "synthetic": synthetic,
        "provenance": _provenance(seeds, datasets),
        "datasets": datasets,
        "pretraining": [pretraining(rng)],
        "runs": runs,
        "summary": summary,
        "comparisons": _comparisons(summary) if comparisons else [],
        "latent": latent_spaces(rng, runs)
        if latent
        else {key: {} for key in ("labels", "indices", "images", "mistakes")}
        | {"spaces": [], "cka": [], "forgetting": []},
        "claims": [],
        "models": [
            {
                "name": "pneumoniamnist-finetune-full",
                "version": 1,
                "path": "pneumoniamnist-finetune-full/1",
                "task": "pneumoniamnist",
                "strategy": "finetune",
                "variant": "standard",
                "label_budget": "full",
                "seed": 0,
                "bytes": 412345,
                "stage": "candidate",
                "reasons": ["majority: accuracy 0.640 is +1.5 points [-2.0, +5.0]"],
                "card": _card(summary, datasets),
            }
        ],
    }
    results["claims"] = judged(load_ledger(ledger_file("chest_to_pneumonia")), results)
    return json.dumps(_hostile(results) if hostile else results)


def _cells(strategies: tuple[str, ...], *, evidence: bool) -> list[tuple[str, str, str, Any]]:
    """Task, strategy, variant and label budget of each cell of the study."""
    few = (30, 100, 300, 1000) if evidence else (300,)
    every = (*strategies, *(BASELINES if evidence else ()))
    plan = [("pneumoniamnist", s, "standard", b) for b in (*few, "full") for s in every]
    plan += [("chest_nih", s, "standard", b) for b in few for s in every]
    if "scratch" in strategies:
        plan.append(("chest_nih", "scratch", "overtrained", 300))
    if not evidence:
        return plan
    for strategy in [s for s in ("scratch", "finetune") if s in strategies]:
        plan += [("chest_nih", strategy, loss, 300) for loss in ("class_weighted", "focal")]
    if "finetune" in strategies:
        plan += [("pneumoniamnist", "finetune", dropout, 300) for dropout in DROPOUTS]
    return plan
