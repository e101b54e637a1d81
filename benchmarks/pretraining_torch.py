"""The peers of `benchmarks/pretraining.py` in PyTorch: tensors in memory and a plain loop.

The autoencoder, and SimCLR with lightly's loss. The padding of strided convolutions is symmetric.
"""

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional, init

from benchmarks import torch_views
from benchmarks.side_by_side import SIDE, least_seconds, wait_for_start
from tfmed.pretraining.simclr import Settings
from tfmed.training.settings import FitSettings

Objective = Callable[[nn.Module, torch.Tensor], torch.Tensor]
"""The loss of a model on a batch of float images (n, 1, side, side) in [0, 1]."""
_LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
_KERAS_EPSILON = 1e-3  # of BatchNormalization


@dataclass(frozen=True)
class Recipe:
    """What can be set without another result.

    Attributes:
        layout: of images and weights in memory, `contiguous` or `channels_last`.
        fused: the fused Adam instead of the default one.
        views: of SimCLR, a key of `VIEWS`.
        joined: SimCLR's views pass the model in one batch, as in tfmed, not one after the other as
            in lightly's examples.
    """

    layout: str = "contiguous"
    fused: bool = False
    views: str = ""
    joined: bool = False

    @property
    def note(self) -> str:
        """What the table says of it."""
        parts = [self.layout, f"{'fused' if self.fused else 'default'} Adam"]
        if self.views:
            parts += [f"{self.views}'s views", "joined" if self.joined else "one by one"]
        return ", ".join(parts)


VIEWS: dict[str, Callable[[], torch_views.Views]] = {
    "Kornia": functools.partial(torch_views.by_kornia, Settings().views, SIDE),
    "torchvision": functools.partial(
        torch_views.by_torchvision, Settings().views, SIDE, alike=False
    ),
    "torchvision alike": functools.partial(
        torch_views.by_torchvision, Settings().views, SIDE, alike=True
    ),
}


def fit(
    method: str,
    images: tuple[np.ndarray, np.ndarray],
    config: FitSettings,
    seed: int,
    recipe: Recipe,
    *,
    tuned: bool,
) -> dict[str, Any]:
    """Fits a method's model in batches of tensors, by the fastest recipe if `tuned`.

    Args:
        method: `autoencoder` or `simclr`.
        images: of training and validation, uint8 (n, side, side, 1).
        config: epochs, batch and learning rate.
        seed: of weights, shuffling and views.
        recipe: what is not tried; all of it unless `tuned`.
        tuned: try the rest on some steps first.
    """
    train, val = (
        torch.from_numpy(part.transpose(0, 3, 1, 2).astype("float32") / 255) for part in images
    )
    if tuned:
        recipe = _fastest(method, train[: config.batch_size], config, recipe)
    torch.manual_seed(seed)
    model, step, objective = _prepared(method, config, recipe)
    layout = _LAYOUTS[recipe.layout]
    train, val = (part.contiguous(memory_format=layout) for part in (train, val))
    wait_for_start()
    clock = [time.perf_counter()]
    for _ in range(config.epochs):
        model.train()
        order = torch.randperm(len(train))
        for start in range(0, len(train), config.batch_size):
            step(train[order[start : start + config.batch_size]])
        model.eval()
        with torch.no_grad():
            loss = objective(model, val).item()
        clock.append(time.perf_counter())
    return {
        "clock": clock,
        "loss": loss,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "note": recipe.note,
    }


def _fastest(method: str, batch: torch.Tensor, config: FitSettings, recipe: Recipe) -> Recipe:
    """The recipe whose step takes the least time; views are tried alone, first."""
    if method == "simclr" and not recipe.views:
        made = {name: VIEWS[name]() for name in ("Kornia", "torchvision")}
        views = min(made, key=lambda name: least_seconds(lambda: made[name](batch)))
        recipe = dataclasses.replace(recipe, views=views)

    def seconds(tried: Recipe) -> float:
        _, step, _ = _prepared(method, config, tried)
        laid = batch.contiguous(memory_format=_LAYOUTS[tried.layout])
        return least_seconds(lambda: step(laid), seconds=1.0)

    return min(_recipes(method, recipe), key=seconds)


def _recipes(method: str, recipe: Recipe) -> Iterator[Recipe]:
    joined = (False, True) if method == "simclr" else (False,)
    for layout, fused, together in itertools.product(_LAYOUTS, (False, True), joined):
        yield dataclasses.replace(recipe, layout=layout, fused=fused, joined=together)


def _prepared(
    method: str, config: FitSettings, recipe: Recipe
) -> tuple[nn.Module, Callable[[torch.Tensor], None], Objective]:
    """A model with random weights, a training step of it, and the loss."""
    layout = _LAYOUTS[recipe.layout]
    model = (contrasting() if method == "simclr" else autoencoder()).to(memory_format=layout)
    objective = contrast(recipe) if method == "simclr" else reconstruction
    optimiser = torch.optim.Adam(
        model.parameters(), config.learning_rate, eps=1e-7, fused=True if recipe.fused else None
    )

    def step(batch: torch.Tensor) -> None:
        optimiser.zero_grad()
        objective(model, batch).backward()
        optimiser.step()

    return model, step, objective


def reconstruction(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """Mean squared error of the pixels."""
    return functional.mse_loss(model(batch), batch)


def contrast(recipe: Recipe) -> Objective:
    """The loss of lightly of two views, as in its example of SimCLR."""
    torch_views.require_torchvision()
    from lightly.loss import NTXentLoss

    criterion = NTXentLoss(temperature=Settings().temperature)
    views = VIEWS[recipe.views]()
    layout = _LAYOUTS[recipe.layout]

    def objective(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            pair = [views(batch).contiguous(memory_format=layout) for _ in range(2)]
        if recipe.joined:
            return criterion(*model(torch.cat(pair)).chunk(2))
        return criterion(*map(model, pair))

    return objective


def autoencoder() -> nn.Module:
    """The autoencoder of the encoder `plain`, with Keras's initial distributions."""

    def up(*channels: int, rest: int) -> nn.Module:
        return nn.ConvTranspose2d(*channels, 3, stride=2, padding=1, output_padding=rest)

    return _initialised(
        nn.Sequential(
            *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
            *(up(64, 32, rest=0), nn.ReLU()),
            *(up(32, 16, rest=1), nn.ReLU()),
            *(up(16, 1, rest=1), nn.Sigmoid()),
        )
    )


def contrasting() -> nn.Module:
    """SimCLR's model: the encoder `residual` as it comes for 28 x 28, and the projection."""
    widths = (24, 48, 96)
    hidden, projected = Settings().projection
    stages = (
        nn.Sequential(
            nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width, eps=_KERAS_EPSILON),
            nn.ReLU(),
            Block(width),
        )
        for before, width in itertools.pairwise((1, *widths))
    )
    return _initialised(
        nn.Sequential(
            *stages,
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * widths[-1], hidden, bias=False),
            nn.BatchNorm1d(hidden, eps=_KERAS_EPSILON, momentum=0.01),
            nn.ReLU(),
            nn.Linear(hidden, projected),
        )
    )


class Block(nn.Module):
    """x, and on top of it what a separable convolution makes of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width, eps=_KERAS_EPSILON),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps of the same shape."""
        return functional.relu(x + self.change(x))


def _initialised(model: nn.Module) -> nn.Module:
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            init.kaiming_normal_(layer.weight, nonlinearity="relu")
        elif isinstance(layer, nn.Linear):
            init.xavier_uniform_(layer.weight)
        else:
            continue
        if layer.bias is not None:
            init.zeros_(layer.bias)
    return model
