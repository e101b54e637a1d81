import keras
import numpy as np

from tfmed.tasks import task_of
from tfmed.training import heads, transfer
from tfmed.training.standardising import statistics

OUTPUT = task_of("binary").output(2)


def test_standardisation_gives_training_embeddings_zero_mean_and_unit_variance():
    head = heads.build_head((4, 4, 8), OUTPUT)
    embeddings = np.random.default_rng(0).normal(3, 2, (64, 4, 4, 8)).astype("float32")
    heads.set_standardisation(head, *statistics(embeddings.reshape(64, -1)))
    inner = keras.Model(head.input, head.get_layer("standardise").output)
    standardised = inner(embeddings).numpy()
    assert np.allclose(standardised.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(standardised.std(axis=0), 1, atol=1e-4)


def test_standardisation_survives_the_journey_of_the_weights():
    head = heads.build_head((4, 4, 8), OUTPUT)
    rng = np.random.default_rng(0)
    heads.set_standardisation(head, rng.random(128), rng.random(128) + 1)
    other = heads.build_head((4, 4, 8), OUTPUT)
    transfer.set_weights(other, transfer.unpacked("head", transfer.packed("head", head)))
    embeddings = rng.random((4, 4, 4, 8)).astype("float32")
    assert np.array_equal(head(embeddings).numpy(), other(embeddings).numpy())
