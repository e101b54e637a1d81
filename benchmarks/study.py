"""A study by `tfmed run`, against the same runs one after another as in a notebook.

`tfmed run` starts with an empty cache and is timed from its start to its report. The notebook is
one process with TensorFlow's own threads: it loads the arrays, pretrains once, fits every
classifier of the same plan with `model.fit` on float arrays (the same layers, epochs, patience,
batch sizes, learning rates and losses; a frozen encoder's head through the whole network) and every
baseline (by tfmed's own function), scores with `model.predict`, lays each latent space out by PCA
and scikit-learn's t-SNE, draws with matplotlib and exports the same number of models. It leaves out
what notebooks rarely hold (intervals, paired tests, similarity of spaces, forgetting, the report).
EarlyStopping watches the loss without weight penalties in both, so that both fit about the same
number of epochs; the table shows them.
Run from the repository: `python -m benchmarks.study --source FILE --target FILE [--rounds N]`;
`--study benchmarks/study.toml` times a shorter study, `--part` the quick one, to try the benchmark
out and not to be quoted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.side_by_side import machine, markdown_table, ratio, spread
from tfmed.config.reading import read_study
from tfmed.design import Baseline, Strategy
from tfmed.orchestration.plan import exports, make_plan
from tfmed.results.planned import Plan, Run

Seconds = dict[str, float]
STUDY = Path(__file__).parents[1] / "studies" / "chest_to_pneumonia" / "as_reported.toml"


def run_tfmed(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds of each stage of `tfmed run`, from its start to its end, and epochs fitted.

    Raises:
        RuntimeError: the command failed; its message is on standard error.
    """
    command = [sys.executable, "run_all.py", "--source", args.source, "--target", args.target]
    command += ["--out", str(folder / "reports"), "--models", str(folder / "models")]
    command += ["--study", str(args.study), *["--quick"] * args.part]
    seconds: Seconds = defaultdict(float)
    stage, since = "start", time.perf_counter()
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TFMED_CACHE": str(folder / "cache")},
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            print(line, end="", file=sys.stderr)
            clock, _, text = line.strip().partition("  ")
            if clock.replace(":", "").isdecimal() and not text.startswith("["):
                now = time.perf_counter()
                seconds[stage] += now - since
                stage, since = text.partition(":")[0].partition(" to ")[0], now
    seconds[stage] += time.perf_counter() - since
    if process.returncode:
        raise RuntimeError(f"tfmed run ended with code {process.returncode}")
    found = json.loads(next((folder / "reports").glob("*/results.json")).read_text("utf-8"))
    return {
        "seconds": seconds,
        "runs": len(found["runs"]),
        "pretraining epochs": found["pretraining"][0]["epochs"],
        "classifier epochs": sum(run["epochs"] for run in found["runs"]),
        "accuracy": statistics.fmean(run["metrics"]["accuracy"] for run in found["runs"]),
    }


def run_notebook(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The same for the notebook, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.study", "--notebook", str(folder)]
    command += ["--source", args.source, "--target", args.target, "--study", str(args.study)]
    command += ["--part"] * args.part
    start = time.perf_counter()
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = json.loads(printed.splitlines()[-1])
    known = sum(found["seconds"].values())
    found["seconds"]["start"] = time.perf_counter() - start - known
    return found


def plan_for(args: argparse.Namespace, cache: Path) -> Plan:
    """The plan that `tfmed run` makes of the same options."""
    from tfmed.data import sources

    study = read_study(args.study).replaced(source=args.source, target=args.target)
    study = study.quickened() if args.part else study
    return make_plan(
        study,
        sources.resolve(args.source, data_root=cache, cache_dir=cache, role="source"),
        sources.resolve(args.target, data_root=cache, cache_dir=cache, role="target"),
    )


class Notebook:
    """The cells of a notebook, one after another."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Loads every array, scaled, as a notebook does at its top."""
        from tfmed.data.loading import load

        self.plan, self.folder = plan, folder
        self.seconds: Seconds = defaultdict(float)
        self.epochs: dict[str, int] = {"pretraining": 0, "classifier": 0}
        self.classifiers: dict[str, Any] = {}
        self.accuracy: dict[str, float] = {}
        self.pretrained: list[np.ndarray] = []
        with self.timed("loading"):
            self.data = {
                info.md5: {
                    name: (
                        split.images.astype("float32") / 255,
                        split.labels.astype("float32")[:, None],
                    )
                    for name, split in load(info).items()
                }
                for info in plan.datasets.values()
            }

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the seconds of a cell to its stage."""
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start

    def pretrain(self) -> None:
        """Fits the autoencoder once."""
        import keras

        from tfmed import pretraining

        settings = self.plan.study.pretraining
        train, val = (self.data[self.plan.source.md5][split][0] for split in ("train", "val"))
        keras.utils.set_random_seed(settings.seed)
        if settings.max_images:
            train = train[np.random.default_rng(0).permutation(len(train))[: settings.max_images]]
        encoder = self.encoder(self.plan.pretrainings[0].spec)
        autoencoder = pretraining.method(settings.method).build(settings, encoder)
        autoencoder.compile(keras.optimizers.Adam(settings.fit.learning_rate), loss="mse")
        history = autoencoder.fit(
            train,
            train,
            validation_data=(val, val),
            batch_size=settings.fit.batch_size,
            epochs=settings.fit.epochs,
            callbacks=early_stopping(settings.fit.patience, "val_loss"),
            verbose=0,
        ).history
        autoencoder.predict(self.data[self.plan.source.md5]["test"][0], verbose=0)
        self.pretrained = encoder.get_weights()
        self.epochs["pretraining"] = len(history["loss"])

    def encoder(self, spec: Any) -> Any:
        """A new encoder with random weights."""
        from tfmed import encoders

        return encoders.build(spec["encoder"], self.plan.source.image_shape)

    def answer(self, run: Run) -> None:
        """Fits one classifier or baseline and scores the test split."""
        from sklearn.metrics import accuracy_score, roc_auc_score

        method = run.cell.method
        scores = (
            self.baseline(run, method)
            if isinstance(method, Baseline)
            else self.classify(run, method)
        )
        y_test = self.data[run.task.md5]["test"][1]
        roc_auc_score(y_test[:, 0], scores)
        self.accuracy[run.job.key] = float(accuracy_score(y_test[:, 0], scores > 0.5))

    def baseline(self, run: Run, baseline: Baseline) -> np.ndarray:
        """Test scores of a baseline fitted to pixels, or to embeddings of an encoder."""
        import keras

        from tfmed.training.baselines import fit_predict

        (x, y), (x_val, y_val) = self.labelled(run)
        known, test = np.concatenate([x, x_val]), self.data[run.task.md5]["test"][0]
        if baseline.embedded:
            keras.utils.set_random_seed(run.seed)
            encoder = self.encoder(run.job.spec)
            if baseline.features == "frozen":
                encoder.set_weights(self.pretrained)
            known, test = (encoder.predict(images, verbose=0) for images in (known, test))
        labels = np.concatenate([y, y_val])[:, 0].astype(int)
        return fit_predict(baseline.method, known, labels, test, run.seed).test_scores

    def classify(self, run: Run, strategy: Strategy) -> np.ndarray:
        """Test scores of a classifier fitted on images, frozen or not."""
        import keras

        from tfmed.tasks import task_of
        from tfmed.training import heads, standardising, transfer

        spec, fit = run.job.spec, run.job.spec["fit"]
        (x, y), (x_val, y_val) = self.labelled(run)
        passes = -(-spec["epoch_steps"] // -(-len(x) // fit["batch_size"]))
        x, y = np.tile(x, (passes, 1, 1, 1)), np.tile(y, (passes, 1))
        keras.utils.set_random_seed(run.seed)
        asked = task_of(run.task.task)
        encoder = self.encoder(spec)
        head = heads.build_head(
            encoder.output_shape[1:],
            asked.output(len(run.task.class_names)),
            dropout=spec["dropout"],
            l2=spec["penalty"] * passes / len(x) if strategy.frozen else 0.0,
        )
        if strategy.frozen and strategy.pretrained:
            encoder.set_weights(self.pretrained)
        if strategy.frozen:
            embeddings = encoder.predict(x, verbose=0)
            flat = embeddings.reshape(len(embeddings), -1)
            heads.set_standardisation(head, *standardising.statistics(flat))
        classifier = heads.build_classifier(encoder, head, trainable=not strategy.frozen)
        if "frozen" in run.job.parents:
            transfer.transfer_weights(self.classifiers[run.job.parents["frozen"].key], classifier)
        classifier.compile(
            keras.optimizers.Adam(fit["learning_rate"]),
            loss=keras.losses.BinaryFocalCrossentropy(gamma=2.0)
            if spec["loss"] == "focal"
            else "binary_crossentropy",
            metrics=["accuracy", keras.metrics.BinaryCrossentropy(name="data_loss")],
        )
        history = classifier.fit(
            x,
            y,
            validation_data=(x_val, y_val),
            batch_size=fit["batch_size"],
            epochs=fit["epochs"],
            callbacks=early_stopping(fit["patience"], "val_data_loss"),
            class_weight=asked.class_weights(y[:, 0].astype(int))
            if spec["loss"] == "class_weighted"
            else None,
            verbose=0,
        ).history
        self.classifiers[run.job.key] = classifier
        self.epochs["classifier"] += len(history["loss"])
        return classifier.predict(self.data[run.task.md5]["test"][0], verbose=0)[:, 0]

    def labelled(self, run: Run) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Training and validation examples of a run's label budget."""
        from tfmed.data.budgets import draw_budget

        data = self.data[run.task.md5]
        if run.cell.label_budget == "full":
            return data["train"], data["val"]
        x, y = data["train"]
        return tuple(
            (x[rows], y[rows])
            for rows in draw_budget(y[:, 0], run.cell.label_budget, run.seed, run.task.task)
        )

    def look(self) -> None:
        """PCA, t-SNE and a scatter plot of each latent space, timed apart."""
        from matplotlib import pyplot
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE

        for space in self.plan.spaces:
            x, y = self.data[space.run.task.md5]["test"]
            x, y = (part[: space.job.spec["max_images"]] for part in (x, y))
            with self.timed("PCA and t-SNE"):
                encoder = self.classifiers[space.run.job.key].get_layer("encoder")
                embeddings = encoder.predict(x, verbose=0).reshape(len(x), -1)
                components = PCA(50).fit_transform(embeddings)
                layout = TSNE(perplexity=space.job.spec["perplexity"], n_jobs=-1, random_state=0)
                points = layout.fit_transform(components)
            with self.timed("figures"):
                figure, axes = pyplot.subplots(1, 2)
                for axis, shown in zip(axes, (components, points), strict=True):
                    axis.scatter(*shown[:, :2].T, c=y[:, 0], s=4)
                figure.savefig(self.folder / f"{space.id}.png")
                pyplot.close(figure)

    def draw(self) -> None:
        """One figure of every cell's accuracy."""
        from matplotlib import pyplot

        cells: dict[str, list[float]] = defaultdict(list)
        for run in self.plan.runs:
            cells[f"{run.task.name} {run.cell.label()}"].append(self.accuracy[run.job.key])
        figure, axis = pyplot.subplots()
        axis.barh(list(cells), [statistics.fmean(values) for values in cells.values()])
        figure.savefig(self.folder / "accuracy.png", bbox_inches="tight")
        pyplot.close(figure)

    def export(self) -> None:
        """SavedModels of as many classifiers as the study exports."""
        best = {run.cell: run for run in reversed(self.plan.runs)}
        for name, run, _ in exports(self.plan, best, self.folder):
            self.classifiers[run.job.key].export(str(self.folder / name), verbose=False)


def early_stopping(patience: int, monitor: str) -> list[Any]:
    """Keras's callback; none where training is not to stop early."""
    import keras

    if not patience:
        return []
    return [
        keras.callbacks.EarlyStopping(
            monitor, mode="min", patience=patience, restore_best_weights=True
        )
    ]


def notebook(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Runs the notebook in this process."""
    import matplotlib as mpl

    mpl.use("Agg")
    cells = Notebook(plan_for(args, folder / "cache"), folder)
    with cells.timed("pretraining"):
        cells.pretrain()
    # Seeds that change nothing share a job, as in tfmed.
    runs = {run.job.key: run for run in cells.plan.runs}.values()
    # A fine-tuned classifier starts from a frozen one, which may stand after it in the plan.
    for run in sorted(runs, key=lambda run: "frozen" in run.job.parents):
        method = run.cell.method
        stage = "baselines" if isinstance(method, Baseline) else f"classifiers, {method}"
        with cells.timed(stage):
            cells.answer(run)
        print(f"notebook: {run.job.title}", file=sys.stderr, flush=True)
    cells.look()
    with cells.timed("figures"):
        cells.draw()
    with cells.timed("exporting"):
        cells.export()
    return {
        "seconds": cells.seconds,
        "runs": len(cells.plan.runs),
        "pretraining epochs": cells.epochs["pretraining"],
        "classifier epochs": cells.epochs["classifier"],
        "accuracy": statistics.fmean(cells.accuracy[run.job.key] for run in cells.plan.runs),
    }


def stage_rows(name: str, rounds: list[dict[str, Any]]) -> list[list[str]]:
    """Seconds of every stage of a contender, and of all of them."""
    stages = list(dict.fromkeys(stage for each in rounds for stage in each["seconds"]))
    rows = [
        [f"{name}: {stage}", spread([each["seconds"].get(stage, 0.0) for each in rounds], 1)]
        for stage in stages
    ]
    return [*rows, [f"**{name}, all**", f"**{spread(totals(rounds), 1)}**"]]


def totals(rounds: list[dict[str, Any]]) -> list[float]:
    """Seconds of each round."""
    return [sum(each["seconds"].values()) for each in rounds]


def main() -> None:
    """Print the tables; or, with `--notebook`, run the notebook."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", required=True, help="an .npz in MedMNIST's format")
    parser.add_argument("--target", required=True, help="another one")
    parser.add_argument("--study", type=Path, default=STUDY, help="study file")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--part", action="store_true", help="the quick study; not to be quoted")
    parser.add_argument("--notebook", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.notebook:
        print(json.dumps(notebook(args, args.notebook)))
        return
    contenders = {"tfmed": run_tfmed, "notebook": run_notebook}
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for _ in range(args.rounds):
        for name, contender in contenders.items():
            with tempfile.TemporaryDirectory(prefix="tfmed-study-") as folder:
                measured[name].append(contender(args, Path(folder)))
    part = " (the quick study: a part, not to be quoted)" if args.part else ""
    rounds = "1 round" if args.rounds == 1 else f"{args.rounds} rounds, least / median / most"
    print(f"{machine()}. Seconds{part} of {rounds}.\n")
    rows = [row for name, each in measured.items() for row in stage_rows(name, each)]
    found = ratio(totals(measured["notebook"]), totals(measured["tfmed"]))
    print(markdown_table(["stage", "seconds"], [*rows, ["**notebook over tfmed**", found]]))
    names = ("runs", "pretraining epochs", "classifier epochs", "accuracy")
    work = [
        [name, *(f"{each[0][name]:,.3f}".removesuffix(".000") for each in measured.values())]
        for name in names
    ]
    print("\n" + markdown_table(["work of the first round", *measured], work))


if __name__ == "__main__":
    main()
