"""Draws the picture of an event to share: its poster beside title, date and place, as PNG. Apart from `preview.py`, so that what draws
is loaded where a picture is asked for."""

import math
import re
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final
from xml.etree import ElementTree

from PIL import Image, ImageDraw, ImageFont, features

from ticketing.admission.lettering import TEXT_FONTS, Run, Style, Weight, drawn_text, is_rtl, lines, runs_of
from ticketing.catalog.posters import HEIGHT, WIDTH, poster, srgb
from ticketing.site.preview import Words
from ticketing.web.assets import STATIC

SIZE: Final = (1200, 630)
"""What networks show whole."""
SMOOTH: Final = 2
"""The drawing is made so many times as large, and then made smaller, which rounds its edges."""
MARGIN: Final = 72
TEXT_WIDTH: Final = 640
ART_FROM: Final = 780
"""Where the ground ends on which the words stand, and the poster begins."""
TITLE_SIZES: Final = (76, 64, 54, 46)
TITLE_LINES_MAX: Final = 4
TITLE_HEIGHT_MAX: Final = 300
LINE_HEIGHT: Final = 1.08
COLOURS: Final = 200
MARK: Final = "Ticket"
_DISPLAY: Final = STATIC / "vendor" / "bricolage-grotesque-5.3.0" / "bricolage-grotesque-latin-700-normal.woff2"
_IN_DISPLAY: Final = re.compile(
    "[\u0020-\u007e\u00a0-\u00ff\u0152\u0153\u2013\u2014\u2018\u2019\u201c\u201d\u2026\u20ac]*"
)
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_STEP: Final = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_OKLCH: Final = re.compile(r"oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)")
_WHITE: Final = (255, 255, 255)
_CURVE_PARTS: Final = 24

Colour = tuple[int, int, int]
Point = tuple[float, float]


def drawn(event_id: str, *, category: str, words: Words) -> bytes:
    """The picture as PNG. What no font of ours can show is left out: the poster stands for it."""
    source = poster(event_id, category=category)
    svg = ElementTree.fromstring(source)  # noqa: S314 - we drew it
    ground = _colour(svg[0].get("fill", ""))
    picture = Image.new("RGB", SIZE, ground)
    art_width = SIZE[0] - ART_FROM
    picture.paste(_art(svg).crop(_middle(art_width)), (ART_FROM, 0))
    pen = ImageDraw.Draw(picture)
    deep = tuple(round(part * 0.72) for part in ground)
    pen.rectangle((0, 0, ART_FROM, SIZE[1]), fill=(deep[0], deep[1], deep[2]))
    lightest = max(_OKLCH.finditer(source), key=lambda found: float(found[1]))
    _write(pen, words, accent=_colour(lightest[0]))
    png = BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(png, "PNG", compress_level=6)
    return png.getvalue()


def _middle(width: int) -> tuple[int, int, int, int]:
    scaled = round(SIZE[1] / HEIGHT * WIDTH)
    left = (scaled - width) * 2 // 3
    return left, 0, left + width, SIZE[1]


def _write(pen: ImageDraw.ImageDraw, words: Words, *, accent: Colour) -> None:
    pen.text((MARGIN, MARGIN - 12), MARK, font=_display(40), fill=_WHITE)
    mark = _display(40).getlength(MARK)
    pen.ellipse((MARGIN + mark + 5, MARGIN + 19, MARGIN + mark + 15, MARGIN + 29), fill=accent)
    size, broken = _title(words.title)
    height = size * LINE_HEIGHT
    bottom = SIZE[1] - MARGIN
    small = Style(Weight.BOLD, 30)
    for text, y in ((words.place, bottom - 34), (words.date, bottom - 80)):
        for line in lines(text, small, within=TEXT_WIDTH, most=1):
            _line(pen, line, y=y, size=30, fill=accent if text == words.date else _WHITE)
    top = bottom - 116 - height * len(broken)
    for number, line in enumerate(broken):
        _line(pen, line, y=top + number * height, size=size, fill=_WHITE, is_title=True)


def _title(text: str) -> tuple[int, list[str]]:
    """The size of the title and its lines: as large as all of it has room, else as small as it is still read, and cut."""
    whole = " ".join(text.split())
    broken: list[str] = []
    for size in TITLE_SIZES:
        broken = lines(text, Style(Weight.BOLD, size), within=TEXT_WIDTH, most=TITLE_LINES_MAX)
        if len(broken) * size * LINE_HEIGHT <= TITLE_HEIGHT_MAX and " ".join(broken) == whole:
            return size, broken
    return TITLE_SIZES[-1], broken


def _line(pen: ImageDraw.ImageDraw, text: str, *, y: float, size: int, fill: Colour, is_title: bool = False) -> None:
    """The line stands at `y`, from the side that its script begins on; nothing, where a letter of it cannot be shown."""
    if is_title and _IN_DISPLAY.fullmatch(text):
        pen.text((MARGIN, y), text, font=_display(size), fill=fill)
        return
    runs = runs_of(text, Weight.BOLD)
    fonts = [_font(run, size) for run in runs]
    if any(font is None for font in fonts):
        return
    shaped = [(run, font, _shape(run, font)) for run, font in zip(runs, fonts, strict=True) if font is not None]
    whole = sum(font.getlength(said, direction=way) for _, font, (said, way) in shaped)
    x = MARGIN + TEXT_WIDTH - whole if is_rtl(text) else float(MARGIN)
    for _, font, (said, way) in shaped:
        ascent = font.getmetrics()[0]
        pen.text((x, y + size * 1.069 - ascent), said, font=font, fill=fill, direction=way)
        x += font.getlength(said, direction=way)


def _shape(run: Run, font: ImageFont.FreeTypeFont) -> tuple[str, str | None]:
    """What is drawn of a run, and which way it is shaped, where the library can shape."""
    del font
    if not features.check("raqm"):
        return drawn_text(run), None
    return run.text, "rtl" if run.is_rtl else "ltr"


@cache
def _display(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(_DISPLAY), size)


def _font(run: Run, size: int) -> ImageFont.FreeTypeFont | None:
    """The font of a run; None for Chinese, Japanese and Korean, whose fonts we do not have."""
    names = {weight.value: name for weight, name in TEXT_FONTS.items()}
    name = names.get(run.font, run.font)
    return _from_file(name, size) if name.endswith(".ttf") else None


@cache
def _from_file(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO((files("ticketing.admission") / "fonts" / name).read_bytes()), size)


# the poster ----------------------------------------------------------------------------------------------------------


def _art(svg: ElementTree.Element) -> Image.Image:
    """The drawing of a poster as tall as the picture: the few shapes that posters are made of."""
    scale = SIZE[1] * SMOOTH / HEIGHT
    art = Image.new("RGB", (round(WIDTH * scale), SIZE[1] * SMOOTH))
    pen = ImageDraw.Draw(art)
    for shape in svg:
        kind = shape.tag.rpartition("}")[2]
        if kind == "rect":
            pen.rectangle((0, 0, *art.size), fill=_colour(shape.get("fill", "")))
        elif kind == "circle":
            x, y, radius = (float(shape.get(name, "0")) * scale for name in ("cx", "cy", "r"))
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(shape.get("fill", "")))
        else:
            points = [(x * scale, y * scale) for x, y in _points(shape.get("d", ""))]
            if shape.get("stroke"):
                width = round(float(shape.get("stroke-width", "1")) * scale)
                pen.line(points, fill=_colour(shape.get("stroke", "")), width=width, joint="curve")
            else:
                pen.polygon(points, fill=_colour(shape.get("fill", "")))
    return art.resize((art.width // SMOOTH, art.height // SMOOTH), Image.Resampling.LANCZOS)


def _colour(written: str) -> Colour:
    found = _OKLCH.fullmatch(written)
    assert found is not None, written
    lightness, chroma, hue = map(float, found.groups())
    red, green, blue = srgb(lightness, chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue)))
    return round(red * 255), round(green * 255), round(blue * 255)


def _points(path: str) -> list[Point]:
    """The corners of a path of one contour, its curves as many short lines."""
    points: list[Point] = []
    x = y = 0.0
    for step, rest in _STEP.findall(path):
        numbers = [float(each) for each in _NUMBER.findall(rest)]
        match step:
            case "M" | "L":
                x, y = numbers
            case "H":
                [x] = numbers
            case "V":
                [y] = numbers
            case "h":
                x += numbers[0]
            case "v":
                y += numbers[0]
            case "C":
                for end in range(0, len(numbers), 6):
                    points += _curve((x, y), numbers[end : end + 6])
                    x, y = points[-1]
                continue
            case "a":
                points += _quarter((x, y), numbers)
                x, y = points[-1]
                continue
            case _:
                continue
        points.append((x, y))
    return points


def _curve(start: Point, numbers: list[float]) -> list[Point]:
    corners = [start, *zip(numbers[::2], numbers[1::2], strict=True)]
    return [
        (
            sum(weight * corner[0] for weight, corner in zip(_weights(part), corners, strict=True)),
            sum(weight * corner[1] for weight, corner in zip(_weights(part), corners, strict=True)),
        )
        for part in range(1, _CURVE_PARTS + 1)
    ]


def _weights(part: int) -> tuple[float, float, float, float]:
    t = part / _CURVE_PARTS
    return (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3


def _quarter(start: Point, numbers: list[float]) -> list[Point]:
    """A quarter of a circle to the right of its way, as far as it goes in both directions."""
    radius, dx, dy = numbers[0], numbers[-2], numbers[-1]
    # The centre of a turn to the right by a quarter stands to the right of the beginning.
    centre = (start[0] + (dx - dy) / 2, start[1] + (dy + dx) / 2)
    begin = math.atan2(start[1] - centre[1], start[0] - centre[0])
    return [
        (
            centre[0] + radius * math.cos(begin + math.pi / 2 * part / _CURVE_PARTS),
            centre[1] + radius * math.sin(begin + math.pi / 2 * part / _CURVE_PARTS),
        )
        for part in range(1, _CURVE_PARTS + 1)
    ]
