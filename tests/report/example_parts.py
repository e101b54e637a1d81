"""Parts of invented results: images, pretraining and latent spaces."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfmed.results.atlas import write_atlas

SPACES = {"scratch": "From scratch", "finetune": "Autoencoder, fine-tuned"}
COUNTS = {
    "chest_nih": {"train": (6377, 4341), "val": (965, 799), "test": (1917, 1524)},
    "pneumoniamnist": {"train": (1214, 3494), "val": (135, 389), "test": (234, 390)},
}


def as_uri(pixels: np.ndarray) -> str:
    """A uint8 image as a PNG data URI."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def chest(rng: np.random.Generator, ill: bool) -> np.ndarray:
    """A 28×28 uint8 blob with two dark lungs, and an opacity if ill."""
    y, x = np.mgrid[-1:1:28j, -1:1:28j]
    image = 170 - 60 * (x**2 + y**2)
    for side in (-0.42, 0.42):
        dx, dy = rng.normal(0, 0.05, 2)
        image -= 110 * np.exp(-(((x - side - dx) / 0.28) ** 2) - ((y - dy) / 0.55) ** 2)
    if ill:
        side, height = rng.choice([-0.4, 0.4]), rng.uniform(-0.3, 0.5)
        image += 80 * np.exp(-(((x - side) ** 2 + (y - height) ** 2) / 0.05))
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def fit_history(rng: Any, epochs: int, *, floor: float, rise: float, accuracy: bool = True) -> dict:
    """Invented losses per epoch."""
    t = np.arange(epochs)
    loss = floor + (0.7 - floor) * np.exp(-t / 6) + rng.normal(0, 0.004, epochs)
    val = loss + 0.05 + rise * t + rng.normal(0, 0.01, epochs)
    history = {"loss": np.abs(loss).tolist(), "val_loss": np.abs(val).tolist()}
    if accuracy:
        history["accuracy"] = np.clip(1 - loss / 2, 0, 1).tolist()
        history["val_accuracy"] = np.clip(1 - val / 2, 0, 1).tolist()
    return history


def pretraining(rng: Any) -> dict:
    """One pretraining with its curve, errors and reconstructions."""
    history = fit_history(rng, 30, floor=0.02, rise=0, accuracy=False)
    history = {k: (np.array(v) * 0.1).tolist() for k, v in history.items()}
    quantiles = np.sort(rng.gamma(4, 0.0005, 101)).tolist()
    reconstructions = []
    for index, quantile in enumerate((0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)):
        image = chest(rng, bool(index % 2))
        noisy = np.clip(image + rng.normal(0, 4 + 14 * quantile, image.shape), 0, 255)
        reconstructions.append(
            {
                "index": index * 37,
                "original": as_uri(image),
                "reconstruction": as_uri(noisy.astype(np.uint8)),
                "mse": quantiles[round(100 * quantile)],
                "quantile": quantile,
            }
        )
    return {
        "id": "autoencoder-0",
        "source": "chest_nih",
        "seed": 0,
        "encoder": {"width": 32, "latent_channels": 64},
        "parameters": {"encoder": 59392, "model": 118849},
        "embedding_shape": [4, 4, 64],
        "history": history,
        "epochs": 30,
        "best_epoch": 25,
        "stopped_early": True,
        "seconds": 41.2,
        "test": {"n": 3441, "mse": 0.0019, "mae": 0.031, "psnr": 27.3, "mse_mean_image": 0.031},
        "detail": _detail(),
        "mse_quantiles": quantiles,
        "reconstructions": reconstructions,
    }


def _detail() -> dict:
    edges = np.linspace(0, 0.5, 6).tolist()
    return {
        "n": 3441,
        "ssim": {"mean": 0.912, "low": 0.91, "high": 0.914},
        "psnr": {"mean": 27.4, "low": 27.3, "high": 27.5},
        "bands": [
            {
                "from": low,
                "to": high,
                "kept": {"mean": kept, "low": kept - 0.01, "high": kept + 0.01},
                "explained": {"mean": kept - 0.02, "low": kept - 0.03, "high": kept - 0.01},
            }
            for low, high, kept in zip(
                edges, edges[1:], (0.99, 0.84, 0.52, 0.21, 0.08), strict=False
            )
        ],
    }


def _space(rng: Any, task: str, strategy: str, budget: Any, title: str, labels: Any) -> dict:
    shift = np.outer(labels, [2.0, 0.6])
    pca, tsne = (shift * k + rng.normal(0, k, (len(labels), 2)) for k in (1.0, 12.0))
    return {
        "id": f"{task}-{strategy}-{budget}",
        "task": task,
        "strategy": strategy,
        "variant": "standard",
        "label_budget": budget,
        "seed": 0,
        "title": title,
        "run": None,
        "scores": None,
        "n": len(labels),
        "dimensions": 1024,
        "pca": {
            "coordinates": pca.round(3).tolist(),
            "explained_variance_ratio": [0.31, 0.17, 0.08, 0.05, 0.03],
        },
        "tsne": {
            "coordinates": tsne.round(3).tolist(),
            "perplexity": 30,
            "kl_divergence": 1.9,
            "two_clusters": {
                "adjusted_rand": {"value": 0.42, "low": 0.35, "high": 0.49},
                "silhouette": 0.37,
                "sizes": [len(labels) // 2, len(labels) - len(labels) // 2],
            },
        },
        "silhouette": float(rng.uniform(0, 0.3)),
        "knn_accuracy": float(rng.uniform(0.6, 0.9)),
        "component_auc": [0.81, 0.66, 0.55, 0.52, 0.51],
        "clusters": {
            "silhouette": {"value": 0.021, "null_high": 0.004, "p_value": 0.001},
            "knn_accuracy": {"value": 0.71, "null_high": 0.58, "p_value": 0.001},
        },
        "components": {
            "first": 0.31,
            "second": 0.16,
            "difference": 0.15,
            "low": 0.11,
            "high": 0.19,
        },
    }


def latent_spaces(rng: Any, runs: list[dict]) -> dict:
    """The `latent` part for the runs there are."""
    labels = {
        task: rng.permutation(np.repeat([0, 1], counts["test"])) for task, counts in COUNTS.items()
    }
    spaces = [
        _space(rng, task, "frozen", None, "Autoencoder, frozen", y) for task, y in labels.items()
    ]
    for run in runs:
        usual = run["variant"] == "standard" and run["seed"] == runs[0]["seed"]
        title, y = SPACES.get(run["strategy"]), labels[run["task"]]
        if usual and title and run["label_budget"] in (300, "full"):
            title = f"{title}, {'all' if run['label_budget'] == 'full' else 300} labels"
            spaces.append(_space(rng, run["task"], run["strategy"], run["label_budget"], title, y))
    pairs = [
        (a, b) for i, a in enumerate(spaces) for b in spaces[i + 1 :] if a["task"] == b["task"]
    ]
    values = rng.uniform(0.2, 0.95, len(pairs)).tolist()
    cka = [
        {"a": a["id"], "b": b["id"], "value": value, "low": value - 0.03, "high": value + 0.03}
        for (a, b), value in zip(pairs, values, strict=True)
    ]
    _answer(spaces, runs, labels)
    return {
        "labels": {task: y.tolist() for task, y in labels.items()},
        "indices": {task: list(range(len(y))) for task, y in labels.items()},
        "images": {},
        "mistakes": {task: _mistakes(spaces, task, y) for task, y in labels.items()},
        "spaces": spaces,
        "cka": cka,
        "forgetting": _forgetting(len({run["seed"] for run in runs})),
    }


def _answer(spaces: list[dict], runs: list[dict], labels: dict) -> None:
    """Give each space the scores of one of its runs, where there is one."""
    rng = np.random.default_rng(5)
    for space in spaces:
        same = [
            run["id"]
            for run in runs
            if all(run[key] == space[key] for key in ("task", "strategy", "variant", "seed"))
            and space["label_budget"] in (None, run["label_budget"])
        ]
        if same:
            noise = rng.normal(0, 0.9, space["n"])
            logits = 1.5 * (2 * labels[space["task"]] - 1) + 1.4 * noise
            space["run"] = same[-1]
            space["scores"] = (1 / (1 + np.exp(-logits))).round(4).tolist()


def _mistakes(spaces: list[dict], task: str, labels: Any) -> dict:
    scored = [space for space in spaces if space["task"] == task and space["scores"]]
    if not scored:
        nothing: dict = {"n": 0, "shown": []}
        return {"space": "", "run": "", "false_positives": nothing, "false_negatives": nothing}
    scores = np.array(scored[-1]["scores"])
    found = {"space": scored[-1]["id"], "run": scored[-1]["run"]}
    for kind, wrong in (
        ("false_positives", (scores > 0.5) & (labels == 0)),
        ("false_negatives", (scores <= 0.5) & (labels == 1)),
    ):
        places = np.flatnonzero(wrong)
        kept = places[np.argsort(-np.abs(scores[places] - 0.5), kind="stable")][:8]
        found[kind] = {
            "n": len(places),
            "shown": [
                {
                    "index": int(place),
                    "score": float(scores[place]),
                    "image": as_uri(chest(np.random.default_rng(place), bool(labels[place]))),
                }
                for place in kept
            ],
        }
    return found


def write_images(results: dict, out: Path) -> dict[str, np.ndarray]:
    """Write an atlas of invented test images beside the results; the images (n, 28, 28, 1)."""
    drawn = {}
    for task, labels in results["latent"]["labels"].items():
        rng = np.random.default_rng(6)
        images = np.stack([chest(rng, bool(label)) for label in labels])[..., None]
        rows = np.arange(len(labels))
        results["latent"]["images"][task] = write_atlas(out / "images", task, [images], rows)
        drawn[task] = images
    return drawn


def _forgetting(n_seeds: int) -> list[dict]:
    def over_seeds(mean: float, half: float) -> dict:
        if n_seeds == 1:
            return {"mean": mean, "low": None, "high": None, "sd": None}
        return {"mean": mean, "low": mean - half, "high": mean + half, "sd": half / 2}

    return [
        {
            "label_budget": budget,
            "n_seeds": n_seeds,
            "n_test": 3441,
            "probe_auc_before": {"mean": 0.66, "low": 0.64, "high": 0.68, "sd": None},
            "probe_auc_after": over_seeds(0.66 - lost, 0.004),
            "probe_auc_difference": over_seeds(-lost, 0.004),
            "mse_before": {"mean": 0.0019, "low": None, "high": None, "sd": None},
            "mse_after": over_seeds(0.0019 * ratio, 0.0004),
            "mse_ratio": over_seeds(ratio, 0.2),
        }
        for budget, lost, ratio in ((300, 0.006, 1.7), ("full", 0.021, 4.3))
    ]


def enlarge_latent(results: dict, out: Path, *, n: int = 22_433, n_spaces: int = 4) -> None:
    """Make the target's latent spaces as many and as large as of ChestMNIST, with their atlas."""
    task, latent, rng = "pneumoniamnist", results["latent"], np.random.default_rng(8)
    labels = rng.integers(0, 2, n)
    spaces = [space for space in latent["spaces"] if space["task"] == task][:n_spaces]
    latent["spaces"] = spaces
    latent["labels"], latent["indices"] = {task: labels.tolist()}, {task: list(range(n))}
    latent["cka"], latent["mistakes"] = [], {}
    for space in spaces:
        space["n"] = n
        for kind in ("pca", "tsne"):
            points = np.outer(labels, [2.0, 0.6]) + rng.normal(0, 1, (n, 2))
            space[kind]["coordinates"] = points.round(4).tolist()
        logits = 2 * labels - 1 + rng.normal(0, 1.3, n)
        space["scores"] = (1 / (1 + np.exp(-logits))).round(4).tolist()
    few = np.stack([chest(rng, bool(label)) for label in labels[:400]]).astype(int)
    noise = rng.integers(-6, 7, (n, 28, 28))
    images = np.clip(few[np.arange(n) % len(few)] + noise, 0, 255).astype(np.uint8)
    rows = np.arange(n)
    latent["images"] = {task: write_atlas(out / "images", task, [images[..., None]], rows)}
