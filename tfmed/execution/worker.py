"""A worker process: does one job after another, one TensorFlow thread, one line of JSON each.

`python -m tfmed.execution.worker` reads requests from standard input and answers on standard
output; it ends when its standard input does, so no worker outlives the command that started it.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfmed import steps
from tfmed.data import DatasetInfo
from tfmed.errors import InputError
from tfmed.execution.job import Result
from tfmed.execution.store import read_result, write_result

SECONDS_BETWEEN_SHARES = 0.5
"""What a job tells of its progress more often than that would only keep the command busy."""


def main() -> int:
    """Answers requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not mix with the answers

    def tell(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")

    told = time.monotonic()

    def say(share: float) -> None:
        nonlocal told
        if time.monotonic() - told >= SECONDS_BETWEEN_SHARES:
            told = time.monotonic()
            tell({"share": share})

    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read_requests, args=(requests,), daemon=True).start()
    use_one_thread()
    while True:
        tell(answer(json.loads(requests.get()), say))


def _read_requests(requests: "queue.Queue[str]") -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def use_one_thread() -> None:
    """Keeps TensorFlow, before it does anything, to one thread and to the GPU memory it needs.

    Results do not depend on the user's keras.json, nor on what else this process did before.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")


def answer(request: dict[str, Any], say: Callable[[float], None]) -> dict[str, Any]:
    """Does one job and keeps its result.

    Args:
        request: from `tfmed.execution.processes.request_for`.
        say: told the share of the work that is done, now and then.

    Returns:
        `record` of the result; or `input_error`, one line for the user; or `error` and
        `traceback`.
    """

    def work() -> dict[str, Any]:
        paths = request["parents"]
        parents = {role: intact(read_result(Path(path)), path) for role, path in paths.items()}
        result = perform(request, parents, say)
        if request["path"]:
            write_result(Path(request["path"]), request["title"], result)
        return {"record": result.record}

    return guarded(request["title"], work)


def guarded(title: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `work` answers, or what `answer` says of the error that it ended in."""
    try:
        return work()
    except InputError as error:
        return {"input_error": str(error)}
    except FloatingPointError as error:
        return {"input_error": f"{title}: {error}; lower it in the study file"}
    except Exception as error:  # the parent shows it; this process goes on
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def intact(result: Result | None, path: str) -> Result:
    """A parent's result as it was read.

    Raises:
        InputError: there was none.
    """
    if result is None:
        raise InputError(f"{path}: a finished result is gone or damaged; run the study again")
    return result


def perform(
    request: dict[str, Any], parents: Mapping[str, Result], say: Callable[[float], None]
) -> Result:
    """Does one job in this process and gives its result.

    Args:
        request: `kind`, `spec` and `data` as in `answer`.
        parents: role to result.
        say: told the share of the work that is done, now and then.
    """
    data = {role: DatasetInfo.from_json(values) for role, values in request["data"].items()}
    started = time.perf_counter()
    kind, spec = request["kind"], request["spec"]
    result = steps.perform(kind, spec, data, parents, say, code=request["code"])
    seconds = round(time.perf_counter() - started, 2)
    return Result({**result.record, "seconds": seconds}, result.arrays)


if __name__ == "__main__":
    sys.exit(main())
