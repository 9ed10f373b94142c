"""What every way into an account passes, on pages as over the API: the limits of log-ins and of links that are mailed."""

from datetime import datetime

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts import actions, links
from ticketing.accounts.actions import LoggedIn
from ticketing.accounts.model import Purpose, normal_email
from ticketing.accounts.passwords import Passwords
from ticketing.base.house import House
from ticketing.web.limits import LimitKind, address_of, limited, limiter_of


async def log_in(
    request: Request, house: House, passwords: Passwords, *, email: str, password: str, now: datetime
) -> LoggedIn:
    """As `actions.log_in`, for as many tries as the limits allow; one that succeeds is not counted. Raises TooManyRequests as well."""
    account, address = normal_email(email), address_of(request.scope)
    await limited(request, LimitKind.LOGIN_FROM_ADDRESS, key=address)
    await limited(request, LimitKind.LOGIN_OF_ACCOUNT, key=account)
    await limited(request, LimitKind.LOGIN_ANYWHERE, key="")
    begun = await actions.log_in(house, passwords, email=email, password=password, now=now)
    limiter = limiter_of(request)
    await limiter.forgive(LimitKind.LOGIN_FROM_ADDRESS, address)
    await limiter.forgive(LimitKind.LOGIN_OF_ACCOUNT, account)
    return begun


async def allow_link(request: Request, email: str) -> None:
    """Nothing, where one more link may be mailed to this address. Raises TooManyRequests."""
    await limited(request, LimitKind.LINK_FROM_ADDRESS)
    await limited(request, LimitKind.LINK_TO_RECIPIENT, key=normal_email(email))


def mail_link_after(
    response: Response, house: House, email: str, purpose: Purpose, *, language: str, now: datetime
) -> Response:
    """The answer, after which the link is mailed, if the address has an account: its time tells nothing."""
    response.background = BackgroundTask(links.ask_link, house, email, purpose, language=language, now=now)
    return response
