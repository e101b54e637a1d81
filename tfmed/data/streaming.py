"""Images that do not fit in memory: TFDS records made once, then streamed.

A set too large for memory (`DatasetInfo.fits_in_memory`) is written as sharded TFRecords by a
TensorFlow Datasets builder (`write_records`) and read batch by batch (`stream_images`); memory
depends on the shuffle buffer and not on the number of images. The records are an ordinary TFDS
set: `tfds.load(records_name(info), data_dir=folder)`.

Images are stored as raw bytes: at 224 × 224 they are read nine times as fast as PNG (10,900
against 1,240 images/s on one thread), and PNG is written at 144 images/s at most; its files would
be half as large.
"""

import contextlib
import dataclasses
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging as absl_logging
from tensorflow_datasets.core import shuffle

from tfmed.cache import mark_used
from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers.npz_file import stream_npz
from tfmed.data.integrity import unchanged
from tfmed.data.loading import load_columns
from tfmed.errors import InputError, printable
from tfmed.locks import alone_in
from tfmed.tasks import task_of

if TYPE_CHECKING:
    import tensorflow as tf

SHUFFLE_BUFFER = 128 << 20
"""Bytes of images that wait to be drawn from: 2,674 of 224 × 224 pixels."""

_CYCLE = 8  # shards read in turns
_READ_BYTES = 256 << 10  # read at once from a shard
_SORTING_BYTES = 128 << 20  # records in memory while they are written
_RECORD_OVERHEAD = 16  # bytes that TFRecord adds to each record: length and two checksums
_DISK_RESERVE = 1.1


@dataclasses.dataclass(eq=False)
class RecordsConfig(tfds.core.BuilderConfig):
    """One data set of the builder; its name carries the MD5 of the file it is made from.

    Attributes:
        source: the verified data set; None only where TFDS makes a config by itself.
    """

    source: DatasetInfo | None = None

    @classmethod
    def of(cls, info: DatasetInfo) -> "RecordsConfig":
        """The config of a resolved data set."""
        return cls(_config_name(info), description=info.title, source=info)


class MedmnistRecords(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of any verified `.npz` in MedMNIST's format, at any of its sizes.

    Splits `train`, `val`, `test`. Features: `image` uint8 (height, width, channels); `label`, 0 or
    1, any finding against none; `findings` uint8 (n_labels,), the labels of the file; `row`, the
    image's place in its split of the file. The order on disk is shuffled, the same everywhere.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "Raw images, binary label, original findings."
    }

    @property
    def _source(self) -> DatasetInfo:
        source = getattr(self.builder_config, "source", None)
        if source is None:
            raise InputError(
                "these records have not been written: call tfmed.data.streaming.write_records, and "
                "name them in tfds.load by records_name"
            )
        return source

    def _info(self) -> tfds.core.DatasetInfo:
        source = self._source
        return tfds.core.DatasetInfo(
            builder=self,
            description=source.description or source.title,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(
                        shape=source.image_shape, dtype=np.uint8, encoding="bytes"
                    ),
                    "label": tfds.features.ClassLabel(names=list(source.class_names)),
                    "findings": tfds.features.Tensor(
                        shape=(source.n_labels,), dtype=np.uint8, encoding="bytes"
                    ),
                    "row": tfds.features.Scalar(np.int64),
                }
            ),
            supervised_keys=("image", "label"),
            license=source.license or None,
            metadata=tfds.core.MetadataDict(md5=source.md5, synthetic=source.synthetic),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[tuple[int, dict]]]:
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        source = self._source
        row = 0
        with unchanged(source):
            columns = load_columns(source, split)
            labels = task_of(source.task).labels_of(columns)
            findings = (columns != 0).reshape(len(columns), -1).astype(np.uint8)
            for images in stream_npz(source.path, f"{split}_images"):
                for image in images.reshape(-1, *source.image_shape):
                    yield (
                        row,
                        {
                            "image": image,
                            "label": int(labels[row]),
                            "findings": findings[row],
                            "row": row,
                        },
                    )
                    row += 1


def records_name(info: DatasetInfo) -> str:
    """What `tfds.load` calls the records of a data set: `medmnist_records/<name>-<MD5>`."""
    return f"{MedmnistRecords.name}/{_config_name(info)}"


def write_records(info: DatasetInfo, folder: Path) -> Path:
    """Write a data set as sharded TFRecords, once; whole records are found again by their MD5.

    The records appear when they are whole. What a killed process left is removed by the next call;
    processes that want the same records take turns. Memory stays below 1 GB at any number of
    images, and nothing asks the network.

    Args:
        info: what `resolve` returned.
        folder: the `data_dir` of TFDS; made if it is not there. Needs the size of the images as
            free space.

    Returns:
        The folder of the records, for `stream_images` or `tfds.builder_from_directory`.

    Raises:
        InputError: the file changed since it was verified or cannot be streamed, or the records
            cannot be written.
    """
    folder = folder.absolute()
    path = folder / MedmnistRecords.name / _config_name(info) / str(MedmnistRecords.VERSION)
    if not _is_whole(path):
        with _writing(info, folder), alone_in(path.parent):
            _remove_unfinished(path)
            if not _is_whole(path):  # another process may have written them meanwhile
                shutil.rmtree(path, ignore_errors=True)
                _check_space(info, folder)
                _build(info, path)
    mark_used(path / "dataset_info.json")
    return path


def stream_images(
    folder: Path,
    split: str,
    *,
    batch_size: int,
    shuffle_seed: int | None,
    shuffle_buffer: int = SHUFFLE_BUFFER,
    take: int | None = None,
    skip: int = 0,
) -> "tf.data.Dataset":
    """Batches of images from records, each image once an epoch, in bounded memory.

    The shuffle has three parts: the order on disk is random already, the shards are read in
    another order every epoch, and each image is drawn from a buffer. As with every `tf.data`
    shuffle, TensorFlow's global seed counts too where one is set.

    Args:
        folder: what `write_records` returned.
        split: `train`, `val` or `test`.
        batch_size: images in a batch; the last one may be smaller.
        shuffle_seed: fixes the batches of every epoch; None keeps the order on disk.
        shuffle_buffer: bytes of images in the buffer; holds a batch at least.
        take: the number of images, the same ones in every epoch; None takes all.
        skip: images on disk before the first one.

    Returns:
        uint8 batches of shape (n, height, width, channels); its cardinality is known. Consume it
        within `damage_named`.

    Raises:
        InputError: the folder holds no records or not this split.
    """
    import tensorflow as tf

    shape, files = _shards(folder, split, skip, take)
    n_images = sum(count for _, _, count in files)
    names, *numbers = zip(*files, strict=True)
    paths = tf.data.Dataset.from_tensor_slices((list(names), *np.array(numbers, np.int64)))
    if shuffle_seed is not None:
        paths = paths.shuffle(len(files), seed=shuffle_seed, reshuffle_each_iteration=True)
    # No parallel calls: one thread reads far faster than a model trains, in one order.
    records = paths.interleave(
        lambda path, skipped, count: (
            tf.data.TFRecordDataset(path, buffer_size=_READ_BYTES).skip(skipped).take(count)
        ),
        cycle_length=1 if shuffle_seed is None else _CYCLE,
    )
    if shuffle_seed is not None:
        waiting = min(n_images, max(batch_size, shuffle_buffer // math.prod(shape)))
        records = records.shuffle(waiting, seed=shuffle_seed, reshuffle_each_iteration=True)

    def decode(batch: tf.Tensor) -> tf.Tensor:
        # Parsed a batch at a time, which is twelve times as fast as one by one at 28 × 28.
        feature = {"image": tf.io.FixedLenFeature([], tf.string)}
        pixels = tf.io.decode_raw(tf.io.parse_example(batch, feature)["image"], tf.uint8)
        return tf.reshape(pixels, (-1, *shape))

    batches = records.batch(batch_size).map(decode)
    n_batches = -(-n_images // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(n_batches)).prefetch(2)


@contextlib.contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn damage that shows while `stream_images` is consumed into one line.

    TFRecord carries a checksum of every record, so a flipped bit is noticed when it is read, and
    not before: `write_records` looks at lengths only, because reading all takes minutes.

    Args:
        folder: what was given to `stream_images`.

    Raises:
        InputError: a shard is gone, cut short or changed.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.DataLossError, tf.errors.NotFoundError):
        raise InputError(
            f"{folder}: these records are damaged: delete the folder, and the next run writes them "
            "again"
        ) from None


def _config_name(info: DatasetInfo) -> str:
    return f"{info.name}-{info.md5[:8]}"


def _shards(
    folder: Path, split: str, skip: int, take: int | None
) -> tuple[tuple[int, ...], list[tuple[str, int, int]]]:
    """Image shape, and (path, records to skip, records to read) of each shard."""
    try:
        info = tfds.builder_from_directory(os.fspath(folder)).info
        shape = info.features["image"].shape
        n_images = info.splits[split].num_examples
    except (OSError, KeyError, ValueError, tfds.core.DatasetNotFoundError) as error:
        raise InputError(
            f"{printable(folder)} holds no {split} records ({type(error).__name__}): "
            "write them again"
        ) from None
    last = n_images if take is None else min(skip + take, n_images)
    if last <= skip:
        raise ValueError(f"skip={skip}, take={take} leaves no image")
    files = info.splits[f"{split}[{skip}:{last}]"].file_instructions
    return shape, [(os.fspath(f.filename), f.skip, f.take) for f in files]


def _build(info: DatasetInfo, path: Path) -> None:
    # TFDS makes a folder for downloads even where nothing is downloaded; ours is removed even
    # after a kill, because it is named as unfinished.
    unused = tempfile.TemporaryDirectory(
        prefix="incomplete.", suffix=f"_{path.name}", dir=path.parent
    )
    with _quiet(), _small_sorting_buffer(), unused as downloads:
        config = RecordsConfig.of(info)
        MedmnistRecords(config=config, data_dir=path.parents[2]).download_and_prepare(
            download_dir=downloads,
            download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            file_format="tfrecord",
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep TFDS's bars, prints and notes to itself."""
    bars = tfds.core.utils.tqdm_utils
    shown, verbosity = bars._active, absl_logging.get_verbosity()
    bars.display_progress_bar(False)
    absl_logging.set_verbosity(absl_logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        bars.display_progress_bar(shown)
        absl_logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _small_sorting_buffer() -> Iterator[None]:
    """Let TFDS sort on disk sooner: it would hold 1 GB of records in memory first."""
    usual = shuffle.MAX_MEM_BUFFER_SIZE
    shuffle.MAX_MEM_BUFFER_SIZE = _SORTING_BYTES
    try:
        yield
    finally:
        shuffle.MAX_MEM_BUFFER_SIZE = usual


@contextlib.contextmanager
def _writing(info: DatasetInfo, folder: Path) -> Iterator[None]:
    """Turn what the file system (or TensorFlow in its name) answers into one line."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        fault = _system_fault(error)
        if fault is None:
            raise
        # TensorFlow appends the system's answer to the path: `<path>; No space left on device`.
        reason = getattr(fault, "strerror", None) or str(fault).rpartition("; ")[2]
        raise InputError(
            f"records of {info.name} cannot be written to {printable(folder)} "
            f"({printable(reason)}): set TFMED_CACHE to a folder you may write to, with "
            f"{_needed(info) / 1e9:.1f} GB free"
        ) from None


def _system_fault(error: BaseException | None) -> BaseException | None:
    """The error of the file system, or of TensorFlow in its name, among an error and its causes."""
    while error is not None:
        if isinstance(error, OSError) or type(error).__module__.startswith("tensorflow.python"):
            return error
        error = error.__cause__
    return None


def _remove_unfinished(path: Path) -> None:
    # TFDS builds in `incomplete.<random>_<version>` beside `path` and renames it at the end.
    for left in path.parent.glob(f"*incomplete*_{path.name}"):
        shutil.rmtree(left)


def _is_whole(path: Path) -> bool:
    """Whether every shard is there at its full length: a power cut can undo what was written."""
    try:
        splits = json.loads((path / "dataset_info.json").read_text(encoding="utf-8"))["splits"]
        return {split["name"] for split in splits} == set(SPLITS) and all(
            sum(shard.stat().st_size for shard in path.glob(f"*-{split['name']}.tfrecord-*"))
            == int(split["numBytes"]) + _RECORD_OVERHEAD * sum(map(int, split["shardLengths"]))
            for split in splits
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _needed(info: DatasetInfo) -> float:
    return _DISK_RESERVE * info.image_bytes


def _check_space(info: DatasetInfo, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _needed(info):
        raise InputError(
            f"records of {info.name} need {_needed(info) / 1e9:.1f} GB and {printable(folder)} has "
            f"{free / 1e9:.1f} GB free: free some, or set TFMED_CACHE to another folder"
        )
