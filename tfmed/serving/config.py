"""What is served of a folder of models: `models.config`, `batching.config`, and checking again.

Both files are text protos, `tensorflow.serving.ModelServerConfig` and `BatchingParameters`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import text_format

from tfmed.errors import InputError
from tfmed.locks import alone_in
from tfmed.serving import card, gate, protos
from tfmed.serving.versions import version_folders, versions

CONFIG, BATCHING = "models.config", "batching.config"
BASE = "/models"
"""Where the folder of the models lies in the server's container."""
_BATCHING_TEXT = """\
# Requests that arrive together are answered as one batch. One bad image then fails every request
# of its batch, so keep this for clients that send arrays (serving_default) or images you trust.
max_batch_size { value: 256 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 4 }
"""


@dataclass(frozen=True)
class Served:
    """The versions of a model that a server should load; None where there is none."""

    name: str
    stable: int | None
    candidate: int | None


@dataclass(frozen=True)
class Checked:
    """A version that was put through the gate again.

    Attributes:
        folder: of the version.
        verdict: the new one.
        stage_before: the stage in its `gate.json`.
    """

    folder: Path
    verdict: gate.Verdict
    stage_before: gate.Stage

    @property
    def faulty(self) -> bool:
        """Whether no server could load it, or its stage is not the one in its `gate.json`."""
        return self.verdict.stage == "unservable" or self.verdict.stage != self.stage_before


def check(folder: Path, *, update: bool = False) -> Iterator[Checked]:
    """Puts every version in a folder through the gate again, one after another.

    Args:
        folder: of all models, of one model, or of one version.
        update: write the verdicts beside the versions and, after the last, both files again.

    Raises:
        InputError: there is no such folder, it holds no version, or it can't be written to.
    """
    found = list(version_folders(folder))
    for version in found:
        verdict, before = gate.judge(version), gate.read_verdict(version).stage
        if update:
            gate.write_verdict(version, verdict)
        yield Checked(version, verdict, before)
    if update:
        write_configs(found[0].parents[1])


def choose(folder: Path) -> Served:
    """The newest version that passed the gate, and the newest servable one if it is newer.

    A version whose files differ from its card counts as unservable.
    """
    stable = candidate = None
    for version in reversed(versions(folder)):
        stage = stage_now(folder / str(version))
        if stage == "stable":
            stable = version
            break
        if stage == "candidate" and candidate is None:
            candidate = version
    return Served(folder.name, stable, candidate)


def stage_now(folder: Path) -> gate.Stage:
    """The stage that the gate gave a version, unless its files have changed since."""
    try:
        damaged = card.damage(folder, card.read_card(folder))
    except card.CardError:
        return "unservable"
    return "unservable" if damaged else gate.read_verdict(folder).stage


def models_config(served: Iterable[Served], base: str = BASE) -> str:
    """The text of `models.config`: every model, its versions and their labels.

    Args:
        served: what to serve; models without any version are left out.
        base: where the folder of the models lies for the server.
    """
    found = protos.model_server_config_pb2.ModelServerConfig()
    found.model_config_list.SetInParent()  # written even if it is empty
    for model in served:
        labelled = {"stable": model.stable, "candidate": model.candidate}
        chosen = {label: version for label, version in labelled.items() if version is not None}
        if not chosen:
            continue
        entry = found.model_config_list.config.add(
            name=model.name, base_path=f"{base}/{model.name}", model_platform="tensorflow"
        )
        entry.model_version_policy.specific.versions.extend(sorted(chosen.values()))
        entry.version_labels.update(chosen)
    return text_format.MessageToString(found, as_utf8=False)


def write_configs(models: Path) -> list[Served]:
    """Writes both files again from the versions that are there; gives what is served.

    Raises:
        InputError: the folder can't be written to.
    """
    try:
        models.stat()  # a missing folder is an error and is not created
        with alone_in(models):  # or a second export could write a list without this one's versions
            folders = sorted(path for path in models.iterdir() if versions(path))
            served = [choose(folder) for folder in folders]
            _replace(models / CONFIG, models_config(served))
            _replace(models / BATCHING, _BATCHING_TEXT)
    except OSError as error:
        raise InputError(
            f"{models}: {CONFIG} can't be written there ({error.strerror}); choose another --models"
        ) from None
    return served


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.tmp")  # one name is enough for one writer at a time
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
