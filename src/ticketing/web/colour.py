"""An organizer's colour made fit to read: its tints, pushed until text on them has enough contrast. Pure."""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import atan2, cbrt, cos, sin
from typing import Final, NamedTuple

CONTRAST_MIN: Final = 4.5
"""WCAG 2.2, 1.4.3, for text of any size."""
_STEP: Final = 0.005
_MARGIN: Final = 0.05
"""Above the minimum, so that rounding to eight bits on a screen never falls below it."""


class Rgb(NamedTuple):
    """A colour of a screen; each part 0..255."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


@dataclass(frozen=True, slots=True)
class Tints:
    """What the pages use of a colour: the accent, the same under a pointer, what is written on it, and a wash of it."""

    accent: Rgb
    deep: Rgb
    on_accent: Rgb
    tint: Rgb


LIGHT_PAPERS: Final = (Rgb(255, 255, 255), Rgb(249, 246, 242), Rgb(242, 238, 232))
"""The grounds of the light palette that the accent is written on: card, paper, sunken."""
DARK_PAPERS: Final = (Rgb(17, 14, 12), Rgb(26, 22, 19), Rgb(40, 35, 31))
WHITE: Final = Rgb(255, 255, 255)
INK: Final = Rgb(23, 17, 14)


def parse_colour(text: str) -> Rgb | None:
    """The colour in `#aa33cc` or `aa33cc`; None for anything else."""
    match = re.fullmatch(r"#?([0-9a-fA-F]{6})", text)
    if match is None:
        return None
    return Rgb(*bytes.fromhex(match.group(1)))


def contrast(first: Rgb, second: Rgb) -> float:
    """The contrast ratio of WCAG, 1..21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: Rgb) -> float:
    """The relative luminance of WCAG, 0..1."""
    red, green, blue = (_linear(part) for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@lru_cache(maxsize=512)
def tints(colour: Rgb, *, dark: bool) -> Tints:
    """The tints of a colour for the light or the dark palette: its hue stays, its lightness gives way.

    The accent has at least `CONTRAST_MIN` on every ground of the palette, and so has what is written on the accent.
    """
    lightness, chroma, hue = to_oklch(colour)
    papers = DARK_PAPERS if dark else LIGHT_PAPERS
    on_accent = INK if dark else WHITE
    step = _STEP if dark else -_STEP
    against = (*papers, on_accent)
    chroma = min(chroma, 0.17) if dark else chroma
    accent = from_oklch(lightness, chroma, hue)
    while min(contrast(accent, each) for each in against) < CONTRAST_MIN + _MARGIN:
        lightness += step
        accent = from_oklch(lightness, chroma, hue)
    return Tints(
        accent=accent,
        deep=from_oklch(lightness + (0.05 if dark else -0.06), chroma, hue),
        on_accent=on_accent,
        tint=from_oklch(0.27 if dark else 0.955, min(chroma, 0.045 if dark else 0.025), hue),
    )


def to_oklch(colour: Rgb) -> tuple[float, float, float]:
    """Lightness 0..1, chroma, and hue in radians (Björn Ottosson's Oklab)."""
    red, green, blue = (_linear(part) for part in colour)
    long = cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return lightness, (a * a + b * b) ** 0.5, atan2(b, a)


def from_oklch(lightness: float, chroma: float, hue: float) -> Rgb:
    """The nearest colour that a screen shows: chroma is lowered until it fits."""
    lightness = min(max(lightness, 0.0), 1.0)
    while True:
        parts = _linear_rgb(lightness, chroma, hue)
        if chroma <= 0 or all(-0.0005 <= part <= 1.0005 for part in parts):
            return Rgb(*(_encoded(part) for part in parts))
        chroma = max(0.0, chroma - 0.004)


def _linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    a, b = chroma * cos(hue), chroma * sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _linear(part: int) -> float:
    value = part / 255
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)


def _encoded(part: float) -> int:
    value = min(max(part, 0.0), 1.0)
    return round(255 * (value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055))


def brand_sheet(colour: Rgb) -> str:
    """The style sheet that puts a colour in the place of the house's accent."""

    def rules(dark: bool) -> str:
        made = tints(colour, dark=dark)
        return (
            f"--accent:{made.accent};--accent-deep:{made.deep};--on-accent:{made.on_accent};--accent-tint:{made.tint}"
        )

    return f":root{{{rules(False)}}}@media (prefers-color-scheme:dark){{:root{{{rules(True)}}}}}"
