"""A file in which a random sale has been busy: two organizers, events of every kind, and all that buyers, organizers, doors and the
clock do."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.support.events import BALCONY, CONCERT, KONZERTHAUS, created, id_of
from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.sales import fresh_key
from ticketing.accounts.model import UserType
from ticketing.base.house import House
from ticketing.sales.expiry import expire_holds
from ticketing.storage.sql.opening import open_store

AT_ONCE = 8
EMAILS = (
    "ada@example.org",
    "ada+work@example.org",
    "Bob@example.org",
    "cyd@example.org",
    "dan@example.org",
    "eva@example.org",
)


async def busy_file(path: Path, *, seed: int, rounds: int = 60) -> House:
    """A database of the latest revision stands at `path`, closed, and has seen so many rounds; its house tells customers' names."""
    store = open_store(path)
    house = make_house(store, clock=StandingClock())
    sale = BusySale(house, seed)
    await sale.open()
    for _ in range(rounds):
        await sale.go_on()
    await sale.leave_some_of_each()
    await store.close()
    return house


class BusySale:
    """Does at random what may be done at two events. Everything goes through the API, `AT_ONCE` requests at a time."""

    def __init__(self, house: House, seed: int) -> None:
        self.house = house
        self.api = Api(house)
        self.chance = random.Random(seed)
        self.events: list[str] = []
        self.types: dict[str, list[str]] = {}
        self.orders: list[dict[str, Any]] = []
        self.promised: list[str] = []

    async def open(self) -> None:
        """People, a venue, categories, two events on sale, a draft, and an event aside, of which chance knows nothing."""
        api, house = self.api, self.house
        self.root = await sign_up(house, "root", UserType.ADMIN)
        self.organizer = await sign_up(house, "olga", UserType.ORGANIZER)
        self.buyer = await sign_up(house, "ben")
        venue = await created(api, "/v1/venues", KONZERTHAUS, token=self.organizer)
        names = ("Chamber music", "Children", "Nobody's")
        paths = [await created(api, "/v1/categories", {"category_name": name}, token=self.root) for name in names]
        self.categories = [id_of(path) for path in paths]
        for capacity, limit in ((60, 6), (None, None), (40, None), (200, None)):
            about = {"venue_id": id_of(venue), "categories": self.categories[:2], "capacity": capacity}
            path = await created(
                api, "/v1/events", CONCERT | about | {"tickets_per_customer_max": limit}, token=self.organizer
            )
            kinds = [
                BALCONY | {"ticket_type": name, "price": {"amount": price, "currency": "EUR"}, "quantity": 25}
                for name, price in (("Balcony", 2500), ("Stalls", 4000), ("Child", 0))
            ]
            self.types[id_of(path)] = [
                id_of(await created(api, f"{path}/ticket-types", kind, token=self.organizer)) for kind in kinds
            ]
            self.events.append(id_of(path))
        for event_id in (*self.events[:2], self.events[3]):
            published = await api.post(f"/v1/events/{event_id}/publish", token=self.organizer)
            assert published.status_code == 200, published.text
        self.device = await self.made("POST", f"/v1/events/{self.events[0]}/devices", {"name": "North"})
        await self.made("POST", "/v1/api-keys", {"name": "till", "scopes": ["read", "orders"]})

    async def made(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """What the organizer made."""
        answer = await self.api.call(method, path, body, token=self.organizer)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def go_on(self) -> None:
        """Some things happen at once, and time passes."""
        acts: list[Callable[[], Awaitable[httpx.Response | None]]] = [
            *[self.order] * 6,
            *[self.pay] * 6,
            *[self.scan] * 5,
            self.confirm,
            self.extend,
            self.cancel,
            self.refund,
            self.change,
        ]
        answers = await asyncio.gather(*(self.chance.choice(acts)() for _ in range(AT_ONCE)))
        for answer in answers:
            if answer is not None:
                assert answer.status_code < 500, answer.text
        clock = self.house.clock
        assert isinstance(clock, StandingClock)
        clock.move(minutes=self.chance.choice((0, 0, 0.01, 1, 8)))
        if self.chance.random() < 0.2:
            await expire_holds(self.house, now=clock.now())

    async def leave_some_of_each(self) -> None:
        """Whatever chance did, there is an order that expired, one that was cancelled, and one each of which some, nothing and all
        was refunded: before anybody entered with it, and afterwards."""
        event_id = self.events[-1]

        async def sold() -> dict[str, Any]:
            line = {"ticket_type_id": self.types[event_id][0], "quantity": 2}
            customer = {"email": "flo@example.org", "first_name": "Flo", "last_name": "Example"}
            body = {"event_id": event_id, "lines": [line], "customer": customer}
            answer = await self.api.post("/v1/orders", body, key=fresh_key())
            assert answer.status_code == 201, answer.text
            return dict(answer.json())

        async def done(path: str, body: Any = None, **more: Any) -> None:
            answer = await self.api.post(path, body, key=fresh_key(), **more)
            assert answer.status_code in (200, 201), answer.text

        await sold()
        cancelled = await sold()
        await done(f"/v1/orders/{cancelled['order_id']}/cancel", token=cancelled["access_token"])
        for entered in (False, True):
            for wish in (None, {"amount": {"amount": 700, "currency": "EUR"}}, {}):
                order = await sold()
                path = f"/v1/orders/{order['order_id']}"
                await done(f"{path}/payments", {"payment_method": "test"}, token=order["access_token"])
                if entered:
                    scan = {"code": (await self.admissions(order))[0]["human_code"], "scan_id": fresh_key()}
                    await done(f"/v1/events/{event_id}/check-ins", scan, token=self.organizer)
                if wish is not None:
                    await done(f"{path}/refunds", wish, token=self.organizer)
        clock = self.house.clock
        assert isinstance(clock, StandingClock)
        clock.move(minutes=20)
        await expire_holds(self.house, now=clock.now())
        await sold()

    async def order(self) -> httpx.Response:
        """Somebody orders, a guest or a user with a login."""
        event_id = self.chance.choice(self.events[:2])
        chosen = self.chance.sample(self.types[event_id], self.chance.choice((1, 1, 2)))
        body: dict[str, Any] = {
            "event_id": event_id,
            "lines": [{"ticket_type_id": type_id, "quantity": self.chance.choice((1, 1, 2, 3))} for type_id in chosen],
        }
        token = None
        if self.chance.random() < 0.3:
            token = self.buyer
        if token is None or self.chance.random() < 0.5:
            body["customer"] = {"email": self.chance.choice(EMAILS), "first_name": "Ada", "last_name": "Lovelace"}
        answer = await self.api.post("/v1/orders", body, token=token, key=fresh_key())
        if answer.status_code == 201:
            self.orders.append(answer.json())
        return answer

    async def pay(self) -> httpx.Response | None:
        """An order is paid, or is to be, or not."""
        if not self.orders:
            return None
        order = self.chance.choice(self.orders[-6:])
        body = {"payment_method": self.chance.choice(("test", "test", "test", "bank_transfer", "cash"))}
        if body["payment_method"] == "test":
            body["outcome"] = self.chance.choice(("paid", "paid", "paid", "declined", "pending"))
        path = f"/v1/orders/{order['order_id']}/payments"
        answer = await self.api.post(path, body, token=order["access_token"], key=fresh_key())
        if answer.status_code == 201 and answer.json()["payment_status"] == "pending":
            self.promised.append(answer.json()["payment_id"])
        return answer

    async def confirm(self) -> httpx.Response | None:
        """Money that was promised is seen, perhaps too late, twice, or for an order that was paid otherwise."""
        if not self.promised:
            return None
        path = f"/v1/payments/{self.chance.choice(self.promised)}/confirm"
        return await self.api.post(path, {"transaction_id": fresh_key()}, token=self.organizer)

    async def extend(self) -> httpx.Response | None:
        """A hold is extended."""
        return await self.of_order("extend", self.chance.choice(self.orders[-9:])) if self.orders else None

    async def cancel(self) -> httpx.Response | None:
        """An order is cancelled."""
        return await self.of_order("cancel", self.chance.choice(self.orders)) if self.orders else None

    async def of_order(self, what: str, order: dict[str, Any]) -> httpx.Response:
        """The owner does this with the order."""
        return await self.api.post(f"/v1/orders/{order['order_id']}/{what}", token=order["access_token"])

    async def refund(self) -> httpx.Response | None:
        """Money goes back: some, what some admissions cost, or all."""
        if not self.orders:
            return None
        order = self.chance.choice(self.orders)
        wish: dict[str, Any] = {}
        match self.chance.choice(("amount", "admissions", "all")):
            case "amount":
                wish["amount"] = {"amount": self.chance.choice((1, 700, 2500)), "currency": "EUR"}
            case "admissions":
                admissions = await self.admissions(order)
                if not admissions:
                    return None
                wish["admissions"] = [self.chance.choice(admissions)["admission_id"]]
        path = f"/v1/orders/{order['order_id']}/refunds"
        return await self.api.post(path, wish, token=self.organizer, key=fresh_key())

    async def admissions(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        """The order's admissions."""
        answer = await self.api.get(f"/v1/orders/{order['order_id']}/admissions", token=order["access_token"])
        return list(answer.json()["data"])

    async def scan(self) -> httpx.Response | None:
        """Somebody comes or goes, or tries to."""
        for order in self.chance.sample(self.orders, min(4, len(self.orders))):
            admissions = await self.admissions(order)
            if admissions:
                shown = self.chance.choice(admissions)["human_code"]
                direction = self.chance.choice(("entry", "entry", "exit"))
                body = {"code": shown, "scan_id": fresh_key(), "direction": direction}
                return await self.api.post(f"/v1/events/{order['event_id']}/check-ins", body, token=self.organizer)
        return None

    async def change(self) -> httpx.Response:
        """The organizer changes something."""
        event_id = self.chance.choice(self.events[:3])
        event, ticket_type = f"/v1/events/{event_id}", f"/v1/ticket-types/{self.chance.choice(self.types[event_id])}"
        changes = (
            (ticket_type, {"quantity": self.chance.choice((15, 25, 30))}),
            (event, {"capacity": self.chance.choice((50, 70, None))}),
            (event, {"categories": self.chance.sample(self.categories[:2], self.chance.choice((1, 2)))}),
            (event, {"event_name": self.chance.choice(("Spring concert", "Concert in spring"))}),
            (event, {"tickets_per_customer_max": self.chance.choice((6, 8, None))}),
            (event, {"end_date_time": self.chance.choice(("2027-05-01T20:00:00Z", "2027-05-01T21:00:00Z"))}),
        )
        path, fields = self.chance.choice(changes)
        return await self.api.patch(path, fields, token=self.organizer)
