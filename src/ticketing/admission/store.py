"""The reads and records of admissions."""

from collections.abc import Sequence

from ticketing.admission.model import Admission, AdmissionStatus, Attendee
from ticketing.base.bounds import TICKETS_PER_ORDER_MAX
from ticketing.base.store import Store
from ticketing.base.tables import Record
from ticketing.schema.tables import ADMISSIONS, index


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
        "generation": admission.generation,
        "entered_at": admission.entered_at,
        "entered_gate": admission.entered_gate,
        "human_code": admission.human_code,
        "created_date_time": admission.created_date_time,
        "version": admission.version,
    }


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
