"""Runs the command as a user does: another process, another folder, a cache of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
NO_TENSORFLOW = """\
import sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        # All of TensorFlow starts by importing this; its messages alone (tensorflow.core) do not.
        if name.partition(".")[0] == "keras" or name == "tensorflow.python":
            raise AssertionError(f"{name} was imported")

sys.meta_path.insert(0, Refusal())
"""


SMALL_STUDY = """\
name = "small"
source = "phantom"
target = "phantom"
seeds = 2
pretraining = {max_images = 300, fit.epochs = 2}
latent = {max_images = 60, perplexity = 10}

[classifiers]
head.epochs = 3
finetune.epochs = 2
scratch.epochs = 2

[source_task]
label_budgets = [40]
strategies = ["frozen"]
overtrained = false
baselines = false

[target_task]
label_budgets = [40]
strategies = ["scratch", "frozen", "finetune"]
overtrained = false
baselines = false

[experiments]
losses = []
dropouts = []
"""


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def _heed_interrupts() -> None:
    # Shells ignore SIGINT in what runs in the background, nohup SIGHUP, and children inherit that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Command:
    """`run_all.py` in `folder`, with its own cache and data root, and no server to download from.

    `environment` may be changed; so may what is passed to one run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        self.cache = folder / "cache"
        self.environment = {
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "TFMED_CACHE": str(self.cache),
            "MEDMNIST_ROOT": str(folder / "medmnist"),
            "TFMED_MEDMNIST_URL": "http://127.0.0.1:9",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }

    def start(
        self, *arguments: object, start_new_session: bool = False, **environment: str
    ) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "run_all.py"), *map(str, arguments)],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_heed_interrupts,
            start_new_session=start_new_session,
        )

    def run(self, *arguments: object, **environment: str) -> Done:
        with self.start(*arguments, **environment) as process:
            out, err = process.communicate()
        return Done(process.returncode, out, err, self.folder)

    def tfmed(self, *words: object) -> Done:
        """Another command than `run`."""
        done = subprocess.run(
            [sys.executable, "-P", "-c", "import sys; from tfmed.cli import main; sys.exit(main())"]
            + [str(word) for word in words],
            cwd=self.folder,
            env={**self.environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        return Done(done.returncode, done.stdout, done.stderr, self.folder)

    def run_without_tensorflow(self, *arguments: object) -> Done:
        """As `run`, where importing TensorFlow or Keras is an error."""
        refusal = self.folder.parent / "refusal"
        refusal.mkdir(exist_ok=True)
        (refusal / "sitecustomize.py").write_text(NO_TENSORFLOW, encoding="utf-8")
        return self.run(*arguments, PYTHONPATH=str(refusal))


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture(scope="session")
def new_command(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Command]:
    """Makes commands whose folders live as long as the session."""
    return lambda: Command(tmp_path_factory.mktemp("command"))


def small(command: Command, workers: int | None = 1) -> list[object]:
    """Arguments that run `SMALL_STUDY`, with one worker where its number is no matter.

    Tests run side by side, and each worker starts TensorFlow and traces every model.
    """
    (command.folder / "small.toml").write_text(SMALL_STUDY, encoding="utf-8")
    return ["--study", "small.toml", *(["--workers", workers] if workers else [])]


@pytest.fixture(scope="session")
def whole(new_command: Callable[[], Command]) -> Command:
    """`SMALL_STUDY`, run by two processes without disturbance."""
    command = new_command()
    done = command.run(*small(command, workers=2))
    assert done.code == 0, done.err
    return command


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of `chest_nih.npz` and `pneumoniamnist.npz`, real images."""
    named = os.environ.get("TFMED_REAL_DATA")
    folder = Path(named).absolute() if named else ROOT.parent / "shared" / "data"
    missing = [
        name for name in ("chest_nih.npz", "pneumoniamnist.npz") if not (folder / name).is_file()
    ]
    if missing:
        pytest.skip(f"{folder} holds no {' and no '.join(missing)}: set TFMED_REAL_DATA")
    return folder
