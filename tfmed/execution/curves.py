"""Learning curves of finished jobs for TensorBoard, written as they are finished."""

import io
import re
import time
from pathlib import Path
from typing import Any

from tfmed.errors import InputError
from tfmed.execution.job import Job, Result

_NOT_IN_NAMES = re.compile(r"[/\\\x00-\x1f]")


class Curves:
    """A folder of event files, one for each job that fitted something.

    Files are written by the `tensorboard` package, which needs no TensorFlow for that; who wants to
    look at them has it. A job that has its file is left alone, so a study can be watched again and
    again in one folder.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder.

        Raises:
            InputError: it can't be made, or `tensorboard` is not installed.
        """
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            raise InputError(
                "--tensorboard: the package tensorboard is not installed; pip install tensorboard"
            ) from None
        self._event, self._writer, self._folder = Event, RecordWriter, folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error) from None

    def write(self, job: Job, result: Result) -> None:
        """Writes what a job measured after each epoch; nothing for one that fitted nothing.

        Args:
            job: its title names the run.
            result: its record holds `fit.history` and, of a pretraining, `probe`.

        Raises:
            InputError: the file can't be written.
        """
        points = _points(result.record)
        if not points:
            return
        run = self._folder / _NOT_IN_NAMES.sub("_", job.title)[:200]
        path = run / f"events.out.tfevents.{job.key[:16]}"
        if path.exists():
            return
        aside = run / f".{path.name}"  # a command that is killed leaves no half of a file
        try:
            run.mkdir(exist_ok=True)
            aside.write_bytes(self._events(points))
            aside.replace(path)
        except OSError as error:
            raise self._refusal(error) from None

    def _events(self, points: list[tuple[str, int, float]]) -> bytes:
        """The content of an event file."""
        now, content = time.time(), io.BytesIO()
        writer = self._writer(content)
        writer.write(self._event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for name, epoch, value in points:
            event = self._event(wall_time=now, step=epoch)
            event.summary.value.add(tag=name, simple_value=value)
            writer.write(event.SerializeToString())
        return content.getvalue()

    def _refusal(self, error: OSError) -> InputError:
        return InputError(
            f"--tensorboard {self._folder}: can't be written to ({error.strerror}); choose another"
        )


def _points(record: dict[str, Any]) -> list[tuple[str, int, float]]:
    """Name, epoch (from 1; of a probe from 0) and value of every point of a job's curves."""
    history = record.get("fit", {}).get("history", {})
    points = [
        (name, epoch, value)
        for name, values in history.items()
        for epoch, value in enumerate(values, start=1)
    ]
    probe = record.get("probe") or {}
    return points + [
        ("probe_auc", epoch, value)
        for epoch, value in zip(probe.get("epochs", []), probe.get("auc", []), strict=True)
    ]
