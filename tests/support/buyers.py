"""Clients who buy, pay, come in, cancel and are refunded at random, and the truth about what each of them was answered."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.books import rows
from tests.support.nursery import Born, Offer
from tests.support.processes import Site
from tests.support.wire import Ask, Lost, Reply, Wire

SETTLING_AT_ONCE = 16
LAST_PLACES = 30


@dataclass(slots=True)
class Intent:
    """Something that a client wanted, and what it was answered; None is unknown."""

    kind: str
    ask: Ask
    buyer: str = ""
    reply: Reply | None = None

    @property
    def is_done(self) -> bool:
        """Whether it was acknowledged."""
        return self.reply is not None and self.reply.status in (200, 201)


@dataclass(slots=True)
class Sale:
    """What is on sale, and everything that anybody wanted."""

    offer: Offer
    intents: list[Intent] = field(default_factory=list)


@dataclass(slots=True)
class Client:
    """Buys, pays, comes in, cancels and is refunded, at random, one step after the other."""

    number: int
    sale: Sale
    chance: random.Random
    numbers: "count[int]" = field(default_factory=count)
    held: list[dict[str, Any]] = field(default_factory=list)
    paid: list[dict[str, Any]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)

    async def go_on(self, port: int) -> None:
        """Steps until the server is gone, of which the last is unknown."""
        async with Wire(port) as wire:
            with suppress(Lost, OSError):
                while True:
                    intent = self.next_intent()
                    self.sale.intents.append(intent)
                    intent.reply = await wire.send(intent.ask)
                    await self.take_in(intent, wire)

    def next_intent(self) -> Intent:
        """What this client wants next."""
        what = self.chance.random()
        if self.codes and what < 0.3:
            return self.check_in(self.codes.pop())
        if self.held and what < 0.75:
            order = self.held.pop()
            path = f"/v1/orders/{order['order_id']}"
            if what > 0.7:
                return Intent("cancel", Ask("POST", f"{path}/cancel", None, self.key("cancel"), order["access_token"]))
            body = {"payment_method": "test"}
            return Intent("pay", Ask("POST", f"{path}/payments", body, self.key("pay"), order["access_token"]))
        if self.paid and what > 0.97:
            path = f"/v1/orders/{self.paid.pop()['order_id']}/refunds"
            return Intent("refund", Ask("POST", path, {}, self.key("refund"), self.sale.offer.organizer))
        return self.order(self.chance.choice((1, 1, 2, 3)))

    def order(self, quantity: int) -> Intent:
        """An order. What follows the plus differs each time, and the customer, whose allowance it is, does not."""
        key = self.key("order")
        buyer = f"buyer{self.number}+{key}"
        return Intent("order", Ask("POST", "/v1/orders", self.sale.offer.body(buyer, quantity), key), buyer=buyer)

    def check_in(self, code: str) -> Intent:
        """A scan at the door."""
        body = {"code": code, "scan_id": self.key("scan")}
        return Intent(
            "check_in",
            Ask("POST", f"/v1/events/{self.sale.offer.event_id}/check-ins", body, None, self.sale.offer.organizer),
        )

    def key(self, what: str) -> str:
        """A key that no other request has."""
        return f"{what}-{self.number}-{next(self.numbers)}"

    async def take_in(self, intent: Intent, wire: Wire) -> None:
        """The client knows what it was told, and reads its codes where it paid."""
        assert intent.reply is not None
        if not intent.is_done:
            return
        body = intent.reply.json()
        if intent.kind == "order":
            self.held.append(body)
        elif intent.kind == "pay":
            token = intent.ask.token
            self.paid.append(body)
            path = f"/v1/orders/{body['order_id']}/admissions"
            self.codes += [one["human_code"] for one in (await wire.call("GET", path, token=token)).json()["data"]]


async def settle(unknown: Sequence[Intent], port: int) -> None:
    """What was never answered is asked again under its key, until it is answered."""
    waiting = list(unknown)

    async def ask_again() -> None:
        async with Wire(port) as wire:
            while waiting:
                intent = waiting.pop()
                intent.reply = await wire.send(intent.ask)
                assert intent.reply.status < 500, intent.reply.content

    await asyncio.gather(*(ask_again() for _ in range(SETTLING_AT_ONCE)))


async def assert_same_answers(intents: Sequence[Intent], port: int) -> None:
    """Nothing, where requests that were acknowledged before the kill find the very same bytes again."""
    waiting = list(intents)

    async def compare() -> None:
        async with Wire(port) as wire:
            while waiting:
                intent = waiting.pop()
                again = await wire.send(intent.ask)
                assert intent.reply is not None
                assert (again.status, again.content) == (intent.reply.status, intent.reply.content), intent
                assert again.headers.get("idempotent-replayed") == "true", intent

    await asyncio.gather(*(compare() for _ in range(SETTLING_AT_ONCE)))


def assert_acknowledged_are_there(here: Site, intents: Sequence[Intent]) -> None:
    """Nothing, where the file has exactly what was answered: all of what was acknowledged, and nothing of what was refused."""
    orders = {
        str(email).removesuffix("@example.org"): found
        for email, *found in rows(
            here,
            "select customer_email, order_id, total_amount, customer_first_name, sum(quantity), count(*) "
            "from orders join order_details using (order_id) group by order_id, customer_email, total_amount, customer_first_name",
        )
    }
    placed = rows(here, "select customer_email, count(*) from orders group by 1 having count(*) > 1")
    assert placed == [], "an order was placed twice"
    paid = dict(rows(here, "select payment_id, payment_status from payments"))
    entered = Counter(dict(rows(here, "select scan_id, result = 'admitted' from check_ins")))
    refunds = {refund_id for (refund_id,) in rows(here, "select refund_id from refunds")}
    cancelled = {order for (order,) in rows(here, "select order_id from orders where payment_status = 'cancelled'")}
    for intent in intents:
        assert intent.reply is not None
        body = intent.reply.json()
        match intent.kind, intent.is_done:
            case "order", True:
                line = body["lines"][0]
                told = [
                    body["order_id"],
                    body["total_amount"]["amount"],
                    body["customer"]["first_name"],
                    line["quantity"],
                    1,
                ]
                assert orders.get(intent.buyer) == told, "an acknowledged order is not as it was told"
            case "order", False:
                assert intent.buyer not in orders, f"an order that was refused is there: {body}"
            case "pay", True:
                assert paid.get(body["payment_id"]) == "completed", "an acknowledged payment is not there"
            case "check_in", done:
                assert bool(entered[intent.ask.body["scan_id"]]) is done, "an entry is not as it was told"
            case "refund", True:
                assert body["refund_id"] in refunds, "an acknowledged refund is not there"
            case "cancel", True:
                assert body["order_id"] in cancelled, "an acknowledged cancellation is not there"


def taken(here: Site) -> int:
    """How many places are held or sold."""
    ((places,),) = rows(here, "select quantity - quantity_available from tickets")
    return int(places)


async def sell_the_last(here: Site, born: Born, sale: Sale, clients: Sequence[Client]) -> None:
    """All but a few places are taken off the sale, and everybody buys until nothing is left: then exactly the stock is sold."""
    async with Wire(born.port) as wire:
        path = f"/v1/ticket-types/{sale.offer.ticket_type_id}"
        stock = taken(here) + LAST_PLACES
        changed = await wire.call("PATCH", path, {"quantity": stock}, token=sale.offer.organizer)
        assert changed.status == 200, changed.content

    async def buy_on(client: Client) -> None:
        async with Wire(born.port) as wire:
            while True:
                intent = client.order(1)
                sale.intents.append(intent)
                intent.reply = await wire.send(intent.ask)
                if not intent.is_done:
                    assert intent.reply.code == "sold_out", intent.reply.content
                    held = rows(here, "select 1 from orders where payment_status = 'pending' limit 1")
                    if not held:
                        return
                    await asyncio.sleep(0.1)  # what others left unpaid comes back
                    continue
                order = intent.reply.json()
                body = {"payment_method": "test"}
                ask = Ask(
                    "POST", f"/v1/orders/{order['order_id']}/payments", body, client.key("pay"), order["access_token"]
                )
                paying = Intent("pay", ask)
                sale.intents.append(paying)
                paying.reply = await wire.send(ask)
                assert paying.is_done, paying.reply.content

    await asyncio.gather(*(buy_on(client) for client in clients[:32]))
    ((sold, left, quantity),) = rows(
        here,
        "select (select count(*) from admissions where holds_place), quantity_available, quantity from tickets",
    )
    assert (sold, left) == (quantity, 0), "sold out is exactly the stock"
