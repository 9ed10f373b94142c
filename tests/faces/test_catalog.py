"""Finding events over the JSON API: words, filters, order, pages, and what strangers are never shown."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.events import BALCONY, CONCERT, KONZERTHAUS, created, id_of, published_concert
from tests.support.houses import NOON, Api, make_house, sign_up
from ticketing.accounts.model import UserType
from ticketing.base.bounds import CITY_VENUES_MAX
from ticketing.base.changes import Insert
from ticketing.base.search import SearchPage, SearchWish
from ticketing.base.times import shown
from ticketing.schema.tables import VENUES
from ticketing.storage.sql.opening import open_store, search_of
from ticketing.venues.store import read_venue, venue_record


@pytest.fixture(params=["memory", "sqlite"])
async def api(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Api]:
    """The API of a house, searched by the engine's own index."""
    if request.param == "memory":
        yield Api(make_house())
        return
    store = open_store(tmp_path / "ticket.db")
    yield Api(replace(make_house(store), search=search_of(store)))
    await store.close()


async def found(api: Api, query: str = "", **more: Any) -> list[str]:
    """The names of the events that a query finds."""
    answer = await api.get(f"/v1/events{query}", **more)
    assert answer.status_code == 200, answer.text
    return [event["event_name"] for event in answer.json()["data"]]


def times(start: datetime, *, hours: float = 2) -> dict[str, str | None]:
    """The fields of an event that starts then, its sale open from the beginning to the end."""
    return {
        "start_date_time": shown(start),
        "end_date_time": shown(start + timedelta(hours=hours)),
        "sales_start_date": None,
        "sales_end_date": None,
    }


# What is found -------------------------------------------------------------------------------------------------------


async def test_anyone_finds_what_is_published_in_the_order_of_its_start(api: Api, ada: str) -> None:
    for days, name in ((3, "Third"), (1, "First"), (2, "Second")):
        await published_concert(api, token=ada, event_name=name, **times(NOON + timedelta(days=days)))

    assert await found(api) == ["First", "Second", "Third"]


async def test_an_event_is_listed_as_it_is_read(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada)

    listed = (await api.get("/v1/events")).json()

    assert listed == {"data": [(await api.get(path)).json()], "next_cursor": None}


async def test_a_draft_is_found_by_nobody_not_even_its_organizer(api: Api, ada: str) -> None:
    await created(api, "/v1/events", CONCERT, token=ada)

    assert await found(api, token=ada) == []


async def test_a_draft_stays_hidden_even_if_the_index_names_it(api: Api, ada: str) -> None:
    draft = id_of(await created(api, "/v1/events", CONCERT, token=ada))

    class Careless:
        async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
            return SearchPage((draft, "evt_gone"), None)

    careless = Api(replace(api.house, search=Careless()))

    assert await found(careless) == []


async def test_a_changed_event_is_found_by_what_it_says_now(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada, event_name="Spring")
    await api.patch(path, {"event_name": "Autumn"}, token=ada)

    assert await found(api, "?q=autumn") == ["Autumn"]
    assert await found(api, "?q=spring+autumn") == []


# Words ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["spring", "SPRING concert", "conc", "webern", "matinee", "konzert", "vienna", "music vienna", "spring+vie"],
)
async def test_an_event_is_found_by_words_of_its_name_text_tags_categories_and_place(
    api: Api, ada: str, root: str, words: str
) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    category = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    await published_concert(api, token=ada, venue_id=venue, categories=[category])
    await published_concert(api, token=ada, event_name="Other", description="", tags=[])

    assert await found(api, f"?q={words}") == ["Spring concert"]


async def test_words_in_the_name_count_more_and_what_was_comes_last(api: Api, ada: str) -> None:
    for days, name, text in (
        (-5, "Haydn then", ""),
        (1, "Night", "Haydn"),
        (2, "Haydn soon", ""),
        (3, "Haydn later", ""),
    ):
        await published_concert(
            api, token=ada, event_name=name, description=text, tags=[], **times(NOON + timedelta(days=days))
        )

    assert await found(api, "?q=haydn") == ["Haydn soon", "Haydn later", "Haydn then", "Night"]


@pytest.mark.parametrize("words", ["%3F%21", "%22", "*", "%00"])
async def test_what_holds_no_word_finds_nothing(api: Api, ada: str, words: str) -> None:
    await published_concert(api, token=ada)

    assert await found(api, f"?q={words}") == []


@pytest.mark.parametrize("query", ["?q=", "?q=+"])
async def test_an_empty_search_field_finds_everything(api: Api, ada: str, query: str) -> None:
    await published_concert(api, token=ada)

    assert await found(api, query) == ["Spring concert"]


# Filters -------------------------------------------------------------------------------------------------------------


async def test_filters_by_category_tag_venue_and_organizer(api: Api, ada: str, root: str) -> None:
    eve = await sign_up(api.house, "eve", UserType.ORGANIZER)
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    category = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    mine = await published_concert(
        api, token=ada, event_name="Mine", venue_id=venue, categories=[category], tags=["Matinée"]
    )
    await published_concert(api, token=eve, event_name="Hers", tags=["strings"])
    organizer = (await api.get(mine)).json()["organizer_user_id"]

    for query in (f"category={category}", "tag=matin%C3%A9e", f"venue_id={venue}", f"organizer_user_id={organizer}"):
        assert await found(api, f"?{query}") == ["Mine"], query
    assert await found(api, f"?category={category}&tag=strings") == []
    assert await found(api, f"?q=mine&category={category}&venue_id={venue}") == ["Mine"]


@pytest.mark.parametrize(
    "query", ["category=cat_unknown", "tag=unknown", "venue_id=ven_unknown", "organizer_user_id=usr_x", "city=Nowhere"]
)
async def test_what_nobody_has_finds_nothing(api: Api, ada: str, query: str) -> None:
    await published_concert(api, token=ada)

    assert await found(api, f"?{query}") == []


@pytest.mark.parametrize("city", ["M%C3%A1laga", "malaga", "MALAGA", "%20malaga%20"])
async def test_a_city_is_that_of_the_venue_whatever_its_case_and_accents(api: Api, ada: str, city: str) -> None:
    for name, place in (("Here", "Málaga"), ("Here too", "malaga"), ("There", "Graz")):
        venue = id_of(await created(api, "/v1/venues", KONZERTHAUS | {"city": place}, token=ada))
        await published_concert(api, token=ada, event_name=name, venue_id=venue)
    await published_concert(api, token=ada, event_name="Online")

    assert sorted(await found(api, f"?city={city}")) == ["Here", "Here too"]


async def test_an_event_follows_its_venue_to_another_city(api: Api, ada: str) -> None:
    venue = await created(api, "/v1/venues", KONZERTHAUS, token=ada)
    await published_concert(api, token=ada, venue_id=id_of(venue))
    await api.patch(venue, {"city": "Graz"}, token=ada)

    assert await found(api, "?city=graz") == ["Spring concert"]
    assert await found(api, "?city=vienna") == []


async def test_a_city_of_more_venues_than_a_search_looks_at_is_refused(api: Api, ada: str) -> None:
    first = await read_venue(
        api.house.store, id_of(await created(api, "/v1/venues", KONZERTHAUS | {"city": "Big"}, token=ada))
    )
    assert first is not None
    for number in range(1, CITY_VENUES_MAX):
        await api.house.store.commit((Insert(VENUES, venue_record(replace(first, venue_id=f"ven_{number}"))),))

    assert await found(api, "?city=big") == []

    await api.house.store.commit((Insert(VENUES, venue_record(replace(first, venue_id="ven_more"))),))
    refused = await api.get("/v1/events?city=big")

    assert (refused.status_code, refused.json()["code"]) == (422, "city_too_large")


async def test_filters_by_status_as_the_public_sees_it(api: Api, ada: str) -> None:
    for name, start in (("Over", -3), ("On", -1), ("Soon", 1), ("Off", 2), ("Late", 3)):
        path = await published_concert(api, token=ada, event_name=name, **times(NOON + timedelta(hours=start)))
        if name in ("Off", "Late"):
            await api.post(f"{path}/{'cancel' if name == 'Off' else 'postpone'}", token=ada)

    for status, name in (
        ("completed", "Over"),
        ("ongoing", "On"),
        ("upcoming", "Soon"),
        ("cancelled", "Off"),
        ("postponed", "Late"),
    ):
        answer = (await api.get(f"/v1/events?status={status}")).json()["data"]
        assert [(event["event_name"], event["status"]) for event in answer] == [(name, status)]


async def test_starts_lie_in_a_half_open_range(api: Api, ada: str) -> None:
    for hour in (1, 2, 3):
        await published_concert(api, token=ada, event_name=str(hour), **times(NOON + timedelta(hours=hour)))

    assert await found(api, "?starts_from=2027-03-01T14:00:00Z&starts_to=2027-03-01T15:00:00Z") == ["2"]
    assert await found(api, "?starts_from=2027-03-01T15:00:00%2B01:00") == ["2", "3"]
    assert await found(api, "?starts_from=2027-03-01T15:00:00+01:00") == ["2", "3"]  # a plus that nobody quoted


# Parameters ----------------------------------------------------------------------------------------------------------


async def test_every_wrong_parameter_is_named_at_once(api: Api) -> None:
    refused = await api.get(
        "/v1/events?category=&city=&tag=&status=draft&starts_from=tomorrow&starts_to=2027-03-01&limit=0&expand=owner"
        f"&q={'a+' * 13}&venue={'x'}"
    )

    assert refused.status_code == 422
    assert {(error["pointer"], error["code"]) for error in refused.json()["errors"]} == {
        ("?category", "string_too_short"),
        ("?city", "string_too_short"),
        ("?tag", "string_too_short"),
        ("?status", "literal_error"),
        ("?starts_from", "time"),
        ("?starts_to", "time"),
        ("?limit", "out_of_range"),
        ("?expand", "unknown_expansion"),
        ("?q", "too_many_words"),
        ("?venue", "unknown_parameter"),
    }


@pytest.mark.parametrize("limit", ["-1", "101", "1.5", "ten", "", "%D9%A1", "1_0"])
async def test_a_wrong_limit_is_refused(api: Api, limit: str) -> None:
    refused = await api.get(f"/v1/events?limit={limit}")

    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [("?limit", "out_of_range")]


async def test_a_misspelt_parameter_lists_nothing(api: Api, ada: str) -> None:
    await published_concert(api, token=ada)

    refused = await api.get("/v1/events?organiser_user_id=usr_1")

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "unknown_parameter"


async def test_a_repeated_parameter_is_refused(api: Api) -> None:
    refused = await api.get("/v1/events?tag=a&tag=b")

    assert [(each["pointer"], each["code"]) for each in refused.json()["errors"]] == [("?tag", "repeated_parameter")]


async def test_a_made_up_cursor_is_refused(api: Api) -> None:
    refused = await api.get("/v1/events?cursor=abc")

    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")


# Pages, expansions, caches -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "q=concert&"])
async def test_pages_follow_one_another(api: Api, ada: str, query: str) -> None:
    for day in range(5):
        await published_concert(
            api, token=ada, event_name=f"Concert {day}", **times(NOON + timedelta(days=day, hours=1))
        )
    names: list[str] = []
    path: str | None = f"/v1/events?{query}limit=2"
    while path is not None:
        page = (await api.get(path)).json()
        names += [event["event_name"] for event in page["data"]]
        following = page["next_cursor"]
        path = None if following is None else f"/v1/events?{query}limit=2&cursor={following}"

    assert names == [f"Concert {day}" for day in range(5)]


async def test_what_belongs_to_an_event_is_shown_whole_where_it_is_asked_for(api: Api, ada: str, root: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    category = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    path = await published_concert(api, token=ada, venue_id=venue, categories=[category])
    await created(api, f"{path}/ticket-types", BALCONY, token=ada)
    expand = "?expand=venue,ticket_types,categories"

    listed = (await api.get(f"/v1/events{expand}")).json()["data"]

    assert listed == [(await api.get(f"{path}{expand}")).json()]


async def test_a_stranger_may_keep_a_list_for_some_seconds_and_a_user_may_not(api: Api, ada: str) -> None:
    stranger = await api.get("/v1/events")
    user = await api.get("/v1/events", token=ada)

    assert stranger.headers["cache-control"] == "public, max-age=1"
    assert user.headers["cache-control"] == "private, no-cache"
    assert "authorization" in stranger.headers["vary"].lower()


async def test_a_list_that_did_not_change_is_not_sent_again(api: Api, ada: str) -> None:
    await published_concert(api, token=ada)
    seen = (await api.get("/v1/events")).headers["etag"]

    again = await api.get("/v1/events", headers={"If-None-Match": seen})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "public, max-age=1"
