"""Use cases of mailed links: log in without a password, choose a new one, show that an address is one's own.

A link's secret is made of a stored nonce and the master key, as an order's token is: who reads the database can use no link. What is
answered to who asks for one is the same whether the address has an account.

Whoever signs up with a stranger's address must not keep a door into the account: the first proof that comes by mail ends all sessions
and keys, and a password that was set before it (`log_in_by_link`, `reset_password`). Showing that the address is one's own
from within the account needs both, the log-in and the mail.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from ticketing.accounts.actions import ROUNDS_MAX, LoggedIn, sign_up
from ticketing.accounts.model import Link, Principal, Purpose, Session, User, UserWish
from ticketing.accounts.passwords import Passwords, common_passwords
from ticketing.accounts.permissions import Right, demand_own
from ticketing.accounts.rules import (
    EmailTaken,
    LinkOver,
    link_places,
    link_stands,
    new_link,
    proven,
    refuse_easy_password,
    with_new_password,
)
from ticketing.accounts.store import (
    api_keys_of_user,
    link_record,
    read_link,
    read_links,
    read_user,
    read_user_by_email,
    session_record,
    user_record,
)
from ticketing.base.bounds import SESSION_LASTS
from ticketing.base.changes import Change, Check, Claim, Insert, Remove, Replace
from ticketing.base.house import House, Keys, secret_hash
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.schema.facts import happened
from ticketing.schema.tables import API_KEYS, LINKS, SESSIONS, USERS

TOKEN_LENGTH_MAX: Final = 200
_PREFIX: Final = "lnk_"
LINK_PATHS: Final = {Purpose.LOGIN: "/login/link", Purpose.RESET: "/login/reset", Purpose.VERIFY: "/account/verify"}
"""The page to which a mailed link of each purpose leads."""


def link_token(keys: Keys, link: Link) -> str:
    """What the link carries: 264 bits that nobody without the master key can make."""
    said = f"{link.link_id}\n{link.nonce}".encode()
    digest = hashlib.blake2b(said, digest_size=33, key=keys.derive("mailed links")).digest()
    return f"{_PREFIX}{link.link_id}.{urlsafe_b64encode(digest).decode()}"


async def ask_link(house: House, email: str, purpose: Purpose, *, language: str, now: datetime) -> None:
    """A link is on its way to this address, if a login has it; unless as many were asked for as a user may have at once.

    Nobody hears which of these it was.
    """
    user = await read_user_by_email(house.store, email)
    if user is None or user.password is None:
        return
    places = link_places(user.user_id, purpose)
    for _round in range(ROUNDS_MAX):
        taken = await read_links(house.store, places)
        free = next((name for name in places if name not in taken or taken[name].expires_at <= now), None)
        if free is None:
            return
        link = new_link(free, user, purpose, nonce=house.new_id("lnk", now), language=language, now=now)
        told = happened(
            house,
            f"account.{purpose.value}_link_wanted",
            whose=user.user_id,
            event_id=None,
            subject_id=link.link_id,
            now=now,
            nonce=link.nonce,
        )
        with suppress(Conflict):  # somebody took the place: look for another
            await house.store.commit((Claim(LINKS, link_record(link), now), *told))
            return


async def sign_up_by_mail(
    house: House,
    passwords: Passwords,
    wish: UserWish,
    *,
    password: str,
    language: str,
    keep: Keep[None],
    now: datetime,
) -> None:
    """There is an account with this address, and a mail on its way to it: how to prove the address, or how to log in where there was one.

    Who asks hears the same in both cases, after the same work. Raises Invalid for an easy password, Busy.
    """
    refuse_easy_password(password, common=common_passwords(), email=wish.email, username=wish.username)
    purpose = Purpose.VERIFY
    try:
        await sign_up(house, passwords, wish, password=password, keep=lambda _: keep(None), now=now)
    except EmailTaken:
        purpose = Purpose.LOGIN
        await passwords.hashed(password)
        await commit_once(house, keep(None))
    await ask_link(house, wish.email, purpose, language=language, now=now)


async def log_in_by_link(house: House, passwords: Passwords, token: str, *, now: datetime) -> LoggedIn:
    """A session of the link's user began, and the link is used. Raises LinkOver, Busy."""
    for _round in range(ROUNDS_MAX):
        link, user = await _good(house, token, Purpose.LOGIN, now=now)
        changed = proven(user, now=now)
        if user.email_proven_at is None:
            changed = with_new_password(changed, await passwords.hashed(house.new_secret()))
        secret = house.new_secret()
        session = Session(
            session_id=house.new_id("ses", now),
            user_id=user.user_id,
            secret_hash=secret_hash(secret),
            created_date_time=now,
            expires_at=now + SESSION_LASTS,
            login_generation=changed.login_generation,
        )
        with suppress(Conflict):  # the user was changed or the link used meanwhile: read both again
            begun = Insert(SESSIONS, session_record(session))
            await house.store.commit((_used(link), begun, *await _taken_over(house, user, changed)))
            over = changed.password != user.password
            return LoggedIn(changed, session, f"{session.session_id}.{secret}", password_over=over)
    raise Busy


async def reset_password(house: House, passwords: Passwords, token: str, *, password: str, now: datetime) -> None:
    """The link's user has this password, every session is over, and the link is used. Raises LinkOver, Invalid, Busy."""
    hashed: str | None = None
    for _round in range(ROUNDS_MAX):
        link, user = await _good(house, token, Purpose.RESET, now=now)
        refuse_easy_password(password, common=common_passwords(), email=user.email, username=user.username)
        hashed = hashed or await passwords.hashed(password)
        changed = with_new_password(proven(user, now=now), hashed)
        with suppress(Conflict):
            await house.store.commit((_used(link), *await _taken_over(house, user, changed)))
            return
    raise Busy


async def verify_email(house: House, who: Principal, token: str, *, now: datetime) -> User:
    """The address of who asks is proven, and the link is used. Raises Unauthenticated, NotFound for an API key, LinkOver, Busy.

    The link must be this user's own: who follows one in a stranger's mail proves nothing for the stranger.
    """
    own = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    for _round in range(ROUNDS_MAX):
        link, user = await _good(house, token, Purpose.VERIFY, now=now)
        if user.user_id != own.user_id:
            raise LinkOver
        changed = proven(user, now=now)
        with suppress(Conflict):
            await house.store.commit((_used(link), _stored(user, changed)))
            return changed if changed is user else replace(changed, version=user.version + 1)
    raise Busy


async def _good(house: House, token: str, purpose: Purpose, *, now: datetime) -> tuple[Link, User]:
    """The link of this token and its user, both as they are now. Raises LinkOver."""
    link_id = token.removeprefix(_PREFIX).rpartition(".")[0]
    if not token.startswith(_PREFIX) or not link_id or len(token) > TOKEN_LENGTH_MAX:
        raise LinkOver
    link = await read_link(house.store, link_id)
    if link is None or link.purpose is not purpose:
        raise LinkOver
    if not hmac.compare_digest(link_token(house.keys, link).encode(), token.encode()):
        raise LinkOver
    user = await read_user(house.store, link.user_id)
    if user is None or not link_stands(link, user, now=now):
        raise LinkOver
    return link, user


def _used(link: Link) -> Change:
    return Replace(LINKS, link_record(replace(link, used=True)))


def _stored(user: User, changed: User) -> Change:
    """The change that stores the user, or that holds only while the user is as read."""
    if changed is user:
        return Check(USERS, (user.user_id,), user.version)
    return Replace(USERS, user_record(changed))


async def _taken_over(house: House, user: User, changed: User) -> tuple[Change, ...]:
    """The changes that store the user. The API keys go where nobody had proven the address before: a stranger may have made them."""
    keys = await api_keys_of_user(house.store, user.user_id) if user.email_proven_at is None else []
    if not keys:
        return (_stored(user, changed),)
    replaced = Replace(USERS, user_record(changed), pools={"api_keys_available": len(keys)})
    return (replaced, *(Remove(API_KEYS, (key.api_key_id,)) for key in keys))
