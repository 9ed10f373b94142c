"""Whose things are whose: every route of the OpenAPI document with every kind of caller, in one declared matrix.

Who may not is told so as if the thing were not there; who shows no credentials where some are needed, or bad ones, is asked to log in.
"""

from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from tests.support.events import BALCONY, CONCERT, KONZERTHAUS
from tests.support.sales import fresh_key
from tests.support.world import (
    ADMIN,
    ADMIN_EVENTS,
    ADMIN_READS,
    ADMINS,
    ADMINS_OF_CATEGORIES,
    ANYONE,
    ANYONE_AT_ALL,
    BAD,
    BUYER,
    BUYER_ORDERS,
    BUYER_READS,
    BUYS,
    CALLERS,
    CHANGES_ORDER,
    DEVICE,
    DOORS,
    OFFER,
    ORDERS,
    ORGANIZER,
    ORGANIZERS,
    OTHER_ORGANIZER,
    OWNER,
    OWNER_ALONE,
    OWNER_READS,
    OWNER_SELLS,
    PEOPLE,
    PEOPLE_AND_READING_KEYS,
    READS_ORDER,
    REGULAR,
    STRANGER,
    Case,
    World,
    ask,
    filled,
    placed,
    world,
)

LINES = [{"ticket_type_id": "<ada's event's type>", "quantity": 1}]
GUEST = {"email": "guest@example.org", "first_name": "Guest", "last_name": "Example"}

MATRIX = (
    Case("GET /health/live", ANYONE_AT_ALL),
    Case("GET /health/ready", ANYONE_AT_ALL),
    Case("GET /metrics", ANYONE_AT_ALL),
    # accounts
    Case("POST /v1/users", ANYONE_AT_ALL, body={"email": "new@example.org", "password": "a wet week in Wales"}),
    Case("GET /v1/users", ADMINS),
    Case("GET /v1/users/{user_id}", ADMINS, ("bob",)),
    Case("PATCH /v1/users/{user_id}", ADMINS, ("bob",), {"user_type": "organizer"}),
    Case("GET /v1/users/me", PEOPLE_AND_READING_KEYS),
    Case("GET /v1/sessions", PEOPLE),
    Case("DELETE /v1/sessions", PEOPLE),
    Case("DELETE /v1/sessions/{session_id}", frozenset({BUYER}), ("bob's session",)),
    Case("PATCH /v1/users/me", PEOPLE, body={"first_name": "Augusta"}),
    Case("POST /v1/users/me/organizer", PEOPLE),
    Case("GET /v1/users/me/events", PEOPLE_AND_READING_KEYS),
    Case("GET /v1/users/me/orders", PEOPLE_AND_READING_KEYS),
    Case("DELETE /v1/sessions/current", PEOPLE),
    Case("POST /v1/users/me/orders/claim", PEOPLE),
    Case("POST /v1/sessions/link", ANYONE_AT_ALL, body={"email": "bob@example.org"}),
    Case("POST /v1/password-reset", ANYONE_AT_ALL, body={"email": "bob@example.org"}),
    Case("POST /v1/users/me/email-proof", PEOPLE),
    Case("POST /v1/api-keys", PEOPLE, body={"name": "till", "scopes": ["read"]}),
    Case("GET /v1/api-keys", PEOPLE),
    Case("DELETE /v1/api-keys/{api_key_id}", OWNER_ALONE, ("a spare key",)),
    # venues and categories
    Case("POST /v1/venues", ORGANIZERS, body=KONZERTHAUS),
    Case("GET /v1/venues", ANYONE_AT_ALL),
    Case("GET /v1/venues/{venue_id}", ANYONE_AT_ALL, ("ada's venue",)),
    Case("PATCH /v1/venues/{venue_id}", OWNER, ("ada's venue",), {"city": "Graz"}),
    Case("DELETE /v1/venues/{venue_id}", OWNER, ("ada's venue",)),
    Case("POST /v1/categories", ADMINS_OF_CATEGORIES, body={"category_name": "Children"}),
    Case("GET /v1/categories", ANYONE_AT_ALL),
    Case("GET /v1/categories/{category_id}", ANYONE_AT_ALL, ("a category",)),
    Case("PATCH /v1/categories/{category_id}", ADMINS_OF_CATEGORIES, ("a category",), {"category_name": "Quartets"}),
    Case("DELETE /v1/categories/{category_id}", ADMINS_OF_CATEGORIES, ("a category",)),
    # events and what they sell
    Case("POST /v1/events", ORGANIZERS, body=CONCERT),
    Case("GET /v1/events", ANYONE_AT_ALL),
    Case("GET /v1/events/{event_id}", ANYONE, ("ada's event",)),
    Case("GET /v1/events/{event_id}", OWNER_READS, ("ada's draft",), is_public=True),
    Case("PATCH /v1/events/{event_id}", OWNER, ("ada's event",), {"event_name": "Evening"}),
    Case("DELETE /v1/events/{event_id}", OWNER, ("ada's spare draft",)),
    Case("POST /v1/events/{event_id}/publish", OWNER, ("ada's draft",)),
    Case("POST /v1/events/{event_id}/postpone", OWNER, ("ada's event",)),
    Case("POST /v1/events/{event_id}/cancel", OWNER, ("ada's event",)),
    Case("POST /v1/events/{event_id}/ticket-types", OWNER, ("ada's event",), BALCONY),
    Case("GET /v1/events/{event_id}/ticket-types", ANYONE, ("ada's event",)),
    Case("GET /v1/events/{event_id}/ticket-types", OWNER_READS, ("ada's draft",), is_public=True),
    Case("GET /v1/ticket-types/{ticket_type_id}", ANYONE, ("ada's event's type",)),
    Case("GET /v1/ticket-types/{ticket_type_id}", OWNER_READS, ("ada's draft's type",), is_public=True),
    Case("PATCH /v1/ticket-types/{ticket_type_id}", OWNER, ("ada's event's type",), {"paused": True}),
    Case("DELETE /v1/ticket-types/{ticket_type_id}", OWNER, ("ada's event's spare type",)),
    # the door
    Case("GET /v1/events/{event_id}/attendees", OWNER_READS | DOORS, ("ada's event",)),
    Case(
        "POST /v1/events/{event_id}/check-ins",
        DOORS,
        ("ada's event",),
        {"code": "<a paid order's code>", "scan_id": "scan"},
    ),
    Case("POST /v1/events/{event_id}/devices", OWNER_ALONE, ("ada's event",), {"name": "South"}),
    Case("GET /v1/events/{event_id}/devices", OWNER_ALONE, ("ada's event",)),
    Case("DELETE /v1/events/{event_id}/devices/{device_id}", OWNER_ALONE, ("ada's event", "ada's event's device")),
    # orders
    Case("POST /v1/orders", ORDERS, body={"event_id": "<ada's event>", "lines": LINES, "customer": GUEST}),
    Case("GET /v1/orders/{order_id}", READS_ORDER, ("a pending order",)),
    Case("GET /v1/events/{event_id}/orders", OWNER_READS, ("ada's event",)),
    Case("POST /v1/orders/{order_id}/extend", CHANGES_ORDER, ("a pending order",)),
    Case("POST /v1/orders/{order_id}/cancel", CHANGES_ORDER, ("a pending order",)),
    Case("GET /v1/orders/{order_id}/cancellation", READS_ORDER, ("a paid order",), order="a paid order"),
    Case(
        "POST /v1/orders/{order_id}/cancellations",
        BUYS,
        ("a paid order",),
        {"admissions": ["<a paid order's admission>"]},
        order="a paid order",
    ),
    Case("GET /v1/orders/{order_id}/admissions", READS_ORDER, ("a paid order",), order="a paid order"),
    Case("POST /v1/orders/{order_id}/payments", BUYS, ("a pending order",), {"payment_method": "test"}),
    Case("GET /v1/orders/{order_id}/payments", READS_ORDER, ("a paid order",), order="a paid order"),
    Case("GET /v1/payments/{payment_id}", READS_ORDER, ("a paid order's payment",), order="a paid order"),
    Case(
        "POST /v1/payments/{payment_id}/confirm",
        OWNER_SELLS,
        ("a promised order's payment",),
        {"transaction_id": "statement 1"},
        order="a promised order",
    ),
    Case("POST /v1/orders/{order_id}/refunds", OWNER_SELLS, ("a paid order",), {}, order="a paid order"),
    Case("GET /v1/events/{event_id}/deliveries", OWNER_READS, ("ada's event",)),
    Case("GET /v1/orders/{order_id}/deliveries", READS_ORDER, ("a paid order",), order="a paid order"),
    Case("POST /v1/orders/{order_id}/resend", CHANGES_ORDER, ("a paid order",), order="a paid order"),
    Case("GET /v1/orders/{order_id}/refunds", READS_ORDER, ("a refunded order",), order="a refunded order"),
    Case("POST /v1/refunds/{refund_id}/confirm", OWNER_SELLS, ("a refund that is due",), order="a refunded order"),
    # admissions
    Case(
        "POST /v1/admissions/{admission_id}/transfer",
        CHANGES_ORDER,
        ("a paid order's admission",),
        {"email": "grace@example.org"},
        order="a paid order",
    ),
    Case("GET /v1/transfers/{transfer_id}", READS_ORDER | {OFFER}, ("an offer",), order="a paid order"),
    Case("POST /v1/transfers/{transfer_id}/withdraw", CHANGES_ORDER, ("an offer",), order="a paid order"),
    Case(
        "POST /v1/transfers/{transfer_id}/accept",
        ORDERS,
        ("an offer",),
        {"token": "<an offer's token>"},
        order="a paid order",
        is_public=True,
    ),
    Case(
        "POST /v1/transfers/{transfer_id}/decline",
        ORDERS,
        ("an offer",),
        {"token": "<an offer's token>"},
        order="a paid order",
        is_public=True,
    ),
    Case("GET /v1/admissions/{admission_id}", READS_ORDER, ("a paid order's admission",), order="a paid order"),
    Case("GET /v1/admissions/{admission_id}/qr.svg", READS_ORDER, ("a paid order's admission",), order="a paid order"),
    Case(
        "GET /v1/admissions/{admission_id}/code.png", READS_ORDER, ("a paid order's admission",), order="a paid order"
    ),
    Case(
        "GET /v1/admissions/{admission_id}/ticket.pdf", READS_ORDER, ("a paid order's admission",), order="a paid order"
    ),
    Case(
        "GET /v1/admissions/{admission_id}/apple.pkpass",
        READS_ORDER,
        ("a paid order's admission",),
        order="a paid order",
    ),
    Case(
        "GET /v1/admissions/{admission_id}/google-wallet",
        READS_ORDER,
        ("a paid order's admission",),
        order="a paid order",
    ),
    Case("GET /v1/orders/{order_id}/tickets.pdf", READS_ORDER, ("a paid order",), order="a paid order"),
    Case("GET /v1/orders/{order_id}/calendar.ics", READS_ORDER, ("a paid order",), order="a paid order"),
    Case(
        "GET /v1/admissions/{admission_id}/calendar.ics",
        READS_ORDER,
        ("a paid order's admission",),
        order="a paid order",
    ),
    Case(
        "PATCH /v1/admissions/{admission_id}",
        CHANGES_ORDER,
        ("a paid order's admission",),
        {"attendee": {"first_name": "Grace"}},
        order="a paid order",
    ),
)

WITHOUT_CREDENTIALS = {
    "POST /v1/sessions",
    "POST /v1/sessions/link/use",
    "POST /v1/password-reset/use",
    "POST /v1/users/me/email-proof/use",
}
"""Made to get some: who knows the password or has the link may, whoever asks. `test_accounts.py` and `test_links.py` specify it."""


@pytest.fixture(scope="module")
async def there() -> World:
    return await world()


def shown_of(answer: httpx.Response) -> tuple[int, dict[str, Any]]:
    """A refusal without what was asked."""
    return answer.status_code, {name: value for name, value in answer.json().items() if name != "instance"}


async def test_every_route_stands_in_the_matrix(there: World) -> None:
    document = there.api.app.openapi()
    routes = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}

    assert {case.route for case in MATRIX} | WITHOUT_CREDENTIALS == routes


async def test_what_stands_outside_of_the_document_only_shows_pages(there: World) -> None:
    outside = [
        route
        for route in there.api.app.routes
        if isinstance(route, Route) and not (isinstance(route, APIRoute) and route.include_in_schema)
    ]

    assert [route.path for route in outside if not (route.methods or set()) <= {"GET", "HEAD"}] == []


NOT_YET = {(409, "email_not_proven")}
"""It is theirs, but something else has to be done first, as they are told."""


@pytest.mark.parametrize("case", MATRIX, ids=str)
async def test_who_may_gets_it_and_for_everybody_else_it_is_not_there(there: World, case: Case) -> None:
    found = {}
    for caller in sorted(CALLERS):
        answer = await ask(there, case, caller)
        found[caller] = (answer.status_code, answer.json()["code"] if answer.status_code >= 400 else "")

    missing = [caller for caller in sorted(case.may) if found[caller][0] >= 300 and found[caller] not in NOT_YET]
    assert missing == [], f"they may, but were told {[found[caller] for caller in missing]}"
    for caller in CALLERS - case.may:
        asked_in = caller in BAD or (caller == STRANGER and not case.is_public)
        expected = (401, "unauthenticated") if asked_in else (404, "not_found")
        assert found[caller] == expected, caller


@pytest.mark.parametrize("case", [case for case in MATRIX if case.things], ids=str)
async def test_what_is_somebody_elses_looks_like_what_is_not_there(there: World, case: Case) -> None:
    for caller in sorted(CALLERS - case.may):
        theirs, nobodys = await ask(there, case, caller), await ask(there, case, caller, missing=True)

        assert shown_of(theirs) == shown_of(nobodys), caller


@pytest.mark.parametrize("case", [case for case in MATRIX if case.things], ids=str)
async def test_what_is_not_there_is_not_found_by_those_who_might_have_it(there: World, case: Case) -> None:
    for caller in sorted(case.may & {ORGANIZER, BUYER, ADMIN, STRANGER}):
        assert (await ask(there, case, caller, missing=True)).status_code == 404, caller


HELD_AS_ORGANIZER = tuple(
    case
    for case in MATRIX
    if case.things and ORGANIZER in case.may and REGULAR not in case.may and "api-keys" not in case.route
)


@pytest.mark.parametrize("case", HELD_AS_ORGANIZER, ids=str)
async def test_who_is_no_organizer_any_more_has_nothing_of_what_was_organized(there: World, case: Case) -> None:
    there.store.rewind()
    path = f"/v1/users/{there.ids['ada']}"
    demoted = await there.api.patch(path, {"user_type": "regular"}, token=there.tokens[ADMIN])
    assert demoted.status_code == 200, demoted.text

    method, path = placed(there, case)
    refused = await there.api.call(
        method, path, filled(there, case.body), token=there.tokens[ORGANIZER], key=fresh_key()
    )

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


# nested ids ----------------------------------------------------------------------------------------------------------


async def test_a_device_of_another_event_is_not_removed_under_ones_own(there: World) -> None:
    case = Case(
        "DELETE /v1/events/{event_id}/devices/{device_id}", OWNER_ALONE, ("ada's event", "eve's event's device")
    )

    refused = await ask(there, case, ORGANIZER)
    event_id = there.ids["eve's event"]
    kept = await there.api.get(f"/v1/events/{event_id}/devices", token=there.tokens[OTHER_ORGANIZER])

    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert [device["device_id"] for device in kept.json()["data"]] == [there.ids["eve's event's device"]]


async def test_a_ticket_type_of_another_event_is_not_sold_under_this_one(there: World) -> None:
    lines = [{"ticket_type_id": "<eve's event's type>", "quantity": 1}]
    case = Case("POST /v1/orders", ORDERS, body={"event_id": "<ada's event>", "lines": lines, "customer": GUEST})

    refused = await ask(there, case, STRANGER)

    assert (refused.status_code, refused.json()["code"]) == (404, "ticket_type_not_found")


async def test_a_draft_and_its_ticket_types_are_not_sold(there: World) -> None:
    lines = [{"ticket_type_id": "<ada's draft's type>", "quantity": 1}]
    case = Case("POST /v1/orders", ORDERS, body={"event_id": "<ada's draft>", "lines": lines, "customer": GUEST})

    for caller in (STRANGER, ORGANIZER):
        refused = await ask(there, case, caller)
        assert (refused.status_code, refused.json()["code"]) == (404, "event_not_found")


async def test_an_admission_of_another_event_opens_no_door(there: World) -> None:
    case = Case(
        "POST /v1/events/{event_id}/check-ins",
        DOORS,
        ("ada's event",),
        {"code": "<ray's order's code>", "scan_id": "scan"},
    )

    for caller in (ORGANIZER, DEVICE):
        refused = await ask(there, case, caller)
        assert (refused.status_code, refused.json()["code"]) == (409, "other_event")


async def test_an_admission_of_another_order_is_not_refunded_with_this_one(there: World) -> None:
    wish = {"admissions": ["<ray's order's admission>"]}
    case = Case("POST /v1/orders/{order_id}/refunds", OWNER_SELLS, ("a paid order",), wish)

    refused = await ask(there, case, ORGANIZER)

    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


# lists ---------------------------------------------------------------------------------------------------------------


async def listed(there: World, path: str, caller: str, name: str) -> set[str]:
    """The ids of a whole list, as this caller sees it."""
    there.store.rewind()
    token = None if caller == STRANGER else there.tokens[caller]
    answer = await there.api.get(path, token=token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["next_cursor"] is None
    return {str(item[name]) for item in answer.json()["data"]}


@pytest.mark.parametrize("caller", [STRANGER, REGULAR, DEVICE, OTHER_ORGANIZER, ORGANIZER, ADMIN])
async def test_the_public_list_has_nobodys_drafts(there: World, caller: str) -> None:
    events = await listed(there, "/v1/events?limit=100", caller, "event_id")

    assert events == {there.ids["ada's event"], there.ids["eve's event"]}


@pytest.mark.parametrize("caller", [STRANGER, REGULAR, OTHER_ORGANIZER])
async def test_an_organizers_list_shows_others_no_drafts(there: World, caller: str) -> None:
    path = f"/v1/events?limit=100&organizer_user_id={there.ids['ada']}"

    assert await listed(there, path, caller, "event_id") == {there.ids["ada's event"]}


async def test_each_lists_only_own_orders_keys_and_events(there: World) -> None:
    ids = there.ids
    bobs = {ids[name] for name in ("a pending order", "a promised order", "a paid order", "a refunded order")}

    assert await listed(there, "/v1/users/me/orders", BUYER, "order_id") == bobs
    assert await listed(there, "/v1/users/me/orders", REGULAR, "order_id") == {ids["ray's order"]}
    assert await listed(there, "/v1/users/me/orders", ADMIN, "order_id") == set()
    assert await listed(there, "/v1/users/me/events", BUYER, "event_id") == {ids["ada's event"]}
    assert await listed(there, "/v1/users/me/events", REGULAR, "event_id") == {ids["eve's event"]}
    assert await listed(there, "/v1/api-keys", BUYER, "api_key_id") == {ids[BUYER_READS], ids[BUYER_ORDERS]}
    assert await listed(there, "/v1/api-keys", ADMIN, "api_key_id") == {ids[ADMIN_READS], ids[ADMIN_EVENTS]}


async def test_an_events_lists_have_nothing_of_another_event(there: World) -> None:
    ids = there.ids
    event_id = ids["eve's event"]
    eves = f"/v1/events/{event_id}"

    assert await listed(there, f"{eves}/orders", OTHER_ORGANIZER, "order_id") == {ids["ray's order"]}
    assert await listed(there, f"{eves}/devices", OTHER_ORGANIZER, "device_id") == {ids["eve's event's device"]}
    attendees = await listed(there, f"{eves}/attendees", OTHER_ORGANIZER, "admission_id")
    assert ids["ray's order's admission"] in attendees
    assert ids["a paid order's admission"] not in attendees
