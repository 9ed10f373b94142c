"""Answers of the door under seal: they may hold a name, and are kept as long as the check-in."""

from base64 import b64decode, b64encode
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ticketing.base.house import House

NONCE_BYTES: Final = 12


def sealed(house: House, content: bytes, *, name: str) -> str:
    """The content encrypted; it opens only under the same name."""
    nonce = house.entropy.bits(8 * NONCE_BYTES).to_bytes(NONCE_BYTES, "big")
    return b64encode(nonce + _seal(house).encrypt(nonce, content, name.encode())).decode()


def opened(house: House, text: str, *, name: str) -> bytes:
    """The content that `sealed` encrypted under this name."""
    content = b64decode(text)
    return _seal(house).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], name.encode())


def _seal(house: House) -> AESGCM:
    return AESGCM(house.keys.derive("check-in answers"))
