"""The outbox: mails that wait, as their readers would see them. What takes the place of a mail server while there is none."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.model import UserType
from ticketing.accounts.permissions import Right, permits
from ticketing.accounts.store import read_user_by_email
from ticketing.accounts.visitor import Visitor
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.notify.letters import Letters, NotNews
from ticketing.notify.model import Delivery
from ticketing.notify.store import latest_deliveries, read_delivery
from ticketing.web.headers import STRICT, secured
from ticketing.web.render import HTML, page
from ticketing.web.routing import Now, TheHouse

routes = APIRouter(include_in_schema=False)

MAILS_SHOWN = 50
MAIL_POLICY = STRICT.replace("frame-ancestors 'none'", "frame-ancestors 'self'") + "; style-src 'unsafe-inline'"
"""A mail brings its styles with it, as mail programs want it."""


@routes.get("/outbox")
async def get_outbox(request: Request, who: Visitor, house: TheHouse) -> Response:
    """The mails that wait, the newest first. For anyone in test mode without a mail server, where nothing is earnest; else for admins."""
    is_admin = permits(who, Right.MANAGE_USERS)
    if not (is_admin or _is_for_anyone(house)):
        raise NotFound
    found = await latest_deliveries(house.store, limit=MAILS_SHOWN)
    return page(
        request,
        "notify/outbox.html",
        settings=house.settings,
        personal=True,
        mails=[delivery for delivery in found if is_admin or await _may_be_read(house, delivery)],
        sends_mail=house.settings.sends_mail,
    )


@routes.get("/outbox/{delivery_id}")
async def get_mail(
    request: Request, delivery_id: str, who: Visitor, house: TheHouse, now: Now, text: str = ""
) -> Response:
    """One mail as its reader sees it, or with `?text=1` as plain text."""
    delivery = await read_delivery(house.store, delivery_id)
    is_admin = permits(who, Right.MANAGE_USERS)
    if delivery is None or not (is_admin or (_is_for_anyone(house) and await _may_be_read(house, delivery))):
        raise NotFound
    if is_admin and not _is_for_anyone(house) and delivery.kind.is_of_account:
        raise NotFound  # an admin may help people, and not be them
    letters: Letters = request.app.state.letters
    try:
        written = await letters.preview(delivery, now=now)
    except NotNews as why:
        raise NotFound from why
    if text:
        response = Response(written.text, headers={"Cache-Control": "private, no-store"}, media_type="text/plain")
        return secured(response)
    response = Response(written.html, headers={"Cache-Control": "private, no-store"}, media_type=HTML)
    secured(response, policy=MAIL_POLICY)
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"  # the addresses in it are as good as log-ins
    return response


def _is_for_anyone(house: House) -> bool:
    return house.settings.test_mode and not house.settings.sends_mail


async def _may_be_read(house: House, delivery: Delivery) -> bool:
    """Whether anyone may read it in test mode: all but what would let them in as an organizer or admin."""
    if not delivery.kind.is_of_account:
        return True
    user = await read_user_by_email(house.store, delivery.recipient)
    return user is not None and user.user_type is UserType.REGULAR
