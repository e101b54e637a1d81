"""Runs the command as a user does: another process, another folder, a cache of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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
encoder = {name = "plain", latent_channels = 8, base_filters = 4}
pretraining = [
    {method = "autoencoder", repeats = 2, max_images = 300, fit.epochs = 2},
    {method = "simclr", repeats = 1, max_images = 300, fit.epochs = 1},
]
latent = {max_images = 60, perplexity = 10}

[classifiers]
head.epochs = 3
finetune.epochs = 2
search = {learning_rates = [1e-3], augment = [false, true]}

[source_task]
label_budgets = [40]
strategies = ["frozen"]
overtrained = false
baselines = false

[target_task]
label_budgets = [40]
strategies = ["scratch", "frozen", "finetune", "simclr:frozen"]
overtrained = false
baselines = false

[experiments]
losses = []
dropouts = []
"""

REAL_STUDY = """\
name = "reduced"
source = {source}
target = "pneumoniamnist"
seeds = 2
encoder.name = "plain"
pretraining = {{method = "autoencoder", repeats = 1, max_images = 4000, fit.epochs = 4}}
latent.max_images = 100

[classifiers]
head.epochs = 60
finetune.epochs = 4
search = {{learning_rates = [1e-3], augment = [false]}}

[source_task]
label_budgets = [300]
strategies = ["frozen"]
overtrained = false
baselines = false

[target_task]
label_budgets = ["full"]
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

    `environment` may be changed; so may what is passed to one run. `said` is what the run of a
    fixture said.
    """

    said = ""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir(parents=True, exist_ok=True)
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


def done_once(made_once: Callable[..., Path], name: str, run: Callable[[Command], Done]) -> Command:
    """A command that was run by the first process of the session that asked for it.

    Nobody may change what it left behind.
    """

    def fill(folder: Path) -> None:
        done = run(Command(folder))
        assert done.code == 0, done.err
        (folder / "said").write_text(done.err, encoding="utf-8")

    folder = made_once(name, fill)
    command = Command(folder)
    command.said = (folder / "said").read_text(encoding="utf-8")
    return command


@pytest.fixture(scope="session")
def whole(made_once: Callable[..., Path]) -> Command:
    """`SMALL_STUDY`, run by two processes without disturbance."""
    return done_once(made_once, "whole", lambda command: command.run(*small(command, workers=2)))


def copy_models(whole: Command, command: Command) -> None:
    """Spares a command the exports, for which a process starts TensorFlow."""
    shutil.copytree(whole.folder / "saved_models", command.folder / "saved_models")


def report_of(command: Command, study: str, *arguments: object) -> tuple[Path, dict[str, Any]]:
    """Runs a study, given as its file's text; the report's folder and its results."""
    (command.folder / "own.toml").write_text(study, encoding="utf-8")
    done = command.run("--study", "own.toml", "--workers", 1, *arguments)
    assert done.code == 0, done.err
    (path,) = (command.folder / "reports").glob("*/results.json")
    return path.parent, json.loads(path.read_text(encoding="utf-8"))


def folder_with(*names: str) -> Path:
    """Folder of these files of real images; where they are not, the test is skipped."""
    named = os.environ.get("TFMED_REAL_DATA")
    folder = Path(named).absolute() if named else ROOT.parent / "shared" / "data"
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        pytest.skip(f"{folder} holds no {' and no '.join(missing)}: set TFMED_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of `chest_nih.npz` and `pneumoniamnist.npz`, real images."""
    return folder_with("chest_nih.npz", "pneumoniamnist.npz")


@pytest.fixture(scope="session")
def real_study(real_data: Path, made_once: Callable[..., Path]) -> Command:
    """A reduced study on real X-rays."""
    source = json.dumps(str(real_data / "chest_nih.npz"))

    def run(command: Command) -> Done:
        text = REAL_STUDY.format(source=source)
        (command.folder / "own.toml").write_text(text, encoding="utf-8")
        return command.run("--study", "own.toml", "--data-root", real_data)

    return done_once(made_once, "real", run)
