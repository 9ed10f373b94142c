"""Everybody wants the last places: sold is exactly the stock, and nobody hears "sold out" while as many as they wanted are free.

The history is checked as a whole. Each commit of an order or a cancellation also stores its answer, one after the other, so that the
file itself knows their order. A refusal that says how many are left must be true at a moment between its question and its answer.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from tests.support.books import assert_sound, rows
from tests.support.nursery import Born, Nursery, Offer, nursery, put_on_sale
from tests.support.processes import Site, site
from tests.support.wire import Ask, Wire
from ticketing.web.once import key_of

CLIENTS = 512
SEED = 4711
LAST_TRY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Taken:
    """An order or a cancellation that was acknowledged: by how much it moved what is free, and the name of its stored answer."""

    asked_at: float
    told_at: float
    moved: int
    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that was refused for want of places, of which so many were left."""

    asked_at: float
    told_at: float
    wanted: int
    left: int


@dataclass(slots=True)
class Sale:
    """What is on sale, where, and everything that was told."""

    site: Site
    servers: tuple[Born, ...]
    stock: int
    offer: Offer
    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    async def order(self, wire: Wire, key: str, quantity: int) -> dict[str, Any] | None:
        """The order, or None where it was refused; either is noted."""
        asked_at = time.monotonic()
        reply = await wire.send(Ask("POST", "/v1/orders", self.offer.body(key, quantity), key))
        told_at = time.monotonic()
        if reply.status == 201:
            self.taken.append(Taken(asked_at, told_at, -quantity, key_of(key, scope="stranger")))
            return dict(reply.json())
        assert reply.code == "sold_out", reply.content
        self.refused.append(Refused(asked_at, told_at, quantity, reply.json()["left"]))
        return None

    async def cancel(self, wire: Wire, key: str, order: dict[str, Any]) -> None:
        """The order is cancelled, which is noted."""
        asked_at = time.monotonic()
        reply = await wire.send(Ask("POST", f"/v1/orders/{order['order_id']}/cancel", None, key, order["access_token"]))
        assert reply.status == 200, reply.content
        quantity = order["lines"][0]["quantity"]
        name = key_of(key, scope=f"order {order['order_id']}")
        self.taken.append(Taken(asked_at, time.monotonic(), quantity, name))


def assert_history_is_explained(sale: Sale) -> None:
    """Nothing, where each refusal was true at a moment between its question and its answer, and no count was ever below nothing."""
    place_of = {
        name: place
        for place, (name,) in enumerate(rows(sale.site, "select idempotency_key from idempotency order by rowid"))
    }
    history = sorted(sale.taken, key=lambda taken: place_of[taken.name])
    free = list(accumulate((taken.moved for taken in history), initial=sale.stock))
    assert min(free) >= 0, "more was sold than there was"
    by_asking = sorted((taken.asked_at, place) for place, taken in enumerate(history))
    by_telling = sorted((taken.told_at, place) for place, taken in enumerate(history))
    for refused in sale.refused:
        # All that was told before the question came before it; all that was asked after the answer came after it.
        first = max((place + 1 for told_at, place in by_telling if told_at < refused.asked_at), default=0)
        last = min((place for asked_at, place in by_asking if asked_at > refused.told_at), default=len(history))
        assert refused.left < refused.wanted, f"as many were free: {refused}"
        assert refused.left in free[first : last + 1], f"it was never so: {refused}, {set(free[first : last + 1])}"


def held_or_sold(sale: Sale) -> int:
    """How many places somebody has."""
    ((held, sold),) = rows(
        sale.site,
        "select (select coalesce(sum(quantity), 0) from orders join order_details using (order_id) where payment_status = 'pending'), "
        "(select count(*) from admissions where holds_place)",
    )
    return int(held + sold)


@pytest.fixture
async def servers() -> AsyncIterator[Nursery]:
    with nursery() as opened:
        yield opened


async def on_sale(servers: Nursery, folder: Path, *, stock: int, processes: int = 1, hold_seconds: int = 900) -> Sale:
    """So many places are on sale, on so many servers over one file."""
    here = site(folder / "here", test_mode="on", hold_seconds=str(hold_seconds))
    born = tuple([await servers.serve(here) for _ in range(processes)])
    return Sale(here, born, stock, await put_on_sale(born[0], quantity=stock))


async def all_connected(sale: Sale, count: int) -> list[Wire]:
    """So many connections, spread over the servers, so that all ask at once."""
    wires = [Wire(sale.servers[number % len(sale.servers)].port) for number in range(count)]
    for some in range(0, count, 64):  # fewer at a time than may wait to be accepted
        await asyncio.gather(*(wire.connect() for wire in wires[some : some + 64]))
    return wires


def drop(wires: Sequence[Wire]) -> None:
    """The connections are gone."""
    for wire in wires:
        wire.drop()


@pytest.mark.slow
@pytest.mark.parametrize(("stock", "processes"), [(1, 1), (10, 1), (1_000, 1), (1, 2), (10, 2)])
async def test_of_512_clients_who_want_one_each_exactly_the_stock_is_served(
    servers: Nursery, tmp_path: Path, stock: int, processes: int
) -> None:
    sale = await on_sale(servers, tmp_path, stock=stock, processes=processes)
    wires = await all_connected(sale, CLIENTS)

    async def buy_on(number: int, wire: Wire) -> None:
        tries = 0
        while await sale.order(wire, f"client{number}-{tries}", 1) is not None:
            tries += 1

    await asyncio.gather(*(buy_on(number, wire) for number, wire in enumerate(wires)))
    drop(wires)

    assert (len(sale.taken), len(sale.refused)) == (stock, CLIENTS)
    assert {refused.left for refused in sale.refused} == {0}
    assert held_or_sold(sale) == stock
    assert_history_is_explained(sale)
    assert_sound(sale.site)


@pytest.mark.slow
async def test_of_512_clients_who_want_three_each_of_a_thousand_the_rest_hear_that_one_is_left(
    servers: Nursery, tmp_path: Path
) -> None:
    sale = await on_sale(servers, tmp_path, stock=1_000)
    wires = await all_connected(sale, CLIENTS)

    orders = await asyncio.gather(*(sale.order(wire, f"client{number}", 3) for number, wire in enumerate(wires)))
    drop(wires)

    assert sum(order is not None for order in orders) == 333
    assert {refused.left for refused in sale.refused} == {1}
    assert_history_is_explained(sale)
    assert_sound(sale.site)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
async def test_whoever_takes_what_is_left_gets_it_until_exactly_nothing_is(
    servers: Nursery, tmp_path: Path, processes: int
) -> None:
    """512 clients want one to four each; whoever hears that fewer are left wants as many; some think better of it and cancel."""
    sale = await on_sale(servers, tmp_path, stock=1_000, processes=processes)
    wires = await all_connected(sale, CLIENTS)

    async def buy_on(number: int, wire: Wire) -> None:
        chance = random.Random(SEED + number)
        wanted, tries = chance.randint(1, 4), 0
        while wanted:
            key = f"client{number}-{tries}"
            tries += 1
            order = await sale.order(wire, key, wanted)
            if order is None:
                wanted = min(wanted, sale.refused[-1].left)
                continue
            if chance.random() < 0.2:
                await sale.cancel(wire, f"{key}-cancel", order)
            wanted = chance.randint(1, 4)

    await asyncio.gather(*(buy_on(number, wire) for number, wire in enumerate(wires)))
    await buy_on(CLIENTS, wires[0])  # the last cancellation may have come after everybody else went home
    drop(wires)

    assert held_or_sold(sale) == sale.stock
    assert_history_is_explained(sale)
    assert_sound(sale.site)


@pytest.mark.slow
async def test_places_that_were_held_and_never_paid_come_back_and_are_sold(servers: Nursery, tmp_path: Path) -> None:
    sale = await on_sale(servers, tmp_path, stock=10, hold_seconds=1)
    wires = await all_connected(sale, 64)
    deadline = time.monotonic() + LAST_TRY_SECONDS

    async def hold(number: int, wire: Wire) -> None:
        await sale.order(wire, f"idler{number}", 1)

    async def buy(number: int, wire: Wire) -> bool:
        tries = 0
        while time.monotonic() < deadline:
            tries += 1
            order = await sale.order(wire, f"buyer{number}-{tries}", 1)
            if order is not None:
                path = f"/v1/orders/{order['order_id']}/payments"
                ask = Ask("POST", path, {"payment_method": "test"}, f"pay{number}", order["access_token"])
                return (await wire.send(ask)).status == 201
            sold = rows(sale.site, "select count(*) from admissions")
            if sold == [(sale.stock,)]:
                return False
            await asyncio.sleep(0.05)
        return False

    await asyncio.gather(*(hold(number, wire) for number, wire in enumerate(wires[:32])))
    bought = await asyncio.gather(*(buy(number, wire) for number, wire in enumerate(wires[32:])))
    drop(wires)

    assert sum(bought) == sale.stock
    assert rows(sale.site, "select quantity_available from tickets") == [(0,)]
    assert_sound(sale.site)
