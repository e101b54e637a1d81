"""The latent explorer: what its scripts need, as text for the end of the HTML page.

Points, labels and scores go into the page as base64 of little-endian numbers, a third of what they
take as decimals. Bokeh's scripts are read from its installed package and inlined once; the page
runs them when an explorer comes near the reader's view (`templates/explorer.js`).
"""

import base64
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.report.asked import group_names, is_multilabel
from tfmed.report.figures.plotting import class_colours
from tfmed.report.page.templates import templates_folder
from tfmed.report.selection import (
    Entry,
    Results,
    class_names,
    explorable,
    reconstructing,
    task_slugs,
)
from tfmed.report.wording import percent
from tfmed.results.atlas import read_atlas

HIGHEST = 3
"""Findings of the highest scores that are named for each image."""
BOKEH_SCRIPTS = ("bokeh.min.js", "bokeh-gl.min.js", "bokeh-api.min.js")


def page_scripts(results: Results, out: Path) -> str:
    """Markup for the end of the page: data of each explorer, Bokeh, and what ties them together.

    Args:
        results: the content of `results.json`.
        out: the report's folder, where the atlases are.

    Returns:
        `<script>` elements; none for what the report does not have.
    """
    parts = [
        _script(_json(_payload(results, task, out)), f"explorer-data-{slug}", "application/json")
        for task, slug in task_slugs(results).items()
        if explorable(results, task)
    ]
    if parts:
        folder = files("bokeh") / "server" / "static" / "js"
        bokeh = "\n".join((folder / name).read_text(encoding="utf-8") for name in BOKEH_SCRIPTS)
        # Not a script to the browser until it is wanted, so that it delays nothing.
        bokeh = bokeh.replace("</script", "<\\/script")
        parts += [_script(bokeh, "explorer-bokeh", "text/plain"), _own("explorer.js")]
    if any(len(fit["reconstructions"]) > 1 for fit in reconstructing(results)[:1]):
        parts.append(_own("slider.js"))
    return "\n".join(parts)


def _own(name: str) -> str:
    return f"<script>\n{(templates_folder() / name).read_text(encoding='utf-8')}</script>"


def _script(content: str, identifier: str, kind: str) -> str:
    return f'<script type="{kind}" id="{identifier}">{content}</script>'


def _json(value: Any) -> str:
    """JSON that can stand in a page: no name in it can end the script."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


def _payload(results: Results, task: str, out: Path) -> dict[str, Any]:
    """What one explorer shows: arrays as base64, names as text."""
    latent, names = results["latent"], group_names(results, task)
    several = class_names(results, task) if is_multilabel(results, task) else None
    entry = latent["images"].get(task)
    atlas = read_atlas(out, entry)
    return {
        "n": len(latent["labels"][task]),
        "classes": names,
        "colours": class_colours(len(names)) if len(names) > 2 else None,
        "findings": several,
        "present": _base64(np.packbits(latent["findings"][task], axis=1), "u1")
        if several
        else None,
        "labels": _base64(latent["labels"][task], "u1"),
        "indices": _base64(latent["indices"][task], "<u4"),
        "images": {
            "columns": entry["columns"],
            "tile": entry["tile"],
            "webp": base64.b64encode(atlas).decode(),
        }
        if entry and atlas
        else None,
        "spaces": [
            _space(space, several=several is not None) for space in explorable(results, task)
        ],
    }


def _space(space: Entry, *, several: bool) -> dict[str, Any]:
    ratios = [*space["pca"]["explained_variance_ratio"], None, None]
    scores = None if space["scores"] is None else np.array(space["scores"])
    answers = highest = None
    if several:
        order = None if scores is None else np.argsort(-scores, axis=1, kind="stable")[:, :HIGHEST]
        if scores is not None and order is not None:
            of_order = np.round(np.take_along_axis(scores, order, axis=1) * 1e4)
            highest = {"findings": _base64(order, "u1"), "scores": _base64(of_order, "<u2")}
        scores = None
    if scores is not None and scores.ndim == 2:
        answers, scores = scores.argmax(axis=1), scores.max(axis=1)
    return {
        "id": space["id"],
        "title": space["title"],
        "run": space["run"],
        "axes": [
            f"PC{i + 1}" + ("" if ratio is None else f" ({percent(ratio)})")
            for i, ratio in enumerate(ratios[:2])
        ],
        "pca": _base64(space["pca"]["coordinates"], "<f4"),
        "tsne": _base64(space["tsne"]["coordinates"], "<f4"),
        "scores": None if scores is None else _base64(np.round(scores * 1e4), "<u2"),
        "answers": None if answers is None else _base64(answers, "u1"),
        "highest": highest,
    }


def _base64(values: Any, dtype: str) -> str:
    found = np.asarray(values)
    with np.errstate(all="ignore"):  # what does not fit is refused below
        sent = found.astype(dtype)
    if not np.allclose(sent, found, rtol=1e-6):
        raise ValueError("a latent space has numbers out of range")
    return base64.b64encode(sent.tobytes()).decode()
