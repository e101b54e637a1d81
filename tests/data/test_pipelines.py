import numpy as np
import tensorflow as tf

from tfmed.data import pipelines

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 28, 28, 1)).astype("uint8")
LABELS = np.arange(70).astype("uint8")
TARGETS = LABELS[:, None].astype("float32")


def epoch(batches):
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)[:, 0]


def classifier_batches(**options):
    settings = {"batch_size": 16, "shuffle_seed": 5, **options}
    return pipelines.classifier_batches(IMAGES, TARGETS, **settings)


def test_images_stay_bytes_until_the_batch_and_come_out_between_0_and_1():
    images, labels = epoch(classifier_batches(shuffle_seed=None))
    assert images.dtype == np.float32
    assert np.array_equal(images, IMAGES.astype("float32") / 255)
    assert np.array_equal(labels, LABELS)


def test_every_epoch_holds_every_image_once_with_its_label_in_another_order():
    batches = classifier_batches()
    (first_images, first), (_, second) = epoch(batches), epoch(batches)
    assert sorted(first) == sorted(second) == list(range(70))
    assert not np.array_equal(first, second)
    assert np.array_equal(first_images, IMAGES[first.astype(int)].astype("float32") / 255)


def test_an_epoch_of_several_passes_holds_every_image_once_in_each_in_another_order():
    _, labels = epoch(classifier_batches(passes=3))
    passes = labels.reshape(3, 70)
    assert all(sorted(each) == list(range(70)) for each in passes)
    assert not np.array_equal(passes[0], passes[1])
    sizes = [len(images) for images, _ in classifier_batches(passes=2)]
    assert sizes == [16, 16, 16, 16, 6] * 2


def test_shuffle_follows_the_seed():
    assert np.array_equal(epoch(classifier_batches())[1], epoch(classifier_batches())[1])
    other = epoch(classifier_batches(shuffle_seed=6))[1]
    assert not np.array_equal(epoch(classifier_batches())[1], other)


def test_shuffle_reaches_over_the_whole_set():
    first = epoch(pipelines.classifier_batches(IMAGES, TARGETS, batch_size=8, shuffle_seed=1))[1]
    assert max(first[:8]) > 35


def brightened(images, seed):
    """A change that can be told: each batch by a number of its own."""
    return images + tf.random.stateless_uniform((), seed, 1, 2)


def changes_of(batches):
    """By how much each image of an epoch was changed, in the order of the images."""
    images, labels = epoch(batches)
    rows = labels.astype(int)
    found = images - IMAGES[rows].astype("float32") / 255
    assert np.ptp(found, axis=(1, 2, 3)).max() < 1e-5
    return found.mean(axis=(1, 2, 3))[np.argsort(rows)]


def test_each_batch_of_each_epoch_is_changed_in_its_own_way():
    batches = classifier_batches(change=brightened)
    first, second = changes_of(batches), changes_of(batches)
    assert len(np.unique(first.round(4))) == 5  # batches of 16 images
    assert not np.isclose(first, second).any()
    assert ((first >= 1) & (first < 2)).all()


def test_changes_follow_the_seed():
    first, again = (changes_of(classifier_batches(change=brightened)) for _ in range(2))
    assert np.array_equal(first, again)
    other = changes_of(classifier_batches(change=brightened, shuffle_seed=6))
    assert not np.isclose(first, other).any()


def test_passes_of_one_epoch_are_changed_each_in_its_own_way():
    images, labels = epoch(classifier_batches(change=brightened, passes=2))
    changes = images.mean(axis=(1, 2, 3)) - IMAGES[labels.astype(int)].mean(axis=(1, 2, 3)) / 255
    assert len(np.unique(changes.round(4))) == 10


def test_images_without_labels_are_changed_too():
    batches = pipelines.image_batches(IMAGES, batch_size=70, change=brightened)
    (images,) = batches
    assert images.numpy().min() >= 1
    kept = pipelines.image_batches(IMAGES, batch_size=70)
    assert next(iter(kept)).numpy().max() <= 1


def test_what_stands_beside_an_image_is_not_changed():
    weights = np.arange(70, dtype="float32")[:, None] / 7
    batches = classifier_batches(change=brightened, weights=weights)
    for _, targets, beside in batches:
        assert np.array_equal(beside, targets / 7)


def test_embeddings_pass_as_they_are():
    embeddings = np.random.default_rng(0).normal(size=(9, 4, 4, 2)).astype("float32")
    batches = pipelines.classifier_batches(embeddings, TARGETS[:9], batch_size=4, shuffle_seed=None)
    assert np.array_equal(epoch(batches)[0], embeddings)


def test_images_are_scaled_alike_in_a_graph_and_outside_of_one():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    shape = tf.TensorSpec((None, 16, 16, 1), tf.uint8)
    expected = values.astype("float32") / np.float32(255)
    in_graph = tf.function(pipelines.scale_images, input_signature=[shape])
    for scaled in (pipelines.scale_images(tf.constant(values)), in_graph(tf.constant(values))):
        assert scaled.dtype == tf.float32
        assert scaled.numpy().tobytes() == expected.tobytes()
