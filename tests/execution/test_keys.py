"""What changes the key of a job, seen on a small package."""

import textwrap

import pytest

from tfmed.execution import keys

FILES = {
    "__init__": "",
    "steps": '''
        """Work."""
        from typing import TYPE_CHECKING
        from tfmed import shapes
        from tfmed.numbers import SIZE, unused
        if TYPE_CHECKING:
            import expensive
        TITLE = "for people"
        def job():
            return TITLE, unused()
        def work(n: int) -> int:
            """Does it."""
            import numpy as np
            from tfmed.late import helper
            return np.sum(shapes.area(SIZE)) + helper() + local()
        def local():
            return _CONSTANT["x"]
        _CONSTANT = {"x": 1}
        """What `local` gives."""
    ''',
    "shapes": """
        import scipy
        calls = []
        calls.append("at import")
        def area(side):
            # a comment
            return side * side
        def volume(side):
            return scipy.power(side, 3)
    """,
    "numbers": """
        from tfmed.more import SIZE
        def unused():
            return 2
    """,
    "more": "SIZE = 3\nOTHER = 4",
    "late": '''
        class Helper:
            """Helps."""
            factor = 2
            def times(self):
                return self.factor
        def helper():
            return Helper().times()
    ''',
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes the modules of a package, with changes, and gives the key of its work."""

    def write(**changes):
        for name, text in (FILES | changes).items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        for cached in (keys._read, keys.closure, keys.code_version):
            cached.cache_clear()
        return keys.code_version(("tfmed.steps:work",))

    monkeypatch.setattr(keys, "_ROOT", tmp_path)
    yield write
    for cached in (keys._read, keys.closure, keys.code_version):
        cached.cache_clear()


def changed(name, old, new):
    assert old in FILES[name]
    return {name: FILES[name].replace(old, new)}


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("shapes", "side * side", "side * side + 0"),
        ("shapes", '"at import"', '"otherwise"'),
        ("more", "SIZE = 3", "SIZE = 5"),
        ("late", "factor = 2", "factor = 3"),
        ("steps", '{"x": 1}', '{"x": 2}'),
        ("steps", "n: int", "m: int"),
        ("numbers", "from tfmed.more import SIZE", "SIZE = 3"),
    ],
)
def test_code_that_the_work_reaches_changes_the_key(package, module, old, new):
    before = package()
    assert package(**changed(module, old, new)) != before


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("shapes", "# a comment", "# another\n"),
        ("shapes", "scipy.power(side, 3)", "side"),
        ("steps", '"""Does it."""', '"""Does it well."""'),
        ("steps", '"""Does it."""', ""),
        ("steps", '"""What `local` gives."""', '"""One."""'),
        ("steps", '"for people"', '"for everyone"'),
        ("steps", "return TITLE, unused()", "return TITLE"),
        ("steps", "import expensive", "import cheap"),
        ("late", '"""Helps."""', '"""Is of help."""'),
        ("more", "OTHER = 4", "OTHER = 5"),
        ("numbers", "return 2", "return 3"),
    ],
)
def test_what_changes_no_result_changes_no_key(package, module, old, new):
    before = package()
    assert package(**changed(module, old, new)) == before


def test_versions_count_of_packages_that_reached_code_imports(package, monkeypatch):
    package()
    assert keys.closure(("tfmed.steps:work",)).distributions == {"numpy"}
    assert keys.closure(("tfmed.shapes",)).distributions == {"scipy"}
    before = package()
    real = keys.importlib.metadata.version
    monkeypatch.setattr(
        keys.importlib.metadata, "version", lambda name: "0" if name == "numpy" else real(name)
    )
    assert package() != before


def test_another_entry_in_a_registry_changes_no_key():
    from tfmed import encoders

    roots = ("tfmed.steps.classify:work", encoders.REGISTRY["plain"])
    found = keys.closure(roots).definitions
    assert ("tfmed.encoders", "encoder") in found
    assert ("tfmed.encoders", "REGISTRY") not in found
    assert ("tfmed.encoders.plain", "build") in found
