"""`[classifiers]`: how classifiers are fitted."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field

from tfmed.config.items import Once, Section, out_of_range
from tfmed.pretraining.parts.views import AUGMENTATION, ViewSettings
from tfmed.training.settings import FitSettings


def _rate(value: float) -> float:
    if not 0 < value <= 10:  # as NaN is not
        raise out_of_range(value, "numbers above 0 and at most 10")
    return value


def _some(chosen: tuple[bool, ...]) -> tuple[bool, ...]:
    if not chosen:
        raise out_of_range([], "[false], [true] or [false, true]")
    return chosen


LearningRate = Annotated[float, Field(allow_inf_nan=True), AfterValidator(_rate)]


class SearchSettings(Section):
    """The recipes that every trained encoder tries, each learning rate with each augmentation.

    The one with the lowest validation loss inside the label budget is kept. All strategies that
    train their encoder try the same ones, from a head fitted to the encoder as it starts.

    Attributes:
        learning_rates: of `finetune`, in place of its own; none: nothing is searched, and `scratch`
            and `finetune` are fitted each by its own section, `scratch` from a random head.
        augment: whether training images are changed a little each time.
    """

    learning_rates: Once[LearningRate] = (3e-3, 1e-3)
    augment: Annotated[Once[bool], AfterValidator(_some)] = (False, True)

    def first(self) -> Self:
        """The first recipe alone; the same where nothing is searched."""
        if not self.learning_rates:
            return self
        return self.replaced(learning_rates=self.learning_rates[:1], augment=self.augment[:1])


class ClassifierSettings(Section):
    """How classifiers are fitted.

    The defaults were chosen on validation splits of PneumoniaMNIST and an NIH ChestX-ray14
    subset; no test split took part.

    Attributes:
        dropout: share of features dropped before the logistic unit.
        penalty: squared norm of the logistic unit's weights, times this over the number of
            training examples, is added to the loss of a head on a frozen encoder (half the
            inverse of scikit-learn's C).
        head: fitting a head on the embeddings of a frozen encoder.
        finetune: fitting encoder and head together, starting from a trained head.
        scratch: fitting encoder and head from random weights, where no recipe is searched for.
        search: recipes that are tried in fitting encoder and head.
        augmentation: how far images may be changed where they are augmented.
        overtrained_epochs: epochs of the variant without early stopping.
        small_batch_size: largest batch for numeric label budgets.
        epoch_steps: fewest steps of an epoch. A training set of fewer batches is passed several
            times in it, so that with few labels `epochs` and `patience` mean no less training than
            with 300, for which they were chosen; 1 passes it once.
    """

    dropout: float = Field(default=0.2, ge=0, lt=1)
    penalty: float = Field(default=30.0, ge=0, lt=1e9)
    head: FitSettings = FitSettings(epochs=200, batch_size=128, learning_rate=3e-3, patience=10)
    finetune: FitSettings = FitSettings(epochs=40, batch_size=64, learning_rate=1e-3, patience=6)
    scratch: FitSettings = FitSettings(epochs=60, batch_size=64, learning_rate=1e-3, patience=8)
    search: SearchSettings = SearchSettings()
    augmentation: ViewSettings = AUGMENTATION
    overtrained_epochs: int = Field(default=100, ge=1)
    small_batch_size: int = Field(default=32, ge=1)
    epoch_steps: int = Field(default=8, ge=1, le=10_000)
