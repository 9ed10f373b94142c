"""What may become of an admission."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from ticketing.admission.codes import GENERATION_MAX
from ticketing.admission.model import Admission, AdmissionStatus, Attendee, Transfer, TransferStatus
from ticketing.base.bounds import TICKETS_PER_ORDER_MAX, TRANSFER_OFFER_LASTS
from ticketing.base.errors import Kind, Refusal
from ticketing.base.ids import ENTROPY_BITS, from_int, to_int
from ticketing.events.model import Event, EventStatus
from ticketing.events.rules import EventCancelled

GENERATION_FIRST: Final = 1

HumanCode: TypeAlias = Callable[[str, int], str]
"""Gives the short code of an admission's id and generation."""


class AdmissionUsed(Refusal):
    """Somebody entered with the admission, so it is theirs."""

    code = "admission_used"
    kind = Kind.CONFLICT
    title = "Somebody entered with this ticket already, so its attendee stays."


class WalletNotOffered(Refusal):
    """This site has no keys for this wallet."""

    code = "wallet_not_offered"
    kind = Kind.NOT_FOUND
    title = "This site puts no tickets into this wallet."


class AdmissionVoid(Refusal):
    """The admission was refunded or withdrawn."""

    code = "admission_void"
    kind = Kind.CONFLICT
    title = "This ticket is void."


class TransfersNotAllowed(Refusal):
    """The organizer does not let this event's tickets change hands."""

    code = "transfers_not_allowed"
    kind = Kind.CONFLICT
    title = "Tickets of this event cannot be handed over."


class EventOver(Refusal):
    """The event is over."""

    code = "event_over"
    kind = Kind.CONFLICT
    title = "This event is over."


class AlreadyOffered(Refusal):
    """The ticket is offered to somebody, who may still accept it; `transfer_id` says by which offer."""

    code = "already_offered"
    kind = Kind.CONFLICT
    title = "This ticket is offered to somebody already. Withdraw that offer first."


class OfferEnded(Refusal):
    """The offer was accepted, declined or withdrawn, or another one took its place."""

    code = "offer_ended"
    kind = Kind.CONFLICT
    title = "This offer is no longer open: it was accepted, declined or withdrawn."


class OfferExpired(Refusal):
    """Nobody accepted the offer in time; the ticket stayed where it was."""

    code = "offer_expired"
    kind = Kind.CONFLICT
    title = "This offer ran out. Ask for a new one."


class TooManyCodes(Refusal):
    """The ticket had as many codes, one after the other, as there can be."""

    code = "too_many_codes"
    kind = Kind.CONFLICT
    title = "This ticket was renamed and handed over too often."


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


def renamed(admission: Admission, attendee: Attendee, *, human_code: HumanCode) -> Admission:
    """The admission with another attendee; it takes no new place, so it works when all is sold.

    Another person has another code: the old one, perhaps printed with the old name, opens no door any more. The same attendee again
    changes nothing. Raises AdmissionVoid, AdmissionUsed, TooManyCodes.
    """
    refuse_void(admission)
    refuse_used(admission)
    if attendee == admission.attendee:
        return admission
    return _with_new_code(replace(admission, attendee=attendee), human_code=human_code)


def _with_new_code(admission: Admission, *, human_code: HumanCode) -> Admission:
    if admission.generation >= GENERATION_MAX:
        raise TooManyCodes
    generation = admission.generation + 1
    return replace(admission, generation=generation, human_code=human_code(admission.admission_id, generation))


# transfer ------------------------------------------------------------------------------------------------------------


def offered(
    admission: Admission,
    event: Event,
    recipient: Attendee,
    *,
    current: Transfer | None,
    transfer_id: str,
    now: datetime,
) -> tuple[Admission, Transfer]:
    """The admission and the offer of it to this recipient; the admission stays good with whoever has it, until that is accepted.

    `current` is the transfer that the admission's `offer_id` names. Raises as `refuse_transfer`, then AlreadyOffered.
    """
    refuse_transfer(admission, event, now=now)
    if current is not None and current.is_open(now=now):
        raise AlreadyOffered(transfer_id=current.transfer_id)
    until = now + TRANSFER_OFFER_LASTS
    transfer = Transfer(
        transfer_id=transfer_id,
        admission_id=admission.admission_id,
        event_id=admission.event_id,
        recipient=recipient,
        status=TransferStatus.OFFERED,
        created_date_time=now,
        expires_at=until if event.status is EventStatus.POSTPONED else min(until, event.end_date_time),
        ended_date_time=None,
        version=1,
    )
    return replace(admission, offer_id=transfer_id), transfer


def refuse_transfer(admission: Admission, event: Event, *, now: datetime) -> None:
    """Nothing, where the admission may change hands.

    Raises AdmissionVoid, AdmissionUsed, EventCancelled, EventOver, TransfersNotAllowed.
    """
    refuse_void(admission)
    refuse_used(admission)
    if event.status is EventStatus.CANCELLED:
        raise EventCancelled
    if event.status is not EventStatus.POSTPONED and now >= event.end_date_time:
        raise EventOver
    if not event.transfers_allowed:
        raise TransfersNotAllowed


def withdrawn(admission: Admission, transfer: Transfer, *, now: datetime) -> tuple[Admission, Transfer]:
    """The admission and the offer that is off, withdrawn or declined. Raises OfferEnded where it was accepted, off or replaced before."""
    refuse_ended(admission, transfer)
    ended = replace(transfer, status=TransferStatus.WITHDRAWN, ended_date_time=now)
    return replace(admission, offer_id=None), ended


def accepted(
    admission: Admission,
    transfer: Transfer,
    event: Event,
    *,
    holder: Attendee,
    user_id: str,
    human_code: HumanCode,
    now: datetime,
) -> tuple[Admission, Transfer]:
    """The admission in the hands of this holder, who is this user, with a code of its own; and the transfer that is done.

    `holder` is the recipient as the recipient says it: the transfer names that person from then on. Raises as `refuse_acceptance`,
    TooManyCodes.
    """
    refuse_acceptance(admission, transfer, event, now=now)
    handed_over = replace(admission, attendee=holder, user_id=user_id, transfer_id=transfer.transfer_id, offer_id=None)
    ended = replace(transfer, recipient=holder, status=TransferStatus.ACCEPTED, ended_date_time=now)
    return _with_new_code(handed_over, human_code=human_code), ended


def refuse_acceptance(admission: Admission, transfer: Transfer, event: Event, *, now: datetime) -> None:
    """Nothing, while the offer can be accepted. Raises OfferEnded, OfferExpired, then as `refuse_transfer`."""
    refuse_ended(admission, transfer)
    if not transfer.is_open(now=now):
        raise OfferExpired
    refuse_transfer(admission, event, now=now)


def refuse_ended(admission: Admission, transfer: Transfer) -> None:
    """Nothing, where the admission is still offered by this transfer. Raises OfferEnded."""
    if transfer.status is not TransferStatus.OFFERED or admission.offer_id != transfer.transfer_id:
        raise OfferEnded


def refuse_used(admission: Admission) -> None:
    """Nothing, unless somebody entered with it. Raises AdmissionUsed."""
    if admission.status is AdmissionStatus.USED:
        raise AdmissionUsed


def refuse_void(admission: Admission) -> None:
    """Nothing, unless it is void. Raises AdmissionVoid."""
    if admission.is_void:
        raise AdmissionVoid
