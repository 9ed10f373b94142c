"""Who visits a page: the log-in that the browser's cookie holds. The API never looks at cookies, so that no foreign page can use it."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import principal_of
from ticketing.accounts.model import STRANGER, Principal
from ticketing.accounts.permissions import Unauthenticated
from ticketing.base.house import House
from ticketing.web.forms import see
from ticketing.web.render import name_visitor
from ticketing.web.routing import house_of, now_of
from ticketing.web.session import session_token


async def visitor_of(request: Request) -> Principal:
    """The user who is logged in with this browser; a stranger where nobody is, or no longer."""
    who = await _visitor_of(request)
    user = who.user
    name_visitor(request, None if user is None else user.first_name or user.email.partition("@")[0])
    return who


async def _visitor_of(request: Request) -> Principal:
    house = house_of(request)
    token = session_token(request, house.settings)
    if token is None or not token.startswith("ses_"):
        return STRANGER
    try:
        return await principal_of(house, f"Bearer {token}", now=now_of(request))
    except Unauthenticated:
        return STRANGER


def to_login(house: House, path: str) -> Response:
    """A redirect to the log-in, and from there back to this path of ours."""
    return see(house, f"/login?{urlencode({'next': path})}")


Visitor = Annotated[Principal, Depends(visitor_of)]
"""The principal of a page."""
