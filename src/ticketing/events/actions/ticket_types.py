"""Use cases of ticket types: read, decide, commit, answer."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, demand
from ticketing.base.changes import Change, Check, Insert, Remove, Replace, item_name
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.events.actions.events import own_event, relisted, visible_event
from ticketing.events.actions.rounds import in_rounds, refuse_unseen
from ticketing.events.blocks import NO_BLOCKS, blocks_of, ticket_pool
from ticketing.events.model import Event, TicketType, TicketTypeWish
from ticketing.events.rules import (
    changed_ticket_type,
    event_with,
    event_without,
    new_ticket_type,
    refuse_ticket_type_deletion,
    ticket_type_wish_of,
)
from ticketing.events.store import event_record, read_ticket_type, read_ticket_types, ticket_type_record
from ticketing.schema.tables import EVENTS, TICKETS


@dataclass(frozen=True, slots=True)
class Offered:
    """A ticket type with the event that sells it."""

    event: Event
    ticket_type: TicketType


async def create_ticket_type(
    house: House, who: Principal, event_id: str, wish: TicketTypeWish, *, keep: Keep[Offered], now: datetime
) -> Offered:
    """The event offers a new ticket type, last. Two that are created at once both come in, one after the other.

    Raises Unauthenticated, NotFound, Invalid, EventCancelled, TooManyTicketTypes, CurrencyMismatch.
    """
    ticket_type_id = house.new_id("tty", now)

    async def attempt() -> Offered:
        event = await own_event(house, who, event_id)
        ticket_type = new_ticket_type(ticket_type_id, event, wish, now=now)
        changed = event_with(event, ticket_type_id, now=now)
        offered = Offered(replace(changed, version=event.version + 1), ticket_type)

        async def sold() -> Iterable[TicketType]:
            return (*await read_ticket_types(house.store, event), ticket_type)

        await commit_once(
            house,
            (
                *keep(offered),
                Replace(EVENTS, event_record(changed), only_at=NO_BLOCKS),
                Insert(TICKETS, ticket_type_record(ticket_type)),
                *_of_others(ticket_type_id, await relisted(house, changed, sold)),
            ),
        )
        return offered

    return await in_rounds(house.store, attempt)


async def visible_ticket_type(house: House, who: Principal, ticket_type_id: str) -> Offered:
    """The ticket type, of an event that this principal may see. Raises NotFound."""
    ticket_type = await read_ticket_type(house.store, ticket_type_id)
    if ticket_type is None:
        raise NotFound
    return _offered(await visible_event(house, who, ticket_type.event_id), ticket_type)


async def own_ticket_type(house: House, who: Principal, ticket_type_id: str) -> Offered:
    """The ticket type, of an event that this principal may change. Raises Unauthenticated, NotFound."""
    ticket_type = await read_ticket_type(house.store, ticket_type_id)
    if ticket_type is None:
        demand(who, Right.CHANGE_EVENT)
        raise NotFound
    return _offered(await own_event(house, who, ticket_type.event_id), ticket_type)


def _offered(event: Event, ticket_type: TicketType) -> Offered:
    if ticket_type.ticket_type_id not in event.ticket_types:  # deleted, and kept for its orders
        raise NotFound
    return Offered(event, ticket_type)


async def change_ticket_type(
    house: House,
    who: Principal,
    ticket_type_id: str,
    amend: Callable[[TicketTypeWish], TicketTypeWish],
    *,
    expected: int | None,
) -> Offered:
    """The ticket type is described anew, as `amend` says of what it was. `expected` is as in `change_event`.

    The event's currency, which this relies on, stands as long as the event has ticket types. Raises Unauthenticated, NotFound,
    ChangedMeanwhile, Invalid, CurrencyMismatch.
    """

    async def attempt() -> Offered:
        offered = await own_ticket_type(house, who, ticket_type_id)
        event, ticket_type = offered.event, offered.ticket_type
        refuse_unseen(expected, ticket_type.version)
        changed = changed_ticket_type(event, ticket_type, amend(ticket_type_wish_of(event, ticket_type)))
        moved = changed.quantity - ticket_type.quantity
        pools = {"quantity_available": moved} if moved else None

        async def sold() -> Iterable[TicketType]:
            types = await read_ticket_types(house.store, event)
            return [changed if each.ticket_type_id == ticket_type_id else each for each in types]

        listed: tuple[Change, ...] = ()
        if changed.price != ticket_type.price and event.is_public:
            listed = _of_others(ticket_type_id, await relisted(house, event, sold))
        elif changed.price != ticket_type.price:  # who publishes it at this moment lists what it costs then
            listed = (Check(EVENTS, (event.event_id,), event.version),)
        replaced = Replace(TICKETS, ticket_type_record(changed), pools, only_at=NO_BLOCKS)
        await house.store.commit((replaced, *listed))
        return Offered(event, replace(changed, version=ticket_type.version + 1))

    return await in_rounds(house.store, attempt)


def _of_others(ticket_type_id: str, listed: Iterable[Change]) -> tuple[Change, ...]:
    """These changes without the check of a ticket type that the same commit writes, which guards it by itself."""
    written = item_name(TICKETS.name, (ticket_type_id,))
    return tuple(change for change in listed if change.item != written)


async def delete_ticket_type(
    house: House, who: Principal, ticket_type_id: str, *, expected: int | None, now: datetime
) -> None:
    """The event no longer offers the ticket type. Raises Unauthenticated, NotFound, ChangedMeanwhile, TicketTypeInUse.

    A draft's is gone. One of an event that is or was on sale stays stored with a quantity of nothing, for the orders that came to
    nothing and still name it. That holds only if all of it is left at that moment, so that a sale at the same time either comes
    first and stops it, or finds nothing to buy.
    """

    async def attempt() -> None:
        offered = await own_ticket_type(house, who, ticket_type_id)
        if offered.ticket_type.blocks_out:  # whether all of it is left can be seen once it is in one place
            await blocks_of(house.store).bring_back(house.store, ticket_pool(ticket_type_id))
            offered = await own_ticket_type(house, who, ticket_type_id)
        event, ticket_type = offered.event, offered.ticket_type
        refuse_unseen(expected, ticket_type.version)
        refuse_ticket_type_deletion(ticket_type)
        without = event_without(event, ticket_type_id, now=now)

        async def sold() -> Iterable[TicketType]:
            return await read_ticket_types(house.store, without)

        listed = await relisted(house, without, sold)
        replaced = Replace(EVENTS, event_record(without), only_at=NO_BLOCKS)
        await house.store.commit((replaced, _withdrawal(event, ticket_type), *listed))

    await in_rounds(house.store, attempt)


def _withdrawal(event: Event, ticket_type: TicketType) -> Change:
    if not event.is_public:  # nobody can have ordered it, and the event's version keeps it so
        return Remove(TICKETS, (ticket_type.ticket_type_id,), ticket_type.version)
    return Replace(
        TICKETS,
        ticket_type_record(replace(ticket_type, quantity=0)),
        pools={"quantity_available": -ticket_type.quantity},
        only_at={"quantity_available": ticket_type.quantity, **NO_BLOCKS},
    )
