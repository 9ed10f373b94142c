"""Ticket types over the JSON API, on every store."""

import asyncio
from typing import Any

import pytest

from tests.support.events import BALCONY, CONCERT, created, id_of, published_concert
from tests.support.houses import Api, sign_up
from tests.support.meanwhile import MeanwhileStore
from ticketing.accounts.model import UserType
from ticketing.base.changes import Give, Pool, Take
from ticketing.events.store import read_offer
from ticketing.schema.tables import TICKETS


@pytest.fixture
async def concert(api: Api, ada: str) -> str:
    """The path of a published event of ada's."""
    return await published_concert(api, token=ada)


@pytest.fixture
async def balcony(api: Api, ada: str, concert: str) -> str:
    """The path of a ticket type of it, 200 in all."""
    return await created(api, f"{concert}/ticket-types", BALCONY, token=ada)


def places_of(path: str) -> Pool:
    """What is left of a ticket type."""
    return Pool(TICKETS, (id_of(path),), "quantity_available")


async def hold(api: Api, path: str, count: int) -> None:
    """So many of the ticket type are held."""
    await api.house.store.commit((Take(places_of(path), count),))


async def pool(api: Api, path: str) -> int:
    """What is left of the ticket type, as stored."""
    record = await api.house.store.get(TICKETS, (id_of(path),))
    assert record is not None
    left: int = record["quantity_available"]
    return left


# creating and reading ------------------------------------------------------------------------------------------------


async def test_an_organizer_creates_a_ticket_type_that_anyone_may_read(api: Api, ada: str, concert: str) -> None:
    answer = await api.post(f"{concert}/ticket-types", BALCONY, token=ada)
    read = await api.get(answer.headers["location"])

    assert answer.status_code == 201
    assert read.json() == answer.json()
    assert (BALCONY | {"quantity_available": 200, "status": "on_sale"}).items() <= read.json().items()
    assert set(read.json()) - set(BALCONY) == {
        *("ticket_type_id", "event_id", "quantity_available", "status", "created_date_time")
    }


async def test_the_event_names_its_ticket_types_in_order(api: Api, ada: str, concert: str) -> None:
    made = [
        id_of(await created(api, f"{concert}/ticket-types", BALCONY | {"ticket_type": name}, token=ada))
        for name in ("Stalls", "Balcony", "Standing")
    ]

    listed = (await api.get(f"{concert}/ticket-types")).json()

    assert (await api.get(concert)).json()["ticket_types"] == made
    assert [ticket_type["ticket_type_id"] for ticket_type in listed["data"]] == made
    assert listed["next_cursor"] is None


async def test_pages_of_ticket_types_follow_one_another(api: Api, ada: str, concert: str) -> None:
    for name in ("Stalls", "Balcony", "Standing"):
        await created(api, f"{concert}/ticket-types", BALCONY | {"ticket_type": name}, token=ada)

    first = (await api.get(f"{concert}/ticket-types?limit=2")).json()
    second = (await api.get(f"{concert}/ticket-types?limit=2&cursor={first['next_cursor']}")).json()

    names = [ticket_type["ticket_type"] for ticket_type in first["data"] + second["data"]]
    assert names == ["Stalls", "Balcony", "Standing"]
    assert second["next_cursor"] is None


async def test_a_cursor_that_the_list_did_not_give_out_is_refused(api: Api, concert: str, balcony: str) -> None:
    refused = await api.get(f"{concert}/ticket-types?cursor=tty_gone")

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


async def test_ticket_types_that_are_created_at_once_all_come_in(api: Api, ada: str, concert: str) -> None:
    asked = [BALCONY | {"ticket_type": name} for name in ("Stalls", "Balcony", "Standing", "Box")]

    answers = await asyncio.gather(*(api.post(f"{concert}/ticket-types", body, token=ada) for body in asked))

    offered = (await api.get(f"{concert}?expand=ticket_types")).json()["ticket_types"]
    assert [answer.status_code for answer in answers] == [201] * 4
    assert sorted(ticket_type["ticket_type"] for ticket_type in offered) == ["Balcony", "Box", "Stalls", "Standing"]


async def test_a_ticket_type_that_is_overtaken_by_another_comes_after_it(
    api: Api, ada: str, concert: str, meanwhile: MeanwhileStore
) -> None:
    async def overtake() -> None:
        await created(api, f"{concert}/ticket-types", BALCONY | {"ticket_type": "Stalls"}, token=ada)

    meanwhile.meanwhile = overtake
    await created(api, f"{concert}/ticket-types", BALCONY, token=ada)

    offer = await read_offer(api.house.store, id_of(concert))
    assert offer is not None
    assert [ticket_type.ticket_type for ticket_type in offer.ticket_types] == ["Stalls", "Balcony"]


async def test_the_same_key_and_body_create_one_ticket_type(api: Api, ada: str, concert: str) -> None:
    first = await api.post(f"{concert}/ticket-types", BALCONY, token=ada, key="k1")
    second = await api.post(f"{concert}/ticket-types", BALCONY, token=ada, key="k1")

    assert second.content == first.content
    assert len((await api.get(concert)).json()["ticket_types"]) == 1


async def test_every_wrong_field_is_named_at_once(api: Api, ada: str, concert: str) -> None:
    wrong = {
        "ticket_type": "",
        "price": {"amount": 9.5, "currency": "Euro"},
        "quantity": -1,
        "per_order_max": 0,
        "paused": "no",
        "quantity_available": 1000,
    }

    refused = await api.post(f"{concert}/ticket-types", BALCONY | wrong, token=ada)

    assert refused.status_code == 422
    assert {error["pointer"]: error["code"] for error in refused.json()["errors"]} == {
        "/ticket_type": "string_too_short",
        "/price/amount": "int_type",
        "/price/currency": "string_too_long",
        "/quantity": "greater_than_equal",
        "/per_order_max": "greater_than_equal",
        "/paused": "bool_type",
        "/quantity_available": "unknown_field",
    }


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_price_in_another_currency_than_the_events_is_refused(
    api: Api, ada: str, concert: str, balcony: str, method: str
) -> None:
    in_dollars = {"price": {"amount": 2500, "currency": "USD"}}
    path, body = (f"{concert}/ticket-types", BALCONY | in_dollars) if method == "POST" else (balcony, in_dollars)

    refused = await api.call(method, path, body, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (422, "currency_mismatch")


async def test_a_cancelled_event_gets_no_new_ticket_types(api: Api, ada: str, concert: str) -> None:
    await api.post(f"{concert}/cancel", token=ada)

    refused = await api.post(f"{concert}/ticket-types", BALCONY, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "event_cancelled")


async def test_the_status_tells_why_nothing_is_sold(api: Api, ada: str, concert: str, balcony: str) -> None:
    async def status() -> str:
        found: str = (await api.get(balcony)).json()["status"]
        return found

    seen = [await status()]
    await hold(api, balcony, 200)
    seen.append(await status())
    await api.patch(balcony, {"paused": True}, token=ada)
    seen.append(await status())
    await api.patch(balcony, {"sale_start_date_time": "2027-04-01T00:00:00Z"}, token=ada)
    seen.append(await status())
    await api.post(f"{concert}/cancel", token=ada)
    seen.append(await status())

    assert seen == ["on_sale", "sold_out", "paused", "not_yet", "ended"]


# who may -------------------------------------------------------------------------------------------------------------


async def test_the_ticket_types_of_a_draft_are_there_for_its_organizer_and_admins_only(
    api: Api, ada: str, root: str
) -> None:
    draft = await created(api, "/v1/events", CONCERT, token=ada)
    balcony = await created(api, f"{draft}/ticket-types", BALCONY, token=ada)
    eve = await sign_up(api.house, "eve", UserType.ORGANIZER)

    for path in (balcony, f"{draft}/ticket-types"):
        statuses = [(await api.get(path, token=token)).status_code for token in (ada, root, None, eve)]
        assert statuses == [200, 200, 404, 404]


@pytest.mark.parametrize(
    ("method", "of_event", "body"),
    [("POST", True, BALCONY), ("PATCH", False, {"price": {"amount": 0, "currency": "EUR"}}), ("DELETE", False, None)],
)
async def test_nobody_but_its_organizer_touches_a_ticket_type(
    api: Api, concert: str, balcony: str, method: str, of_event: bool, body: dict[str, Any] | None
) -> None:
    before = (await api.get(f"{concert}?expand=ticket_types")).json()
    others = [await sign_up(api.house, "bob"), await sign_up(api.house, "eve", UserType.ORGANIZER)]
    path = f"{concert}/ticket-types" if of_event else balcony

    refused = [await api.call(method, path, body, token=token) for token in (None, *others)]

    assert [answer.status_code for answer in refused] == [401, 404, 404]
    assert (await api.get(f"{concert}?expand=ticket_types")).json() == before


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_ticket_type_that_does_not_exist_looks_like_one_of_someone_else(
    api: Api, ada: str, method: str
) -> None:
    body = {"quantity": 1} if method == "PATCH" else None

    assert (await api.call(method, "/v1/ticket-types/tty_gone", body, token=ada)).status_code == 404
    assert (await api.call(method, "/v1/ticket-types/tty_gone", body)).status_code == 401
    assert (await api.get("/v1/ticket-types/tty_gone")).status_code == 404


# describing anew -----------------------------------------------------------------------------------------------------


async def test_a_patch_changes_only_what_it_names(api: Api, ada: str, balcony: str) -> None:
    change = {"price": {"amount": 3000, "currency": "EUR"}, "per_order_max": None}

    changed = await api.patch(balcony, change, token=ada)

    assert changed.status_code == 200
    assert (BALCONY | change).items() <= changed.json().items()
    assert (await api.get(balcony)).json() == changed.json()


async def test_a_patch_cannot_empty_what_every_ticket_type_has(api: Api, ada: str, balcony: str) -> None:
    refused = await api.patch(balcony, {"price": None}, token=ada)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "null")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_of_what_was_changed_meanwhile_is_refused(api: Api, ada: str, balcony: str, method: str) -> None:
    seen = (await api.get(balcony)).headers["etag"]
    await api.patch(balcony, {"quantity": 150}, token=ada)

    refused = await api.call(
        method, balcony, {"quantity": 100} if method == "PATCH" else None, token=ada, headers={"If-Match": seen}
    )

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_a_price_that_is_overtaken_by_another_is_refused_with_if_match(
    api: Api, ada: str, balcony: str, meanwhile: MeanwhileStore
) -> None:
    seen = (await api.get(balcony)).headers["etag"]

    async def overtake() -> None:
        await api.patch(balcony, {"price": {"amount": 2000, "currency": "EUR"}}, token=ada)

    meanwhile.meanwhile = overtake
    change = {"price": {"amount": 3000, "currency": "EUR"}}
    refused = await api.patch(balcony, change, token=ada, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")
    assert (await api.get(balcony)).json()["price"]["amount"] == 2000


async def test_every_change_that_a_sale_goes_by_makes_a_new_version(api: Api, ada: str, balcony: str) -> None:
    changes: list[dict[str, Any]] = [
        {"price": {"amount": 2600, "currency": "EUR"}},
        {"paused": True},
        {"per_order_max": 2},
        {"sale_end_date_time": "2027-04-01T00:00:00Z"},
        {"quantity": 100},
    ]

    versions = []
    for change in changes:
        await api.patch(balcony, change, token=ada)
        record = await api.house.store.get(TICKETS, (id_of(balcony),))
        assert record is not None
        versions.append(record["version"])

    assert versions == [2, 3, 4, 5, 6]


# quantity ------------------------------------------------------------------------------------------------------------


async def test_a_quantity_lowered_below_what_is_held_keeps_the_holds_and_sells_no_more(
    api: Api, ada: str, balcony: str
) -> None:
    await hold(api, balcony, 60)

    lowered = (await api.patch(balcony, {"quantity": 50}, token=ada)).json()

    assert (lowered["quantity"], lowered["quantity_available"], lowered["status"]) == (50, 0, "sold_out")
    assert await pool(api, balcony) == -10


async def test_what_comes_back_of_a_lowered_quantity_is_not_sold_before_there_is_room(
    api: Api, ada: str, balcony: str
) -> None:
    await hold(api, balcony, 60)
    await api.patch(balcony, {"quantity": 50}, token=ada)

    await api.house.store.commit((Give(places_of(balcony), 10),))
    at_fifty = (await api.get(balcony)).json()["status"]
    await api.house.store.commit((Give(places_of(balcony), 1),))
    at_forty_nine = (await api.get(balcony)).json()["status"]

    assert (at_fifty, at_forty_nine) == ("sold_out", "on_sale")


async def test_a_ticket_held_while_the_quantity_changes_is_counted(
    api: Api, ada: str, balcony: str, meanwhile: MeanwhileStore
) -> None:
    meanwhile.meanwhile = lambda: hold(api, balcony, 1)
    changed = await api.patch(balcony, {"quantity": 150}, token=ada)

    assert changed.status_code == 200
    assert await pool(api, balcony) == 149


async def test_two_changes_of_the_quantity_at_once_move_the_pool_to_the_one_that_stands(
    api: Api, ada: str, balcony: str, meanwhile: MeanwhileStore
) -> None:
    async def overtake() -> None:
        await api.patch(balcony, {"quantity": 100}, token=ada)

    meanwhile.meanwhile = overtake
    await api.patch(balcony, {"quantity": 150}, token=ada)

    assert (await api.get(balcony)).json()["quantity"] == 150
    assert await pool(api, balcony) == 150


# deleting ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("public", [True, False])
async def test_a_ticket_type_of_which_all_is_left_can_be_deleted(api: Api, ada: str, public: bool) -> None:
    event = await (published_concert(api, token=ada) if public else created(api, "/v1/events", CONCERT, token=ada))
    balcony = await created(api, f"{event}/ticket-types", BALCONY, token=ada)
    stalls = await created(api, f"{event}/ticket-types", BALCONY | {"ticket_type": "Stalls"}, token=ada)

    gone = await api.delete(balcony, token=ada)

    assert gone.status_code == 204
    assert (await api.get(balcony, token=ada)).status_code == 404
    assert (await api.patch(balcony, {"quantity": 5}, token=ada)).status_code == 404
    assert (await api.delete(balcony, token=ada)).status_code == 404
    assert (await api.get(event, token=ada)).json()["ticket_types"] == [id_of(stalls)]
    listed = (await api.get(f"{event}/ticket-types", token=ada)).json()["data"]
    assert [ticket_type["ticket_type"] for ticket_type in listed] == ["Stalls"]


async def test_nothing_is_left_to_sell_of_a_ticket_type_that_was_deleted(api: Api, ada: str, balcony: str) -> None:
    await api.delete(balcony, token=ada)

    kept = await api.house.store.get(TICKETS, (id_of(balcony),))

    assert kept is not None
    assert (kept["quantity"], kept["quantity_available"]) == (0, 0)


async def test_a_ticket_type_of_which_some_is_held_stays(api: Api, ada: str, balcony: str) -> None:
    await hold(api, balcony, 1)

    refused = await api.delete(balcony, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "ticket_type_in_use")


async def test_a_ticket_type_held_while_it_is_deleted_stays(
    api: Api, ada: str, concert: str, balcony: str, meanwhile: MeanwhileStore
) -> None:
    meanwhile.meanwhile = lambda: hold(api, balcony, 1)
    refused = await api.delete(balcony, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "ticket_type_in_use")
    assert (await api.get(concert)).json()["ticket_types"] == [id_of(balcony)]
    assert await pool(api, balcony) == 199


async def test_a_ticket_type_of_a_draft_that_is_published_while_it_is_deleted_is_kept_for_orders(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    draft = await created(api, "/v1/events", CONCERT, token=ada)
    balcony = await created(api, f"{draft}/ticket-types", BALCONY, token=ada)

    async def publish() -> None:
        await api.post(f"{draft}/publish", token=ada)

    meanwhile.meanwhile = publish
    gone = await api.delete(balcony, token=ada)

    assert gone.status_code == 204
    assert await pool(api, balcony) == 0


async def test_a_draft_whose_ticket_type_was_deleted_can_be_deleted_too(api: Api, ada: str) -> None:
    draft = await created(api, "/v1/events", CONCERT, token=ada)
    await api.delete(await created(api, f"{draft}/ticket-types", BALCONY, token=ada), token=ada)

    gone = await api.delete(draft, token=ada)

    assert gone.status_code == 204
