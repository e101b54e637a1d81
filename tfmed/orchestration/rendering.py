"""A report rendered again from its results; nothing is run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfmed import report
from tfmed.orchestration.folders import locked_folder
from tfmed.orchestration.listening import Listener
from tfmed.report.wording import flat_settings
from tfmed.results.loading import read_results

MOST_NAMED = 3


def render_again(
    folder: Path,
    listener: Listener,
    asked: Mapping[str, Any] | None = None,
    reach: float | None = None,
) -> tuple[Path, Path]:
    """Renders both reports from `folder/results.json`.

    Args:
        folder: of the report.
        listener: hears how it goes on, and of settings that are not those asked for.
        asked: settings that the results should be of, nested as in a study file.
        reach: value of the primary metric for which labels are counted; `results.json` keeps it.

    Returns:
        Paths of the HTML and of the PDF.

    Raises:
        InputError: there are no results, they are not what the report needs, or the folder can't
            be written to or is in use.
    """
    if not folder.is_dir():  # or locking would make it
        read_results(folder / "results.json")
    with locked_folder(folder):
        if asked and (others := _other_settings(asked, folder / "results.json")):
            listener.note(f"note: {folder / 'results.json'} is of other settings: {others}")
        return report.render_again(folder, progress=listener.stage, reach=reach)


def _other_settings(asked: Mapping[str, Any], results: Path) -> str:
    """Which of the settings asked for the results are not of, in words."""
    kept = dict(flat_settings(read_results(results)["study"]["settings"]))
    found = [
        f"{name} = {kept[name]} there, {value} asked for"
        for name, value in flat_settings(dict(asked))
        if kept.get(name, value) != value
    ]
    more = len(found) - MOST_NAMED
    return "; ".join(found[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
