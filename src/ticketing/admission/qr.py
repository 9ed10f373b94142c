"""The picture of a ticket's code: a QR symbol as SVG."""

import re
from collections.abc import Sequence
from html import escape
from typing import Final

import segno

QR_VERSION: Final = 6
"""41 modules a side: the smallest that holds a code of 144 characters at level M. A longer text is refused by segno."""
QUIET_ZONE_MODULES: Final = 4
"""ISO/IEC 18004 asks for four light modules on every side."""
_MASK: Final = 0
# Choosing among the eight masks costs 5 of 7 ms and is there for regular data. A signature is noise under any mask:
# blurred and noisy pictures were read equally often with a fixed one.

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def qr_svg(code: str, *, title: str) -> str:
    """A scalable picture of the code, black on white with its quiet zone; `title` is what a screen reader says.

    Raises ValueError if `code` has characters outside QR's alphanumeric set (lower case, for one) or is too long.
    """
    symbol = segno.make_qr(code, error="m", version=QR_VERSION, mode="alphanumeric", mask=_MASK, boost_error=False)
    side = len(symbol.matrix) + 2 * QUIET_ZONE_MODULES
    strokes = "".join(_row_strokes(row, y=number + QUIET_ZONE_MODULES) for number, row in enumerate(symbol.matrix))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" shape-rendering="crispEdges">'
        f"<title>{escape(_NOT_IN_XML.sub(' ', title))}</title>"
        f'<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path stroke="#000" d="{strokes}"/></svg>'
    )


def _row_strokes(row: Sequence[int], *, y: int) -> str:
    """SVG path commands for the dark runs of one row, each a line of width 1 through the middle of its modules."""
    runs = re.finditer(b"\x01+", bytes(row))
    return "".join(f"M{run.start() + QUIET_ZONE_MODULES} {y}.5h{run.end() - run.start()}" for run in runs)
