"""The map of occlusion is what a plain loop over windows and pixels makes of its definition."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tfmed.inspection import Inspected, occlusion


def scored_by(weights):
    """A classifier of two classes whose score is not linear in the pixels."""

    def scores(images):
        sums = (images.astype("float64") / 255 * weights).sum(axis=(1, 2, 3))
        positive = 1 / (1 + np.exp(-sums))
        return np.stack([1 - positive, positive], axis=1)

    return Inspected(scores, lambda images, numbers: np.zeros((len(images), 1, 1)))


def explained(inspected, image, number, **how):
    """The map of one image."""
    return occlusion.attribution(inspected, image[None], np.array([number]), **how)[0]


def plainly(inspected, image, number, window, fill):
    """Zeiler & Fergus, pixel by pixel."""
    height, width, _ = image.shape
    stride = {1: 1, 4: 2, 5: 2}[window]
    if fill == "dark":
        ordered = np.sort(image.reshape(-1, image.shape[2]).astype(float), axis=0)
        place = (len(ordered) - 1) / 4
        low = ordered[int(place)]
        between = low + (place % 1) * (ordered[int(place) + 1] - low)
        cover = np.zeros_like(image) + between.round().astype("uint8")
    elif fill == "mean":
        cover = np.zeros_like(image) + image.mean(axis=(0, 1)).round().astype("uint8")
    else:
        cover = np.stack(
            [
                gaussian_filter(image[..., channel].astype(float), window / 2, mode="nearest")
                for channel in range(image.shape[2])
            ],
            axis=-1,
        )
        cover = np.clip(np.round(cover), 0, 255).astype("uint8")
    tops = [*range(0, height - window, stride), height - window]
    lefts = [*range(0, width - window, stride), width - window]
    whole = inspected.scores(image[None])[0, number]
    found = np.zeros((height, width))
    for row in range(height):
        for column in range(width):
            falls = []
            for top in tops:
                for left in lefts:
                    if top <= row < top + window and left <= column < left + window:
                        other = image.copy()
                        other[top : top + window, left : left + window] = cover[
                            top : top + window, left : left + window
                        ]
                        falls.append(whole - inspected.scores(other[None])[0, number])
            found[row, column] = np.mean(falls)
    return found


@pytest.mark.parametrize("fill", ["dark", "mean", "blur"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("window", [1, 4, 5])
def test_occlusion_is_that_of_a_plain_loop(window, channels, fill):
    rng = np.random.default_rng(window)
    image = rng.integers(0, 256, (11, 11, channels), dtype=np.uint8)
    inspected = scored_by(rng.normal(0, 0.2, (11, 11, channels)))
    for number in (0, 1):
        found = explained(inspected, image, number, window=window, fill=fill)
        assert found == pytest.approx(plainly(inspected, image, number, window, fill), abs=1e-6)


def test_a_window_of_the_whole_image_gives_one_value():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 1), dtype=np.uint8)
    found = explained(scored_by(np.full((8, 8, 1), 0.1)), image, 1, window=8)
    assert np.ptp(found) == 0


def test_the_map_is_where_the_reason_is():
    image = np.full((28, 28, 1), 100, np.uint8)
    image[4:10, 16:22] = 250
    weights = np.zeros((28, 28, 1))
    weights[4:10, 16:22] = 0.2
    found = explained(scored_by(weights), image, 1)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 4 <= row < 10
    assert 16 <= column < 22
    assert found[20:, :8].max() == 0


@pytest.mark.parametrize("side", [8, 28, 29, 224])
def test_every_pixel_is_covered_and_no_window_leaves_the_image(side):
    window = max(1, round(side / 6))
    covered = np.zeros((side, side), bool)
    for top, left in occlusion.corners((side, side, 1), window):
        assert min(top, left) >= 0
        assert max(top, left) + window <= side
        covered[top : top + window, left : left + window] = True
    assert covered.all()


def test_images_are_explained_alike_alone_and_together(monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (5, 12, 12, 1), dtype=np.uint8)
    inspected, numbers = scored_by(rng.normal(0, 0.2, (12, 12, 1))), np.array([0, 1, 1, 0, 1])
    together = occlusion.attribution(inspected, images, numbers)
    monkeypatch.setattr(occlusion, "MOST_BYTES", 1)
    assert np.array_equal(occlusion.attribution(inspected, images, numbers), together)
    pairs = zip(images, numbers, strict=True)
    assert together == pytest.approx(np.stack([explained(inspected, *pair) for pair in pairs]))
    assert occlusion.attribution(inspected, images[:0], numbers[:0]).shape == (0, 12, 12)
