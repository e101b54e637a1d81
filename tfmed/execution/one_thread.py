"""Keeps a process that does jobs to one thread, so that results do not depend on the machine."""

import functools
import os
from typing import Any

from tfmed.errors import InputError
from tfmed.execution.job import Result
from tfmed.execution.work import Perform

ENVIRONMENT = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}


def on_one_thread(perform: Perform, *arguments: Any, code: str = "") -> Result:
    """Does a job as `perform` does, in a process that is kept to one thread from then on.

    Raises:
        InputError: TensorFlow has begun to work on more threads here; else as `perform`.
    """
    use_one_thread()
    return perform(*arguments, code=code)


@functools.cache
def use_one_thread() -> None:
    """Keeps TensorFlow and BLAS to one thread and to the GPU memory that they need.

    Results do not depend on the user's keras.json, nor on what else this process did before.

    Raises:
        InputError: TensorFlow has begun to work on more threads.
    """
    os.environ.update(ENVIRONMENT)  # heeded by what is loaded from now on
    import tensorflow as tf
    import threadpoolctl

    threadpoolctl.threadpool_limits(1)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        raise InputError(
            "TensorFlow has worked in this process already, on more than one thread; use workers "
            "of their own (--workers 1 or more), or a fresh process"
        ) from None
    tf.config.experimental.enable_op_determinism()
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
