"""An order is placed: its places are held, or it is complete at once where it costs nothing."""

from datetime import datetime
from typing import Any, Final

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, demand_own
from ticketing.base.bounds import POOL_MAX
from ticketing.base.changes import Change, Insert, Pool, Take
from ticketing.base.errors import FieldError, Invalid, Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.events.blocks import Blocks, blocks_of, came_back, capacity_pool, ticket_pool
from ticketing.events.model import Offer
from ticketing.sales import rules
from ticketing.sales.actions.common import (
    ROUNDS_MAX,
    admission_changes,
    fact,
    is_short,
)
from ticketing.sales.expiry import expire_holds
from ticketing.sales.model import Buyer, Customer, HoldWish, Order, PaymentStatus
from ticketing.sales.offers import Offers, offers_of
from ticketing.sales.rules import LimitPerCustomer, SoldOut
from ticketing.sales.store import (
    allowance_name,
    allowance_pool,
    allowance_record,
    guest_id,
    guest_record,
    line_record,
    order_record,
)
from ticketing.schema.tables import (
    ALLOWANCES,
    BLOCKS,
    ORDER_DETAILS,
    ORDERS,
    USERS,
)

TURNS_AT_BLOCKS: Final = 3
"""How often an order tries the blocks of its process before it goes to the pool itself, where it waits for all other processes."""


def buyer_of(house: House, who: Principal, customer: Customer | None, *, language: str | None = None) -> Buyer:
    """Who buys: the user who is logged in, or a guest known by the address. `language` is the one that mails are written in.

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
        return Buyer(user.user_id, user.user_id, allowance, customer, language)
    return Buyer(allowance if "+" not in email else guest_id(house, email), None, allowance, customer, language)


async def place_hold(house: House, wish: HoldWish, buyer: Buyer, *, keep: Keep[Order], now: datetime) -> Order:
    """The order is stored, its places taken. Raises the refusals of `rules.decide_hold`, then LimitPerCustomer, SoldOut, Busy.

    The offer may be one that was read before: the commit insists on its versions, and a refusal is told from a fresh one only.
    What is short is told after every hold that ran out gave its places back and every block is back, from what is left then.
    """
    store = house.store
    offers = offers_of(store)
    offer = offers.kept(wish.event_id)
    fresh = offer is None
    if fresh:
        offer = await offers.read(store, wish.event_id)
    order_id = house.new_id("ord", now)
    short = False
    for turn in range(ROUNDS_MAX):
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
        blocks = None
        if offer.event.spread_sale and turn < TURNS_AT_BLOCKS:
            blocks = await _prepared(house, offer, order)
        try:
            await commit_once(house, (*keep(order), *_hold_changes(house, held, offer, buyer, offers, blocks, now=now)))
        except Conflict as conflict:
            if conflict.change.table is USERS:
                offers.remember_guest(buyer.user_id)
            if conflict.change.table is BLOCKS:
                short = False
                if not blocks_of(store).missed(conflict):
                    continue  # it was used up, which says nothing about the offer
            else:
                short = is_short(conflict)
            if short:
                await expire_holds(house, now=now)
                await came_back(store, conflict)
            offer, fresh = await offers.read(store, wish.event_id), True
            continue
        if buyer.account_user_id is None:
            offers.remember_guest(buyer.user_id)
        return order
    raise Busy


async def _prepared(house: House, offer: Offer, order: Order) -> Blocks:
    """The blocks of this process, from which this order can be taken if there is a point in it. Raises Busy."""
    blocks, store = blocks_of(house.store), house.store
    versions = {ticket_type.ticket_type_id: ticket_type.version for ticket_type in offer.ticket_types}
    event = offer.event
    await blocks.prepare(store, capacity_pool(event.event_id), order.ticket_count, version=event.version)
    for line in order.lines:
        type_id = line.ticket_type_id
        await blocks.prepare(store, ticket_pool(type_id), line.quantity, version=versions[type_id])
    return blocks


def _hold_changes(
    house: House,
    held: rules.Held,
    offer: Offer,
    buyer: Buyer,
    offers: Offers,
    blocks: Blocks | None,
    *,
    now: datetime,
) -> tuple[Change, ...]:
    """The commit of a hold, in the order of its refusals: the customer's limit, the event's capacity, the ticket types.

    Places come out of `blocks` as far as those are open, out of the pools themselves otherwise.
    """
    take = _take if blocks is None else blocks.take
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
        take(capacity_pool(event_id), order.ticket_count, version=offer.event.version),
    ]
    for line in order.lines:
        type_id = line.ticket_type_id
        changes.append(take(ticket_pool(type_id), line.quantity, version=versions[type_id]))
    if buyer.account_user_id is None and not offers.knows_guest(buyer.user_id):
        changes.append(Insert(USERS, guest_record(buyer.user_id, buyer.customer, now=now)))
    changes.append(Insert(ORDERS, order_record(order)))
    for position, line in enumerate(order.lines):
        changes.append(Insert(ORDER_DETAILS, line_record(order.order_id, line, position)))
    if order.payment_status is PaymentStatus.COMPLETED:
        changes += admission_changes(house, order, now=now)
        changes += fact(house, "order.completed", order, offer.event, now=now)
    return tuple(changes)


def _take(pool: Pool, count: int, *, version: int) -> Take:
    return Take(pool, count, version=version)


async def _refuse_short(house: House, held: rules.Held, offer: Offer, buyer: Buyer) -> None:
    """Nothing, where all can be had as `offer` was just read, or some of it is in blocks. Raises LimitPerCustomer, then SoldOut."""
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
    if offer.event.capacity_available < order.ticket_count and not offer.event.blocks_out:
        raise _sold_out(offer.event.capacity_available)
    types = {ticket_type.ticket_type_id: ticket_type for ticket_type in offer.ticket_types}
    for line in order.lines:
        ticket_type = types[line.ticket_type_id]
        if ticket_type.quantity_available < line.quantity and not ticket_type.blocks_out:
            raise _sold_out(ticket_type.quantity_available, ticket_type_id=line.ticket_type_id)


def _sold_out(left: int, **facts: Any) -> SoldOut:
    return SoldOut("Sold out." if left <= 0 else f"Only {left} left.", left=max(0, left), **facts)
