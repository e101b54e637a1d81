"""Odd study files: refused in one line, or a study that says what the file says."""

import json
import random
import tomllib
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from mutations import SHARE, cases, damaged, expect_one_line

from tfmed.config.reading import read_study
from tfmed.config.study import Study
from tfmed.errors import InputError

DEFAULT = (Path(__file__).parents[2] / "studies" / "default.toml").read_text(encoding="utf-8")
LINES = DEFAULT.splitlines()
ODD = (
    *(
        "",
        "0",
        "-1",
        "1",
        "3.0",
        "1e400",
        "nan",
        "-inf",
        "+5",
        "0x10",
        "9" * 30,
        "9" * 5000,
        "true",
    ),
    *("''", "'full'", '"\\u0000"', '"' + "W" * 3000 + '"', '"""\na\n"""', "'../x'", '"\\ud800"'),
    *("[]", "[300]", "['full', 'full']", "[[300]]", "['scratch', 'frozen']", "[10, 9]", "{}"),
    *("{epochs = 3}", "2020-01-01", "07:32:00", "[" * 2000, "{a = " * 2000, "300 # full", "= 3"),
)


def look(path: Path) -> bool:
    """Whether a file is taken; what is taken is held against what TOML says it says."""
    try:
        study = read_study(path)
    except InputError as error:
        expect_one_line(error, path.name)
        return False
    assert Study.model_validate(study.settings()) == study
    text = json.dumps(study.settings(), allow_nan=False)
    json.dumps(Study.model_validate(study.quickened().settings()).settings(), allow_nan=False)
    expect_said(tomllib.loads(path.read_text(encoding="utf-8")), json.loads(text))
    return True


def expect_said(said: Any, found: Any) -> None:
    if isinstance(said, list) and any(isinstance(each, dict) for each in said):
        tables = found if isinstance(found, list) else [found]  # one table is written as such
        for each, other in zip(said, tables, strict=True):
            expect_said(each, other)
    elif isinstance(said, dict):
        for name, value in said.items():
            expect_said(value, found[name])
    else:
        assert said == found
        assert type(said) is type(found) or {type(said), type(found)} == {int, float}


def odd_text(rng: random.Random) -> bytes:
    """The default study file with lines changed, doubled, removed or moved, or bytes damaged."""
    lines = list(LINES)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        kind = rng.choice(("value", "value", "value", "name", "remove", "double", "move", "join"))
        if kind == "value" and "=" in lines[at]:
            lines[at] = f"{lines[at].partition('=')[0]}= {rng.choice(ODD)}"
        elif kind == "name" and "=" in lines[at]:
            lines[at] = f"{rng.choice(ODD)[:40]}{lines[at][rng.randrange(8) :]}"
        elif kind == "double":
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif kind == "move":
            lines.insert(rng.randrange(len(lines)), lines.pop(at))
        elif kind == "join" and at:
            lines[at - 1 : at + 1] = [lines[at - 1] + lines[at]]
        else:
            del lines[at]
    content = "\n".join(lines).encode()
    return damaged(rng, content) if rng.random() < 0.3 else content


def test_damaged_default_file(tmp_path: Path) -> None:
    path, taken = tmp_path / "own.toml", 0
    for rng in cases(2000):
        path.write_bytes(odd_text(rng))
        taken += look(path)
    assert taken > 0


NAMES = sorted({line.partition("=")[0].strip() for line in LINES if "=" in line})
TABLES = sorted({line.partition("]")[0].strip("[") for line in LINES if line.startswith("[")})
numbers = st.integers() | st.integers(-5, 500) | st.floats() | st.floats(0, 1)
texts = st.sampled_from(("full", "scratch", "frozen", "phantom", "a" * 101)) | st.text(max_size=9)
scalars = (st.booleans() | numbers | texts).map(
    lambda value: json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")
)
written = scalars | st.lists(scalars, max_size=4).map(lambda items: f"[{', '.join(items)}]")
entries = st.lists(st.tuples(st.sampled_from(NAMES), written), max_size=3).map(
    lambda pairs: "\n".join(f"{name} = {value}" for name, value in dict(pairs).items())
)
tables = st.dictionaries(st.sampled_from(TABLES), entries, max_size=4).map(
    lambda found: "\n".join(f"[{name}]\n{inner}" for name, inner in found.items())
)


@seed(0)
@settings(
    max_examples=max(1, round(1500 * SHARE)),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(entries, tables)
def test_known_names_with_any_values(tmp_path_factory: Any, first: str, rest: str) -> None:
    path = tmp_path_factory.getbasetemp() / "own.toml"
    path.write_text(f"{first}\n{rest}\n", encoding="utf-8")
    look(path)


def test_the_default_file_itself_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(DEFAULT, encoding="utf-8")
    assert look(path)
    assert read_study(path) == Study()
