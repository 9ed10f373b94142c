"""Letters on a PDF page: text in any script, measured, broken into lines and drawn.

Latin, Greek and Cyrillic are text in an embedded font. Arabic, Hebrew, Devanagari and emoji are shaped by HarfBuzz and drawn as outlines,
with the text beneath for screen readers and copying. Chinese, Japanese and Korean name a font that readers of PDF bring or replace, since
such a font has megabytes. What none of these can show is a question mark, and `can_show` says so beforehand.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import Any, Final

import uharfbuzz
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import FILL_NON_ZERO, Canvas

UNKNOWN: Final = "?"
ELLIPSIS: Final = "…"
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\U000e0000-\U000e007f]")
"""Joiners, marks of direction and variations: they belong to shaped text alone, and are never drawn."""
_CJK: Final = re.compile(
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef]"
)
_DEVANAGARI: Final = re.compile("[\u0900-\u097f\ua8e0-\ua8ff]")
_HANGUL: Final = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7ff]")
_KANA: Final = re.compile("[\u3040-\u30ff\uff66-\uff9f]")


class Weight(Enum):
    """How heavy letters are; only Latin, Greek and Cyrillic ones know bold."""

    REGULAR = "TicketSans"
    BOLD = "TicketSans-Bold"


TEXT_FONTS: Final = {Weight.REGULAR: "NotoSans_400Regular.ttf", Weight.BOLD: "NotoSans_700Bold.ttf"}
DEVANAGARI_FONT: Final = TEXT_FONTS[Weight.REGULAR]
SCRIPT_FONTS: Final = ("NotoSansHebrew_400Regular.ttf", "NotoSansArabic_400Regular.ttf", "NotoEmoji_400Regular.ttf")
SHAPED_FONTS: Final = (*SCRIPT_FONTS, DEVANAGARI_FONT)
CJK_FONTS: Final = ("STSong-Light", "HeiseiKakuGo-W5", "HYSMyeongJo-Medium")


@dataclass(frozen=True, slots=True)
class Style:
    """Weight, size in points, and colour as red, green and blue from 0 to 1."""

    weight: Weight
    size: float
    colour: tuple[float, float, float] = (0.09, 0.08, 0.07)


@dataclass(frozen=True, slots=True)
class Run:
    """Letters that are drawn by one font, in one direction."""

    text: str
    font: str
    is_rtl: bool


@dataclass(frozen=True, slots=True)
class _Shaper:
    font: Any
    units: int
    characters: frozenset[int]


@cache
def _shaper(name: str) -> _Shaper:
    face = uharfbuzz.Face((files("ticketing.admission") / "fonts" / name).read_bytes())
    return _Shaper(uharfbuzz.Font(face), face.upem, frozenset(face.unicodes))


@cache
def _text_characters() -> frozenset[int]:
    """Registers the fonts with the PDF library, once; the characters that the text fonts have."""
    have: list[frozenset[int]] = []
    for weight, name in TEXT_FONTS.items():
        with as_file(files("ticketing.admission") / "fonts" / name) as path:
            font = TTFont(weight.value, str(path))
        pdfmetrics.registerFont(font)
        have.append(frozenset(font.face.charToGlyph))
    for name in CJK_FONTS:
        pdfmetrics.registerFont(UnicodeCIDFont(name))
    return have[0] & have[1]


def can_show(text: str) -> bool:
    """Whether all of the text can be drawn, none of it as a question mark."""
    return all(_font_of(letter, text, Weight.REGULAR) is not None for letter in _INVISIBLE.sub("", text))


def _font_of(letter: str, text: str, weight: Weight) -> str | None:
    """The font that draws this letter of this text."""
    number = ord(letter)
    if _DEVANAGARI.match(letter):
        return DEVANAGARI_FONT
    if number in _text_characters() or letter.isspace():
        return weight.value
    for name in SCRIPT_FONTS:
        if number in _shaper(name).characters:
            return name
    if _CJK.match(letter):
        if _HANGUL.search(text):
            return CJK_FONTS[2]
        return CJK_FONTS[1] if _KANA.search(text) else CJK_FONTS[0]
    return None


def is_rtl(text: str) -> bool:
    """Whether the text as a whole runs from right to left: by its first letter that runs either way."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("R", "AL"):
            return True
        if kind == "L":
            return False
    return False


@lru_cache(maxsize=4096)
def runs_of(text: str, weight: Weight) -> tuple[Run, ...]:
    """The runs of a line as they stand from left to right.

    What is neither left nor right goes with its neighbours where they agree, else with the line; numbers run to the right, but count as
    the letters before them. That is the main part of Unicode's bidirectional algorithm without its embeddings, which names and places do
    not have.
    """
    base = is_rtl(text)
    pieces: list[tuple[str, str, bool | None]] = []
    acts: list[bool | None] = []
    strong = base
    for letter in unicodedata.normalize("NFC", text):
        kind = unicodedata.bidirectional(letter)
        way = True if kind in ("R", "AL") else False if kind in ("L", "EN", "AN") else None
        strong = strong if kind in ("EN", "AN") or way is None else way
        if _INVISIBLE.match(letter):
            if pieces and pieces[-1][1] in SHAPED_FONTS:
                previous, font, its_way = pieces[-1]
                pieces[-1] = (previous + letter, font, its_way)
            continue
        chosen = _font_of(letter, text, weight)
        if chosen is None:
            letter, chosen = UNKNOWN, weight.value
        elif way is None and pieces and kind == "NSM":
            way = pieces[-1][2]
        pieces.append((letter, chosen, way))
        acts.append(None if way is None else strong)
    runs: list[Run] = []
    for place, (letters, font, way) in enumerate(pieces):
        if way is None:
            before = next((each for each in reversed(acts[:place]) if each is not None), base)
            after = next((each for each in acts[place + 1 :] if each is not None), base)
            way = before if before == after else base
        last = runs[-1] if runs else None
        if last is not None and (last.font, last.is_rtl) == (font, way):
            runs[-1] = Run(last.text + letters, font, way)
        else:
            runs.append(Run(letters, font, way))
    return _ordered(runs, base=base)


def _ordered(runs: Sequence[Run], *, base: bool) -> tuple[Run, ...]:
    """The runs in the order of the eye: stretches that run against the line are turned round."""
    stretches: list[list[Run]] = []
    for run in runs:
        if stretches and stretches[-1][0].is_rtl == run.is_rtl:
            stretches[-1].append(run)
        else:
            stretches.append([run])
    if base:
        stretches.reverse()
    return tuple(run for stretch in stretches for run in (reversed(stretch) if stretch[0].is_rtl else stretch))


_MIRRORED: Final = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")


@dataclass(frozen=True, slots=True)
class _Glyph:
    number: int
    x: float
    y: float


def _shaped(run: Run) -> tuple[list[_Glyph], float]:
    """The glyphs of a shaped run with their places, and its width, in units of its font."""
    shaper = _shaper(run.font)
    buffer = uharfbuzz.Buffer()
    buffer.add_str(run.text)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if run.is_rtl else "ltr"
    uharfbuzz.shape(shaper.font, buffer)
    glyphs: list[_Glyph] = []
    x = 0.0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append(_Glyph(info.codepoint, x + place.x_offset, place.y_offset))
        x += place.x_advance
    return glyphs, x


def drawn_text(run: Run) -> str:
    """The text of a run that a font draws by itself: what runs from right to left there (brackets, dashes) stands turned round."""
    return run.text[::-1].translate(_MIRRORED) if run.is_rtl else run.text


def width(text: str, style: Style) -> float:
    """How wide the text is on one line, in points."""
    return sum(_run_width(run, style) for run in runs_of(text, style.weight))


def _run_width(run: Run, style: Style) -> float:
    if run.font in SHAPED_FONTS:
        return _shaped(run)[1] * style.size / _shaper(run.font).units
    return float(pdfmetrics.stringWidth(drawn_text(run), run.font, style.size))


def lines(text: str, style: Style, *, within: float, most: int) -> list[str]:
    """The text in at most so many lines, none wider than `within` points; what is left over becomes an ellipsis."""
    words = text.split()
    broken: list[str] = []
    line = ""
    while words:
        word = words.pop(0)
        longer = f"{line} {word}" if line else word
        if width(longer, style) <= within:
            line = longer
            continue
        if line:
            broken.append(line)
            line = ""
            words.insert(0, word)
        else:
            head = _that_fits(word, style, within=within)
            broken.append(head)
            if word[len(head) :]:
                words.insert(0, word[len(head) :])
        if len(broken) > most:
            break
    if line:
        broken.append(line)
    if len(broken) <= most:
        return broken
    last = broken[most - 1]
    while last and width(last + ELLIPSIS, style) > within:
        last = last[:-1].rstrip()
    return [*broken[: most - 1], last + ELLIPSIS]


def _that_fits(word: str, style: Style, *, within: float) -> str:
    count = 1
    while count < len(word) and width(word[: count + 1], style) <= within:
        count += 1
    return word[:count]


def draw(canvas: Canvas, text: str, *, x: float, y: float, style: Style, right: float | None = None) -> None:
    """The text stands on the page from `x` on its baseline `y`; one that runs from right to left ends at `right`, where that is given."""
    runs = runs_of(text, style.weight)
    if right is not None and is_rtl(text):
        x = right - sum(_run_width(run, style) for run in runs)
    canvas.setFillColorRGB(*style.colour)
    for run in runs:
        if run.font in SHAPED_FONTS:
            _draw_outlines(canvas, run, x=x, y=y, size=style.size)
        else:
            canvas.setFont(run.font, style.size)
            canvas.drawString(x, y, drawn_text(run))
        x += _run_width(run, style)


def _draw_outlines(canvas: Canvas, run: Run, *, x: float, y: float, size: float) -> None:
    """Each glyph is written into the document once, and named wherever it stands."""
    shaper = _shaper(run.font)
    scale = size / shaper.units
    glyphs = _shaped(run)[0]
    for glyph in glyphs:
        if not canvas.hasForm(_form(run.font, glyph)):
            path = canvas.beginPath()
            shaper.font.draw_glyph_with_pen(glyph.number, _Pen(path))
            canvas.beginForm(_form(run.font, glyph), *_extents(shaper))
            canvas.drawPath(path, stroke=0, fill=1, fillMode=FILL_NON_ZERO)
            canvas.endForm()
    spoken = ("\ufeff" + run.text).encode("utf-16-be").hex().upper()
    canvas._code.append(f"/Span <</ActualText <{spoken}>>> BDC")
    for glyph in glyphs:
        canvas.saveState()
        canvas.transform(scale, 0, 0, scale, x + glyph.x * scale, y + glyph.y * scale)
        canvas.doForm(_form(run.font, glyph))
        canvas.restoreState()
    canvas._code.append("EMC")


def _form(font: str, glyph: _Glyph) -> str:
    return f"{font.partition('_')[0]}-{glyph.number}"


def _extents(shaper: _Shaper) -> tuple[int, int, int, int]:
    """A box that no glyph leaves."""
    return (-2 * shaper.units, -2 * shaper.units, 4 * shaper.units, 4 * shaper.units)


class _Pen:
    """Puts the outline of one glyph on a PDF path, in units of its font."""

    def __init__(self, path: Any) -> None:
        self._path = path
        self._at = (0.0, 0.0)

    def _on_page(self, *points: tuple[float, float]) -> Iterator[int]:
        for x, y in points:
            yield round(x)
            yield round(y)

    def moveTo(self, point: tuple[float, float]) -> None:  # noqa: N802 - HarfBuzz calls it so
        """A contour begins."""
        self._path.moveTo(*self._on_page(point))
        self._at = point

    def lineTo(self, point: tuple[float, float]) -> None:  # noqa: N802
        """A straight line."""
        self._path.lineTo(*self._on_page(point))
        self._at = point

    def curveTo(self, *points: tuple[float, float]) -> None:  # noqa: N802
        """A cubic curve."""
        self._path.curveTo(*self._on_page(*points))
        self._at = points[-1]

    def qCurveTo(self, control: tuple[float, float], end: tuple[float, float]) -> None:  # noqa: N802
        """A quadratic curve, as the cubic one that is the same."""
        first = tuple(a + (c - a) * 2 / 3 for a, c in zip(self._at, control, strict=True))
        second = tuple(b + (c - b) * 2 / 3 for b, c in zip(end, control, strict=True))
        self._path.curveTo(*self._on_page((first[0], first[1]), (second[0], second[1]), end))
        self._at = end

    def closePath(self) -> None:  # noqa: N802
        """The contour ends."""
        self._path.close()
