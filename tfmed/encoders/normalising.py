"""BatchNormalization of maps by one kernel forward and one backward."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable("tfmed")
class FusedBatchNormalization(layers.BatchNormalization):
    """`BatchNormalization` of maps (n, height, width, channels), faster on CPUs while it trains.

    Keras takes many passes over the maps, which no cache holds: 15 ms forward and backward for 512
    of 14 x 14 x 24, of which TensorFlow's fused kernel takes 7.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """As `BatchNormalization.call`, to rounding."""
        if mask is not None or not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        fused = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma),
            offset=tf.convert_to_tensor(self.beta),
            mean=[],
            variance=[],
            epsilon=self.epsilon,
            is_training=True,
        )
        values = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), inputs.dtype)
        variance = fused.batch_variance * (values - 1) / values  # the kernel's is unbiased
        for moving, of_batch in (
            (self.moving_mean, fused.batch_mean),
            (self.moving_variance, variance),
        ):
            moving.assign(moving * self.momentum + of_batch * (1.0 - self.momentum))
        return fused.y
