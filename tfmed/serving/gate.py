"""The gate: whether a version may be called `stable`, and if not, why.

A version is **stable** if it passes every check below; a **candidate** if it fails only checks of
its accuracy or of its agreement with the original; **unservable** if a server could not load it.
TF Serving does not start with a version that fails to load or to warm up, so unservable ones are
kept out of `models.config`.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from google.protobuf.message import DecodeError

from tfmed.data.pictures.recipe import prepared, steps_from
from tfmed.errors import InputError
from tfmed.evaluation import metrics
from tfmed.serving import card, loader, protos
from tfmed.tasks import answer_names, task_of
from tfmed.tasks.scoring import CHOSEN

WARM_UP = "tf_serving_warmup_requests"
REFERENCE = "reference.npz"
TEST_SCORES = "test_scores.npz"
N_REFERENCE = 16
AGREEMENT = 1e-6
"""Largest difference of a probability from the Keras original's."""
EMBEDDING_AGREEMENT = 1e-5
"""The same of an embedding, as a share of its largest number."""
SECONDS = 300
"""For loading and asking a model, before it counts as hung."""

Stage = Literal["stable", "candidate", "unservable"]
_NEEDED_TO_SERVE = ("card", "files", "loads", "warm-up")
_OUTPUTS = {"probabilities": "float32", "label": "object", "embedding": "float32"}
_DECISIONS = {"decisions": "int32"}
_INPUTS = {"serving_default": ("images", "uint8"), "serve_image_bytes": ("image_bytes", "object")}


@dataclass(frozen=True)
class Check:
    """One check of a version, and its outcome in words."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The outcome of the gate's checks of a version."""

    checks: tuple[Check, ...]

    @property
    def stage(self) -> Stage:
        """`stable`, `candidate` or `unservable`."""
        failed = {check.name for check in self.checks if not check.passed}
        if not failed:
            return "stable"
        return "unservable" if failed & set(_NEEDED_TO_SERVE) else "candidate"

    @property
    def reasons(self) -> list[str]:
        """Why it is not stable; empty if it is."""
        return [f"{check.name}: {check.detail}" for check in self.checks if not check.passed]


def judge(folder: Path) -> Verdict:
    """Makes every check of a version folder; runs the model in a process of its own."""
    try:
        found = card.read_card(folder)
    except card.CardError as error:
        return Verdict((Check("card", False, str(error)),))
    damaged = card.damage(folder, found)
    words = "; ".join(damaged) or f"{len(found['files'])} files are those of the card"
    checks = [Check("card", True, "is there"), Check("files", not damaged, words)]
    return Verdict((*checks, *_asked_in_a_process(folder), *_accuracy(folder, found)))


def write_verdict(folder: Path, verdict: Verdict) -> None:
    """Writes `gate.json` into a version folder."""
    content = {
        "stage": verdict.stage,
        "reasons": verdict.reasons,
        "checks": [asdict(check) for check in verdict.checks],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False)
    # Not inside the folder, where a leftover would count as a stray file of the version.
    part = folder.with_name(f".{folder.name}.{card.GATE}.tmp")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(folder / card.GATE)


def read_verdict(folder: Path) -> Verdict:
    """The verdict written beside a version; a failed check if there is none."""
    try:
        content = json.loads((folder / card.GATE).read_text(encoding="utf-8"))
        return Verdict(tuple(Check(**check) for check in content["checks"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Verdict((Check("card", False, f"{card.GATE} is missing or damaged"),))


def as_png_files(images: np.ndarray) -> np.ndarray:
    """uint8 images (n, h, w, c) as PNG files, an object array (n,) of bytes."""
    from PIL import Image

    files = np.empty(len(images), dtype=object)
    for i, image in enumerate(images):
        buffer = io.BytesIO()
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
        files[i] = buffer.getvalue()
    return files


def ask(folder: Path) -> list[Check]:
    """Loads a version in this process and asks it; what is not reached is left out."""
    try:
        with loader.load(folder) as model:
            wrong = _signature_faults(model.signatures)
            if wrong:
                return [Check("loads", False, wrong)]
            loads = Check("loads", True, "by TensorFlow's C++ loader, both signatures")
            checks = [loads, _warm_up(model, folder), _agreement(model, folder)]
            return [*checks, *_preparation(model, folder)]
    except loader.LoaderError as error:
        return [Check("loads", False, str(error))]


def _asked_in_a_process(folder: Path) -> list[Check]:
    # A damaged graph may end the process that loads it.
    command = [sys.executable, "-P", "-m", "tfmed.serving.gate", str(folder)]
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=SECONDS, check=False, env=environment
        )
        return [Check(**check) for check in json.loads(done.stdout.splitlines()[-1])]
    except subprocess.TimeoutExpired:
        return [Check("loads", False, f"gave no answer within {SECONDS} s")]
    except (ValueError, IndexError, TypeError):
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        words = f"the loader's process ended with {done.returncode}"
        return [Check("loads", False, ": ".join([words, *last]))]


def _signature_faults(signatures: dict[str, Any]) -> str:
    for name, (argument, dtype) in _INPUTS.items():
        if name not in signatures:
            return f"there is no signature {name}"
        inputs, outputs = signatures[name].inputs, signatures[name].outputs
        if {key: protos.dtype_of(info) for key, info in inputs.items()} != {argument: dtype}:
            return f"{name} does not take {argument} alone"
        given = {key: protos.dtype_of(info) for key, info in outputs.items()}
        if given not in (_OUTPUTS, _OUTPUTS | _DECISIONS):
            return f"{name} does not give {', '.join(_OUTPUTS)}"
    return ""


def _warm_up(model: loader.LoadedModel, folder: Path) -> Check:
    asked = []
    try:
        for record in read_records((folder / "assets.extra" / WARM_UP).read_bytes()):
            request = protos.read_prediction_log(record)
            signature = request.model_spec.signature_name
            inputs = {name: protos.to_array(value) for name, value in request.inputs.items()}
            answers = model.run(signature, inputs)
            size = len(next(iter(inputs.values())))
            if any(len(values) != size for values in answers.values()):
                return Check("warm-up", False, f"{signature} left images unanswered")
            if not _finite(answers):
                return Check("warm-up", False, f"{signature} gave NaN or infinity")
            asked.append(signature)
    except (OSError, ValueError, DecodeError, loader.LoaderError) as error:
        return Check("warm-up", False, str(error))
    if set(asked) != set(_INPUTS):
        return Check("warm-up", False, "the requests leave a signature out")
    return Check("warm-up", True, f"{len(asked)} requests answered")


def read_records(content: bytes) -> Iterator[bytes]:
    """Records of a TFRecord file; its checksums are not read, as the card has the file's hash.

    Raises:
        ValueError: the file is truncated.
    """
    start = 0
    while start < len(content):
        end = start + 12 + int.from_bytes(content[start : start + 8], "little")
        if end + 4 > len(content):
            raise ValueError("a record is truncated")
        yield content[start + 12 : end]
        start = end + 4


def _finite(answers: dict[str, np.ndarray]) -> bool:
    return all(np.isfinite(values).all() for values in answers.values() if values.dtype != object)


def _agreement(model: loader.LoadedModel, folder: Path) -> Check:
    try:
        found = card.read_card(folder)
        with np.load(folder / "assets.extra" / REFERENCE) as arrays:
            original = {name: arrays[name] for name in arrays.files}
        images, largest = original["images"], 0.0
        for signature, inputs in (
            ("serving_default", {"images": images}),
            ("serve_image_bytes", {"image_bytes": as_png_files(images)}),
        ):
            answers = model.run(signature, inputs)
            if not _decided_as(answers, found):
                words = f"{signature} gives labels of another threshold or other classes"
                return Check("agrees", False, words)
            off = np.abs(answers["probabilities"] - original["probabilities"]).max()
            off_embedding = np.abs(answers["embedding"] - original["embedding"]).max()
            scale = max(float(np.abs(original["embedding"]).max()), 1.0)
            # Not `off > AGREEMENT`, which is false for NaN.
            if not (off <= AGREEMENT and off_embedding <= EMBEDDING_AGREEMENT * scale):
                words = f"{signature} is {max(off, off_embedding):.1e} off the Keras original"
                return Check("agrees", False, words)
            largest = max(largest, float(off))
    except (OSError, ValueError, LookupError, TypeError) as error:
        return Check("agrees", False, str(error))
    except (card.CardError, loader.LoaderError) as error:
        return Check("agrees", False, str(error))
    words = f"with the Keras original to {largest:.1e} on {len(images)} images"
    return Check("agrees", True, words)


def _preparation(model: loader.LoadedModel, folder: Path) -> list[Check]:
    """Whether the graph makes the import's pictures of drawn files; of models that list steps.

    Told by the embeddings, which two signatures' graphs round apart by up to 4e-7 of the largest
    number. Resizing in another way moved them by 3e-2 of it, one grey level of every pixel by 3e-3.
    """
    try:
        settings = card.read_card(folder).get("image_steps", [])
        if not settings:
            return []
        recipe = steps_from(settings)
        with tempfile.TemporaryDirectory() as drawn:
            paths = _drawn_files(Path(drawn), recipe.size)
            files = np.array([path.read_bytes() for path in paths], dtype=object)
            pictures = np.stack([prepared(path, recipe) for path in paths])
        by_graph = model.run("serve_image_bytes", {"image_bytes": files})["embedding"]
        by_import = model.run("serving_default", {"images": pictures})["embedding"]
    except (OSError, ValueError, card.CardError, loader.LoaderError) as error:
        return [Check("prepares", False, str(error))]
    largest = np.abs(by_import).max() * EMBEDDING_AGREEMENT
    equal = int((np.abs(by_graph - by_import) <= largest).all(axis=1).sum())
    words = f"{equal} of {len(paths)} drawn files as the import does"
    return [Check("prepares", equal == len(paths), words)]


def _drawn_files(folder: Path, size: int) -> list[Path]:
    """Colour files of other shapes than the model's, larger and smaller, PNG and JPEG."""
    from PIL import Image

    rng = np.random.default_rng(0)
    paths = []
    for i, shape in enumerate([(2 * size + 3, size), (size // 2, size), (size + 7, 3 * size + 1)]):
        for ending, kind in ((".png", "PNG"), (".jpg", "JPEG")):
            pixels = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
            paths.append(folder / f"{i}{ending}")
            Image.fromarray(pixels).save(paths[-1], format=kind)
    return paths


def _decided_as(answers: dict[str, np.ndarray], found: dict[str, Any]) -> bool:
    """Whether labels and decisions are those that a card's class names and threshold give."""
    answered = task_of(_task(found)).class_of(answers["probabilities"], found["threshold"])
    labels = [name.encode() for name in answer_names(answered, found["class_names"])]
    decisions = answers.get("decisions", answered)
    return bool(answers["label"].tolist() == labels and np.array_equal(decisions, answered))


def _task(found: dict[str, Any]) -> str:
    """The task of a card; those from before there were several do not name it."""
    return found.get("task", "binary")


def _accuracy(folder: Path, found: dict[str, Any]) -> list[Check]:
    """Whether the card's accuracy is that of the scores, and above the majority class's."""
    try:
        with np.load(folder / "assets.extra" / TEST_SCORES) as arrays:
            labels, scores = arrays["labels"].astype(int), arrays["scores"]
            patients = arrays.get("patients")
        threshold, task = found["threshold"], _task(found)
        gain = card.majority_gain(labels, scores, threshold, task, patients)
        measured = metrics.evaluate(labels, scores, threshold, task)["metrics"]
        name = task_of(task).SERVED_ACCURACY
        claimed = found["metrics"]["this_seed"][name]["mean"]
    except (OSError, ValueError, KeyError, TypeError, InputError) as error:
        return [Check("metrics", False, str(error))]
    accuracy = measured[name]
    called = name.removesuffix(CHOSEN).replace("_", " ")
    same = Check(
        "metrics",
        abs(claimed - accuracy) < 1e-9,
        f"the card says {called} {claimed:.3f}, the test scores {accuracy:.3f}",
    )
    words = (
        f"{called} {accuracy:.3f} is {100 * gain['difference']:+.1f} points "
        f"[{100 * gain['low']:+.1f}, {100 * gain['high']:+.1f}] against always answering the more "
        f"frequent label ({accuracy - gain['difference']:.3f})"
    )
    return [same, Check("majority", gain["low"] > 0, words)]


if __name__ == "__main__":
    print(json.dumps([asdict(check) for check in ask(Path(sys.argv[1]))]))
