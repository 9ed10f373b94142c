"""Use cases of sales: read, decide, commit, answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from ticketing.accounts.model import Principal, UserType
from ticketing.accounts.permissions import Right, Unauthenticated, demand_own, permits
from ticketing.admission.model import Admission, Attendee
from ticketing.admission.rules import admission_ids, new_admissions, voided
from ticketing.admission.signing import signer_of
from ticketing.admission.store import admission_record, read_admissions
from ticketing.base.bounds import POOL_MAX
from ticketing.base.changes import Change, Check, Give, Insert, Replace, Take
from ticketing.base.errors import FieldError, Invalid, NotFound, Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once, keep_nothing
from ticketing.base.store import Busy, Conflict
from ticketing.base.tables import Record
from ticketing.base.times import shown
from ticketing.events.model import Event, Offer
from ticketing.events.store import read_event
from ticketing.payments.model import Payment, PaymentMethod, PaymentState, Refund, RefundState, TestOutcome
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
    read_payments,
    read_refund,
    read_refunds,
    refund_record,
    transaction_marker,
)
from ticketing.sales import rules
from ticketing.sales.expiry import expire_holds, release
from ticketing.sales.model import Buyer, Customer, HoldWish, Order, PaymentStatus, RefundWish
from ticketing.sales.offers import Offers, offers_of
from ticketing.sales.rules import LimitPerCustomer, Settlement, SoldOut
from ticketing.sales.store import (
    allowance_name,
    allowance_pool,
    allowance_record,
    capacity_pool,
    guest_id,
    guest_record,
    line_record,
    order_record,
    read_order,
    ticket_pool,
)
from ticketing.schema.tables import (
    ADMISSIONS,
    ALLOWANCES,
    EVENTS,
    FACTS,
    ORDER_DETAILS,
    ORDERS,
    PAYMENTS,
    REFUNDS,
    UNIQUES,
    USERS,
)

ROUNDS_MAX: Final = 8
"""How often a decision that met a conflict is read and made again. Each round means that somebody else got something done."""

# the hold ------------------------------------------------------------------------------------------------------------


def buyer_of(house: House, who: Principal, customer: Customer | None) -> Buyer:
    """Who buys: the user who is logged in, or a guest known by the address.

    Raises NotFound for an API key that may not order, Invalid where nobody is named.
    """
    user = who.user
    if user is not None:
        demand_own(who, Right.CHANGE_OWN_ORDERS)
    if customer is None:
        if user is None:
            raise Invalid(FieldError("/customer", "missing", "is required, unless you are logged in"))
        customer = Customer(user.email, user.first_name, user.last_name)
    email = customer.email
    allowance = allowance_name(house, email)
    if user is not None:
        return Buyer(user.user_id, user.user_id, allowance, customer)
    return Buyer(allowance if "+" not in email else guest_id(house, email), None, allowance, customer)


async def place_hold(house: House, wish: HoldWish, buyer: Buyer, *, keep: Keep[Order], now: datetime) -> Order:
    """The order is stored, its places taken. Raises the refusals of `rules.decide_hold`, then LimitPerCustomer, SoldOut, Busy.

    The offer may be one that was read before: the commit insists on its versions, and a refusal is told from a fresh one only.
    What is short is told after every hold that ran out gave its places back, from what is left then.
    """
    store = house.store
    offers = offers_of(store)
    offer = offers.kept(wish.event_id)
    fresh = offer is None
    if fresh:
        offer = await offers.read(store, wish.event_id)
    order_id = house.new_id("ord", now)
    short = False
    for _ in range(ROUNDS_MAX):
        try:
            held = rules.decide_hold(
                wish, offer, buyer, order_id=order_id, hold_seconds=house.settings.hold_seconds, now=now
            )
        except Refusal:
            if fresh:
                raise
            offer, fresh = await offers.read(store, wish.event_id), True
            continue
        assert offer is not None
        if short:
            await _refuse_short(house, held, offer, buyer)
        order = held.order
        try:
            await commit_once(house, (*keep(order), *_hold_changes(house, held, offer, buyer, offers, now=now)))
        except Conflict as conflict:
            if conflict.change.table is USERS:
                offers.remember_guest(buyer.user_id)
            short = _is_short(conflict)
            if short:
                await expire_holds(house, now=now)
            offer, fresh = await offers.read(store, wish.event_id), True
            continue
        if buyer.account_user_id is None:
            offers.remember_guest(buyer.user_id)
        return order
    raise Busy


def _hold_changes(
    house: House, held: rules.Held, offer: Offer, buyer: Buyer, offers: Offers, *, now: datetime
) -> tuple[Change, ...]:
    """The commit of a hold, in the order of its refusals: the customer's limit, the event's capacity, the ticket types."""
    order = held.order
    event_id = order.event_id
    versions = {ticket_type.ticket_type_id: ticket_type.version for ticket_type in offer.ticket_types}
    changes: list[Change] = [
        Take(
            allowance_pool(event_id, buyer.allowance),
            order.ticket_count,
            down_to=-POOL_MAX if held.limit is None else -held.limit,
            initial=allowance_record(event_id, buyer.allowance),
        ),
        Take(capacity_pool(event_id), order.ticket_count, version=offer.event.version),
    ]
    for line in order.lines:
        type_id = line.ticket_type_id
        changes.append(Take(ticket_pool(type_id), line.quantity, version=versions[type_id]))
    if buyer.account_user_id is None and not offers.knows_guest(buyer.user_id):
        changes.append(Insert(USERS, guest_record(buyer.user_id, buyer.customer, now=now)))
    changes.append(Insert(ORDERS, order_record(order)))
    for position, line in enumerate(order.lines):
        changes.append(Insert(ORDER_DETAILS, line_record(order.order_id, line, position)))
    if order.payment_status is PaymentStatus.COMPLETED:
        changes += _admission_changes(house, order, now=now)
        changes.append(fact(house, "order.completed", order, offer.event, now=now))
    return tuple(changes)


async def _refuse_short(house: House, held: rules.Held, offer: Offer, buyer: Buyer) -> None:
    """Nothing, where all can be had as `offer` was just read. Raises LimitPerCustomer, then SoldOut."""
    order = held.order
    if held.limit is not None:
        allowance = await house.store.get(ALLOWANCES, (order.event_id, buyer.allowance))
        left = held.limit + (0 if allowance is None else int(allowance["balance"]))
        if left < order.ticket_count:
            left = max(0, left)
            raise LimitPerCustomer(
                f"Each customer may have {held.limit} tickets at this event; {left} more are left to you.",
                left=left,
                tickets_per_customer_max=held.limit,
            )
    if offer.event.capacity_available < order.ticket_count:
        raise _sold_out(offer.event.capacity_available)
    left_of = {ticket_type.ticket_type_id: ticket_type.quantity_available for ticket_type in offer.ticket_types}
    for line in order.lines:
        if left_of[line.ticket_type_id] < line.quantity:
            raise _sold_out(left_of[line.ticket_type_id], ticket_type_id=line.ticket_type_id)


def _sold_out(left: int, **facts: Any) -> SoldOut:
    return SoldOut("Sold out." if left <= 0 else f"Only {left} left.", left=max(0, left), **facts)


def _is_short(conflict: Conflict) -> bool:
    """Whether a pool had not enough, rather than that something was changed meanwhile."""
    change, found = conflict.change, conflict.found
    if not isinstance(change, Take):
        return False
    return change.version is None or (found is not None and found["version"] == change.version)


# admissions and facts ------------------------------------------------------------------------------------------------


def _admission_changes(house: House, order: Order, *, now: datetime) -> list[Change]:
    customer = order.customer
    admissions = new_admissions(
        order_id=order.order_id,
        event_id=order.event_id,
        user_id=order.user_id,
        attendee=Attendee(customer.email, customer.first_name, customer.last_name),
        lines=[(line.ticket_type_id, line.quantity) for line in order.lines],
        human_code=signer_of(house.keys).human_code,
        now=now,
    )
    return [Insert(ADMISSIONS, admission_record(admission)) for admission in admissions]


def fact(house: House, kind: str, order: Order, event: Event, *, now: datetime, **content: Any) -> Insert:
    """The change that stores what happened, to be told later."""
    record: Record = {
        "fact_id": house.new_id("fct", now),
        "kind": kind,
        "organizer_user_id": event.organizer_user_id,
        "event_id": order.event_id,
        "subject_id": order.order_id,
        "content": {"order_id": order.order_id, "at": shown(now), **content},
        "created_date_time": now,
    }
    return Insert(FACTS, record)


async def admissions_of(house: House, order: Order) -> tuple[Admission, ...]:
    """The admissions that an order brought, read by key."""
    if not order.payment_status.has_tickets and order.payment_status is not PaymentStatus.CANCELLED:
        return ()
    return await read_admissions(house.store, admission_ids(order.order_id, order.ticket_count))


# whose order ---------------------------------------------------------------------------------------------------------


async def order_for(
    house: House, who: Principal, order_id: str, *, owner: Right | None, organizer: Right | None
) -> Order:
    """The order, for its owner (its access token, or the user with the right `owner`) or its event's organizer.

    None for a right keeps that side out. Raises Unauthenticated, NotFound.
    """
    if who.is_stranger:
        raise Unauthenticated
    order = await read_order(house.store, order_id)
    if order is None:
        raise NotFound
    if owner is not None:
        if who.order_token is not None and house.keys.is_order_token(who.order_token, order_id):
            return order
        if order.account_user_id is not None and _is_owner(who, order, owner):
            return order
    if organizer is not None and who.user is not None:
        if who.user.user_type is UserType.ADMIN and permits(who, organizer, owner_user_id=who.user.user_id):
            return order
        event = await read_event(house.store, order.event_id)
        if event is not None and permits(who, organizer, owner_user_id=event.organizer_user_id):
            return order
    raise NotFound


def _is_owner(who: Principal, order: Order, right: Right) -> bool:
    """Whether the order is this user's own. An admin is an organizer here, not an owner."""
    is_own = who.user is not None and who.user.user_id == order.account_user_id
    return is_own and permits(who, right, owner_user_id=order.account_user_id)


# a pending order -----------------------------------------------------------------------------------------------------


async def extend_hold(house: House, order: Order, *, keep: Keep[Order], now: datetime) -> Order:
    """The hold lasts longer. Raises as `rules.extended`."""
    for _ in range(ROUNDS_MAX):
        changed = rules.extended(order, hold_seconds=house.settings.hold_seconds, now=now)
        try:
            await commit_once(house, (*keep(changed), Replace(ORDERS, order_record(changed))))
        except Conflict:
            order = await _again(house, order)
            continue
        return replace(changed, version=order.version + 1)
    raise Busy


async def cancel_order(house: House, order: Order, *, keep: Keep[Order], now: datetime) -> Order:
    """The order is cancelled and its places are given back, once. Raises as `rules.cancelled`."""
    for _ in range(ROUNDS_MAX):
        changed = rules.cancelled(order, now=now)
        if changed is order:
            return order
        event = await _event_of(house, order)
        changes = list(release(house, order, changed))
        if order.payment_status is PaymentStatus.COMPLETED:
            changes = _cancel_free(house, changed, await admissions_of(house, order))
        changes.append(fact(house, "order.cancelled", order, event, now=now))
        try:
            await commit_once(house, (*keep(changed), *changes))
        except Conflict:
            order = await _again(house, order)
            continue
        return replace(changed, version=order.version + 1)
    raise Busy


def _cancel_free(house: House, changed: Order, admissions: Sequence[Admission]) -> list[Change]:
    live = [admission for admission in admissions if not admission.is_void]
    return [
        Replace(ORDERS, order_record(changed)),
        *(Replace(ADMISSIONS, admission_record(voided(admission))) for admission in live),
        *_gives(house, changed, rules.places_of(live)),
    ]


def _gives(house: House, order: Order, places: dict[str, int]) -> list[Change]:
    count = sum(places.values())
    if count == 0:
        return []
    return [
        *(Give(ticket_pool(type_id), number) for type_id, number in places.items()),
        Give(capacity_pool(order.event_id), count),
        Give(allowance_pool(order.event_id, allowance_name(house, order.customer.email)), count),
    ]


async def _again(house: House, order: Order) -> Order:
    read = await read_order(house.store, order.order_id)
    if read is None:
        raise NotFound
    return read


async def _event_of(house: House, order: Order) -> Event:
    event = await read_event(house.store, order.event_id)
    assert event is not None, "an event that was public is never deleted"
    return event


# payment -------------------------------------------------------------------------------------------------------------


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
        event = await _event_of(house, order)
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
            if method is not PaymentMethod.TEST:
                transferred = order.order_date_time + timedelta(seconds=settings.transfer_hold_seconds)
                held_until = min(transferred, event.end_date_time)
            changed = rules.with_payment(order, payment, held_until=held_until)
            try:
                await commit_once(
                    house,
                    (*keep(payment), Insert(PAYMENTS, payment_record(payment)), Replace(ORDERS, order_record(changed))),
                )
                return payment
            except Conflict:
                pass
        order = await _again(house, order)
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
        event = await _event_of(house, order)
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
            if not _is_short(conflict):
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
            (*head, Replace(ORDERS, order_record(changed)), Insert(REFUNDS, refund_record(refund)), told),
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
    guards: list[Change] = [Check(EVENTS, (event.event_id,), event.version)]
    if means is Settlement.TAKE_AGAIN:
        guards = _take_again(house, order, event)
    told = fact(house, "order.completed", order, event, now=now, payment_id=done.payment_id)
    return (Replace(ORDERS, order_record(changed)), *guards, *_admission_changes(house, changed, now=now), told)


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


# refund --------------------------------------------------------------------------------------------------------------


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
        event = await _event_of(house, order)
        changes: tuple[Change, ...] = (
            Replace(ORDERS, order_record(decision.order)),
            Insert(REFUNDS, refund_record(decision.refund)),
            *(Replace(ADMISSIONS, admission_record(admission)) for admission in decision.void),
            *_gives(house, order, dict(decision.given_back)),
            fact(house, "order.refunded", order, event, now=now, refund_id=refund_id),
        )
        try:
            await commit_once(house, (*keep(decision.refund), *changes))
        except Conflict:
            order = await _again(house, order)
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
