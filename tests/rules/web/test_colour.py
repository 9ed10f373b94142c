"""An organizer's colour is made fit to read, whatever it is."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ticketing.web.colour import (
    CONTRAST_MIN,
    DARK_PAPERS,
    LIGHT_PAPERS,
    Rgb,
    brand_sheet,
    contrast,
    from_oklch,
    parse_colour,
    tints,
    to_oklch,
)

PARTS = st.integers(0, 255)
COLOURS = st.builds(Rgb, PARTS, PARTS, PARTS)


@given(COLOURS, st.booleans())
@example(Rgb(255, 255, 0), False)
@example(Rgb(255, 255, 255), False)
@example(Rgb(0, 0, 0), True)
@example(Rgb(0, 0, 255), True)
def test_text_in_a_brands_colour_and_on_it_can_always_be_read(colour: Rgb, dark: bool) -> None:
    made = tints(colour, dark=dark)

    for paper in DARK_PAPERS if dark else LIGHT_PAPERS:
        assert contrast(made.accent, paper) >= CONTRAST_MIN
    assert contrast(made.on_accent, made.accent) >= CONTRAST_MIN
    assert contrast(made.on_accent, made.deep) >= CONTRAST_MIN


@given(COLOURS)
def test_a_colour_goes_to_oklch_and_back(colour: Rgb) -> None:
    back = from_oklch(*to_oklch(colour))

    assert all(abs(one - other) <= 3 for one, other in zip(colour, back, strict=True))


def test_a_colour_that_is_fit_stays_as_it_is() -> None:
    assert tints(Rgb(0x0B, 0x3D, 0x91), dark=False).accent == Rgb(0x0B, 0x3D, 0x91)


@pytest.mark.parametrize(("first", "second", "ratio"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48)])
def test_contrast_is_that_of_wcag(first: str, second: str, ratio: float) -> None:
    one, other = parse_colour(first), parse_colour(second)
    assert one is not None
    assert other is not None

    assert round(contrast(one, other), 2) == ratio


@pytest.mark.parametrize("text", ["", "red", "#abc", "#12345g", "aa33cc;}", "#aa33cc\n", "１２３４５６"])
def test_what_is_no_colour_is_none(text: str) -> None:
    assert parse_colour(text) is None


def test_a_brands_sheet_has_both_palettes() -> None:
    sheet = brand_sheet(Rgb(0xAA, 0x33, 0xCC))

    assert sheet.startswith(":root{--accent:#a831ca;")
    assert sheet.count("--on-accent:") == 2
    assert "prefers-color-scheme:dark" in sheet
