"""The report as plain data: sections of blocks, blocks of spans, free of any format.

HTML and PDF are two renderings of the same blocks, which is why they say the same. A text is a
list of spans; a span is `[style, text]` or `["link", text, address]`. All of it is JSON, so no
name from a file can turn into markup.

A block is of the main part of a report, unless its section says `*appendix(block)`. The appendix is
a PDF of its own, and folded on the page.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

Span = list[str]
Text = list[Span]
Block = dict[str, Any]

OPENING = ("paragraph", "heading", "list", "definitions", "statement")
"""Kinds of blocks after which a sentence of references may stand."""
MAIN, APPENDIX = "main", "appendix"
"""The two parts of a report."""


def strong(words: str) -> Span:
    """Words that carry the sentence."""
    return ["strong", words]


def term(words: str) -> Span:
    """A term where it is explained."""
    return ["term", words]


def code(words: str) -> Span:
    """Words for a machine: a command, a file, a checksum."""
    return ["code", words]


def ref(identifier: str) -> Span:
    """A reference to a figure or table; `number_blocks` fills in its number."""
    return ["ref", "", identifier]


def link(words: str, address: str) -> Span:
    """A link to another page."""
    return ["link", words, address]


def text(*parts: str | Span) -> Text:
    """Strings and spans as one text."""
    return [["plain", part] if isinstance(part, str) else part for part in parts]


def paragraph(*parts: str | Span) -> Block:
    """A paragraph."""
    return {"kind": "paragraph", "text": text(*parts)}


def statement(sentences: Iterable[str | Text]) -> Block:
    """Sentences set off from the rest, one after the other."""
    items = [text(each) if isinstance(each, str) else each for each in sentences]
    return {"kind": "statement", "items": items}


def heading(words: str) -> Block:
    """A heading inside a section."""
    return {"kind": "heading", "text": text(words)}


def bullets(items: Iterable[Text]) -> Block:
    """A list."""
    return {"kind": "list", "items": list(items)}


def definitions(items: Iterable[tuple[str, Text]]) -> Block:
    """Terms and what they mean."""
    return {"kind": "definitions", "items": [[name, meaning] for name, meaning in items]}


def figure(identifier: str) -> Block:
    """A figure by the id of its description, which gives it its caption and alternative text."""
    return {"kind": "figure", "id": identifier}


def mark(words: str, kind: str) -> Span:
    """A word that a rendering may colour by its kind; the word alone says all."""
    return ["mark", words, kind]


def table(
    identifier: str, caption: Text, columns: list[str], rows: Iterable[list], **more: Any
) -> Block:
    """A table whose first column names the row.

    Args:
        identifier: unique among tables and figures.
        caption: what to see in it.
        columns: column titles.
        rows: cells, each a string or a text; a row of one cell is the title of the rows that
            follow. A line break in a string sets the lines below the first smaller.
        **more: `left`, the number of columns set flush left (default 1); `size`, `small` for
            tables with many columns; `widths`, the columns' shares of a printed page.
    """
    cells = [[cell if isinstance(cell, list) else str(cell) for cell in row] for row in rows]
    block = {"kind": "table", "id": identifier, "caption": caption, "columns": columns}
    widths = [2.0] + [1.0] * (len(columns) - 1)
    return {**block, "rows": cells, "left": 1, "size": "normal", "widths": widths, **more}


def appendix(*blocks: Block) -> list[Block]:
    """Blocks that a section leaves to the appendix; they follow all of its others."""
    return [{**block, "part": APPENDIX} for block in blocks]


def part_of(sections: Iterable[dict], part: str) -> list[dict]:
    """The sections that have blocks in `MAIN` or `APPENDIX`, with these alone."""
    found = [{**section, "blocks": _in_part(section["blocks"], part)} for section in sections]
    return [section for section in found if section["blocks"]]


def number_blocks(sections: list[dict]) -> list[dict]:
    """Number figures and tables in their order and fill in the references to them.

    Those of the appendix are numbered A1, A2, …, and in each section they come last. What no text
    refers to gets a reference in the paragraph before it. References to what is not in the report
    are an error of the caller (`KeyError`).
    """
    known = {span[2] for block in _blocks(sections) for span in _spans(block) if span[0] == "ref"}
    for section in sections:
        opened = _with_references(_in_part(section["blocks"], MAIN), known)
        left = _with_references(_in_part(section["blocks"], APPENDIX), known)
        section["blocks"] = [*opened, *appendix(*left)]
    names: dict[str, str] = {}
    totals: Counter[tuple[str, str]] = Counter()
    for block in _blocks(sections):
        if block["kind"] in ("figure", "table"):
            kind, part = block["kind"], block.get("part", MAIN)
            totals[kind, part] += 1
            number = f"{'A' if part == APPENDIX else ''}{totals[kind, part]}"
            block["label"] = f"{kind.capitalize()} {number}"
            names[block["id"]] = block["label"]
    for block in _blocks(sections):
        for span in _spans(block):
            if span[0] == "ref":
                span[1] = names[span[2]]
    return sections


def labels_words(blocks: Sequence[Block]) -> str:
    """Which figures and tables there are, such as `Figures A3–A5, Table A2`."""
    parts = []
    for kind in ("figure", "table"):
        labels = [block["label"].split()[1] for block in blocks if block["kind"] == kind]
        if labels:
            several = f"s {labels[0]}–{labels[-1]}" if len(labels) > 1 else f" {labels[0]}"
            parts.append(f"{kind.capitalize()}{several}")
    return ", ".join(parts)


def _in_part(blocks: Iterable[Block], part: str) -> list[Block]:
    return [block for block in blocks if block.get("part", MAIN) == part]


def _with_references(blocks: list[Block], known: set[str]) -> list[Block]:
    """The blocks, each paragraph followed by references to what stands below it unreferred."""
    made: list[Block] = []
    for i, block in enumerate(blocks):
        named = block["kind"] in ("figure", "table") and block["id"] not in known
        if not named:
            made.append(block)
            continue
        rest = itertools.takewhile(lambda b: b["kind"] not in ("paragraph", "heading"), blocks[i:])
        waiting = [b["id"] for b in rest if b["kind"] in ("figure", "table")]
        waiting = [identifier for identifier in waiting if identifier not in known]
        known.update(waiting)
        at = next((k for k in range(len(made) - 1, -1, -1) if made[k]["kind"] in OPENING), None)
        if at is not None and made[at]["kind"] == "paragraph":
            said = [*made[at]["text"], *text(" ", *see(waiting))]
            made[at] = {**made[at], "text": said}
        else:
            made.insert(0 if at is None else at + 1, paragraph(*see(waiting)))
        made.append(block)
    return made


def see(identifiers: Sequence[str]) -> list[str | Span]:
    """A sentence that refers to figures and tables."""
    parts: list[str | Span] = ["See "]
    for i, identifier in enumerate(identifiers):
        glue = "" if i == 0 else " and " if i == len(identifiers) - 1 else ", "
        parts += [glue, ref(identifier)] if glue else [ref(identifier)]
    return [*parts, "."]


def _blocks(sections: list[dict]) -> Iterator[Block]:
    for section in sections:
        yield from section["blocks"]


def _spans(block: Block) -> Iterator[Span]:
    yield from block.get("text", [])
    yield from block.get("caption", [])
    for item in block.get("items", []):
        yield from item[1] if block["kind"] == "definitions" else item
    for row in block.get("rows", []):
        for cell in row:
            if isinstance(cell, list):
                yield from cell
