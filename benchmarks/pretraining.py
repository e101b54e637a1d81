"""Epochs of pretraining at ChestMNIST's size: tfmed, PyTorch and Keras `fit` as it comes.

All fit the default study's autoencoder (the same layers, batch size, optimiser, first weights'
distributions and generated images) and read 256 validation images after each epoch. PyTorch holds
scaled tensors in memory: once as it comes, and once tuned, when it first tries channels_last and
the fused Adam on some steps and keeps the fastest combination; the padding of its strided
convolutions is symmetric. tfmed's processes have the environment and the one thread that
`tfmed.execution.workers.local` gives them. The rate of several processes is that of all their
images from the first one's start to the last one's end.
Run from the repository: `python -m benchmarks.pretraining [--rounds N] [--epochs N] [--images N]`.
"""

import argparse
import functools
import itertools
import json
import time
from typing import Any

import numpy as np

from benchmarks.side_by_side import (
    CHESTMNIST_TRAIN,
    ONE_THREAD,
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
from tfmed.pretraining.autoencoder import Settings
from tfmed.training.settings import FitSettings

CONTENDERS = [
    Contender("tfmed, 2 processes × 1 thread", ["--fit", "tfmed"], 2, worker_environment(0, [])),
    Contender("tfmed, 1 process × 1 thread", ["--fit", "tfmed"], 1, worker_environment(0, [])),
    Contender("PyTorch as it comes, 1 process × all threads", ["--fit", "torch"]),
    Contender("PyTorch tuned, 1 process × all threads", ["--fit", "tuned torch"]),
    Contender("PyTorch tuned, 2 processes × 1 thread", ["--fit", "tuned torch"], 2, ONE_THREAD),
    Contender("Keras `fit`, 1 process × all threads", ["--fit", "keras"]),
]
TFMED = CONTENDERS[0].name
VALIDATION_IMAGES = 256
TRIED_STEPS = 40


def fit_config(epochs: int) -> FitSettings:
    """The default study's pretraining, for a fixed number of epochs."""
    fit = Settings().fit
    return fit.model_copy(update={"epochs": epochs, "patience": 0})


def images(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Generated training and validation images, uint8."""
    generated = generated_images(n + VALIDATION_IMAGES)
    return generated[:n], generated[n:]


def build_autoencoder() -> Any:
    """The default study's autoencoder."""
    from tfmed.encoders import plain
    from tfmed.pretraining import autoencoder

    return autoencoder.build(Settings(), plain.build(plain.Settings(), (28, 28, 1)))


def fit_tfmed(n: int, epochs: int, seed: int) -> dict[str, Any]:
    """`tfmed.training.fitting.fit_unlabelled` on one thread, as a worker of
    `tfmed.execution.workers.local` calls it.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from tfmed.data.pipelines import image_batches
    from tfmed.pretraining.images import viewed
    from tfmed.training import fitting

    train, val = images(n)
    fitting.seed_everything(seed)
    autoencoder = build_autoencoder()
    wait_for_start()
    clock = [time.perf_counter()]
    fit = fit_config(epochs)
    shuffled = image_batches(train, batch_size=fit.batch_size, shuffle_seed=seed)
    in_order = image_batches(val, batch_size=fitting.PREDICT_BATCH)
    fitted = fitting.fit_unlabelled(
        autoencoder,
        "mse",
        viewed(shuffled, Settings(), seed),
        viewed(in_order, Settings(), None),
        fit,
        lambda _: clock.append(time.perf_counter()),
    )
    return {
        "clock": clock,
        "loss": fitted.history["val_loss"][-1],
        "parameters": autoencoder.count_params(),
        "note": "",
    }


def fit_keras(n: int, epochs: int, seed: int) -> dict[str, Any]:
    """`compile` and `fit` on arrays, every setting left as it comes."""
    import keras

    train, val = (part.astype("float32") / 255 for part in images(n))
    config = fit_config(epochs)
    keras.utils.set_random_seed(seed)
    autoencoder = build_autoencoder()
    wait_for_start()
    clock = [time.perf_counter()]
    autoencoder.compile(keras.optimizers.Adam(config.learning_rate), loss="mse")
    history = autoencoder.fit(
        train,
        train,
        validation_data=(val, val),
        batch_size=config.batch_size,
        epochs=config.epochs,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: clock.append(time.perf_counter())
            )
        ],
        verbose=0,
    ).history
    return {
        "clock": clock,
        "loss": history["val_loss"][-1],
        "parameters": autoencoder.count_params(),
        "note": "",
    }


def fit_torch(n: int, epochs: int, seed: int, *, tuned: bool = False) -> dict[str, Any]:
    """A plain loop over batches of tensors in memory, with the fastest settings if `tuned`."""
    import torch
    from torch.nn.functional import mse_loss

    train, val = (
        torch.from_numpy(part.transpose(0, 3, 1, 2).astype("float32") / 255) for part in images(n)
    )
    config = fit_config(epochs)
    layout, fused = _fastest(train, config) if tuned else (torch.contiguous_format, False)
    torch.manual_seed(seed)
    model, step = _torch_step(config, layout, fused)
    train, val = (part.contiguous(memory_format=layout) for part in (train, val))
    wait_for_start()
    clock = [time.perf_counter()]
    for _ in range(config.epochs):
        order = torch.randperm(len(train))
        for start in range(0, len(train), config.batch_size):
            step(train[order[start : start + config.batch_size]])
        with torch.no_grad():
            loss = mse_loss(model(val), val).item()
        clock.append(time.perf_counter())
    name = "channels_last" if layout == torch.channels_last else "contiguous"
    return {
        "clock": clock,
        "loss": loss,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "note": f"{name}, {'fused' if fused else 'default'} Adam",
    }


FITS = {
    "tfmed": fit_tfmed,
    "torch": fit_torch,
    "tuned torch": functools.partial(fit_torch, tuned=True),
    "keras": fit_keras,
}


def _fastest(train: Any, config: FitSettings) -> tuple[Any, bool]:
    """Memory layout and fused or default Adam, whichever does some steps in the least time."""
    import torch

    def seconds(layout: Any, fused: bool) -> float:
        _, step = _torch_step(config, layout, fused)
        batch = train[: config.batch_size].contiguous(memory_format=layout)
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            for _ in range(TRIED_STEPS):
                step(batch)
            best = min(best, time.perf_counter() - start)
        return best

    layouts = (torch.contiguous_format, torch.channels_last)
    tried = itertools.product(layouts, (False, True))
    return min(tried, key=lambda combination: seconds(*combination))


def _torch_step(config: FitSettings, layout: Any, fused: bool) -> tuple[Any, Any]:
    import torch
    from torch.nn.functional import mse_loss

    model = _torch_autoencoder().to(memory_format=layout)
    optimiser = torch.optim.Adam(
        model.parameters(), config.learning_rate, eps=1e-7, fused=True if fused else None
    )

    def step(batch: Any) -> None:
        optimiser.zero_grad()
        mse_loss(model(batch), batch).backward()
        optimiser.step()

    return model, step


def _torch_autoencoder() -> Any:
    """The default study's autoencoder in PyTorch, with Keras's initial distributions."""
    from torch import nn
    from torch.nn import init

    def up(*channels: int, rest: int) -> nn.Module:
        return nn.ConvTranspose2d(*channels, 3, stride=2, padding=1, output_padding=rest)

    model = nn.Sequential(
        *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
        *(up(64, 32, rest=0), nn.ReLU()),
        *(up(32, 16, rest=1), nn.ReLU()),
        *(up(16, 1, rest=1), nn.Sigmoid()),
    )
    for layer in model:
        if hasattr(layer, "weight"):
            init.kaiming_normal_(layer.weight, nonlinearity="relu")
            init.zeros_(layer.bias)
    return model


def rates(processes: list[dict[str, Any]], n: int) -> tuple[float, float]:
    """Images/s over all processes in the first epoch, and in the ones after it."""
    clocks = [process["clock"] for process in processes]
    total, later = n * len(clocks), n * len(clocks) * (len(clocks[0]) - 2)
    first = max(clock[1] for clock in clocks) - min(clock[0] for clock in clocks)
    rest = max(clock[-1] for clock in clocks) - min(clock[1] for clock in clocks)
    return total / first, later / rest


def table(measured: dict[str, list[list[dict[str, Any]]]], n: int) -> str:
    """One row per contender.

    Raises:
        RuntimeError: the contenders did not fit the same number of parameters.
    """
    every = [each for rounds in measured.values() for processes in rounds for each in processes]
    parameters = {each["parameters"] for each in every}
    if len(parameters) != 1:
        raise RuntimeError(f"the contenders differ in their parameters: {sorted(parameters)}")
    found = {
        name: [rates(processes, n) for processes in rounds] for name, rounds in measured.items()
    }
    later = {name: [rest for _, rest in values] for name, values in found.items()}
    rows = []
    for name, rounds in measured.items():
        notes = sorted({each["note"] for processes in rounds for each in processes} - {""})
        losses = [each["loss"] for processes in rounds for each in processes]
        rows.append(
            [
                f"{name} ({'; '.join(notes)})" if notes else name,
                spread([first for first, _ in found[name]]),
                spread(later[name]),
                ratio(later[TFMED], later[name]),
                f"{min(losses):.5f} to {max(losses):.5f}",
            ]
        )
    header = ["", "first epoch", "later epochs", "tfmed's 2 × 1 over it", "validation MSE"]
    return (
        f"{parameters.pop():,} parameters; images/s, least / median / most of the rounds.\n\n"
        + (markdown_table(header, rows))
    )


def main() -> None:
    """Print the table; or, with `--fit`, measure one contender."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="2 or more; the first stands apart")
    parser.add_argument("--images", type=int, default=CHESTMNIST_TRAIN)
    parser.add_argument("--fit", choices=FITS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.epochs < 2:
        parser.error("--epochs must be 2 or more")
    if args.fit:
        print(json.dumps(FITS[args.fit](args.images, args.epochs, args.seed)))
        return
    sizes = ["--images", str(args.images), "--epochs", str(args.epochs)]
    contenders = [
        Contender(each.name, [*each.arguments, *sizes], each.processes, each.environment)
        for each in CONTENDERS
    ]
    measured = take_turns("benchmarks.pretraining", contenders, args.rounds)
    print(f"{machine()}. {args.epochs} epochs of {args.images:,} images, batch 128;")
    print(table(measured, args.images))


if __name__ == "__main__":
    main()
