"""Posters for events without a picture: drawn from the event's id and its category, always the same, as SVG in the page."""

import hashlib
import math
from collections.abc import Callable
from typing import Final

WIDTH: Final = 320
HEIGHT: Final = 180


class _Chance:
    """Numbers that follow from a seed alone."""

    def __init__(self, seed: str) -> None:
        self._digits = int.from_bytes(hashlib.sha512(seed.encode()).digest(), "big")

    def below(self, limit: int) -> int:
        """The next number, 0 to `limit` - 1."""
        self._digits, number = divmod(self._digits, limit)
        return number

    def between(self, low: int, high: int) -> int:
        """The next number, `low` to `high`."""
        return low + self.below(high - low + 1)


GROUND_LIGHTNESS: Final = 0.35
GROUND_CHROMA: Final = 0.09


class _Palette:
    """Four colours, dark to light: the ground and its deeper neighbour in one hue, what stands out in another."""

    def __init__(self, ground: int, bright: int) -> None:
        self.ground_hue = ground
        self.ground = f"oklch({GROUND_LIGHTNESS} {GROUND_CHROMA} {ground})"
        self.deep = f"oklch(0.5 0.13 {ground + 12})"
        self.bright = f"oklch(0.74 0.15 {bright})"
        self.light = f"oklch(0.93 0.045 {bright + 15})"


PALETTES: Final = tuple(
    _Palette(ground, bright)
    for ground, bright in (
        (262, 45), (285, 75), (305, 35), (335, 85), (358, 65), (22, 95), (205, 60), (190, 30), (165, 85), (240, 150), (228, 90), (255, 350)
    )
)  # fmt: skip
"""Pairs of hues that go together, chosen by eye; neighbours resemble each other."""
NEIGHBOURS: Final = 4


def poster(event_id: str, *, category: str) -> str:
    """An SVG element that fills its place. Events of one category share some palettes. It holds nothing but numbers."""
    chance = _Chance(event_id)
    palette = _palette(chance, category)
    drawing = FAMILIES[chance.below(len(FAMILIES))](chance, palette)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="xMidYMid slice" aria-hidden="true">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{palette.ground}"/>{drawing}</svg>'
    )


def _palette(chance: _Chance, category: str) -> _Palette:
    first = _Chance(category).below(len(PALETTES))
    return PALETTES[(first + chance.below(NEIGHBOURS)) % len(PALETTES)]


def ground_colour(event_id: str, *, category: str) -> tuple[float, float, float]:
    """The ground of the poster as red, green and blue from 0 to 1, for what knows no OKLCH. White letters are read well on it."""
    hue = math.radians(_palette(_Chance(event_id), category).ground_hue)
    return srgb(GROUND_LIGHTNESS, GROUND_CHROMA * math.cos(hue), GROUND_CHROMA * math.sin(hue))


def srgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    """A colour of OKLab in sRGB. Source of the numbers: Björn Ottosson, "A perceptual color space for image processing"."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    red, green, blue = (_encoded(min(1.0, max(0.0, each))) for each in linear)
    return red, green, blue


def _encoded(linear: float) -> float:
    return round(12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055, 4)


def _rings(chance: _Chance, palette: _Palette) -> str:
    x, y = chance.between(190, 320), chance.between(20, 180)
    step = chance.between(20, 28)
    colours = (palette.deep, palette.ground, palette.bright, palette.ground, palette.light)
    return "".join(
        f'<circle cx="{x}" cy="{y}" r="{step * (len(colours) - place)}" fill="{colour}"/>'
        for place, colour in enumerate(colours)
    )


def _beams(chance: _Chance, palette: _Palette) -> str:
    x = chance.between(60, 260)
    colours = (palette.deep, palette.bright, palette.deep, palette.light)
    left = x - chance.between(190, 240)
    parts = []
    for colour in colours:
        width = chance.between(46, 80)
        parts.append(f'<path d="M{x} -10 L{left} 190 H{left + width} Z" fill="{colour}"/>')
        left += width + chance.between(24, 48)
    return "".join(parts)


def _dots(chance: _Chance, palette: _Palette) -> str:
    centre = chance.between(2, 8)
    parts = []
    for row in range(5):
        for column in range(9):
            radius = max(2, 15 - 3 * abs(column - centre) - 2 * abs(row - 2) + chance.below(3))
            colour = palette.light if radius > 11 else palette.bright if radius > 6 else palette.deep
            parts.append(f'<circle cx="{column * 40}" cy="{10 + row * 40}" r="{radius}" fill="{colour}"/>')
    return "".join(parts)


def _horizon(chance: _Chance, palette: _Palette) -> str:
    x, sun, line = chance.between(90, 250), chance.between(38, 58), chance.between(104, 126)
    hills = "".join(
        f'<path d="M0 {line + drop} C{chance.between(50, 120)} {line + drop - chance.between(10, 34)} '
        f'{chance.between(180, 260)} {line + drop + chance.between(6, 26)} 320 {line + drop - 8} V180 H0 Z" fill="{colour}"/>'
        for drop, colour in ((0, palette.bright), (24, palette.deep), (48, palette.ground))
    )
    return f'<circle cx="{x}" cy="{line - 18}" r="{sun}" fill="{palette.light}"/>{hills}'


def _strings(chance: _Chance, palette: _Palette) -> str:
    swing, bend = chance.between(24, 60), chance.between(90, 230)
    colours = (palette.deep, palette.bright, palette.light)
    return "".join(
        f'<path d="M-10 {y} C{bend} {y - swing} {bend} {y + swing} 330 {y + chance.between(-8, 8)}" '
        f'fill="none" stroke="{colours[place % 3]}" stroke-width="{9 - place % 3 * 3}"/>'
        for place, y in enumerate(range(20, 180, 18))
    )


def _blocks(chance: _Chance, palette: _Palette) -> str:
    colours = (palette.deep, palette.bright, palette.light, palette.ground)
    parts = []
    for row in range(3):
        for column in range(6):
            x, y, colour = column * 60 - 20, row * 60, colours[chance.below(4)]
            shape = chance.below(3)
            if shape == 0:
                parts.append(f'<path d="M{x} {y} h60 v60 a60 60 0 0 1 -60 -60 Z" fill="{colour}"/>')
            elif shape == 1:
                parts.append(f'<path d="M{x} {y + 60} a60 60 0 0 1 60 -60 v60 Z" fill="{colour}"/>')
            else:
                parts.append(f'<circle cx="{x + 30}" cy="{y + 30}" r="30" fill="{colour}"/>')
    return "".join(parts)


FAMILIES: Final[tuple[Callable[[_Chance, _Palette], str], ...]] = (_rings, _beams, _dots, _horizon, _strings, _blocks)
