"""Finding events on pages: filters and their chips, the calendar, and the pages of venues, categories and organizers."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from tests.faces.test_pages import soon, text_of, titles
from tests.support.events import BALCONY, KONZERTHAUS, created, id_of, published_concert
from tests.support.houses import NOON, Api, make_house, sign_up
from tests.support.meanwhile import MeanwhileStore
from ticketing.accounts.model import UserType
from ticketing.base.times import shown
from ticketing.events.listing import price_facet
from ticketing.schema.tables import LISTINGS
from ticketing.storage.memory import MemoryStore


def at(text: str, *, lasting: float = 2, timezone: str = "UTC") -> dict[str, Any]:
    """The fields of an event that starts then, on sale already."""
    start = datetime.fromisoformat(text)
    return {
        "start_date_time": shown(start),
        "end_date_time": shown(start + timedelta(hours=lasting)),
        "timezone": timezone,
        "sales_start_date": None,
        "sales_end_date": None,
    }


async def selling(api: Api, token: str, name: str, *prices: int, currency: str = "EUR", **fields: Any) -> str:
    """The path of an event of this name that sells at these prices from tomorrow's noon on."""
    path = await published_concert(api, token=token, event_name=name, currency=currency, **(soon(hours=24) | fields))
    for price in prices:
        wish = BALCONY | {"price": {"amount": price, "currency": currency}}
        await created(api, f"{path}/ticket-types", wish, token=token)
    return path


async def structured(api: Api, path: str) -> dict[str, Any]:
    """What a page says to search engines."""
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', (await api.get(path)).text)
    assert found is not None
    data: dict[str, Any] = orjson.loads(found[1])
    return data


# Prices --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "found"),
    [
        ("free", ["Gratis"]),
        ("EUR-1000", ["Gratis", "Ten"]),
        ("EUR-999", ["Gratis"]),
        ("EUR-1850", ["Gratis", "Ten", "From eighteen fifty"]),
        ("EUR-1849", ["Gratis", "Ten"]),
        ("EUR-999999999", ["Gratis", "Ten", "From eighteen fifty"]),
        ("USD-2000", ["Gratis", "Dollars"]),
        ("GBP-5", ["Gratis"]),
    ],
)
async def test_a_price_finds_what_can_be_had_for_no_more_in_its_currency(
    api: Api, ada: str, price: str, found: list[str]
) -> None:
    await selling(api, ada, "Gratis", 0, 4000)
    await selling(api, ada, "Ten", 1000)
    await selling(api, ada, "From eighteen fifty", 1850, 9000)
    await selling(api, ada, "Dollars", 2000, currency="USD")
    await selling(api, ada, "Nothing for sale")

    assert sorted(await titles(api, f"/?price={price}")) == sorted(found)


async def test_what_is_sold_out_does_not_count_for_the_price(api: Api, ada: str) -> None:
    path = await selling(api, ada, "Concert", 4000)
    early = BALCONY | {"price": {"amount": 500, "currency": "EUR"}, "quantity": 0}
    await created(api, f"{path}/ticket-types", early, token=ada)

    assert await titles(api, "/?price=EUR-1000") == []
    assert await titles(api, "/?price=EUR-4000") == ["Concert"]


async def test_a_changed_price_is_found_at_once(api: Api, ada: str) -> None:
    path = await selling(api, ada, "Concert", 4000)
    [kind] = (await api.get(f"{path}/ticket-types")).json()["data"]
    type_path = f"/v1/ticket-types/{kind['ticket_type_id']}"

    await api.patch(type_path, {"price": {"amount": 800, "currency": "EUR"}}, token=ada)
    assert await titles(api, "/?price=EUR-1000") == ["Concert"]

    await created(api, f"{path}/ticket-types", BALCONY | {"price": {"amount": 0, "currency": "EUR"}}, token=ada)
    assert await titles(api, "/?price=free") == ["Concert"]

    await api.patch(path, {"event_name": "Renamed"}, token=ada)
    assert await titles(api, "/?price=free&q=renamed") == ["Renamed"]

    kinds = (await api.get(f"{path}/ticket-types")).json()["data"]
    await api.delete(f"/v1/ticket-types/{kinds[1]['ticket_type_id']}", token=ada)
    assert await titles(api, "/?price=free") == []
    assert await titles(api, "/?price=EUR-1000") == ["Renamed"]


async def test_the_api_filters_by_price_too(api: Api, ada: str) -> None:
    await selling(api, ada, "Ten", 1000)
    await selling(api, ada, "Gratis", 0)

    async def names(query: str) -> list[str]:
        return [each["event_name"] for each in (await api.get(f"/v1/events?{query}")).json()["data"]]

    assert await names("price_max=0") == ["Gratis"]
    assert sorted(await names("price_max=1000&currency=EUR")) == ["Gratis", "Ten"]
    assert (await api.get("/v1/events?price_max=1000")).json()["errors"][0]["code"] == "missing"


# Days ----------------------------------------------------------------------------------------------------------------


async def test_days_are_those_of_each_events_own_calendar(api: Api, ada: str) -> None:
    # At noon of Monday, 1 March 2027, in UTC it is Tuesday in Auckland already.
    await published_concert(api, token=ada, event_name="Tonight", **at("2027-03-01T20:00+00:00"))
    await published_concert(
        api, token=ada, event_name="Auckland, Tuesday", **at("2027-03-01T20:00+00:00", timezone="Pacific/Auckland")
    )
    await published_concert(
        api, token=ada, event_name="Hawaii, Monday", **at("2027-03-02T05:00+00:00", timezone="Pacific/Honolulu")
    )
    await published_concert(api, token=ada, event_name="Saturday", **at("2027-03-06T20:00+00:00"))
    await published_concert(api, token=ada, event_name="Monday after", **at("2027-03-08T20:00+00:00"))

    await published_concert(api, token=ada, event_name="Tuesday", **at("2027-03-02T05:30+00:00"))

    assert await titles(api, "/?when=today") == ["Tonight", "Auckland, Tuesday", "Hawaii, Monday"]
    assert await titles(api, "/?when=weekend") == ["Saturday"]
    assert await titles(api, "/?when=week") == ["Tonight", "Auckland, Tuesday", "Hawaii, Monday", "Tuesday", "Saturday"]
    assert await titles(api, "/?from=2027-03-02&to=2027-03-06") == ["Auckland, Tuesday", "Tuesday", "Saturday"]
    assert await titles(api, "/?from=2027-03-07") == ["Monday after"]


async def test_filters_and_words_hold_together_and_each_has_a_chip_that_takes_it_away(api: Api, ada: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    await selling(api, ada, "Haydn", 1000, venue_id=venue)
    await selling(api, ada, "Haydn elsewhere", 1000)
    await selling(api, ada, "Dear Haydn", 9000, venue_id=venue)
    path = "/?q=haydn&city=vienna&when=week&price=EUR-2000"

    page = (await api.get(path)).text
    chips = [unescape(href) for href in re.findall(r'<li><a href="([^"]*)"><span class="unseen">Without', page)]

    assert await titles(api, path) == ["Haydn"]
    assert chips == [
        "/?q=haydn&when=week&price=EUR-2000",
        "/?q=haydn&city=vienna&price=EUR-2000",
        "/?q=haydn&city=vienna&when=week",
    ]
    assert 'href="/?q=haydn">Clear all' in page


@pytest.mark.parametrize(
    "query",
    [
        "when=never",
        "from=yesterday&to=9999-99-99",
        "from=0001-01-01",
        "to=9999-12-31",
        "price=cheap",
        "price=EUR-",
        "price=EUR--5",
        "price=EUR-99999999999999999999",
        "price=eur-5",
        "price=EUR-%D9%A1",
    ],
)
async def test_what_cannot_be_meant_is_left_out(api: Api, ada: str, query: str) -> None:
    await selling(api, ada, "Concert", 9000)

    assert await titles(api, f"/?{query}") == ["Concert"]


async def test_days_the_wrong_way_round_are_turned(api: Api, ada: str) -> None:
    await published_concert(api, token=ada, event_name="Saturday", **at("2027-03-06T20:00+00:00"))

    assert await titles(api, "/?from=2027-03-07&to=2027-03-05") == ["Saturday"]


async def test_search_engines_are_led_to_one_address_for_each_list(api: Api, ada: str, root: str) -> None:
    chamber = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    await selling(api, ada, "Concert", 1000, categories=[chamber])

    async def head(path: str) -> str:
        return (await api.get(path)).text.partition("</head>")[0]

    base = api.house.settings.base_url
    assert f'rel="canonical" href="{base}/"' in await head("/")
    assert f'rel="canonical" href="{base}/categories/{chamber}"' in await head(f"/?category={chamber}")
    assert 'content="noindex, follow"' in await head(f"/?category={chamber}&price=free")
    assert 'content="noindex, follow"' in await head("/?q=concert")
    assert f'rel="canonical" href="{base}/categories/{chamber}"' in await head(f"/categories/{chamber}")
    assert f'rel="canonical" href="{base}/calendar"' in await head("/calendar")
    assert 'content="noindex, follow"' in await head(f"/calendar?category={chamber}")


# The calendar --------------------------------------------------------------------------------------------------------


async def test_the_calendar_is_a_table_of_days(api: Api, ada: str) -> None:
    await published_concert(
        api, token=ada, event_name="First of May", **at("2027-05-01T17:30+00:00", timezone="Europe/Vienna")
    )
    await published_concert(
        api, token=ada, event_name="Still April there", **at("2027-05-01T02:00+00:00", timezone="America/New_York")
    )

    page = (await api.get("/calendar?month=2027-05")).text
    table = ElementTree.fromstring(re.search(r"<table.*?</table>", page, flags=re.S)[0])  # type: ignore[index]
    days = [cell for cell in table.iter("td") if cell.find(".//time") is not None]

    assert [each.text for each in table.iter("th")] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert len(days) == 31
    assert "19:30" in "".join(days[0].itertext())
    assert "First of May" in "".join(days[0].itertext())
    assert "Still April there" not in page
    assert "Still April there" in (await api.get("/calendar?month=2027-04")).text


async def test_the_calendar_leads_to_months_that_have_something(api: Api, ada: str) -> None:
    await published_concert(api, token=ada, event_name="March", **at("2027-03-05T20:00+00:00"))
    await published_concert(api, token=ada, event_name="April", **at("2027-04-05T20:00+00:00"))

    march, april = (await api.get("/calendar")).text, (await api.get("/calendar?month=2027-04")).text

    assert 'rel="next" href="/calendar?month=2027-04"' in march
    assert 'rel="prev"' not in march
    assert 'rel="prev" href="/calendar?month=2027-03"' in april
    assert 'rel="next"' not in april


async def test_a_full_day_leads_to_all_of_it(api: Api, ada: str) -> None:
    for number in range(6):
        await published_concert(api, token=ada, event_name=f"Number {number}", **at(f"2027-03-05T1{number}:00+00:00"))

    page = (await api.get("/calendar")).text

    assert page.count("/events/evt_") == 3
    assert 'href="/?from=2027-03-05&amp;to=2027-03-05">3 more' in page
    assert len(await titles(api, "/?from=2027-03-05&to=2027-03-05")) == 6


async def test_a_month_that_was_cut_says_so(api: Api, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.catalog.pages.calendar.CALENDAR_EVENTS_MAX", 2)
    monkeypatch.setattr("ticketing.catalog.pages.calendar.PAGE_LIMIT_MAX", 2)
    for number in range(3):
        await published_concert(api, token=ada, event_name=f"Number {number}", **at(f"2027-03-05T1{number}:00+00:00"))

    assert "More is on than fits here" in await text_of(api, "/calendar")


@pytest.mark.parametrize("month", ["2027-13", "2027-00", "0001-01", "9999-12", "x", "2027-1"])
async def test_what_is_no_month_is_not_there(api: Api, month: str) -> None:
    assert (await api.get(f"/calendar?month={month}")).status_code == 404


async def test_weeks_begin_as_they_do_where_the_visitor_is(api: Api, ada: str) -> None:
    await published_concert(api, token=ada, **at("2027-03-05T20:00+00:00"))

    american = (await api.get("/calendar", headers={"Accept-Language": "en-US"})).text

    assert re.findall(r'<th scope="col">(\w+)', american)[0] == "Sun"


# Venues, categories, organizers --------------------------------------------------------------------------------------


async def test_a_venue_says_where_it_is_what_it_has_and_what_is_on(api: Api, ada: str) -> None:
    wish = KONZERTHAUS | {"amenities": ["Step-free access"], "capacity": 1_800}
    venue = id_of(await created(api, "/v1/venues", wish, token=ada))
    await selling(api, ada, "To come", 1000, venue_id=venue)
    await selling(api, ada, "Elsewhere", 1000)
    await published_concert(api, token=ada, event_name="Over", venue_id=venue, **soon(hours=-48))
    await published_concert(api, token=ada, event_name="Long over", venue_id=venue, **soon(hours=-96))
    await published_concert(api, token=ada, event_name="On now", venue_id=venue, **soon(hours=-1))

    said = await text_of(api, f"/venues/{venue}")

    assert await titles(api, f"/venues/{venue}") == ["On now", "To come"]
    assert await titles(api, f"/venues/{venue}?past=1") == ["Over", "Long over"]
    assert "Konzerthaus" in said
    assert "Vienna" in said
    assert "1,800 places" in said
    assert "Step-free access" in said
    place, listed = (await structured(api, f"/venues/{venue}"))["@graph"]
    assert (place["@type"], place["name"], place["maximumAttendeeCapacity"]) == ("Place", "Konzerthaus", 1_800)
    assert [each["name"] for each in listed["itemListElement"]] == ["On now", "To come"]


async def test_a_category_and_an_organizer_have_pages_with_calendars(api: Api, ada: str, root: str) -> None:
    chamber = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    path = await selling(api, ada, "Quartet", 1000, categories=[chamber])
    organizer = (await api.get(path)).json()["organizer_user_id"]

    for page in (f"/categories/{chamber}", f"/organizers/{organizer}"):
        assert await titles(api, page) == ["Quartet"]
        assert f'href="{page}/calendar.ics"' in (await api.get(page)).text
        assert (await api.get(f"{page}/calendar.ics")).status_code == 200
        assert await titles(api, f"{page}?past=1") == []


async def test_lists_go_on_page_by_page(api: Api, ada: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    for number in range(25):
        await published_concert(
            api, token=ada, event_name=f"Past {number}", venue_id=venue, **soon(hours=-100 - number)
        )

    first = (await api.get(f"/venues/{venue}?past=1")).text
    following = re.search(r'class="button plain" rel="next" href="([^"]*)"', first)
    assert following is not None

    assert await titles(api, unescape(following[1])) == ["Past 24"]
    assert "noindex" in (await api.get(unescape(following[1]))).text


@pytest.mark.parametrize("path", ["/venues/ven_none", "/categories/cat_none", "/organizers/usr_none"])
async def test_what_is_not_there_is_not_found(api: Api, path: str) -> None:
    assert (await api.get(path)).status_code == 404


async def test_drafts_are_shown_on_no_page_and_lead_to_no_organizer(api: Api, ada: str, root: str) -> None:
    chamber = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    wish = {"event_name": "Secret", "currency": "EUR", "venue_id": venue, "categories": [chamber], "tags": ["hush"]}
    draft = await created(api, "/v1/events", wish | at("2027-03-05T20:00+00:00"), token=ada)
    over = await created(api, "/v1/events", wish | at("2027-02-05T20:00+00:00"), token=ada)
    organizer = (await api.get(draft, token=ada)).json()["organizer_user_id"]

    assert (await api.get(f"/organizers/{organizer}")).status_code == 404
    for event in (draft, over):
        for end in ("", "/calendar.ics", "/poster.svg"):
            assert (await api.get(f"/events/{id_of(event)}{end}", token=ada)).status_code == 404
    for path in (
        *("/", "/?q=secret", "/?tag=hush", "/?city=vienna", "/?price=free", "/?when=week", "/?from=2027-02-01"),
        *("/calendar", "/calendar?month=2027-02"),
        *(f"/venues/{venue}", f"/venues/{venue}?past=1", f"/categories/{chamber}", f"/categories/{chamber}?past=1"),
    ):
        assert "Secret" not in (await api.get(path)).text, path


async def test_the_sitemap_names_venues_categories_and_organizers(api: Api, ada: str, root: str) -> None:
    chamber = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    path = await published_concert(api, token=ada, **at("2027-05-01T20:00+00:00"))
    organizer = (await api.get(path)).json()["organizer_user_id"]

    async def paths(part: str) -> list[str]:
        tree = ElementTree.fromstring((await api.get(f"/sitemaps/{part}.xml")).content)
        return [
            (each.text or "").removeprefix(api.house.settings.base_url)
            for each in tree.iter()
            if each.tag.endswith("loc")
        ]

    assert await paths("places") == ["/calendar", f"/categories/{chamber}", f"/venues/{venue}"]
    assert f"/organizers/{organizer}" in await paths("2027-05")


# The page of an event ------------------------------------------------------------------------------------------------


async def test_a_description_in_markdown_is_safe_and_its_words_go_to_search_engines(api: Api, ada: str) -> None:
    text = (
        "# Programme\n\n**Haydn** <script>alert(1)</script>\n\n[more](javascript:alert(1)) [site](https://example.org)"
    )
    path = (await published_concert(api, token=ada, description=text, **soon(hours=24))).removeprefix("/v1")

    page = (await api.get(path)).text

    assert '<h3 dir="auto">Programme</h3>' in page
    assert "<strong>Haydn</strong> &lt;script&gt;" in page
    assert "javascript:" not in re.sub(r"<[^a][^>]*>", "", page).replace("[more](javascript:alert(1))", "")
    assert 'href="https://example.org" rel="nofollow noopener noreferrer"' in page
    assert '<meta name="description" content="Programme Haydn &lt;script&gt;' in page
    assert (await structured(api, path))["description"].startswith("Programme Haydn <script>")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "Continue"),
        ({"quantity": 0}, "All tickets are gone."),
        ({"paused": True}, "The sale is paused."),
        ({"sale_start_date_time": shown(NOON + timedelta(hours=2))}, "The sale begins Mon 1 Mar, 14:00."),
        ({"sale_end_date_time": shown(NOON - timedelta(hours=2))}, "Tickets are no longer sold here."),
        ({"sale_end_date_time": shown(NOON + timedelta(hours=2))}, "On sale until Mon 1 Mar, 14:00"),
        ({"per_order_max": 3}, "At most 3 in each order."),
    ],
)
async def test_the_page_of_an_event_says_how_its_sale_stands(
    api: Api, ada: str, fields: dict[str, Any], says: str
) -> None:
    path = await published_concert(api, token=ada, **(soon(hours=24) | {"timezone": "UTC"}))
    await created(api, f"{path}/ticket-types", BALCONY | fields, token=ada)

    page = (await api.get(path.removeprefix("/v1"))).text
    shown_there = re.sub(r"<(div|p|span)[^>]* hidden>.*?</\1>", "", page, flags=re.S)

    assert says in unescape(shown_there)


@pytest.mark.parametrize(
    ("step", "says"), [("cancel", "This event was cancelled."), ("postpone", "This event was postponed.")]
)
async def test_the_page_says_when_an_event_is_off(api: Api, ada: str, step: str, says: str) -> None:
    path = await selling(api, ada, "Concert", 1000)
    await api.post(f"{path}/{step}", token=ada)

    assert says in await text_of(api, path.removeprefix("/v1"))


async def test_a_page_that_says_what_is_left_is_kept_for_a_second_at_most(api: Api, ada: str) -> None:
    path = (await selling(api, ada, "Concert", 1000)).removeprefix("/v1")

    for each in ("/", path, "/calendar"):
        assert (await api.get(each)).headers["cache-control"] == "public, max-age=1"


async def test_links_respect_the_prefix(api: Api, ada: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    path = (await selling(api, ada, "Concert", 1000, venue_id=venue)).removeprefix("/v1")
    staged = Api(make_house(api.house.store, root_path="/dev"))
    base = staged.house.settings.base_url

    for each in ("/?city=vienna&when=week", "/calendar", f"/venues/{venue}", path):
        page = (await staged.get(each)).text
        links = re.findall(r'(?:href|src|action)="([^"#]+)"', page)
        outside = [
            link
            for link in links
            if not link.startswith(("/dev/", f"{base}/dev/", "https://www.openstreetmap.org", "https://example.org"))
        ]
        assert outside == []


# Prices that change at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_public", [True, False], ids=["on sale", "being published"])
async def test_prices_that_change_at_the_same_moment_leave_the_listing_right(is_public: bool) -> None:
    store = MeanwhileStore(MemoryStore())
    api = Api(make_house(store))
    ada = await sign_up(api.house, "ada", UserType.ORGANIZER)
    wish = {"event_name": "Concert", "currency": "EUR", "timezone": "UTC"} | soon(hours=24)
    path = await created(api, "/v1/events", wish, token=ada)
    cheap, dear = [
        await created(
            api, f"{path}/ticket-types", BALCONY | {"price": {"amount": amount, "currency": "EUR"}}, token=ada
        )
        for amount in (1_000, 1_500)
    ]

    async def raised(type_path: str) -> None:
        answer = await api.patch(type_path, {"price": {"amount": 90_000, "currency": "EUR"}}, token=ada)
        assert answer.status_code == 200, answer.text

    if is_public:
        await api.post(f"{path}/publish", token=ada)
        store.meanwhile = lambda: raised(dear)
        await raised(cheap)
    else:
        await raised(dear)
        store.meanwhile = lambda: raised(cheap)
        await api.post(f"{path}/publish", token=ada)

    [listing] = [record async for record in store.scan(LISTINGS)]
    assert price_facet("EUR", [90_000]) in listing["facets"]


async def test_a_price_that_changes_while_its_draft_is_published_is_listed() -> None:
    store = MeanwhileStore(MemoryStore())
    api = Api(make_house(store))
    ada = await sign_up(api.house, "ada", UserType.ORGANIZER)
    wish = {"event_name": "Concert", "currency": "EUR", "timezone": "UTC"} | soon(hours=24)
    path = await created(api, "/v1/events", wish, token=ada)
    kind = await created(api, f"{path}/ticket-types", BALCONY, token=ada)

    store.meanwhile = lambda: api.post(f"{path}/publish", token=ada)
    await api.patch(kind, {"price": {"amount": 90_000, "currency": "EUR"}}, token=ada)

    [listing] = [record async for record in store.scan(LISTINGS)]
    assert price_facet("EUR", [90_000]) in listing["facets"]
