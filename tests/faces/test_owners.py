"""Whose things are whose: every route of the OpenAPI document with every kind of caller, in one declared matrix.

Who may not is told so as if the thing were not there; who shows no credentials where some are needed, or bad ones, is asked to log in.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from tests.support.events import BALCONY, CONCERT, KONZERTHAUS, created, id_of
from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.sales import fresh_key
from ticketing.accounts.model import UserType
from ticketing.base.ids import from_int
from ticketing.storage.memory import MemoryStore

# who asks ------------------------------------------------------------------------------------------------------------

STRANGER = "stranger"
EXPIRED = "somebody whose session is over"
FORGED = "somebody with a token that was never given out"
REGULAR = "another regular user"
BUYER = "the buyer"
BUYER_READS = "the buyer's key to read"
BUYER_ORDERS = "the buyer's key to order"
TOKEN = "the order's token"
OTHER_TOKEN = "another order's token"
ORGANIZER = "the organizer"
ORGANIZER_READS = "the organizer's key to read"
ORGANIZER_EVENTS = "the organizer's key to events"
ORGANIZER_ORDERS = "the organizer's key to orders"
ORGANIZER_DOORS = "the organizer's key to check-ins"
OTHER_ORGANIZER = "another organizer"
DEVICE = "the event's door device"
OTHER_DEVICE = "another event's door device"
ADMIN = "an admin"

BAD = frozenset({EXPIRED, FORGED})
GOOD = frozenset(
    {
        STRANGER,
        REGULAR,
        BUYER,
        BUYER_READS,
        BUYER_ORDERS,
        TOKEN,
        OTHER_TOKEN,
        ORGANIZER,
        ORGANIZER_READS,
        ORGANIZER_EVENTS,
        ORGANIZER_ORDERS,
        ORGANIZER_DOORS,
        OTHER_ORGANIZER,
        DEVICE,
        OTHER_DEVICE,
        ADMIN,
    }
)
CALLERS = GOOD | BAD

ANYONE_AT_ALL = CALLERS
"""Credentials are not looked at."""
ANYONE = GOOD
"""Credentials are not needed, but bad ones are refused."""
PEOPLE = frozenset({REGULAR, BUYER, ORGANIZER, OTHER_ORGANIZER, ADMIN})
PEOPLE_AND_READING_KEYS = PEOPLE | {BUYER_READS, ORGANIZER_READS}
ORGANIZERS = frozenset({ORGANIZER, OTHER_ORGANIZER, ADMIN, ORGANIZER_EVENTS})
ADMINS = frozenset({ADMIN})
OWNER_ALONE = frozenset({ORGANIZER, ADMIN})
OWNER = OWNER_ALONE | {ORGANIZER_EVENTS}
OWNER_READS = OWNER_ALONE | {ORGANIZER_READS}
OWNER_SELLS = OWNER_ALONE | {ORGANIZER_ORDERS}
DOORS = OWNER_ALONE | {ORGANIZER_DOORS, DEVICE}
BUYS = frozenset({BUYER, BUYER_ORDERS, TOKEN})
READS_ORDER = OWNER_READS | {BUYER, BUYER_READS, TOKEN}
CHANGES_ORDER = OWNER_SELLS | BUYS
ORDERS = GOOD - {BUYER_READS, ORGANIZER_READS, ORGANIZER_EVENTS, ORGANIZER_DOORS}


# what there is -------------------------------------------------------------------------------------------------------


class RewindableStore(MemoryStore):
    """A store in memory that goes back to how it was."""

    def keep(self) -> None:
        """This is how it was."""
        self._kept = deepcopy(self._rows)

    def rewind(self) -> None:
        """All is as it was."""
        self._rows = deepcopy(self._kept)


@dataclass(slots=True)
class World:
    """Two organizers with two events each, buyers, and orders in every state; everything in it by name."""

    api: Api
    store: RewindableStore
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    order_tokens: dict[str, str] = field(default_factory=dict)

    async def made(self, name: str, path: str, body: Any, *, token: str) -> dict[str, Any]:
        """What was posted, under this name."""
        answer = await self.api.post(path, body, token=token, key=fresh_key())
        assert answer.status_code == 201, answer.text
        shown = dict(answer.json())
        self.ids[name] = next(value for key, value in shown.items() if key.endswith("_id"))
        return shown

    async def order(self, name: str, *, event: str, token: str, method: str | None = None) -> dict[str, Any]:
        """An order of two, paid so, or pending where nothing is said."""
        lines = [{"ticket_type_id": self.ids[f"{event}'s type"], "quantity": 2}]
        shown = await self.made(name, "/v1/orders", {"event_id": self.ids[event], "lines": lines}, token=token)
        self.order_tokens[name] = shown["access_token"]
        if method is not None:
            await self.made(
                f"{name}'s payment",
                f"/v1/orders/{shown['order_id']}/payments",
                {"payment_method": method},
                token=shown["access_token"],
            )
        return shown


async def world() -> World:
    """Everything that a route of the matrix names."""
    store = RewindableStore()
    house = make_house(store, clock=StandingClock())
    made = World(Api(house), store)
    api, tokens, ids = made.api, made.tokens, made.ids
    for caller, name, user_type in (
        (ADMIN, "root", UserType.ADMIN),
        (ORGANIZER, "ada", UserType.ORGANIZER),
        (OTHER_ORGANIZER, "eve", UserType.ORGANIZER),
        (BUYER, "bob", UserType.REGULAR),
        (REGULAR, "ray", UserType.REGULAR),
        (EXPIRED, "old", UserType.ADMIN),
    ):
        tokens[caller] = await sign_up(house, name, user_type)
        ids[name] = (await api.get("/v1/users/me", token=tokens[caller])).json()["user_id"]
    tokens[FORGED] = tokens[ADMIN][:-3] + "xyz"
    for caller, owner, scope in (
        (BUYER_READS, BUYER, "read"),
        (BUYER_ORDERS, BUYER, "orders"),
        (ORGANIZER_READS, ORGANIZER, "read"),
        (ORGANIZER_EVENTS, ORGANIZER, "events"),
        (ORGANIZER_ORDERS, ORGANIZER, "orders"),
        (ORGANIZER_DOORS, ORGANIZER, "check_ins"),
    ):
        key = await made.made(caller, "/v1/api-keys", {"name": scope, "scopes": [scope]}, token=tokens[owner])
        tokens[caller] = key["token"]
    await made.made("a spare key", "/v1/api-keys", {"name": "spare", "scopes": ["read"]}, token=tokens[ORGANIZER])
    await made.made("a category", "/v1/categories", {"category_name": "Chamber music"}, token=tokens[ADMIN])
    for owner, whose in ((ORGANIZER, "ada"), (OTHER_ORGANIZER, "eve")):
        await made.made(f"{whose}'s venue", "/v1/venues", KONZERTHAUS, token=tokens[owner])
        for event, publish in ((f"{whose}'s event", True), (f"{whose}'s draft", False)):
            ids[event] = id_of(await created(api, "/v1/events", CONCERT | {"event_name": event}, token=tokens[owner]))
            path = f"/v1/events/{ids[event]}"
            await made.made(f"{event}'s type", f"{path}/ticket-types", BALCONY, token=tokens[owner])
            await made.made(f"{event}'s spare type", f"{path}/ticket-types", BALCONY, token=tokens[owner])
            if publish:
                assert (await api.post(f"{path}/publish", token=tokens[owner])).status_code == 200
            caller = {"ada's event": DEVICE, "eve's event": OTHER_DEVICE}.get(event, f"{event}'s device token")
            device = await made.made(f"{event}'s device", f"{path}/devices", {"name": "North"}, token=tokens[owner])
            tokens[caller] = device["token"]
    change = {"tickets_per_customer_max": None}
    for event, owner in (("ada's event", ORGANIZER), ("eve's event", OTHER_ORGANIZER)):
        await api.patch(f"/v1/events/{ids[event]}", change, token=tokens[owner])
    await made.order("a pending order", event="ada's event", token=tokens[BUYER])
    await made.order("a promised order", event="ada's event", token=tokens[BUYER], method="bank_transfer")
    await made.order("a paid order", event="ada's event", token=tokens[BUYER], method="test")
    await made.order("a refunded order", event="ada's event", token=tokens[BUYER], method="cash")
    await made.order("ray's order", event="eve's event", token=tokens[REGULAR], method="test")
    payment_id = ids["a refunded order's payment"]
    confirm = f"/v1/payments/{payment_id}/confirm"
    assert (await api.post(confirm, {"transaction_id": "receipt 1"}, token=tokens[ORGANIZER])).status_code == 200
    await made.made(
        "a refund that is due", f"/v1/orders/{ids['a refunded order']}/refunds", {}, token=tokens[ORGANIZER]
    )
    for name in ("a paid order", "ray's order"):
        shown = await api.get(f"/v1/orders/{ids[name]}/admissions", token=made.order_tokens[name])
        admission = shown.json()["data"][0]
        ids[f"{name}'s admission"], ids[f"{name}'s code"] = admission["admission_id"], admission["code"]
    tokens[OTHER_TOKEN] = made.order_tokens["ray's order"]
    tokens[TOKEN] = made.order_tokens["a pending order"]
    old = tokens[EXPIRED]
    assert (await api.delete("/v1/sessions/current", token=old)).status_code == 204
    store.keep()
    return made


# the matrix ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A route with the things that it is asked about, and who gets what they ask for.

    `things` are names of the world for the path's parameters, in order; in a body, `<name>` stands for the id of that name.
    `order` is the order whose token the holder of "the order's token" has. Where the route `is_public`, a stranger is not asked to log
    in, and hears what everybody hears who may not.
    """

    route: str
    may: frozenset[str]
    things: tuple[str, ...] = ()
    body: Any = None
    order: str = "a pending order"
    is_public: bool = False

    def __str__(self) -> str:
        return " ".join((self.route, *self.things))


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
    Case("PATCH /v1/users/me", PEOPLE, body={"first_name": "Augusta"}),
    Case("POST /v1/users/me/organizer", PEOPLE),
    Case("GET /v1/users/me/events", PEOPLE_AND_READING_KEYS),
    Case("GET /v1/users/me/orders", PEOPLE_AND_READING_KEYS),
    Case("DELETE /v1/sessions/current", PEOPLE),
    Case("POST /v1/api-keys", PEOPLE, body={"name": "till", "scopes": ["read"]}),
    Case("GET /v1/api-keys", PEOPLE),
    Case("DELETE /v1/api-keys/{api_key_id}", OWNER_ALONE, ("a spare key",)),
    # venues and categories
    Case("POST /v1/venues", ORGANIZERS, body=KONZERTHAUS),
    Case("GET /v1/venues", ANYONE_AT_ALL),
    Case("GET /v1/venues/{venue_id}", ANYONE_AT_ALL, ("ada's venue",)),
    Case("PATCH /v1/venues/{venue_id}", OWNER, ("ada's venue",), {"city": "Graz"}),
    Case("DELETE /v1/venues/{venue_id}", OWNER, ("ada's venue",)),
    Case("POST /v1/categories", ADMINS, body={"category_name": "Children"}),
    Case("GET /v1/categories", ANYONE_AT_ALL),
    Case("GET /v1/categories/{category_id}", ANYONE_AT_ALL, ("a category",)),
    Case("PATCH /v1/categories/{category_id}", ADMINS, ("a category",), {"category_name": "Quartets"}),
    Case("DELETE /v1/categories/{category_id}", ADMINS, ("a category",)),
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
    Case("GET /v1/orders/{order_id}/refunds", READS_ORDER, ("a refunded order",), order="a refunded order"),
    Case("POST /v1/refunds/{refund_id}/confirm", OWNER_SELLS, ("a refund that is due",), order="a refunded order"),
    # admissions
    Case("GET /v1/admissions/{admission_id}", READS_ORDER, ("a paid order's admission",), order="a paid order"),
    Case("GET /v1/admissions/{admission_id}/qr.svg", READS_ORDER, ("a paid order's admission",), order="a paid order"),
    Case(
        "PATCH /v1/admissions/{admission_id}",
        CHANGES_ORDER,
        ("a paid order's admission",),
        {"attendee": {"first_name": "Grace"}},
        order="a paid order",
    ),
)

WITHOUT_CREDENTIALS = {"POST /v1/sessions"}
"""Made to get some: who knows the password may, whoever asks. `test_accounts.py` specifies it."""


@pytest.fixture(scope="module")
async def there() -> World:
    made = await world()
    # A draft can be deleted only while no door device is out for it.
    made.ids["ada's spare draft"] = id_of(await created(made.api, "/v1/events", CONCERT, token=made.tokens[ORGANIZER]))
    made.store.keep()
    return made


def filled(there: World, body: Any) -> Any:
    """The body with ids where it has names."""
    match body:
        case str() if body.startswith("<") and body.endswith(">"):
            return there.ids[body[1:-1]]
        case dict():
            return {name: filled(there, value) for name, value in body.items()}
        case list():
            return [filled(there, value) for value in body]
    return body


async def ask(there: World, case: Case, caller: str, *, missing: bool = False) -> httpx.Response:
    """What this caller is answered, in a world as it was; about things that nobody has, where `missing`."""
    there.store.rewind()
    method, _, path = case.route.partition(" ")
    ids = [there.ids[thing] for thing in case.things]
    if missing:
        ids[0] = from_int(ids[0].partition("_")[0], 7)
    for thing_id in ids:
        before, _, rest = path.partition("{")
        path = f"{before}{thing_id}{rest.partition('}')[2]}"
    token = None if caller == STRANGER else there.tokens[caller]
    if caller == TOKEN:
        token = there.order_tokens[case.order]
    return await there.api.call(method, path, filled(there, case.body), token=token, key=fresh_key())


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


@pytest.mark.parametrize("case", MATRIX, ids=str)
async def test_who_may_gets_it_and_for_everybody_else_it_is_not_there(there: World, case: Case) -> None:
    found = {}
    for caller in sorted(CALLERS):
        answer = await ask(there, case, caller)
        found[caller] = (answer.status_code, answer.json()["code"] if answer.status_code >= 400 else "")

    missing = [caller for caller in sorted(case.may) if found[caller][0] >= 300]
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
    assert await listed(there, "/v1/api-keys", ADMIN, "api_key_id") == set()


async def test_an_events_lists_have_nothing_of_another_event(there: World) -> None:
    ids = there.ids
    event_id = ids["eve's event"]
    eves = f"/v1/events/{event_id}"

    assert await listed(there, f"{eves}/orders", OTHER_ORGANIZER, "order_id") == {ids["ray's order"]}
    assert await listed(there, f"{eves}/devices", OTHER_ORGANIZER, "device_id") == {ids["eve's event's device"]}
    attendees = await listed(there, f"{eves}/attendees", OTHER_ORGANIZER, "admission_id")
    assert ids["ray's order's admission"] in attendees
    assert ids["a paid order's admission"] not in attendees
