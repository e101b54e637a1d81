"""Seeded damage to bytes and to JSON-like trees, and how many cases of it to try."""

import copy
import json
import math
import os
import random
from collections.abc import Iterator
from typing import Any

SHARE = float(os.environ.get("TFMED_FUZZ_SHARE", "1"))
"""Share of the cases that are tried; 1 is all of them."""

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320),
    *(
        "",
        "full",
        "nan",
        "\0",
        "\n",
        "\u202e<script>",
        "é" * 300,
        "W" * 5000,
        "../../etc",
        "[" * 99,
    ),
    *([], {}, [[]], [None], {"": None}, [1, "a"], [0.1] * 50),
)
NOT_FINITE = (math.nan, math.inf, -math.inf)


def cases(count: int) -> Iterator[random.Random]:
    """A seeded generator of random numbers for each case."""
    return (random.Random(number) for number in range(math.ceil(count * SHARE)))


def damaged(rng: random.Random, content: bytes, places: list[int] | None = None) -> bytes:
    """Bytes flipped, cut off, left out, written twice, overwritten or moved.

    Args:
        rng: chooses.
        content: the whole.
        places: where to flip bits; anywhere by default.
    """
    if not content:
        return b"\0"
    at, length = rng.randrange(len(content)), min(rng.choice((1, 4, 16, 400)), len(content))
    kind = rng.choice(("flip", "flip", "flip", "cut", "leave out", "repeat", "overwrite", "move"))
    if kind == "flip":
        changed = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            place = rng.choice(places) if places else rng.randrange(len(content))
            changed[place] ^= 1 << rng.randrange(8)
        return bytes(changed)
    if kind == "cut":
        return content[:at]
    if kind == "leave out":
        return content[:at] + content[at + length :]
    if kind == "repeat":
        return content[: at + length] + content[at:]
    if kind == "overwrite":
        return (content[:at] + rng.randbytes(length) + content[at + length :])[: len(content)]
    piece, rest = content[at : at + length], content[:at] + content[at + length :]
    to = rng.randrange(len(rest) + 1)
    return rest[:to] + piece + rest[to:]


def odd_tree(rng: random.Random, tree: Any, odd: tuple[Any, ...] = ODD_VALUES) -> Any:
    """A copy of nested dicts and lists with something in it changed, removed or in the wrong place.

    The place is chosen by depth first, so that few large lists do not take all the changes.
    """
    tree = json.loads(json.dumps(tree))  # a copy, in a fifth of the time of deepcopy
    for _ in range(rng.choice((1, 1, 2))):
        parent, key = _place(rng, tree)
        kind = rng.choice(("odd", "odd", "remove", "repeat", "swap"))
        if kind == "odd":
            parent[key] = copy.deepcopy(rng.choice(odd))
        elif kind == "remove":
            del parent[key]
        elif kind == "repeat" and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        else:
            other, other_key = _place(rng, tree)
            parent[key] = copy.deepcopy(other[other_key])
    return tree


def _place(rng: random.Random, tree: Any) -> tuple[Any, Any]:
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = rng.choice(keys)
        inner = node[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            return node, key
        node = inner


def expect_one_line(error: BaseException, name: str) -> None:
    """Holds a message against what a user can read: one line that names the file."""
    line = str(error)
    assert line.isprintable(), repr(line)
    assert name in line
    assert len(name) + 10 < len(line) <= 400
