"""What a ticket's code says, who signed it, and the short code that people read out. Nothing here stores anything.

Layout, keys and their reasons: docs/decisions/0003-ticket-codes.md.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ticketing.base.ids import ALPHABET, from_int, to_int

MASTER_BYTES_MIN: Final = 32
"""The seed of an Ed25519 key has 32 bytes; a shorter master could not fill it with secrets."""
KID_FIRST: Final = 1
KID_MAX: Final = 65_535
GENERATION_MAX: Final = 65_535
"""Two bytes in the code: enough for a ticket that changes hands every day for 179 years."""
KEYS_KEPT_MAX: Final = 512
"""Derived keys that a signer keeps, under a kilobyte each: more events than are sold or entered at the same time."""

FORMAT: Final = 0b11010_001
"""The first byte of a code: five bits that read as the letter T, then version 1 in three bits."""
EVENT_MARK_BYTES: Final = 5
CODE_LENGTH: Final = 144
"""Characters of a code: 90 bytes in base32 leave no spare bit, so that every code has exactly one spelling."""
CODE_TEXT_LENGTH_MAX: Final = 160
"""A code and a little white space around it. Longer text is refused unread."""
HUMAN_CODE_TEXT_LENGTH_MAX: Final = 32
"""Twelve characters and whatever dashes and spaces a person puts between them."""

_WHITE_SPACE: Final = " \t\r\n"
_HEAD: Final = struct.Struct(f">BH{EVENT_MARK_BYTES}s16sH")
_LETTERS: Final = ALPHABET.upper()
_RFC_4648: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TO_LETTERS: Final = bytes.maketrans(_RFC_4648.encode(), _LETTERS.encode())
# The letters I, L, O and U are RFC 4648's but not Crockford's: everything foreign becomes "!", which no alphabet has.
_FROM_LETTERS: Final = bytes(
    ord(_RFC_4648[_LETTERS.index(chr(byte))]) if chr(byte) in _LETTERS else ord("!") for byte in range(256)
)
_MISREAD: Final = str.maketrans("OIL", "011", "- ")


class BadCode(Exception):
    """The text is not a code of this house: wrong length, alphabet or version. Nothing was verified."""


class BadSignature(Exception):
    """The text has the form of a code, but the key did not sign it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a code claims. Believe it only if `signature_holds`. Its repr cannot be made into a code again."""

    kid: int
    event_mark: bytes
    admission_id: str
    generation: int
    signature: bytes = field(repr=False)

    def is_for(self, event_id: str) -> bool:
        """Whether the code names this event: a claim like the rest, by 40 bits of a hash.

        A wrong event that passes here by chance still has another key, so the signature does not hold.
        """
        return self.event_mark == _event_mark(event_id)


@dataclass(frozen=True, slots=True)
class _Keys:
    private: Ed25519PrivateKey = field(repr=False)
    public_bytes: bytes


class Signer:
    """Makes codes. Every key follows from the master secret, the event and a key id, so that none is ever stored.

    Equal arguments give equal codes: a code may be computed whenever it is shown. Safe to share between threads.
    """

    __slots__ = ("_human_key", "_keys", "_master")

    def __init__(self, master: bytes) -> None:
        """Raises ValueError for a master secret of fewer than 32 bytes, which are to be random, not a phrase."""
        if len(master) < MASTER_BYTES_MIN:
            raise ValueError(f"the master secret needs at least {MASTER_BYTES_MIN} bytes")
        self._master = master
        self._human_key = _derived(master, b"human code")
        self._keys = lru_cache(maxsize=KEYS_KEPT_MAX)(self._derived_keys)

    def sign(self, *, event_id: str, admission_id: str, generation: int, kid: int = KID_FIRST) -> str:
        """The code of an admission: 144 upper-case characters. `generation` and `kid` are 0..65535."""
        head = _head(kid=kid, event_mark=_event_mark(event_id), admission_id=admission_id, generation=generation)
        signature = self._keys(event_id, kid).private.sign(head)
        return base64.b32encode(head + signature).translate(_TO_LETTERS).decode("ascii")

    def public_key(self, event_id: str, kid: int = KID_FIRST) -> bytes:
        """The 32 bytes with which a door checks the codes of one event and key id."""
        return self._keys(event_id, kid).public_bytes

    def human_code(self, admission_id: str, *, generation: int = 1) -> str:
        """`XXXX-XXXX-XXXX` for looking a ticket up by hand: 55 bits that only the master secret leads to, and a check.

        It is looked up in the store, never believed by itself, and whoever answers it limits the guesses. A new generation has
        another one: who handed the ticket over does not get in by reading the old one out.
        """
        named = _value("adm", admission_id)
        if generation > 1:
            named += generation.to_bytes(2, "big")
        digest = hmac.digest(self._human_key, named, "sha256")
        bits = int.from_bytes(digest[:7], "big") >> 1
        text = "".join(_LETTERS[bits >> shift & 31] for shift in range(50, -1, -5))
        return _grouped(text + _LETTERS[_remainder(text + "0")])

    def _derived_keys(self, event_id: str, kid: int) -> _Keys:
        info = b"ticket|" + _value("evt", event_id) + b"|" + kid.to_bytes(2, "big")
        private = Ed25519PrivateKey.from_private_bytes(_derived(self._master, info))
        return _Keys(private=private, public_bytes=private.public_key().public_bytes_raw())


def read(text: str) -> Parts:
    """What the code in `text` claims; lower case and white space around it are forgiven. Raises BadCode."""
    if len(text) > CODE_TEXT_LENGTH_MAX:
        raise BadCode("too long for a code")
    # Before upper(), which would turn some letters outside ASCII into letters of the alphabet.
    if not text.isascii():
        raise BadCode("a code has no such characters")
    letters = text.strip(_WHITE_SPACE).upper()
    if len(letters) != CODE_LENGTH:
        raise BadCode("a code has another length")
    try:
        content = base64.b32decode(letters.encode("ascii").translate(_FROM_LETTERS))
    except binascii.Error:
        raise BadCode("a code has no such characters") from None
    code_format, kid, event_mark, admission_value, generation = _HEAD.unpack_from(content)
    if code_format != FORMAT:
        raise BadCode("not a code of a known version")
    return Parts(
        kid=kid,
        event_mark=event_mark,
        admission_id=from_int("adm", int.from_bytes(admission_value, "big")),
        generation=generation,
        signature=content[_HEAD.size :],
    )


def signature_holds(parts: Parts, *, public_key: bytes) -> bool:
    """Whether the owner of `public_key` (32 bytes) signed exactly these parts."""
    head = _head(
        kid=parts.kid, event_mark=parts.event_mark, admission_id=parts.admission_id, generation=parts.generation
    )
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(parts.signature, head)
    except InvalidSignature:
        return False
    return True


def verify(text: str, *, public_key: bytes) -> Parts:
    """What the code says, and it is true. Raises BadCode, then BadSignature."""
    parts = read(text)
    if not signature_holds(parts, public_key=public_key):
        raise BadSignature
    return parts


def normalise_human_code(text: str) -> str | None:
    """`XXXX-XXXX-XXXX` from what a person typed: any case, dashes and spaces at will, O for 0, I and L for 1.

    None if it cannot be a human code. Any one wrong character and any two exchanged ones are noticed.
    """
    if len(text) > HUMAN_CODE_TEXT_LENGTH_MAX or not text.isascii():
        return None
    letters = text.upper().translate(_MISREAD)
    if len(letters) != 12 or not set(letters) <= set(_LETTERS) or _remainder(letters) != 0:
        return None
    return _grouped(letters)


def _remainder(letters: str) -> int:
    """The checksum over twelve characters, 0 if the last one is right.

    A sum in the field of 32 elements, each place weighted by its own power of x modulo x^5 + x^2 + 1: the weights
    differ, so no single change and no exchange cancels out. It starts from 1, so that twelve zeros are wrong.
    """
    remainder = 1
    for letter in letters:
        remainder <<= 1
        if remainder & 32:
            remainder ^= 0b100101
        remainder ^= _LETTERS.index(letter)
    return remainder


def _grouped(letters: str) -> str:
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def _head(*, kid: int, event_mark: bytes, admission_id: str, generation: int) -> bytes:
    assert 0 <= kid <= KID_MAX
    assert 0 <= generation <= GENERATION_MAX
    return _HEAD.pack(FORMAT, kid, event_mark, _value("adm", admission_id), generation)


def _event_mark(event_id: str) -> bytes:
    # A hash, because the bytes of an id alone need not differ: two made in one millisecond share their beginning.
    return hashlib.sha256(_value("evt", event_id)).digest()[:EVENT_MARK_BYTES]


def _value(prefix: str, identifier: str) -> bytes:
    assert identifier.startswith(prefix + "_")
    return to_int(identifier).to_bytes(16, "big")


def _derived(master: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(master)
