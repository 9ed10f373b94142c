"""The reads and records of admissions."""

from collections.abc import Sequence
from typing import Final

from ticketing.admission.model import Admission, AdmissionStatus, Attendee, Transfer, TransferStatus
from ticketing.base.bounds import PAGE_LIMIT_MAX, TICKETS_PER_ORDER_MAX
from ticketing.base.store import Page, Range, Store
from ticketing.base.tables import Record
from ticketing.schema.tables import ADMISSIONS, TRANSFERS, index

HUMAN_CODE_CANDIDATES_MAX: Final = 5
"""Two admissions share 55 bits once in a great many years; five is more than ever."""


def admission_of(record: Record) -> Admission:
    """The admission in a row of `admissions`."""
    return Admission(
        admission_id=record["admission_id"],
        event_id=record["event_id"],
        order_id=record["order_id"],
        ticket_type_id=record["ticket_id"],
        user_id=record["user_id"],
        attendee=Attendee(
            email=record["attendee_email"],
            first_name=record["attendee_first_name"],
            last_name=record["attendee_last_name"],
        ),
        status=AdmissionStatus(record["status"]),
        generation=record["generation"],
        entered_at=record["entered_at"],
        entered_gate=record["entered_gate"],
        human_code=record["human_code"],
        created_date_time=record["created_date_time"],
        version=record["version"],
        holds_place=record["holds_place"],
        transfer_id=record["transfer_id"],
        offer_id=record["offer_id"],
    )


def admission_record(admission: Admission) -> Record:
    """The row of `admissions` for an admission."""
    return {
        "admission_id": admission.admission_id,
        "event_id": admission.event_id,
        "order_id": admission.order_id,
        "ticket_id": admission.ticket_type_id,
        "user_id": admission.user_id,
        "attendee_email": admission.attendee.email,
        "attendee_first_name": admission.attendee.first_name,
        "attendee_last_name": admission.attendee.last_name,
        "status": admission.status.value,
        "holds_place": admission.holds_place,
        "generation": admission.generation,
        "entered_at": admission.entered_at,
        "entered_gate": admission.entered_gate,
        "human_code": admission.human_code,
        "created_date_time": admission.created_date_time,
        "version": admission.version,
        "transfer_id": admission.transfer_id,
        "offer_id": admission.offer_id,
    }


def transfer_of(record: Record) -> Transfer:
    """The transfer in a row of `transfers`."""
    return Transfer(
        transfer_id=record["transfer_id"],
        admission_id=record["admission_id"],
        event_id=record["event_id"],
        recipient=Attendee(record["email"], record["first_name"], record["last_name"]),
        status=TransferStatus(record["status"]),
        created_date_time=record["created_date_time"],
        expires_at=record["expires_at"],
        ended_date_time=record["ended_date_time"],
        version=record["version"],
    )


def transfer_record(transfer: Transfer) -> Record:
    """The row of `transfers` for a transfer."""
    return {
        "transfer_id": transfer.transfer_id,
        "admission_id": transfer.admission_id,
        "event_id": transfer.event_id,
        "email": transfer.recipient.email,
        "first_name": transfer.recipient.first_name,
        "last_name": transfer.recipient.last_name,
        "status": transfer.status.value,
        "created_date_time": transfer.created_date_time,
        "expires_at": transfer.expires_at,
        "ended_date_time": transfer.ended_date_time,
        "version": transfer.version,
    }


async def read_transfer(store: Store, transfer_id: str) -> Transfer | None:
    """The transfer with this id, as last committed."""
    record = await store.get(TRANSFERS, (transfer_id,))
    return None if record is None else transfer_of(record)


async def transfers_of(store: Store, admission_id: str) -> list[Transfer]:
    """The last hundred offers of an admission, the oldest first, as the index has them."""
    page = await store.query(index("transfers_by_admission"), admission_id, limit=PAGE_LIMIT_MAX, descending=True)
    return [transfer_of(record) for record in reversed(page.records)]


async def read_admission(store: Store, admission_id: str) -> Admission | None:
    """The admission with this id, as last committed."""
    record = await store.get(ADMISSIONS, (admission_id,))
    return None if record is None else admission_of(record)


async def read_admissions(store: Store, admission_ids: Sequence[str]) -> tuple[Admission, ...]:
    """Those of these admissions that exist, as last committed, in the order given.

    With `rules.admission_ids` it answers for an order what `admissions_of_order` may answer too late.
    """
    records = await store.get_many(ADMISSIONS, [(admission_id,) for admission_id in admission_ids])
    return tuple(admission_of(record) for record in records if record is not None)


async def admissions_of_order(store: Store, order_id: str) -> tuple[Admission, ...]:
    """An order's admissions, by id, at most 50. The index may lag: for decisions, `read_admissions` reads by key."""
    page = await store.query(index("admissions_by_order"), order_id, limit=TICKETS_PER_ORDER_MAX)
    return tuple(admission_of(record) for record in page.records)


async def admissions_by_human_code(store: Store, human_code: str) -> tuple[Admission, ...]:
    """The admissions with this code, as last committed: the index, which may lag, names them, and each is read by key."""
    page = await store.query(index("admissions_by_human_code"), human_code, limit=HUMAN_CODE_CANDIDATES_MAX)
    found = await read_admissions(store, [record["admission_id"] for record in page.records])
    return tuple(admission for admission in found if admission.human_code == human_code)


async def walk_of_user(
    store: Store, user_id: str, *, before_event_id: str | None, limit: int, cursor: str | None
) -> Page:
    """Rows of a user's admissions at events before this one, the newest event first. Raises BadCursor."""
    return await store.query(
        index("admissions_by_user"),
        user_id,
        within=Range(end=before_event_id),
        limit=limit,
        cursor=cursor,
        descending=True,
    )


async def walk_of_event(store: Store, event_id: str, *, after_admission_id: str | None, limit: int) -> Page:
    """Rows of an event's admissions after this one, by id."""
    # All ids have the same length, so nothing lies between one and the same with a letter more.
    start = None if after_admission_id is None else f"{after_admission_id}0"
    return await store.query(index("admissions_by_event"), event_id, within=Range(start=start), limit=limit)
