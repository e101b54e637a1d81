"""SavedModels for TF Serving: `<models>/<name>/<version>/`, ascending and never overwritten."""

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tfmed.errors import InputError
from tfmed.jobs import is_alive

CARD = "tfmed.json"
WRITING = ".writing-"
"""Start of the name of a folder that an export with this process number is still filling."""


def export(classifier: Any, models: Path, name: str, source: str) -> int:
    """Writes a Keras model as the next version; it appears at once or not at all.

    Args:
        classifier: model with images float32 (n, height, width, channels) in [0, 1] as input and
            probabilities (n, 1) as output.
        models: folder of all models.
        name: the model's name, a folder in it.
        source: key of the run that the model comes from, to find it again.

    Returns:
        The version.

    Raises:
        InputError: the folder can't be written to.
    """
    folder = models / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f"{WRITING}{os.getpid()}-", dir=folder
        ) as temporary:
            written = Path(temporary) / "model"
            classifier.export(str(written), verbose=False)
            (written / CARD).write_text(json.dumps({"source": source}) + "\n", encoding="utf-8")
            return _move_into_place(written, folder)
    except Exception as error:
        reason = _system_answer(error)
        if reason is None:
            raise
        raise InputError(
            f"{folder}: the model can't be written there ({reason}); "
            "make room or choose another --models"
        ) from None


def find_version(models: Path, name: str, source: str) -> int | None:
    """The newest version of a model that comes from the run with key `source`, or None."""
    for version in reversed(_versions(models / name)):
        try:
            card = json.loads((models / name / str(version) / CARD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if card.get("source") == source:
            return version
    return None


def remove_leftovers(models: Path) -> None:
    """Removes half-written versions that a killed export left behind."""
    for folder in models.glob(f"*/{WRITING}*"):
        pid = folder.name.removeprefix(WRITING).partition("-")[0]
        if not (pid.isdecimal() and is_alive(int(pid))):
            shutil.rmtree(folder, ignore_errors=True)


def _system_answer(error: Exception) -> str | None:
    """What the file system answered, to Python or to TensorFlow; None for another error."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if type(error).__module__.startswith("tensorflow.python") and "; " in str(error):
        # `{{function_node …}} <path>; No space left on device [Op:SaveV2]`
        return str(error).rpartition("; ")[2].partition(" [Op:")[0]
    return None


def _move_into_place(written: Path, folder: Path) -> int:
    while True:
        version = max(_versions(folder), default=0) + 1
        try:
            written.rename(folder / str(version))
        except OSError:
            if not (folder / str(version)).exists():
                raise
        else:
            return version


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdecimal())
