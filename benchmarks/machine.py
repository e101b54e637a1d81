"""What arithmetic, memory bandwidth and TensorFlow's kernels would allow the pretraining.

Measured here: float32 matrix products (numpy's BLAS), copies of arrays far larger than the caches,
and each convolution kernel of a training step of the default autoencoder at its batch of 128. The
step's arithmetic and bytes are counted from the layers' shapes: three convolutions a layer (output,
gradient of the weights, gradient of the input; the first layer needs none), every activation and
its gradient read and written once a use, weights and Adam's moments once a step. A bound in
images/s is what one of these would allow if nothing else took time; the roofline is the lower of
arithmetic and bandwidth (Williams et al. 2009).
Run from the repository: `python -m benchmarks.machine [--measured IMAGES_PER_SECOND] [--rounds N]`;
without `--measured`, tfmed's pretraining is measured first as in `benchmarks/pretraining.py`.
"""

import argparse
import json
import os
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from benchmarks import pretraining
from benchmarks.side_by_side import (
    ONE_THREAD,
    Contender,
    least_seconds,
    machine,
    markdown_table,
    spread,
    take_turn,
    take_turns,
    wait_for_start,
)
from tfmed.orchestration.provenance import usable_cores

BATCH = pretraining.fit_config("autoencoder", 1).batch_size
MATRIX, COPIED_BYTES = 768, 2**28
FLOAT = 4
Kind = Literal["convolution", "gradient of weights", "gradient of input"]


@dataclass(frozen=True)
class Layer:
    """One strided convolution, or transposed one, between a large and a small map.

    Attributes:
        name: of the Keras layer.
        large: (side, channels) of the map at the fine end.
        small: (side, channels) of the map at the coarse end.
        transposed: it goes from small to large.
        kernel: side of the filter.
    """

    name: str
    large: tuple[int, int]
    small: tuple[int, int]
    transposed: bool
    kernel: int = 3

    @property
    def flops(self) -> int:
        """Of one convolution of one image, a multiplication and an addition counted as two."""
        (_, c_large), (side, c_small) = self.large, self.small
        return 2 * side**2 * self.kernel**2 * c_large * c_small

    @property
    def floats(self) -> tuple[int, int]:
        """Numbers in the input and in the output of one image."""
        large, small = (side**2 * channels for side, channels in (self.large, self.small))
        return (small, large) if self.transposed else (large, small)


def layers_of(autoencoder: Any) -> list[Layer]:
    """The convolutions of a Keras autoencoder, in order."""
    found = []
    for part in autoencoder.layers[1:]:
        for layer in part.layers:
            if "Conv2D" not in type(layer).__name__:
                continue
            transposed = type(layer).__name__.endswith("Conv2DTranspose")
            ends = [(tensor.shape[1], tensor.shape[3]) for tensor in (layer.input, layer.output)]
            large, small = reversed(ends) if transposed else ends
            found.append(Layer(layer.name, large, small, transposed, layer.kernel_size[0]))
    return found


def flops_per_image(layers: list[Layer]) -> int:
    """Of the convolutions of one training step, forward and backward, for one image."""
    return sum(len(kinds(layer, first=layer is layers[0])) * layer.flops for layer in layers)


def bytes_per_image(layers: list[Layer], parameters: int) -> float:
    """Memory traffic of one training step for one image, weights shared by the batch.

    Forward: input read, output written. Backward: gradient of the output, output and input read,
    gradient of the input written (not by the first layer). Weights: read twice, their gradient
    written; Adam reads the gradient, the weight and two moments, and writes all but the gradient.
    """
    activations = 0
    for layer in layers:
        given, made = layer.floats
        activations += 2 * given + 3 * made + (0 if layer is layers[0] else given)
    return FLOAT * (activations + 10 * parameters / BATCH)


def kinds(layer: Layer, *, first: bool) -> list[Kind]:
    """TensorFlow's kernels that a layer needs in a training step."""
    if first:
        return ["convolution", "gradient of weights"]
    return ["convolution", "gradient of weights", "gradient of input"]


def kernel(layer: Layer, kind: Kind) -> Callable[[], Any]:
    """A call of one of TensorFlow's convolution kernels on a batch of random numbers.

    A transposed convolution is the gradient of a convolution's input, so a layer of either sort
    runs the same three kernels. (The decoder's last layer runs a faster one in place of the third.)
    """
    import tensorflow as tf

    (side, channels), (small_side, filters) = layer.large, layer.small
    large = tf.random.uniform((BATCH, side, side, channels))
    small = tf.random.uniform((BATCH, small_side, small_side, filters))
    weights = tf.random.uniform((layer.kernel, layer.kernel, channels, filters))
    settings = {"strides": [1, 2, 2, 1], "padding": "SAME"}
    raw = tf.raw_ops
    calls: dict[Kind, Callable[..., Any]] = {
        "convolution": lambda large, small, weights: raw.Conv2D(
            input=large, filter=weights, **settings
        ),
        "gradient of weights": lambda large, small, weights: raw.Conv2DBackpropFilter(
            input=large, filter_sizes=weights.shape, out_backprop=small, **settings
        ),
        "gradient of input": lambda large, small, weights: raw.Conv2DBackpropInput(
            input_sizes=large.shape, filter=weights, out_backprop=small, **settings
        ),
    }
    # Traced, as in training: called one by one some kernels take thrice as long. Arguments, because
    # constants could be worked out beforehand.
    traced = tf.function(calls[kind])
    return lambda: traced(large, small, weights)


def measure(threads: int) -> dict[str, Any]:
    """GFLOP/s, GB/s and seconds of each kernel in this process on some threads."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layers = layers_of(pretraining.build_model("autoencoder"))
    a, b = np.random.default_rng(0).random((2, MATRIX, MATRIX), dtype="float32")
    source, target = np.ones((2, COPIED_BYTES // 8), "float64")
    parts = list(zip(*(np.array_split(array, threads) for array in (target, source)), strict=True))
    calls = {
        (layer.name, kind): kernel(layer, kind)
        for layer in layers
        for kind in kinds(layer, first=layer is layers[0])
    }
    wait_for_start()
    with ThreadPoolExecutor(threads) as pool:
        copying = least_seconds(lambda: list(pool.map(lambda part: np.copyto(*part), parts)))
    product = np.empty_like(a)
    return {
        "gflops": 2 * MATRIX**3 / least_seconds(lambda: np.matmul(a, b, out=product)) / 1e9,
        "gbytes": 2 * COPIED_BYTES / copying / 1e9,
        "kernels": {f"{n}: {kind}": least_seconds(call) for (n, kind), call in calls.items()},
    }


def bounds(
    processes: list[dict[str, Any]], flops: float, traffic: float
) -> dict[str, tuple[float, float]]:
    """Per limit: the measured rate (GFLOP/s or GB/s) over all processes, and images/s."""
    gflops = sum(each["gflops"] for each in processes)
    gbytes = sum(each["gbytes"] for each in processes)
    kernels = sum(BATCH / sum(each["kernels"].values()) for each in processes)
    return {
        "arithmetic (matrix products), GFLOP/s": (gflops, gflops * 1e9 / flops),
        "memory bandwidth (copies), GB/s": (gbytes, gbytes * 1e9 / traffic),
        "TensorFlow's convolution kernels, GFLOP/s": (kernels * flops / 1e9, kernels),
    }


def kernel_table(layers: list[Layer], rounds: list[list[dict[str, Any]]]) -> str:
    """Time and GFLOP/s of each kernel of a step, one process of one thread alone."""
    rows = []
    for layer in layers:
        for kind in kinds(layer, first=layer is layers[0]):
            taken = [each[0]["kernels"][f"{layer.name}: {kind}"] for each in rounds]
            rates = [layer.flops * BATCH / seconds / 1e9 for seconds in taken]
            rows.append([f"{layer.name}, {kind}", f"{1000 * min(taken):.2f}", f"{max(rates):.1f}"])
    return markdown_table(["kernel, batch of 128", "ms", "GFLOP/s"], rows)


def measured_rate(rounds: int, images: int) -> float:
    """Images/s of tfmed over all cores in later epochs, the median of some rounds."""
    contender = pretraining.contenders("autoencoder")[0]
    arguments = [*contender.arguments, "--images", str(images), "--epochs", "2"]
    turn = Contender(contender.name, arguments, contender.processes, contender.environment)
    found = [take_turn("benchmarks.pretraining", turn) for _ in range(rounds)]
    return statistics.median(pretraining.rates(processes, images)[1] for processes in found)


def main() -> None:
    """Print the tables; or, with `--threads`, measure one process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--measured", type=float, metavar="IMAGES_PER_SECOND")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=pretraining.CHESTMNIST_TRAIN)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seed", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        print(json.dumps(measure(args.threads)))
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    cores = usable_cores()
    alone = Contender("1 process × 1 thread", ["--threads", "1"], 1, ONE_THREAD)
    beside = Contender(f"{cores} processes × 1 thread", ["--threads", "1"], cores, ONE_THREAD)
    threads = Contender(f"1 process × {cores} threads", ["--threads", str(cores)])
    measured = take_turns("benchmarks.machine", [alone, beside, threads], args.rounds)
    rate = args.measured or measured_rate(args.rounds, args.images)
    autoencoder = pretraining.build_model("autoencoder")
    layers = layers_of(autoencoder)
    flops, traffic = flops_per_image(layers), bytes_per_image(layers, autoencoder.count_params())
    print(f"{machine()}. A training step takes {flops / 1e6:.2f} MFLOP and {traffic / 1e3:.0f} kB")
    print(f"of memory traffic for an image; tfmed's pretraining does {rate:,.0f} images/s over")
    print(f"all cores. Least / median / most of {args.rounds} rounds.\n")
    rows = []
    for name, rounds in measured.items():
        found = [bounds(processes, flops, traffic) for processes in rounds]
        for limit in found[0]:
            reached = [each[limit][1] for each in found]
            share = f"{rate / statistics.median(reached):.0%}"
            rates = spread([each[limit][0] for each in found], 1)
            rows.append([f"{limit}; {name}", rates, spread(reached), share])
    print(markdown_table(["limit", "measured", "images/s it allows", "reached by tfmed"], rows))
    print(f"\n{kernel_table(layers, measured[alone.name])}")


if __name__ == "__main__":
    main()
