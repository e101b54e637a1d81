"""Random views of batches in PyTorch, as far from their images as tfmed's own.

As `tfmed.pretraining.parts.views.ViewSettings`: crops, rotation, horizontal flips, gamma, contrast,
brightness, blur and noise of grey images. Kornia draws other numbers for each image of a batch, and
so do torchvision's transforms called image by image. Called on a batch they change all of its
images alike: less work, and not the same views.
"""

import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfmed.pretraining.parts.views import LONGEST_SIDE, ViewSettings

Views = Callable[[Any], Any]
"""From float images (n, 1, side, side) in [0, 1] to one view of each."""
_RADIUS = 3  # standard deviations that a blur's window reaches, as tfmed's


def by_kornia(settings: ViewSettings, side: int) -> Views:
    """Kornia's augmentations of whole batches."""
    import kornia.augmentation as changes

    return changes.AugmentationSequential(
        changes.RandomResizedCrop((side, side), **_crops(settings)),
        changes.RandomRotation(settings.rotation, p=1.0),
        changes.RandomHorizontalFlip(p=0.5),
        changes.RandomGamma((math.exp(-settings.gamma), math.exp(settings.gamma))),
        changes.RandomContrast((1 - settings.contrast, 1 + settings.contrast)),
        changes.RandomBrightness((1 - settings.brightness, 1 + settings.brightness)),
        changes.RandomGaussianBlur(*_blur(settings, side), p=0.5),
        changes.RandomGaussianNoise(std=settings.noise / 2, p=1.0),
        data_keys=["input"],
    )


def by_torchvision(settings: ViewSettings, side: int, *, alike: bool) -> Views:
    """Transforms of torchvision: image by image, or of batches, which change all images `alike`."""
    require_torchvision()
    import torch
    from torchvision.transforms import InterpolationMode, v2

    def with_gamma(images: torch.Tensor) -> torch.Tensor:
        exponent = math.exp(settings.gamma * (2 * torch.rand(()).item() - 1))
        return v2.functional.adjust_gamma(images, exponent)

    view = v2.Compose(
        [
            v2.RandomResizedCrop(side, antialias=False, **_crops(settings)),
            v2.RandomRotation(settings.rotation, InterpolationMode.BILINEAR),
            v2.RandomHorizontalFlip(),
            v2.Lambda(with_gamma),
            v2.ColorJitter(brightness=settings.brightness, contrast=settings.contrast),
            v2.RandomApply([v2.GaussianBlur(*_blur(settings, side))]),
            v2.GaussianNoise(sigma=settings.noise / 2),
        ]
    )
    return view if alike else lambda images: torch.stack([view(image) for image in images])


@functools.cache
def require_torchvision() -> None:
    """Lets torchvision, which lightly needs, be imported where its operators cannot be loaded.

    PyPI's builds for Linux link to CUDA's libraries, which PyTorch's CPU build lacks. Transforms
    and losses call none of those operators; two are declared, since the import names them.

    Raises:
        RuntimeError: there is no torchvision.
    """
    import torch

    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("torchvision is missing: install benchmarks/requirements.txt")
    try:
        torch.ops.load_library(Path(found.submodule_search_locations[0]) / "_C.so")
    except OSError:
        for name in ("nms", "qnms"):
            signature = "(Tensor boxes, Tensor scores, float threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", signature)


def _crops(settings: ViewSettings) -> dict[str, tuple[float, float]]:
    return {"scale": (settings.smallest_crop, 1.0), "ratio": (1 / LONGEST_SIDE, LONGEST_SIDE)}


def _blur(settings: ViewSettings, side: int) -> tuple[int, tuple[float, float]]:
    """Width of the window, and the least and the largest standard deviation, in pixels."""
    most = settings.blur * side
    return 2 * math.ceil(_RADIUS * most) + 1, (most / 20, most)
