"""The rules of admissions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.houses import MASTER, NOON
from ticketing.admission.codes import GENERATION_MAX
from ticketing.admission.model import Admission, AdmissionStatus, Attendee
from ticketing.admission.rules import (
    AdmissionUsed,
    AdmissionVoid,
    TooManyCodes,
    admission_ids,
    new_admissions,
    renamed,
    voided,
)
from ticketing.admission.signing import code_of, human_code_of, signer_of
from ticketing.admission.store import admission_of, admission_record
from ticketing.base.bounds import TICKETS_PER_ORDER_MAX
from ticketing.base.changes import Insert
from ticketing.base.house import Keys
from ticketing.base.ids import from_int, is_id, to_int
from ticketing.base.store import assert_lawful
from ticketing.schema.tables import ADMISSIONS

ADA = Attendee(email="ada@example.org", first_name="Ada", last_name="Lovelace")
GRACE = Attendee(email="grace@example.org", first_name="Grace", last_name="Hopper")
ORDER = "ord_01h8xgjwbwba1m8n2w4a6y8zcv"
EVENT = "evt_01h8xgjwbwba1m8n2w4a6y8zcv"
KEYS = Keys(MASTER)


def codes_of_people(admission_id: str, generation: int) -> str:
    return human_code_of(KEYS, admission_id, generation)


order_values = st.integers(0, (1 << 128) - 1)


def issued(*lines: tuple[str, int], order_id: str = ORDER) -> tuple[Admission, ...]:
    return new_admissions(
        order_id=order_id,
        event_id=EVENT,
        user_id="usr_1",
        attendee=ADA,
        lines=lines,
        human_code=signer_of(KEYS).human_code,
        now=NOON,
    )


def test_each_ticket_of_each_line_becomes_one_admission_in_the_order_of_the_lines() -> None:
    admissions = issued(("tty_standing", 2), ("tty_seated", 1))

    assert [admission.ticket_type_id for admission in admissions] == ["tty_standing", "tty_standing", "tty_seated"]


def test_a_new_admission_is_valid_and_outside_and_its_buyer_is_its_attendee() -> None:
    (admission,) = issued(("tty_seated", 1))

    assert admission.status is AdmissionStatus.VALID
    assert (admission.entered_at, admission.entered_gate, admission.generation) == (None, None, 1)
    assert (admission.attendee, admission.order_id, admission.event_id) == (ADA, ORDER, EVENT)


@given(order_values)
def test_the_admissions_of_an_order_have_the_same_ids_whenever_they_are_asked_for(value: int) -> None:
    order_id = from_int("ord", value)

    admissions = issued(("tty_seated", 3), order_id=order_id)

    assert tuple(admission.admission_id for admission in admissions) == admission_ids(order_id, 3)


@given(order_values)
def test_fewer_admissions_of_an_order_are_the_first_of_more(value: int) -> None:
    order_id = from_int("ord", value)

    assert admission_ids(order_id, TICKETS_PER_ORDER_MAX)[:7] == admission_ids(order_id, 7)


@given(order_values)
def test_an_admission_id_is_well_formed_and_has_the_time_of_its_order(value: int) -> None:
    for admission_id in admission_ids(from_int("ord", value), TICKETS_PER_ORDER_MAX):
        assert is_id(admission_id, "adm")
        assert to_int(admission_id) >> 80 == value >> 80


@given(order_values, order_values)
def test_no_two_places_and_no_two_orders_share_an_admission_id(one: int, other: int) -> None:
    orders = {from_int("ord", one), from_int("ord", other)}

    ids = [admission_id for order_id in orders for admission_id in admission_ids(order_id, TICKETS_PER_ORDER_MAX)]

    assert len(set(ids)) == len(ids)


def test_the_ids_of_an_order_stay_what_they_were_in_earlier_releases() -> None:
    assert admission_ids(ORDER, 2) == ("adm_01h8xgjwbw96ewk2bc01gm5vdn", "adm_01h8xgjwbw6qxjepkw0gv5fm00")


def test_an_order_without_tickets_has_no_admissions() -> None:
    assert admission_ids(ORDER, 0) == ()


def test_an_admission_is_stored_and_read_back_as_it_was() -> None:
    (admission,) = issued(("tty_seated", 1))
    inside = replace(admission, status=AdmissionStatus.USED, entered_at=NOON, entered_gate="north")

    assert_lawful((Insert(ADMISSIONS, admission_record(inside)),))
    assert admission_of(admission_record(inside)) == inside


def test_a_renamed_admission_has_the_new_attendee_and_new_codes() -> None:
    (admission,) = issued(("tty_seated", 1))

    changed = renamed(admission, GRACE, human_code=codes_of_people)

    assert changed == replace(admission, attendee=GRACE, generation=2, human_code=changed.human_code)
    assert code_of(KEYS, changed) != code_of(KEYS, admission)
    assert changed.human_code != admission.human_code


def test_an_admission_renamed_to_the_name_it_has_stays_as_it_is() -> None:
    (admission,) = issued(("tty_seated", 1))

    assert renamed(admission, replace(ADA), human_code=codes_of_people) is admission


def test_an_admission_that_had_every_code_there_is_keeps_the_last_one() -> None:
    (admission,) = issued(("tty_seated", 1))

    with pytest.raises(TooManyCodes):
        renamed(replace(admission, generation=GENERATION_MAX), GRACE, human_code=codes_of_people)


def test_a_used_admission_keeps_its_attendee() -> None:
    (admission,) = issued(("tty_seated", 1))

    with pytest.raises(AdmissionUsed):
        renamed(replace(admission, status=AdmissionStatus.USED), GRACE, human_code=codes_of_people)


def test_a_void_admission_keeps_its_attendee() -> None:
    (admission,) = issued(("tty_seated", 1))

    with pytest.raises(AdmissionVoid):
        renamed(voided(admission), GRACE, human_code=codes_of_people)


@pytest.mark.parametrize("status", list(AdmissionStatus))
def test_whatever_it_was_a_voided_admission_is_void_and_has_no_code(status: AdmissionStatus) -> None:
    (admission,) = issued(("tty_seated", 1))

    gone = voided(replace(admission, status=status))

    assert gone.status is AdmissionStatus.VOID
    assert code_of(KEYS, gone) is None


def test_voiding_remembers_that_somebody_is_inside() -> None:
    (admission,) = issued(("tty_seated", 1))
    inside = replace(admission, status=AdmissionStatus.USED, entered_at=NOON)

    assert voided(inside).entered_at == NOON
