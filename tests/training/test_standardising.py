import numpy as np
import pytest

from tfmed.training.standardising import statistics


def test_a_feature_silent_in_training_does_not_blow_up_a_test_image():
    features = np.random.default_rng(0).random((64, 10)).astype("float32")
    features[:, 3] = 0
    mean, variance = statistics(features)
    assert abs((1.0 - mean[3]) / np.sqrt(variance[3])) < 50
    assert np.all(statistics(np.zeros((5, 10)))[1] == 1)


@pytest.mark.parametrize("shape", [(33, 5), (20, 64), (50, 200)])
def test_they_are_those_of_all_features_at_once_in_double_precision(shape):
    features = np.random.default_rng(0).normal(3, 2, shape).astype("float32")
    mean, variance = statistics(features)
    assert np.array_equal(mean, features.mean(axis=0, dtype=np.float64))
    assert np.array_equal(variance, features.var(axis=0, dtype=np.float64))
