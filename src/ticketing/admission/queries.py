"""Views of admissions: one ticket, the events that a user attends, the attendees of an event."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from ticketing.accounts.model import Principal
from ticketing.accounts.permissions import Right, Unauthenticated, permits
from ticketing.admission.codes import normalise_human_code
from ticketing.admission.model import Admission, AdmissionStatus, Attendee, Transfer, TransferStatus
from ticketing.admission.signing import code_of
from ticketing.admission.store import (
    admission_of,
    admissions_by_human_code,
    transfers_of,
    walk_of_event,
    walk_of_user,
)
from ticketing.base.errors import NotFound
from ticketing.base.house import House, Keys
from ticketing.base.ids import is_id, order_code
from ticketing.base.store import BadCursor, Store
from ticketing.base.times import shown
from ticketing.events.model import Event, folded
from ticketing.events.store import event_of, read_event
from ticketing.schema.tables import EVENTS

ROWS_PER_READ: Final = 500
"""Rows of a filtered list that are read at once: a few hundred kilobytes."""
READS_PER_PAGE_MAX: Final = 10
"""A search that finds little stops here with a cursor to go on from, so that no request walks a whole stadium."""
ADMISSIONS_COUNTED_MAX: Final = 100
"""A resale desk may have thousands at one event; a page of events need not read them all."""


def admission_view(keys: Keys, admission: Admission, *, is_holder: bool = True) -> dict[str, Any]:
    """An admission as its holder and its organizer see it; a void one shows no code.

    Who handed it over sees that it was, and neither its code nor who holds it now: that person may have handed it on.
    """
    attendee = admission.attendee if is_holder else Attendee("", "", "")
    shows_code = is_holder and not admission.is_void
    return {
        "admission_id": admission.admission_id,
        "event_id": admission.event_id,
        "order_id": admission.order_id,
        "ticket_type_id": admission.ticket_type_id,
        "status": admission.status.value,
        "code": code_of(keys, admission) if shows_code else None,
        "human_code": admission.human_code if shows_code else None,
        "attendee": {
            "email": attendee.email,
            "first_name": attendee.first_name,
            "last_name": attendee.last_name,
        },
        "handed_over": admission.transfer_id is not None,
        "offer_id": admission.offer_id if is_holder else None,
        "created_date_time": shown(admission.created_date_time),
    }


def transfer_view(transfer: Transfer, *, now: datetime) -> dict[str, Any]:
    """A transfer as JSON. One that ran out is `expired`, which nobody had to write down."""
    ran_out = transfer.status is TransferStatus.OFFERED and not transfer.is_open(now=now)
    return {
        "transfer_id": transfer.transfer_id,
        "admission_id": transfer.admission_id,
        "event_id": transfer.event_id,
        "status": "expired" if ran_out else transfer.status.value,
        "recipient": {
            "email": transfer.recipient.email,
            "first_name": transfer.recipient.first_name,
            "last_name": transfer.recipient.last_name,
        },
        "created_date_time": shown(transfer.created_date_time),
        "expires_at": shown(transfer.expires_at),
        "ended_date_time": _shown_or_none(transfer.ended_date_time),
    }


async def handed_to(store: Store, admission: Admission, *, held_by: str | None) -> Attendee | None:
    """To whom it went from who held it by this transfer (None: from who ordered it), as that person accepted it.

    None where it did not go on from there, or an index that lags does not know yet. Whose it became after that is nobody's business.
    """
    accepted = [
        each for each in await transfers_of(store, admission.admission_id) if each.status is TransferStatus.ACCEPTED
    ]
    accepted.sort(key=lambda each: (each.ended_date_time, each.transfer_id))
    ids = [each.transfer_id for each in accepted]
    if held_by is not None and held_by not in ids:
        return None
    later = accepted[0 if held_by is None else ids.index(held_by) + 1 :]
    return later[0].recipient if later else None


# The events that a user attends --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttendedEvent:
    """An event, and how many tickets that are not void a user has for it; 100 stands for 100 or more.

    Of those that were counted: the user's own orders that brought them, and the transfers by which others were handed over.
    """

    event: Event
    admissions_count: int
    order_ids: tuple[str, ...]
    transfer_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttendedPage:
    """Some attended events, and where to go on."""

    attended: list[AttendedEvent]
    next_cursor: str | None


async def events_attended(store: Store, user_id: str, *, limit: int, cursor: str | None) -> AttendedPage:
    """The distinct events for which this user has a ticket that is not void, the newest event first. Raises BadCursor.

    A read brings many admissions, so most pages cost one or two, and an event with hundreds is jumped over.
    """
    if cursor is not None and not is_id(cursor, "evt"):
        raise BadCursor
    counts, next_cursor = await _counted(store, user_id, limit=limit, before=cursor)
    records = await store.get_many(EVENTS, [(event_id,) for event_id in counts]) if counts else []
    events = [event_of(record) for record in records if record is not None]
    attended = [counts[event.event_id].attended(event) for event in events]
    return AttendedPage(attended, next_cursor)


@dataclass(slots=True)
class _Count:
    """Tickets of one event as they are counted, and how they came, each way once."""

    tickets: int = 0
    order_ids: dict[str, None] = field(default_factory=dict)
    transfer_ids: dict[str, None] = field(default_factory=dict)

    def add(self, admission: Admission) -> None:
        if self.tickets < ADMISSIONS_COUNTED_MAX:
            self.tickets += 1
            if admission.transfer_id is None:
                self.order_ids[admission.order_id] = None
            else:
                self.transfer_ids[admission.transfer_id] = None

    def attended(self, event: Event) -> AttendedEvent:
        return AttendedEvent(event, self.tickets, tuple(self.order_ids), tuple(self.transfer_ids))


async def _counted(
    store: Store, user_id: str, *, limit: int, before: str | None
) -> tuple[dict[str, _Count], str | None]:
    """Event ids before `before` in descending order with their counts, and the id to go on before (None: that was all)."""
    counts: dict[str, _Count] = {}
    rows_cursor: str | None = None
    last_event_id: str | None = before
    for _ in range(2 * limit + READS_PER_PAGE_MAX):
        page = await walk_of_user(
            store, user_id, before_event_id=before, limit=ADMISSIONS_COUNTED_MAX, cursor=rows_cursor
        )
        for admission in map(admission_of, page.records):
            if not admission.is_void and admission.event_id not in counts:
                if len(counts) == limit:
                    return counts, last_event_id
                counts[admission.event_id] = _Count()
            if not admission.is_void:
                counts[admission.event_id].add(admission)
            last_event_id = admission.event_id
        if page.next_cursor is None:
            return counts, None
        last = counts.get(last_event_id or "")
        if last is not None and last.tickets == ADMISSIONS_COUNTED_MAX:
            before, rows_cursor = last_event_id, None
        else:
            rows_cursor = page.next_cursor
    return counts, last_event_id


# The attendees of an event -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AttendeeFilter:
    """Which attendees are wanted: all conditions that are not None hold. `text` is a name, an address or a code."""

    text: str | None = None
    ticket_type_id: str | None = None
    status: AdmissionStatus | None = None

    @property
    def wants_all(self) -> bool:
        """Whether every attendee is wanted."""
        return self == AttendeeFilter()


@dataclass(frozen=True, slots=True)
class AttendeeView:
    """What one who asks may see of attendees: the door sees and searches names and codes, never addresses."""

    with_emails: bool

    def shown(self, admission: Admission) -> dict[str, Any]:
        """An attendee as JSON."""
        return {
            "admission_id": admission.admission_id,
            "order_id": admission.order_id,
            "order_code": order_code(admission.order_id),
            "ticket_type_id": admission.ticket_type_id,
            "status": admission.status.value,
            "human_code": None if admission.is_void else admission.human_code,
            "attendee": {
                "email": admission.attendee.email if self.with_emails else None,
                "first_name": admission.attendee.first_name,
                "last_name": admission.attendee.last_name,
            },
            "entered_at": _shown_or_none(admission.entered_at),
            "entered_gate": admission.entered_gate,
        }

    def finds(self, admission: Admission, words: tuple[str, ...]) -> bool:
        """Whether every one of the folded `words` is in the names, or in the address where that is seen."""
        attendee = admission.attendee
        seen = folded(f"{attendee.first_name} {attendee.last_name} {attendee.email if self.with_emails else ''}")
        return all(word in seen for word in words)


def _shown_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else shown(moment)


async def attendees_view(house: House, who: Principal, event_id: str) -> AttendeeView:
    """What this principal may see of the event's attendees.

    Its organizer and admins see all; its door devices, and keys that may only check in, see no addresses. Raises
    Unauthenticated, NotFound.
    """
    if who.is_stranger:
        raise Unauthenticated
    if who.device is not None and who.device.event_id == event_id:
        return AttendeeView(with_emails=False)
    event = await read_event(house.store, event_id)
    if event is not None and permits(who, Right.READ_ORDERS_OF_EVENT, owner_user_id=event.organizer_user_id):
        return AttendeeView(with_emails=True)
    if event is not None and permits(who, Right.CHECK_IN, owner_user_id=event.organizer_user_id):
        return AttendeeView(with_emails=False)
    raise NotFound


@dataclass(frozen=True, slots=True)
class AdmissionPage:
    """Some admissions, and where to go on. A filtered page may be short or empty and still have a `next_cursor`."""

    admissions: list[Admission]
    next_cursor: str | None


async def attendees(
    store: Store, event_id: str, wanted: AttendeeFilter, view: AttendeeView, *, limit: int, cursor: str | None
) -> AdmissionPage:
    """The event's admissions that are wanted, in the order of their ids. Raises BadCursor."""
    if cursor is not None and not is_id(cursor, "adm"):
        raise BadCursor
    named = await _by_human_code(store, event_id, wanted.text) if cursor is None else None
    if named is not None:
        return AdmissionPage([named] if _is_of_kind(named, wanted) else [], None)
    found: list[Admission] = []
    after = cursor
    for _ in range(READS_PER_PAGE_MAX):
        page = await walk_of_event(
            store, event_id, after_admission_id=after, limit=limit if wanted.wants_all else ROWS_PER_READ
        )
        for place, admission in enumerate(map(admission_of, page.records), start=1):
            after = admission.admission_id
            if _is_wanted(admission, wanted, view):
                found.append(admission)
                if len(found) == limit:
                    is_last = place == len(page.records) and page.next_cursor is None
                    return AdmissionPage(found, None if is_last else after)
        if page.next_cursor is None:
            return AdmissionPage(found, None)
    return AdmissionPage(found, after)


async def _by_human_code(store: Store, event_id: str, text: str | None) -> Admission | None:
    human_code = None if text is None else normalise_human_code(text)
    if human_code is None:
        return None
    candidates = await admissions_by_human_code(store, human_code)
    return next((admission for admission in candidates if admission.event_id == event_id), None)


def _is_of_kind(admission: Admission, wanted: AttendeeFilter) -> bool:
    return (wanted.ticket_type_id is None or admission.ticket_type_id == wanted.ticket_type_id) and (
        wanted.status is None or admission.status is wanted.status
    )


def _is_wanted(admission: Admission, wanted: AttendeeFilter, view: AttendeeView) -> bool:
    if not _is_of_kind(admission, wanted):
        return False
    if wanted.text is None:
        return True
    if bare_code(wanted.text) == bare_code(order_code(admission.order_id)):
        return True
    return view.finds(admission, tuple(folded(wanted.text).split()))


_MISREAD: Final = str.maketrans("OIL", "011", "- ")


def bare_code(text: str) -> str:
    """A code as typed, without dashes and spaces, with O read as 0 and I and L as 1."""
    return text.upper().translate(_MISREAD)
