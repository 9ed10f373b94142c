"""A pending order is held for longer, or cancelled."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ticketing.admission.model import Admission
from ticketing.admission.rules import voided
from ticketing.admission.store import admission_record
from ticketing.base.changes import Change, Replace
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.sales import rules
from ticketing.sales.actions.cancelling import offers_of
from ticketing.sales.actions.common import (
    ROUNDS_MAX,
    admissions_of,
    event_of,
    fact,
    gives,
    read_again,
)
from ticketing.sales.expiry import release
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.store import (
    order_record,
)
from ticketing.schema.tables import (
    ADMISSIONS,
    ORDERS,
)


async def extend_hold(house: House, order: Order, *, keep: Keep[Order], now: datetime) -> Order:
    """The hold lasts longer. Raises as `rules.extended`."""
    for _ in range(ROUNDS_MAX):
        changed = rules.extended(order, hold_seconds=house.settings.hold_seconds, now=now)
        try:
            await commit_once(house, (*keep(changed), Replace(ORDERS, order_record(changed))))
        except Conflict:
            order = await read_again(house, order)
            continue
        return replace(changed, version=order.version + 1)
    raise Busy


async def cancel_order(house: House, order: Order, *, by_owner: bool, keep: Keep[Order], now: datetime) -> Order:
    """The order is cancelled and its places are given back, once. Raises as `rules.cancelled`.

    A free order has its tickets already: its owner cancels none that somebody else has, is offered or entered with, as
    `rules.refuse_not_own` says; an organizer may.
    """
    for _ in range(ROUNDS_MAX):
        changed = rules.cancelled(order, now=now)
        if changed is order:
            return order
        event = await event_of(house, order)
        changes = list(release(house, order, changed))
        if order.payment_status is PaymentStatus.COMPLETED:
            live = [admission for admission in await admissions_of(house, order) if not admission.is_void]
            if by_owner:
                rules.refuse_not_own(live, await offers_of(house, live), now=now)
            changes = _cancel_free(house, changed, live)
        changes += fact(house, "order.cancelled", order, event, now=now)
        try:
            await commit_once(house, (*keep(changed), *changes))
        except Conflict:
            order = await read_again(house, order)
            continue
        return replace(changed, version=order.version + 1)
    raise Busy


def _cancel_free(house: House, changed: Order, live: Sequence[Admission]) -> list[Change]:
    return [
        Replace(ORDERS, order_record(changed)),
        *(Replace(ADMISSIONS, admission_record(voided(admission))) for admission in live),
        *gives(house, changed, rules.places_of(live)),
    ]
