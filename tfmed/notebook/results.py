"""What a study found, as a notebook asks for it.

found = tfmed.load_results("reports/chest-to-pneumonia")
found.summary[found.summary.strategy == "finetune"][["label_budget", "auc", "auc_low"]]
found.plot("answer")
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfmed.config.items import did_you_mean
from tfmed.errors import printable
from tfmed.notebook import frames
from tfmed.notebook.opening import opening
from tfmed.report.figures.drawing import described
from tfmed.results.loading import read_results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Results:
    """What a study found; a notebook shows its answer.

    Attributes:
        folder: of the report.
        data: all of `results.json`, as JSON values.
    """

    folder: Path
    data: dict[str, Any]

    @functools.cached_property
    def runs(self) -> "pd.DataFrame":
        """A row for each run, a column for each metric; without points of curves."""
        return frames.of_runs(self.data["runs"])

    @functools.cached_property
    def summary(self) -> "pd.DataFrame":
        """A row for each cell: a metric's mean over the seeds, and its `_low`, `_high` and `_sd`.

        Low and high are the ends of the 95 % interval.
        """
        return frames.of_summary(self.data["summary"])

    @functools.cached_property
    def comparisons(self) -> "pd.DataFrame":
        """A row for each paired difference a - b, with `a_strategy`, `b_strategy` and so on."""
        return frames.of_comparisons(self.data["comparisons"])

    @functools.cached_property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures that `plot` draws: those of `figures/*.svg` of the report."""
        return tuple(described(self.data))

    def plot(self, name: str | None = None) -> "Figure":
        """Draws a figure of the report.

        Args:
            name: one of `figures`.

        Returns:
            A matplotlib figure, which a notebook shows and `savefig` writes to a file. pyplot does
            not know it, so that it need not be closed.

        Raises:
            ValueError: no figure has this name; the line lists those that there are.
        """
        figure = described(self.data).get(name) if isinstance(name, str) else None
        if figure is None:
            # No InputError: that one would cut a long list.
            raise ValueError(_no_figure(name, self.figures))
        from tfmed.notebook.figure import shown

        return shown(figure, synthetic=self.data["synthetic"])

    def __repr__(self) -> str:
        """Names the study, not its megabytes."""
        return f"Results({str(self.folder)!r}, {len(self.data['runs'])} runs)"

    def _repr_html_(self) -> str:
        """The answer, for a notebook."""
        return opening(self.data, self.folder)


def load_results(path: Path | str) -> Results:
    """Reads what a study found.

    Args:
        path: a report's folder, or its `results.json`.

    Raises:
        InputError: the file is missing, no JSON, of another schema version, or not as
            `tfmed.results.schema` says.
    """
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    return Results(file.parent, read_results(file))


def _no_figure(name: object, known: tuple[str, ...]) -> str:
    """One line."""
    if name is None:
        wrong = "plot() needs the name of a figure"
    else:
        wrong = f"no figure is called {printable(repr(name))}{did_you_mean(name, known)}"
    return f"{wrong}; this report has {', '.join(map(printable, known)) or 'none'}"
