"""Use cases of admissions: who may read and rename them, and renaming."""

from dataclasses import dataclass, replace
from typing import Final

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, Unauthenticated, permits
from ticketing.admission.model import Admission, Attendee
from ticketing.admission.rules import renamed
from ticketing.admission.store import admission_record, read_admission
from ticketing.base.changes import Replace
from ticketing.base.errors import ChangedMeanwhile, NotFound
from ticketing.base.house import House
from ticketing.base.store import Conflict
from ticketing.events.store import read_event
from ticketing.schema.tables import ADMISSIONS


@dataclass(frozen=True, slots=True)
class Access:
    """The right that a holder needs over an own admission, and the one that its event's organizer needs."""

    own: Right
    of_event: Right


TO_READ: Final = Access(own=Right.READ_OWN_ORDERS, of_event=Right.READ_ORDERS_OF_EVENT)
TO_CHANGE: Final = Access(own=Right.CHANGE_OWN_ORDERS, of_event=Right.CHANGE_ORDERS_OF_EVENT)


async def admission_for(house: House, who: Principal, admission_id: str, access: Access) -> Admission:
    """The admission, to which this principal has access: by its order's token, as its buyer, organizer or admin.

    Raises Unauthenticated without credentials, NotFound without access.
    """
    if who.is_stranger:
        raise Unauthenticated
    admission = await read_admission(house.store, admission_id)
    if admission is None:
        raise NotFound
    if who.order_token is not None:
        if not house.keys.is_order_token(who.order_token, admission.order_id):
            raise NotFound
        return admission
    if permits(who, access.own, owner_user_id=admission.user_id):
        return admission
    event = await read_event(house.store, admission.event_id)
    if event is None or not permits(who, access.of_event, owner_user_id=event.organizer_user_id):
        raise NotFound
    return admission


async def rename(house: House, admission: Admission, attendee: Attendee) -> Admission:
    """The admission has another attendee. `admission` is as it was read.

    Raises AdmissionVoid, AdmissionUsed; ChangedMeanwhile where a scan or a refund came between.
    """
    changed = renamed(admission, attendee)
    try:
        await house.store.commit((Replace(ADMISSIONS, admission_record(changed)),))
    except Conflict as conflict:
        raise ChangedMeanwhile from conflict
    return replace(changed, version=admission.version + 1)
