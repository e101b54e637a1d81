"""Images/s of a training epoch's batches: tfmed's tf.data pipelines against PyTorch's ways.

Every epoch shuffles all images afresh, cuts batches of 128 and gives float32 in [0, 1]; nothing is
trained. The `medmnist`-style Dataset makes a PIL image and a tensor of each image, as MedMNIST's
own does with torchvision's ToTensor. The first epoch, in which processes start and functions are
traced, is left out.
Run from the repository: `python -m benchmarks.input_pipeline [--rounds N] [--images N]`.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from benchmarks.side_by_side import (
    CHESTMNIST_TRAIN,
    Contender,
    generated_images,
    machine,
    markdown_table,
    ratio,
    spread,
    take_turns,
    wait_for_start,
)
from tfmed.execution.workers.local import worker_environment

BATCH = 128
CONTENDERS = [
    Contender("tfmed, image and label", ["--read", "classifier"]),
    Contender("tfmed, image and image", ["--read", "autoencoder"]),
    Contender("tfmed, image and label, 1 thread", ["--read", "one_thread"], 1,
              worker_environment(0, [])),
    Contender("PyTorch, tensors in memory", ["--read", "tensors"]),
    Contender("PyTorch DataLoader, in the process", ["--read", "loader_0"]),
    Contender("PyTorch DataLoader, 2 workers", ["--read", "loader_2"]),
]  # fmt: skip
TFMED = CONTENDERS[0].name
Epoch = Callable[[], Iterable[tuple[Any, Any]]]


def read_tfmed(images: np.ndarray, labels: np.ndarray, kind: str) -> Epoch:
    """The batches that tfmed trains classifiers or autoencoders on."""
    import tensorflow as tf

    if kind == "one_thread":
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    from tfmed.data import pipelines
    from tfmed.pretraining.autoencoder import Settings
    from tfmed.pretraining.images import viewed

    if kind == "autoencoder":
        shuffled = pipelines.image_batches(images, batch_size=BATCH, shuffle_seed=0)
        batches = viewed(shuffled, Settings(), 0)
    else:
        batches = pipelines.classifier_batches(
            images, labels[:, None].astype("float32"), batch_size=BATCH, shuffle_seed=0
        )
    return lambda: batches


def read_tensors(images: np.ndarray, labels: np.ndarray, kind: str) -> Epoch:
    """Scaled tensors in memory, indexed batch by batch."""
    import torch

    held = torch.from_numpy(images.transpose(0, 3, 1, 2).astype("float32") / 255).contiguous()
    held_labels = torch.from_numpy(labels)

    def epoch() -> Iterable[tuple[Any, Any]]:
        order = torch.randperm(len(held))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            yield held[rows], held_labels[rows]

    return epoch


def read_loader(images: np.ndarray, labels: np.ndarray, kind: str) -> Epoch:
    """A Dataset in the manner of MedMNIST's, read by a DataLoader."""
    import torch

    loader = torch.utils.data.DataLoader(
        MedmnistStyle(images[..., 0], labels[:, None]),
        batch_size=BATCH,
        shuffle=True,
        num_workers=int(kind[-1]),
    )
    return lambda: loader


class MedmnistStyle:
    """Map-style data set: row to (tensor of a PIL image, label)."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Holds uint8 images (n, height, width) and labels (n, 1)."""
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        """Number of images."""
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[Any, np.ndarray]:
        """One image as float32 (1, height, width) in [0, 1], and its label."""
        from PIL import Image

        return _to_tensor(Image.fromarray(self.images[row])), self.labels[row].astype(int)


def _to_tensor(image: Any) -> Any:
    import torch

    pixels = torch.from_numpy(np.array(image, np.uint8, copy=True))[..., None]
    return pixels.permute(2, 0, 1).contiguous().to(torch.get_default_dtype()).div(255)


def measure(kind: str, n: int) -> dict[str, float]:
    """Images/s of the second epoch of one contender.

    Raises:
        RuntimeError: an epoch did not hold every image once.
    """
    images, labels = generated_images(n), np.arange(n) % 2
    read = {"loader_0": read_loader, "loader_2": read_loader, "tensors": read_tensors}
    epoch = read.get(kind, read_tfmed)(images, labels, kind)
    for _ in epoch():
        pass
    wait_for_start()
    start = time.perf_counter()
    seen = sum(len(batch) for batch, _ in epoch())
    seconds = time.perf_counter() - start
    if seen != n:
        raise RuntimeError(f"{kind}: {seen} images in an epoch of {n}")
    return {"rate": n / seconds}


def main() -> None:
    """Print the table; or, with `--read`, measure one contender."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=CHESTMNIST_TRAIN)
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--seed", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        print(json.dumps(measure(args.read, args.images)))
        return
    size = ["--images", str(args.images)]
    contenders = [
        Contender(each.name, [*each.arguments, *size], each.processes, each.environment)
        for each in CONTENDERS
    ]
    measured = take_turns("benchmarks.input_pipeline", contenders, args.rounds)
    rates = {
        name: [process["rate"] for processes in rounds for process in processes]
        for name, rounds in measured.items()
    }
    rows = [[name, spread(found), ratio(rates[TFMED], found)] for name, found in rates.items()]
    print(f"{machine()}. {args.images:,} images, batch {BATCH}; least / median / most of the")
    print(f"{args.rounds} rounds.\n")
    print(markdown_table(["", "images/s", "tfmed's image and label over it"], rows))


if __name__ == "__main__":
    main()
