"""Use cases of accounts: sign up, log in and out, change an account, roles, API keys, the first admin."""

from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from argon2 import PasswordHasher

from ticketing.accounts.model import (
    FIRST_ADMIN_MARKER,
    ApiKey,
    ApiKeyWish,
    Principal,
    Session,
    User,
    UserType,
    UserWish,
    email_marker,
)
from ticketing.accounts.passwords import STANDARD, Passwords, common_passwords
from ticketing.accounts.permissions import Right, Unauthenticated, demand, demand_own
from ticketing.accounts.rules import (
    EmailTaken,
    LastAdmin,
    TooManyApiKeys,
    UsernameTaken,
    WrongCredentials,
    as_organizer,
    changed_user,
    leaves_no_admin,
    logged_out,
    marker_swap,
    markers_of,
    new_api_key,
    new_user,
    refuse_easy_password,
    refuse_taken,
    surplus_sessions,
    with_new_password,
    with_user_type,
)
from ticketing.accounts.store import (
    api_key_record,
    api_keys_pool,
    read_another_admin,
    read_api_key,
    read_markers,
    read_session,
    read_user,
    read_user_by_email,
    session_record,
    sessions_of_user,
    user_record,
)
from ticketing.base.bounds import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, SESSION_LASTS
from ticketing.base.changes import Change, Check, Give, Insert, Remove, Replace, Take
from ticketing.base.errors import ChangedMeanwhile, FieldError, Invalid, NotFound, Refusal
from ticketing.base.house import House, secret_hash
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.schema.tables import API_KEYS, SESSIONS, UNIQUES, USERS

ROUNDS_MAX: Final = 5
"""How often an action reads and decides anew before it says Busy: one user is not changed five times within a moment."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session that just began; its token is shown this once. `password_over` says that the user's password ended with it."""

    user: User
    session: Session
    token: str
    password_over: bool = False


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key that was just made; its token is shown this once."""

    key: ApiKey
    token: str


async def sign_up(
    house: House, passwords: Passwords, wish: UserWish, *, password: str, keep: Keep[User], now: datetime
) -> User:
    """A new regular user is stored. Raises Invalid for an easy password, EmailTaken, UsernameTaken, Busy."""
    refuse_easy_password(password, common=common_passwords(), email=wish.email, username=wish.username)
    names = markers_of(email=wish.email, username=wish.username)
    refuse_taken(await read_markers(house.store, names), email=wish.email, username=wish.username)
    hashed = await passwords.hashed(password)
    user = new_user(house.new_id("usr", now), wish, password=hashed, user_type=UserType.REGULAR, now=now)
    try:
        await commit_once(house, (*keep(user), *_taking(names, user.user_id), Insert(USERS, user_record(user))))
    except Conflict as conflict:
        raise _taken(conflict) from conflict
    return user


async def log_in(house: House, passwords: Passwords, *, email: str, password: str, now: datetime) -> LoggedIn:
    """A session of this user began. Raises WrongCredentials, Busy.

    The commit checks that the user is as read, so that no log-in with an old password outlives the change of it.
    """
    for _round in range(ROUNDS_MAX):
        user = await read_user_by_email(house.store, email)
        good = await passwords.matches(None if user is None else user.password, password)
        if user is None or user.password is None or not good:
            raise WrongCredentials
        secret = house.new_secret()
        session = Session(
            session_id=house.new_id("ses", now),
            user_id=user.user_id,
            secret_hash=secret_hash(secret),
            created_date_time=now,
            expires_at=now + SESSION_LASTS,
            login_generation=user.login_generation,
        )
        as_read: Change = Check(USERS, (user.user_id,), user.version)
        if passwords.is_outdated(user.password):
            as_read = Replace(USERS, user_record(replace(user, password=await passwords.hashed(password))))
        with suppress(Conflict):  # the user was changed meanwhile: read it again
            await house.store.commit((Insert(SESSIONS, session_record(session)), as_read))
            await _end_surplus_sessions(house, user, now=now)
            return LoggedIn(user, session, f"{session.session_id}.{secret}")
    raise Busy


async def log_out(house: House, who: Principal) -> None:
    """The session that this principal came with is over. Raises Unauthenticated, NotFound for an API key."""
    demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    assert who.session_id is not None
    for _round in range(ROUNDS_MAX):
        session = await read_session(house.store, who.session_id)
        if session is None:
            return
        with suppress(Conflict):  # the session was carried over a change of password: read it again
            await house.store.commit((Remove(SESSIONS, (session.session_id,), session.version),))
            return
    raise Busy


async def end_session(house: House, who: Principal, session_id: str) -> None:
    """One of the user's own sessions is over. Raises Unauthenticated, NotFound for an API key and for a session of another."""
    user = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    for _round in range(ROUNDS_MAX):
        session = await read_session(house.store, session_id)
        if session is None or session.user_id != user.user_id:
            raise NotFound
        with suppress(Conflict):  # as in `log_out`
            await house.store.commit((Remove(SESSIONS, (session_id,), session.version),))
            return
    raise Busy


async def log_out_everywhere(house: House, who: Principal) -> None:
    """Every session of the user is over, and every link that was mailed. Raises Unauthenticated, NotFound for an API key, Busy."""
    own = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    for _round in range(ROUNDS_MAX):
        user = await read_user(house.store, own.user_id)
        if user is None:
            raise NotFound
        with suppress(Conflict):  # the user was changed meanwhile: read it again
            await house.store.commit((Replace(USERS, user_record(logged_out(user))),))
            return
    raise Busy


async def change_account(house: House, user: User, wish: UserWish) -> User:
    """The user is described anew; address and name stay unique. `user` is as it was read.

    Raises EmailTaken, UsernameTaken, ChangedMeanwhile.
    """
    return await _store_account(house, user, changed_user(user, wish), wish, ())


async def change_account_and_password(
    house: House,
    passwords: Passwords,
    who: Principal,
    user: User,
    wish: UserWish,
    *,
    password: str,
    current_password: str,
    now: datetime,
) -> User:
    """The user is described anew with another password, and every other session is over.

    Raises Invalid for a wrong current or an easy new password, EmailTaken, UsernameTaken, ChangedMeanwhile, Busy.
    """
    if not await passwords.matches(user.password, current_password):
        raise Invalid(FieldError("/current_password", "wrong_password", "is not your password"))
    refuse_easy_password(password, common=common_passwords(), email=wish.email, username=wish.username)
    assert who.session_id is not None
    session = await read_session(house.store, who.session_id)
    if session is None:
        raise Unauthenticated
    changed = with_new_password(changed_user(user, wish), await passwords.hashed(password))
    carried_over = replace(session, login_generation=changed.login_generation)
    stored = await _store_account(house, user, changed, wish, (Replace(SESSIONS, session_record(carried_over)),))
    await _end_surplus_sessions(house, stored, now=now)
    return stored


async def _store_account(house: House, user: User, changed: User, wish: UserWish, along: tuple[Change, ...]) -> User:
    names = {
        *markers_of(email=user.email, username=user.username),
        *markers_of(email=wish.email, username=wish.username),
    }
    swap = marker_swap(user, wish, await read_markers(house.store, sorted(names)))
    try:
        await house.store.commit(
            (
                *_taking(swap.take, user.user_id),
                *(Remove(UNIQUES, (name,)) for name in swap.let_go),
                Replace(USERS, user_record(changed)),
                *along,
            )
        )
    except Conflict as conflict:
        raise _taken(conflict) from conflict
    return replace(changed, version=user.version + 1)


async def become_organizer(house: House, who: Principal, *, keep: Keep[User]) -> User:
    """The user is an organizer, or has asked to become one. Raises OrganizerSignupClosed, Unauthenticated, NotFound, Busy."""
    user: User | None = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    for _round in range(ROUNDS_MAX):
        if user is None:
            raise NotFound
        changed = as_organizer(user, signup=house.settings.organizer_signup)
        stored = replace(changed, version=user.version + 1)
        try:
            await commit_once(house, (*keep(stored), Replace(USERS, user_record(changed))))
        except Conflict:
            user = await read_user(house.store, user.user_id)
        else:
            return stored
    raise Busy


async def set_user_type(house: House, who: Principal, user: User, user_type: UserType) -> User:
    """The user has this type. `user` is as it was read.

    Raises Unauthenticated, NotFound for all but admins, Invalid for guests, LastAdmin, ChangedMeanwhile, Busy. That an admin
    remains is a condition of the commit: the admin who decides, or another one where that is the same person, is checked.
    """
    for _round in range(ROUNDS_MAX):
        admin = demand(await _as_of_now(house, who), Right.MANAGE_USERS)
        changed = with_user_type(user, user_type)
        another: User | None = admin
        if admin.user_id == user.user_id:
            another = await read_another_admin(house.store, besides=user.user_id)
            if leaves_no_admin(user, user_type, another=another):
                raise LastAdmin
        unchanged = () if another is None else (Check(USERS, (another.user_id,), another.version),)
        try:
            await house.store.commit((Replace(USERS, user_record(changed)), *unchanged))
        except Conflict as conflict:
            if conflict.change.key == (user.user_id,):
                raise ChangedMeanwhile from conflict
        else:
            return replace(changed, version=user.version + 1)
    raise Busy


async def _as_of_now(house: House, who: Principal) -> Principal:
    if who.user is None:
        return who
    user = await read_user(house.store, who.user.user_id)
    return replace(who, user=user)


async def create_api_key(
    house: House, who: Principal, wish: ApiKeyWish, *, keep: Keep[NewApiKey], now: datetime
) -> NewApiKey:
    """A new API key is stored. Raises Unauthenticated, NotFound for an API key, Invalid, TooManyApiKeys."""
    user = demand_own(who, Right.MANAGE_KEYS)
    secret = house.new_secret()
    key = new_api_key(house.new_id("tk", now), wish, user_id=user.user_id, secret_hash=secret_hash(secret), now=now)
    made = NewApiKey(key, f"{key.api_key_id}.{secret}")
    changes = (*keep(made), Take(api_keys_pool(user.user_id), 1), Insert(API_KEYS, api_key_record(key)))
    try:
        await commit_once(house, changes)
    except Conflict as conflict:
        raise TooManyApiKeys from conflict
    return made


async def delete_api_key(house: House, who: Principal, api_key_id: str) -> None:
    """The key is gone. Raises Unauthenticated, NotFound."""
    key = await read_api_key(house.store, api_key_id)
    demand(who, Right.MANAGE_KEYS, owner_user_id=None if key is None else key.user_id)
    if key is None:
        raise NotFound
    try:
        await house.store.commit((Remove(API_KEYS, (key.api_key_id,)), Give(api_keys_pool(key.user_id), 1)))
    except Conflict as conflict:  # it was deleted meanwhile
        raise NotFound from conflict


async def ensure_admin(
    house: House, *, email: str, password: str | None, now: datetime, hasher: PasswordHasher = STANDARD
) -> str | None:
    """There has been a first admin; its password where one was made up here, which is shown nowhere else, or else None.

    Processes that start at once make one admin between them. Raises Invalid for a `password` that is too short, too long or too
    common, EmailTaken where a user has this address already.
    """
    if await read_markers(house.store, (FIRST_ADMIN_MARKER,)):
        return None
    chosen = house.new_secret() if password is None else password
    if not PASSWORD_LENGTH_MIN <= len(chosen) <= PASSWORD_LENGTH_MAX:
        bounds = f"must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters"
        raise Invalid(FieldError("/password", "password_length", bounds))
    refuse_easy_password(chosen, common=common_passwords(), email=email, username=None)
    with closing(Passwords(hasher)) as passwords:
        hashed = await passwords.hashed(chosen)
    wish = UserWish(email=email, username=None, first_name="", last_name="", phone=None, address=None)
    admin = new_user(house.new_id("usr", now), wish, password=hashed, user_type=UserType.ADMIN, now=now)
    names = (FIRST_ADMIN_MARKER, email_marker(email))
    try:
        await house.store.commit((*_taking(names, admin.user_id), Insert(USERS, user_record(admin))))
    except Conflict as conflict:
        if await read_markers(house.store, (FIRST_ADMIN_MARKER,)):
            return None  # another process was first
        raise _taken(conflict) from conflict
    return chosen if password is None else None


def _taking(names: tuple[str, ...], user_id: str) -> tuple[Change, ...]:
    return tuple(Insert(UNIQUES, {"name": name, "target_id": user_id}) for name in names)


def _taken(conflict: Conflict) -> Refusal:
    """What a failed change of an account means to the user."""
    change = conflict.change
    if isinstance(change, Insert) and change.key[0].startswith("email#"):
        return EmailTaken()
    if isinstance(change, Insert) and change.key[0].startswith("username#"):
        return UsernameTaken()
    return ChangedMeanwhile()


async def _end_surplus_sessions(house: House, user: User, *, now: datetime) -> None:
    """Sessions that are over, and the oldest past the bound, are deleted, unless someone else is at it."""
    surplus = surplus_sessions(await sessions_of_user(house.store, user.user_id), user, now=now)
    if surplus:
        with suppress(Conflict, Busy):  # only tidying: the next log-in does what is left
            await house.store.commit(
                tuple(Remove(SESSIONS, (session.session_id,), session.version) for session in surplus)
            )
