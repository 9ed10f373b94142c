"""Events on sale for tests, what a buyer and an organizer do with them over the API, and the books that must balance afterwards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import httpx

from tests.support.doors import user_id_of
from tests.support.events import A_TICKET_TYPE, AN_EVENT
from tests.support.houses import Api, sign_up
from ticketing.accounts.model import UserType
from ticketing.base.bounds import BLOCKS_PER_POOL_MAX, POOL_MAX
from ticketing.base.changes import Insert
from ticketing.base.house import House
from ticketing.base.store import Store
from ticketing.events.model import TicketType
from ticketing.events.store import event_record, ticket_type_record
from ticketing.sales.model import Buyer, Customer, HoldWish, LineWish
from ticketing.sales.store import allowance_name, guest_id
from ticketing.schema.tables import (
    ADMISSIONS,
    ALLOWANCES,
    BLOCKS,
    EVENTS,
    ORDER_DETAILS,
    ORDERS,
    PAYMENTS,
    REFUNDS,
    TICKETS,
)

CUSTOMER: Mapping[str, str] = {"email": "ada@example.org", "first_name": "Ada", "last_name": "Lovelace"}
EUROS_25 = 2500
_numbers = count(1)


def fresh_key() -> str:
    """An idempotency key that no other request of this run has."""
    return f"key-{next(_numbers)}"


@dataclass(frozen=True, slots=True)
class Sale:
    """An event on sale: its organizer's session token, and its ticket types in order."""

    event_id: str
    ticket_types: tuple[str, ...]
    organizer: str

    def lines(self, *quantities: int) -> list[dict[str, Any]]:
        """Lines of an order: so many of the first ticket type, the second, …; none where 0."""
        return [
            {"ticket_type_id": type_id, "quantity": quantity}
            for type_id, quantity in zip(self.ticket_types, quantities, strict=False)
            if quantity
        ]

    def wish(self, *quantities: int) -> HoldWish:
        """The same as actions take it."""
        lines = self.lines(*quantities)
        return HoldWish(self.event_id, tuple(LineWish(line["ticket_type_id"], line["quantity"]) for line in lines))


def kind(name: str = "Balcony", *, price: int = EUROS_25, quantity: int = 100, **more: Any) -> TicketType:
    """A ticket type to put on sale; ids come with `put_on_sale`."""
    return replace(A_TICKET_TYPE, ticket_type=name, price=price, quantity=quantity, quantity_available=quantity, **more)


async def put_on_sale(house: House, *kinds: TicketType, organizer: str | None = None, **event: Any) -> Sale:
    """An event that sells these kinds is stored, published, beginning in two months; `event` names fields that differ."""
    now = house.clock.now()
    name = f"organizer{next(_numbers)}"
    token = organizer if organizer is not None else await sign_up(house, name, UserType.ORGANIZER)
    ticket_types = tuple(house.new_id("tty", now) for _ in kinds)
    capacity = event.get("capacity")
    fields: dict[str, Any] = {
        "event_id": house.new_id("evt", now),
        "venue_id": None,
        "categories": (),
        "external_links": ("https://example.org/spring",),
        "organizer_user_id": await user_id_of(house, token),
        "ticket_types": ticket_types,
        "capacity_available": POOL_MAX if capacity is None else capacity,
        "start_date_time": now + timedelta(days=60),
        "end_date_time": now + timedelta(days=60, hours=3),
        "version": 1,
    }
    on_sale = replace(AN_EVENT, **(fields | event))
    await house.store.commit((Insert(EVENTS, event_record(on_sale)),))
    for type_id, ticket_type in zip(ticket_types, kinds, strict=True):
        stored = replace(ticket_type, ticket_type_id=type_id, event_id=on_sale.event_id)
        await house.store.commit((Insert(TICKETS, ticket_type_record(stored)),))
    return Sale(on_sale.event_id, ticket_types, token)


def guest_buyer(house: House, email: str = CUSTOMER["email"]) -> Buyer:
    """A guest with this address, as actions take a buyer."""
    return Buyer(guest_id(house, email), None, allowance_name(house, email), Customer(email, "Ada", "Lovelace"))


# over the API --------------------------------------------------------------------------------------------------------


class Till:
    """What a buyer and an organizer do at one sale, over the API."""

    def __init__(self, api: Api, sale: Sale) -> None:
        self.api = api
        self.sale = sale

    def body(self, *quantities: int, email: str = CUSTOMER["email"]) -> dict[str, Any]:
        """The body that orders so many of each ticket type."""
        return {
            "event_id": self.sale.event_id,
            "lines": self.sale.lines(*quantities),
            "customer": dict(CUSTOMER) | {"email": email},
        }

    async def order(
        self, *quantities: int, email: str = CUSTOMER["email"], key: str | None = None, token: str | None = None
    ) -> httpx.Response:
        """`POST /v1/orders`, with a fresh key where none is given."""
        return await self.api.post(
            "/v1/orders", self.body(*quantities, email=email), key=key or fresh_key(), token=token
        )

    async def held(self, *quantities: int, email: str = CUSTOMER["email"], token: str | None = None) -> dict[str, Any]:
        """An order that was taken, as JSON."""
        answer = await self.order(*quantities, email=email, token=token)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def pay(
        self,
        order: Mapping[str, Any],
        *,
        method: str = "test",
        outcome: str | None = None,
        key: str | None = None,
        token: str | None = None,
    ) -> httpx.Response:
        """`POST …/payments` with the order's access token, or another."""
        body = {"payment_method": method} | ({} if outcome is None else {"outcome": outcome})
        path = f"/v1/orders/{order['order_id']}/payments"
        return await self.api.post(path, body, key=key or fresh_key(), token=token or order["access_token"])

    async def sold(self, *quantities: int, email: str = CUSTOMER["email"]) -> dict[str, Any]:
        """An order that was taken and paid, as it was when it was taken."""
        order = await self.held(*quantities, email=email)
        answer = await self.pay(order)
        assert answer.status_code == 201, answer.text
        return order

    async def promised(self, order: Mapping[str, Any], *, method: str = "bank_transfer") -> dict[str, Any]:
        """A payment that the organizer will see later, as JSON."""
        answer = await self.pay(order, method=method)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def confirm(
        self, payment: Mapping[str, Any], *, transaction_id: str = "statement-1", key: str | None = None, **more: Any
    ) -> httpx.Response:
        """`POST …/confirm` by the organizer."""
        path = f"/v1/payments/{payment['payment_id']}/confirm"
        return await self.api.post(path, {"transaction_id": transaction_id} | more, key=key, token=self.sale.organizer)

    async def refund(self, order: Mapping[str, Any], *, key: str | None = None, **wish: Any) -> httpx.Response:
        """`POST …/refunds` by the organizer; an `amount` is in euro cents."""
        if "amount" in wish:
            wish["amount"] = {"amount": wish["amount"], "currency": "EUR"}
        path = f"/v1/orders/{order['order_id']}/refunds"
        return await self.api.post(path, wish, key=key or fresh_key(), token=self.sale.organizer)

    async def cancel(self, order: Mapping[str, Any], **more: Any) -> httpx.Response:
        """`POST …/cancel` with the order's access token."""
        return await self.api.post(f"/v1/orders/{order['order_id']}/cancel", token=order["access_token"], **more)

    async def read(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """The order as it stands."""
        answer = await self.api.get(f"/v1/orders/{order['order_id']}", token=order["access_token"])
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def admissions(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The order's admissions."""
        answer = await self.api.get(f"/v1/orders/{order['order_id']}/admissions", token=order["access_token"])
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def change(self, **fields: Any) -> None:
        """The organizer changes the event."""
        answer = await self.api.patch(f"/v1/events/{self.sale.event_id}", fields, token=self.sale.organizer)
        assert answer.status_code == 200, answer.text

    async def change_type(self, place: int = 0, **fields: Any) -> None:
        """The organizer changes a ticket type."""
        path = f"/v1/ticket-types/{self.sale.ticket_types[place]}"
        answer = await self.api.patch(path, fields, token=self.sale.organizer)
        assert answer.status_code == 200, answer.text

    async def decide(self, what: str) -> None:
        """The organizer publishes, postpones or cancels the event."""
        answer = await self.api.post(f"/v1/events/{self.sale.event_id}/{what}", token=self.sale.organizer)
        assert answer.status_code == 200, answer.text

    async def left(self, *emails: str) -> "Left":
        """What is left in each pool."""
        return await left(self.api.house, self.sale, *emails)


async def api_key(api: Api, token: str, *scopes: str) -> str:
    """A key of this user with these scopes."""
    made = await api.post("/v1/api-keys", {"name": "till", "scopes": list(scopes)}, token=token)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


async def door_device(api: Api, sale: Sale) -> str:
    """The token of a device at this sale's door."""
    made = await api.post(f"/v1/events/{sale.event_id}/devices", {"name": "North"}, token=sale.organizer)
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json().get("code", "")


# pools and books -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """What is left: of the event's capacity, of each ticket type; and minus what each asked customer has."""

    capacity: int
    types: tuple[int, ...]
    balances: tuple[int, ...] = ()


async def left(house: House, sale: Sale, *emails: str) -> Left:
    """What is left in each pool of a sale."""
    store = house.store
    event = await store.get(EVENTS, (sale.event_id,))
    assert event is not None
    types = []
    for type_id in sale.ticket_types:
        ticket_type = await store.get(TICKETS, (type_id,))
        assert ticket_type is not None
        types.append(int(ticket_type["quantity_available"]))
    balances = []
    for email in emails:
        allowance = await store.get(ALLOWANCES, (sale.event_id, allowance_name(house, email)))
        balances.append(0 if allowance is None else int(allowance["balance"]))
    return Left(int(event["capacity_available"]), tuple(types), tuple(balances))


async def _all(store: Store, table: Any) -> list[dict[str, Any]]:
    return [record async for record in store.scan(table)]


async def assert_books_balance(house: House, sale: Sale) -> None:
    """Nothing, where every place and every cent of the sale is accounted for:

    quantity = available + in blocks + held + sold for each ticket type, capacity likewise, each customer's balance is minus what
    the customer has, every order that was paid has as many admissions as it ordered and no other order has any, no more went back
    than came in, and payments and refunds add up to what their orders say.
    """
    store = house.store
    orders = {row["order_id"]: row for row in await _all(store, ORDERS) if row["event_id"] == sale.event_id}
    lines = [row for row in await _all(store, ORDER_DETAILS) if row["order_id"] in orders]
    admissions = [row for row in await _all(store, ADMISSIONS) if row["event_id"] == sale.event_id]

    taken: Counter[str] = Counter()
    balances: Counter[str] = Counter()
    ordered: Counter[str] = Counter()
    for line in lines:
        order = orders[line["order_id"]]
        ordered[order["order_id"]] += line["quantity"]
        if order["payment_status"] == "pending":
            taken[line["ticket_id"]] += line["quantity"]
            balances[allowance_name(house, order["customer_email"])] += line["quantity"]
    for admission in admissions:
        if admission["holds_place"]:
            taken[admission["ticket_id"]] += 1
            balances[allowance_name(house, orders[admission["order_id"]]["customer_email"])] += 1

    blocks = await _all(store, BLOCKS)
    spread: Counter[str] = Counter()
    for block in blocks:
        spread[block["origin_id"]] += block["places"]
    out = Counter(block["origin_id"] for block in blocks)
    event = await store.get(EVENTS, (sale.event_id,))
    assert event is not None
    assert event["blocks_left"] + out[sale.event_id] == BLOCKS_PER_POOL_MAX, "blocks of the event"
    taken[sale.event_id] = sum(taken.values()) + spread[sale.event_id]
    started = POOL_MAX if event["capacity"] is None else event["capacity"]
    assert event["capacity_available"] + taken[sale.event_id] == started, "the event's capacity"
    for type_id in sale.ticket_types:
        ticket_type = await store.get(TICKETS, (type_id,))
        assert ticket_type is not None
        assert ticket_type["blocks_left"] + out[type_id] == BLOCKS_PER_POOL_MAX, "blocks of a ticket type"
        left = ticket_type["quantity_available"] + spread[type_id]
        assert left + taken[type_id] == ticket_type["quantity"], "a ticket type"
    for allowance in await _all(store, ALLOWANCES):
        if allowance["event_id"] == sale.event_id:
            assert allowance["balance"] == -balances[allowance["customer"]], "a customer's allowance"

    issued = Counter(admission["order_id"] for admission in admissions)
    payments = await _all(store, PAYMENTS)
    refunds = await _all(store, REFUNDS)
    for order_id, order in orders.items():
        status = order["payment_status"]
        if status in ("completed", "partially_refunded", "refunded"):
            assert issued[order_id] == ordered[order_id], "admissions of a paid order"
        elif status != "cancelled":
            assert issued[order_id] == 0, "admissions of an order that was not paid"
        came = [row for row in payments if row["order_id"] == order_id and row["payment_status"] == "completed"]
        went = [row for row in refunds if row["order_id"] == order_id]
        assert sum(row["payment_amount"] for row in came) == order["amount_paid"], "payments of an order"
        assert sum(row["refund_amount"] for row in went) == order["amount_refunded"], "refunds of an order"
        assert order["amount_refunded"] <= order["amount_paid"]
        for payment in came:
            back = sum(row["refund_amount"] for row in went if row["payment_id"] == payment["payment_id"])
            assert back <= payment["payment_amount"], "refunds of one payment"
        assert {row["payment_id"] for row in payments if row["order_id"] == order_id} == set(order["payments"])
        assert {row["refund_id"] for row in went} == set(order["refunds"])
