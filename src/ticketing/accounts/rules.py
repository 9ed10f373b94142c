"""Who may have which account: what a user, a session and a key become, and the refusals on the way."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ticketing.accounts.model import (
    ApiKey,
    ApiKeyWish,
    Link,
    Purpose,
    Session,
    User,
    UserType,
    UserWish,
    email_marker,
    normal_email,
    username_marker,
)
from ticketing.base.bounds import LINK_LASTS, LINKS_AT_ONCE_MAX, SESSIONS_PER_USER_MAX
from ticketing.base.errors import FieldError, Invalid, Kind, Refusal


class EmailTaken(Refusal):
    """Another login has this e-mail address."""

    code = "email_taken"
    kind = Kind.CONFLICT
    title = "There is an account with this e-mail address. Log in, or use another address."


class UsernameTaken(Refusal):
    """Another login has this username."""

    code = "username_taken"
    kind = Kind.CONFLICT
    title = "Someone else has this username. Choose another."


class WrongCredentials(Refusal):
    """No login has this e-mail address and password; which of them is wrong is not told."""

    code = "wrong_credentials"
    kind = Kind.UNAUTHENTICATED
    title = "E-mail address or password is wrong."


class OrganizerSignupClosed(Refusal):
    """This house takes no new organizers."""

    code = "organizer_signup_closed"
    kind = Kind.CONFLICT
    title = "Here nobody becomes an organizer by asking. Write to those who run this site."


class LastAdmin(Refusal):
    """Without this admin there would be none."""

    code = "last_admin"
    kind = Kind.CONFLICT
    title = "This is the last admin. Make another user an admin first."


class TooManyApiKeys(Refusal):
    """The user has as many API keys as a user may have."""

    code = "too_many_api_keys"
    kind = Kind.CONFLICT
    title = "You have as many API keys as one user may have. Delete one that is no longer used."


class LinkOver(Refusal):
    """The link was used, ran out, was replaced, or was never given out: all look the same."""

    code = "link_over"
    kind = Kind.CONFLICT
    title = "This link is not good any more. Ask for a new one."


def new_user(user_id: str, wish: UserWish, *, password: str, user_type: UserType, now: datetime) -> User:
    """The user as it begins. `password` is the hash."""
    return User(
        user_id=user_id,
        username=wish.username,
        email=wish.email,
        password=password,
        first_name=wish.first_name,
        last_name=wish.last_name,
        phone=wish.phone,
        address=wish.address,
        user_type=user_type,
        organizer_requested=False,
        created_date_time=now,
        version=1,
    )


def changed_user(user: User, wish: UserWish) -> User:
    """The user described anew; its version is still the one that was read. Another address has still to be proven."""
    same_address = normal_email(wish.email) == normal_email(user.email)
    return replace(
        user,
        email_proven_at=user.email_proven_at if same_address else None,
        email=wish.email,
        username=wish.username,
        first_name=wish.first_name,
        last_name=wish.last_name,
        phone=wish.phone,
        address=wish.address,
    )


def as_described(user: User, **changes: str) -> UserWish:
    """What the user says now, but for these changes."""
    said = UserWish(
        email=user.email,
        username=user.username,
        first_name=user.first_name,
        last_name=user.last_name,
        phone=user.phone,
        address=user.address,
    )
    return replace(said, **changes)


def name_parts(name: str) -> tuple[str, str]:
    """First and last name of a name in one field: the last word is the last name, unless it is the only one."""
    first, _, last = name.rpartition(" ")
    return (first, last) if first else (last, "")


def with_new_password(user: User, password: str) -> User:
    """The user with another password, given as its hash; every session that began before is over."""
    return logged_out(replace(user, password=password))


def logged_out(user: User) -> User:
    """The user, of whom every session that began before is over, and every link that was mailed."""
    return replace(user, login_generation=user.login_generation + 1)


def markers_of(*, email: str, username: str | None) -> tuple[str, ...]:
    """The names in `uniques` that a login with this address and username holds."""
    return (email_marker(email),) if username is None else (email_marker(email), username_marker(username))


@dataclass(frozen=True, slots=True)
class MarkerSwap:
    """Which names in `uniques` a user lets go and which it takes."""

    let_go: tuple[str, ...]
    take: tuple[str, ...]


def marker_swap(user: User, wish: UserWish, held: Mapping[str, str]) -> MarkerSwap:
    """What changes in `uniques` when the user becomes as wished. Raises EmailTaken, UsernameTaken.

    `held` says whose the names of both are. What it says of others may be old: each name that is taken is an Insert.
    """
    refuse_taken(
        {name: owner for name, owner in held.items() if owner != user.user_id},
        email=wish.email,
        username=wish.username,
    )
    wished = markers_of(email=wish.email, username=wish.username)
    return MarkerSwap(
        let_go=tuple(name for name, owner in held.items() if owner == user.user_id and name not in wished),
        take=tuple(name for name in wished if name not in held),
    )


def refuse_taken(taken: Collection[str], *, email: str, username: str | None) -> None:
    """Nothing, where neither name is among those taken. Raises EmailTaken, UsernameTaken."""
    if email_marker(email) in taken:
        raise EmailTaken
    if username is not None and username_marker(username) in taken:
        raise UsernameTaken


def refuse_easy_password(password: str, *, common: Collection[str], email: str, username: str | None) -> None:
    """Nothing, unless the password is one of the commonest, or the user's own address or name. Raises Invalid."""
    folded = password.casefold()
    own = {normal_email(email), normal_email(email).partition("@")[0]} | ({username.casefold()} if username else set())
    if folded in common:
        raise Invalid(FieldError("/password", "password_too_common", "is one of the first that others would try"))
    if folded in own:
        raise Invalid(FieldError("/password", "password_too_common", "must not be your own address or name"))


def is_over(expires_at: datetime | None, *, now: datetime) -> bool:
    """Whether a time that ends something has come; None never comes."""
    return expires_at is not None and expires_at <= now


def session_stands(session: Session, user: User, *, now: datetime) -> bool:
    """Whether the session still logs its user in."""
    return not is_over(session.expires_at, now=now) and session.login_generation == user.login_generation


def surplus_sessions(sessions: Sequence[Session], user: User, *, now: datetime) -> list[Session]:
    """Those that are over, and the oldest of those past the bound. `sessions` are in order of their beginning."""
    over = [session for session in sessions if not session_stands(session, user, now=now)]
    standing = [session for session in sessions if session_stands(session, user, now=now)]
    return over + standing[: max(0, len(standing) - SESSIONS_PER_USER_MAX)]


def as_organizer(user: User, *, signup: Literal["open", "approval", "closed"]) -> User:
    """The user who asked to become an organizer: is one, or waits for an admin. Raises OrganizerSignupClosed."""
    if user.user_type is not UserType.REGULAR:
        return user
    match signup:
        case "open":
            return with_user_type(user, UserType.ORGANIZER)
        case "approval":
            return replace(user, organizer_requested=True)
        case "closed":
            raise OrganizerSignupClosed


def with_user_type(user: User, user_type: UserType) -> User:
    """The user with the type that an admin decided; a request to become an organizer is answered by it.

    Raises Invalid for a guest, who has no login, and for anyone who would become one.
    """
    if user.password is None or UserType.GUEST in (user.user_type, user_type):
        raise Invalid(FieldError("/user_type", "guest", "a guest has no login, and a login is no guest"))
    return replace(user, user_type=user_type, organizer_requested=False)


def leaves_no_admin(user: User, user_type: UserType, *, another: User | None) -> bool:
    """Whether this change takes the last admin away; `another` is an admin besides this user."""
    return user.user_type is UserType.ADMIN and user_type is not UserType.ADMIN and another is None


def new_api_key(api_key_id: str, wish: ApiKeyWish, *, user_id: str, secret_hash: str, now: datetime) -> ApiKey:
    """The key as it begins. Raises Invalid where it would be over at once."""
    if is_over(wish.expires_at, now=now):
        raise Invalid(FieldError("/expires_at", "in_the_past", "must lie in the future"))
    return ApiKey(
        api_key_id=api_key_id,
        user_id=user_id,
        name=wish.name,
        secret_hash=secret_hash,
        scopes=tuple(sorted(set(wish.scopes), key=lambda scope: scope.value)),
        created_date_time=now,
        expires_at=wish.expires_at,
    )


# links that are mailed -----------------------------------------------------------------------------------------------


def link_places(user_id: str, purpose: Purpose) -> tuple[str, ...]:
    """The ids that links of this purpose may have: as many as one user may have at once."""
    return tuple(f"{user_id}.{purpose.value}.{place}" for place in range(LINKS_AT_ONCE_MAX))


def new_link(link_id: str, user: User, purpose: Purpose, *, nonce: str, language: str, now: datetime) -> Link:
    """The link as it begins, good for this user as the user is now."""
    return Link(
        link_id=link_id,
        user_id=user.user_id,
        purpose=purpose,
        nonce=nonce,
        email=user.email,
        login_generation=user.login_generation,
        language=language,
        used=False,
        created_date_time=now,
        expires_at=now + LINK_LASTS,
    )


def link_stands(link: Link, user: User, *, now: datetime) -> bool:
    """Whether the link is still good: unused, in time, and its user has the same address and the same log-ins."""
    same_user = normal_email(link.email) == normal_email(user.email) and link.login_generation == user.login_generation
    return same_user and not link.used and not is_over(link.expires_at, now=now)


def proven(user: User, *, now: datetime) -> User:
    """The user who showed to read what is sent to the address; the first proof is the one that is noted."""
    return user if user.email_proven_at is not None else replace(user, email_proven_at=now)
