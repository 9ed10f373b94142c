"""Cleaning of foreign text: what is kept, what is dropped, and how it is shortened."""

import hashlib
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from ticketing.base import bounds

LINK_LENGTH_MAX: Final = bounds.SHORT_TEXT_LENGTH_MAX
SOURCE_KEY_LENGTH_MAX: Final = 200

_JOINERS: Final = "\u200c\u200d"  # Persian and Hindi words and many emoji fall apart without them.
_DROPPED_KINDS: Final = frozenset({"Cc", "Cf", "Cs"})  # Control, format (bidirectional overrides too), lone surrogates.
_KEY_DIGEST_LENGTH: Final = 32


def one_line(raw: str) -> str:
    """The text on one line in Unicode's NFC, without control and invisible characters, each run of space a single one."""
    return " ".join(_visible(raw).split())


def many_lines(raw: str) -> str:
    """As `one_line`, line by line; of several empty lines one stays, none at the start or the end."""
    lines: list[str] = []
    for raw_line in raw.splitlines():
        line = one_line(raw_line)
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).rstrip("\n")


def shortened(text: str, *, length_max: int) -> str:
    """The text itself, or as many whole words of it as fit with an ellipsis into `length_max` characters."""
    if len(text) <= length_max:
        return text
    head = text[: length_max - 1]
    # A single overlong word is cut inside; otherwise the cut falls between words.
    kept = head.rsplit(None, 1)[0] if any(character.isspace() for character in head.strip()) else head
    return kept.rstrip(" \n,;:–-") + "…"


def web_link(raw: str) -> str | None:
    """The link, if it is an http or https URL with a host, without credentials or spaces, of at most 500 characters."""
    link = raw.strip()
    if len(link) > LINK_LENGTH_MAX or not link.isprintable() or " " in link:
        return None
    try:
        parts = urlsplit(link)
        host = parts.hostname
        _ = parts.port  # Raises ValueError for a port that is none.
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not host or "." not in host or "@" in parts.netloc:
        return None
    return link


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts in their order, without empty ones, each once: `Rust` and `rust` are the same."""
    found: dict[str, str] = {}
    for text in texts:
        if text:
            found.setdefault(text.casefold(), text)
    return tuple(found.values())


def source_key(*parts: str) -> str:
    """One key of several parts that neither case nor spacing changes; different parts never give the same key.

    A long key keeps its beginning and ends in a digest of the whole.
    """
    escaped = (one_line(part).casefold().replace("%", "%25").replace("/", "%2F") for part in parts)
    key = "/".join(escaped)
    if len(key) <= SOURCE_KEY_LENGTH_MAX:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:_KEY_DIGEST_LENGTH]
    return f"{key[: SOURCE_KEY_LENGTH_MAX - _KEY_DIGEST_LENGTH - 1]}#{digest}"


def _visible(raw: str) -> str:
    if raw.isascii() and raw.isprintable():
        return raw
    kept = (
        " " if character.isspace() else character
        for character in raw
        if character.isspace() or character in _JOINERS or unicodedata.category(character) not in _DROPPED_KINDS
    )
    return unicodedata.normalize("NFC", "".join(kept))
