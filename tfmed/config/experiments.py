"""`[experiments]` and `[latent]`: what is tried and looked at beyond the standard classifiers."""

from typing import Literal

from pydantic import Field

from tfmed.config.items import FEWEST, Once, Section, Share

Loss = Literal["class_weighted", "focal"]


class ExperimentSettings(Section):
    """Variants of classifiers that differ in one thing from the standard ones.

    Attributes:
        label_budget: they are run at the numeric budget of their task nearest to this, where
            latent spaces are shown and models exported too.
        losses: of `scratch` and `finetune` on the source task, instead of plain cross-entropy.
        dropouts: of `finetune` on the target task, instead of `classifiers.dropout`.
    """

    label_budget: int = Field(default=300, ge=FEWEST)
    losses: Once[Loss] = ()
    dropouts: Once[Share] = ()


class LatentSettings(Section):
    """Looking into the latent space: one seed, at most `max_images` test images."""

    perplexity: float = Field(default=30.0, gt=1, lt=1e6)
    max_images: int = Field(default=25_000, ge=50)
