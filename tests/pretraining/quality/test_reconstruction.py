"""Tests of PSNR, structural similarity and power per band of reconstructions."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tfmed.errors import InputError
from tfmed.pretraining.quality import reconstruction
from tfmed.pretraining.quality.reconstruction import band_power, detail, psnr, ssim


def textures(n=6, shape=(28, 28, 1), seed=0):
    """Images (n, *shape) float64 in [0, 1] with power at every frequency."""
    return np.random.default_rng(seed).uniform(0, 1, (n, *shape))


def blurred(images, sigma=1.0):
    return np.clip(gaussian_filter(images, sigma, axes=(1, 2)), 0, 1)


def wave(frequency, shape=(32, 32)):
    """One image (1, *shape, 1) of vertical stripes, in cycles per pixel."""
    stripes = 0.5 + 0.3 * np.sin(2 * np.pi * frequency * np.arange(shape[1]))
    return np.broadcast_to(stripes, shape)[None, :, :, None]


def ssim_window_by_window(a, b):
    """Wang et al. (2004) for one channel (h, w), one 11 × 11 window at a time."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for row in range(a.shape[0] - 10):
        for column in range(a.shape[1] - 10):
            x, y = (image[row : row + 11, column : column + 11] for image in (a, b))
            mx, my = (weights * x).sum(), (weights * y).sum()
            vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
            cxy = (weights * (x - mx) * (y - my)).sum()
            luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
            values.append(luminance * (2 * cxy + 0.03**2) / (vx + vy + 0.03**2))
    return np.mean(values)


def test_psnr_of_a_known_error():
    black = np.zeros((2, 4, 4, 1))
    assert psnr(black, black + 0.1) == pytest.approx([20, 20])
    assert psnr(black, black) == pytest.approx([120, 120])


@pytest.mark.parametrize("shape", [(28, 28, 1), (13, 17, 3)])
def test_ssim_is_that_of_a_loop_over_windows(shape):
    images = textures(3, shape)
    copies = blurred(images, 0.7)
    expected = [
        np.mean([ssim_window_by_window(a[..., c], b[..., c]) for c in range(shape[2])])
        for a, b in zip(images, copies, strict=True)
    ]
    np.testing.assert_allclose(ssim(images, copies), expected, atol=1e-12)


def test_ssim_is_tensorflows_up_to_single_precision():
    import tensorflow as tf

    images = textures()
    copies = blurred(images)
    expected = tf.image.ssim(images.astype("float32"), copies.astype("float32"), 1.0).numpy()
    np.testing.assert_allclose(ssim(images, copies), expected, atol=1e-4)


def test_uint8_counts_as_shares_of_255():
    images = (textures() * 255).astype(np.uint8)
    copies = blurred(images / 255)
    assert ssim(images, copies) == pytest.approx(ssim(images / 255, copies))
    assert ssim(images, images) == pytest.approx(np.ones(6))


def test_bands_are_those_of_a_transform_written_out():
    image, copy = textures(1, (12, 15, 1)), textures(1, (12, 15, 1), seed=1)
    h, w = 12, 15
    window = np.outer(
        np.sin(np.pi * np.arange(1, h + 1) / (h + 1)) ** 2,
        np.sin(np.pi * np.arange(1, w + 1) / (w + 1)) ** 2,
    )
    edges = np.array([0, 0.2, 0.5])
    expected = np.zeros((2, 2))
    for i, plane in enumerate((image[0, ..., 0], image[0, ..., 0] - copy[0, ..., 0])):
        plane = (plane - (plane * window).sum() / window.sum()) * window
        for u in range(h):
            for v in range(w):
                fu, fv = min(u, h - u) / h, min(v, w - v) / w
                phase = u * np.arange(h)[:, None] / h + v * np.arange(w)[None, :] / w
                power = abs((plane * np.exp(-2j * np.pi * phase)).sum()) ** 2
                radius = np.hypot(fu, fv)
                if radius <= 0.5:
                    expected[i, int(radius >= 0.2)] += power / (window**2).sum() / (h * w)
    found = band_power(image, copy, edges)
    np.testing.assert_allclose(found["original"][0], expected[0])
    np.testing.assert_allclose(found["error"][0], expected[1])
    assert found["reconstruction"] == pytest.approx(band_power(copy, image, edges)["original"])


@pytest.mark.parametrize(("frequency", "band"), [(3 / 32, 1), (0.2, 2), (0.375, 4), (0.47, 5)])
def test_power_of_stripes_is_in_the_band_of_their_frequency(frequency, band):
    stripes = wave(frequency)
    powers = band_power(stripes, stripes)["original"][0]
    assert powers.argmax() == band
    assert powers[band] > 0.6 * powers.sum()


def test_a_slope_across_the_image_leaks_no_power_into_fine_detail():
    slope = np.broadcast_to(np.linspace(0, 1, 28), (28, 28))[None, :, :, None]
    powers = band_power(slope, slope)["original"][0]
    assert powers[3:].sum() < 1e-4 * powers.sum()


def test_a_faded_copy_keeps_the_square_of_its_contrast():
    images = textures()
    found = detail(images, 0.5 + (images - 0.5) * 0.8)
    for band in found["bands"]:
        assert band["kept"]["mean"] == pytest.approx(0.64)
        assert band["explained"]["mean"] == pytest.approx(1 - 0.2**2)
        assert band["kept"]["low"] == pytest.approx(band["kept"]["high"])


def test_blur_takes_fine_detail_first():
    images = textures(40)
    found = detail(images, blurred(images))
    kept = [band["kept"]["mean"] for band in found["bands"]]
    explained = [band["explained"]["mean"] for band in found["bands"]]
    assert kept == sorted(kept, reverse=True)
    assert explained == sorted(explained, reverse=True)
    assert kept[-1] < 0.01 < 0.8 < kept[0]


def test_noise_that_stands_in_for_detail_is_kept_but_not_explained():
    found = detail(textures(40), textures(40, seed=1))
    assert found["bands"][-1]["kept"]["mean"] == pytest.approx(1, abs=0.1)
    assert found["bands"][-1]["explained"]["mean"] == pytest.approx(-1, abs=0.2)


def test_ratio_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        below = rng.gamma(2, 1, 60)
        above = below * rng.uniform(0, 1, 60)
        found = reconstruction._ratio_interval(above, below)
        hits += found["low"] <= 0.5 <= found["high"]
    assert 0.91 <= hits / 300 <= 0.98


def test_detail_is_json_and_its_intervals_hold_the_mean():
    images = textures(20)
    found = detail(images, blurred(images, 0.5))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["n"] == 20
    assert [band["from"] for band in found["bands"][1:]] == [
        band["to"] for band in found["bands"][:-1]
    ]
    intervals = [found["ssim"], found["psnr"]]
    intervals += [band[name] for band in found["bands"] for name in ("kept", "explained")]
    assert all(x["low"] <= x["mean"] <= x["high"] for x in intervals)
    assert found["ssim"]["mean"] == pytest.approx(ssim(images, blurred(images, 0.5)).mean())


def test_blank_images_and_single_images_have_no_made_up_numbers():
    blank = np.full((3, 28, 28, 1), 0.3)
    nothing = {"mean": None, "low": None, "high": None}
    found = detail(blank, textures(3))
    assert all(band["kept"] == band["explained"] == nothing for band in found["bands"])
    single = detail(textures(1), blurred(textures(1)))
    assert single["ssim"]["low"] is None
    assert single["bands"][0]["kept"]["mean"] > 0
    assert single["bands"][0]["explained"]["high"] is None


def test_chunks_change_nothing(monkeypatch):
    images = textures(11)
    whole = detail(images, blurred(images))
    monkeypatch.setattr(reconstruction, "_CHUNK_VALUES", 3 * 784)
    assert json.dumps(detail(images, blurred(images))) == json.dumps(whole)


def test_unusable_images_are_named():
    images = textures()
    with pytest.raises(InputError, match="pairs of one shape"):
        psnr(images, images[:2])
    with pytest.raises(InputError, match=r"\(n, h, w, c\)"):
        psnr(images[..., 0], images[..., 0])
    with pytest.raises(InputError, match=r"reconstructions are NaN or outside \[0, 1\]"):
        psnr(images, images * 255)
    with pytest.raises(InputError, match="originals are NaN"):
        detail(images * np.nan, images)
    with pytest.raises(InputError, match="originals are int64"):
        psnr((images * 255).astype(int), images)
    with pytest.raises(InputError, match="11 x 11 pixels"):
        ssim(images[:, :8], images[:, :8])
    with pytest.raises(InputError, match="do not rise"):
        band_power(images, images, [0, 0.3, 0.2])
    with pytest.raises(InputError, match="cycles per pixel"):
        band_power(images, images, [0, 0.7])
