"""Which of our languages somebody reads, told from `Accept-Language`."""

from functools import lru_cache
from typing import Final

LANGUAGES: Final = ("en", "de")
"""The first one is for whoever asks for none of them."""
_HEADER_LENGTH_MAX: Final = 200
"""Longer lists of languages are read up to here: browsers send a tenth of it."""


@lru_cache(maxsize=1024)
def language_of(header: str) -> str:
    """The language of ours that the header asks for most."""
    best, best_weight = LANGUAGES[0], 0.0
    for part in header[:_HEADER_LENGTH_MAX].lower().split(","):
        tag, _, quality = part.partition(";")
        language = tag.strip().partition("-")[0]
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best
