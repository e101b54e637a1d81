"""A Dask cluster of processes, started as a user starts one."""

import json
import os
import subprocess
import sys
import time

HIDE = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"']
"""Runs a command that sees an empty folder in the place of one; takes root, on Linux."""


def can_hide():
    try:
        return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


class DaskCluster:
    """A scheduler and workers as `dask scheduler` and `dask worker` start them."""

    def __init__(self, folder, **environment):
        self.folder, self.environment = folder, os.environ | environment
        self.processes = []
        self.workers = []
        scheme = "tls" if "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in environment else "tcp"
        self.file = folder / "scheduler.json"
        self._start(
            "scheduler", "--no-dashboard", "--port", "0", "--protocol", scheme,
            "--scheduler-file", self.file, "--host", "127.0.0.1",
        )  # fmt: skip
        end = time.monotonic() + 60
        while not self.file.exists() or not self.file.stat().st_size:
            assert time.monotonic() < end, "no scheduler came up"
            time.sleep(0.1)
        self.address = json.loads(self.file.read_text())["address"]

    def add_worker(self, name, hidden=None, **environment):
        """A worker with a cache and a folder of its own, which sees nothing of a hidden folder."""
        home = self.folder / name
        home.mkdir()
        environment = {"TFMED_CACHE": str(home / "cache"), **environment}
        process = self._start(
            "worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
            "--name", name, "--local-directory", home, cwd=home, environment=environment,
            prefix=[*HIDE, str(hidden)] if hidden else [],
        )  # fmt: skip
        self.workers.append(process)
        return process

    def wait_for_workers(self):
        """Returns once every worker that was added has joined."""
        from distributed import Client

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=60)

    def _start(self, what, *arguments, cwd=None, environment=None, prefix=()):
        command = [*prefix, sys.executable, "-m", "dask", what, *map(str, arguments)]
        process = subprocess.Popen(
            command,
            cwd=cwd or self.folder,
            env=self.environment | (environment or {}),
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / f"{what}-{len(self.processes)}.log").open("wb"),
        )
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
