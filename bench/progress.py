"""Lines that tell how far a measurement is."""

from __future__ import annotations

import sys
import time

_BEGAN = time.monotonic()


def say(name: str, sentence: str) -> None:
    """The sentence is on standard error, after the seconds since the start and the name of the scenario."""
    print(f"{time.monotonic() - _BEGAN:7.1f} s  {name}: {sentence}", file=sys.stderr, flush=True)
