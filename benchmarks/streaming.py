"""Resident memory of pretraining on images that are streamed from records.

For a quarter, half and all of N generated 224 × 224 images, each in a fresh process: the `.npz` is
verified, records are written, an epoch is read, and a pretraining is done for some steps. Peaks
are the process's high-water mark up to the end of that stage, so they only rise along a row.
Run from the repository: `python -m benchmarks.streaming [N] [--method simclr] [--keep FOLDER]`.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

SIDE, CHESTMNIST_TRAIN = 224, 78_468
BATCH, CHUNK = 64, 512
MEBIBYTE = 2**20


def peak_mb() -> float:
    """High-water mark of this process's resident memory (Linux counts in kB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MEBIBYTE if sys.platform == "darwin" else peak / 1024


def resident_mb() -> float:
    """Resident memory of this process now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / MEBIBYTE


def write_npz(path: Path, n_train: int) -> None:
    """Smooth random images in MedMNIST's format, written a chunk at a time."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 200, (CHUNK, 8, 8), np.uint8)
    smooth = coarse.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)
    with zipfile.ZipFile(path, "w") as archive:
        sizes = {"train": n_train, "val": BATCH * 4, "test": BATCH * 4}
        for brighter, (split, n) in zip((0, 51, 52), sizes.items(), strict=True):
            write_array(archive, f"{split}_labels.npy", (np.arange(n) % 2).astype(np.uint8))
            with archive.open(f"{split}_images.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "|u1", "fortran_order": False, "shape": (n, SIDE, SIDE)}
                )
                for start in range(0, n, CHUNK):
                    rows = min(CHUNK, n - start)
                    # Another brightness for each chunk, so that no split holds another's images.
                    added = np.uint8(start // CHUNK % 50 + brighter)
                    member.write((smooth[:rows] + added).tobytes())


def write_array(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    """A small array as a member of the archive."""
    with archive.open(name, "w") as member:
        np.lib.format.write_array(member, array)


def measure(folder: Path, n_train: int, steps: int, method: str) -> dict[str, float]:
    """Peaks in MiB, current memory in MiB and rates in images/s of one size."""
    import tensorflow as tf

    from tfmed.data.records import write_records
    from tfmed.data.sources import loading_notice, resolve
    from tfmed.data.streaming import stream_images

    row = {"images": n_train, "MiB of images": n_train * SIDE**2 / MEBIBYTE, "import": peak_mb()}
    path = folder / f"generated_{n_train}.npz"
    write_npz(path, n_train)
    info = resolve(str(path), data_root=folder, cache_dir=folder, role="source")
    row["resolve"] = peak_mb()
    print(loading_notice(info), file=sys.stderr)
    start = time.perf_counter()
    records = write_records(info, folder / "records")
    row |= {"records": peak_mb(), "written/s": n_train / (time.perf_counter() - start)}
    images = stream_images(records, "train", batch_size=BATCH, shuffle_seed=0)
    start = time.perf_counter()
    n_read = sum(int(tf.shape(batch)[0]) for batch in images)
    assert n_read == n_train, f"{n_read} images in an epoch of {n_train}"
    row |= {"epoch": peak_mb(), "read/s": n_read / (time.perf_counter() - start)}
    return row | pretrain(info, folder, steps, method)


def pretrain(info, folder: Path, n_steps: int, method: str) -> dict[str, float]:
    """The study's own pretraining, one epoch of so many steps, sampling memory."""
    from tfmed import encoders, pretraining, steps
    from tfmed.training import fitting
    from tfmed.training.settings import PretrainingFit

    os.environ["TFMED_CACHE"] = str(folder)
    auto = PretrainingFit().resolved(info.n_images("train"), SIDE).batch_size
    batch = BATCH if method == "autoencoder" else auto
    fit = PretrainingFit(epochs=1, batch_size=batch, learning_rate=2e-3, patience=3)
    settings = pretraining.settings_class(method)(
        fit=fit, max_images=n_steps * batch, images="source", held_out=0.0
    )
    encoder = "plain" if method == "autoencoder" else "residual"
    spec = {
        "encoder": encoders.settings_class(encoder)().model_dump(),
        "pretraining": settings.model_dump(),
        "files": settings.files(),
    }
    fitting.STEPS_PER_EXECUTION = 1  # to see memory after every step
    resident: list[float] = []
    keras_fit = fitting.keras.Model.fit

    def watched(model, *args, callbacks, **options):
        sample = fitting.keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda step, logs: resident.append(resident_mb())
        )
        return keras_fit(model, *args, callbacks=[*callbacks, sample], **options)

    fitting.keras.Model.fit = watched
    start = time.perf_counter()
    steps.perform("pretrain", spec, {"source": info}, {}, lambda share: None)
    return {
        "first step": resident[0],
        "last step": resident[-1],
        "pretrain": peak_mb(),
        "fitted/s": len(resident) * batch / (time.perf_counter() - start),
    }


def measured_apart(folder: Path, n_train: int, steps: int, method: str) -> dict[str, float]:
    """`measure` in a process of its own, whose high-water mark starts afresh."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (folder, n_train, steps, method))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("n", type=int, nargs="?", default=CHESTMNIST_TRAIN, help="images")
    parser.add_argument("--steps", type=int, default=40, help="steps to fit")
    parser.add_argument("--method", default="autoencoder", help="of pretraining")
    parser.add_argument("--keep", type=Path, help="work in this folder and leave the files there")
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    folder = args.keep or Path(tempfile.mkdtemp(prefix="tfmed-streaming-"))
    try:
        for position, n_train in enumerate((args.n // 4, args.n // 2, args.n)):
            inside = folder / str(n_train)
            inside.mkdir(exist_ok=True)
            row = measured_apart(inside, n_train, args.steps, args.method)
            if position == 0:
                print("memory in MiB: peaks up to the end of each stage; of steps, as it was then")
                print(" | ".join(row))
            print(" | ".join(f"{row[name]:>{len(name)},.0f}" for name in row), flush=True)
            if not args.keep:
                shutil.rmtree(inside)
    finally:
        if not args.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
