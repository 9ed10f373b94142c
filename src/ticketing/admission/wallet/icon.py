"""The icon of a pass, drawn here: a ticket with its notches on a ground. Apple's wallet takes no pass without one."""

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
SAMPLES: Final = 3
"""A side of the grid of samples in a pixel: edges are smooth enough at the size of an icon."""
RGB: Final = 2
PAPER: Final = (255, 255, 255)


@lru_cache(maxsize=64)
def icon_png(side: int, colour: tuple[int, int, int]) -> bytes:
    """A square PNG of so many pixels a side: a white ticket on this colour."""
    rows = b"".join(b"\x00" + _row(side, y, colour) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, RGB, 0, 0, 0)
    return (
        PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, level=9)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _row(side: int, y: int, colour: tuple[int, int, int]) -> bytes:
    return bytes(part for x in range(side) for part in _mixed(_covered(x, y, side), colour))


def _mixed(share: float, colour: tuple[int, int, int]) -> Iterator[int]:
    return (round(share * paper + (1 - share) * ground) for paper, ground in zip(PAPER, colour, strict=True))


def _covered(x: int, y: int, side: int) -> float:
    """How much of the pixel is ticket, from 0 to 1."""
    steps = [(step + 0.5) / SAMPLES for step in range(SAMPLES)]
    inside = sum(_is_ticket((x + dx) / side, (y + dy) / side) for dx in steps for dy in steps)
    return inside / SAMPLES**2


def _is_ticket(x: float, y: float) -> bool:
    """Whether this point of a square of side 1 lies on the ticket: a rectangle, notched above and below its perforation."""
    tear = 0.64
    in_frame = 0.14 <= x <= 0.86 and 0.28 <= y <= 0.72
    notched = any((x - tear) ** 2 + (y - edge) ** 2 < 0.07**2 for edge in (0.28, 0.72))
    perforated = abs(x - tear) < 0.014 and int(y / 0.05) % 2 == 1
    return in_frame and not notched and not perforated
