"""Money goes back."""

from dataclasses import replace
from datetime import datetime

from ticketing.admission.store import admission_record
from ticketing.base.changes import Change, Insert, Replace
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.payments.model import Refund, RefundState
from ticketing.payments.store import (
    read_payments,
    read_refund,
    read_refunds,
    refund_record,
)
from ticketing.sales import rules
from ticketing.sales.actions.common import (
    ROUNDS_MAX,
    admissions_of,
    event_of,
    fact,
    gives,
    read_again,
)
from ticketing.sales.model import Order, RefundWish
from ticketing.sales.store import (
    order_record,
)
from ticketing.schema.tables import (
    ADMISSIONS,
    ORDERS,
    REFUNDS,
)


async def refund_order(house: House, order: Order, wish: RefundWish, *, keep: Keep[Refund], now: datetime) -> Refund:
    """Money goes back, or is due to; admissions become void and their places free as the wish says. Raises as `decide_refund`."""
    refund_id = house.new_id("ref", now)
    for _ in range(ROUNDS_MAX):
        admissions = await admissions_of(house, order)
        decision = rules.decide_refund(
            order,
            wish,
            admissions=admissions,
            payments=await read_payments(house.store, order.payments),
            refunds=await read_refunds(house.store, order.refunds),
            refund_id=refund_id,
            now=now,
        )
        event = await event_of(house, order)
        changes: tuple[Change, ...] = (
            Replace(ORDERS, order_record(decision.order)),
            Insert(REFUNDS, refund_record(decision.refund)),
            *(Replace(ADMISSIONS, admission_record(admission)) for admission in decision.void),
            *gives(house, order, decision.given_back),
            *fact(house, "order.refunded", order, event, now=now, refund_id=refund_id),
        )
        try:
            await commit_once(house, (*keep(decision.refund), *changes))
        except Conflict:
            order = await read_again(house, order)
            continue
        return decision.refund
    raise Busy


async def confirm_refund(house: House, refund: Refund, *, keep: Keep[Refund]) -> Refund:
    """The refund's money went back. Once done, it stays done."""
    for _ in range(ROUNDS_MAX):
        if refund.refund_status is RefundState.COMPLETED:
            return refund
        done = rules.refund_done(refund)
        try:
            await commit_once(house, (*keep(done), Replace(REFUNDS, refund_record(done))))
            return replace(done, version=refund.version + 1)
        except Conflict:
            read = await read_refund(house.store, refund.refund_id)
            assert read is not None
            refund = read
    raise Busy
