"""An order is paid, or money that comes too late is due back."""

from dataclasses import replace
from datetime import datetime, timedelta

from ticketing.base.bounds import POOL_MAX
from ticketing.base.changes import Change, Check, Insert, Replace, Take
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once, keep_nothing
from ticketing.base.store import Busy, Conflict
from ticketing.events.blocks import blocks_of, came_back, capacity_pool, ticket_pool
from ticketing.events.model import Event
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, TestOutcome
from ticketing.payments.rules import (
    AmountMismatch,
    PaymentClosed,
    PaymentMethodNotAvailable,
    TransactionUsed,
    completed,
)
from ticketing.payments.store import (
    payment_record,
    read_payment,
    refund_record,
    transaction_marker,
)
from ticketing.sales import rules
from ticketing.sales.actions.common import (
    ROUNDS_MAX,
    admission_changes,
    event_of,
    fact,
    is_short,
    read_again,
)
from ticketing.sales.expiry import expire_holds
from ticketing.sales.model import Order
from ticketing.sales.rules import Settlement
from ticketing.sales.store import (
    allowance_name,
    allowance_pool,
    allowance_record,
    order_record,
    read_order,
)
from ticketing.schema.tables import (
    BLOCKS,
    EVENTS,
    ORDERS,
    PAYMENTS,
    REFUNDS,
    UNIQUES,
)


async def start_payment(
    house: House,
    order: Order,
    method: PaymentMethod,
    outcome: TestOutcome,
    *,
    keep: Keep[Payment],
    now: datetime,
) -> Payment:
    """A payment of the order is stored; a test payment that is told to be paid completes the order in the same commit.

    A bank transfer or cash keeps the places for longer, counted from the order, however many are begun, but not beyond the
    event's end. Raises PaymentMethodNotAvailable, then as `rules.new_payment`.
    """
    settings = house.settings
    if method is PaymentMethod.CARD or (method is PaymentMethod.TEST and not settings.test_mode):
        raise PaymentMethodNotAvailable
    payment_id = house.new_id("pay", now)
    for _ in range(ROUNDS_MAX):
        event = await event_of(house, order)
        payment = rules.new_payment(order, event, method, payment_id=payment_id, now=now)
        if method is PaymentMethod.TEST and outcome is TestOutcome.PAID:
            settled = await _settle_once(
                house,
                rules.with_payment(order, payment),
                event,
                payment,
                f"test_{payment_id}",
                is_new=True,
                keep=keep,
                now=now,
            )
            if settled is not None:
                return settled
        else:
            if method is PaymentMethod.TEST and outcome is TestOutcome.DECLINED:
                payment = replace(payment, payment_status=PaymentState.DECLINED)
            held_until = None
            told: tuple[Change, ...] = ()
            if method is not PaymentMethod.TEST:
                told = fact(house, "payment.promised", order, event, now=now, payment_id=payment_id)
                transferred = order.order_date_time + timedelta(seconds=settings.transfer_hold_seconds)
                held_until = min(transferred, event.end_date_time)
            changed = rules.with_payment(order, payment, held_until=held_until)
            try:
                await commit_once(
                    house,
                    (
                        *keep(payment),
                        Insert(PAYMENTS, payment_record(payment)),
                        Replace(ORDERS, order_record(changed)),
                        *told,
                    ),
                )
                return payment
            except Conflict:
                pass
        order = await read_again(house, order)
    raise Busy


async def settle(
    house: House,
    payment: Payment,
    *,
    transaction_id: str,
    amount: int | None,
    keep: Keep[Payment] = keep_nothing,
    now: datetime,
) -> Payment:
    """The payment's money is in: its order is complete, or a refund is due. The same transaction again finds the same.

    `amount` in minor units is what was seen, None where that was not said. Raises AmountMismatch, PaymentClosed, TransactionUsed.
    """
    if amount is not None and amount != payment.payment_amount:
        raise AmountMismatch(payment_amount=payment.payment_amount)
    for _ in range(ROUNDS_MAX):
        if payment.payment_status is PaymentState.COMPLETED and payment.transaction_id == transaction_id:
            return payment
        if payment.payment_status is not PaymentState.PENDING:
            raise PaymentClosed
        order = await read_order(house.store, payment.order_id)
        assert order is not None
        event = await event_of(house, order)
        settled = await _settle_once(house, order, event, payment, transaction_id, is_new=False, keep=keep, now=now)
        if settled is not None:
            return settled
        read = await read_payment(house.store, payment.payment_id)
        assert read is not None
        payment = read
    raise Busy


async def _settle_once(
    house: House,
    order: Order,
    event: Event,
    payment: Payment,
    transaction_id: str,
    *,
    is_new: bool,
    keep: Keep[Payment],
    now: datetime,
) -> Payment | None:
    """One try to settle a payment on its order, all as they were read; None where they changed meanwhile.

    Everything is one commit: payment, transaction, order, admissions, fact. The event is checked, so that one that is cancelled at
    this moment keeps no money.
    """
    done = completed(payment, transaction_id=transaction_id, now=now)
    stored: Change = Insert(PAYMENTS, payment_record(done)) if is_new else Replace(PAYMENTS, payment_record(done))
    head: tuple[Change, ...] = (
        *keep(done),
        transaction_marker(done, organizer_user_id=event.organizer_user_id),
        stored,
    )
    result = done if is_new else replace(done, version=done.version + 1)
    means = rules.decide_settlement(order, event)
    for swept in (False, True):
        if means is Settlement.REFUND:
            break
        try:
            await commit_once(house, (*head, *_completion(house, order, event, done, means, now=now)))
            return result
        except Conflict as conflict:
            _refuse_used(conflict)
            if conflict.change.table is BLOCKS:
                blocks_of(house.store).missed(conflict)
            if not is_short(conflict) or await came_back(house.store, conflict):
                return None
        if not swept:  # what others held too long may be what this order lacks
            await expire_holds(house, now=now)
    changed, refund = rules.due_back(
        order, done, refund_id=house.new_id("ref", now), reason=rules.why_due_back(order, event), now=now
    )
    told = fact(house, "order.refund_due", order, event, now=now, refund_id=refund.refund_id)
    try:
        await commit_once(
            house,
            (*head, Replace(ORDERS, order_record(changed)), Insert(REFUNDS, refund_record(refund)), *told),
        )
    except Conflict as conflict:
        _refuse_used(conflict)
        return None
    return result


def _completion(
    house: House, order: Order, event: Event, done: Payment, means: Settlement, *, now: datetime
) -> tuple[Change, ...]:
    """The changes that make an order complete by a payment that is done."""
    changed = rules.paid(order, done)
    guards: list[Change] = [_stands(house, event)]
    if means is Settlement.TAKE_AGAIN:
        guards = _take_again(house, order, event)
    told = fact(house, "order.completed", order, event, now=now, payment_id=done.payment_id)
    return (Replace(ORDERS, order_record(changed)), *guards, *admission_changes(house, changed, now=now), *told)


def _stands(house: House, event: Event) -> Change:
    """The guard that the event is as it was read. In a rush everybody's at its one row would be what everybody waits for."""
    if event.spread_sale:
        return blocks_of(house.store).check(capacity_pool(event.event_id), version=event.version)
    return Check(EVENTS, (event.event_id,), event.version)


def _take_again(house: House, order: Order, event: Event) -> list[Change]:
    """Takes of a hold that ran out, as of a new one: who ordered again meanwhile does not come to more than each may have."""
    allowance = allowance_name(house, order.customer.email)
    limit = event.tickets_per_customer_max
    return [
        Take(
            allowance_pool(order.event_id, allowance),
            order.ticket_count,
            down_to=-POOL_MAX if limit is None else -limit,
            initial=allowance_record(order.event_id, allowance),
        ),
        Take(capacity_pool(order.event_id), order.ticket_count, version=event.version),
        *(Take(ticket_pool(line.ticket_type_id), line.quantity) for line in order.lines),
    ]


def _refuse_used(conflict: Conflict) -> None:
    """Nothing, where something was changed meanwhile. Raises TransactionUsed where another payment has the transaction."""
    if conflict.change.table is UNIQUES and conflict.found is not None:
        marker = conflict.change
        assert isinstance(marker, Insert)
        if conflict.found["target_id"] != marker.record["target_id"]:
            raise TransactionUsed from conflict
