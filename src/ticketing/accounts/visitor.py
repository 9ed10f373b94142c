"""Who visits a page: the log-in that the browser's cookie holds. The API never looks at cookies, so that no foreign page can use it."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from ticketing.accounts.bearer import principal_of
from ticketing.accounts.model import STRANGER, Principal
from ticketing.accounts.permissions import Unauthenticated
from ticketing.web.routing import house_of, now_of
from ticketing.web.session import session_token


async def visitor_of(request: Request) -> Principal:
    """The user who is logged in with this browser; a stranger where nobody is, or no longer."""
    house = house_of(request)
    token = session_token(request, house.settings)
    if token is None or not token.startswith("ses_"):
        return STRANGER
    try:
        return await principal_of(house, f"Bearer {token}", now=now_of(request))
    except Unauthenticated:
        return STRANGER


Visitor = Annotated[Principal, Depends(visitor_of)]
"""The principal of a page."""
