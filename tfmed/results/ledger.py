"""A study's ledger: findings that it puts to the test, each with its verdict.

The ledger is a Python file of the study's own (`docs/study-file.md`), which says

- `CLAIMS`: a sequence of `Claim`;
- `applies(source, target)`, if it is about certain data only: whether two entries of `datasets` in
  `results.json` are of them;
- `INTRODUCTION`, if the report should say something above the table.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfmed.errors import InputError
from tfmed.results.verdicts import Finding, NotTestedError, Results

_MODULE = "tfmed_ledger"


@dataclass(frozen=True)
class Claim:
    """One finding under test.

    Attributes:
        id: its name.
        sentence: the finding, in our words.
        quantity: what would show it.
        criterion: when it counts as supported or refuted, declared before the numbers are seen.
        figure: kind of figure that shows it; the report's figure ids start with it.
        role: the task it is about.
        judge: results to finding; raises `NotTestedError` where they lack what it needs.
        shown_in: figure that shows it better than `figure`, where the report has that one.
        signed: whether a difference is shown with its sign.
    """

    id: str
    sentence: str
    quantity: str
    criterion: str
    figure: str
    role: Literal["source", "target"]
    judge: Callable[[Results], Finding]
    shown_in: str | None = None
    signed: bool = True


@dataclass(frozen=True)
class Ledger:
    """What a ledger file says; see the module."""

    claims: Sequence[Claim] = ()
    applies: Callable[[dict[str, Any], dict[str, Any]], bool] = lambda source, target: True
    introduction: str = ""


def load_ledger(path: Path | None) -> Ledger:
    """Runs a ledger file; without one there is nothing to test.

    Raises:
        InputError: the file can't be run, or has no sequence of claims named `CLAIMS`.
    """
    if path is None:
        return Ledger()
    try:
        module = _run(path)
        claims = tuple(module.CLAIMS)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); name another ledger") from None
    except Exception as error:  # a file of the user's own may raise anything
        raise InputError(
            f"{path}: is not a ledger ({type(error).__name__}: {error}); correct it, or leave the "
            "setting `ledger` out"
        ) from error
    if not all(isinstance(claim, Claim) for claim in claims):
        raise InputError(f"{path}: CLAIMS must hold nothing but tfmed.results.ledger.Claim")
    return Ledger(
        claims,
        getattr(module, "applies", Ledger.applies),
        str(getattr(module, "INTRODUCTION", "")),
    )


def _run(path: Path) -> Any:
    """A ledger file as a package, so that it can be cut into several files beside it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == _MODULE]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        _MODULE, path, submodule_search_locations=[str(path.parent)]
    )
    if spec is None or spec.loader is None:
        raise ImportError("not a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module
    spec.loader.exec_module(module)
    return module


def judged(ledger: Ledger, results: Results) -> list[dict[str, Any]]:
    """Every claim with its verdict, as `claims` of `results.json` holds it.

    Args:
        ledger: the study's.
        results: `results.json` as it is but for `claims`; only the parts that claims rest on.

    Returns:
        Per claim `id`, `claim`, `quantity`, `criterion`, `measured`, `verdict`, `reason` (why it
        was not tested, else None), `needed`, `figure`, `shown_in`, `signed`, `task`, `synthetic`;
        nothing where the ledger is about other data.
    """
    if not applies(ledger, results):
        return []
    return [_entry(claim, results) for claim in ledger.claims]


def applies(ledger: Ledger, results: Results) -> bool:
    """Whether the ledger has claims, and they are about the data of these results."""
    of_name = {dataset["name"]: dataset for dataset in results["datasets"]}
    source, target = (of_name[results["study"][role]] for role in ("source", "target"))
    return bool(ledger.claims) and bool(ledger.applies(source, target))


def _entry(claim: Claim, results: Results) -> dict[str, Any]:
    found: Finding | None = None
    reason = None
    try:
        found = claim.judge(results)
    except NotTestedError as missing:
        reason = str(missing)
    except Exception as error:  # a ledger's mistake must not cost the study its results
        reason = f"its judge failed ({type(error).__name__}: {error})"
    return {
        "id": claim.id,
        "claim": claim.sentence,
        "quantity": claim.quantity,
        "criterion": claim.criterion,
        "measured": found.measured if found else None,
        "verdict": found.verdict if found else "not_tested",
        "reason": reason,
        "needed": found.needed if found else None,
        "figure": claim.figure,
        "shown_in": claim.shown_in,
        "signed": claim.signed,
        "task": results["study"][claim.role],
        "synthetic": bool(results["synthetic"]),
    }
