"""Facts that are still to be told become deliveries, in the commit in which they stop being untold.

A fact stands in `untold` from its own commit on until its deliveries are stored, so that nothing depends on the order in which commits
of several processes become visible, nor on their clocks.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from ticketing.accounts.store import read_link
from ticketing.admission.store import read_transfer
from ticketing.base.bounds import FACTS_PER_TURN_MAX
from ticketing.base.changes import Change, Insert, Remove, Replace
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.base.tables import Record
from ticketing.notify.model import Fact, MailKind
from ticketing.notify.rules import (
    CONCERNED,
    OF_A_TICKET,
    OF_AN_ACCOUNT,
    OF_ONE_ORDER,
    Side,
    Wanted,
    concerns_all,
    delivery_of,
)
from ticketing.notify.store import delivery_record, stored_among, untold_facts
from ticketing.sales.model import PaymentStatus
from ticketing.schema.tables import DELIVERIES, ORDERS, UNTOLD, index
from ticketing.web.i18n import SOURCE

FACTS_PER_COMMIT: Final = 33
"""Up to three changes each, of a hundred: that it was told, and a mail to each of two people."""
ORDERS_PER_STEP: Final = 80
"""Of an event that is called off: so many orders are one commit of a delivery each."""
STEPS_PER_TURN: Final = 5
"""Then other facts and the sending have their turn: 400 mails are more than a second's work."""
INDEX_LAG: Final = timedelta(seconds=10)
"""A fact that concerns many waits for so long, so that an index that lags names every order there is."""


async def tell_facts(house: House, *, now: datetime) -> int:
    """How many facts were told by this call, at most `FACTS_PER_TURN_MAX` of each shard; those that concern many go a few steps."""
    facts = await untold_facts(house.store, limit=FACTS_PER_TURN_MAX)
    few = [fact for fact in facts if concerns_all(fact) is None]
    told = 0
    for start in range(0, len(few), FACTS_PER_COMMIT):
        told += await _tell_few(house, few[start : start + FACTS_PER_COMMIT], now=now)
    for fact in facts:
        kind = concerns_all(fact)
        if kind is not None and now - fact.created_date_time >= INDEX_LAG:
            told += await _tell_all(house, fact, kind, now=now)
    return told


async def _tell_few(house: House, facts: Sequence[Fact], *, now: datetime) -> int:
    """The facts are told together, or, where another process was at one of them, each by itself."""
    wanted = await _wanted(house, facts)
    deliveries = {
        fact.fact_id: [delivery_of(wish, fact_id=fact.fact_id, now=now) for wish in wanted.get(fact.fact_id, ())]
        for fact in facts
    }
    stored = await stored_among(
        house.store, [delivery.delivery_id for found in deliveries.values() for delivery in found]
    )
    commits: list[tuple[Change, ...]] = []
    for fact in facts:
        new = [delivery for delivery in deliveries[fact.fact_id] if delivery.delivery_id not in stored]
        commits.append((_told(fact), *(_insertion(delivery_record(delivery)) for delivery in new)))
    try:
        await house.store.commit([change for changes in commits for change in changes])
        return len(facts)
    except Conflict:
        return sum([await _committed(house, changes) for changes in commits])


async def _committed(house: House, changes: Sequence[Change]) -> bool:
    try:
        await house.store.commit(changes)
    except Conflict:
        return False  # another process told it
    return True


def _told(fact: Fact) -> Change:
    return Remove(UNTOLD, (fact.shard, fact.fact_id), fact.version)


def _insertion(record: Record) -> Change:
    return Insert(DELIVERIES, record)


async def _wanted(house: House, facts: Sequence[Fact]) -> Mapping[str, Sequence[Wanted]]:
    """The mails that each of these facts asks for, by the fact's id; nothing for a fact of which nobody is told."""
    of_orders = [fact for fact in facts if fact.kind in OF_ONE_ORDER]
    orders = await house.store.get_many(ORDERS, [(fact.subject_id,) for fact in of_orders])
    found: dict[str, Sequence[Wanted]] = {}
    for fact, order in zip(of_orders, orders, strict=True):
        if order is not None:
            kind, name = OF_ONE_ORDER[fact.kind]
            found[fact.fact_id] = (_to_buyer(kind, order, subject_id=fact.content.get(name, fact.subject_id)),)
    for fact in facts:
        if fact.kind in OF_A_TICKET:
            found[fact.fact_id] = await _of_a_ticket(house, fact)
        kind_of_link = OF_AN_ACCOUNT.get(fact.kind)
        if kind_of_link is None:
            continue
        link = await read_link(house.store, fact.subject_id)
        if link is not None and link.nonce == fact.content.get("nonce"):
            found[fact.fact_id] = (Wanted(kind_of_link, link.email, link.language, None, None, link.link_id),)
    return found


async def _of_a_ticket(house: House, fact: Fact) -> Sequence[Wanted]:
    """The mails about a ticket that changes hands or names.

    Those to anybody but the order's buyer do not stand under the order, whose owner need not learn where the ticket went on to.
    """
    content = fact.content
    order = await house.store.get(ORDERS, (content["order_id"],))
    transfer_id = content.get("transfer_id")
    transfer = None if transfer_id is None else await read_transfer(house.store, transfer_id)
    held_by = content.get("held_by")
    before = None if held_by is None else await read_transfer(house.store, held_by)
    assert order is not None, "orders are never deleted"
    subject_id = transfer_id or fact.subject_id
    language = order["language"] or SOURCE
    wanted: list[Wanted] = []
    for kind, side in OF_A_TICKET[fact.kind]:
        if side is Side.HOLDER and before is None:
            wanted.append(_to_buyer(kind, order, subject_id=subject_id))
            continue
        person = transfer if side is Side.RECIPIENT else before
        assert person is not None, "transfers are never deleted"
        email = person.recipient.email
        speaks = content.get("language", language) if side is Side.RECIPIENT else language
        wanted.append(Wanted(kind, email, speaks, order["event_id"], None, subject_id))
    return wanted


def _to_buyer(kind: MailKind, order: Record, *, subject_id: str) -> Wanted:
    return Wanted(
        kind=kind,
        recipient=order["customer_email"],
        language=order["language"] or SOURCE,
        event_id=order["event_id"],
        order_id=order["order_id"],
        subject_id=subject_id,
    )


async def _tell_all(house: House, fact: Fact, kind: MailKind, *, now: datetime) -> bool:
    """Whether everybody with an order at the event has a delivery by now. What is missing goes on from there, whoever does it."""
    assert fact.event_id is not None
    cursor, version = fact.told_up_to, fact.version
    for _ in range(STEPS_PER_TURN):
        page = await house.store.query(index("orders_by_event"), fact.event_id, limit=ORDERS_PER_STEP, cursor=cursor)
        concerned = [order for order in page.records if PaymentStatus(order["payment_status"]) in CONCERNED]
        deliveries = {
            delivery.delivery_id: delivery  # one for each address, however many orders it has
            for order in concerned
            for delivery in (
                delivery_of(_to_buyer(kind, order, subject_id=fact.event_id), fact_id=fact.fact_id, now=now),
            )
        }
        stored = await stored_among(house.store, list(deliveries))
        cursor = page.next_cursor
        key = (fact.shard, fact.fact_id)
        row = {"untold_shard": fact.shard, "fact_id": fact.fact_id, "told_up_to": cursor, "version": version}
        inserted = [_insertion(delivery_record(one)) for name, one in deliveries.items() if name not in stored]
        done: Change = Remove(UNTOLD, key, version) if cursor is None else Replace(UNTOLD, row)
        if not await _committed(house, (done, *inserted)):
            return False  # another process is at it
        if cursor is None:
            return True
        version += 1
    return False
