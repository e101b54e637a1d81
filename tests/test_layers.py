"""The package keeps to its layers and its sizes; import-linter holds the layers in CI as well."""

import ast
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "tfmed"
MODULES = sorted(PACKAGE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in MODULES if path.name == "__init__.py")
MOST_BESIDE_PACKAGES = 5
MOST_LINES = 400
MOST_LINES_OF_A_FUNCTION = 60
MODULES_OF_A_PACKAGE = range(3, 10)
FEWER: dict[str, str] = {}
"""Packages of fewer modules, and why."""


@pytest.fixture(scope="module")
def imports():
    """Who imports whom, imports inside functions included, those for type checkers alone not."""
    return grimp.build_graph("tfmed", exclude_type_checking_imports=True, cache_dir=None)


def test_few_modules_lie_beside_the_packages():
    beside = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(beside) <= MOST_BESIDE_PACKAGES, beside


@pytest.mark.parametrize("path", PACKAGES[1:], ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_package_holds_three_to_nine_modules(path):
    modules = [p.name for p in path.glob("*.py") if p.name != "__init__.py"]
    if path.relative_to(PACKAGE).as_posix() in FEWER:
        assert len(modules) < MODULES_OF_A_PACKAGE.start, "it is no exception any more"
    else:
        assert len(modules) in MODULES_OF_A_PACKAGE, modules


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_are_short(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, node.name


def test_no_module_imports_itself_by_way_of_others(imports):
    for module in sorted(imports.modules):
        for other in sorted(imports.find_modules_directly_imported_by(module)):
            back = imports.find_shortest_chain(other, module)
            assert back is None, " → ".join([module, *back])


def test_every_package_has_its_layer():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    named = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    here = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    here |= {path.stem for path in PACKAGE.glob("*.py") if path.name != "__init__.py"}
    assert named == here
