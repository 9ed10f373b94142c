"""The reads and records of deliveries, and of facts that are still to be told."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ticketing.base.store import Page, Range, Store
from ticketing.base.tables import Record
from ticketing.notify.model import Delivery, DeliveryStatus, Fact, MailKind
from ticketing.schema.tables import DELIVERIES, DUE_SHARDS, FACTS, UNTOLD_SHARDS, index


def delivery_of_record(record: Record) -> Delivery:
    """The delivery in a row of `deliveries`."""
    fields = {name: value for name, value in record.items() if name != "due_shard"}
    fields["kind"] = MailKind(fields["kind"])
    fields["delivery_status"] = DeliveryStatus(fields["delivery_status"])
    return Delivery(**fields)


def delivery_record(delivery: Delivery) -> Record:
    """The row of `deliveries` for a delivery."""
    queued = delivery.delivery_status is DeliveryStatus.QUEUED
    return {
        "delivery_id": delivery.delivery_id,
        "fact_id": delivery.fact_id,
        "kind": delivery.kind.value,
        "recipient": delivery.recipient,
        "language": delivery.language,
        "event_id": delivery.event_id,
        "order_id": delivery.order_id,
        "subject_id": delivery.subject_id,
        "delivery_status": delivery.delivery_status.value,
        "attempts": delivery.attempts,
        "due_shard": DUE_SHARDS[ord(delivery.delivery_id[-1]) % len(DUE_SHARDS)] if queued else None,
        "next_attempt_at": delivery.next_attempt_at,
        "last_error": delivery.last_error,
        "created_date_time": delivery.created_date_time,
        "sent_date_time": delivery.sent_date_time,
        "expires_at": delivery.expires_at,
        "version": delivery.version,
    }


async def read_delivery(store: Store, delivery_id: str) -> Delivery | None:
    """The delivery with this id."""
    record = await store.get(DELIVERIES, (delivery_id,))
    return None if record is None else delivery_of_record(record)


async def stored_among(store: Store, delivery_ids: Sequence[str]) -> set[str]:
    """Which of these deliveries there are already."""
    found = await store.get_many(DELIVERIES, [(delivery_id,) for delivery_id in delivery_ids])
    return {record["delivery_id"] for record in found if record is not None}


async def due_deliveries(store: Store, *, now: datetime, limit: int) -> list[Delivery]:
    """Up to `limit` of each shard that are due, the longest due first, as the index has them: they may be done by now."""
    until = Range(end=now + timedelta(microseconds=1))
    pages = [await store.query(index("deliveries_due"), shard, within=until, limit=limit) for shard in DUE_SHARDS]
    found = [delivery_of_record(record) for page in pages for record in page.records]
    return sorted(found, key=lambda delivery: (delivery.next_attempt_at, delivery.created_date_time))


async def untold_facts(store: Store, *, limit: int) -> list[Fact]:
    """Up to `limit` of each shard that are still to be told, the oldest first."""
    found: list[Fact] = []
    for shard in UNTOLD_SHARDS:
        rows = (await store.query(index("untold_facts"), shard, limit=limit)).records
        facts = await store.get_many(FACTS, [(row["fact_id"],) for row in rows])
        found += [
            Fact(
                fact_id=row["fact_id"],
                kind=fact["kind"],
                event_id=fact["event_id"],
                subject_id=fact["subject_id"],
                content=fact["content"],
                created_date_time=fact["created_date_time"],
                shard=shard,
                told_up_to=row["told_up_to"],
                version=row["version"],
            )
            for row, fact in zip(rows, facts, strict=True)
            if fact is not None
        ]
    return sorted(found, key=lambda fact: fact.fact_id)


async def fact_content(store: Store, fact_id: str) -> dict[str, str]:
    """What the fact says; nothing where there is no such fact."""
    record = await store.get(FACTS, (fact_id,))
    return {} if record is None else dict(record["content"])


async def is_anything_untold(store: Store) -> bool:
    """Whether there is a fact to be told."""
    for shard in UNTOLD_SHARDS:
        if (await store.query(index("untold_facts"), shard, limit=1)).records:
            return True
    return False


async def page_of_event(store: Store, event_id: str, *, limit: int, cursor: str | None) -> Page:
    """Rows of the deliveries about an event and its orders, the newest first."""
    return await store.query(index("deliveries_by_event"), event_id, limit=limit, cursor=cursor, descending=True)


async def page_of_order(store: Store, order_id: str, *, limit: int, cursor: str | None) -> Page:
    """Rows of the deliveries about an order, the newest first."""
    return await store.query(index("deliveries_by_order"), order_id, limit=limit, cursor=cursor, descending=True)


async def latest_deliveries(store: Store, *, limit: int) -> list[Delivery]:
    """Those that wait, the newest first: without a mail server, all of the last days."""
    pages = [await store.query(index("deliveries_due"), shard, limit=limit, descending=True) for shard in DUE_SHARDS]
    found = [delivery_of_record(record) for page in pages for record in page.records]
    return sorted(found, key=lambda delivery: delivery.created_date_time, reverse=True)[:limit]
