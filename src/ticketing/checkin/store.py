"""The reads and records of check-ins and door devices."""

from ticketing.base.changes import Pool
from ticketing.base.store import Page, Store
from ticketing.base.tables import Record
from ticketing.checkin.model import CheckIn, Direction
from ticketing.schema.tables import CHECK_INS, DEVICES, EVENTS


def check_in_of(record: Record) -> CheckIn:
    """The check-in in a row of `check_ins`."""
    return CheckIn(
        event_id=record["event_id"],
        scan_id=record["scan_id"],
        fingerprint=record["fingerprint"],
        admission_id=record["admission_id"],
        direction=Direction(record["direction"]),
        result=record["result"],
        status=record["answer"]["status"],
        sealed_answer=record["answer"]["sealed"],
        gate=record["gate"],
        scanned_by=record["scanned_by"],
        scanned_at=record["scanned_at"],
        created_date_time=record["created_date_time"],
    )


def check_in_record(check_in: CheckIn) -> Record:
    """The row of `check_ins` for a check-in."""
    return {
        "event_id": check_in.event_id,
        "scan_id": check_in.scan_id,
        "fingerprint": check_in.fingerprint,
        "admission_id": check_in.admission_id,
        "direction": check_in.direction.value,
        "result": check_in.result,
        "answer": {"status": check_in.status, "sealed": check_in.sealed_answer},
        "gate": check_in.gate,
        "scanned_by": check_in.scanned_by,
        "scanned_at": check_in.scanned_at,
        "created_date_time": check_in.created_date_time,
    }


async def read_check_in(store: Store, *, event_id: str, scan_id: str) -> CheckIn | None:
    """The check-in that was kept under this scan id."""
    record = await store.get(CHECK_INS, (event_id, scan_id))
    return None if record is None else check_in_of(record)


async def page_of_devices(store: Store, event_id: str, *, limit: int, cursor: str | None) -> Page:
    """Rows of an event's door devices, oldest first. Raises BadCursor."""
    return await store.query(DEVICES.index("devices_by_event"), event_id, limit=limit, cursor=cursor)


def devices_pool(event_id: str) -> Pool:
    """How many more door devices this event may have."""
    return Pool(EVENTS, (event_id,), "devices_available")
