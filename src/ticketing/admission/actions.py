"""Use cases of admissions: who may read and change them, renaming, and offering them to somebody else."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, Unauthenticated, permits
from ticketing.admission import rules
from ticketing.admission.model import Admission, Attendee, Transfer
from ticketing.admission.signing import human_code_of
from ticketing.admission.store import (
    admission_record,
    read_admission,
    read_transfer,
    transfer_record,
)
from ticketing.admission.tokens import is_holder_token, is_offer_token
from ticketing.base.bounds import DECISION_ROUNDS_MAX
from ticketing.base.changes import Change, Check, Insert, Replace
from ticketing.base.errors import ChangedMeanwhile, NotFound
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.events.model import Event
from ticketing.events.store import read_event
from ticketing.schema.facts import happened
from ticketing.schema.tables import ADMISSIONS, EVENTS, TRANSFERS


@dataclass(frozen=True, slots=True)
class Access:
    """The right that a holder needs over an own admission, and the one that its event's organizer needs."""

    own: Right
    of_event: Right


TO_READ: Final = Access(own=Right.READ_OWN_ORDERS, of_event=Right.READ_ORDERS_OF_EVENT)
TO_CHANGE: Final = Access(own=Right.CHANGE_OWN_ORDERS, of_event=Right.CHANGE_ORDERS_OF_EVENT)


def holds(house: House, who: Principal, admission: Admission, right: Right) -> bool:
    """Whether this principal has the ticket: by its order's token while it was not handed over, by its holder's, or as its user.

    Who handed it over does not have it any more, though the order stays theirs.
    """
    if who.order_token is not None:
        return admission.transfer_id is None and house.keys.is_order_token(who.order_token, admission.order_id)
    if who.ticket_token is not None:
        return admission.transfer_id is not None and is_holder_token(
            house.keys, who.ticket_token, admission.transfer_id
        )
    return permits(who, right, owner_user_id=admission.user_id)


async def admission_for(house: House, who: Principal, admission_id: str, access: Access) -> Admission:
    """The admission, to which this principal has access: as who holds it, its organizer or admin.

    Raises Unauthenticated without credentials, NotFound without access.
    """
    if who.is_stranger:
        raise Unauthenticated
    admission = await read_admission(house.store, admission_id)
    if admission is None:
        raise NotFound
    if holds(house, who, admission, access.own):
        return admission
    event = await read_event(house.store, admission.event_id)
    if event is None or not permits(who, access.of_event, owner_user_id=event.organizer_user_id):
        raise NotFound
    return admission


async def rename(house: House, admission: Admission, attendee: Attendee, *, now: datetime) -> Admission:
    """The admission has another attendee, and with that another code. `admission` is as it was read.

    Raises as `rules.renamed`; ChangedMeanwhile where a scan, a transfer or a refund came between.
    """
    changed = rules.renamed(admission, attendee, human_code=_human_codes(house))
    if changed is admission:
        return admission
    event = await _event_of(house, admission)
    told = fact(house, "admission.renamed", admission, event, now=now)
    try:
        await house.store.commit((Replace(ADMISSIONS, admission_record(changed)), *told))
    except Conflict as conflict:
        raise ChangedMeanwhile from conflict
    return replace(changed, version=admission.version + 1)


def _human_codes(house: House) -> rules.HumanCode:
    return lambda admission_id, generation: human_code_of(house.keys, admission_id, generation)


def fact(
    house: House, kind: str, admission: Admission, event: Event, *, now: datetime, **content: str
) -> tuple[Change, ...]:
    """The changes that store what happened to an admission, to be told later: `admission` as it was before.

    `held_by` in it is the transfer by which its holder had it; without one, that was who ordered it.
    """
    if admission.transfer_id is not None:
        content["held_by"] = admission.transfer_id
    return happened(
        house,
        kind,
        whose=event.organizer_user_id,
        event_id=admission.event_id,
        subject_id=admission.admission_id,
        now=now,
        order_id=admission.order_id,
        admission_id=admission.admission_id,
        **content,
    )


async def _event_of(house: House, admission: Admission) -> Event:
    event = await read_event(house.store, admission.event_id)
    assert event is not None, "an event that was public is never deleted"
    return event


# transfer ------------------------------------------------------------------------------------------------------------


async def offer(
    house: House, admission: Admission, recipient: Attendee, *, keep: Keep[Transfer], now: datetime
) -> Transfer:
    """The ticket is offered to this person, and stays good where it is until that is accepted. Raises as `rules.offered`.

    The event is checked in the commit, so that an offer is not made while the organizer forbids it.
    """
    transfer_id = house.new_id("trf", now)
    for _ in range(DECISION_ROUNDS_MAX):
        event = await _event_of(house, admission)
        current = None if admission.offer_id is None else await read_transfer(house.store, admission.offer_id)
        changed, transfer = rules.offered(
            admission, event, recipient, current=current, transfer_id=transfer_id, now=now
        )
        changes: tuple[Change, ...] = (
            Replace(ADMISSIONS, admission_record(changed)),
            Insert(TRANSFERS, transfer_record(transfer)),
            Check(EVENTS, (event.event_id,), event.version),
            *fact(house, "admission.offered", admission, event, now=now, transfer_id=transfer_id),
        )
        try:
            await commit_once(house, (*keep(transfer), *changes))
        except Conflict:
            admission = await _read_again(house, admission)
            continue
        return transfer
    raise Busy


async def withdraw(house: House, transfer: Transfer, *, keep: Keep[Transfer], now: datetime) -> Transfer:
    """The offer is off, since who made it wants it so. Raises as `rules.withdrawn`."""
    return await _call_off(house, transfer, "admission.offer_withdrawn", keep=keep, now=now)


async def decline(house: House, transfer: Transfer, *, keep: Keep[Transfer], now: datetime) -> Transfer:
    """The offer is off, since its recipient does not want the ticket, which stays where it is. Raises as `rules.withdrawn`."""
    return await _call_off(house, transfer, "admission.offer_declined", keep=keep, now=now)


async def _call_off(house: House, transfer: Transfer, kind: str, *, keep: Keep[Transfer], now: datetime) -> Transfer:
    for _ in range(DECISION_ROUNDS_MAX):
        admission = await read_admission(house.store, transfer.admission_id)
        assert admission is not None, "admissions are never deleted"
        changed, ended = rules.withdrawn(admission, transfer, now=now)
        event = await _event_of(house, admission)
        shown = replace(ended, version=transfer.version + 1)
        changes: tuple[Change, ...] = (
            Replace(ADMISSIONS, admission_record(changed)),
            Replace(TRANSFERS, transfer_record(ended)),
            *fact(house, kind, admission, event, now=now, transfer_id=transfer.transfer_id),
        )
        try:
            await commit_once(house, (*keep(shown), *changes))
        except Conflict:
            transfer = await transfer_again(house, transfer)
            continue
        return shown
    raise Busy


async def _read_again(house: House, admission: Admission) -> Admission:
    read = await read_admission(house.store, admission.admission_id)
    assert read is not None, "admissions are never deleted"
    return read


async def transfer_again(house: House, transfer: Transfer) -> Transfer:
    """The transfer as it is now."""
    read = await read_transfer(house.store, transfer.transfer_id)
    assert read is not None, "transfers are never deleted"
    return read


async def transfer_for(
    house: House, who: Principal, transfer_id: str, access: Access, *, recipient_too: bool = False
) -> Transfer:
    """The transfer, for who has its ticket now and its event's organizer, and with `recipient_too` for who has the offer's token.

    Raises Unauthenticated without credentials, NotFound without access.
    """
    if who.is_stranger:
        raise Unauthenticated
    transfer = await read_transfer(house.store, transfer_id)
    if transfer is None:
        raise NotFound
    if recipient_too and who.ticket_token is not None and is_offer_token(house.keys, who.ticket_token, transfer_id):
        return transfer
    await admission_for(house, who, transfer.admission_id, access)
    return transfer
