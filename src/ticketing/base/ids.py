"""Identifiers: a short prefix and a 128-bit value that sorts by the time it was made."""

from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base32 in lower case: no i, l, o or u, so that nothing is misread."""

VALUE_LENGTH: Final = 26
ENTROPY_BITS: Final = 80

_PAIRS: Final = tuple(high + low for high in ALPHABET for low in ALPHABET)
_DIGITS: Final = {letter: digit for digit, letter in enumerate(ALPHABET)}


def from_int(prefix: str, value: int) -> str:
    """The id of a 128-bit `value`: prefix, underscore, 26 characters of base32, most significant first."""
    assert 0 <= value < 1 << 128
    pairs = _PAIRS
    return (
        f"{prefix}_{pairs[value >> 120 & 1023]}{pairs[value >> 110 & 1023]}{pairs[value >> 100 & 1023]}"
        f"{pairs[value >> 90 & 1023]}{pairs[value >> 80 & 1023]}{pairs[value >> 70 & 1023]}{pairs[value >> 60 & 1023]}"
        f"{pairs[value >> 50 & 1023]}{pairs[value >> 40 & 1023]}{pairs[value >> 30 & 1023]}{pairs[value >> 20 & 1023]}"
        f"{pairs[value >> 10 & 1023]}{pairs[value & 1023]}"
    )


def to_int(identifier: str) -> int:
    """The 128-bit value of an id. Raises ValueError for anything that `from_int` cannot have made."""
    _prefix, separator, text = identifier.partition("_")
    if not separator or len(text) != VALUE_LENGTH:
        raise ValueError("not an id")
    value = 0
    for letter in text:
        digit = _DIGITS.get(letter)
        if digit is None:
            raise ValueError("not an id")
        value = value << 5 | digit
    if value >> 128:
        raise ValueError("not an id")
    return value


def new_id(prefix: str, *, now_ms: int, entropy: int) -> str:
    """An id that sorts by `now_ms` (Unix milliseconds, 48 bits) and then by `entropy` (80 random bits)."""
    return from_int(prefix, (now_ms & (1 << 48) - 1) << ENTROPY_BITS | entropy & (1 << ENTROPY_BITS) - 1)


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` is an id with this prefix, well formed."""
    if not text.startswith(prefix + "_"):
        return False
    try:
        to_int(text)
    except ValueError:
        return False
    return True


def order_code(order_id: str) -> str:
    """The short code that people read out for an order, `XXXX-XXXX-XXXX`: the last 60 random bits of its id."""
    tail = order_id[-12:].upper()
    return f"{tail[:4]}-{tail[4:8]}-{tail[8:]}"
