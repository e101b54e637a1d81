"""`python -m tfmed.serving check DIR` and `python -m tfmed.serving predict … IMAGE…`."""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from tfmed.errors import InputError, printing
from tfmed.serving import client, config, gate
from tfmed.serving.versions import versions

FOUND_FAULT, BAD_INPUT = 1, 2


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"error: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
        0 done; 1 the gate found a version that no server could load, or one that is no longer what
        its `gate.json` says; 2 bad input, or a server that gives no answer.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m tfmed.serving", description="Models in service.")
    commands = parser.add_subparsers(required=True, metavar="check|predict")
    check = commands.add_parser("check", help="run the gate on exported models; print a table")
    check.add_argument(
        "folder", type=Path, metavar="DIR", help="folder of all models, of one, or of a version"
    )
    check.add_argument(
        "--update",
        action="store_true",
        help="write the verdicts beside the versions, and models.config anew",
    )
    check.set_defaults(command=_check)
    predict = commands.add_parser("predict", help="ask a TF Serving what is in image files")
    predict.add_argument(
        "--url", required=True, help="http://host:8501 (REST) or grpc://host:8500 (gRPC)"
    )
    predict.add_argument("--model", required=True, metavar="NAME")
    which = predict.add_mutually_exclusive_group()
    which.add_argument("--label", default="stable", help="version label (default: stable)")
    which.add_argument("--version", type=int, metavar="N", help="this version")
    predict.add_argument(
        "--timeout",
        type=_positive,
        default=10.0,
        metavar="S",
        help="seconds of a try (default: 10)",
    )
    predict.add_argument(
        "--retries", type=_tries, default=4, metavar="N", help="tries after the first (default: 4)"
    )
    predict.add_argument("--json", action="store_true", help="one line of JSON for each image")
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="PNG or JPEG")
    predict.set_defaults(command=_predict)
    return parser


def _positive(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < 3600:
            return value
    raise argparse.ArgumentTypeError(f"'{text}' is no time from 0 to 3600 seconds")


def _tries(text: str) -> int:
    with contextlib.suppress(ValueError):
        if 0 <= (value := int(text)) <= 20:
            return value
    raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 to 20")


def _check(options: argparse.Namespace) -> int:
    folders = list(_version_folders(options.folder))
    if not folders:
        raise InputError(f"{options.folder}: there is no exported model; give the --models folder")
    rows, fault = [("model", "version", "stage", "why")], False
    for folder in folders:
        verdict, before = gate.judge(folder), gate.read_verdict(folder)
        fault |= verdict.stage == "unservable" or verdict.stage != before.stage
        why = "; ".join(verdict.reasons) or verdict.checks[-1].detail
        rows.append((folder.parent.name, folder.name, verdict.stage, why))
        if options.update:
            gate.write_verdict(folder, verdict)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[3]]))
    if options.update:
        config.write_configs(_models_folder(options.folder))
    return FOUND_FAULT if fault else 0


def _version_folders(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    if _is_version(folder):
        yield folder.resolve()
        return
    models = [folder] if versions(folder) else sorted(folder.iterdir())
    for model in models:
        for version in versions(model):
            yield model.resolve() / str(version)


def _is_version(folder: Path) -> bool:
    holds_models = versions(folder) or any(versions(path) for path in folder.iterdir())
    return folder.resolve().name.isdecimal() and not holds_models


def _models_folder(folder: Path) -> Path:
    whole = folder.resolve()
    if _is_version(folder):
        return whole.parents[1]
    return whole.parent if versions(folder) else whole


def _predict(options: argparse.Namespace) -> int:
    label = "" if options.version is not None else options.label
    target = client.Target(options.url, options.model, label, options.version)
    connection = client.connect(target, options.timeout)
    failed = False
    for path in options.images:
        try:
            answer = client.predict(connection, _content(path), retries=options.retries)
        except client.ServerError:
            raise
        except InputError as error:
            print(f"error: {path}: {error}", file=sys.stderr)
            failed = True
            continue
        if options.json:
            found = {"label": answer.label, "probabilities": answer.probabilities}
            print(json.dumps({"image": str(path), **found}))
        else:
            shares = "  ".join(f"{share:.4f}" for share in answer.probabilities)
            print(f"{path}  {answer.label}  {shares}")
    return BAD_INPUT if failed else 0


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"can't be read ({error.strerror})") from None


if __name__ == "__main__":
    sys.exit(printing(main))
