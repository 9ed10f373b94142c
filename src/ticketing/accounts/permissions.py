"""The one permission table: who may do what to whose things. A missing right looks like a missing thing."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from ticketing.accounts.model import Principal, Scope, User, UserType
from ticketing.base.errors import Kind, NotFound, Refusal


class Unauthenticated(Refusal):
    """The request needs a login, or came with one that is wrong, revoked or over."""

    code = "unauthenticated"
    kind = Kind.UNAUTHENTICATED
    title = "Log in first: send `Authorization: Bearer` with a session token or an API key that is still good."


class Right(Enum):
    """Something that may be done."""

    READ_OWN_ACCOUNT = "read own account"
    CHANGE_OWN_ACCOUNT = "change own account"
    MANAGE_KEYS = "manage own API keys"
    MANAGE_USERS = "manage users"
    CREATE_VENUE = "create a venue"
    CHANGE_VENUE = "change a venue"
    MANAGE_CATEGORIES = "manage categories"
    CREATE_EVENT = "create an event"
    READ_EVENT_AS_ORGANIZER = "read an event's drafts"
    CHANGE_EVENT = "change an event"
    READ_ORDERS_OF_EVENT = "read an event's orders and attendees"
    CHANGE_ORDERS_OF_EVENT = "confirm, cancel and refund an event's orders"
    READ_OWN_ORDERS = "read own orders"
    CHANGE_OWN_ORDERS = "pay, extend and cancel own orders"
    CHECK_IN = "check in at an event"
    MANAGE_DEVICES = "manage an event's door devices"


@dataclass(frozen=True, slots=True)
class Grant:
    """Who has a right: users of these types, an API key with `scope` (None: no key at all), the owner alone or any.

    An admin may do whatever an owner may.
    """

    user_types: frozenset[UserType]
    scope: Scope | None
    owner_only: bool


_ANYONE: Final = frozenset({UserType.REGULAR, UserType.ORGANIZER, UserType.ADMIN})
_ORGANIZERS: Final = frozenset({UserType.ORGANIZER, UserType.ADMIN})
_ADMINS: Final = frozenset({UserType.ADMIN})

GRANTS: Final[dict[Right, Grant]] = {
    Right.READ_OWN_ACCOUNT: Grant(_ANYONE, Scope.READ, owner_only=True),
    Right.CHANGE_OWN_ACCOUNT: Grant(_ANYONE, None, owner_only=True),
    Right.MANAGE_KEYS: Grant(_ANYONE, None, owner_only=True),
    Right.MANAGE_USERS: Grant(_ADMINS, None, owner_only=False),
    Right.CREATE_VENUE: Grant(_ORGANIZERS, Scope.EVENTS, owner_only=False),
    Right.CHANGE_VENUE: Grant(_ORGANIZERS, Scope.EVENTS, owner_only=True),
    Right.MANAGE_CATEGORIES: Grant(_ADMINS, Scope.EVENTS, owner_only=False),
    Right.CREATE_EVENT: Grant(_ORGANIZERS, Scope.EVENTS, owner_only=False),
    Right.READ_EVENT_AS_ORGANIZER: Grant(_ORGANIZERS, Scope.READ, owner_only=True),
    Right.CHANGE_EVENT: Grant(_ORGANIZERS, Scope.EVENTS, owner_only=True),
    Right.READ_ORDERS_OF_EVENT: Grant(_ORGANIZERS, Scope.READ, owner_only=True),
    Right.CHANGE_ORDERS_OF_EVENT: Grant(_ORGANIZERS, Scope.ORDERS, owner_only=True),
    Right.READ_OWN_ORDERS: Grant(_ANYONE, Scope.READ, owner_only=True),
    Right.CHANGE_OWN_ORDERS: Grant(_ANYONE, Scope.ORDERS, owner_only=True),
    Right.CHECK_IN: Grant(_ORGANIZERS, Scope.CHECK_INS, owner_only=True),
    Right.MANAGE_DEVICES: Grant(_ORGANIZERS, None, owner_only=True),
}


def permits(principal: Principal, right: Right, *, owner_user_id: str | None = None) -> bool:
    """Whether this principal, as a user, has this right over a thing of this owner."""
    user = principal.user
    grant = GRANTS[right]
    if user is None or user.user_type not in grant.user_types:
        return False
    if principal.scopes is not None and (grant.scope is None or not _covers(principal.scopes, grant.scope)):
        return False
    return not grant.owner_only or owner_user_id == user.user_id or user.user_type is UserType.ADMIN


def _covers(scopes: frozenset[Scope], scope: Scope) -> bool:
    return scope in scopes


def demand(principal: Principal, right: Right, *, owner_user_id: str | None = None) -> User:
    """The user, who has this right. Raises Unauthenticated without credentials, NotFound without the right."""
    if principal.is_stranger:
        raise Unauthenticated
    if not permits(principal, right, owner_user_id=owner_user_id):
        raise NotFound
    assert principal.user is not None
    return principal.user


def demand_own(principal: Principal, right: Right) -> User:
    """The user who asks, who has this right over the own account and what belongs to it. Raises as `demand` does."""
    return demand(principal, right, owner_user_id=None if principal.user is None else principal.user.user_id)
