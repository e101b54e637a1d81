"""What the page needs beyond the blocks: figures that follow its theme, and isolated names."""

import colorsys
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tfmed.report.figures.looks import STRATEGY_COLOURS
from tfmed.report.figures.plotting import CLASS_COLOURS, FIXED_INKS, MANY_CLASS_COLOURS, RED

if TYPE_CHECKING:
    from markupsafe import Markup

DARK_PAPER, DARK_INK = "#14171a", "#e9e7e2"
# WCAG 2.2, 1.4.11: what is needed to understand graphics.
LEAST_CONTRAST = 3.0

_COLOUR = re.compile(r"((?:fill|stroke): ?)(#[0-9a-fA-F]{6})\b")
_LETTERS = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]+"
_RIGHT_TO_LEFT = re.compile(rf"({_LETTERS}(?:[\W\d_]+{_LETTERS})*)")
_CONTROL, _WHOLE = re.compile("[\u202a-\u202e\u2066-\u2069]"), re.compile("(.+)", re.DOTALL)


def themed(svg: str) -> tuple[str, set[str]]:
    """A figure whose colours are variables of the page, its own ones where there are none.

    Args:
        svg: as `tfmed.report.figures.plotting.svg_text` makes it.

    Returns:
        The SVG, and the colours that it uses, as six lower-case hexadecimal digits. Pictures in it
        are left as they are.
    """
    used = {"000000"}  # what SVG fills with where nothing is said

    def variable(found: re.Match[str]) -> str:
        digits = found[2][1:].lower()
        used.add(digits)
        return f"{found[1]}var(--c-{digits}, #{digits})"

    return _COLOUR.sub(variable, svg), used


def dark_colours(used: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Variables of figures' colours and their values on dark paper, of those that change."""
    for digits in sorted(used):
        colour = dark_colour(f"#{digits}")
        if colour != f"#{digits}":
            yield f"--c-{digits}", colour


def dark_colour(colour: str) -> str:
    """A colour of a figure on white paper as it is drawn on dark paper.

    Colours that stand for something stay where they can be seen. All others have their lightness
    turned round, so that ink becomes light and the order of a scale of shades is kept.

    Args:
        colour: `#rrggbb`, lower case.
    """
    if colour in (*FIXED_INKS, *MANY_CLASS_COLOURS):
        return colour
    meaning = {name.lower() for name in (*STRATEGY_COLOURS, *CLASS_COLOURS, RED)}
    if colour in meaning and contrast(colour, DARK_PAPER) >= LEAST_CONTRAST:
        return colour
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    if saturation == 0 or lightness in (0.0, 1.0):
        ends = zip(_parts(DARK_PAPER), _parts(DARK_INK), strict=True)
        mixed = tuple(paper + (1 - lightness) * (ink - paper) for paper, ink in ends)
    else:
        mixed = colorsys.hls_to_rgb(hue, 0.92 - 0.83 * lightness, 0.75 * saturation)
    return "#" + "".join(f"{round(255 * part):02x}" for part in mixed)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two colours `#rrggbb`, from 1 to 21 (WCAG 2.2)."""
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in _parts(colour)]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def isolated(words: str) -> "str | Markup":
    """Words of a right-to-left script set apart, so that they don't reorder what is beside them."""
    from markupsafe import Markup, escape

    pattern = _WHOLE if _CONTROL.search(words) else _RIGHT_TO_LEFT
    parts = pattern.split(words)
    if len(parts) == 1:
        return words
    between, turned = parts[::2], [*parts[1::2], ""]
    return Markup("").join(
        escape(plain) + (Markup("<bdi>{}</bdi>").format(run) if run else "")
        for plain, run in zip(between, turned, strict=True)
    )
