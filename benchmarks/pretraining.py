"""Epochs of pretraining at ChestMNIST's size: tfmed, PyTorch, and Keras `fit` as it comes.

`--method autoencoder`: the autoencoder of the encoder `plain`; `--method simclr`: SimCLR of the
encoder `residual`, beside lightly's loss and views by Kornia or torchvision. All contenders fit the
same layers with the same batch size, optimiser, first weights' distributions and generated images,
and measure 256 validation images after each epoch. PyTorch holds scaled tensors in memory: as it
comes, and tuned, when it first tries recipes (`benchmarks/pretraining_torch.py`) on some steps and
keeps the fastest. tfmed's processes have the environment and the one thread that its workers have.
The rate of several processes is that of all their images from the first one's start to the last
one's end; a process of SimCLR makes two views of each image.
Run from the repository: `python -m benchmarks.pretraining [--method NAME] [--rounds N]
[--epochs N] [--images N]`.
"""

import argparse
import functools
import json
import time
from typing import Any

import numpy as np

from benchmarks.side_by_side import (
    CHESTMNIST_TRAIN,
    ONE_THREAD,
    SIDE,
    Contender,
    generated_images,
    machine,
    markdown_table,
    ratio,
    spread,
    take_turns,
    wait_for_start,
)
from tfmed import encoders, pretraining
from tfmed.execution.one_thread import use_one_thread
from tfmed.execution.workers.local import worker_environment
from tfmed.training.settings import FitSettings

ENCODERS = {"autoencoder": "plain", "simclr": "residual"}
"""Method to the encoder that it trains here."""
LOSSES = {"autoencoder": "MSE", "simclr": "NT-Xent"}
VALIDATION_IMAGES = 256


def contender(name: str, method: str, fit: str, processes: int = 1) -> Contender:
    """One of several processes works on one thread, one alone on all; tfmed always on one."""
    environment = ONE_THREAD if processes > 1 else {}
    if fit == "tfmed":
        environment = worker_environment(0, [])
    return Contender(name, ["--method", method, "--fit", fit], processes, environment)


def contenders(method: str) -> list[Contender]:
    """Of one method, tfmed on all cores first."""
    of = functools.partial(contender, method=method)
    mine = of("tfmed, 2 processes × 1 thread", fit="tfmed", processes=2)
    if method == "autoencoder":
        return [
            mine,
            of("tfmed, 1 process × 1 thread", fit="tfmed"),
            of("PyTorch as it comes, 1 process × all threads", fit="torch"),
            of("PyTorch tuned, 1 process × all threads", fit="tuned torch"),
            of("PyTorch tuned, 2 processes × 1 thread", fit="tuned torch", processes=2),
            of("Keras `fit`, 1 process × all threads", fit="keras"),
        ]
    return [
        mine,
        of("lightly as it comes, Kornia, 1 process × all threads", fit="Kornia"),
        of("lightly as it comes, torchvision, 1 process × all threads", fit="torchvision"),
        of("lightly, batches changed alike, 1 process × all threads", fit="torchvision alike"),
        of("lightly tuned, 1 process × all threads", fit="tuned torch"),
        of("lightly tuned, 2 processes × 1 thread", fit="tuned torch", processes=2),
    ]


def settings_of(method: str) -> Any:
    """What a study has that sets nothing."""
    return pretraining.settings_class(method)()


def fit_config(method: str, epochs: int) -> FitSettings:
    """As a study of ChestMNIST's size sets it, for a fixed number of epochs."""
    fit = settings_of(method).fit.resolved(CHESTMNIST_TRAIN)
    return fit.model_copy(update={"epochs": epochs, "patience": 0})


def images(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Generated training and validation images, uint8."""
    generated = generated_images(n + VALIDATION_IMAGES)
    return generated[:n], generated[n:]


def build_model(method: str) -> Any:
    """What the method fits, around its encoder."""
    encoder = encoders.build({"name": ENCODERS[method]}, (SIDE, SIDE, 1))
    return pretraining.method(method).build(settings_of(method), encoder)


def trained_parameters(model: Any) -> int:
    """Of a Keras model: moving statistics are none, as in PyTorch."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def fit_tfmed(method: str, n: int, epochs: int, seed: int) -> dict[str, Any]:
    """`tfmed.training.fitting.fit_unlabelled` on one thread, as a worker's job calls it."""
    use_one_thread()
    from tfmed.data.pipelines import image_batches
    from tfmed.pretraining.images import viewed
    from tfmed.training import fitting

    train, val = images(n)
    settings, fit = settings_of(method), fit_config(method, epochs)
    fitting.seed_everything(seed)
    model = build_model(method)
    wait_for_start()
    clock = [time.perf_counter()]
    shuffled = image_batches(train, batch_size=fit.batch_size, shuffle_seed=seed)
    in_order = image_batches(val, batch_size=fitting.PREDICT_BATCH)
    fitted = fitting.fit_unlabelled(
        model,
        pretraining.method(method).loss(settings),
        viewed(shuffled, settings, seed),
        viewed(in_order, settings, None),
        fit,
        lambda _: clock.append(time.perf_counter()),
    )
    return {
        "clock": clock,
        "loss": fitted.history["val_loss"][-1],
        "parameters": trained_parameters(model),
        "note": "",
    }


def fit_keras(method: str, n: int, epochs: int, seed: int) -> dict[str, Any]:
    """`compile` and `fit` of the autoencoder on arrays, every setting left as it comes."""
    import keras

    train, val = (part.astype("float32") / 255 for part in images(n))
    config = fit_config(method, epochs)
    keras.utils.set_random_seed(seed)
    autoencoder = build_model(method)
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
        "parameters": trained_parameters(autoencoder),
        "note": "",
    }


def fit_torch(
    method: str, n: int, epochs: int, seed: int, *, views: str = "", tuned: bool = False
) -> dict[str, Any]:
    """A plain loop over batches of tensors in memory, by the fastest recipe if `tuned`."""
    from benchmarks import pretraining_torch

    recipe = pretraining_torch.Recipe(views=views)
    config = fit_config(method, epochs)
    return pretraining_torch.fit(method, images(n), config, seed, recipe, tuned=tuned)


FITS = {
    "tfmed": fit_tfmed,
    "torch": fit_torch,
    "Kornia": functools.partial(fit_torch, views="Kornia"),
    "torchvision": functools.partial(fit_torch, views="torchvision"),
    "torchvision alike": functools.partial(fit_torch, views="torchvision alike"),
    "tuned torch": functools.partial(fit_torch, tuned=True),
    "keras": fit_keras,
}


def rates(processes: list[dict[str, Any]], n: int) -> tuple[float, float]:
    """Images/s over all processes in the first epoch, and in the ones after it."""
    clocks = [process["clock"] for process in processes]
    total, later = n * len(clocks), n * len(clocks) * (len(clocks[0]) - 2)
    first = max(clock[1] for clock in clocks) - min(clock[0] for clock in clocks)
    rest = max(clock[-1] for clock in clocks) - min(clock[1] for clock in clocks)
    return total / first, later / rest


def table(measured: dict[str, list[list[dict[str, Any]]]], n: int, loss: str) -> str:
    """One row per contender, the first one compared with all.

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
    tfmed = next(iter(later.values()))
    rows = []
    for name, rounds in measured.items():
        notes = sorted({each["note"] for processes in rounds for each in processes} - {""})
        losses = [each["loss"] for processes in rounds for each in processes]
        rows.append(
            [
                f"{name} ({'; '.join(notes)})" if notes else name,
                spread([first for first, _ in found[name]]),
                spread(later[name]),
                ratio(tfmed, later[name]),
                f"{min(losses):.5f} to {max(losses):.5f}",
            ]
        )
    header = ["", "first epoch", "later epochs", "tfmed's 2 × 1 over it", f"validation {loss}"]
    head = f"{parameters.pop():,} parameters; images/s, least / median / most of the rounds."
    return f"{head}\n\n{markdown_table(header, rows)}"


def main() -> None:
    """Print the table; or, with `--fit`, measure one contender."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", choices=ENCODERS, default="autoencoder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2, help="2 or more; the first stands apart")
    parser.add_argument("--images", type=int, default=CHESTMNIST_TRAIN)
    parser.add_argument("--fit", choices=FITS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.epochs < 2:
        parser.error("--epochs must be 2 or more")
    if args.fit:
        print(json.dumps(FITS[args.fit](args.method, args.images, args.epochs, args.seed)))
        return
    sizes = ["--images", str(args.images), "--epochs", str(args.epochs)]
    turns = [
        Contender(each.name, [*each.arguments, *sizes], each.processes, each.environment)
        for each in contenders(args.method)
    ]
    measured = take_turns("benchmarks.pretraining", turns, args.rounds)
    batch = fit_config(args.method, args.epochs).batch_size
    print(f"{machine()}. {args.epochs} epochs of {args.images:,} images, batch {batch};")
    print(table(measured, args.images, LOSSES[args.method]))


if __name__ == "__main__":
    main()
