"""Results of the recorded run, with what a test wants to be different.

The run is of phantoms (`record.py`); the data sets are called what users call theirs, so that names
and titles are as long as they are in practice.
"""

import functools
import json
import lzma
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfmed.config.ledger import ledger_file
from tfmed.design import BASELINES as _BASELINES
from tfmed.design import STRATEGIES as _STRATEGIES
from tfmed.results.atlas import write_atlas
from tfmed.results.deciding.decision import decide
from tfmed.results.ledger import judged, load_ledger

HERE = Path(__file__).parent
STRATEGIES = tuple(str(strategy) for strategy in _STRATEGIES)
BASELINES = tuple(str(baseline) for baseline in _BASELINES)
HOSTILE = (
    'Study #1 *bold* _it_ $x$ `c` @ref <b>"q"</b> \\ \u05e9\u05dc\u05d5\u05dd {{ 7*7 }} '
    + "W" * 200
)
SOURCE, TARGET = "chest_nih", "pneumoniamnist"
_RENAMED = {
    "Phantom chest (synthetic)": "NIH ChestX-ray14 subset",
    "Phantom pneumonia (synthetic)": "PneumoniaMNIST",
    "phantom-chest": SOURCE,
    "phantom-pneumonia": TARGET,
}


@functools.cache
def _recorded() -> str:
    text = lzma.decompress((HERE / "results.json.xz").read_bytes()).decode()
    for old, new in _RENAMED.items():
        text = text.replace(old, new)
    results = json.loads(text)
    for dataset, words, license in zip(
        results["datasets"],
        (
            "Frontal chest X-rays of the NIH Clinical Center, 28×28, split by patient.",
            "Paediatric chest X-rays, 28×28, of MedMNIST v2.",
        ),
        (
            "Unrestricted with a link to the original and citation of Wang et al., 2017.",
            "CC BY 4.0; Yang et al., MedMNIST v2, Scientific Data 2023.",
        ),
        strict=True,
    ):
        dataset |= {"description": words, "license": license, "file": f"{dataset['name']}.npz"}
    results["provenance"] |= {
        "files": {dataset["file"]: dataset["md5"] for dataset in results["datasets"]},
        "command": "tfmed run --source chest_nih.npz --target pneumoniamnist.npz",
    }
    results["study"] |= {"name": "chest-to-pneumonia", "quick": False}
    results["models"] = [m for m in results["models"] if m["name"].endswith("finetune_full")]
    (model,) = results["models"]
    model |= {"stage": "candidate", "reasons": ["majority: accuracy is +1.5 points [-2.0, +5.0]"]}
    over_majority = {"difference": 0.015, "low": -0.02, "high": 0.05}
    model["card"]["metrics"]["accuracy_over_majority"] = over_majority
    return json.dumps(results)


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
    """The recorded results, or a part of them.

    Args:
        synthetic: mark the study and both data sets as phantom images, as they are.
        n_seeds: keep the first so many of 3 seeds.
        strategies: keep these, and the baselines.
        hostile: put markup, right-to-left text and an endless word into every free text.
        latent: keep the latent spaces.
        comparisons: keep the paired comparisons.
        evidence: keep all label budgets, baselines and variants; else two label budgets of the
            target, one of the source, the strategies alone and `overtrained`.
        seed: of small changes of the metrics, as another run has them; 0 for none.

    Returns:
        A dict that is valid by `tfmed.results.schema`.
    """
    return json.loads(
        _part(synthetic, n_seeds, strategies, hostile, latent, comparisons, evidence, seed)
    )


@functools.cache
def _part(
    synthetic: bool,
    n_seeds: int,
    strategies: tuple[str, ...],
    hostile: bool,
    latent: bool,
    comparisons: bool,
    evidence: bool,
    seed: int,
) -> str:
    results = json.loads(_recorded())
    results["synthetic"] = synthetic
    for dataset in results["datasets"]:
        dataset["synthetic"] = synthetic

    def is_kept(cell: dict) -> bool:
        if cell["strategy"] in BASELINES:
            return evidence
        budgets = (300, "full", None) if cell["task"] == TARGET else (300, None)
        usual = cell["variant"] in ("standard", "overtrained") and cell["label_budget"] in budgets
        return cell["strategy"] in strategies and (evidence or usual)

    for part in ("runs", "summary"):
        results[part] = [entry for entry in results[part] if is_kept(entry)]
    results["comparisons"] = [
        entry
        for entry in results["comparisons"]
        if comparisons and all(is_kept({**entry, **entry[side]}) for side in "ab")
    ]
    _keep_spaces(results["latent"], lambda space: latent and is_kept(space))
    if n_seeds < 3:
        _keep_seeds(results, n_seeds)
    if seed:
        _change_metrics(results, np.random.default_rng(seed))
    _count_families(results["comparisons"])
    results["claims"] = judged(load_ledger(ledger_file("chest_to_pneumonia")), results)
    results["decision"] = decide(results)
    return json.dumps(_hostile(results) if hostile else results)


def _keep_spaces(latent: dict, is_kept: Any) -> None:
    latent["spaces"] = [space for space in latent["spaces"] if is_kept(space)]
    ids = {space["id"] for space in latent["spaces"]}
    tasks = {space["task"] for space in latent["spaces"]}
    latent["cka"] = [pair for pair in latent["cka"] if {pair["a"], pair["b"]} <= ids]
    for part in ("labels", "indices", "images"):
        latent[part] = {task: found for task, found in latent[part].items() if task in tasks}
    latent["mistakes"] = {
        task: found for task, found in latent["mistakes"].items() if found["space"] in ids
    }
    if not ids:
        latent["forgetting"] = []


def _keep_seeds(results: dict, n_seeds: int) -> None:
    """The first seeds; intervals stay, but for what one seed cannot say."""
    results["study"]["seeds"] = results["provenance"]["seeds"] = list(range(n_seeds))
    results["runs"] = [run for run in results["runs"] if run["seed"] < n_seeds]
    for row in results["summary"]:
        row["n_seeds"] = n_seeds
        for value in row.values():
            if n_seeds == 1 and isinstance(value, dict) and "sd" in value:
                value["sd"] = None
        if n_seeds == 1 and row["train_accuracy"]:
            row["train_accuracy"] |= {"low": None, "high": None}
    for entry in results["comparisons"]:
        entry["n_seeds"] = n_seeds
        entry["clear"] &= n_seeds > 1
    for entry in results["latent"]["forgetting"]:
        entry["n_seeds"] = n_seeds
        if n_seeds == 1:
            for name in ("probe_auc_after", "probe_auc_difference", "mse_after", "mse_ratio"):
                entry[name] = {"mean": entry[name]["mean"], "low": None, "high": None, "sd": None}


def _change_metrics(results: dict, rng: np.random.Generator) -> None:
    for row in (*results["runs"], *results["summary"]):
        for value in row.get("metrics", row).values():
            if isinstance(value, dict) and "mean" in value:
                value["mean"] += rng.normal(0, 0.002)


def _count_families(comparisons: list[dict]) -> None:
    def family(entry: dict) -> tuple:
        return entry["metric"], entry["task"], entry["kind"]

    for entry in comparisons:
        entry["family"] = sum(family(entry) == family(other) for other in comparisons)


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


def write_images(results: dict, out: Path) -> dict[str, np.ndarray]:
    """Puts the recorded pictures of test images beside the results; the images (n, 28, 28, 1)."""
    found = {}
    for task, atlas in results["latent"]["images"].items():
        recorded = next(old for old, new in _RENAMED.items() if new == task)
        path = out / atlas["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / "images" / f"{recorded}.webp", path)
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("L"))
        rows, columns = (side // 28 for side in pixels.shape)
        tiles = pixels.reshape(rows, 28, columns, 28).swapaxes(1, 2).reshape(-1, 28, 28, 1)
        found[task] = tiles[: len(results["latent"]["indices"][task])]
    return found


def enlarge_latent(results: dict, out: Path, *, n: int = 22_433, n_spaces: int = 4) -> None:
    """Make the target's latent spaces as many and as large as of ChestMNIST, with their atlas."""
    latent, rng = results["latent"], np.random.default_rng(8)
    few = write_images(results, out)[TARGET].astype(int)
    chosen = np.arange(n) % len(few)
    latent["labels"] = {TARGET: np.array(latent["labels"][TARGET])[chosen].tolist()}
    latent["indices"] = {TARGET: list(range(n))}
    latent["spaces"] = [s for s in latent["spaces"] if s["task"] == TARGET][:n_spaces]
    latent["cka"], latent["mistakes"] = [], {}
    for space in latent["spaces"]:
        space["n"] = n
        for kind in ("pca", "tsne"):
            points = np.array(space[kind]["coordinates"])[chosen]
            moved = points + rng.normal(0, points.std() / 20, points.shape)
            space[kind]["coordinates"] = moved.round(4).tolist()
        space["scores"] = np.array(space["scores"])[chosen].tolist()
    images = np.clip(few[chosen] + rng.integers(-6, 7, (n, 28, 28, 1)), 0, 255).astype(np.uint8)
    latent["images"] = {TARGET: write_atlas(out / "images", TARGET, [images], np.arange(n))}
