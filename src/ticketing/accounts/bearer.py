"""Who asks: the bearer token of a request, told from its prefix and resolved to a principal."""

import hmac
from datetime import datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from ticketing.accounts.model import STRANGER, Principal
from ticketing.accounts.permissions import Unauthenticated
from ticketing.accounts.rules import is_over, session_stands
from ticketing.accounts.store import read_api_key, read_device, read_session, read_user
from ticketing.base.house import House, secret_hash
from ticketing.web.routing import house_of, now_of

TOKEN_LENGTH_MAX = 200


async def principal_of(house: House, authorization: str | None, *, now: datetime) -> Principal:
    """Who sends this `Authorization` header (None: a stranger). Raises Unauthenticated for a token that is not good."""
    if authorization is None:
        return STRANGER
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LENGTH_MAX:
        raise Unauthenticated
    if token.startswith("oat_"):
        return Principal(order_token=token)
    if token.startswith(("aat_", "tft_")):
        return Principal(ticket_token=token)
    name, _, secret = token.partition(".")
    hashed = secret_hash(secret)
    if token.startswith("ses_"):
        session = await read_session(house.store, name)
        if session is None or not hmac.compare_digest(session.secret_hash, hashed):
            raise Unauthenticated
        user = await read_user(house.store, session.user_id)
        if user is None or not session_stands(session, user, now=now):
            raise Unauthenticated
        return Principal(user=user, session_id=session.session_id)
    if token.startswith("tk_"):
        key = await read_api_key(house.store, name)
        if key is None or not hmac.compare_digest(key.secret_hash, hashed) or is_over(key.expires_at, now=now):
            raise Unauthenticated
        user = await read_user(house.store, key.user_id)
        if user is None:
            raise Unauthenticated
        return Principal(user=user, scopes=frozenset(key.scopes))
    if token.startswith("dev_"):
        device = await read_device(house.store, name)
        if device is None or not hmac.compare_digest(device.secret_hash, hashed) or is_over(device.expires_at, now=now):
            raise Unauthenticated
        return Principal(device=device)
    raise Unauthenticated


async def who_asks(request: Request) -> Principal:
    """The principal of a request, for routes."""
    return await principal_of(house_of(request), request.headers.get("authorization"), now=now_of(request))


Who = Annotated[Principal, Depends(who_asks)]
