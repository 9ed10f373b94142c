"""A world of two organizers with two events each, buyers and orders in every state, all kinds of callers, and routes asked in it."""

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.events import BALCONY, CONCERT, KONZERTHAUS, created, id_of
from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.sales import fresh_key
from tests.support.wallets import wallets
from ticketing.accounts.model import UserType
from ticketing.admission.tokens import holder_token, offer_token
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
OFFER = "who has a ticket offered"
OTHER_OFFER = "who has a token of an offer that is not there"
HOLDER = "who has not accepted a ticket yet"
ORGANIZER = "the organizer"
ORGANIZER_READS = "the organizer's key to read"
ORGANIZER_EVENTS = "the organizer's key to events"
ORGANIZER_ORDERS = "the organizer's key to orders"
ORGANIZER_DOORS = "the organizer's key to check-ins"
OTHER_ORGANIZER = "another organizer"
DEVICE = "the event's door device"
OTHER_DEVICE = "another event's door device"
ADMIN = "an admin"
ADMIN_READS = "an admin's key to read"
ADMIN_EVENTS = "an admin's key to events"

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
        OFFER,
        OTHER_OFFER,
        HOLDER,
        ORGANIZER,
        ORGANIZER_READS,
        ORGANIZER_EVENTS,
        ORGANIZER_ORDERS,
        ORGANIZER_DOORS,
        OTHER_ORGANIZER,
        DEVICE,
        OTHER_DEVICE,
        ADMIN,
        ADMIN_READS,
        ADMIN_EVENTS,
    }
)
CALLERS = GOOD | BAD

ANYONE_AT_ALL = CALLERS
"""Credentials are not looked at."""
ANYONE = GOOD
"""Credentials are not needed, but bad ones are refused."""
PEOPLE = frozenset({REGULAR, BUYER, ORGANIZER, OTHER_ORGANIZER, ADMIN})
PEOPLE_AND_READING_KEYS = PEOPLE | {BUYER_READS, ORGANIZER_READS, ADMIN_READS}
ORGANIZERS = frozenset({ORGANIZER, OTHER_ORGANIZER, ADMIN, ORGANIZER_EVENTS, ADMIN_EVENTS})
ADMINS = frozenset({ADMIN})
ADMINS_OF_CATEGORIES = ADMINS | {ADMIN_EVENTS}
OWNER_ALONE = frozenset({ORGANIZER, ADMIN})
OWNER = OWNER_ALONE | {ORGANIZER_EVENTS, ADMIN_EVENTS}
OWNER_READS = OWNER_ALONE | {ORGANIZER_READS, ADMIN_READS}
OWNER_SELLS = OWNER_ALONE | {ORGANIZER_ORDERS}
DOORS = OWNER_ALONE | {ORGANIZER_DOORS, DEVICE}
BUYS = frozenset({BUYER, BUYER_ORDERS, TOKEN})
READS_ORDER = OWNER_READS | {BUYER, BUYER_READS, TOKEN}
CHANGES_ORDER = OWNER_SELLS | BUYS
ORDERS = GOOD - {ADMIN_READS, ADMIN_EVENTS, BUYER_READS, ORGANIZER_READS, ORGANIZER_EVENTS, ORGANIZER_DOORS}


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
    made.api.app.state.wallets = wallets()
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
    ids["bob's session"] = tokens[BUYER].partition(".")[0]
    tokens[FORGED] = tokens[ADMIN][:-3] + "xyz"
    for caller, owner, scope in (
        (BUYER_READS, BUYER, "read"),
        (BUYER_ORDERS, BUYER, "orders"),
        (ORGANIZER_READS, ORGANIZER, "read"),
        (ORGANIZER_EVENTS, ORGANIZER, "events"),
        (ORGANIZER_ORDERS, ORGANIZER, "orders"),
        (ORGANIZER_DOORS, ORGANIZER, "check_ins"),
        (ADMIN_READS, ADMIN, "read"),
        (ADMIN_EVENTS, ADMIN, "events"),
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
    change = {"tickets_per_customer_max": None, "cancellation_hours": 0}
    # A draft can be deleted only while no door device is out for it.
    ids["ada's spare draft"] = id_of(await created(api, "/v1/events", CONCERT, token=tokens[ORGANIZER]))
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
        admission, other = shown.json()["data"][:2]
        ids["another paid admission"] = (
            other["admission_id"] if name == "a paid order" else ids["another paid admission"]
        )
        ids[f"{name}'s admission"], ids[f"{name}'s code"] = admission["admission_id"], admission["code"]
    admission = f"/v1/admissions/{ids['another paid admission']}/transfer"
    await made.made("an offer", admission, {"email": "grace@example.org"}, token=made.order_tokens["a paid order"])
    ids["an offer's token"] = offer_token(house.keys, ids["an offer"])
    tokens[OFFER] = ids["an offer's token"]
    tokens[OTHER_OFFER] = offer_token(house.keys, from_int("trf", 7))
    tokens[HOLDER] = holder_token(house.keys, ids["an offer"])  # good only once it was accepted
    tokens[OTHER_TOKEN] = made.order_tokens["ray's order"]
    tokens[TOKEN] = made.order_tokens["a pending order"]
    old = tokens[EXPIRED]
    assert (await api.delete("/v1/sessions/current", token=old)).status_code == 204
    store.keep()
    return made


# routes asked ------------------------------------------------------------------------------------------------------


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
    method, path = placed(there, case, missing=missing)
    return await there.api.call(
        method, path, filled(there, case.body), token=token_of(there, case, caller), key=fresh_key()
    )


def placed(there: World, case: Case, *, missing: bool = False) -> tuple[str, str]:
    """The method and the path with ids."""
    method, _, path = case.route.partition(" ")
    ids = [there.ids[thing] for thing in case.things]
    if missing:
        ids[0] = from_int(ids[0].partition("_")[0], 7)
    for thing_id in ids:
        before, _, rest = path.partition("{")
        path = f"{before}{thing_id}{rest.partition('}')[2]}"
    return method, path


def token_of(there: World, case: Case, caller: str) -> str | None:
    """What this caller comes with."""
    if caller == TOKEN:
        return there.order_tokens[case.order]
    return None if caller == STRANGER else there.tokens[caller]
