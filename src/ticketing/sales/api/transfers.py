"""The JSON routes by which somebody accepts or declines a ticket."""

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.bearer import Who
from ticketing.admission.actions import decline
from ticketing.admission.api import AdmissionShown, AttendeePatch, TransferShown
from ticketing.admission.model import Attendee
from ticketing.admission.queries import admission_view, transfer_view
from ticketing.admission.tokens import holder_token
from ticketing.base.house import House
from ticketing.sales import actions
from ticketing.sales.actions import HandedOver
from ticketing.web.bodies import Body
from ticketing.web.i18n import preferred
from ticketing.web.once import answer_once
from ticketing.web.replies import Answer
from ticketing.web.routing import Now, TheHouse, router

routes = router("admissions")
TOKEN_LENGTH_MAX = 200


class DeclineBody(Body):
    """The token of the offer, as the recipient got it by e-mail."""

    token: Annotated[str, Field(min_length=1, max_length=TOKEN_LENGTH_MAX)]


class AcceptBody(DeclineBody):
    """The token of the offer, and of the attendee what is not as it was offered."""

    attendee: AttendeePatch | None = None


class AcceptedShown(AdmissionShown):
    """The ticket, and the token that opens it from now on: this ticket alone, until it is handed over again."""

    access_token: str


@routes.post("/transfers/{transfer_id}/accept", response_model=AcceptedShown, summary="Accept a ticket")
async def post_accept(
    request: Request, transfer_id: str, body: AcceptBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """For whoever has the token of the offer; who is logged in has the ticket in the own account.

    The ticket has a new code from then on, and who gave it sees it no more. A refund still goes to who paid.
    """
    transfer = await actions.offered_transfer(house, who, transfer_id, body.token)
    changed = {} if body.attendee is None else body.attendee.model_dump(exclude_unset=True)
    holder: Attendee = replace(transfer.recipient, **changed)
    language = preferred(request.headers.get("accept-language", "")).language
    return await answer_once(
        request,
        house,
        scope=f"transfer {transfer_id}",
        act=lambda keep: actions.accept(house, who, transfer, holder=holder, language=language, keep=keep, now=now),
        render=lambda done: _accepted(house, done),
        now=now,
    )


@routes.post("/transfers/{transfer_id}/decline", response_model=TransferShown, summary="Decline a ticket")
async def post_decline(
    request: Request, transfer_id: str, body: DeclineBody, who: Who, house: TheHouse, now: Now
) -> Response:
    """For whoever has the token of the offer. The ticket stays where it is, and its holder hears of it."""
    transfer = await actions.offered_transfer(house, who, transfer_id, body.token)
    return await answer_once(
        request,
        house,
        scope=f"transfer {transfer_id}",
        act=lambda keep: decline(house, transfer, keep=keep, now=now),
        render=lambda ended: Answer(200, transfer_view(ended, now=now)),
        now=now,
    )


def _accepted(house: House, done: HandedOver) -> Answer:
    view = admission_view(house.keys, done.admission)
    view["access_token"] = holder_token(house.keys, done.transfer.transfer_id)
    return Answer(200, view, {"Cache-Control": "no-store"})
