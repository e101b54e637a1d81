"""`[classifiers]`: how classifiers are fitted."""

from pydantic import Field

from tfmed.config.items import Section
from tfmed.training.settings import FitSettings


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
        scratch: fitting encoder and head from random weights.
        overtrained_epochs: epochs of the variant without early stopping.
        small_batch_size: largest batch for numeric label budgets.
        epoch_steps: fewest steps of an epoch. A training set of fewer batches is passed several
            times in it, so that with few labels `epochs` and `patience` mean no less training than
            with 300, for which they were chosen; 1 passes it once.
    """

    dropout: float = Field(default=0.2, ge=0, lt=1)
    penalty: float = Field(default=100.0, ge=0, lt=1e9)
    head: FitSettings = FitSettings(epochs=200, batch_size=128, learning_rate=3e-3, patience=10)
    finetune: FitSettings = FitSettings(epochs=60, batch_size=64, learning_rate=2e-4, patience=10)
    scratch: FitSettings = FitSettings(epochs=60, batch_size=64, learning_rate=1e-3, patience=8)
    overtrained_epochs: int = Field(default=100, ge=1)
    small_batch_size: int = Field(default=32, ge=1)
    epoch_steps: int = Field(default=8, ge=1, le=10_000)
