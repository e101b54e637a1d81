import numpy as np
from PIL import Image

from tfmed.data.pictures.likeness import difference_hashes, near


def soft(seed, side=64):
    noise = np.random.default_rng(seed).integers(0, 256, (9, 9), np.uint8)
    return np.asarray(Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC))


def hashes(*images):
    return difference_hashes([np.asarray(image)[..., None] for image in images])


def test_a_brighter_a_smaller_and_a_noisy_copy_are_near_and_another_image_is_not():
    image = soft(0)
    brighter = (image * 0.8 + 30).astype(np.uint8)
    smaller = Image.fromarray(image).resize((48, 48), Image.Resampling.BILINEAR)
    found = near(hashes(brighter, smaller, soft(1)), hashes(image, soft(2)))
    assert found.tolist() == [True, True, False]


def test_images_that_show_nothing_are_near_to_none():
    blank = np.zeros((32, 32), np.uint8)
    assert not near(hashes(blank), hashes(blank)).any()
    assert not near(hashes(soft(1)), hashes(blank)).any()
