import numpy as np
import pytest
from tiny_study import COUNTS

from tfmed.cache import cache_folder
from tfmed.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("steps")]  # who share one study


def test_pretraining_measures_reconstructions_on_the_test_split(tiny):
    record = tiny.finished[tiny.pretraining.key].record["reconstruction"]
    assert tiny.reads[tiny.pretraining.title, "test"] == 1
    quantiles = record["mse_quantiles"]
    assert quantiles == sorted(quantiles)
    assert record["shown"][0]["mse"] == pytest.approx(quantiles[0])
    assert record["shown"][-1]["mse"] == pytest.approx(quantiles[-1])
    assert record["test"]["n"] == COUNTS["test"]


def test_detail_of_reconstructions_is_measured_on_test_images(tiny):
    record = tiny.finished[tiny.pretraining.key].record["reconstruction"]
    assert record["detail"]["n"] == COUNTS["test"]
    psnr = record["detail"]["psnr"]["mean"]
    assert psnr == pytest.approx(record["test"]["psnr"], rel=1e-4)
    assert len(record["detail"]["bands"]) == 6


@pytest.mark.slow
def test_pretraining_from_records_learns_as_from_memory(tiny, streamed):
    again, third = tiny.again(tiny.pretraining), tiny.again(tiny.pretraining)
    kept = tiny.finished[tiny.pretraining.key].record
    assert again.record["n_train"] == kept["n_train"]
    ours, theirs = again.record["reconstruction"]["test"], kept["reconstruction"]["test"]
    assert ours["mse"] == pytest.approx(theirs["mse"], rel=0.3)
    assert ours["mse_mean_image"] == pytest.approx(theirs["mse_mean_image"])
    assert again.record == third.record
    assert all(np.array_equal(again.arrays[k], third.arrays[k]) for k in again.arrays)


@pytest.mark.slow
def test_damaged_records_are_named(tiny, streamed):
    tiny.again(tiny.pretraining)
    shard = next(cache_folder().glob("records/*/*/*/*train.tfrecord*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match="records are damaged: delete the folder"):
        tiny.again(tiny.pretraining)
