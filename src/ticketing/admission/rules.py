"""What may become of an admission."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from ticketing.admission.model import Admission, AdmissionStatus, Attendee
from ticketing.base.bounds import TICKETS_PER_ORDER_MAX
from ticketing.base.errors import Kind, Refusal
from ticketing.base.ids import ENTROPY_BITS, from_int, to_int

GENERATION_FIRST: Final = 1


class AdmissionUsed(Refusal):
    """Somebody entered with the admission, so it is theirs."""

    code = "admission_used"
    kind = Kind.CONFLICT
    title = "Somebody entered with this ticket already, so its attendee stays."


class AdmissionVoid(Refusal):
    """The admission was refunded or withdrawn."""

    code = "admission_void"
    kind = Kind.CONFLICT
    title = "This ticket is void."


def admission_ids(order_id: str, count: int) -> tuple[str, ...]:
    """The ids of an order's admissions, 0 <= `count` <= 50: the same whenever asked, so that they are read by key.

    Each has the time of its order and 80 bits of a hash, so that no admission is issued twice for one place of an order.
    Knowing an id opens nothing: reading it needs its owner, entering needs its signed code.
    """
    assert 0 <= count <= TICKETS_PER_ORDER_MAX
    order_value = to_int(order_id)
    time_part = order_value >> ENTROPY_BITS << ENTROPY_BITS
    seed = order_value.to_bytes(16, "big")
    return tuple(
        from_int("adm", time_part | int.from_bytes(_digest(seed, position)[: ENTROPY_BITS // 8], "big"))
        for position in range(count)
    )


def _digest(seed: bytes, position: int) -> bytes:
    return hashlib.sha256(b"admission of order " + seed + bytes((position,))).digest()


def new_admissions(
    *,
    order_id: str,
    event_id: str,
    user_id: str,
    attendee: Attendee,
    lines: Sequence[tuple[str, int]],
    human_code: Callable[[str], str],
    now: datetime,
) -> tuple[Admission, ...]:
    """The admissions of an order, in the order of its `lines` (ticket type id, quantity); their sum is at most 50.

    `human_code` gives the short code of an admission id: `signer_of(house.keys).human_code`.
    """
    ticket_type_ids = [ticket_type_id for ticket_type_id, quantity in lines for _ in range(quantity)]
    return tuple(
        Admission(
            admission_id=admission_id,
            event_id=event_id,
            order_id=order_id,
            ticket_type_id=ticket_type_id,
            user_id=user_id,
            attendee=attendee,
            status=AdmissionStatus.VALID,
            generation=GENERATION_FIRST,
            entered_at=None,
            entered_gate=None,
            human_code=human_code(admission_id),
            created_date_time=now,
            version=1,
        )
        for admission_id, ticket_type_id in zip(
            admission_ids(order_id, len(ticket_type_ids)), ticket_type_ids, strict=True
        )
    )


def voided(admission: Admission) -> Admission:
    """The admission opens no door any more; a void one stays as it is. Its version is still the one that was read.

    Its place goes back to the sale, unless somebody entered with it.
    """
    holds_place = admission.holds_place and admission.status is not AdmissionStatus.VALID
    return replace(admission, status=AdmissionStatus.VOID, holds_place=holds_place)


def renamed(admission: Admission, attendee: Attendee) -> Admission:
    """The admission with another attendee; it takes no new place, so it works when all is sold.

    The code stays good: whoever renames has it and hands it on. Raises AdmissionVoid, then AdmissionUsed.
    """
    refuse_void(admission)
    if admission.status is AdmissionStatus.USED:
        raise AdmissionUsed
    return replace(admission, attendee=attendee)


def refuse_void(admission: Admission) -> None:
    """Nothing, unless it is void. Raises AdmissionVoid."""
    if admission.is_void:
        raise AdmissionVoid
