"""The door over the JSON API: scans, who may make them, races of many scanners, and door devices."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.doors import hold_event, sell, shown_code, ticket_type_of_event, user_id_of
from tests.support.houses import NOON, Api, StandingClock, make_house, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.stores import LaggingStore
from ticketing.accounts.model import ApiKey, Scope, UserType
from ticketing.accounts.store import api_key_record
from ticketing.admission.codes import Signer
from ticketing.admission.model import Admission, AdmissionStatus
from ticketing.admission.rules import voided
from ticketing.admission.signing import signer_of
from ticketing.admission.store import admission_record, read_admission
from ticketing.base.changes import Change, Insert, Pool, Replace, Take
from ticketing.base.house import House, secret_hash
from ticketing.base.ids import ALPHABET
from ticketing.base.store import Store
from ticketing.base.tables import Key, Record, Table
from ticketing.schema.tables import ADMISSIONS, API_KEYS, CHECK_INS, EVENTS

SCANNERS = 50


class InterleavingStore(MeanwhileStore):
    """Gives way before every read and commit, as a store over a network would, so that others run in between."""

    async def get(self, table: Table, key: Key) -> Record | None:
        """The record with this key, or None."""
        await asyncio.sleep(0)
        return await super().get(table, key)

    async def commit(self, changes: Sequence[Change]) -> None:
        """All of the changes or none. Raises Conflict."""
        await asyncio.sleep(0)
        await super().commit(changes)


@dataclass(frozen=True, slots=True)
class Doors:
    """An event with one ticket sold, and a device at its door."""

    api: Api
    clock: StandingClock
    organizer: str
    buyer: str
    event_id: str
    admission: Admission
    device: str

    @property
    def house(self) -> House:
        """The house that all happens in."""
        return self.api.house

    @property
    def path(self) -> str:
        """Where scans go."""
        return f"/v1/events/{self.event_id}/check-ins"

    @property
    def code(self) -> str:
        """The code of the ticket."""
        return shown_code(self.house, self.admission)

    async def scan(self, scan_id: str = "scan-1", *, token: str | None = None, **more: Any) -> httpx.Response:
        """One scan of the ticket by the device, unless `more` says otherwise."""
        return await self.api.post(
            self.path, {"code": self.code, "scan_id": scan_id} | more, token=token or self.device
        )

    async def stored(self) -> Admission:
        """The ticket as it is stored."""
        admission = await read_admission(self.house.store, self.admission.admission_id)
        assert admission is not None
        return admission

    async def store_changed(self, admission: Admission) -> None:
        """The ticket is stored as given."""
        await self.house.store.commit((Replace(ADMISSIONS, admission_record(admission)),))

    async def kept(self) -> list[Record]:
        """Every check-in that was kept."""
        return [record async for record in self.house.store.scan(CHECK_INS)]


async def open_doors(store: Store) -> Doors:
    clock = StandingClock()
    api = Api(make_house(store, clock=clock))
    organizer = await sign_up(api.house, "olga", UserType.ORGANIZER)
    buyer = await sign_up(api.house, "ada")
    event_id = await hold_event(api.house, organizer)
    (admission,) = await sell(api.house, event_id, buyer)
    device = await new_device(api, event_id, organizer, "North")
    return Doors(api, clock, organizer, buyer, event_id, admission, device)


async def new_device(api: Api, event_id: str, organizer: str, name: str) -> str:
    """The token of a new device at this event's door."""
    made = await api.post(f"/v1/events/{event_id}/devices", {"name": name}, token=organizer)
    return str(made.json()["token"])


@pytest.fixture
async def doors(meanwhile: MeanwhileStore) -> Doors:
    """Doors over a store in which something can happen between a scan's reading and its commit."""
    return await open_doors(meanwhile)


@pytest.fixture
async def busy_doors(store: Store) -> Doors:
    """Doors at which scans run in between each other."""
    return await open_doors(InterleavingStore(store))


def refused_with(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def result_of(answer: httpx.Response) -> str:
    body = answer.json()
    return str(body["result"] if answer.status_code == 201 else body["code"])


# In and out ----------------------------------------------------------------------------------------------------------


async def test_a_valid_ticket_is_admitted_and_used(doors: Doors) -> None:
    admitted = await doors.scan("scan-1", gate="South")

    assert admitted.status_code == 201
    assert admitted.json() == {
        "result": "admitted",
        "event_id": doors.event_id,
        "scan_id": "scan-1",
        "direction": "entry",
        "scanned_at": "2027-03-01T12:00:00Z",
        "gate": "South",
        "admission": {
            "admission_id": doors.admission.admission_id,
            "ticket_type_id": ticket_type_of_event(doors.event_id),
            "status": "used",
            "attendee": {"first_name": "Ada", "last_name": "Lovelace"},
        },
    }
    stored = await doors.stored()
    assert (stored.status, stored.entered_at, stored.entered_gate) == (AdmissionStatus.USED, NOON, "South")


async def test_the_second_scan_hears_when_and_where_the_first_entered(doors: Doors) -> None:
    await doors.scan("scan-1")
    doors.clock.move(minutes=5)

    second = await doors.scan("scan-2", gate="South")

    assert refused_with(second) == (409, "already_in")
    assert second.headers["content-type"] == "application/problem+json"
    assert (second.json()["entered_at"], second.json()["gate"]) == ("2027-03-01T12:00:00Z", "North")
    assert second.json()["admission"]["admission_id"] == doors.admission.admission_id


async def test_who_goes_out_may_come_in_again(doors: Doors) -> None:
    scans = [await doors.scan(f"scan-{n}", direction=way) for n, way in enumerate(["entry", "exit", "entry", "entry"])]

    assert [result_of(scan) for scan in scans] == ["admitted", "left", "admitted", "already_in"]


async def test_who_went_out_has_used_the_ticket_all_the_same(doors: Doors) -> None:
    await doors.scan("scan-1")
    left = await doors.scan("scan-2", direction="exit")

    assert left.json()["admission"]["status"] == "used"
    assert (await doors.stored()).entered_at is None


async def test_nobody_leaves_who_is_not_in(doors: Doors) -> None:
    assert refused_with(await doors.scan(direction="exit")) == (409, "not_in")


async def test_the_short_code_as_typed_opens_as_well(doors: Doors) -> None:
    typed = doors.admission.human_code.lower().replace("-", " ")

    assert result_of(await doors.scan("scan-1", code=typed)) == "admitted"
    assert result_of(await doors.scan("scan-2")) == "already_in"


async def test_a_code_in_lower_case_is_the_same_ticket(doors: Doors) -> None:
    await doors.scan("scan-1")

    assert refused_with(await doors.scan("scan-2", code=doors.code.lower())) == (409, "already_in")


async def test_a_scan_made_earlier_entered_then(doors: Doors) -> None:
    admitted = await doors.scan(scanned_at="2027-03-01T12:50:00+01:00")

    assert admitted.json()["scanned_at"] == "2027-03-01T11:50:00Z"
    assert (await doors.stored()).entered_at == NOON - timedelta(minutes=10)


async def test_a_good_code_is_admitted_after_a_bad_one(doors: Doors) -> None:
    assert refused_with(await doors.scan("scan-1", code="https://example.org")) == (404, "unknown_code")
    assert result_of(await doors.scan("scan-2")) == "admitted"


# Refusals ------------------------------------------------------------------------------------------------------------


async def test_a_void_ticket_opens_nothing_by_either_code(doors: Doors) -> None:
    code, human_code = doors.code, doors.admission.human_code
    await doors.store_changed(voided(doors.admission))

    assert refused_with(await doors.api.post(doors.path, {"code": code, "scan_id": "1"}, token=doors.device)) == (
        409,
        "void_admission",
    )
    assert refused_with(await doors.api.post(doors.path, {"code": human_code, "scan_id": "2"}, token=doors.device)) == (
        409,
        "void_admission",
    )


async def test_void_is_said_before_already_in(doors: Doors) -> None:
    code = doors.code
    await doors.scan("scan-1")
    await doors.store_changed(voided(await doors.stored()))

    refused = await doors.api.post(doors.path, {"code": code, "scan_id": "scan-2"}, token=doors.device)

    assert refused_with(refused) == (409, "void_admission")


async def test_the_code_of_an_older_generation_is_told_so_and_the_new_one_is_the_same_ticket(doors: Doors) -> None:
    old_code = doors.code
    await doors.scan("scan-1")
    newer = replace(await doors.stored(), generation=2)
    await doors.store_changed(newer)

    assert refused_with(await doors.scan("scan-2", code=old_code)) == (409, "replaced_code")
    assert refused_with(await doors.scan("scan-3", code=shown_code(doors.house, newer))) == (409, "already_in")


async def test_a_ticket_of_another_event_is_told_so_and_nothing_more(doors: Doors) -> None:
    eve = await sign_up(doors.house, "eve", UserType.ORGANIZER)
    lecture = await hold_event(doors.house, eve, "Lecture")
    (elsewhere,) = await sell(doors.house, lecture, doors.buyer)

    by_code = await doors.scan("scan-1", code=shown_code(doors.house, elsewhere))
    by_hand = await doors.scan("scan-2", code=elsewhere.human_code)

    assert refused_with(by_code) == refused_with(by_hand) == (409, "other_event")
    assert "Ada" not in by_code.text + by_hand.text
    assert elsewhere.admission_id not in by_code.text + by_hand.text
    assert await read_admission(doors.house.store, elsewhere.admission_id) == elsewhere


async def test_a_ticket_signed_for_this_event_but_sold_for_another_is_refused(doors: Doors) -> None:
    lecture = await hold_event(doors.house, doors.organizer, "Lecture")
    (elsewhere,) = await sell(doors.house, lecture, doors.buyer)
    code = signer_of(doors.house.keys).sign(
        event_id=doors.event_id, admission_id=elsewhere.admission_id, generation=elsewhere.generation
    )

    assert refused_with(await doors.scan(code=code)) == (409, "other_event")


@pytest.mark.parametrize("place", [0, 3, 10, 20, 30, 50, 100, 143])
async def test_no_code_with_a_changed_letter_opens(doors: Doors, place: int) -> None:
    letter = doors.code[place]
    other = ALPHABET[(ALPHABET.index(letter.lower()) + 1) % 32].upper()

    refused = await doors.scan(code=doors.code[:place] + other + doors.code[place + 1 :])

    assert result_of(refused) in ("bad_signature", "unknown_code")
    assert await doors.stored() == doors.admission


async def test_a_code_for_another_event_that_was_not_made_here_is_forged(doors: Doors) -> None:
    lecture = await hold_event(doors.house, doors.organizer, "Lecture")
    (elsewhere,) = await sell(doors.house, lecture, doors.buyer)
    good = shown_code(doors.house, elsewhere)
    forged = good[:-1] + ("0" if good[-1] != "0" else "1")

    assert refused_with(await doors.scan(code=forged)) == (409, "bad_signature")


async def test_a_code_by_another_master_secret_is_forged(doors: Doors) -> None:
    forged = Signer(b"another secret of 32 bytes or more").sign(
        event_id=doors.event_id, admission_id=doors.admission.admission_id, generation=1
    )

    assert refused_with(await doors.scan(code=forged)) == (409, "bad_signature")


async def test_a_code_by_a_key_that_is_not_in_use_is_refused(doors: Doors) -> None:
    code = signer_of(doors.house.keys).sign(
        event_id=doors.event_id, admission_id=doors.admission.admission_id, generation=1, kid=2
    )

    assert refused_with(await doors.scan(code=code)) == (409, "bad_signature")


@pytest.mark.parametrize("code", ["7K2M-9XQ4-AB3D", "x", "{{7*7}}", "0" * 144, "ſ" * 144, "1" * 7_000])
async def test_what_is_no_ticket_is_unknown(doors: Doors, code: str) -> None:
    assert refused_with(await doors.scan(code=code)) == (404, "unknown_code")


async def test_a_signed_code_of_a_ticket_that_was_never_sold_is_unknown(doors: Doors) -> None:
    code = signer_of(doors.house.keys).sign(
        event_id=doors.event_id, admission_id="adm_00000000000000000000000000", generation=1
    )

    assert refused_with(await doors.scan(code=code)) == (404, "unknown_code")


async def test_a_scan_says_all_that_is_wrong_with_it(doors: Doors) -> None:
    refused = await doors.api.post(
        doors.path,
        {"code": "", "scan_id": "x" * 65, "direction": "up", "scanned_at": "noon", "gate": "a\nb", "force": True},
        token=doors.device,
    )

    assert refused.status_code == 422
    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("/code", "string_too_short"),
        ("/scan_id", "string_too_long"),
        ("/direction", "enum"),
        ("/scanned_at", "time"),
        ("/gate", "line_break"),
        ("/force", "unknown_field"),
    }


# The same scan again -------------------------------------------------------------------------------------------------


async def test_the_same_scan_again_finds_the_same_answer_byte_for_byte(doors: Doors) -> None:
    first = await doors.scan("scan-1")
    doors.clock.move(minutes=1)
    await doors.api.patch(  # nothing that happens meanwhile changes what was answered
        f"/v1/admissions/{doors.admission.admission_id}", {"attendee": {"first_name": "Grace"}}, token=doors.buyer
    )

    second = await doors.scan("scan-1")

    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotent-replayed"), second.headers["idempotent-replayed"]) == (None, "true")
    assert len(await doors.kept()) == 1


async def test_a_refused_scan_is_refused_again_in_the_same_words_even_when_it_would_pass_now(doors: Doors) -> None:
    await doors.scan("scan-1")
    first = await doors.scan("scan-2")
    await doors.scan("scan-3", direction="exit")

    second = await doors.scan("scan-2")

    assert refused_with(second) == (409, "already_in")
    assert second.content == first.content
    assert second.headers["content-type"] == "application/problem+json"
    assert (await doors.stored()).entered_at is None


@pytest.mark.parametrize("change", [{"direction": "exit"}, {"gate": "South"}, {"code": "7K2M-9XQ4-AB3D"}])
async def test_a_scan_id_is_not_used_for_another_scan(doors: Doors, change: dict[str, str]) -> None:
    await doors.scan("scan-1")

    assert refused_with(await doors.scan("scan-1", **change)) == (422, "scan_id_reused")


async def test_another_device_with_the_same_scan_id_is_not_told_admitted(doors: Doors) -> None:
    south = await new_device(doors.api, doors.event_id, doors.organizer, "South")
    await doors.scan("scan-1", gate="Main")

    refused = await doors.scan("scan-1", gate="Main", token=south)

    assert refused_with(refused) == (422, "scan_id_reused")


async def test_two_events_may_use_the_same_scan_id(doors: Doors) -> None:
    lecture = await hold_event(doors.house, doors.organizer, "Lecture")
    (elsewhere,) = await sell(doors.house, lecture, doors.buyer)
    await doors.scan("scan-1", token=doors.organizer)

    there = await doors.api.post(
        f"/v1/events/{lecture}/check-ins",
        {"code": shown_code(doors.house, elsewhere), "scan_id": "scan-1"},
        token=doors.organizer,
    )

    assert result_of(there) == "admitted"


async def test_scans_of_what_is_not_ours_are_not_kept(doors: Doors) -> None:
    forged = doors.code[:-1] + ("0" if doors.code[-1] != "0" else "1")
    for number, code in enumerate(["nonsense", "7K2M-9XQ4-AB3D", forged]):
        await doors.scan(f"scan-{number}", code=code)

    assert await doors.kept() == []


async def test_what_is_kept_of_a_scan_has_neither_code_nor_name(doors: Doors) -> None:
    await doors.scan("scan-1")

    kept = repr(await doors.kept())

    assert "Lovelace" not in kept
    assert doors.code not in kept


# Races ---------------------------------------------------------------------------------------------------------------


async def test_of_fifty_scanners_at_once_exactly_one_admits(busy_doors: Doors) -> None:
    answers = await asyncio.gather(*(busy_doors.scan(f"scan-{number}") for number in range(SCANNERS)))

    assert Counter(result_of(answer) for answer in answers) == {"admitted": 1, "already_in": SCANNERS - 1}
    assert Counter(record["result"] for record in await busy_doors.kept()) == {
        "admitted": 1,
        "already_in": SCANNERS - 1,
    }
    assert (await busy_doors.stored()).version == 2


async def test_of_fifty_scans_by_both_codes_exactly_one_admits(busy_doors: Doors) -> None:
    codes = [busy_doors.code, busy_doors.admission.human_code]

    answers = await asyncio.gather(
        *(busy_doors.scan(f"scan-{number}", code=codes[number % 2]) for number in range(SCANNERS))
    )

    assert Counter(result_of(answer) for answer in answers)["admitted"] == 1


async def test_the_same_scan_fifty_times_at_once_has_one_answer(busy_doors: Doors) -> None:
    answers = await asyncio.gather(*(busy_doors.scan("scan-1") for _ in range(SCANNERS)))

    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len(await busy_doors.kept()) == 1


async def test_fifty_people_at_once_are_all_admitted(busy_doors: Doors) -> None:
    admissions = await sell(busy_doors.house, busy_doors.event_id, busy_doors.buyer, quantity=SCANNERS)

    answers = await asyncio.gather(
        *(
            busy_doors.scan(f"scan-{number}", code=shown_code(busy_doors.house, admission))
            for number, admission in enumerate(admissions)
        )
    )

    assert {result_of(answer) for answer in answers} == {"admitted"}


async def test_a_scan_that_met_a_refund_is_told_the_truth(doors: Doors, meanwhile: MeanwhileStore) -> None:
    meanwhile.meanwhile = lambda: doors.store_changed(voided(doors.admission))

    refused = await doors.scan("scan-1")

    assert refused_with(refused) == (409, "void_admission")
    assert (await doors.stored()).status is AdmissionStatus.VOID
    assert [record["result"] for record in await doors.kept()] == ["void_admission"]


async def test_a_refusal_that_stopped_being_true_is_not_told(doors: Doors, meanwhile: MeanwhileStore) -> None:
    await doors.scan("scan-1")
    gone_out = replace(await doors.stored(), entered_at=None, entered_gate=None)
    meanwhile.meanwhile = lambda: doors.store_changed(gone_out)

    assert result_of(await doors.scan("scan-2")) == "admitted"


async def test_a_ticket_that_never_stands_still_keeps_nobody_waiting_for_ever(
    doors: Doors, meanwhile: MeanwhileStore
) -> None:
    async def touch() -> None:
        await doors.store_changed(await doors.stored())
        meanwhile.meanwhile = touch

    meanwhile.meanwhile = touch

    refused = await doors.scan("scan-1")

    assert refused_with(refused) == (503, "busy")
    assert refused.headers["retry-after"]
    assert await doors.kept() == []


async def test_a_rename_that_met_a_scan_is_refused(doors: Doors, meanwhile: MeanwhileStore) -> None:
    used = replace(doors.admission, status=AdmissionStatus.USED, entered_at=NOON)
    meanwhile.meanwhile = lambda: doors.store_changed(used)

    refused = await doors.api.patch(
        f"/v1/admissions/{used.admission_id}", {"attendee": {"first_name": "Grace"}}, token=doors.buyer
    )

    assert refused_with(refused) == (412, "changed_meanwhile")
    assert await doors.stored() == replace(used, version=2)


async def test_an_index_that_lags_lets_no_void_ticket_in(store: Store) -> None:
    lagging = LaggingStore(store, lag_commits=100)
    doors = await open_doors(lagging)
    await lagging.catch_up()
    await doors.store_changed(voided(doors.admission))

    refused = await doors.scan("scan-1", code=doors.admission.human_code)

    assert refused_with(refused) == (409, "void_admission")


async def test_a_code_that_the_index_does_not_know_yet_is_found_when_scanned_again(store: Store) -> None:
    lagging = LaggingStore(store, lag_commits=100)
    doors = await open_doors(lagging)
    human_code = doors.admission.human_code
    assert refused_with(await doors.scan("scan-1", code=human_code)) == (404, "unknown_code")

    await lagging.catch_up()

    assert result_of(await doors.scan("scan-1", code=human_code)) == "admitted"


# Who may scan --------------------------------------------------------------------------------------------------------


async def api_key(house: House, user_token: str, *scopes: Scope) -> str:
    """The token of a key of this user with these scopes."""
    now = house.clock.now()
    secret = house.new_secret()
    key = ApiKey(
        api_key_id=house.new_id("tk", now),
        user_id=await user_id_of(house, user_token),
        name="scripts",
        secret_hash=secret_hash(secret),
        scopes=scopes,
        created_date_time=now,
        expires_at=None,
    )
    await house.store.commit((Insert(API_KEYS, api_key_record(key)),))
    return f"{key.api_key_id}.{secret}"


async def test_the_organizer_an_admin_and_a_key_for_check_ins_may_scan(doors: Doors) -> None:
    admin = await sign_up(doors.house, "root", UserType.ADMIN)
    key = await api_key(doors.house, doors.organizer, Scope.CHECK_INS)

    scans = [
        await doors.scan("scan-1", token=doors.organizer),
        await doors.scan("scan-2", token=admin),
        await doors.scan("scan-3", token=key),
    ]

    assert [result_of(scan) for scan in scans] == ["admitted", "already_in", "already_in"]


async def test_a_key_for_check_ins_sees_attendees_as_a_door_does(doors: Doors) -> None:
    key = await api_key(doors.house, doors.organizer, Scope.CHECK_INS)

    listed = await doors.api.get(f"/v1/events/{doors.event_id}/attendees", token=key)

    assert listed.json()["data"][0]["attendee"] == {"email": None, "first_name": "Ada", "last_name": "Lovelace"}


async def test_to_everyone_else_the_door_does_not_exist(doors: Doors) -> None:
    eve = await sign_up(doors.house, "eve", UserType.ORGANIZER)
    lecture = await hold_event(doors.house, eve, "Lecture")
    tokens = {
        "buyer": doors.buyer,
        "order": doors.house.keys.order_token(doors.admission.order_id),
        "other organizer": eve,
        "device of another event": await new_device(doors.api, lecture, eve, "South"),
        "key without the scope": await api_key(doors.house, doors.organizer, Scope.READ, Scope.ORDERS, Scope.EVENTS),
        "key of another organizer": await api_key(doors.house, eve, Scope.CHECK_INS),
    }

    refused = {who: refused_with(await doors.scan("scan-1", token=token)) for who, token in tokens.items()}

    assert refused == dict.fromkeys(tokens, (404, "not_found"))
    assert await doors.stored() == doors.admission


async def test_a_stranger_must_say_who_scans(doors: Doors) -> None:
    refused = await doors.api.post(doors.path, {"code": doors.code, "scan_id": "scan-1"})

    assert refused_with(refused) == (401, "unauthenticated")


async def test_an_event_that_never_was_has_no_door(doors: Doors) -> None:
    path = "/v1/events/evt_1/check-ins"
    scan = {"code": doors.code, "scan_id": "scan-1"}

    assert refused_with(await doors.api.post(path, scan, token=doors.organizer)) == (404, "not_found")
    assert refused_with(await doors.api.post(path, scan)) == (401, "unauthenticated")


# Devices -------------------------------------------------------------------------------------------------------------


async def devices(doors: Doors, query: str = "") -> list[dict[str, Any]]:
    listed = await doors.api.get(f"/v1/events/{doors.event_id}/devices{query}", token=doors.organizer)
    assert listed.status_code == 200
    data: list[dict[str, Any]] = listed.json()["data"]
    return data


async def test_a_device_shows_its_token_once(doors: Doors) -> None:
    made = await doors.api.post(
        f"/v1/events/{doors.event_id}/devices",
        {"name": "South", "expires_at": "2027-03-02T00:00:00Z"},
        token=doors.organizer,
    )
    listed = await devices(doors)

    assert made.status_code == 201
    shown = made.json()
    token = shown.pop("token")
    assert token.startswith(f"{shown['device_id']}.")
    assert (shown["name"], shown["event_id"]) == ("South", doors.event_id)
    assert shown["expires_at"] == "2027-03-02T00:00:00Z"
    assert shown in listed
    assert all("token" not in device and "secret_hash" not in device for device in listed)


async def test_an_expired_device_scans_no_more(doors: Doors) -> None:
    made = await doors.api.post(
        f"/v1/events/{doors.event_id}/devices",
        {"name": "South", "expires_at": "2027-03-01T18:00:00Z"},
        token=doors.organizer,
    )
    token = made.json()["token"]
    doors.clock.move(hours=6)

    assert refused_with(await doors.scan(token=token)) == (401, "unauthenticated")


async def test_a_removed_device_scans_no_more(doors: Doors) -> None:
    (device,) = await devices(doors)

    removed = await doors.api.delete(
        f"/v1/events/{doors.event_id}/devices/{device['device_id']}", token=doors.organizer
    )

    assert removed.status_code == 204
    assert refused_with(await doors.scan()) == (401, "unauthenticated")
    assert await devices(doors) == []


async def test_a_device_that_is_gone_cannot_be_removed_again(doors: Doors) -> None:
    (device,) = await devices(doors)
    path = f"/v1/events/{doors.event_id}/devices/{device['device_id']}"
    await doors.api.delete(path, token=doors.organizer)

    assert (await doors.api.delete(path, token=doors.organizer)).status_code == 404


async def test_a_device_of_another_event_is_not_removed_through_this_one(doors: Doors) -> None:
    lecture = await hold_event(doors.house, doors.organizer, "Lecture")
    (device,) = await devices(doors)

    refused = await doors.api.delete(f"/v1/events/{lecture}/devices/{device['device_id']}", token=doors.organizer)

    assert refused.status_code == 404
    assert len(await devices(doors)) == 1


async def test_a_device_is_made_in_the_future_of_nothing(doors: Doors) -> None:
    refused = await doors.api.post(
        f"/v1/events/{doors.event_id}/devices",
        {"name": "South", "expires_at": "2027-03-01T12:00:00Z"},
        token=doors.organizer,
    )

    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [("/expires_at", "in_the_past")]


async def test_the_same_key_makes_one_device(doors: Doors) -> None:
    path = f"/v1/events/{doors.event_id}/devices"
    first = await doors.api.post(path, {"name": "South"}, token=doors.organizer, key="k1")
    second = await doors.api.post(path, {"name": "South"}, token=doors.organizer, key="k1")

    assert second.content == first.content
    assert len(await devices(doors)) == 2


async def test_devices_of_an_event_are_bounded_and_a_removed_one_makes_room(doors: Doors) -> None:
    pool = Pool(EVENTS, (doors.event_id,), "devices_available")
    await doors.house.store.commit((Take(pool, 199),))
    path = f"/v1/events/{doors.event_id}/devices"

    refused = await doors.api.post(path, {"name": "One more"}, token=doors.organizer)
    (device,) = await devices(doors)
    await doors.api.delete(f"{path}/{device['device_id']}", token=doors.organizer)
    made = await doors.api.post(path, {"name": "One more"}, token=doors.organizer)

    assert refused_with(refused) == (409, "too_many_devices")
    assert made.status_code == 201


async def test_of_many_devices_made_at_once_only_those_that_fit_are_made(busy_doors: Doors) -> None:
    await busy_doors.house.store.commit((Take(Pool(EVENTS, (busy_doors.event_id,), "devices_available"), 196),))
    path = f"/v1/events/{busy_doors.event_id}/devices"

    made = await asyncio.gather(
        *(busy_doors.api.post(path, {"name": f"Gate {n}"}, token=busy_doors.organizer) for n in range(10))
    )

    assert Counter(answer.status_code for answer in made) == {201: 3, 409: 7}


async def test_pages_of_devices_follow_one_another(doors: Doors) -> None:
    for name in ("South", "West"):
        doors.clock.move(minutes=1)
        await new_device(doors.api, doors.event_id, doors.organizer, name)
    path = f"/v1/events/{doors.event_id}/devices?limit=2"

    first = (await doors.api.get(path, token=doors.organizer)).json()
    second = (await doors.api.get(f"{path}&cursor={first['next_cursor']}", token=doors.organizer)).json()

    assert [device["name"] for device in first["data"] + second["data"]] == ["North", "South", "West"]
    assert second["next_cursor"] is None


@pytest.mark.parametrize("call", ["POST", "GET", "DELETE"])
async def test_devices_are_the_organizers_alone(doors: Doors, call: str) -> None:
    eve = await sign_up(doors.house, "eve", UserType.ORGANIZER)
    (device,) = await devices(doors)
    path = f"/v1/events/{doors.event_id}/devices" + (f"/{device['device_id']}" if call == "DELETE" else "")
    body = {"name": "Mine"} if call == "POST" else None
    key = await api_key(doors.house, doors.organizer, *Scope)
    order = doors.house.keys.order_token(doors.admission.order_id)

    assert refused_with(await doors.api.call(call, path, body)) == (401, "unauthenticated")
    for token in (eve, doors.buyer, doors.device, key, order):
        assert refused_with(await doors.api.call(call, path, body, token=token)) == (404, "not_found")
    assert [each["device_id"] for each in await devices(doors)] == [device["device_id"]]
