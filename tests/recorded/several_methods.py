"""The recorded results as those of several pretraining methods, repeated pretrainings and searched
recipes: the recorded runs under other names, for what the report makes of them.
"""

import copy
import json
from collections import Counter
from typing import Any

import numpy as np

from tfmed.evaluation.comparisons import Side, pairs
from tfmed.results.deciding.decision import decide

RECIPES = [
    {"learning_rate": rate, "augment": augment}
    for augment in (False, True)
    for rate in (1e-3, 3e-4)
]
TUNED = ("scratch", "finetune")


def several_methods(
    results: dict, methods: tuple[str, ...] = ("simclr",), pretrainings: int = 3
) -> dict:
    """These results with other methods beside the autoencoder's.

    Args:
        results: of the autoencoder alone, such as `example_results()`.
        methods: names of the others.
        pretrainings: of each method.

    Returns:
        A dict that is valid by `tfmed.results.schema`; a little noise tells the methods apart.
    """
    results, rng = copy.deepcopy(results), np.random.default_rng(5)
    for part in ("runs", "summary"):
        usual = list(results[part])
        for method in methods:
            results[part] += [_of(method, entry, rng) for entry in usual if _pretrained(entry)]
    results["study"] |= {"primary_metric": "auc"}
    results["comparisons"] = _comparisons(results)
    fits = [
        _fit(fit, method) for method in ("autoencoder", *methods) for fit in results["pretraining"]
    ]
    results["pretraining"] = [
        _repeated(fit, number) for fit in fits for number in range(pretrainings)
    ]
    results["study"]["settings"]["pretraining"] = [
        {"method": method, "fit": {"epochs": "auto", "batch_size": 128}, "repeats": pretrainings}
        for method in ("autoencoder", *methods)
    ]
    results["runs"] = [
        repeat
        for run in results["runs"]
        for repeat in (_crossed(run, pretrainings) if _pretrained(run) else [_searched(run, 0)])
    ]
    for row in results["summary"]:
        row["n_pretrainings"] = pretrainings if _pretrained(row) else 1
    results["decision"] = decide(results)
    return results


def _pretrained(entry: dict) -> bool:
    return entry["strategy"] in ("frozen", "finetune") or ":" in entry["strategy"]


def _named(method: str, strategy: str) -> str:
    return f"{method}:{strategy}" if strategy in ("frozen", "finetune") else strategy


def _of(method: str, entry: dict, rng: np.random.Generator) -> dict:
    """A run or a row of another method, its metrics moved a little."""
    found = copy.deepcopy(entry)
    found |= {"strategy": _named(method, entry["strategy"]), "initialisation": method}
    if "id" in found:
        found["id"] = found["id"].replace(entry["strategy"], f"{method}-{entry['strategy']}")
    move = float(rng.normal(0, 0.01))
    for value in found.get("metrics", found).values():
        if isinstance(value, dict) and value.get("mean") and "sd" in value:
            value["mean"] = min(max(value["mean"] + move, 0.0), 1.0)
            value |= {
                "low": min(value["low"], value["mean"]),
                "high": max(value["high"], value["mean"]),
            }
    return found


def _comparisons(results: dict) -> list[dict]:
    """Every pair that is planned, with the numbers of one that was recorded."""
    found: list[dict] = []
    recorded = results["comparisons"]
    by_pair = {
        (e["task"], e["label_budget"], e["metric"], str(e["a"]), str(e["b"])): e for e in recorded
    }
    any_of: dict[tuple, dict] = {}
    for entry in recorded:
        any_of.setdefault((entry["task"], entry["label_budget"], entry["metric"]), entry)
    sides: dict[tuple, list[Side]] = {}
    for row in results["summary"]:
        place = row["task"], row["label_budget"]
        sides.setdefault(place, []).append(Side.of_entry(row))
    for (task, budget), there in sides.items():
        for kind, a, b in pairs(there):
            for metric in dict.fromkeys(e["metric"] for e in recorded):
                names = {"a": a.entry(), "b": b.entry()}
                key = (task, budget, metric, str(names["a"]), str(names["b"]))
                if (task, budget, metric) in any_of:
                    known = by_pair.get(key, any_of[task, budget, metric])
                    found.append({**known, "kind": kind, **names})
    families = Counter(map(_family, found))
    return [entry | {"family": families[_family(entry)]} for entry in found]


def _family(entry: dict) -> tuple:
    return entry["task"], entry["metric"], entry["kind"]


def _fit(fit: dict, method: str) -> dict:
    """A pretraining of a method, of which the autoencoder alone reconstructs."""
    found = copy.deepcopy(fit) | {"method": method, "id": f"{fit['source']}-{method}"}
    if method == "autoencoder":
        return found
    picture = fit["reconstructions"][0]["original"]
    viewed = [{"original": picture, "views": [picture] * 4}] * 4
    found["parameters"] = {"encoder": 10, "head": 5}
    none: dict[str, Any] = {"test": None, "detail": None, "mse_quantiles": []}
    return found | {**none, "reconstructions": [], "views": viewed}


def _repeated(fit: dict, number: int) -> dict:
    found = copy.deepcopy(fit)
    found |= {"seed": number, "id": f"{fit['id']}-seed{number}", "seconds": 100.0 + 20 * number}
    found["settings"] = {
        "method": fit["method"],
        "fit": {"epochs": fit["epochs"], "batch_size": 128},
        "images": "source+target",
        "seed": number,
    }
    found["health"] = {
        "n": 2000,
        "dimensions": 384,
        "spread": 0.5,
        "effective_rank": 150.0 + number,
    }
    found["probe"] = {
        "dataset": "pneumoniamnist",
        "n_train": 500,
        "n_val": 500,
        "epochs": [0, 2, 4, 6],
        "auc": [0.9, 0.92, 0.93 + 0.002 * number, 0.94 + 0.002 * number],
    }
    return found


def _crossed(run: dict, pretrainings: int) -> list[dict]:
    return [
        _searched(run | {"pretraining": number, "id": f"{run['id']}-pretraining{number}"}, number)
        for number in range(pretrainings)
    ]


def _searched(run: dict, number: int) -> dict:
    """A run with the recipe that it chose, or took over."""
    if not run["strategy"].endswith(TUNED):
        return run
    own = number == 0 and not (run["label_budget"] == "full" and run["seed"])
    tries = [{**recipe, "val_loss": 0.5, "epochs": 5} for recipe in RECIPES] if own else []
    chosen = RECIPES[(run["seed"] + (run["label_budget"] == 30)) % len(RECIPES)]
    return run | {"recipe": {**chosen, "tries": tries}}


if __name__ == "__main__":  # for looking at a report of them
    import sys
    from pathlib import Path

    from example_results import example_results, write_images

    out, others = Path(sys.argv[1]), tuple(sys.argv[2:]) or ("simclr",)
    out.mkdir(parents=True, exist_ok=True)
    made = several_methods(example_results(), others)
    write_images(made, out)
    (out / "results.json").write_text(json.dumps(made))
