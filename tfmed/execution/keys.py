"""What code a job depends on: every definition that its work can reach, found by reading imports.

    code_version(("tfmed.steps.classify:work", "tfmed.encoders.plain"))

A definition (function, class, constant) is reached if a reached one names it, in its own module or
through an import, at the top or inside a function. Comments, docstrings and layout are left out,
and so is what nothing reached names: rewording a docstring, or another line in a registry, changes
no key. Of packages that are not ours, the versions of those count that reached code imports.

What runs only because of a string (`importlib.import_module`, `getattr`) is not found: it must be
named as a root. A test sees that all functions that jobs run are found.
"""

import ast
import functools
import hashlib
import importlib.metadata
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = __name__.partition(".")[0]
_ROOT = Path(__file__).parent.parent
_CHANGES_NO_RESULT = {
    ("tfmed.encoders", "REGISTRY"),
    ("tfmed.pretraining", "REGISTRY"),
    ("tfmed.tasks", "REGISTRY"),
}
"""Definitions left out: which entry a job uses is in its settings or data, and a root."""

_DISTRIBUTIONS_WITHOUT_RESULT = {"absl-py", "filelock", "platformdirs", "pydantic", "tqdm"}
"""Packages that only name folders, lock, check settings or show progress."""

_Place = tuple[str, str | None]
"""A module and the name of a definition in it; "" is what importing it runs, None all of it."""


@dataclass(frozen=True)
class Closure:
    """What roots reach.

    Attributes:
        definitions: module and name of each definition to its code, without docstrings.
        distributions: names of the packages of others that they import.
    """

    definitions: dict[tuple[str, str], str]
    distributions: frozenset[str]


@functools.cache
def code_version(roots: tuple[str, ...]) -> str:
    """Hash of all code that roots reach, and of the versions of the packages that it imports.

    Args:
        roots: `module:name` of a definition, or `module` for all of a module.

    Raises:
        FileNotFoundError: a module of tfmed that is imported does not exist.
    """
    found = closure(roots)
    lines = [f"{place} {code}" for place, code in sorted(found.definitions.items())]
    lines += [f"{name} {importlib.metadata.version(name)}" for name in sorted(found.distributions)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@functools.cache
def closure(roots: tuple[str, ...]) -> Closure:
    """All that roots reach; arguments and errors as for `code_version`."""
    left: list[_Place] = []
    for root in roots:
        module_name, _, wanted = root.partition(":")
        left.append((module_name, wanted or None))
    seen: set[_Place] = set()
    definitions: dict[tuple[str, str], str] = {}
    external: set[str] = set()
    while left:
        name, definition = place = left.pop()
        if place in seen or place in _CHANGES_NO_RESULT:
            continue
        seen.add(place)
        if name.partition(".")[0] != _PACKAGE:
            external.add(name.partition(".")[0])
            continue
        module = _read(name)
        left += [(parent, "") for parent in (*_parents(name), name)]
        if definition is None:
            left += [(name, each) for each in module.statements]
        elif definition in module.statements:
            code = module.statements[definition]
            definitions[name, definition] = "\n".join(map(ast.dump, code))
            left += [reached for one in code for reached in _reached(module, one)]
        elif definition in module.aliases:
            left.append(module.aliases[definition])
        elif definition and _is_module(f"{name}.{definition}"):
            left.append((f"{name}.{definition}", None))
    return Closure(definitions, _distributions(external))


@dataclass(frozen=True)
class _Module:
    """A module's top level: what each name stands for, and what its imports call what."""

    name: str
    statements: dict[str, list[ast.stmt]]
    aliases: dict[str, _Place]


@functools.cache
def _read(name: str) -> _Module:
    tree = _Undocumented().visit(ast.parse(_path(name).read_text(encoding="utf-8")))
    statements: dict[str, list[ast.stmt]] = {}
    aliases: dict[str, _Place] = {}
    for statement in tree.body:
        if _never_runs(statement):
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            aliases |= _imported(statement)
            continue
        for defined in _defined(statement):
            statements.setdefault(defined, []).append(statement)
    return _Module(name, statements, aliases)


class _Undocumented(ast.NodeTransformer):
    """Takes docstrings away, those of attributes included."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt | None:
        """Nothing in place of a text that stands alone."""
        text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if text else node


def _defined(statement: ast.stmt) -> list[str]:
    """Names that a statement at the top of a module gives a meaning; [""] if it does more."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    flat = [each for t in targets for each in (t.elts if isinstance(t, ast.Tuple) else [t])]
    names = [target.id for target in flat if isinstance(target, ast.Name)]
    return names if names and len(names) == len(flat) else [""]


def _never_runs(statement: ast.stmt) -> bool:
    """Whether it is for type checkers, or for a module that is run as a command."""
    if not isinstance(statement, ast.If):
        return False
    return any(
        isinstance(node, ast.Name) and node.id in ("TYPE_CHECKING", "__name__")
        for node in ast.walk(statement.test)
    )


def _reached(module: _Module, statement: ast.stmt) -> Iterator[_Place]:
    """What a statement names outside itself."""
    aliases = dict(module.aliases)
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            aliases |= _imported(node)
    members = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found = aliases.get(node.value.id)
            if found is not None and found[1] is None:
                members.add(id(node.value))
                yield found[0], node.attr
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and id(node) not in members:
            if node.id in aliases:
                yield aliases[node.id]
            elif node.id in module.statements:
                yield module.name, node.id


def _imported(statement: ast.Import | ast.ImportFrom) -> dict[str, _Place]:
    """What an import calls what."""
    if isinstance(statement, ast.Import):
        return {
            each.asname or each.name.partition(".")[0]: (
                each.name if each.asname else each.name.partition(".")[0],
                None,
            )
            for each in statement.names
        }
    base = statement.module or ""
    found: dict[str, _Place] = {}
    for each in statement.names:
        inner = f"{base}.{each.name}"
        is_module = base.partition(".")[0] == _PACKAGE and _is_module(inner)
        found[each.asname or each.name] = (inner, None) if is_module else (base, each.name)
    return found


def _parents(name: str) -> list[str]:
    """The packages that a module lies in, whose `__init__` runs before it."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _path(name: str) -> Path:
    folder = _ROOT.joinpath(*name.split(".")[1:])
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _is_module(name: str) -> bool:
    return _path(name).is_file()


def _distributions(modules: set[str]) -> frozenset[str]:
    """The installed packages that bring modules, those of Python itself left out."""
    others = modules - sys.stdlib_module_names
    found = {name for module in others for name in _bringing().get(module, ())}
    return frozenset(found - _DISTRIBUTIONS_WITHOUT_RESULT)


@functools.cache
def _bringing() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
