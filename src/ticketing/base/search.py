"""The search port: what a search of public events may ask, the words it goes by, and the order that every engine keeps."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from ticketing.base.bounds import SEARCH_WORD_LENGTH_MAX

PREFIX_LENGTH_MIN: Final = 2
"""From so many letters on, the last word of a search also finds the words that begin with it. One letter begins too many."""

# Chinese and Japanese put no spaces between words: each of these characters is a word by itself.
_CHARACTER: Final = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD: Final = re.compile(rf"[{_CHARACTER}]|[^\W_{_CHARACTER}]+")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in order, folded so that case, accents, marks and width do not matter: letters and digits only.

    `"Dvořák’s 9th"` is `("dvorak", "s", "9th")`. A word is at most `SEARCH_WORD_LENGTH_MAX` letters long; the rest of it is cut.
    """
    if text.isascii():
        plain = text.lower()
    else:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        unmarked = (letter for letter in folded if not unicodedata.category(letter).startswith("M"))
        plain = unicodedata.normalize("NFC", "".join(unmarked))
    return tuple(word[:SEARCH_WORD_LENGTH_MAX] for word in _WORD.findall(plain))


def searchable(texts: Iterable[str]) -> str:
    """Every word of these texts once, in order, with spaces between: how a listing keeps what a search may find it by."""
    return " ".join(dict.fromkeys(word for text in texts for word in words_of(text)))


class Phase(Enum):
    """Where an event stands by the clock."""

    UPCOMING = "upcoming"
    """now < start"""
    ONGOING = "ongoing"
    """start <= now < end"""
    COMPLETED = "completed"
    """end <= now"""


@dataclass(frozen=True, slots=True)
class SearchWish:
    """What a search asks. A listing matches if all of this holds; an empty wish matches every listing.

    Every one of `words` (as `words_of` makes them) is a word of the listing, the last one also as the beginning of a word, from
    `PREFIX_LENGTH_MIN` letters on. Of each group in `facets` the listing has at least one. It starts at `starts_from` or later
    and before `starts_to`. It stands in `phase` at `now`.
    """

    now: datetime
    words: tuple[str, ...] = ()
    facets: tuple[tuple[str, ...], ...] = ()
    starts_from: datetime | None = None
    starts_to: datetime | None = None
    phase: Phase | None = None


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Ids of events that match, in order, and where to go on (None: that was all)."""

    event_ids: tuple[str, ...]
    next_cursor: str | None


class SearchIndex(Protocol):
    """Finds listings. What it names may be older than the last write: it nominates, and whoever shows an event reads it by key.

    Without words the order is by start, at equal starts by id. With words it is by relevance, in four runs: first what has
    every word in its name, of that what starts after `now` by start, then what has begun, the latest start first; after
    that the others, in the same two runs. `now` is that of the first page as long as its cursors are followed.
    """

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match, from `cursor` on. Raises BadCursor."""
        ...
