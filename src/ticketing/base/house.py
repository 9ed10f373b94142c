"""What every action is given: the store, the search, the clock, entropy, keys and settings. Nothing reaches for a global."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal, Protocol

from ticketing.base.ids import new_id
from ticketing.base.search import SearchIndex
from ticketing.base.store import Store
from ticketing.base.times import milliseconds


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """This moment, aware, in UTC."""
        ...


class Entropy(Protocol):
    """Gives unpredictable bits."""

    def bits(self, count: int) -> int:
        """A uniform integer of `count` bits from a cryptographic source."""
        ...


class Keys:
    """Keys for single purposes, derived from the one master secret; nothing derived is ever stored."""

    def __init__(self, master: bytes) -> None:
        assert len(master) >= 32
        self.master = master
        self._order_key = self.derive("order access")

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose (HKDF-SHA256 of RFC 5869 with one block)."""
        return _derived(self.master, purpose)

    def order_token(self, order_id: str) -> str:
        """The access token of an order: whoever has it is the order's owner. 264 bits, which base64 takes whole; never stored."""
        digest = hashlib.blake2b(order_id.encode(), digest_size=33, key=self._order_key).digest()
        return "oat_" + urlsafe_b64encode(digest).decode()

    def is_order_token(self, token: str, order_id: str) -> bool:
        """Whether `token` is the access token of this order, told in constant time."""
        return hmac.compare_digest(self.order_token(order_id).encode(), token.encode())


@lru_cache(maxsize=64)
def _derived(master: bytes, purpose: str) -> bytes:
    extracted = hmac.digest(b"ticket", master, "sha256")
    return hmac.digest(extracted, purpose.encode() + b"\x01", "sha256")


def secret_hash(secret: str) -> str:
    """How a random secret of at least 128 bits is stored: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings that actions and pages go by (`entry/config.py` reads them; documented in `docs/settings.md`)."""

    base_url: str = "http://127.0.0.1:8000"
    root_path: str = ""
    test_mode: bool = False
    hold_seconds: int = 900
    transfer_hold_seconds: int = 5 * 24 * 3600
    organizer_signup: Literal["open", "approval", "closed"] = "open"
    rate_limits: bool = True
    shared_limits: bool = False
    sends_mail: bool = False
    """Whether there is a mail server. Without one, mails wait in the outbox."""


@dataclass(frozen=True, slots=True)
class House:
    """The tools that actions work with."""

    store: Store
    search: SearchIndex
    clock: Clock
    entropy: Entropy
    keys: Keys
    settings: Settings

    def new_id(self, prefix: str, now: datetime) -> str:
        """A new id that sorts by `now`."""
        return new_id(prefix, now_ms=milliseconds(now), entropy=self.entropy.bits(80))

    def new_secret(self) -> str:
        """A new random secret of 256 bits, in 43 characters that need no quoting anywhere."""
        return urlsafe_b64encode(self.entropy.bits(256).to_bytes(32, "big")).rstrip(b"=").decode()
