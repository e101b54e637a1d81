"""`tfmed models`: checks exported models, asks a server about images, shows where a model looks."""

import argparse
import json
import os
import sys

from tfmed.cli.arguments import BAD_INPUT, Subparsers, add_command, integer, number, path
from tfmed.errors import InputError, printing

FOUND_FAULT = 1
"""Exit code."""
_IMAGES = "PNG or JPEG; where the model's images were imported, any file that an import takes"


def add(commands: Subparsers) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "models",
        "check exported models, ask a server about images, or show where a model looks",
        lambda _: 0,
    )
    inner = parser.add_subparsers(required=True, metavar="check|predict|explain")
    check = add_command(
        inner,
        "check",
        "run the gate on exported models and print a table",
        lambda options: printing(lambda: _check(options)),
        epilog="The exit code is 1 where a version can't be served or is not what its gate.json "
        "says.",
    )
    check.add_argument(
        "folder", type=path, metavar="DIR", help="all models, one of them, or one version"
    )
    check.add_argument(
        "--update",
        action="store_true",
        help="write the verdicts beside the versions, and models.config again",
    )
    predict = add_command(
        inner,
        "predict",
        "ask a TensorFlow Serving what is in image files",
        lambda options: printing(lambda: _predict(options)),
        usage="tfmed models predict --url URL --model NAME [options] IMAGE...",
    )
    predict.add_argument(
        "--url", required=True, help="http://host:8501 (REST) or grpc://host:8500 (gRPC)"
    )
    predict.add_argument("--model", required=True, metavar="NAME")
    which = predict.add_mutually_exclusive_group()
    which.add_argument("--label", default="stable", help="version label (stable)")
    which.add_argument("--version", type=int, metavar="N", help="this version")
    predict.add_argument(
        "--timeout",
        type=number(0.001, 3600),
        default=10.0,
        metavar="S",
        help="seconds of a try (10)",
    )
    predict.add_argument(
        "--retries", type=integer(0, 20), default=4, metavar="N", help="tries after the first (4)"
    )
    predict.add_argument("--json", action="store_true", help="one line of JSON for each image")
    predict.add_argument("images", nargs="+", type=path, metavar="IMAGE", help=_IMAGES)
    _add_explain(inner)


def _add_explain(inner: Subparsers) -> None:
    explain = add_command(
        inner,
        "explain",
        "show where an exported model looks in image files",
        lambda options: printing(lambda: _explain(options)),
        usage="tfmed models explain MODEL IMAGE... --out DIR [options]",
        epilog="Writes for each file the model's picture with the map over it (.png; red speaks "
        "for the class, blue against it) and the map's values (.npy).",
    )
    explain.add_argument(
        "model", type=path, metavar="MODEL", help="folder of a model (its newest version) or of one"
    )
    explain.add_argument("images", nargs="+", type=path, metavar="IMAGE", help=_IMAGES)
    explain.add_argument(
        "--out", required=True, type=path, metavar="DIR", help="where the maps are written"
    )
    explain.add_argument(
        "--method",
        choices=("occlusion", "grad-cam"),
        default="occlusion",
        help="how the map is made (occlusion)",
    )
    explain.add_argument(
        "--class", dest="class_name", metavar="NAME", help="explain its score (the class answered)"
    )
    explain.add_argument(
        "--window",
        type=integer(1, 4096),
        metavar="N",
        help="of occlusion: pixels a side (a sixth of the picture's)",
    )
    explain.add_argument(
        "--fill",
        choices=("dark", "mean", "blur"),
        default="dark",
        help="of occlusion: what covers the window (dark)",
    )


def _check(options: argparse.Namespace) -> int:
    from tfmed.serving import config

    rows, faulty = [("model", "version", "stage", "why")], False
    for found in config.check(options.folder, update=options.update):
        verdict, faulty = found.verdict, faulty or found.faulty
        why = "; ".join(verdict.reasons) or verdict.checks[-1].detail
        rows.append((found.folder.parent.name, found.folder.name, verdict.stage, why))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]))
    return FOUND_FAULT if faulty else 0


def _predict(options: argparse.Namespace) -> int:
    from tfmed.serving import client

    label = "" if options.version is not None else options.label
    target = client.Target(options.url, options.model, label, options.version)
    answers = client.predict_files(
        target, options.images, seconds=options.timeout, retries=options.retries
    )
    failed = False
    for image, answer in answers:
        if isinstance(answer, InputError):
            print(f"error: {image}: {answer}", file=sys.stderr)
            failed = True
        elif options.json:
            found = {"label": answer.label, "probabilities": answer.probabilities}
            print(json.dumps({"image": str(image), **found}))
        else:
            shares = "  ".join(f"{share:.4f}" for share in answer.probabilities)
            print(f"{image}  {answer.label}  {shares}")
    return BAD_INPUT if failed else 0


def _explain(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # else TensorFlow talks of what it found
    from tfmed.serving import explaining

    wanted = explaining.Wanted(options.method, options.class_name, options.window, options.fill)
    failed, taken = False, set[str]()
    for image, found in explaining.explain_files(options.model, options.images, wanted):
        if isinstance(found, InputError):
            print(f"error: {image}: {found}", file=sys.stderr)
            failed = True
            continue
        name = explaining.free_name(f"{image.stem}_{options.method}", taken)
        picture, _ = explaining.write(found, options.out, name)
        row, column = found.strongest
        where = f"most at row {row}, column {column}" if found.values.max() > 0 else "nowhere"
        print(f"{image}  {found.label}  {found.class_name} {found.score:.4f}  {where}  {picture}")
    return BAD_INPUT if failed else 0
