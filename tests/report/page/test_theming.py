"""Figures keep their meaning on dark paper; names of other scripts keep to themselves."""

import pytest

from tfmed.report.figures.looks import STRATEGY_COLOURS
from tfmed.report.figures.plotting import CLASS_COLOURS, FIXED_INKS
from tfmed.report.page.theming import (
    DARK_INK,
    DARK_PAPER,
    LEAST_CONTRAST,
    contrast,
    dark_colour,
    dark_colours,
    isolated,
    themed,
)


@pytest.mark.parametrize("colour", [*STRATEGY_COLOURS, *CLASS_COLOURS])
def test_colours_with_a_meaning_are_seen_on_dark_paper(colour: str) -> None:
    assert contrast(dark_colour(colour.lower()), DARK_PAPER) >= LEAST_CONTRAST


def test_colours_that_can_be_seen_are_the_same_on_dark_paper() -> None:
    kept = [colour.lower() for colour in STRATEGY_COLOURS if colour != "#000000"]
    assert [dark_colour(colour) for colour in (*kept, *FIXED_INKS)] == [*kept, *FIXED_INKS]


def test_black_and_white_become_ink_and_paper() -> None:
    assert dark_colour("#000000") == DARK_INK
    assert dark_colour("#ffffff") == DARK_PAPER


def test_a_scale_of_shades_keeps_its_order_and_its_text_readable() -> None:
    shares = [0.0, 0.2, 0.4, 0.55, 0.7, 0.85, 1.0]
    shades = [
        "#" + "".join(f"{round(255 * (1 - s * (1 - part))):02x}" for part in (0.03, 0.27, 0.45))
        for s in shares
    ]
    contrasts = [contrast(dark_colour(shade), DARK_PAPER) for shade in shades]
    assert contrasts == sorted(contrasts)
    for share, shade in zip(shares, shades, strict=True):
        ink = dark_colour("#ffffff" if share > 0.55 else "#000000")
        assert contrast(ink, dark_colour(shade)) >= 3.5


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_a_themed_figure_names_its_own_colours_as_fallbacks() -> None:
    svg = '<path style="fill: none; stroke: #D55E00"/><text style="fill: #6b6b6b">fill: x</text>'
    changed, used = themed(svg)
    assert "stroke: var(--c-d55e00, #d55e00)" in changed
    assert "fill: var(--c-6b6b6b, #6b6b6b)" in changed
    assert "fill: none" in changed
    assert used == {"000000", "6b6b6b", "d55e00"}
    assert [name for name, _ in dark_colours(used)] == ["--c-000000", "--c-6b6b6b"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("plain (5)", "plain (5)"),
        ("a <b> שלום (5)", "a &lt;b&gt; <bdi>שלום</bdi> (5)"),
        ("“שלום, שלום” & x: שלום 3", "“<bdi>שלום, שלום</bdi>” &amp; x: <bdi>שלום</bdi> 3"),
        ("مرحبا", "<bdi>مرحبا</bdi>"),
        ("\u202eturned <b>", "<bdi>\u202eturned &lt;b&gt;</bdi>"),
    ],
)
def test_right_to_left_words_are_isolated(words: str, shown: str) -> None:
    assert str(isolated(words)) == shown
