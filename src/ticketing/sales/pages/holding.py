"""Tickets in somebody's hands, on an order's page and on that of who was given one: what is shown, and what the holder does with them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal, TypeVar

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.model import Principal
from ticketing.accounts.rules import name_parts
from ticketing.admission import actions
from ticketing.admission.api import limit_offers
from ticketing.admission.model import Admission, AdmissionStatus, Attendee, Transfer
from ticketing.admission.qr import qr_svg
from ticketing.admission.queries import handed_to
from ticketing.admission.rules import refuse_transfer
from ticketing.admission.signing import code_of
from ticketing.admission.store import read_transfer
from ticketing.base.errors import Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep
from ticketing.events.model import Event
from ticketing.web import forms
from ticketing.web.bodies import Email, Name
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm, Entry, Filled, Form
from ticketing.web.i18n import N_

F = TypeVar("F", bound=Form)

RENAMED: Final = declare_flash("ticket_renamed", N_("The ticket has its new name."))
OFFERED: Final = declare_flash(
    "ticket_offered", N_("The ticket is offered. It stays yours until the offer is accepted.")
)
WITHDRAWN: Final = declare_flash("offer_withdrawn", N_("The offer is withdrawn. The ticket is yours as before."))


class HolderForm(Form):
    """Who comes with a ticket, or is to have it."""

    name: Annotated[Name, Entry(label=N_("Name"), autocomplete="off", messages={"missing": N_("Enter the name.")})]
    email: Annotated[
        Email,
        Entry(
            label=N_("E-mail"),
            kind="email",
            autocomplete="off",
            messages={"missing": N_("Enter the e-mail address.")},
        ),
    ]

    def attendee(self) -> Attendee:
        """The person."""
        first, last = name_parts(self.name)
        return Attendee(self.email, first, last)


def full_name(person: Attendee) -> str:
    """First and last name, as far as they are known."""
    return f"{person.first_name} {person.last_name}".strip()


@dataclass(frozen=True, slots=True)
class Wrong:
    """A form of a ticket that was sent with something wrong in it: that of its name, or that which gives it to somebody."""

    admission_id: str
    what: Literal["name", "give"]
    form: Filled[HolderForm]


@dataclass(frozen=True, slots=True)
class Ticket:
    """An admission as a ticket: its symbol (None where it is void or somebody else's), and the forms that change whose it is.

    A form is None where it could not take effect. `offer` is the one that is open; `given_to` is the name of who accepted it.
    """

    admission: Admission
    ticket_type: str
    symbol: Markup | None
    rename: Filled[HolderForm] | None
    give: Filled[HolderForm] | None
    offer: Transfer | None
    given_to: str
    holder: str
    """The name on it, as far as it is this page's business: who got it from here, and not to whom it went on after that."""

    @property
    def offered_to(self) -> str:
        """Who may accept it, by name and address."""
        if self.offer is None:
            return ""
        name = full_name(self.offer.recipient)
        return f"{name} ({self.offer.recipient.email})" if name else self.offer.recipient.email


@dataclass(frozen=True, slots=True)
class Holding:
    """Whose tickets a page shows: who holds its address, at which path it stands, and by which transfer they have them."""

    house: House
    who: Principal
    path: str
    held_by: str | None

    async def tickets(
        self,
        request: Request,
        admissions: Sequence[Admission],
        event: Event,
        names: Mapping[str, str],
        *,
        own: frozenset[str],
        wrong: Wrong | None,
        now: datetime,
    ) -> tuple[Ticket, ...]:
        """These admissions of one event as tickets. `names` are of ticket types; of those not in `own` no code is shown."""
        return tuple(
            [
                await self._ticket(request, each, event, names, is_own=each.admission_id in own, wrong=wrong, now=now)
                for each in admissions
            ]
        )

    async def _ticket(
        self,
        request: Request,
        admission: Admission,
        event: Event,
        names: Mapping[str, str],
        *,
        is_own: bool,
        wrong: Wrong | None,
        now: datetime,
    ) -> Ticket:
        store = self.house.store
        code = code_of(self.house.keys, admission) if is_own else None
        offered = None if admission.offer_id is None or not is_own else await read_transfer(store, admission.offer_id)
        offer = offered if offered is not None and offered.is_open(now=now) else None
        went = None if is_own else await handed_to(store, admission, held_by=self.held_by)
        is_good = admission.status is AdmissionStatus.VALID and is_own
        attendee = admission.attendee
        typed = {"name": full_name(attendee), "email": attendee.email}
        return Ticket(
            admission,
            names.get(admission.ticket_type_id, ""),
            symbol=None if code is None else Markup(qr_svg(code, title=admission.human_code)),  # noqa: S704 - drawn here, the title is escaped
            rename=self._form(request, admission, "name", wrong, now=now, **typed) if is_good else None,
            give=self._form(request, admission, "give", wrong, now=now)
            if is_good and offer is None and _may_change_hands(admission, event, now=now)
            else None,
            offer=offer,
            given_to="" if went is None else full_name(went),
            holder=full_name(attendee) if is_own else "" if went is None else full_name(went),
        )

    def _form(
        self, request: Request, admission: Admission, what: str, wrong: Wrong | None, *, now: datetime, **typed: str
    ) -> Filled[HolderForm]:
        if wrong is not None and (wrong.admission_id, wrong.what) == (admission.admission_id, what):
            return wrong.form
        return forms.blank(request, self.house, HolderForm, now=now, **typed)

    async def rename(self, request: Request, admission_id: str, *, now: datetime) -> Response | Wrong:
        """Somebody else comes with the ticket. Raises as `actions.admission_for`, `actions.rename`."""
        admission = await actions.admission_for(self.house, self.who, admission_id, actions.TO_CHANGE)
        filled = await forms.read(request, self.house, HolderForm, now=now)
        if filled.value is None:
            return Wrong(admission_id, "name", filled)
        await actions.rename(self.house, admission, filled.value.attendee(), now=now)
        return self._done(forms.see(self.house, self.path), RENAMED)

    async def give(self, request: Request, admission_id: str, *, now: datetime) -> Response | Wrong:
        """The ticket is offered to somebody, once for each form. Raises as `actions.admission_for`, `actions.offer`."""
        admission = await actions.admission_for(self.house, self.who, admission_id, actions.TO_CHANGE)
        filled = await forms.read(request, self.house, HolderForm, now=now)
        if filled.value is None:
            return Wrong(admission_id, "give", filled)
        recipient = filled.value.attendee()
        await limit_offers(request, admission_id, recipient)

        async def act(keep: Keep[Transfer]) -> Transfer:
            return await actions.offer(self.house, admission, recipient, keep=keep, now=now)

        return self._done(await self._once(request, admission_id, filled, act, now=now), OFFERED)

    async def take_back(self, request: Request, admission_id: str, *, now: datetime) -> Response | Filled[ButtonForm]:
        """The offer of the ticket is withdrawn; where there is none any more, the page shows how it stands."""
        admission = await actions.admission_for(self.house, self.who, admission_id, actions.TO_CHANGE)
        filled = await forms.read(request, self.house, ButtonForm, now=now)
        if filled.value is None:
            return filled
        transfer = None if admission.offer_id is None else await read_transfer(self.house.store, admission.offer_id)
        if transfer is None:
            return forms.see(self.house, self.path)

        async def act(keep: Keep[Transfer]) -> Transfer:
            return await actions.withdraw(self.house, transfer, keep=keep, now=now)

        return self._done(await self._once(request, admission_id, filled, act, now=now), WITHDRAWN)

    async def _once(
        self,
        request: Request,
        admission_id: str,
        filled: Filled[F],
        act: Callable[[Keep[Transfer]], Awaitable[Transfer]],
        *,
        now: datetime,
    ) -> Response:
        return await forms.submit_once(
            request,
            self.house,
            filled,
            scope=f"admission {admission_id}",
            act=act,
            then=lambda _: f"{self.path}#{admission_id}",
            now=now,
        )

    def _done(self, response: Response, said: str) -> Response:
        leave_flash(response, self.house.settings, said)
        return response


def _may_change_hands(admission: Admission, event: Event, *, now: datetime) -> bool:
    try:
        refuse_transfer(admission, event, now=now)
    except Refusal:
        return False
    return True
