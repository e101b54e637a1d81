"""Records on disk: what goes in comes out, once an epoch, in an order fixed by the seed."""

import dataclasses
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from tfmed.data import records
from tfmed.data.loading import load
from tfmed.data.records import MedmnistRecords, records_name, write_records
from tfmed.data.sources import resolve
from tfmed.data.streaming import damage_named, stream_images
from tfmed.errors import InputError

COUNTS = {"train": 60, "val": 7, "test": 9}
SHAPES = {"grey": (28, 28), "rgb": (64, 64, 3)}
ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("TFMED_REAL_DATA", ROOT.parent / "shared" / "data"))


def write_npz(path, shape=(28, 28), columns=3, save=np.savez):
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in COUNTS.items():
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, *shape), np.uint8)
        # The first pixel names the image.
        arrays[f"{split}_images"].reshape(n, -1)[:, 0] = np.arange(n)
        arrays[f"{split}_labels"] = np.arange(n)[:, None] % (columns + 1) == range(1, columns + 1)
    save(path, **arrays)
    return path


def resolved(path):
    return resolve(str(path), data_root=path.parent, cache_dir=path.parent, role="source")


@pytest.fixture(scope="module", params=SHAPES)
def written(request, tmp_path_factory):
    """A verified file and the records made from it."""
    folder = tmp_path_factory.mktemp(request.param)
    info = resolved(write_npz(folder / f"{request.param}.npz", SHAPES[request.param]))
    return info, write_records(info, folder / "records")


@pytest.fixture
def info(tmp_path):
    return resolved(write_npz(tmp_path / "set.npz"))


@pytest.fixture(scope="module")
def train(written):
    """The function that streams the training split as a list of batches."""

    def stream(seed=1, **settings):
        settings = {"batch_size": 16, "shuffle_seed": seed} | settings
        return stream_images(written[1], "train", **settings)

    return stream


def names(batches):
    """The first pixel of each image, in the order of the batches."""
    return np.concatenate([batch.numpy()[:, 0, 0, 0] for batch in batches]).tolist()


def digest(batches):
    return [hashlib.sha256(batch.numpy().tobytes()).hexdigest() for batch in batches]


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_tfds_load_gives_the_arrays_of_the_file_back(written):
    info, path = written
    data_dir = path.parents[2]
    for split, expected in load(info).items():
        examples = list(tfds.load(records_name(info), data_dir=data_dir, split=split))
        examples.sort(key=lambda example: int(example["row"]))
        with np.load(info.path) as file:
            findings = file[f"{split}_labels"]
        assert np.array_equal([e["image"] for e in examples], expected.images)
        assert np.array_equal([e["label"] for e in examples], expected.labels)
        assert np.array_equal([e["findings"] for e in examples], findings)


def test_records_carry_names_of_classes_license_and_md5_of_the_file(written):
    info, path = written
    found = tfds.builder_from_directory(path).info
    assert tuple(found.features["label"].names) == info.class_names
    assert found.metadata["md5"] == info.md5
    assert found.supervised_keys == ("image", "label")


def test_every_image_comes_once_an_epoch(train):
    batches = train()
    for _ in range(2):
        assert sorted(names(batches)) == list(range(COUNTS["train"]))
    assert [len(batch) for batch in batches] == [16, 16, 16, 12]
    assert int(batches.cardinality()) == 4


def test_one_seed_gives_the_same_batches_in_every_epoch_of_every_run(train):
    first, second = train(), train()
    for _ in range(2):
        assert digest(first) == digest(second)


def test_each_epoch_and_each_seed_has_another_order(train):
    batches = train()
    orders = [tuple(names(batches)), tuple(names(batches)), tuple(names(train(seed=2)))]
    assert len(set(orders)) == 3


def test_without_a_seed_the_order_stays(train):
    batches = train(seed=None)
    assert names(batches) == names(batches) == names(train(seed=None, batch_size=7))


def test_an_image_waits_for_its_turn_in_a_buffer_of_the_size_asked_for(train, written):
    n_images = 20
    buffer = n_images * int(np.prod(written[0].image_shape))
    stored = {name: place for place, name in enumerate(names(train(seed=None)))}
    shuffled = names(train(shuffle_buffer=buffer, batch_size=4))
    # The k-th image out is one of the first k + 20 on disk.
    assert all(stored[name] < place + n_images for place, name in enumerate(shuffled))
    assert shuffled != list(stored)


def test_take_gives_the_same_images_in_every_epoch(train):
    batches = train(take=10)
    chosen = set(names(batches))
    assert len(chosen) == 10
    assert set(names(batches)) == set(names(train(seed=2, take=10))) == chosen
    assert len(names(train(take=1000))) == COUNTS["train"]


def test_shards_are_read_in_another_order_every_epoch(monkeypatch, info, tmp_path):
    def in_shards(cls, total_size, num_examples, uses_precise_sharding=True):
        return 4

    config = tfds.core.utils.shard_utils.ShardConfig
    monkeypatch.setattr(config, "calculate_number_shards", classmethod(in_shards))
    path = write_records(info, tmp_path / "records")
    assert len(list(path.glob("*-train.tfrecord-*"))) == 4
    batches = stream_images(path, "train", batch_size=5, shuffle_seed=0, shuffle_buffer=1)
    orders = [names(batches) for _ in range(3)]
    assert len({tuple(order[:4]) for order in orders}) > 1
    assert all(sorted(order) == list(range(COUNTS["train"])) for order in orders)


def test_sorting_on_disk_writes_the_same_records_as_sorting_in_memory(monkeypatch, info, tmp_path):
    sorted_in_memory = write_records(info, tmp_path / "memory")
    monkeypatch.setattr(records, "_SORTING_BYTES", 5000)
    sorted_on_disk = write_records(info, tmp_path / "disk")
    for file in sorted_in_memory.iterdir():
        assert (sorted_on_disk / file.name).read_bytes() == file.read_bytes()
    assert len(files_in(tmp_path / "disk")) == len(files_in(tmp_path / "memory"))


def test_whole_records_are_found_again(written, monkeypatch):
    info, path = written
    monkeypatch.setattr(records, "_build", lambda *_: pytest.fail("built twice"))
    assert write_records(info, path.parents[2]) == path


def test_another_file_of_the_same_name_has_records_of_its_own(info, tmp_path):
    other = dataclasses.replace(info, md5="f" * 32)
    assert records_name(info) != records_name(other)


def test_an_interrupted_build_leaves_nothing_and_the_next_one_succeeds(monkeypatch, info, tmp_path):
    def interrupted(*_):
        yield np.zeros((3, 28, 28), np.uint8)
        raise KeyboardInterrupt

    folder = tmp_path / "records"
    with monkeypatch.context() as patch:
        patch.setattr(records, "stream_npz", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_records(info, folder)
    assert files_in(folder) == []
    path = write_records(info, folder)
    assert len(names(stream_images(path, "train", batch_size=8, shuffle_seed=0))) == 60


def test_what_a_killed_build_left_is_removed(info, tmp_path):
    path = tmp_path / MedmnistRecords.name / records_name(info).split("/")[1] / "1.0.0"
    left = path.parent / "incomplete.ABC123_1.0.0" / "bucket_0.tmp"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    assert write_records(info, tmp_path) == path
    assert not left.parent.exists()


@pytest.mark.parametrize("damage", ["cut", "gone", "no description"])
def test_damaged_records_are_written_again(info, tmp_path, damage):
    path = write_records(info, tmp_path / "records")
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    shard = next(path.glob("*-val.tfrecord-*"))
    if damage == "cut":
        os.truncate(shard, 100)
    elif damage == "gone":
        shard.unlink()
    else:
        (path / "dataset_info.json").write_text("{")
    assert write_records(info, tmp_path / "records") == path
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("damage", ["bit", "cut", "gone"])
def test_damage_that_shows_while_reading_is_one_line_that_says_to_delete(
    info, tmp_path, damage, seed
):
    path = write_records(info, tmp_path)
    (shard,) = path.glob("*-train.tfrecord-*")
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 4
    batches = stream_images(path, "train", batch_size=16, shuffle_seed=seed)
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(content if damage == "bit" else content[:-100])
    with (
        pytest.raises(InputError, match=r"damaged: delete the folder") as error,
        damage_named(path),
    ):
        list(batches)
    assert str(error.value).startswith(str(path))


def test_a_file_changed_after_it_was_verified_is_refused(info, tmp_path):
    write_npz(info.path, columns=2)
    with pytest.raises(InputError, match=r"set\.npz changed after it was verified"):
        write_records(info, tmp_path / "records")


def test_a_disk_without_room_is_named_before_anything_is_written(monkeypatch, info, tmp_path):
    usage = type("usage", (), {"free": 10})
    monkeypatch.setattr(records.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(InputError, match=r"need 0\.0 GB and .* free some"):
        write_records(info, tmp_path / "records")
    assert files_in(tmp_path / "records") == []


def test_a_disk_that_fills_up_on_the_way_is_named_and_left_clean(monkeypatch, info, tmp_path):
    def fills_up(*_):
        full = tf.errors.ResourceExhaustedError(None, None, "/a/b; No space left on device")
        raise RuntimeError("Failed to finalize writing") from full

    monkeypatch.setattr(records.shuffle.Shuffler, "add", fills_up)
    with pytest.raises(InputError, match=r"set .* \(No space left on device\): set TFMED_CACHE"):
        write_records(info, tmp_path / "records")
    assert files_in(tmp_path / "records") == []


def test_a_folder_that_cannot_be_made_is_named(info):
    with pytest.raises(InputError, match=r"records of set cannot be written to .*set\.npz"):
        write_records(info, info.path)


def test_a_folder_without_records_or_split_is_named(written, tmp_path):
    with pytest.raises(InputError, match="holds no train records"):
        stream_images(tmp_path, "train", batch_size=1, shuffle_seed=None)
    with pytest.raises(InputError, match="holds no validation records"):
        stream_images(written[1], "validation", batch_size=1, shuffle_seed=None)


def test_records_that_were_never_written_say_how_to_write_them(tmp_path):
    with pytest.raises(InputError, match="write_records"):
        MedmnistRecords(data_dir=tmp_path)


def test_writing_prints_nothing_but_its_own_bar(info, tmp_path, capfd):
    write_records(info, tmp_path / "records")
    written = capfd.readouterr()
    assert (written.out, written.err) == ("", "")


@pytest.mark.skipif(
    not (REAL / "pneumoniamnist.npz").is_file(),
    reason=f"no pneumoniamnist.npz in {REAL} (set TFMED_REAL_DATA)",
)
def test_the_real_pneumoniamnist_survives_the_journey(tmp_path):
    info = resolved(REAL / "pneumoniamnist.npz")
    path = write_records(info, tmp_path)
    batches = list(stream_images(path, "test", batch_size=100, shuffle_seed=3))
    found = np.sort([hashlib.md5(i).digest() for b in batches for i in b.numpy()])
    expected = np.sort([hashlib.md5(i.copy()).digest() for i in load(info)["test"].images])
    assert np.array_equal(found, expected)


def test_images_without_labels_are_streamed_too(tmp_path, where, monkeypatch):
    root = tmp_path / "own"
    root.mkdir()
    for number in range(20):
        noise = np.random.default_rng(number).integers(0, 256, (28, 28), np.uint8)
        Image.fromarray(noise).save(root / f"{number}.png")
    info = resolve(str(root), **where)
    monkeypatch.setattr("tfmed.data.dataset.IN_MEMORY_LIMIT", 1)
    records = write_records(info, tmp_path / "records")
    batches = stream_images(records, "train", batch_size=4, shuffle_seed=None)
    assert sum(len(images) for images in batches) == info.n_images("train")
