"""Admissions over the JSON API: reading, renaming, the QR symbol, the events that I attend, the attendees of an event."""

from dataclasses import replace

import pytest

from tests.support.doors import (
    add_ticket_type,
    hold_event,
    sell,
    shown_code,
    ticket_type_of_event,
)
from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.sales import fresh_key
from tests.support.stores import LaggingStore
from ticketing.accounts.model import UserType
from ticketing.admission.model import Admission, AdmissionStatus, Attendee
from ticketing.admission.rules import voided
from ticketing.admission.store import admission_record, read_admission
from ticketing.base.bounds import TICKETS_PER_ORDER_MAX
from ticketing.base.changes import Replace
from ticketing.base.house import House
from ticketing.base.ids import order_code
from ticketing.base.store import Store
from ticketing.schema.tables import ADMISSIONS, FACTS

GRACE = Attendee(email="grace@example.org", first_name="Grace", last_name="Hopper")


class Sold:
    """An event of an organizer, and one ticket that a buyer has for it."""

    def __init__(self, organizer: str, buyer: str, event_id: str, admission: Admission) -> None:
        self.organizer = organizer
        self.buyer = buyer
        self.event_id = event_id
        self.admission = admission
        self.path = f"/v1/admissions/{admission.admission_id}"


@pytest.fixture
async def sold(api: Api) -> Sold:
    organizer = await sign_up(api.house, "olga", UserType.ORGANIZER)
    buyer = await sign_up(api.house, "ada")
    event_id = await hold_event(api.house, organizer)
    (admission,) = await sell(api.house, event_id, buyer)
    return Sold(organizer, buyer, event_id, admission)


async def store_changed(house: House, admission: Admission) -> None:
    await house.store.commit((Replace(ADMISSIONS, admission_record(admission)),))


async def token_of(api: Api, sold: Sold, who: str) -> str | None:
    """The bearer token of somebody who has or has not to do with the ticket."""
    house = api.house
    match who:
        case "stranger":
            return None
        case "buyer":
            return sold.buyer
        case "order":
            return house.keys.order_token(sold.admission.order_id)
        case "organizer":
            return sold.organizer
        case "admin":
            return await sign_up(house, "root", UserType.ADMIN)
        case "other user":
            return await sign_up(house, "bob")
        case "other organizer":
            return await sign_up(house, "eve", UserType.ORGANIZER)
        case "other order":
            (other,) = await sell(house, sold.event_id, sold.buyer)
            return house.keys.order_token(other.order_id)
        case "device":
            body = (
                await api.post(f"/v1/events/{sold.event_id}/devices", {"name": "North"}, token=sold.organizer)
            ).json()
            return str(body["token"])
        case "other device":
            event_id = await hold_event(house, sold.organizer, "Lecture")
            body = (await api.post(f"/v1/events/{event_id}/devices", {"name": "South"}, token=sold.organizer)).json()
            return str(body["token"])
        case _:
            raise AssertionError(who)


NOBODYS = ["other user", "other organizer", "other order"]
NAMED = {"attendee": {"first_name": "Grace"}}


# Reading -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["buyer", "order", "organizer", "admin"])
async def test_those_it_belongs_to_read_the_admission_with_its_code(api: Api, sold: Sold, who: str) -> None:
    read = await api.get(sold.path, token=await token_of(api, sold, who))

    assert read.status_code == 200
    assert read.json() == {
        "admission_id": sold.admission.admission_id,
        "event_id": sold.event_id,
        "order_id": sold.admission.order_id,
        "ticket_type_id": ticket_type_of_event(sold.event_id),
        "status": "valid",
        "code": shown_code(api.house, sold.admission),
        "human_code": sold.admission.human_code,
        "attendee": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"},
        "handed_over": False,
        "offer_id": None,
        "created_date_time": "2027-03-01T12:00:00Z",
    }


@pytest.mark.parametrize("suffix", ["", "/qr.svg"])
@pytest.mark.parametrize("who", [*NOBODYS, "device"])
async def test_to_everyone_else_the_admission_does_not_exist(api: Api, sold: Sold, who: str, suffix: str) -> None:
    refused = await api.get(sold.path + suffix, token=await token_of(api, sold, who))

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("GET", "/qr.svg"), ("PATCH", "")])
async def test_a_stranger_must_say_who_asks(api: Api, sold: Sold, method: str, suffix: str) -> None:
    refused = await api.call(method, sold.path + suffix, NAMED if method == "PATCH" else None)

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")


async def test_an_admission_that_never_was_looks_like_one_of_somebody_else(api: Api, sold: Sold) -> None:
    refused = await api.get("/v1/admissions/adm_00000000000000000000000000", token=sold.buyer)

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_what_was_not_changed_is_not_sent_again(api: Api, sold: Sold) -> None:
    seen = (await api.get(sold.path, token=sold.buyer)).headers["etag"]

    again = await api.get(sold.path, token=sold.buyer, headers={"If-None-Match": seen})

    assert (again.status_code, again.content) == (304, b"")


async def test_a_void_admission_shows_no_code_of_any_kind(api: Api, sold: Sold) -> None:
    await store_changed(api.house, voided(sold.admission))

    read = (await api.get(sold.path, token=sold.buyer)).json()

    assert (read["status"], read["code"], read["human_code"]) == ("void", None, None)


# The QR symbol -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["buyer", "order", "organizer", "admin"])
async def test_those_it_belongs_to_see_its_qr_symbol(api: Api, sold: Sold, who: str) -> None:
    picture = await api.get(f"{sold.path}/qr.svg", token=await token_of(api, sold, who))

    assert picture.status_code == 200
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.headers["cache-control"] == "private, no-store"
    assert picture.text.startswith("<svg ")


async def test_a_void_admission_has_no_qr_symbol(api: Api, sold: Sold) -> None:
    await store_changed(api.house, voided(sold.admission))

    refused = await api.get(f"{sold.path}/qr.svg", token=sold.buyer)

    assert (refused.status_code, refused.json()["code"]) == (409, "admission_void")


# Renaming ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["buyer", "order", "organizer", "admin"])
async def test_those_it_belongs_to_rename_it_even_when_all_is_sold(api: Api, sold: Sold, who: str) -> None:
    renamed = await api.patch(sold.path, {"attendee": {"first_name": "Grace"}}, token=await token_of(api, sold, who))

    assert renamed.status_code == 200
    assert renamed.json()["attendee"] == {"email": "ada@example.org", "first_name": "Grace", "last_name": "Lovelace"}
    assert (await api.get(sold.path, token=sold.buyer)).content == renamed.content


async def test_only_the_new_code_of_a_renamed_admission_opens_the_door(api: Api, sold: Sold) -> None:
    renamed = (await api.patch(sold.path, NAMED, token=sold.buyer)).json()

    async def scan(shown: str) -> tuple[int, str]:
        path = f"/v1/events/{sold.event_id}/check-ins"
        answer = await api.post(path, {"code": shown, "scan_id": fresh_key()}, token=sold.organizer)
        return answer.status_code, answer.json().get("code", "")

    assert await scan(shown_code(api.house, sold.admission)) == (409, "replaced_code")
    assert await scan(sold.admission.human_code) == (404, "unknown_code")
    assert await scan(renamed["human_code"]) == (201, "")
    assert await scan(renamed["code"]) == (409, "already_in")


async def test_a_rename_that_changes_nothing_keeps_the_code(api: Api, sold: Sold) -> None:
    same = await api.patch(sold.path, {"attendee": {"first_name": "Ada"}}, token=sold.buyer)

    assert same.json()["code"] == shown_code(api.house, sold.admission)


async def test_a_rename_is_told_once(api: Api, sold: Sold) -> None:
    for _ in range(2):
        await api.patch(sold.path, NAMED, token=sold.buyer)

    facts = [row async for row in api.house.store.scan(FACTS) if row["kind"] == "admission.renamed"]
    assert [(row["subject_id"], row["content"]["order_id"]) for row in facts] == [
        (sold.admission.admission_id, sold.admission.order_id)
    ]


@pytest.mark.parametrize("who", [*NOBODYS, "device"])
async def test_nobody_else_renames_it(api: Api, sold: Sold, who: str) -> None:
    refused = await api.patch(sold.path, NAMED, token=await token_of(api, sold, who))

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert await read_admission(api.house.store, sold.admission.admission_id) == sold.admission


@pytest.mark.parametrize(
    ("status", "code"), [(AdmissionStatus.USED, "admission_used"), (AdmissionStatus.VOID, "admission_void")]
)
async def test_what_was_used_or_is_void_keeps_its_name(
    api: Api, sold: Sold, status: AdmissionStatus, code: str
) -> None:
    await store_changed(api.house, replace(sold.admission, status=status))

    refused = await api.patch(sold.path, NAMED, token=sold.buyer)

    assert (refused.status_code, refused.json()["code"]) == (409, code)


async def test_a_rename_of_what_was_changed_meanwhile_is_refused(api: Api, sold: Sold) -> None:
    seen = (await api.get(sold.path, token=sold.buyer)).headers["etag"]
    await api.patch(sold.path, NAMED, token=sold.buyer)

    refused = await api.patch(
        sold.path, {"attendee": {"first_name": "Mary"}}, token=sold.buyer, headers={"If-Match": seen}
    )

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_a_rename_says_all_that_is_wrong_with_it(api: Api, sold: Sold) -> None:
    refused = await api.patch(
        sold.path,
        {"status": "valid", "attendee": {"email": "nobody", "first_name": "A\nB", "last_name": "x" * 201, "age": 3}},
        token=sold.buyer,
    )

    assert refused.status_code == 422
    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("/status", "unknown_field"),
        ("/attendee/email", "email"),
        ("/attendee/first_name", "line_break"),
        ("/attendee/last_name", "string_too_long"),
        ("/attendee/age", "unknown_field"),
    }


async def test_an_attendee_cannot_be_emptied_by_null(api: Api, sold: Sold) -> None:
    refused = await api.patch(sold.path, {"attendee": {"email": None}}, token=sold.buyer)

    assert refused.status_code == 422


# The events that I attend --------------------------------------------------------------------------------------------


async def test_each_event_that_i_attend_is_listed_once_with_the_number_of_my_tickets(api: Api, sold: Sold) -> None:
    await sell(api.house, sold.event_id, sold.buyer, quantity=2)

    listed = (await api.get("/v1/users/me/events", token=sold.buyer)).json()

    (event,) = listed["data"]
    assert (event["event_id"], event["event_name"], event["admissions_count"]) == (sold.event_id, "Concert", 3)
    assert (event["start_date_time"], event["status"]) == ("2027-03-31T12:00:00Z", "upcoming")
    assert listed["next_cursor"] is None


async def test_events_of_others_are_not_mine(api: Api, sold: Sold) -> None:
    other = await sign_up(api.house, "bob")

    assert (await api.get("/v1/users/me/events", token=other)).json() == {"data": [], "next_cursor": None}
    assert (await api.get("/v1/users/me/events", token=sold.organizer)).json()["data"] == []


async def test_an_event_whose_tickets_are_all_void_is_not_attended(api: Api, sold: Sold) -> None:
    lecture = await hold_event(api.house, sold.organizer, "Lecture")
    gone, _kept = await sell(api.house, lecture, sold.buyer, quantity=2)
    await store_changed(api.house, voided(sold.admission))
    await store_changed(api.house, voided(gone))

    listed = (await api.get("/v1/users/me/events", token=sold.buyer)).json()["data"]

    assert [(event["event_id"], event["admissions_count"]) for event in listed] == [(lecture, 1)]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_of_my_events_follow_one_another_from_the_newest(store: Store, limit: int) -> None:
    clock = StandingClock()
    api = Api(make_house(store, clock=clock))
    organizer = await sign_up(api.house, "olga", UserType.ORGANIZER)
    buyer = await sign_up(api.house, "ada")
    for name in ("Concert", "Lecture", "Match", "Opera", "Play"):
        clock.move(minutes=1)
        event_id = await hold_event(api.house, organizer, name)
        for quantity in (1, 2):
            await sell(api.house, event_id, buyer, quantity=quantity)

    found: list[tuple[str, int]] = []
    cursor = ""
    while True:
        page = (await api.get(f"/v1/users/me/events?limit={limit}{cursor}", token=buyer)).json()
        assert len(page["data"]) <= limit
        found += [(event["event_name"], event["admissions_count"]) for event in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == [("Play", 3), ("Opera", 3), ("Match", 3), ("Lecture", 3), ("Concert", 3)]


async def test_of_hundreds_of_tickets_for_one_event_a_hundred_are_counted(api: Api, sold: Sold) -> None:
    lecture = await hold_event(api.house, sold.organizer, "Lecture")
    for _ in range(5):
        await sell(api.house, lecture, sold.buyer, quantity=TICKETS_PER_ORDER_MAX)

    listed = (await api.get("/v1/users/me/events", token=sold.buyer)).json()["data"]

    assert {event["event_id"]: event["admissions_count"] for event in listed} == {lecture: 100, sold.event_id: 1}


@pytest.mark.parametrize(("who", "status"), [("stranger", 401), ("order", 404), ("device", 404)])
async def test_only_a_user_attends_events(api: Api, sold: Sold, who: str, status: int) -> None:
    refused = await api.get("/v1/users/me/events", token=await token_of(api, sold, who))

    assert refused.status_code == status


async def test_a_cursor_of_another_list_is_refused(api: Api, sold: Sold) -> None:
    mine = await api.get("/v1/users/me/events?cursor=adm_1", token=sold.buyer)
    theirs = await api.get(f"/v1/events/{sold.event_id}/attendees?cursor={sold.event_id}", token=sold.organizer)

    assert (mine.status_code, mine.json()["code"]) == (400, "bad_cursor")
    assert (theirs.status_code, theirs.json()["code"]) == (400, "bad_cursor")


# The attendees of an event -------------------------------------------------------------------------------------------


@pytest.fixture
async def crowd(api: Api, sold: Sold) -> tuple[Admission, ...]:
    """Four attendees beside Ada: Grace, seated; Émile, void; and Ada's two namesakes."""
    await add_ticket_type(api.house, sold.event_id, "tty_seated")
    (grace,) = await sell(api.house, sold.event_id, sold.buyer, attendee=GRACE, ticket_type_id="tty_seated")
    emile = Attendee(email="emile@example.org", first_name="Émile", last_name="Borel")
    (borel,) = await sell(api.house, sold.event_id, sold.buyer, attendee=emile)
    await store_changed(api.house, voided(borel))
    namesakes = await sell(
        api.house, sold.event_id, sold.buyer, quantity=2, attendee=Attendee("smith@example.org", "Ada", "Smith")
    )
    return grace, borel, *namesakes


async def names(api: Api, sold: Sold, query: str = "", *, token: str | None = None) -> list[str]:
    listed = await api.get(f"/v1/events/{sold.event_id}/attendees{query}", token=token or sold.organizer)
    assert listed.status_code == 200, listed.text
    attendees = [each["attendee"] for each in listed.json()["data"]]
    return sorted(f"{attendee['first_name']} {attendee['last_name']}" for attendee in attendees)


async def test_the_organizer_sees_who_attends(api: Api, sold: Sold) -> None:
    listed = (await api.get(f"/v1/events/{sold.event_id}/attendees", token=sold.organizer)).json()

    assert listed == {
        "data": [
            {
                "admission_id": sold.admission.admission_id,
                "order_id": sold.admission.order_id,
                "order_code": order_code(sold.admission.order_id),
                "ticket_type_id": ticket_type_of_event(sold.event_id),
                "status": "valid",
                "human_code": sold.admission.human_code,
                "attendee": {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"},
                "entered_at": None,
                "entered_gate": None,
            }
        ],
        "next_cursor": None,
    }


async def test_a_door_device_sees_who_attends_without_addresses(api: Api, sold: Sold) -> None:
    token = await token_of(api, sold, "device")

    listed = await api.get(f"/v1/events/{sold.event_id}/attendees", token=token)

    assert listed.json()["data"][0]["attendee"] == {"email": None, "first_name": "Ada", "last_name": "Lovelace"}
    assert "example.org" not in listed.text


async def test_a_door_device_cannot_find_out_addresses_by_searching(
    api: Api, sold: Sold, crowd: tuple[Admission, ...]
) -> None:
    token = await token_of(api, sold, "device")

    assert await names(api, sold, "?q=grace@example.org") == ["Grace Hopper"]
    assert await names(api, sold, "?q=grace@example.org", token=token) == []


@pytest.mark.parametrize("who", ["buyer", "order", "other user", "other organizer", "other device"])
async def test_to_everyone_else_the_attendees_do_not_exist(api: Api, sold: Sold, who: str) -> None:
    refused = await api.get(f"/v1/events/{sold.event_id}/attendees", token=await token_of(api, sold, who))

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


async def test_a_stranger_must_log_in_to_see_attendees(api: Api, sold: Sold) -> None:
    assert (await api.get(f"/v1/events/{sold.event_id}/attendees")).status_code == 401


async def test_an_admin_sees_the_attendees_of_any_event(api: Api, sold: Sold) -> None:
    assert await names(api, sold, token=await token_of(api, sold, "admin")) == ["Ada Lovelace"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?q=ada", ["Ada Lovelace", "Ada Smith", "Ada Smith"]),
        ("?q=LOVE%20ada", ["Ada Lovelace"]),
        ("?q=emile", ["Émile Borel"]),
        ("?q=smith@example.org", ["Ada Smith", "Ada Smith"]),
        ("?q=nobody", []),
        ("?q=%20", ["Ada Lovelace", "Ada Smith", "Ada Smith", "Grace Hopper", "Émile Borel"]),
        ("?ticket_type_id=tty_seated", ["Grace Hopper"]),
        ("?status=void", ["Émile Borel"]),
        ("?status=valid&q=ada&ticket_type_id=tty_seated", []),
    ],
)
async def test_attendees_are_found_by_name_address_type_and_status(
    api: Api, sold: Sold, crowd: tuple[Admission, ...], query: str, expected: list[str]
) -> None:
    assert await names(api, sold, query) == expected


async def test_attendees_are_found_by_the_codes_that_people_read_out(
    api: Api, sold: Sold, crowd: tuple[Admission, ...]
) -> None:
    smith = crowd[-1]
    spelled = smith.human_code.lower().replace("-", "%20")

    assert await names(api, sold, f"?q={order_code(smith.order_id)}") == ["Ada Smith", "Ada Smith"]
    assert await names(api, sold, f"?q={order_code(smith.order_id).replace('-', '').lower()}") == ["Ada Smith"] * 2
    assert await names(api, sold, f"?q={spelled}") == ["Ada Smith"]
    assert await names(api, sold, f"?q={spelled}&status=void") == []


async def test_an_attendee_found_by_an_index_that_lags_is_shown_as_it_is(store: Store) -> None:
    lagging = LaggingStore(store, lag_commits=100)
    api = Api(make_house(lagging))
    organizer = await sign_up(api.house, "olga", UserType.ORGANIZER)
    event_id = await hold_event(api.house, organizer)
    (admission,) = await sell(api.house, event_id, await sign_up(api.house, "ada"))
    await lagging.catch_up()
    await store_changed(api.house, voided(admission))

    listed = await api.get(f"/v1/events/{event_id}/attendees?q={admission.human_code}", token=organizer)

    assert [each["status"] for each in listed.json()["data"]] == ["void"]


async def test_a_human_code_of_another_event_finds_nobody_here(api: Api, sold: Sold) -> None:
    lecture = await hold_event(api.house, sold.organizer, "Lecture")
    (elsewhere,) = await sell(api.house, lecture, sold.buyer)

    assert await names(api, sold, f"?q={elsewhere.human_code}") == []


@pytest.mark.parametrize("query", ["", "q=ada&", "status=valid&"])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_of_attendees_hold_everyone_once(
    api: Api, sold: Sold, crowd: tuple[Admission, ...], query: str, limit: int
) -> None:
    found: list[str] = []
    cursor = ""
    while True:
        path = f"/v1/events/{sold.event_id}/attendees?{query}limit={limit}{cursor}"
        page = (await api.get(path, token=sold.organizer)).json()
        assert len(page["data"]) <= limit
        found += [each["admission_id"] for each in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    everyone = (await api.get(f"/v1/events/{sold.event_id}/attendees?{query}limit=100", token=sold.organizer)).json()
    assert found == [each["admission_id"] for each in everyone["data"]]
    assert len(found) == {"": 5, "q=ada&": 3, "status=valid&": 4}[query]


@pytest.mark.parametrize("query", ["?status=lost", "?limit=0", f"?q={'x' * 201}"])
async def test_a_wrong_query_is_refused_by_its_name(api: Api, sold: Sold, query: str) -> None:
    refused = await api.get(f"/v1/events/{sold.event_id}/attendees{query}", token=sold.organizer)

    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == [query.partition("=")[0]]


async def test_a_guest_at_the_door_is_shown_with_time_and_gate(api: Api, sold: Sold) -> None:
    now = api.house.clock.now()
    inside = replace(sold.admission, status=AdmissionStatus.USED, entered_at=now, entered_gate="North")
    await store_changed(api.house, inside)

    (shown,) = (await api.get(f"/v1/events/{sold.event_id}/attendees?status=used", token=sold.organizer)).json()["data"]

    assert (shown["entered_at"], shown["entered_gate"]) == ("2027-03-01T12:00:00Z", "North")
