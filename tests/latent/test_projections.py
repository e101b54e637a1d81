"""Tests of PCA and t-SNE, and of all numbers of odd embeddings."""

import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tfmed.errors import InputError
from tfmed.latent.projections import pca, tsne
from tfmed.latent.separation import component_auc, knn_accuracy, silhouette

DEGENERATE = {
    "dead encoder": np.zeros((12, 6), np.float32),
    "all alike": np.full((12, 6), 0.1, np.float32),
    "all alike but one": np.vstack([np.full((11, 6), 0.1), np.ones((1, 6))]).astype(np.float32),
    "one dimension": np.arange(12, dtype=np.float32)[:, None],
    "two points": np.eye(2, 6, dtype=np.float32),
    "five points": np.eye(5, 6, dtype=np.float32),
    "huge": np.random.default_rng(0).normal(size=(12, 6)).astype(np.float32) * 1e30,
}


def clusters(n=120, d=30, distance=3.0):
    """Embeddings (n, d) float32 of two classes, and their labels (n,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, n)
    points = rng.normal(size=(n, d))
    points[:, 0] += distance * labels
    return points.astype(np.float32), labels


@pytest.mark.parametrize("shape", [(80, 20), (20, 80), (30, 30)])
def test_pca_is_scikit_learns_up_to_signs(shape):
    points = np.random.default_rng(0).normal(3, 1, shape)
    found, expected = pca(points, 5), PCA(5, svd_solver="full").fit(points)
    ratio = found["explained_variance_ratio"]
    np.testing.assert_allclose(ratio, expected.explained_variance_ratio_)
    np.testing.assert_allclose(
        abs(found["coordinates"]), abs(expected.transform(points)), atol=1e-8
    )


@pytest.mark.parametrize("shape", [(40, 10), (10, 40)])
def test_pca_makes_the_largest_loading_positive(shape):
    points = np.random.default_rng(1).normal(size=shape)
    found, mirrored = pca(points, 3)["coordinates"], pca(-points, 3)["coordinates"]
    np.testing.assert_allclose(found, -mirrored, atol=1e-9)
    loadings = (points - points.mean(axis=0)).T @ found
    assert (loadings[abs(loadings).argmax(axis=0), range(3)] > 0).all()


def test_pca_fills_components_that_do_not_exist_with_zeros():
    found = pca(np.array([[0.0, 1.0], [2.0, 3.0]]), 4)
    assert found["coordinates"].shape == (2, 4)
    assert found["explained_variance_ratio"] == pytest.approx([1, 0, 0, 0])


def test_tsne_gives_the_same_bytes_twice():
    points, _ = clusters()
    first, second = tsne(points, n_iter=50), tsne(points, n_iter=50)
    assert first["coordinates"].tobytes() == second["coordinates"].tobytes()
    assert first["kl_divergence"] == second["kl_divergence"]


def test_tsne_keeps_clusters_apart():
    points, labels = clusters(distance=12)
    found = tsne(points)
    assert found["coordinates"].shape == (120, 2)
    assert found["perplexity"] == 30
    assert knn_accuracy(found["coordinates"], labels) == 1


def test_tsne_lowers_its_perplexity_for_few_points():
    points, _ = clusters(n=31)
    assert tsne(points, n_iter=20)["perplexity"] == 10


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_embeddings_give_finite_results(name):
    points = DEGENERATE[name]
    labels = np.arange(len(points)) % 2
    components = pca(points)
    layout = tsne(points, n_iter=20)
    assert components["coordinates"].shape == (len(points), 10)
    assert layout["coordinates"].shape == (len(points), 2)
    numbers = [
        *components["coordinates"].ravel(),
        *components["explained_variance_ratio"],
        *layout["coordinates"].ravel(),
        *(layout["perplexity"], layout["kl_divergence"]),
        *(silhouette(points, labels), knn_accuracy(points, labels)),
        *component_auc(components["coordinates"], labels),
    ]
    assert np.isfinite(numbers).all()


def test_one_class_gives_the_values_of_no_separation():
    points, _ = clusters(n=20)
    labels = np.ones(20, int)
    assert silhouette(points, labels) == 0
    assert component_auc(points[:, :3], labels) == [0.5] * 3
    assert knn_accuracy(points, labels) == 1


def test_unusable_embeddings_are_named():
    points, labels = clusters(n=10)
    with pytest.raises(InputError, match="flattened"):
        pca(points.reshape(10, 5, 6))
    with pytest.raises(InputError, match="NaN or infinity"):
        tsne(points * np.nan)
    with pytest.raises(InputError, match="labels of shape"):
        knn_accuracy(points, labels[:, None])
    with pytest.raises(InputError, match="at least 2"):
        knn_accuracy(points[:1], labels[:1])


def test_real_pixels_separate_pneumonia():
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("TFMED_REAL_DATA", root.parent / "shared" / "data"))
    path = folder / "pneumoniamnist.npz"
    if not path.is_file():
        pytest.skip(f"{path} is not there: set TFMED_REAL_DATA to a folder that holds it")
    with np.load(path) as data:
        pixels, labels = data["test_images"].reshape(624, -1) / 255, data["test_labels"][:, 0]
    components = pca(pixels)
    assert components["explained_variance_ratio"].sum() > 0.7
    assert max(component_auc(components["coordinates"], labels)) > 0.7
    assert knn_accuracy(pixels, labels) > 0.8
