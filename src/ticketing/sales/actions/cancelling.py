"""A buyer gives tickets back, by the terms of their event."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ticketing.admission.model import Admission, Transfer
from ticketing.admission.store import admission_record, read_transfer
from ticketing.base.changes import Change, Insert, Replace
from ticketing.base.errors import Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.events.model import Event
from ticketing.payments.model import Refund
from ticketing.payments.store import read_payments, read_refunds, refund_record
from ticketing.sales import rules
from ticketing.sales.actions.common import ROUNDS_MAX, admissions_of, event_of, fact, gives, read_again
from ticketing.sales.model import CancelWish, Order
from ticketing.sales.store import order_record
from ticketing.schema.tables import ADMISSIONS, ORDERS, REFUNDS


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Tickets that were given back, and the refund for them; None where no money goes back."""

    order_id: str
    currency: str
    admissions: tuple[str, ...]
    refund: Refund | None

    @property
    def refund_amount(self) -> int:
        """What goes back, in minor units."""
        return 0 if self.refund is None else self.refund.refund_amount


async def cancel_tickets(
    house: House, order: Order, wish: CancelWish, *, keep: Keep[Cancelled], now: datetime
) -> Cancelled:
    """The tickets are void, their places free and the money on its way. Raises as `rules.decide_cancellation`.

    The commit insists on the order, on each ticket, and on the event with its terms: a scan, a transfer, a refund or other terms that
    come between are seen, and decided on anew.
    """
    refund_id = house.new_id("ref", now)
    for _ in range(ROUNDS_MAX):
        admissions = await admissions_of(house, order)
        event = await event_of(house, order)
        decision = rules.decide_cancellation(
            order,
            event,
            wish,
            admissions=admissions,
            offers=await offers_of(house, admissions),
            payments=await read_payments(house.store, order.payments),
            refunds=await read_refunds(house.store, order.refunds),
            refund_id=refund_id,
            now=now,
        )
        ids = tuple(admission.admission_id for admission in decision.void)
        done = Cancelled(order.order_id, order.currency, ids, decision.refund)
        try:
            await commit_once(house, (*keep(done), *_changes(house, order, event, decision, done, now=now)))
        except Conflict:
            order = await read_again(house, order)
            continue
        return done
    raise Busy


def _changes(
    house: House, order: Order, event: Event, decision: rules.CancelDecision, done: Cancelled, *, now: datetime
) -> tuple[Change, ...]:
    refund = decision.refund
    about = {} if refund is None else {"refund_id": refund.refund_id}
    told = fact(house, "order.tickets_cancelled", order, event, now=now, admissions=list(done.admissions), **about)
    return (
        Replace(ORDERS, order_record(decision.order)),
        *(() if refund is None else (Insert(REFUNDS, refund_record(refund)),)),
        *(Replace(ADMISSIONS, admission_record(admission)) for admission in decision.void),
        *gives(house, order, decision.given_back, event_version=event.version),
        *told,
    )


async def offers_of(house: House, admissions: Sequence[Admission]) -> Mapping[str, Transfer]:
    """The offers by which these admissions were offered last, by id."""
    ids = [admission.offer_id for admission in admissions if admission.offer_id is not None]
    found = [await read_transfer(house.store, offer_id) for offer_id in ids]
    return {offer.transfer_id: offer for offer in found if offer is not None}


@dataclass(frozen=True, slots=True)
class TicketTerms:
    """What its buyer would get for a ticket, in minor units; or why it cannot be given back."""

    admission: Admission
    refund_amount: int
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What an order's buyer would get for its tickets, one by one; or why none of them can be given back."""

    refusal: Refusal | None
    tickets: tuple[TicketTerms, ...]

    @property
    def cancellable(self) -> tuple[TicketTerms, ...]:
        """Those that can be given back."""
        return tuple(ticket for ticket in self.tickets if ticket.refusal is None)


async def cancellation_terms(
    house: House, order: Order, event: Event, admissions: Sequence[Admission], *, now: datetime
) -> Terms:
    """How giving back tickets of this order stands, for each of `admissions` that is not void."""
    refusal = _refused(partial(rules.refuse_cancellation, order, event, now=now))
    offers = await offers_of(house, admissions)
    tickets = tuple(
        TicketTerms(
            each,
            rules.refund_of(order, event, (each,)),
            refusal or _refused(partial(rules.refuse_not_own, (each,), offers, now=now)),
        )
        for each in admissions
        if not each.is_void
    )
    return Terms(refusal, tickets)


def _refused(ask: Callable[[], None]) -> Refusal | None:
    try:
        ask()
    except Refusal as refusal:
        return refusal
    return None
