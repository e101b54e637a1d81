"""Latency and throughput of an exported model in process, against the plain Keras call.

    python -m benchmarks.serving [--side 28] [--channels 1] [--seconds 3]

Prints a Markdown table: p50 and p99 in milliseconds and images per second, at batch 1, 32 and 256,
of

- `Keras call`: `model(images, training=False)` on images scaled to [0, 1], as a program that holds
  the model itself would call it;
- `serving_default`: the exported signature on uint8 images, through `tf.saved_model.load`;
- `serve_image_bytes`: the exported signature on PNG files, decoding included;
- `C++ loader`: `serving_default` through TensorFlow's C API, the nearest thing to a server.

The model has the default study's architecture and random weights, which cost the same as trained
ones. Numbers of a machine that does other things at the same time are worth nothing.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from tfmed.data import DatasetInfo
from tfmed.data.pipelines import scale_images
from tfmed.encoders import plain
from tfmed.serving import export, gate, loader
from tfmed.serving.card import Evidence
from tfmed.tasks import task_of
from tfmed.training import heads

BATCHES = (1, 32, 256)
FEWEST_CALLS = 20


def measure(call: Callable[[], object], seconds: float) -> np.ndarray:
    """Seconds of each call, after some that do not count."""
    for _ in range(5):
        call()
    times: list[float] = []
    while sum(times) < seconds or len(times) < FEWEST_CALLS:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return np.array(times)


def build(shape: tuple[int, int, int]) -> keras.Model:
    """The default study's classifier with random weights."""
    keras.utils.set_random_seed(0)
    encoder = plain.build(plain.Settings(), shape)
    head = heads.build_head(encoder.output_shape[1:], task_of("binary").output(2))
    return heads.build_classifier(encoder, head, trainable=False)


def evidence(shape: tuple[int, int, int]) -> Evidence:
    """What an export asks for, of invented scores."""
    labels = np.arange(100) % 2
    task = DatasetInfo(
        name="benchmark",
        title="Benchmark",
        description="",
        license="",
        path=Path("none.npz"),
        md5="",
        synthetic=True,
        image_shape=shape,
        class_names=("0", "1"),
        n_labels=1,
        counts=dict.fromkeys(("train", "val", "test"), (50, 50)),
    )
    return Evidence(
        name="benchmark",
        source="benchmark",
        task=task,
        pretrained_on=None,
        training={},
        class_balance=dict.fromkeys(("train", "val", "test"), (50, 50)),
        threshold=0.5,
        labels=labels,
        scores=labels * 0.5 + 0.25,
        seed_scores={"benchmark": labels * 0.5 + 0.25},
        seed_thresholds={"benchmark": 0.5},
    )


def ways(
    classifier: keras.Model, folder: Path, in_cpp: loader.LoadedModel, images: np.ndarray
) -> dict[str, Callable[[], object]]:
    """Each way to ask for a batch, with the answer in numpy."""
    signatures = tf.saved_model.load(str(folder)).signatures
    arrays, of_bytes = signatures["serving_default"], signatures["serve_image_bytes"]
    files = gate.as_png_files(images)

    def keras_call() -> object:
        return classifier(scale_images(images), training=False).numpy()

    def serving_default() -> object:
        return arrays(images=tf.constant(images))["probabilities"].numpy()

    def serve_image_bytes() -> object:
        return of_bytes(image_bytes=tf.constant(files.tolist()))["probabilities"].numpy()

    def cpp() -> object:
        return in_cpp.run("serving_default", {"images": images})

    return {
        "Keras call": keras_call,
        "`serving_default`": serving_default,
        "`serve_image_bytes`": serve_image_bytes,
        "`serving_default`, C++ loader": cpp,
    }


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=28, help="pixels of a side (default: 28)")
    parser.add_argument("--channels", type=int, default=1, choices=(1, 3))
    parser.add_argument("--seconds", type=float, default=3.0, help="per measurement (default: 3)")
    options = parser.parse_args()
    shape = (options.side, options.side, options.channels)
    classifier = build(shape)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        export.write_version(classifier, folder, evidence(shape))
        print(f"images {shape}, {os.cpu_count()} cores, TensorFlow {tf.__version__}\n")
        print("| way | batch | p50, ms | p99, ms | images/s |\n|---|---|---|---|---|")
        with loader.load(folder) as in_cpp:
            for batch in BATCHES:
                images = rng.integers(0, 256, (batch, *shape), dtype=np.uint8)
                for name, call in ways(classifier, folder, in_cpp, images).items():
                    times = measure(call, options.seconds)
                    middle, slow = 1000 * np.quantile(times, (0.5, 0.99))
                    rate = batch * len(times) / times.sum()
                    print(f"| {name} | {batch} | {middle:.2f} | {slow:.2f} | {rate:,.0f} |")


if __name__ == "__main__":
    main()
