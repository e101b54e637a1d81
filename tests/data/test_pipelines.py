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


def test_shifts_move_the_whole_image_by_at_most_two_pixels_and_never_flip_it():
    image = np.tile(np.arange(28, dtype="uint8")[None, None, :, None], (200, 28, 1, 1))
    moved = pipelines.shift_images(tf.constant(image), tf.constant([1, 2])).numpy()
    offsets = moved[:, 5, 14, 0].astype(int) - 14
    assert set(offsets) == {-2, -1, 0, 1, 2}
    inner = moved[:, :, 3:25, 0].astype(int)
    assert np.all(np.diff(inner, axis=2) == 1)


def test_augmented_epochs_differ_and_follow_the_seed():
    batches = classifier_batches(augment=True)
    first, second = epoch(batches)[0], epoch(batches)[0]
    assert not np.array_equal(np.sort(first.ravel()), np.sort(second.ravel()))
    again = epoch(classifier_batches(augment=True))[0]
    assert np.array_equal(first, again)


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
