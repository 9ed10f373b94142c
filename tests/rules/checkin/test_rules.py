"""The rules of the door."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.houses import NOON, make_house
from ticketing.admission.model import Admission, AdmissionStatus, Attendee
from ticketing.admission.rules import voided
from ticketing.base.errors import Invalid
from ticketing.base.ids import from_int
from ticketing.checkin.model import CheckIn, Direction, Passage, Scan
from ticketing.checkin.rules import (
    AlreadyIn,
    NotIn,
    OtherEvent,
    ReplacedCode,
    VoidAdmission,
    fingerprint_of,
    passage_of,
    passed,
    refuse_past,
)
from ticketing.checkin.sealing import opened, sealed
from ticketing.checkin.store import check_in_of, check_in_record

CONCERT = from_int("evt", 1)
LECTURE = from_int("evt", 2)
VALID = Admission(
    admission_id=from_int("adm", 3),
    event_id=CONCERT,
    order_id=from_int("ord", 4),
    ticket_type_id=from_int("tty", 5),
    user_id=from_int("usr", 6),
    attendee=Attendee(email="ada@example.org", first_name="Ada", last_name="Lovelace"),
    status=AdmissionStatus.VALID,
    generation=2,
    entered_at=None,
    entered_gate=None,
    human_code="7K2M-9XQ4-AB3D",
    created_date_time=NOON - timedelta(days=30),
    version=1,
)
INSIDE = replace(VALID, status=AdmissionStatus.USED, entered_at=NOON - timedelta(minutes=5), entered_gate="South")
GONE_OUT = replace(VALID, status=AdmissionStatus.USED)

IN_BY_NORTH = Passage(Direction.ENTRY, at=NOON, gate="North")
OUT_BY_NORTH = Passage(Direction.EXIT, at=NOON, gate="North")
SCAN = Scan(scan_id="scan-1", code="7K2M-9XQ4-AB3D", direction=Direction.ENTRY, scanned_at=None, gate=None)


def through(admission: Admission, passage: Passage, *, event_id: str = CONCERT, generation: int = 2) -> Admission:
    return passed(admission, passage, event_id=event_id, generation=generation)


def test_who_enters_has_used_the_admission_at_that_time_and_gate() -> None:
    after = through(VALID, IN_BY_NORTH)

    assert after == replace(VALID, status=AdmissionStatus.USED, entered_at=NOON, entered_gate="North")


def test_who_leaves_is_outside_and_has_used_the_admission_all_the_same() -> None:
    after = through(INSIDE, OUT_BY_NORTH)

    assert after == replace(INSIDE, entered_at=None, entered_gate=None)
    assert after.status is AdmissionStatus.USED


def test_who_left_may_come_back() -> None:
    assert through(GONE_OUT, IN_BY_NORTH).entered_at == NOON


@pytest.mark.parametrize(
    ("admission", "passage", "event_id", "generation", "refusal"),
    [
        (INSIDE, IN_BY_NORTH, CONCERT, 2, AlreadyIn),
        (VALID, OUT_BY_NORTH, CONCERT, 2, NotIn),
        (GONE_OUT, OUT_BY_NORTH, CONCERT, 2, NotIn),
        (VALID, IN_BY_NORTH, CONCERT, 1, ReplacedCode),
        (VALID, IN_BY_NORTH, CONCERT, 3, ReplacedCode),
        (voided(VALID), IN_BY_NORTH, CONCERT, 2, VoidAdmission),
        (voided(VALID), IN_BY_NORTH, CONCERT, 1, VoidAdmission),
        (voided(INSIDE), OUT_BY_NORTH, CONCERT, 2, VoidAdmission),
        # In order of precedence: what is wrong with the event before what is wrong with the ticket, and that before who is in.
        (voided(INSIDE), IN_BY_NORTH, CONCERT, 2, VoidAdmission),
        (INSIDE, IN_BY_NORTH, CONCERT, 1, ReplacedCode),
        (voided(INSIDE), IN_BY_NORTH, LECTURE, 1, OtherEvent),
    ],
)
def test_who_may_not_pass_is_told_the_first_reason(
    admission: Admission, passage: Passage, event_id: str, generation: int, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        through(admission, passage, event_id=event_id, generation=generation)


@given(st.lists(st.sampled_from((IN_BY_NORTH, OUT_BY_NORTH)), max_size=20))
def test_however_often_it_is_tried_each_entry_but_the_first_follows_an_exit(tries: list[Passage]) -> None:
    admission = VALID
    went: list[Direction] = []
    for passage in tries:
        try:
            admission = through(admission, passage)
        except (AlreadyIn, NotIn):
            continue
        went.append(passage.direction)

    assert went == [(Direction.ENTRY, Direction.EXIT)[place % 2] for place in range(len(went))]


def test_a_scan_that_names_neither_time_nor_gate_is_now_at_the_device() -> None:
    assert passage_of(SCAN, device_name="North 1", now=NOON) == Passage(Direction.ENTRY, at=NOON, gate="North 1")


def test_a_scan_that_names_its_gate_is_not_at_the_device() -> None:
    assert passage_of(replace(SCAN, gate="Stage door"), device_name="North 1", now=NOON).gate == "Stage door"


def test_a_scan_from_before_keeps_its_time() -> None:
    earlier = NOON - timedelta(minutes=3)

    assert passage_of(replace(SCAN, scanned_at=earlier), device_name=None, now=NOON).at == earlier


def test_a_door_whose_clock_is_fast_has_not_scanned_in_the_future() -> None:
    later = NOON + timedelta(hours=1)

    assert passage_of(replace(SCAN, scanned_at=later), device_name=None, now=NOON).at == NOON


@pytest.mark.parametrize(
    "other",
    [
        replace(SCAN, code="7K2M-9XQ4-AB3E"),
        replace(SCAN, direction=Direction.EXIT),
        replace(SCAN, scanned_at=NOON),
        replace(SCAN, gate="North"),
        replace(SCAN, gate=""),
    ],
)
def test_scans_that_differ_have_different_fingerprints(other: Scan) -> None:
    assert fingerprint_of(other, scanned_by="dev_1") != fingerprint_of(SCAN, scanned_by="dev_1")


def test_the_same_scan_by_another_door_has_another_fingerprint() -> None:
    assert fingerprint_of(SCAN, scanned_by="dev_2") != fingerprint_of(SCAN, scanned_by="dev_1")


def test_a_line_break_in_a_code_does_not_make_two_scans_alike() -> None:
    one = replace(SCAN, code='x", "entry')
    other = replace(SCAN, code="x\nentry")

    assert len({fingerprint_of(scan, scanned_by="dev_1") for scan in (SCAN, one, other)}) == 3


def test_a_device_cannot_have_expired_when_it_is_made() -> None:
    with pytest.raises(Invalid):
        refuse_past(NOON, now=NOON)

    refuse_past(NOON + timedelta(seconds=1), now=NOON)
    refuse_past(None, now=NOON)


def test_a_check_in_is_stored_and_read_back_as_it_was() -> None:
    kept = CheckIn(
        event_id=CONCERT,
        scan_id="scan-1",
        fingerprint="0" * 32,
        admission_id=VALID.admission_id,
        direction=Direction.EXIT,
        result="left",
        status=201,
        sealed_answer="AAAA",
        gate=None,
        scanned_by="dev_1",
        scanned_at=NOON,
        created_date_time=NOON,
    )

    assert check_in_of(check_in_record(kept)) == kept


def test_a_sealed_answer_opens_under_its_name_and_shows_no_name_of_a_person() -> None:
    house = make_house()

    text = sealed(house, b'{"first_name":"Ada"}', name="evt_1\nscan-1")

    assert opened(house, text, name="evt_1\nscan-1") == b'{"first_name":"Ada"}'
    assert "Ada" not in text
