"""People and what they come with: users, sessions, API keys, door devices, and the principal of a request."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class UserType(Enum):
    """What a user may be. A guest bought without a login."""

    GUEST = "guest"
    REGULAR = "regular"
    ORGANIZER = "organizer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """A person. `password` is an argon2id hash, None for a guest; a session of an older `login_generation` is over.

    `email_proven_at` is when the user first showed to read what is sent to the present address.
    """

    user_id: str
    username: str | None
    email: str
    password: str | None
    first_name: str
    last_name: str
    phone: str | None
    address: str | None
    user_type: UserType
    organizer_requested: bool
    created_date_time: datetime
    version: int
    login_generation: int = 1
    email_proven_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserWish:
    """What people say of themselves; the password travels apart."""

    email: str
    username: str | None
    first_name: str
    last_name: str
    phone: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Session:
    """A log-in; its token is `ses_<id>.<secret>`, of which only a hash is stored."""

    session_id: str
    user_id: str
    secret_hash: str
    created_date_time: datetime
    expires_at: datetime
    login_generation: int = 1
    version: int = 1


class Purpose(Enum):
    """What a mailed link is for."""

    LOGIN = "login"
    RESET = "reset"
    VERIFY = "verify"


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is mailed and good for one use. Its secret is made of `nonce` and the master key, and stored nowhere."""

    link_id: str
    user_id: str
    purpose: Purpose
    nonce: str
    email: str
    login_generation: int
    language: str
    used: bool
    created_date_time: datetime
    expires_at: datetime
    version: int = 1


class Scope(Enum):
    """What an API key may be used for."""

    READ = "read"
    EVENTS = "events"
    ORDERS = "orders"
    CHECK_INS = "check_ins"


@dataclass(frozen=True, slots=True)
class ApiKeyWish:
    """What a user wants of a new API key. Without `expires_at` it is good until it is deleted."""

    name: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a user for programs; its token is `tk_<id>.<secret>`, of which only a hash is stored."""

    api_key_id: str
    user_id: str
    name: str
    secret_hash: str
    scopes: tuple[Scope, ...]
    created_date_time: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Device:
    """A scanner at one event's door; its token is `dev_<id>.<secret>`, of which only a hash is stored."""

    device_id: str
    event_id: str
    name: str
    secret_hash: str
    created_date_time: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. At most one of `user`, `device`, `order_token` and `ticket_token` is set; none of them is a stranger.

    `ticket_token` is of one ticket that was handed over, or that is offered: `admission/tokens.py` tells which.

    `scopes` limits a user who comes with an API key; None is a person with a session, who may do all that the user may.
    """

    user: User | None = None
    scopes: frozenset[Scope] | None = None
    session_id: str | None = None
    device: Device | None = None
    order_token: str | None = None
    ticket_token: str | None = None

    @property
    def is_stranger(self) -> bool:
        """Whether the request came without credentials."""
        return self.user is None and self.device is None and self.order_token is None and self.ticket_token is None

    @property
    def idempotency_scope(self) -> str:
        """Whose idempotency keys these are."""
        if self.user is not None:
            return self.user.user_id
        if self.device is not None:
            return self.device.device_id
        return "stranger"


STRANGER = Principal()


def normal_email(email: str) -> str:
    """The form in which e-mail addresses are compared: lower case."""
    return email.strip().lower()


def normal_username(username: str) -> str:
    """The form in which usernames are compared: neither case nor the width or style of a letter matters."""
    return unicodedata.normalize("NFKC", username).casefold()


def email_marker(email: str) -> str:
    """The name in `uniques` that makes an e-mail address belong to one login."""
    return f"email#{normal_email(email)}"


def username_marker(username: str) -> str:
    """The name in `uniques` that makes a username belong to one login."""
    return f"username#{normal_username(username)}"


FIRST_ADMIN_MARKER = "first_admin"
"""The name in `uniques` that makes the first admin one, however many processes start at once."""
