"""Images that do not fit in memory: TFDS records made once, then streamed.

A set too large for memory (`DatasetInfo.fits_in_memory`) is written as sharded TFRecords by a
TensorFlow Datasets builder (`write_records`) and read batch by batch by `tfmed.data.streaming`;
memory depends on the shuffle buffer and not on the number of images. The records are an ordinary
TFDS set: `tfds.load(records_name(info), data_dir=folder)`.

Images are stored as raw bytes: at 224 × 224 they are read nine times as fast as PNG (10,900
against 1,240 images/s on one thread), and PNG is written at 144 images/s at most; its files would
be half as large.
"""

import contextlib
import dataclasses
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging as absl_logging
from tensorflow_datasets.core import shuffle

from tfmed.cache import cache_folder, mark_used
from tfmed.data.dataset import SPLITS, DatasetInfo
from tfmed.data.importers.npz_file import stream_npz
from tfmed.data.integrity import unchanged
from tfmed.data.loading import load_columns
from tfmed.data.streaming import damage_named
from tfmed.errors import InputError, printable
from tfmed.locks import alone_in
from tfmed.tasks import task_of

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

    Splits `train`, `val`, `test`. Features: `image` uint8 (height, width, channels); `label`, the
    class (`tfmed.tasks.Task.groups_of`); `findings` uint8 (n_labels,), the labels of the file;
    `row`, the image's place in its split of the file. The order on disk is shuffled, the same
    everywhere.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "Raw images, label of the task, original findings."
    }

    @property
    def _source(self) -> DatasetInfo:
        source = getattr(self.builder_config, "source", None)
        if source is None:
            raise InputError(
                "these records have not been written: call tfmed.data.records.write_records, and "
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
                    "label": tfds.features.ClassLabel(
                        names=list(task_of(source.task).group_names(source.class_names))
                    ),
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
            task = task_of(source.task)
            labels = task.groups_of(task.labels_of(columns))
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


@contextlib.contextmanager
def open_records(info: DatasetInfo) -> Iterator[Path]:
    """The folder of a data set's records in the cache, written if need be, while they are read.

    Raises:
        InputError: as for `write_records`, and as for `damage_named`.
    """
    folder = write_records(info, cache_folder() / "records")
    with damage_named(folder):
        yield folder


def _config_name(info: DatasetInfo) -> str:
    names = task_of(info.task).group_names(info.class_names)
    of_task = f"-{info.task}" if names != info.class_names else ""
    return f"{info.name}-{info.md5[:8]}{of_task}"


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
