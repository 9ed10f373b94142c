"""The picture of a ticket's code: a QR symbol as SVG, as PNG, and as strokes for whoever draws it elsewhere."""

import re
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Final

import segno

QR_VERSION: Final = 6
"""41 modules a side: the smallest that holds a code of 144 characters at level M. A longer text is refused by segno."""
QUIET_ZONE_MODULES: Final = 4
"""ISO/IEC 18004 asks for four light modules on every side."""
PIXELS_PER_MODULE: Final = 10
_MASK: Final = 0
# Choosing among the eight masks costs 5 of 7 ms and is there for regular data. A signature is noise under any mask:
# blurred and noisy pictures were read equally often with a fixed one.

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Stroke:
    """Dark modules side by side in one row; the first module of the first row is at 0, 0."""

    x: int
    y: int
    length: int


def qr_strokes(code: str) -> tuple[int, tuple[Stroke, ...]]:
    """How many modules a side has, without the quiet zone, and all that is dark.

    Raises ValueError if `code` has characters outside QR's alphanumeric set (lower case, for one) or is too long.
    """
    matrix = _symbol(code).matrix
    strokes = (
        Stroke(run.start(), y, run.end() - run.start())
        for y, row in enumerate(matrix)
        for run in re.finditer(b"\x01+", bytes(row))
    )
    return len(matrix), tuple(strokes)


def qr_svg(code: str, *, title: str) -> str:
    """A scalable picture of the code, black on white with its quiet zone; `title` is what a screen reader says.

    Raises ValueError as `qr_strokes`.
    """
    modules, strokes = qr_strokes(code)
    side = modules + 2 * QUIET_ZONE_MODULES
    drawn = "".join(
        f"M{stroke.x + QUIET_ZONE_MODULES} {stroke.y + QUIET_ZONE_MODULES}.5h{stroke.length}" for stroke in strokes
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" shape-rendering="crispEdges">'
        f"<title>{escape(_NOT_IN_XML.sub(' ', title))}</title>"
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path stroke="#000" d="{drawn}"/></svg>'
    )


def qr_png(code: str) -> bytes:
    """The code as a PNG of 490 pixels a side, black on white with its quiet zone. Raises ValueError as `qr_strokes`."""
    written = BytesIO()
    _symbol(code).save(written, kind="png", scale=PIXELS_PER_MODULE, border=QUIET_ZONE_MODULES)
    return written.getvalue()


def _symbol(code: str) -> segno.QRCode:
    return segno.make_qr(code, error="m", version=QR_VERSION, mode="alphanumeric", mask=_MASK, boost_error=False)
