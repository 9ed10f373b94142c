"""Finding an event in a real browser: search as one types, filters, the calendar, places, every state of an event, and what it weighs."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Error, Page, Route, expect

from tests.browser.conftest import Opener
from tests.support.browser import assert_accessible, assert_fits, weight
from tests.support.processes import Served

STATES = ("open", "few", "sold out", "not begun", "paused", "over", "cancelled", "postponed", "no tickets")
TEXT = "# Programme\n\n**Haydn**, *Mozart*\n\n- one\n- two\n\n> quiet\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[more](https://example.org)"
LONG = "The Vienna Symphony Orchestra plays all nine symphonies of Ludwig van Beethoven in three evenings"


def moment(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def states(demo: Served) -> Iterator[dict[str, str]]:
    """The path of an event in each state."""
    with demo.admin() as admin:
        paths = {}
        for state in STATES:
            wish: dict[str, Any] = {
                "event_name": f"{LONG}: {state}",
                "description": TEXT,
                "start_date_time": moment(days=-2 if state == "over" else 9),
                "end_date_time": moment(days=-1 if state == "over" else 10),
                "timezone": "America/New_York",
                "currency": "EUR",
                "tags": ["nine evenings"],
                "external_links": ["https://example.org/more"],
                "tickets_per_customer_max": 4,
            }
            event_id = made(admin.post("/v1/events", json=wish))["event_id"]
            kind: dict[str, Any] = {
                "ticket_type": "Balcony, restricted view",
                "price": {"amount": 2500, "currency": "EUR"},
                "quantity": {"few": 8, "sold out": 0}.get(state, 100),
                "paused": state == "paused",
            }
            if state == "not begun":
                kind["sale_start_date_time"] = moment(days=2)
            if state != "no tickets":
                made(admin.post(f"/v1/events/{event_id}/ticket-types", json=kind))
            for step in ["publish", *({"cancelled": ["cancel"], "postponed": ["postpone"]}.get(state, []))]:
                assert admin.post(f"/v1/events/{event_id}/{step}").status_code == 200
            paths[state] = f"/events/{event_id}"
        yield paths


def made(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(scope="module")
def places(demo: Served) -> dict[str, str]:
    """The paths of a venue, a category and an organizer of the demo."""
    with demo.client() as client:
        event = client.get("/v1/events?q=philharmonic&limit=1").json()["data"][0]
    return {
        "venue": f"/venues/{event['venue_id']}",
        "category": f"/categories/{event['categories'][0]}",
        "organizer": f"/organizers/{event['organizer_user_id']}",
    }


LISTS = (
    "/?q=philharmonic&when=week&city=New+York&price=USD-5000",
    "/?from=2026-01-01&to=2026-01-01",
    "/?q=zebra&price=free",
    "/calendar",
    "/calendar?category=none",
)


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1280, False)], ids=["phone, dark", "desk, light"])
@pytest.mark.parametrize("path", LISTS)
def test_everybody_can_use_the_lists(open_page: Opener, path: str, width: int, dark: bool) -> None:
    page = open_page(width=width, dark=dark)
    page.goto(path)

    assert_accessible(page)
    assert_fits(page)


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)], ids=["phone, light", "desk, dark"])
@pytest.mark.parametrize("place", ["venue", "category", "organizer"])
def test_everybody_can_use_the_pages_of_places(
    open_page: Opener, places: dict[str, str], place: str, width: int, dark: bool
) -> None:
    page = open_page(width=width, dark=dark)
    page.goto(places[place])

    assert_accessible(page)
    assert_fits(page)
    page.get_by_role("link", name="Past", exact=True).click()
    assert_accessible(page)


@pytest.mark.parametrize("state", STATES)
def test_everybody_can_use_the_page_of_an_event_in_each_state(
    open_page: Opener, states: dict[str, str], state: str
) -> None:
    for width, dark, language in ((360, True, "de-AT"), (1280, False, "en-GB")):
        page = open_page(width=width, dark=dark, language=language)
        page.goto(states[state])

        expect(page.get_by_role("heading", level=1)).to_contain_text(state)
        assert_accessible(page)
        assert_fits(page)


# Search as one types -------------------------------------------------------------------------------------------------


def titles(page: Page) -> list[str]:
    return page.get_by_role("heading", level=3).all_inner_texts()


def test_results_come_while_one_types_and_back_leads_to_what_was(desktop: Page) -> None:
    page = desktop
    page.goto("/")
    before = titles(page)

    page.get_by_role("searchbox").press_sequentially("philharm", delay=20)
    expect(page.get_by_role("heading", level=1)).to_contain_text("philharm")
    expect(page.locator("#count")).to_contain_text("events")
    assert page.url.endswith("/?q=philharm")
    assert all("Philharmonic" in title for title in titles(page))
    expect(page.get_by_role("searchbox")).to_be_focused()

    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("What’s on")
    expect(page.get_by_role("searchbox")).to_have_value("")
    assert titles(page) == before
    page.go_forward()
    expect(page.get_by_role("searchbox")).to_have_value("philharm")


def test_only_the_last_of_several_answers_counts(desktop: Page) -> None:
    page = desktop
    page.goto("/")
    held: list[Route] = []
    page.route("**/?q=zebra", lambda route: held.append(route))

    with page.expect_request("**/?q=zebra"):
        page.get_by_role("searchbox").fill("zebra")
    page.get_by_role("searchbox").fill("philharmonic")
    expect(page.get_by_role("heading", level=1)).to_contain_text("philharmonic")
    with suppress(Error):  # the page did not wait for it
        held[0].continue_()

    expect(page.get_by_role("heading", level=1)).to_contain_text("philharmonic")
    assert page.url.endswith("/?q=philharmonic")


def test_filters_take_effect_at_once_and_chips_take_them_away(desktop: Page) -> None:
    page = desktop
    page.goto("/")

    page.get_by_label("City").fill("New York")
    expect(page.get_by_role("link", name="Without: New York")).to_be_visible()
    page.get_by_label("Price").select_option("free")
    expect(page.get_by_role("link", name="Without: Free")).to_be_visible()
    assert page.url.endswith("/?city=New+York&price=free")

    page.get_by_role("link", name="Without: Free").click()
    expect(page.get_by_label("Price")).to_have_value("")
    assert page.url.endswith("/?city=New+York")
    assert titles(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
def test_an_event_is_found_by_the_keyboard_alone(open_page: Opener, javascript: bool) -> None:
    page = open_page(width=1280, javascript=javascript)
    page.goto("/")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("philharmonic")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("philharmonic")

    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.card a')"):
            break
    page.keyboard.press("Enter")

    expect(page.locator(".event h1")).to_contain_text("Philharmonic")


def test_the_filters_work_on_a_phone_without_scripts(without_scripts: Page) -> None:
    page = without_scripts
    page.goto("/")
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label("City").fill("new york")
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("new york")
    assert page.get_by_role("heading", level=3).count() > 0


def test_a_month_leads_to_the_next_and_a_day_to_its_events(desktop: Page) -> None:
    page = desktop
    page.goto("/")
    page.get_by_role("link", name="Calendar", exact=True).click()
    month = page.get_by_role("heading", level=1).inner_text()
    page.locator('nav [rel="next"]').click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text(month)

    day = page.locator("td a.number").first
    name = page.locator("td ul a").first.inner_text()
    day.click()

    assert any(title.strip() in name or name.partition(" ")[2].strip() in title for title in titles(page))


# The page of an event ------------------------------------------------------------------------------------------------


def test_the_page_keeps_up_with_the_sale_while_it_is_open(
    open_page: Opener, demo: Served, states: dict[str, str]
) -> None:
    page = open_page(width=1280)
    page.goto(states["few"])
    expect(page.locator("[data-left]")).to_have_text("8 left")
    event_id = states["few"].rpartition("/")[2]
    with demo.admin() as admin:
        [kind] = admin.get(f"/v1/events/{event_id}/ticket-types").json()["data"]

        admin.patch(f"/v1/ticket-types/{kind['ticket_type_id']}", json={"quantity": 2})
        expect(page.locator("[data-left]")).to_have_text("2 left")
        assert page.locator(".stepper input").get_attribute("max") == "2"

        admin.patch(f"/v1/ticket-types/{kind['ticket_type_id']}", json={"quantity": 0})
        expect(page.get_by_text("All tickets are gone.")).to_be_visible()
        expect(page.get_by_role("button", name="Continue")).to_be_hidden()
        expect(page.locator("#spoken")).to_contain_text("Sold out")
        assert_accessible(page)

        admin.patch(f"/v1/ticket-types/{kind['ticket_type_id']}", json={"quantity": 8})
        expect(page.get_by_role("button", name="Continue")).to_be_visible()
        expect(page.locator("[data-left]")).to_have_text("8 left")


def test_a_visitor_elsewhere_is_told_the_time_by_their_own_clock(open_page: Opener, states: dict[str, str]) -> None:
    page = open_page(width=360, timezone="Asia/Tokyo")
    page.goto(states["open"])
    expect(page.get_by_text("For you:").first).to_be_visible()

    plain = open_page(width=360, timezone="Asia/Tokyo", javascript=False)
    plain.goto(states["open"])
    expect(plain.get_by_text("For you:")).to_have_count(0)
    expect(plain.locator(".zone").first).to_be_visible()


@pytest.mark.parametrize("path", ["event", "/calendar", "venue"])
def test_each_page_keeps_to_its_budget(phone: Page, states: dict[str, str], places: dict[str, str], path: str) -> None:
    found = weight(phone, {"event": states["open"], "venue": places["venue"]}.get(path, path))

    assert found.total <= 80_000, found.kinds
    assert found.kinds["document"] <= 10_000
    assert found.kinds.get("stylesheet", 0) <= 15_000
    assert found.kinds.get("script", 0) <= 5_000
