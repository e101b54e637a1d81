"""Small folders of images."""

import numpy as np
from PIL import Image


def drawn(seed: int, mode="L", size=(40, 30)) -> Image.Image:
    """A picture of noise and a gradient."""
    rng = np.random.default_rng(seed)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    return Image.fromarray(rng.integers(0, 256, shape, np.uint8))


def folder_of(root, classes=("healthy", "ill"), splits=("train", "val", "test"), n=3, ending="png"):
    """`root` with `n` different images for each class and split; without splits for each class."""
    seed = 0
    for split in splits or (".",):
        for name in classes:
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(n):
                drawn(seed).save(folder / f"p{seed}_{number}.{ending}")
                seed += 1
    return root
