"""A ticket that was offered is accepted: it belongs to the recipient from then on."""

from dataclasses import dataclass, replace
from datetime import datetime

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, permits
from ticketing.accounts.store import read_user
from ticketing.admission import rules
from ticketing.admission.actions import fact, transfer_again
from ticketing.admission.model import Admission, Attendee, Transfer, TransferStatus
from ticketing.admission.signing import human_code_of
from ticketing.admission.store import admission_record, read_admission, read_transfer, transfer_record
from ticketing.admission.tokens import is_offer_token
from ticketing.base.bounds import DECISION_ROUNDS_MAX
from ticketing.base.changes import Change, Check, Insert, Replace
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.once import Keep, commit_once
from ticketing.base.store import Busy, Conflict
from ticketing.events.store import read_event
from ticketing.sales.model import Customer
from ticketing.sales.store import guest_id, guest_record
from ticketing.schema.tables import ADMISSIONS, EVENTS, TRANSFERS, USERS


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A ticket in the hands of its recipient, and the transfer that brought it there."""

    admission: Admission
    transfer: Transfer


async def offered_transfer(house: House, who: Principal, transfer_id: str, token: str) -> Transfer:
    """The transfer, for whoever has the offer's token. Raises NotFound; also for an API key that may not change orders."""
    transfer = await read_transfer(house.store, transfer_id)
    if transfer is None or not is_offer_token(house.keys, token, transfer_id):
        raise NotFound
    if who.user is not None and not permits(who, Right.CHANGE_OWN_ORDERS, owner_user_id=who.user.user_id):
        raise NotFound
    return transfer


async def accept(
    house: House,
    who: Principal,
    transfer: Transfer,
    *,
    holder: Attendee | None,
    language: str,
    keep: Keep[HandedOver],
    now: datetime,
) -> HandedOver:
    """The ticket is the recipient's: of the user who is logged in, or of the guest with the holder's address.

    `holder` is how the recipient wants to be called and where the ticket is mailed, in this language; None: as it was offered.

    One commit changes who holds it, its code and the transfer; the old code and whoever gave it away are out from then on. Accepted
    again, it is told again, while it is still held by this transfer. Raises as `rules.accepted`.
    """
    for _ in range(DECISION_ROUNDS_MAX):
        admission = await read_admission(house.store, transfer.admission_id)
        assert admission is not None, "admissions are never deleted"
        if transfer.status is TransferStatus.ACCEPTED and admission.transfer_id == transfer.transfer_id:
            return HandedOver(admission, transfer)
        event = await read_event(house.store, transfer.event_id)
        assert event is not None, "an event that was public is never deleted"
        named = transfer.recipient if holder is None else holder
        guest = guest_id(house, named.email)
        user_id = guest if who.user is None else who.user.user_id
        changed, ended = rules.accepted(
            admission,
            transfer,
            event,
            holder=named,
            user_id=user_id,
            human_code=lambda admission_id, generation: human_code_of(house.keys, admission_id, generation),
            now=now,
        )
        changes: list[Change] = [
            Replace(ADMISSIONS, admission_record(changed)),
            Replace(TRANSFERS, transfer_record(ended)),
            Check(EVENTS, (event.event_id,), event.version),
            *fact(
                house,
                "admission.transferred",
                admission,
                event,
                now=now,
                transfer_id=transfer.transfer_id,
                language=language,
            ),
        ]
        if who.user is None and await read_user(house.store, guest) is None:
            customer = Customer(named.email, named.first_name, named.last_name)
            changes.append(Insert(USERS, guest_record(guest, customer, now=now)))
        done = HandedOver(replace(changed, version=admission.version + 1), replace(ended, version=transfer.version + 1))
        try:
            await commit_once(house, (*keep(done), *changes))
        except Conflict:
            transfer = await transfer_again(house, transfer)
            continue
        return done
    raise Busy
