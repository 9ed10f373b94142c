"""The public pages: the start page, the API reference, the refusals, and the files that they load."""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from tests.support.events import BALCONY, KONZERTHAUS, created, id_of, published_concert
from tests.support.houses import NOON, Api, make_house
from ticketing.base.errors import every_refusal
from ticketing.base.times import shown
from ticketing.web.assets import STATIC, assets

VENDOR = STATIC / "vendor"
PAGES = ("/", "/?q=nothing", "/docs", "/docs/refusals")


async def text_of(api: Api, path: str) -> str:
    """What a page says, without its mark-up."""
    answer = await api.get(path)
    assert answer.status_code == 200, answer.text
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", answer.text.partition("<body>")[2], flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


async def titles(api: Api, path: str) -> list[str]:
    """The names on the cards of a page."""
    return [unescape(name) for name in re.findall(r"<h3[^>]*><a [^>]*>(.*?)</a>", (await api.get(path)).text)]


def soon(*, hours: float, lasting: float = 2) -> dict[str, Any]:
    """The fields of an event that starts so many hours from now, on sale already."""
    start = NOON + timedelta(hours=hours)
    return {
        "start_date_time": shown(start),
        "end_date_time": shown(start + timedelta(hours=lasting)),
        "sales_start_date": None,
        "sales_end_date": None,
    }


# The start page ------------------------------------------------------------------------------------------------------


async def test_the_start_page_lists_what_is_to_come_by_date(api: Api, ada: str) -> None:
    for hours, name in ((72, "Later"), (24, "Soon"), (-24, "Over")):
        await published_concert(api, token=ada, event_name=name, **soon(hours=hours))

    assert await titles(api, "/") == ["Soon", "Later"]


async def test_a_card_says_when_in_the_events_zone_where_and_from_what_price(api: Api, ada: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    path = await published_concert(api, token=ada, venue_id=venue)
    await created(api, f"{path}/ticket-types", BALCONY, token=ada)
    await created(api, f"{path}/ticket-types", BALCONY | {"price": {"amount": 1850, "currency": "EUR"}}, token=ada)

    assert "Spring concert Sat, 1 May 2027, 19:30 CEST Konzerthaus , Vienna from €18.50" in await text_of(api, "/")


async def test_what_goes_on_now_stands_first_and_apart(api: Api, ada: str) -> None:
    await published_concert(api, token=ada, event_name="Festival", **soon(hours=-30, lasting=72))
    await published_concert(api, token=ada, event_name="Tomorrow", **soon(hours=24))

    assert await titles(api, "/") == ["Festival", "Tomorrow"]
    assert "On now Mar 1" not in await text_of(api, "/")
    assert (await text_of(api, "/")).index("On now") < (await text_of(api, "/")).index("Coming up")


async def test_a_search_finds_by_relevance_and_keeps_what_was_typed(api: Api, ada: str) -> None:
    await published_concert(api, token=ada, event_name="Night", description="Haydn", **soon(hours=24))
    await published_concert(api, token=ada, event_name="Haydn", **soon(hours=48))
    await published_concert(api, token=ada, event_name="Other", description="", **soon(hours=24))

    assert await titles(api, "/?q=hayd") == ["Haydn", "Night"]
    assert 'value="hayd"' in (await api.get("/?q=hayd")).text


async def test_a_category_is_a_chip_that_filters(api: Api, ada: str, root: str) -> None:
    chamber = id_of(await created(api, "/v1/categories", {"category_name": "Chamber music"}, token=root))
    await created(api, "/v1/categories", {"category_name": "Nobody’s"}, token=root)
    await published_concert(api, token=ada, event_name="Quartet", categories=[chamber], **soon(hours=24))
    await published_concert(api, token=ada, event_name="Other", **soon(hours=24))

    start = (await api.get("/")).text

    assert f'href="/?category={chamber}"' in start
    assert "Nobody’s" not in start
    assert await titles(api, f"/?category={chamber}") == ["Quartet"]


async def test_later_events_stand_on_the_next_page(api: Api, ada: str) -> None:
    for number in range(26):
        await published_concert(api, token=ada, event_name=f"Number {number}", **soon(hours=24 + number))

    first = (await api.get("/")).text
    following = re.search(r'rel="next" href="([^"]*)"', first)
    assert following is not None

    assert await titles(api, "/") == [f"Number {number}" for number in range(24)]
    assert await titles(api, unescape(following.group(1))) == ["Number 24", "Number 25"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/", "Nothing is planned yet"),
        ("/?q=zebra", "Nothing matches “zebra”"),
        ("/?q=%22%3E%3Cscript%3E", "Nothing matches “"),
        (f"/?q={'word+' * 100}", "Nothing matches"),
        ("/?cursor=made-up", "Nothing is planned yet"),
        ("/?category=cat_unknown", "Nothing fits all of this"),
        ("/?utm_source=letter", "Nothing is planned yet"),
    ],
)
async def test_where_nothing_is_found_the_page_says_so_and_what_next(api: Api, path: str, says: str) -> None:
    said = await text_of(api, path)

    assert says in said
    assert "See what’s on" in said or "Create one with the API" in said


async def test_what_people_type_is_never_mark_up(api: Api, ada: str) -> None:
    evil = '"><script>alert(1)</script>'
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS | {"venue_name": evil, "city": evil}, token=ada))
    await published_concert(api, token=ada, event_name=evil, venue_id=venue, **soon(hours=24))

    for path in ("/", "/?q=script", "/?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"):
        assert "<script>" not in (await api.get(path)).text


async def test_drafts_are_on_no_page(api: Api, ada: str) -> None:
    await created(
        api,
        "/v1/events",
        {"event_name": "Secret", "timezone": "UTC", "currency": "EUR"} | soon(hours=24),
        token=ada,
    )

    assert "Secret" not in (await api.get("/")).text
    assert await titles(api, "/?q=secret") == []


@pytest.mark.parametrize(("test_mode", "shown_there"), [(True, True), (False, False)])
async def test_test_mode_cannot_be_overlooked(test_mode: bool, shown_there: bool) -> None:
    api = Api(make_house(test_mode=test_mode))

    assert ("Test mode." in await text_of(api, "/")) is shown_there


async def test_links_respect_the_prefix_that_the_house_is_served_under(ada: str, api: Api) -> None:
    staged = Api(make_house(api.house.store, root_path="/dev"))
    await published_concert(api, token=ada, **soon(hours=24))

    for path in PAGES:
        links = re.findall(r'(?:href|src|action|data-openapi)="([^"#]+)"', (await staged.get(path)).text)
        assert links
        canonical = f"{staged.house.settings.base_url}/dev/"
        assert all(link.startswith(("/dev/", canonical)) for link in links), links


# What every page keeps to --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_inline(api: Api, path: str) -> None:
    answer = await api.get(path)

    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert not re.search(r'(?:src|action)="(?:https?:)?//|(?<!canonical" )href="(?:https?:)?//', answer.text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", answer.text)


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_of_a_page_leads_somewhere(api: Api, path: str) -> None:
    for link in set(re.findall(r'(?:href|src|action|data-openapi)="(/[^"#]*)', (await api.get(path)).text)):
        assert (await api.get(unescape(link))).status_code == 200, link


async def test_the_start_page_needs_little(api: Api, ada: str) -> None:
    for number in range(24):
        await published_concert(api, token=ada, event_name=f"Number {number}", **soon(hours=24 + number))

    page = await api.get("/", headers={"Accept-Encoding": "gzip"})
    sheet = re.search(r'href="(/static/[^"]*\.css)"', page.text)
    [script] = re.findall(r'<script[^>]* src="([^"]*)"', page.text)
    assert sheet is not None
    style = await api.get(sheet.group(1), headers={"Accept-Encoding": "gzip"})
    code = await api.get(script, headers={"Accept-Encoding": "gzip"})

    assert page.headers["content-encoding"] == style.headers["content-encoding"] == "gzip"
    assert int(code.headers["content-length"]) <= 2_000
    assert int(page.headers["content-length"]) <= 10_000
    assert int(style.headers["content-length"]) <= 15_000


async def test_a_page_that_did_not_change_is_not_sent_again(api: Api) -> None:
    first = await api.get("/")
    again = await api.get("/", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == "public, max-age=1"
    assert (again.status_code, again.content) == (304, b"")


# Static files --------------------------------------------------------------------------------------------------------


async def test_a_static_file_may_be_kept_for_good_under_the_name_of_what_it_holds(api: Api) -> None:
    digest = assets()["ticket.css"].digest

    named = await api.get(f"/static/{digest}/ticket.css")
    old = await api.get("/static/000000000000/ticket.css")

    assert named.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert named.headers["content-type"] == "text/css; charset=utf-8"
    assert old.content == named.content
    assert old.headers["cache-control"] == "no-cache"


async def test_a_static_file_in_gzip_is_the_same_file(api: Api) -> None:
    path = f"/static/{assets()['ticket.css'].digest}/ticket.css"

    plain = await api.get(path, headers={"Accept-Encoding": "identity"})
    small = await api.get(path, headers={"Accept-Encoding": "br, gzip;q=0.8"})

    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert small.content == plain.content == assets()["ticket.css"].content


@pytest.mark.parametrize(
    "name",
    [
        "missing.css",
        "..%2Frender.py",
        "..%2F..%2Fweb%2Frender.py",
        "%2Fetc%2Fpasswd",
        "vendor%2F..%2Fticket.css",
        "vendor",
        "",
    ],
)
async def test_nothing_else_is_served_as_a_static_file(api: Api, name: str) -> None:
    assert (await api.get(f"/static/0/{name}")).status_code == 404


# Documentation -------------------------------------------------------------------------------------------------------


async def test_the_type_of_a_problem_leads_to_its_words(api: Api) -> None:
    problem = (await api.get("/v1/events?cursor=x")).json()

    path, _, code = problem["type"].partition("#")
    page = (await api.get(path)).text

    assert f'id="{code}"' in page
    assert problem["title"] in unescape(page)


async def test_every_refusal_has_its_place_on_the_page(api: Api) -> None:
    page = (await api.get("/docs/refusals")).text

    missing = [
        each.code
        for each in every_refusal()
        if each.__module__.startswith("ticketing.") and f'id="{each.code}"' not in page
    ]
    assert missing == []


async def test_the_filters_of_the_catalog_are_documented(api: Api) -> None:
    document = (await api.get("/openapi.json")).json()

    parameters = {each["name"]: each for each in document["paths"]["/v1/events"]["get"]["parameters"]}
    assert set(parameters) == {
        *("q", "category", "tag", "city", "venue_id", "organizer_user_id", "status"),
        *("starts_from", "starts_to", "price_max", "currency", "limit", "cursor", "expand"),
    }
    assert "/" not in document["paths"]
    assert "/docs" not in document["paths"]


def vendored() -> Iterator[tuple[str, str, str]]:
    for package in tomllib.loads((VENDOR / "vendor.toml").read_text())["package"]:
        assert {"name", "version", "source", "licence", "licence_file"} <= set(package)
        assert package["folder"] == f"{package['name']}-{package['version']}"
        assert package["licence_file"] in package["sha256"]
        for name, digest in package["sha256"].items():
            yield package["folder"], name, digest


def test_what_others_wrote_is_as_it_came() -> None:
    named = {f"{folder}/{name}" for folder, name, _ in vendored()}
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()} - {"vendor.toml"}

    assert named == there
    for folder, name, digest in vendored():
        assert hashlib.sha256((VENDOR / folder / name).read_bytes()).hexdigest() == digest, name
