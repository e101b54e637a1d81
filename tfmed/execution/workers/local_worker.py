"""A worker process of this machine: `python -m tfmed.execution.workers.local_worker`.

It reads from standard input where the scheduler is and the keys to it, writes its own address to
standard output, and ends when standard input does: no worker outlives the command that started it.
"""

import asyncio
import json
import os
import sys
import threading
from typing import Any, TextIO

from tfmed.execution.workers.client import SETTINGS, keep_to_a_steady_clock, quiet
from tfmed.operating_system import ignore_interrupts


def main() -> None:
    """Works until standard input ends."""
    ignore_interrupts()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is not the address
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    asyncio.run(_work(told, answers))


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


async def _work(told: dict[str, Any], answers: TextIO) -> None:
    import dask.config

    with dask.config.set(SETTINGS), quiet():
        from distributed import Worker
        from distributed.security import Security

        keep_to_a_steady_clock()

        class Silent(Worker):
            """A worker without a page for browsers."""

            def start_http_server(self, *_: Any, **__: Any) -> None:
                """Starts none."""

        worker = Silent(
            told["scheduler"],
            host="127.0.0.1",
            nthreads=1,
            security=Security(require_encryption=True, **told["keys"]),
            memory_limit=0,
            dashboard=False,
            local_directory=told["folder"],
        )
        async with worker:
            answers.write(f"{worker.address}\n")
            answers.flush()
            await worker.finished()


if __name__ == "__main__":
    main()
