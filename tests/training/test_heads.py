import keras
import numpy as np

from tfmed.tasks import task_of
from tfmed.training import heads, transfer

OUTPUT = task_of("binary").output(2)


def test_standardisation_gives_training_embeddings_zero_mean_and_unit_variance():
    head = heads.build_head((4, 4, 8), OUTPUT)
    embeddings = np.random.default_rng(0).normal(3, 2, (64, 4, 4, 8)).astype("float32")
    heads.set_standardisation(head, *heads.embedding_statistics(embeddings))
    inner = keras.Model(head.input, head.get_layer("standardise").output)
    standardised = inner(embeddings).numpy()
    assert np.allclose(standardised.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(standardised.std(axis=0), 1, atol=1e-4)


def test_a_feature_silent_in_training_does_not_blow_up_a_test_image():
    embeddings = np.random.default_rng(0).random((64, 10)).astype("float32")
    embeddings[:, 3] = 0
    mean, variance = heads.embedding_statistics(embeddings)
    assert abs((1.0 - mean[3]) / np.sqrt(variance[3])) < 50
    assert np.all(heads.embedding_statistics(np.zeros((5, 10)))[1] == 1)


def test_standardisation_survives_the_journey_of_the_weights():
    head = heads.build_head((4, 4, 8), OUTPUT)
    rng = np.random.default_rng(0)
    heads.set_standardisation(head, rng.random(128), rng.random(128) + 1)
    other = heads.build_head((4, 4, 8), OUTPUT)
    transfer.set_weights(other, transfer.unpacked("head", transfer.packed("head", head)))
    embeddings = rng.random((4, 4, 4, 8)).astype("float32")
    assert np.array_equal(head(embeddings).numpy(), other(embeddings).numpy())
