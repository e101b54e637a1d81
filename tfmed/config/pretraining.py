"""`[pretraining]`: how an encoder is trained without labels."""

from pydantic import Field

from tfmed.design import FitConfig, Section


class PretrainingSettings(Section):
    """Fitting the autoencoder.

    Attributes:
        fit: how long and how fast.
        max_images: limits the images used (0: all).
        seed: of weights, shuffling and the choice of images.
        per_seed: pretrains once for every seed of the classifiers, with `seed` plus that seed, so
            that differences carry the seed variance of pretraining too; else one encoder serves
            all.
        all_gpus: splits every batch among all GPUs; else it takes one, like every other job.
    """

    fit: FitConfig = FitConfig(epochs=20, batch_size=128, learning_rate=2e-3, patience=3)
    max_images: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0, lt=2**32)
    per_seed: bool = False
    all_gpus: bool = False
