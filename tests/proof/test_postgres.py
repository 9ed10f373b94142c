"""Several servers over one PostgreSQL: the last places are sold once, every server knows every answer and every limit, and what crashes in
the middle of a sale, database or server, loses nothing that was acknowledged."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.proof.test_sold_out import Sale as Race
from tests.proof.test_sold_out import all_connected, drop, held_or_sold
from tests.support.books import assert_sound, rows
from tests.support.buyers import (
    Client,
    Intent,
    Sale,
    assert_acknowledged_are_there,
    assert_same_answers,
    sell_the_last,
)
from tests.support.nursery import Born, Nursery, nursery, put_on_sale
from tests.support.postgres import Server, drop_database, new_database, own_server
from tests.support.processes import Site, site
from tests.support.wire import Ask, Lost, Reply, Wire

SECRET = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"
ROUNDS = int(os.environ.get("PROOF_ROUNDS", "30"))
SEED = int(os.environ.get("PROOF_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
STOCK = 6_000
HOLD_SECONDS = 2
CLIENTS = 32
SERVERS = 2
REPEATED_EACH_ROUND = 30
BACK_SECONDS_MAX = 30.0
PAUSE_SECONDS = 0.05


@pytest.fixture
def servers() -> Iterator[Nursery]:
    with nursery() as opened:
        yield opened


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    url = new_database()
    yield site(tmp_path / "here", database_url=url, secret=SECRET, test_mode="on")
    drop_database(url)


async def race_of(servers: Nursery, here: Site, *, stock: int, processes: int) -> Race:
    """So many places on sale at so many servers."""
    born = [await servers.serve(here)]  # the first makes the tables
    born += await asyncio.gather(*(servers.serve(here) for _ in range(processes - 1)))
    return Race(here, tuple(born), stock, await put_on_sale(born[0], quantity=stock))


def assert_refusals_were_true(race: Race) -> None:
    """Nothing, where each refusal was true at some moment between its question and its answer.

    Nothing comes back in these races, so that what is left only falls: at least what was acknowledged before the question was gone
    by then, and at most what was asked for before the answer.
    """
    for refused in race.refused:
        gone_for_certain = sum(-taken.moved for taken in race.taken if taken.told_at < refused.asked_at)
        gone_perhaps = sum(-taken.moved for taken in race.taken if taken.asked_at < refused.told_at)
        assert refused.left < refused.wanted, f"as many were free: {refused}"
        assert race.stock - gone_perhaps <= refused.left <= race.stock - gone_for_certain, f"it was never so: {refused}"


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("clients", [64, 512])
async def test_of_many_clients_at_several_servers_exactly_the_stock_is_served(
    servers: Nursery, here: Site, clients: int, processes: int
) -> None:
    stock = clients // 4
    race = await race_of(servers, here, stock=stock, processes=processes)
    wires = await all_connected(race, clients)
    orders: list[str] = []

    async def buy_on(number: int, wire: Wire) -> None:
        for tries in range(stock + 1):
            order = await race.order(wire, f"client{number}-{tries}", 1)
            if order is None:
                return
            orders.append(order["order_id"])

    await asyncio.gather(*(buy_on(number, wire) for number, wire in enumerate(wires)))
    drop(wires)

    assert (len(race.taken), len(race.refused)) == (stock, clients)
    assert {refused.left for refused in race.refused} == {0}
    assert held_or_sold(race) == stock
    assert len(set(orders)) == stock
    assert_refusals_were_true(race)
    assert_sound(here)


@pytest.mark.slow
async def test_whoever_wants_several_of_the_last_hears_truly_how_many_are_left(servers: Nursery, here: Site) -> None:
    race = await race_of(servers, here, stock=100, processes=4)
    wires = await all_connected(race, 64)

    async def buy_on(number: int, wire: Wire) -> None:
        wanted = random.Random(number).randint(1, 4)
        for tries in range(race.stock + 4):
            if not wanted:
                return
            if await race.order(wire, f"client{number}-{tries}", wanted) is None:
                wanted = min(wanted - 1, race.refused[-1].left)

    await asyncio.gather(*(buy_on(number, wire) for number, wire in enumerate(wires)))
    drop(wires)

    assert held_or_sold(race) == race.stock
    assert_refusals_were_true(race)
    assert_sound(here)


@pytest.mark.slow
async def test_a_request_that_is_repeated_to_other_servers_is_done_once_and_answered_alike(
    servers: Nursery, here: Site
) -> None:
    race = await race_of(servers, here, stock=1_000, processes=4)

    async def ask_everywhere(number: int) -> list[Reply]:
        """The same request to all servers, at once; and once more to each."""
        ask = Ask("POST", "/v1/orders", race.offer.body(f"buyer{number}"), f"key{number}")

        async def send(born: Born) -> Reply:
            async with Wire(born.port) as wire:
                return await wire.send(ask)

        at_once = await asyncio.gather(*(send(born) for born in race.servers))
        return [*at_once, *[await send(born) for born in race.servers]]

    asked = await asyncio.gather(*(ask_everywhere(number) for number in range(16)))

    for replies in asked:
        assert {(reply.status, reply.content) for reply in replies} == {(201, replies[0].content)}
        assert sum(reply.headers.get("idempotent-replayed") != "true" for reply in replies) == 1
    assert held_or_sold(race) == 16
    assert_sound(here)


@pytest.mark.slow
async def test_who_guesses_a_password_has_ten_tries_over_all_servers(servers: Nursery, here: Site) -> None:
    born = [await servers.serve(here, rate_limits="on")]
    born += await asyncio.gather(*(servers.serve(here, rate_limits="on") for _ in range(3)))
    guess = Ask("POST", "/v1/sessions", {"email": "admin@ticket.localhost", "password": "not the right one"})
    statuses = []
    for number in range(16):
        async with Wire(born[number % len(born)].port) as wire:
            statuses.append((await wire.send(guess)).status)

    assert statuses == [401] * 10 + [429] * 6


# database and servers crash ------------------------------------------------------------------------------------------------


@pytest.fixture
def crashing() -> Iterator[Server]:
    """A PostgreSQL of its own."""
    with own_server() as server:
        yield server


class Determined(Client):
    """A client who goes on through outages: whatever was not answered, or told to come again, is asked again under its key, of
    whichever server runs by then in the place of its own."""

    async def go_on_until(self, over: asyncio.Event, born: Sequence[Born]) -> None:
        """Steps until it is over, and the last one is settled."""
        while not over.is_set():
            intent = self.next_intent()
            self.sale.intents.append(intent)
            intent.reply = await settled(intent.ask, born, self.number)
            if intent.is_done:
                await self.take_in_settled(intent, born)

    async def take_in_settled(self, intent: Intent, born: Sequence[Born]) -> None:
        """The client knows what it was told, and reads its codes where it paid."""
        assert intent.reply is not None
        body = intent.reply.json()
        if intent.kind == "order":
            self.held.append(body)
        elif intent.kind == "pay":
            self.paid.append(body)
            path = f"/v1/orders/{body['order_id']}/admissions"
            listed = await settled(Ask("GET", path, token=intent.ask.token), born, self.number)
            self.codes += [one["human_code"] for one in listed.json()["data"]]


unknown: Counter[str] = Counter()


async def settled(ask: Ask, born: Sequence[Born], number: int) -> Reply:
    """The answer, once there is one that decides."""
    deadline = asyncio.get_running_loop().time() + BACK_SECONDS_MAX
    while True:
        assert asyncio.get_running_loop().time() < deadline, f"{ask} was not decided in time"
        try:
            async with Wire(born[number % len(born)].port) as wire:
                reply = await wire.send(ask)
        except (Lost, OSError):
            unknown["lost"] += 1
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if reply.status != 503:
            assert reply.status < 500, reply.content
            return reply
        unknown[reply.code] += 1
        await asyncio.sleep(PAUSE_SECONDS)


@pytest.mark.slow
async def test_a_database_and_servers_that_crash_in_the_middle_of_a_sale_lose_nothing_that_was_acknowledged(
    servers: Nursery, crashing: Server, tmp_path: Path
) -> None:
    print(f"PROOF_SEED={SEED} PROOF_ROUNDS={ROUNDS}")
    chance = random.Random(SEED)
    unknown.clear()
    url = f"{crashing.url}/postgres"
    here = site(tmp_path / "here", database_url=url, secret=SECRET, test_mode="on", hold_seconds=str(HOLD_SECONDS))
    born = [await servers.serve(here)]
    born += [await servers.serve(here) for _ in range(SERVERS - 1)]
    sale = Sale(await put_on_sale(born[0], quantity=STOCK, limit=1_000))
    clients = [Determined(number, sale, random.Random(chance.random())) for number in range(CLIENTS)]
    for _ in range(ROUNDS):
        seen = len(sale.intents)
        over = asyncio.Event()
        going_on = [asyncio.create_task(client.go_on_until(over, born)) for client in clients]
        await asyncio.sleep(chance.uniform(0.05, 0.5))
        dying = chance.randrange(SERVERS * 2)  # one of the servers every other time
        if dying < SERVERS:
            born[dying].kill()
        await asyncio.to_thread(crashing.stop, "immediate")
        await asyncio.to_thread(crashing.start)
        if dying < SERVERS:
            born[dying] = await servers.serve(here)
        over.set()
        await asyncio.gather(*going_on)
        now = sale.intents[seen:]
        await repeated_elsewhere(now, born, chance)
        await asyncio.to_thread(assert_acknowledged_are_there, here, now)
    await sell_the_last(here, born[0], sale, clients)
    await asyncio.to_thread(assert_acknowledged_are_there, here, sale.intents)
    await asyncio.to_thread(assert_sound, here)
    for server in born:
        server.stop()
    done = Counter(intent.kind for intent in sale.intents if intent.is_done)
    print(f"{len(sale.intents)} requests; not decided at first: {dict(unknown)}; acknowledged: {dict(done)}")
    assert sum(unknown.values()) > ROUNDS
    assert all(done[kind] > 0 for kind in ("order", "pay", "check_in", "cancel"))
    assert rows(here, "select 1 from orders where payment_status = 'pending' and hold_shard is null") == []


async def repeated_elsewhere(intents: Sequence[Intent], born: Sequence[Born], chance: random.Random) -> None:
    """Some of what was acknowledged is asked again, of the other server, which gives the very same answers."""
    acknowledged = [intent for intent in intents if intent.is_done and intent.ask.key is not None]
    some = chance.sample(acknowledged, min(REPEATED_EACH_ROUND, len(acknowledged)))
    await assert_same_answers(some[::2], born[0].port)
    await assert_same_answers(some[1::2], born[1].port)
