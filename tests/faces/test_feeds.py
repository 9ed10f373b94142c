"""Calendars that anybody subscribes to, and what search engines read: public events, no drafts, and no more than is borne."""

from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from icalendar import Calendar

from tests.support.events import CONCERT, KONZERTHAUS, created, id_of
from tests.support.houses import Api, StandingClock
from ticketing.base import bounds
from ticketing.catalog import feeds

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


async def event(api: Api, organizer: str, name: str, *, publish: bool = True, **more: Any) -> str:
    """The id of an event of this name."""
    path = await created(api, "/v1/events", CONCERT | {"event_name": name} | more, token=organizer)
    if publish:
        assert (await api.post(f"{path}/publish", token=organizer)).status_code == 200
    return id_of(path)


def starting(when: str) -> dict[str, Any]:
    """An event that begins on this day, for two hours."""
    return {"start_date_time": f"{when}T18:00:00Z", "end_date_time": f"{when}T20:00:00Z"}


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return [str(entry["SUMMARY"]) for entry in Calendar.from_ical(answer.content).walk("VEVENT")]


def entry(answer: httpx.Response) -> Any:
    """The only one of a calendar."""
    (found,) = Calendar.from_ical(answer.content).walk("VEVENT")
    return found


def addresses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [str(each.text) for each in ElementTree.fromstring(answer.content).iter(f"{NAMESPACE}loc")]


def move(api: Api, **by: float) -> None:
    clock = api.house.clock
    assert isinstance(clock, StandingClock)
    clock.move(**by)


async def test_the_calendar_has_what_is_public_and_to_come_or_just_was(api: Api, ada: str) -> None:
    await event(api, ada, "Long ago", **starting("2027-01-20"))
    await event(api, ada, "Last week", **starting("2027-02-22"))
    await event(api, ada, "Next year", **starting("2028-02-22"))
    await event(api, ada, "Draft", publish=False, **starting("2027-05-01"))

    assert names(await api.get("/calendar.ics")) == ["Last week", "Next year"]


async def test_there_is_a_calendar_for_each_venue_category_and_organizer(api: Api, ada: str, root: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    category = id_of(await created(api, "/v1/categories", {"category_name": "Jazz"}, token=root))
    await event(api, ada, "At the venue", venue_id=venue)
    await event(api, ada, "Jazz", categories=[category])
    await event(api, root, "Root's")
    organizer = (await api.get("/v1/users/me", token=root)).json()["user_id"]

    assert names(await api.get(f"/venues/{venue}/calendar.ics")) == ["At the venue"]
    assert names(await api.get(f"/categories/{category}/calendar.ics")) == ["Jazz"]
    assert names(await api.get(f"/organizers/{organizer}/calendar.ics")) == ["Root's"]
    assert names(await api.get("/organizers/usr_nobody/calendar.ics")) == []


@pytest.mark.parametrize("path", ["/venues/ven_none/calendar.ics", "/categories/cat_none/calendar.ics"])
async def test_what_is_not_there_has_no_calendar(api: Api, path: str) -> None:
    assert (await api.get(path)).status_code == 404


async def test_a_cancelled_event_stays_and_says_so(api: Api, ada: str) -> None:
    event_id = await event(api, ada, "Concert")
    before = entry(await api.get("/calendar.ics"))
    move(api, minutes=6)
    await api.post(f"/v1/events/{event_id}/cancel", token=ada)

    after = entry(await api.get("/calendar.ics"))

    assert (str(before["STATUS"]), str(after["STATUS"])) == ("CONFIRMED", "CANCELLED")
    assert before["UID"] == after["UID"] == f"{event_id}@127.0.0.1"
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert str(after["URL"]) == f"http://127.0.0.1:8000/events/{event_id}"


async def test_who_has_it_already_is_sent_nothing(api: Api, ada: str) -> None:
    await event(api, ada, "Concert")
    first = await api.get("/calendar.ics")

    by_tag = await api.get("/calendar.ics", headers={"If-None-Match": f'W/{first.headers["etag"]}, "x"'})
    by_time = await api.get("/calendar.ics", headers={"If-Modified-Since": first.headers["last-modified"]})
    other = await api.get("/calendar.ics", headers={"If-None-Match": '"x"'})

    assert first.headers["last-modified"] == "Mon, 01 Mar 2027 12:00:00 GMT"
    assert first.headers["cache-control"] == "public, max-age=300"
    assert [(each.status_code, each.content) for each in (by_tag, by_time)] == [(304, b"")] * 2
    assert other.content == first.content


async def test_a_calendar_is_made_anew_after_some_minutes(api: Api, ada: str) -> None:
    await event(api, ada, "First")
    await api.get("/calendar.ics")
    await event(api, ada, "Second", **starting("2027-06-01"))

    assert names(await api.get("/calendar.ics")) == ["First"]
    move(api, minutes=5)
    assert names(await api.get("/calendar.ics")) == ["First", "Second"]


async def test_a_calendar_has_the_nearest_events_and_no_more_than_it_bears(
    api: Api, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in ("2027-05-03", "2027-05-01", "2027-05-02"):
        await event(api, ada, day, **starting(day))
    monkeypatch.setattr(feeds, "FEED_EVENTS_MAX", 2)

    assert names(await api.get("/calendar.ics")) == ["2027-05-01", "2027-05-02"]


async def test_the_sitemap_names_each_public_event_once_in_the_part_of_its_month(api: Api, ada: str) -> None:
    may = await event(api, ada, "May", **starting("2027-05-31"))
    july = await event(api, ada, "July", **starting("2027-07-01"))
    await event(api, ada, "Draft", publish=False, **starting("2027-08-01"))

    parts = addresses(await api.get("/sitemap.xml"))
    found = [addresses(await api.get(part)) for part in parts]

    base = "http://127.0.0.1:8000"
    assert parts == [f"{base}/sitemaps/{part}.xml" for part in ("places", "2027-05", "2027-06", "2027-07")]
    events = [[each for each in urls if "/events/" in each] for urls in found]
    assert events == [[], [f"{base}/events/{may}"], [], [f"{base}/events/{july}"]]


async def test_a_part_names_no_more_than_the_standard_allows(
    api: Api, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "ROWS_PER_READ", 2)
    monkeypatch.setattr(feeds, "SITEMAP_URLS_MAX", 3)
    made = [
        await event(api, ada, day, **starting(day)) for day in ("2027-05-01", "2027-05-02", "2027-05-03", "2027-05-04")
    ]

    found = addresses(await api.get("/sitemaps/2027-05.xml"))

    assert [address.rpartition("/")[2] for address in found] == made[:3]
    assert bounds.SITEMAP_URLS_MAX == 50_000


@pytest.mark.parametrize("part", ["2027-13", "2027-00", "x", "0000-01", "9999-12", "2027-5"])
async def test_a_month_that_is_none_has_no_part(api: Api, part: str) -> None:
    assert (await api.get(f"/sitemaps/{part}.xml")).status_code == 404


async def test_a_house_without_events_has_its_calendar_in_the_sitemap_alone(api: Api) -> None:
    [places] = addresses(await api.get("/sitemap.xml"))
    assert addresses(await api.get(places)) == [f"{api.house.settings.base_url}/calendar"]


async def test_robots_are_told_where_the_sitemap_is_and_what_is_not_theirs(api: Api) -> None:
    answer = await api.get("/robots.txt")

    assert answer.headers["content-type"].startswith("text/plain")
    assert "Sitemap: http://127.0.0.1:8000/sitemap.xml" in answer.text.splitlines()
    assert "Disallow: /v1/" in answer.text.splitlines()


def test_what_was_asked_for_longest_ago_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.support.houses import NOON

    monkeypatch.setattr(feeds, "FEEDS_KEPT_MAX", 2)
    kept = feeds.Feeds()
    for name in ("a", "b"):
        kept.keep(name, feeds.Feed(b"", "text/plain", None, NOON + timedelta(hours=1)))
    kept.kept("a", now=NOON)
    kept.keep("c", feeds.Feed(b"", "text/plain", None, NOON + timedelta(hours=1)))

    assert [kept.kept(name, now=NOON) is not None for name in ("a", "b", "c")] == [True, False, True]
    assert kept.kept("a", now=NOON + timedelta(hours=1)) is None
