"""Events over the JSON API, on every store."""

from typing import Any

import pytest

from tests.support.events import BALCONY, CONCERT, KONZERTHAUS, created, id_of, published_concert
from tests.support.houses import Api, sign_up
from tests.support.meanwhile import MeanwhileStore
from ticketing.accounts.model import UserType
from ticketing.base.changes import Pool, Replace, Take
from ticketing.base.store import Store
from ticketing.events.listing import facet
from ticketing.schema.tables import EVENT_CATEGORY_MAPPING, EVENTS, LISTINGS, index

# creating and reading ------------------------------------------------------------------------------------------------


async def test_an_organizer_creates_a_draft_of_all_fields(api: Api, ada: str, root: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    category = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    asked = CONCERT | {"venue_id": venue, "categories": [category]}

    answer = await api.post("/v1/events", asked, token=ada)
    read = await api.get(answer.headers["location"], token=ada)

    assert answer.status_code == 201
    assert asked.items() <= read.json().items()
    assert read.json() == answer.json()
    assert {name: read.json()[name] for name in ("status", "ticket_types")} == {"status": "draft", "ticket_types": []}
    assert set(read.json()) - set(asked) == {
        *("transfers_allowed", "cancellation_hours", "cancellation_fee_bp", "spread_sale"),
        *("event_id", "organizer_user_id", "status", "ticket_types", "created_date_time", "last_updated_date_time"),
    }


async def test_what_an_event_need_not_say_is_empty(api: Api, ada: str) -> None:
    needed = ("event_name", "start_date_time", "end_date_time", "timezone", "currency")

    path = await created(api, "/v1/events", {name: CONCERT[name] for name in needed}, token=ada)

    event = (await api.get(path, token=ada)).json()
    assert [event[name] for name in ("description", "categories", "tags", "external_links")] == ["", [], [], []]
    assert [event[name] for name in ("venue_id", "capacity", "sales_start_date", "tickets_per_customer_max")] == [
        None
    ] * 4


async def test_an_organizer_says_whether_tickets_change_hands_and_until_when_buyers_cancel(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT | {"transfers_allowed": False}, token=ada)
    first = (await api.get(path, token=ada)).json()
    changed = await api.patch(path, {"cancellation_hours": 48, "cancellation_fee_bp": 1000}, token=ada)

    assert (first["transfers_allowed"], first["cancellation_hours"], first["cancellation_fee_bp"]) == (False, None, 0)
    assert changed.status_code == 200
    assert (changed.json()["transfers_allowed"], changed.json()["cancellation_hours"]) == (False, 48)
    assert changed.json()["cancellation_fee_bp"] == 1000


async def test_an_organizer_spreads_a_sale_and_takes_that_back(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    first = (await api.get(path, token=ada)).json()
    on = await api.patch(path, {"spread_sale": True}, token=ada)
    off = await api.patch(path, {"spread_sale": False}, token=ada)

    assert [first["spread_sale"], on.json()["spread_sale"], off.json()["spread_sale"]] == [False, True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cancellation_fee_bp": 10_000},
        {"cancellation_hours": -1},
        {"transfers_allowed": None},
        {"spread_sale": "much"},
        {"spread_sale": 8},
    ],
)
async def test_a_policy_without_sense_is_refused(api: Api, ada: str, wrong: dict[str, Any]) -> None:
    answer = await api.post("/v1/events", CONCERT | wrong, token=ada)

    assert answer.status_code == 422


async def test_times_are_kept_in_utc(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT | {"start_date_time": "2027-05-01T19:30:00+02:00"}, token=ada)

    assert (await api.get(path, token=ada)).json()["start_date_time"] == "2027-05-01T17:30:00Z"


async def test_tags_that_differ_in_case_only_are_one(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT | {"tags": ["Jazz", "blues", "JAZZ"]}, token=ada)

    assert (await api.get(path, token=ada)).json()["tags"] == ["Jazz", "blues"]


async def test_every_wrong_field_is_named_at_once(api: Api, ada: str) -> None:
    wrong = {
        "event_name": " ",
        "start_date_time": "tomorrow",
        "capacity": 1.5,
        "tags": [""],
        "image_url": "javascript:alert(1)",
        "tickets_per_customer_max": 0,
        "timezone": "Mars/Olympus",
        "organizer_user_id": "usr_eve",
        "status": "published",
    }

    refused = await api.post("/v1/events", CONCERT | wrong, token=ada)

    assert refused.status_code == 422
    assert {error["pointer"]: error["code"] for error in refused.json()["errors"]} == {
        "/event_name": "string_too_short",
        "/start_date_time": "time",
        "/capacity": "int_type",
        "/tags/0": "string_too_short",
        "/image_url": "url",
        "/tickets_per_customer_max": "greater_than_equal",
        "/timezone": "timezone",
        "/organizer_user_id": "unknown_field",
        "/status": "unknown_field",
    }


async def test_venues_and_categories_that_do_not_exist_are_named_at_once(api: Api, ada: str) -> None:
    nowhere = {"venue_id": "ven_gone", "categories": ["cat_gone"], "end_date_time": CONCERT["start_date_time"]}

    refused = await api.post("/v1/events", CONCERT | nowhere, token=ada)

    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [
        ("/end_date_time", "not_after_start"),
        ("/venue_id", "unknown_venue"),
        ("/categories/0", "unknown_category"),
    ]


async def test_the_same_key_and_body_create_one_event(api: Api, ada: str) -> None:
    first = await api.post("/v1/events", CONCERT, token=ada, key="k1")
    second = await api.post("/v1/events", CONCERT, token=ada, key="k1")

    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"


async def test_expand_shows_venue_ticket_types_and_categories_in_whole(api: Api, ada: str, root: str) -> None:
    venue = await created(api, "/v1/venues", KONZERTHAUS, token=ada)
    category = await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root)
    path = await published_concert(api, token=ada, venue_id=id_of(venue), categories=[id_of(category)])
    balcony = await created(api, f"{path}/ticket-types", BALCONY, token=ada)

    event = (await api.get(f"{path}?expand=venue,ticket_types,categories")).json()

    assert event["venue"] == (await api.get(venue)).json()
    assert event["categories"] == [(await api.get(category)).json()]
    assert event["ticket_types"] == [(await api.get(balcony)).json()]
    assert event["venue_id"] == id_of(venue)


async def test_expand_takes_only_what_it_knows(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)

    refused = await api.get(f"{path}?expand=venue,organizer")

    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [
        ("?expand", "unknown_expansion")
    ]


async def test_what_was_not_changed_is_not_sent_again(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)
    seen = (await api.get(path)).headers["etag"]

    again = await api.get(path, headers={"If-None-Match": seen})

    assert (again.status_code, again.content) == (304, b"")


async def test_what_the_clock_changed_is_sent_again(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)
    seen = (await api.get(path)).headers["etag"]
    api.house.clock.move(days=62)  # type: ignore[attr-defined]

    again = await api.get(path, headers={"If-None-Match": seen})

    assert (again.status_code, again.json()["status"]) == (200, "completed")


# who may -------------------------------------------------------------------------------------------------------------

WRITES: list[tuple[str, str, dict[str, Any] | None]] = [
    ("PATCH", "", {"description": "stolen"}),
    ("DELETE", "", None),
    ("POST", "/publish", None),
    ("POST", "/postpone", None),
    ("POST", "/cancel", None),
]


@pytest.mark.parametrize(("method", "action", "body"), WRITES)
@pytest.mark.parametrize("public", [False, True])
async def test_nobody_but_its_organizer_changes_an_event(
    api: Api, ada: str, method: str, action: str, body: dict[str, Any] | None, public: bool
) -> None:
    path = await (published_concert(api, token=ada) if public else created(api, "/v1/events", CONCERT, token=ada))
    before = (await api.get(path, token=ada)).json()
    others = [await sign_up(api.house, "bob"), await sign_up(api.house, "eve", UserType.ORGANIZER)]

    refused = [await api.call(method, path + action, body, token=token) for token in (None, *others)]

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
        (401, "unauthenticated"),
        (404, "not_found"),
        (404, "not_found"),
    ]
    assert (await api.get(path, token=ada)).json() == before


@pytest.mark.parametrize(("method", "action", "body"), WRITES)
async def test_an_event_that_does_not_exist_looks_like_one_of_someone_else(
    api: Api, ada: str, method: str, action: str, body: dict[str, Any] | None
) -> None:
    refused = await api.call(method, f"/v1/events/evt_gone{action}", body, token=ada)
    stranger = await api.call(method, f"/v1/events/evt_gone{action}", body)

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert (stranger.status_code, stranger.json()["code"]) == (401, "unauthenticated")


async def test_a_draft_is_there_for_its_organizer_and_admins_only(api: Api, ada: str, root: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    bob = await sign_up(api.house, "bob")
    eve = await sign_up(api.house, "eve", UserType.ORGANIZER)

    statuses = [(await api.get(path, token=token)).status_code for token in (ada, root, None, bob, eve)]

    assert statuses == [200, 200, 404, 404, 404]


async def test_only_organizers_create_events(api: Api) -> None:
    bob = await sign_up(api.house, "bob")

    assert (await api.post("/v1/events", CONCERT)).status_code == 401
    assert (await api.post("/v1/events", CONCERT, token=bob)).status_code == 404


async def test_an_admin_may_do_what_the_organizer_may(api: Api, ada: str, root: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)

    assert (await api.post(f"{path}/publish", token=root)).json()["status"] == "upcoming"


# the life of an event ------------------------------------------------------------------------------------------------


async def test_an_event_is_published_postponed_to_new_dates_published_again_and_cancelled(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    later = {"start_date_time": "2027-06-05T17:30:00Z", "end_date_time": "2027-06-05T20:00:00Z"}

    seen = [(await api.post(f"{path}/publish", token=ada)).json()["status"]]
    seen.append((await api.post(f"{path}/postpone", token=ada)).json()["status"])
    seen.append((await api.patch(path, later, token=ada)).json()["status"])
    seen.append((await api.post(f"{path}/publish", token=ada)).json()["status"])
    seen.append((await api.post(f"{path}/cancel", token=ada)).json()["status"])
    refused = await api.post(f"{path}/publish", token=ada)

    assert seen == ["upcoming", "postponed", "postponed", "upcoming", "cancelled"]
    assert (refused.status_code, refused.json()["code"]) == (409, "event_cancelled")
    assert later.items() <= (await api.get(path)).json().items()


@pytest.mark.parametrize("move", ["postpone", "cancel"])
async def test_a_draft_cannot_be_postponed_or_cancelled(api: Api, ada: str, move: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)

    refused = await api.post(f"{path}/{move}", token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "event_is_draft")


async def test_publishing_twice_changes_nothing_the_second_time(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)
    before = await api.get(path)

    again = await api.post(f"{path}/publish", token=ada, key="k1")
    replayed = await api.post(f"{path}/publish", token=ada, key="k1")

    assert again.status_code == 200
    assert replayed.headers["idempotent-replayed"] == "true"
    assert (await api.get(path)).headers["etag"] == before.headers["etag"]


async def test_a_cancellation_repeated_under_its_key_finds_its_first_answer(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)

    first = await api.post(f"{path}/cancel", token=ada, key="k1")
    second = await api.post(f"{path}/cancel", token=ada, key="k1")

    assert second.content == first.content
    assert second.headers["idempotent-replayed"] == "true"


async def test_an_event_published_while_it_is_described_anew_ends_public_and_described_anew(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)

    async def publish() -> None:
        assert (await api.post(f"{path}/publish", token=ada)).status_code == 200

    meanwhile.meanwhile = publish
    changed = await api.patch(path, {"event_name": "Summer concert"}, token=ada)

    listing = await meanwhile.get(LISTINGS, (id_of(path),))
    assert (changed.status_code, changed.json()["status"]) == (200, "upcoming")
    assert listing is not None
    assert "summer" in listing["event_name"].lower()


# describing anew -----------------------------------------------------------------------------------------------------


async def test_a_patch_changes_only_what_it_names(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)
    change = {"tags": ["choir"], "sales_end_date": None, "end_date_time": "2027-05-01T21:00:00Z"}

    changed = await api.patch(path, change, token=ada)

    assert changed.status_code == 200
    assert (CONCERT | change).items() <= changed.json().items()
    assert (await api.get(path)).json() == changed.json()


async def test_a_patch_cannot_empty_what_every_event_has(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)

    refused = await api.patch(path, {"event_name": None}, token=ada)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "null")


async def test_a_patch_of_what_was_changed_meanwhile_is_refused(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)
    seen = (await api.get(path)).headers["etag"]
    await api.patch(path, {"capacity": 400}, token=ada)

    refused = await api.patch(path, {"capacity": 450}, token=ada, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_a_patch_overtaken_between_its_reading_and_its_commit_is_refused_with_if_match(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    path = await published_concert(api, token=ada)
    seen = (await api.get(path)).headers["etag"]

    async def overtake() -> None:
        await api.patch(path, {"description": "Haydn only."}, token=ada)

    meanwhile.meanwhile = overtake
    refused = await api.patch(path, {"capacity": 450}, token=ada, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_two_patches_of_different_fields_at_once_both_stand(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    path = await published_concert(api, token=ada)

    async def overtake() -> None:
        await api.patch(path, {"description": "Haydn only."}, token=ada)

    meanwhile.meanwhile = overtake
    changed = await api.patch(path, {"capacity": 450}, token=ada)

    event = (await api.get(path)).json()
    assert changed.status_code == 200
    assert (event["description"], event["capacity"]) == ("Haydn only.", 450)


async def test_the_currency_stands_once_there_are_prices(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    await created(api, f"{path}/ticket-types", BALCONY, token=ada)

    refused = await api.patch(path, {"currency": "USD"}, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "currency_fixed")


async def test_a_ticket_type_created_while_the_currency_changes_keeps_the_currency(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)

    async def overtake() -> None:
        await created(api, f"{path}/ticket-types", BALCONY, token=ada)

    meanwhile.meanwhile = overtake
    refused = await api.patch(path, {"currency": "USD"}, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "currency_fixed")


# capacity ------------------------------------------------------------------------------------------------------------


async def capacity_left(api: Api, path: str) -> int:
    """What is left of the event's capacity."""
    record = await api.house.store.get(EVENTS, (id_of(path),))
    assert record is not None
    left: int = record["capacity_available"]
    return left


async def take(api: Api, path: str, count: int) -> None:
    """So many places of the event are sold."""
    await api.house.store.commit((Take(Pool(EVENTS, (id_of(path),), "capacity_available"), count),))


async def test_a_capacity_lowered_below_what_is_sold_leaves_it_sold_and_sells_no_more(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada, capacity=100)
    balcony = await created(api, f"{path}/ticket-types", BALCONY, token=ada)
    await take(api, path, 60)

    lowered = await api.patch(path, {"capacity": 50}, token=ada)

    assert lowered.status_code == 200
    assert await capacity_left(api, path) == -10
    assert (await api.get(balcony)).json()["status"] == "sold_out"


async def test_a_capacity_raised_again_sells_what_it_adds(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada, capacity=100)
    await take(api, path, 60)

    for capacity in (50, 80, None, 70):
        await api.patch(path, {"capacity": capacity}, token=ada)

    assert await capacity_left(api, path) == 10


async def test_a_place_sold_while_the_capacity_changes_is_counted(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    path = await published_concert(api, token=ada, capacity=100)

    meanwhile.meanwhile = lambda: take(api, path, 1)
    changed = await api.patch(path, {"capacity": 90}, token=ada)

    assert changed.status_code == 200
    assert await capacity_left(api, path) == 89


async def test_an_event_of_more_than_its_venue_holds_is_refused(api: Api, ada: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    path = await published_concert(api, token=ada, venue_id=venue, capacity=1800)

    refused = await api.patch(path, {"capacity": 1801}, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (422, "capacity_over_venue")
    assert refused.json()["venue_capacity"] == 1800


@pytest.mark.parametrize("new", [True, False])
async def test_a_venue_that_shrinks_while_an_event_is_stored_refuses_its_capacity(
    api: Api, ada: str, meanwhile: MeanwhileStore, new: bool
) -> None:
    venue = await created(api, "/v1/venues", KONZERTHAUS, token=ada)
    filling = CONCERT | {"venue_id": id_of(venue), "capacity": 1800}
    path = "/v1/events" if new else await published_concert(api, token=ada, venue_id=id_of(venue))

    async def shrink() -> None:
        await api.patch(venue, {"capacity": 900}, token=ada)

    meanwhile.meanwhile = shrink
    refused = await api.call("POST" if new else "PATCH", path, filling if new else {"capacity": 1800}, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (422, "capacity_over_venue")


async def test_a_venue_deleted_while_an_event_moves_there_is_unknown(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    venue = await created(api, "/v1/venues", KONZERTHAUS, token=ada)

    async def delete() -> None:
        assert (await api.delete(venue, token=ada)).status_code == 204

    meanwhile.meanwhile = delete
    refused = await api.post("/v1/events", CONCERT | {"venue_id": id_of(venue)}, token=ada)

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "unknown_venue")


# categories of an event and its listing ------------------------------------------------------------------------------


async def live_in(store: Store, category: str) -> list[str]:
    """The events that are on in this category."""
    return [record["event_id"] for record in (await store.query(index("mapping_live"), category)).records]


async def test_a_category_has_the_event_on_as_long_as_it_is_public_and_has_the_category(
    api: Api, ada: str, root: str, store: Store
) -> None:
    jazz, folk = [
        id_of(await created(api, "/v1/categories", {"category_name": name}, token=root)) for name in ("Jazz", "Folk")
    ]
    path = await created(api, "/v1/events", CONCERT | {"categories": [jazz]}, token=ada)
    event_id = id_of(path)

    as_draft = await live_in(store, jazz)
    await api.post(f"{path}/publish", token=ada)
    as_public = await live_in(store, jazz)
    await api.patch(path, {"categories": [folk]}, token=ada)
    moved = (await live_in(store, jazz), await live_in(store, folk))

    assert (as_draft, as_public, moved) == ([], [event_id], ([], [event_id]))


async def test_new_dates_reach_the_categories_and_the_listing(api: Api, ada: str, root: str, store: Store) -> None:
    jazz = id_of(await created(api, "/v1/categories", {"category_name": "Jazz"}, token=root))
    path = await published_concert(api, token=ada, categories=[jazz])

    await api.patch(path, {"start_date_time": "2027-05-01T16:00:00Z"}, token=ada)

    event = await store.get(EVENTS, (id_of(path),))
    mapping = await store.get(EVENT_CATEGORY_MAPPING, (id_of(path), jazz))
    listing = await store.get(LISTINGS, (id_of(path),))
    assert event is not None
    assert mapping is not None
    assert listing is not None
    assert mapping["start_date_time"] == listing["start_date_time"] == event["start_date_time"]


async def test_a_draft_has_no_listing_and_what_is_public_has_one_of_its_status(
    api: Api, ada: str, store: Store
) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    key = (id_of(path),)

    as_draft = await store.get(LISTINGS, key)
    facets = []
    for move in ("publish", "postpone", "publish", "cancel"):
        await api.post(f"{path}/{move}", token=ada)
        listing = await store.get(LISTINGS, key)
        assert listing is not None
        facets.append(listing["facets"])

    statuses = ("published", "postponed", "published", "cancelled")
    assert as_draft is None
    assert [facet("status", status) in found for status, found in zip(statuses, facets, strict=True)] == [True] * 4
    assert all(facet("tag", "STRINGS") in found for found in facets)


# deleting ------------------------------------------------------------------------------------------------------------


async def test_a_draft_is_deleted_with_its_ticket_types_and_gives_its_category_free(
    api: Api, ada: str, root: str
) -> None:
    category = await created(api, "/v1/categories", {"category_name": "Jazz"}, token=root)
    path = await created(api, "/v1/events", CONCERT | {"categories": [id_of(category)]}, token=ada)
    balcony = await created(api, f"{path}/ticket-types", BALCONY, token=ada)

    gone = await api.delete(path, token=ada)

    assert gone.status_code == 204
    assert (await api.get(path, token=ada)).status_code == 404
    assert (await api.get(balcony, token=ada)).status_code == 404
    assert (await api.delete(category, token=root)).status_code == 204


@pytest.mark.parametrize("move", ["publish", "postpone", "cancel"])
async def test_what_was_public_is_not_deleted(api: Api, ada: str, move: str) -> None:
    path = await published_concert(api, token=ada)
    await api.post(f"{path}/{move}", token=ada)

    refused = await api.delete(path, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "event_in_use")


async def test_a_draft_published_while_it_is_deleted_stays(api: Api, ada: str, meanwhile: MeanwhileStore) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)

    async def publish() -> None:
        await api.post(f"{path}/publish", token=ada)

    meanwhile.meanwhile = publish
    refused = await api.delete(path, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "event_in_use")
    assert (await api.get(path)).status_code == 200


async def test_a_draft_with_a_door_device_stays(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    await api.house.store.commit((Take(Pool(EVENTS, (id_of(path),), "devices_available"), 1),))

    refused = await api.delete(path, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (409, "event_in_use")


async def test_a_deletion_of_what_was_changed_meanwhile_is_refused(api: Api, ada: str) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)
    seen = (await api.get(path, token=ada)).headers["etag"]
    await api.patch(path, {"capacity": 400}, token=ada)

    refused = await api.delete(path, token=ada, headers={"If-Match": seen})

    assert (refused.status_code, refused.json()["code"]) == (412, "changed_meanwhile")


async def test_an_event_that_never_stands_still_is_busy_not_broken(
    api: Api, ada: str, meanwhile: MeanwhileStore
) -> None:
    path = await created(api, "/v1/events", CONCERT, token=ada)

    async def touch() -> None:
        record = await meanwhile.inner.get(EVENTS, (id_of(path),))
        assert record is not None
        await meanwhile.inner.commit((Replace(EVENTS, record),))
        meanwhile.meanwhile = touch

    meanwhile.meanwhile = touch
    refused = await api.patch(path, {"capacity": 400}, token=ada)

    assert (refused.status_code, refused.json()["code"]) == (503, "busy")
    assert refused.headers["retry-after"]
