"""A finished report as the repository's example: PDFs, results, a picture and their credits.

`python -m tfmed.report.example reports/<study> docs/example`
"""

import argparse
import io
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfmed.errors import InputError, printable, printing
from tfmed.report.answering.sentences import answer
from tfmed.report.files import write_aside
from tfmed.report.sections.limits import citations
from tfmed.report.wording import SYNTHETIC_MARK, count, duration
from tfmed.results import files
from tfmed.results.loading import read_results

PDFS = ("report.pdf", "appendix.pdf")
PICTURE_WIDTH = 1240
WHITE = 250
BORDER = 24


def make_example(report: Path, folder: Path) -> list[Path]:
    """Copies a report's PDFs and results and writes `report.png` and `README.md` beside them.

    Args:
        report: folder of a finished report.
        folder: where the example goes; made if absent.

    Returns:
        The files written.

    Raises:
        InputError: the report is not complete, or the folder can't be written to.
    """
    results = read_results(report / "results.json")
    for name in PDFS:
        if not (report / name).is_file():
            raise InputError(f"{report / name}: not found; render it with tfmed report")
    picture = first_page(report / PDFS[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if report.resolve() != folder.resolve():
            for name in PDFS:
                shutil.copyfile(report / name, folder / name)
        files.write(results, folder)
        write_aside(folder / "report.png", picture)
        write_aside(folder / "README.md", readme(results))
    except OSError as error:
        where = error.filename or folder
        raise InputError(
            f"{where}: can't be written ({error.strerror}); choose another folder"
        ) from error
    return [folder / name for name in (*PDFS, "results.json", "report.png", "README.md")]


def first_page(pdf: Path) -> bytes:
    """The first page as a PNG `PICTURE_WIDTH` pixels wide, empty margins cut down to a border.

    Raises:
        InputError: pypdfium2 is not installed, or the file is not a PDF.
    """
    try:
        import pypdfium2  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise InputError(
            "pypdfium2 is not installed; it is in requirements-dev.txt and makes the picture"
        ) from error
    from PIL import Image

    try:
        with pypdfium2.PdfDocument(pdf) as document:
            page = document[0]
            pixels = np.asarray(page.render(scale=3).to_pil().convert("RGB"))
    except pypdfium2.PdfiumError as error:
        raise InputError(f"{pdf}: is not a PDF ({error}); render the report again") from error
    shown = Image.fromarray(trimmed(pixels, BORDER * 2))
    height = round(shown.height * PICTURE_WIDTH / shown.width)
    shown = shown.resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    # An octree keeps the few pure colours of lines, which a median cut mixes into grey.
    few = shown.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def trimmed(pixels: np.ndarray, border: int) -> np.ndarray:
    """A picture without its white margins, but for a border.

    Args:
        pixels: uint8 (height, width, 3).
        border: pixels of margin that stay.

    Returns:
        uint8 (h, w, 3); the picture as it is where all of it is white.
    """
    inked = np.any(pixels < WHITE, axis=2)
    rows, columns = (np.flatnonzero(np.any(inked, axis=axis)) for axis in (1, 0))
    if not len(rows):
        return pixels
    top, bottom = max(rows[0] - border, 0), rows[-1] + border + 1
    left, right = max(columns[0] - border, 0), columns[-1] + border + 1
    return pixels[top:bottom, left:right]


def readme(results: dict[str, Any]) -> str:
    """What the example is, how it was made, and whose images it shows, in Markdown.

    Args:
        results: the content of `results.json`.
    """
    study, provenance = results["study"], results["provenance"]
    hardware = provenance["hardware"]
    cores = f"{hardware['cores']} cores ({_plain(hardware['cpu'])})"
    gpus = ", ".join(map(_plain, hardware["gpus"])) or "no GPU"
    trained = sum(entry["seconds"] for part in ("pretraining", "runs") for entry in results[part])
    n_runs, n_seeds = len(results["runs"]), len(study["seeds"])
    versions = ", ".join(f"{_plain(k)} {_plain(v)}" for k, v in provenance["versions"].items())
    parts = [
        f"# An example: {_plain(study['title'])}",
        *([f"**{SYNTHETIC_MARK}.**"] if results["synthetic"] else []),
        "\n".join(f"> {_plain(sentence)}" for sentence in answer(results)),
        f"[`report.pdf`](report.pdf) is the report of {count(n_runs)} runs with {n_seeds} seeds, "
        "[`appendix.pdf`](appendix.pdf) has its further tables and figures, "
        "[`results.json`](results.json) holds every number of it, and `report.png` shows its "
        "first page.",
        "## How it was made",
        f"Run of {_plain(provenance['started'])[:10]} on {cores}, {gpus}, at commit "
        f"{_plain(provenance['commit'])}; training took {duration(trained)} of one "
        "worker in total:",
        "```sh\n"
        f"{_line(provenance['command'])}\n"
        f"python -m tfmed.report.example {_line(shlex.quote('reports/' + study['name']))} "
        "docs/example\n```",
        f"Versions: {versions}.",
        "## Whose images these are",
        "\n".join(_credit(dataset) for dataset in results["datasets"]),
        *(f"{_plain(words)}<{address}>" for words, address in citations(results)),
        "The report shows some of these images, made smaller, and reconstructions of them. "
        "It is not a medical device and says nothing of any patient.",
    ]
    return "\n\n".join(parts) + "\n"


def _credit(dataset: dict[str, Any]) -> str:
    totals = " / ".join(count(split["n"]) for split in dataset["splits"].values())
    return (
        f"- **{_plain(dataset['title'])}** ({_plain(dataset['role'])}; {totals} images for "
        f"training / validation / test; `{_line(dataset['file'])}`, MD5 "
        f"`{_line(dataset['md5'])}`). {_plain(dataset['description'])} "
        f"Terms: {_plain(dataset['license'])}"
    )


def _line(words: object) -> str:
    """Words on one line, inside code."""
    return printable(words).replace("`", "'")


def _plain(words: object) -> str:
    """Words in which Markdown finds no markup."""
    return "".join(f"\\{char}" if char in "\\`*_<>[]#|$~" else char for char in printable(words))


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the example.

    Returns:
        Exit code: 0 done, 2 bad input.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tfmed.report.example",
        description="Make a repository's example of a finished report: report.pdf, appendix.pdf, "
        "results.json, report.png (its first page) and a README.md with versions, commands and "
        "credits.",
    )
    parser.add_argument("report", type=Path, help="folder of the report, such as reports/<study>")
    parser.add_argument("folder", type=Path, help="where the example goes, such as docs/example")
    options = parser.parse_args(arguments)
    try:
        written = make_example(options.report, options.folder)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in written:
        print(f"{path.stat().st_size / 1e6:6.2f} MB  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(printing(main))
