"""When a ticket may change hands, and what becomes of it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.events import AN_EVENT
from tests.support.houses import MASTER, NOON
from ticketing.admission.model import Admission, AdmissionStatus, Attendee, Transfer, TransferStatus
from ticketing.admission.rules import (
    AdmissionUsed,
    AdmissionVoid,
    AlreadyOffered,
    EventOver,
    OfferEnded,
    OfferExpired,
    TransfersNotAllowed,
    accepted,
    offered,
    voided,
    withdrawn,
)
from ticketing.admission.signing import code_of, human_code_of
from ticketing.admission.store import transfer_of, transfer_record
from ticketing.admission.tokens import holder_token, is_holder_token, is_offer_token, offer_token
from ticketing.base.bounds import TRANSFER_OFFER_LASTS
from ticketing.base.changes import Insert
from ticketing.base.house import Keys
from ticketing.base.ids import from_int
from ticketing.base.store import assert_lawful
from ticketing.events.model import Event, EventStatus
from ticketing.events.rules import EventCancelled
from ticketing.schema.tables import TRANSFERS

KEYS = Keys(MASTER)
ADA = Attendee("ada@example.org", "Ada", "Lovelace")
GRACE = Attendee("grace@example.org", "Grace", "Hopper")
SEAT = from_int("adm", 7)
EVENT = replace(AN_EVENT, event_id=from_int("evt", 7))

VALID = Admission(
    admission_id=SEAT,
    event_id=EVENT.event_id,
    order_id=from_int("ord", 7),
    ticket_type_id=from_int("tty", 7),
    user_id="usr_ada",
    attendee=ADA,
    status=AdmissionStatus.VALID,
    generation=1,
    entered_at=None,
    entered_gate=None,
    human_code=human_code_of(KEYS, SEAT, 1),
    created_date_time=NOON,
    version=4,
)


def offer(
    admission: Admission = VALID, event: Event = EVENT, current: Transfer | None = None, **more: Any
) -> tuple[Admission, Transfer]:
    return offered(admission, event, GRACE, current=current, transfer_id="trf_1", now=more.get("now", NOON))


def accept(admission: Admission, transfer: Transfer, event: Event = EVENT, **more: Any) -> tuple[Admission, Transfer]:
    return accepted(
        admission,
        transfer,
        event,
        holder=transfer.recipient,
        user_id="usr_grace",
        human_code=lambda admission_id, generation: human_code_of(KEYS, admission_id, generation),
        now=more.get("now", NOON),
    )


def test_an_offered_ticket_stays_as_good_as_it_was() -> None:
    admission, transfer = offer()

    assert admission == replace(VALID, offer_id="trf_1")
    assert code_of(KEYS, admission) == code_of(KEYS, VALID)
    assert (transfer.status, transfer.recipient) == (TransferStatus.OFFERED, GRACE)
    assert transfer.expires_at == NOON + TRANSFER_OFFER_LASTS


def test_an_offer_does_not_outlast_the_event() -> None:
    _, transfer = offer(now=EVENT.end_date_time - timedelta(hours=1))

    assert transfer.expires_at == EVENT.end_date_time


def test_an_accepted_ticket_has_another_holder_and_other_codes_and_everything_else_as_it_was() -> None:
    admission, transfer = accept(*offer())

    changed = {name: getattr(admission, name) for name in ("generation", "user_id", "transfer_id", "offer_id")}
    assert changed == {"generation": 2, "user_id": "usr_grace", "transfer_id": "trf_1", "offer_id": None}
    assert admission.attendee == GRACE
    assert code_of(KEYS, admission) != code_of(KEYS, VALID)
    assert admission.human_code != VALID.human_code
    kept = replace(
        admission,
        attendee=ADA,
        human_code=VALID.human_code,
        generation=1,
        user_id="usr_ada",
        transfer_id=None,
    )
    assert kept == VALID
    assert (transfer.status, transfer.ended_date_time) == (TransferStatus.ACCEPTED, NOON)


OFFERED, OPEN = offer()
USED = replace(VALID, status=AdmissionStatus.USED)
CANCELLED = replace(EVENT, status=EventStatus.CANCELLED)
FORBIDDING = replace(EVENT, transfers_allowed=False)
AFTERWARDS = EVENT.end_date_time


@pytest.mark.parametrize(
    ("admission", "event", "current", "now", "refusal"),
    [
        (voided(VALID), EVENT, None, NOON, AdmissionVoid),
        (USED, EVENT, None, NOON, AdmissionUsed),
        (VALID, CANCELLED, None, NOON, EventCancelled),
        (VALID, EVENT, None, AFTERWARDS, EventOver),
        (VALID, FORBIDDING, None, NOON, TransfersNotAllowed),
        (OFFERED, EVENT, OPEN, NOON, AlreadyOffered),
        # in order of precedence
        (voided(USED), CANCELLED, OPEN, AFTERWARDS, AdmissionVoid),
        (USED, CANCELLED, OPEN, AFTERWARDS, AdmissionUsed),
        (VALID, replace(CANCELLED, transfers_allowed=False), OPEN, AFTERWARDS, EventCancelled),
        (VALID, FORBIDDING, OPEN, AFTERWARDS, EventOver),
        (OFFERED, FORBIDDING, OPEN, NOON, TransfersNotAllowed),
    ],
)
def test_who_may_not_offer_is_told_the_first_reason(
    admission: Admission, event: Event, current: Transfer | None, now: Any, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        offer(admission, event, current, now=now)


def test_a_postponed_event_s_tickets_change_hands_though_its_old_date_is_past() -> None:
    admission, transfer = offer(event=replace(EVENT, status=EventStatus.POSTPONED), now=AFTERWARDS)

    assert (admission.offer_id, transfer.expires_at) == ("trf_1", AFTERWARDS + TRANSFER_OFFER_LASTS)


def test_an_offer_that_ran_out_makes_room_for_another() -> None:
    admission, _ = offer(OFFERED, EVENT, OPEN, now=OPEN.expires_at)

    assert admission.offer_id == "trf_1"


@pytest.mark.parametrize(
    ("admission", "transfer", "event", "now", "refusal"),
    [
        (replace(OFFERED, offer_id="trf_2"), OPEN, EVENT, NOON, OfferEnded),
        (replace(OFFERED, offer_id=None), OPEN, EVENT, NOON, OfferEnded),
        (OFFERED, replace(OPEN, status=TransferStatus.WITHDRAWN), EVENT, NOON, OfferEnded),
        (OFFERED, replace(OPEN, status=TransferStatus.ACCEPTED), EVENT, NOON, OfferEnded),
        (OFFERED, OPEN, EVENT, OPEN.expires_at, OfferExpired),
        (voided(OFFERED), OPEN, EVENT, NOON, AdmissionVoid),
        (replace(OFFERED, status=AdmissionStatus.USED), OPEN, EVENT, NOON, AdmissionUsed),
        (OFFERED, OPEN, CANCELLED, NOON, EventCancelled),
        (OFFERED, OPEN, FORBIDDING, NOON, TransfersNotAllowed),
    ],
)
def test_who_may_not_accept_is_told_the_first_reason(
    admission: Admission, transfer: Transfer, event: Event, now: Any, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        accept(admission, transfer, event, now=now)


def test_an_offer_is_withdrawn_once_and_an_accepted_one_never() -> None:
    admission, transfer = withdrawn(OFFERED, OPEN, now=NOON)

    assert (admission, transfer.status) == (VALID, TransferStatus.WITHDRAWN)
    for ended in ((admission, transfer), accept(OFFERED, OPEN)):
        with pytest.raises(OfferEnded):
            withdrawn(*ended, now=NOON)


def test_a_transfer_is_stored_and_read_back_as_it_was() -> None:
    _, transfer = accept(*offer())

    assert_lawful((Insert(TRANSFERS, transfer_record(transfer)),))
    assert transfer_of(transfer_record(transfer)) == transfer


def test_tokens_of_offers_and_holders_are_good_for_one_transfer_and_one_purpose() -> None:
    one, other = from_int("trf", 1), from_int("trf", 2)

    assert is_offer_token(KEYS, offer_token(KEYS, one), one)
    assert is_holder_token(KEYS, holder_token(KEYS, one), one)
    for wrong in (offer_token(KEYS, other), holder_token(KEYS, one), "tft_", "", "é", KEYS.order_token(one)):
        assert not is_offer_token(KEYS, wrong, one)
    assert not is_holder_token(KEYS, offer_token(KEYS, one).replace("tft_", "aat_"), one)
