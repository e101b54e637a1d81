"""The engine of a Dask cluster that runs already, on other machines or on this one.

Nodes need no folder in common: data files are sent once to each that lacks them, parents' results
go with each job, and results come back to the command, which alone writes to the store. A worker
does one job at a time, however many threads it has.
"""

import dataclasses
import queue
import re
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tfmed.data import DatasetInfo
from tfmed.errors import InputError, printable
from tfmed.execution.engine import Death, Outcome
from tfmed.execution.job import Job
from tfmed.execution.work import Perform, Request, Say
from tfmed.execution.workers import node
from tfmed.execution.workers.client import (
    SETTINGS,
    Post,
    Seat,
    answer_of,
    keep_to_a_steady_clock,
    quiet,
)

PATIENCE = 15
"""Seconds within which a cluster has to answer, and a first worker to be there."""
PULSE = 2.0
"""Seconds after which it is seen whether scheduler and workers are still there."""
PIECE = 32 << 20
"""Bytes of a data file that are sent at once."""

_START = "`dask scheduler` starts one, `dask worker HOST:8786 --nthreads 1` adds a worker to it"


class Cluster:
    """Workers of a cluster, each with one job at a time."""

    def __init__(self, perform: Perform, address: str, workers: int | None = None) -> None:
        """Connects to nothing yet.

        Args:
            perform: does jobs.
            address: HOST:PORT, `tcp://HOST:PORT` or `tls://HOST:PORT` of the scheduler.
            workers: how many workers at most; None for all.

        Raises:
            InputError: the address is none.
        """
        if not re.fullmatch(r"((tcp|tls)://)?([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", address):
            raise InputError(
                f"--cluster {printable(address)}: is not the address of a Dask scheduler; give "
                "HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT"
            )
        self._perform, self._address, self._most = perform, address, workers
        self._open = ExitStack()
        self._seats: dict[str, Seat] = {}
        self._died_on: dict[str, set[str]] = {}
        self._files: dict[tuple[str, str], Path] = {}
        self._next_look = 0.0
        self.where = ""
        """What does the jobs, in words."""

    def __enter__(self) -> "Cluster":
        """Connects, and sees that every worker has the same code and packages as this process.

        Raises:
            InputError: no cluster answers, it has no worker, or one has other versions.
        """
        import dask.config

        self._open.enter_context(quiet())
        self._open.enter_context(dask.config.set(SETTINGS))
        try:
            self._client = self._open.enter_context(self._connected())
            self._post = Post(self._client, self._perform)
            self._mine = node.versions()
            self._look()
            if not self._seats:
                raise InputError(
                    f"--cluster {self._address}: the cluster has no worker; start some: {_START}"
                )
        except BaseException:
            self._open.close()
            raise
        count = min(len(self._seats), self._most or len(self._seats))
        self.where = f"{count} {'worker' if count == 1 else 'workers'} of {self._address}"
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves the cluster; what it still does for this command is given up."""
        self._open.close()

    def has_room(self) -> bool:
        """Whether a worker is idle."""
        busy = sum(seat.task is not None for seat in self._seats.values())
        return busy < min(len(self._seats), self._most or len(self._seats))

    def start(self, job: Job, request: Request, say: Say) -> None:
        """Gives a job to an idle worker, one that it has not died on if there is any."""
        died_on = self._died_on.get(job.key, set())
        idle = [seat for seat in self._seats.values() if seat.task is None]
        seat = min(idle, key=lambda each: each.address in died_on)
        seat.task = job, dataclasses.replace(request, data=self._placed(request.data, seat)), say
        self._post.send(seat, lambda future: self._take(seat, future))

    def wait(self) -> Iterable[Outcome]:
        """Takes in what happened; now and then, sees who is still there.

        Raises:
            InputError: the scheduler or every worker is lost.
        """
        left = self._next_look - time.monotonic()
        if left <= 0:
            return self._look()
        try:
            return self._post.news.get(timeout=left)() or ()
        except queue.Empty:
            return ()

    def _connected(self) -> Any:
        from distributed import Client

        keep_to_a_steady_clock()
        try:
            client = Client(self._address, timeout=PATIENCE, set_as_default=False)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            why = printable(error) or type(error).__name__
            raise InputError(
                f"--cluster {self._address}: no Dask cluster answers there ({why}); {_START}"
            ) from None
        end = time.monotonic() + PATIENCE
        while not client.nthreads() and time.monotonic() < end:
            time.sleep(0.2)
        return client

    def _look(self) -> list[Outcome]:
        """Takes in which workers have come and gone."""
        self._next_look = time.monotonic() + PULSE
        try:
            there = set(self._client.nthreads())
        except (OSError, RuntimeError, ValueError):
            raise InputError(
                f"--cluster {self._address}: the scheduler was lost; finished work is kept: start "
                "the cluster and run the study again"
            ) from None
        for address in sorted(there - self._seats.keys()):
            self._greet(address)
            self._seats[address] = Seat(address)
        deaths = []
        for address in sorted(self._seats.keys() - there):
            seat = self._seats.pop(address)
            if seat.task is not None:
                seat.future.cancel(force=True)
                deaths.append(self._death(seat))
        if not self._seats and not deaths and self.where:
            raise InputError(
                f"--cluster {self._address}: the cluster has no worker left; finished work is "
                "kept: start workers again and run the study again"
            )
        return deaths

    def _death(self, seat: Seat) -> Outcome:
        job = self._post.forget(seat)
        self._died_on.setdefault(job.key, set()).add(seat.address)
        remedy = "most likely memory ran out there: start fewer workers a node"
        return job, Death(f"at {seat.address}", remedy)

    def _take(self, seat: Seat, future: Any) -> list[Outcome]:
        if future is not seat.future:
            return []
        found = answer_of(future)
        if found is None:
            return [self._death(seat)]
        return [(self._post.forget(seat), found)]

    def _greet(self, address: str) -> None:
        theirs = self._ask(address, node.versions)
        other = [name for name in self._mine if theirs.get(name) != self._mine[name]]
        if other:
            found = ", ".join(
                f"{name} {theirs.get(name, 'none')}, not {self._mine[name]}" for name in other
            )
            raise InputError(
                f"worker {address}: results would differ there, it has {found}; install the same "
                "tfmed and packages on every node"
            )

    def _placed(self, data: Mapping[str, DatasetInfo], seat: Seat) -> dict[str, DatasetInfo]:
        """The data sets with the paths that their files have on a worker's node."""
        placed = {}
        for role, info in data.items():
            known = (seat.address, info.md5)
            if known not in self._files:
                there = self._ask(seat.address, node.find_file, str(info.path), info.md5)
                self._files[known] = Path(there or self._sent(info, seat.address))
            placed[role] = dataclasses.replace(info, path=self._files[known])
        return placed

    def _sent(self, info: DatasetInfo, address: str) -> str:
        name = uuid.uuid4().hex
        try:
            with info.path.open("rb") as file:
                while piece := file.read(PIECE):
                    self._ask(address, node.write_piece, info.md5, name, piece)
        except OSError as error:
            raise InputError(
                f"{info.path}: can't be read any more ({error.strerror}); run the study again"
            ) from None
        there = self._ask(address, node.finish_file, info.md5, name)
        if there is None:
            raise InputError(
                f"{info.path}: has changed since the run began (MD5 is not {info.md5}); run the "
                "study again"
            )
        return there

    def _ask(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives on a worker."""
        future = self._client.submit(
            function,
            *arguments,
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        try:
            return future.result(timeout=600)
        except Exception as error:  # whatever the worker raised, or Dask of the worker
            raise InputError(
                f"worker {address}: can't be used ({type(error).__name__}: {error}); it needs the "
                "same tfmed and packages, and a TFMED_CACHE with room for the data"
            ) from None
