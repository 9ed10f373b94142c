"""What PostgreSQL loses: whether a commit whose answer was lost was done is settled by the row of its batch, and it is done once."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.support.cutting import Loss, Way, way_to
from tests.support.postgres import Server, administer, borrow_database, give_back, own_server, rows, with_database
from tests.support.stores import CONTRACT_TABLES, PARTS, THINGS, pair, postgres_statements, thing
from tests.support.stores import PAIRS as SOLD
from ticketing.base.changes import Insert, Pool, Replace, Take
from ticketing.base.store import Busy, Conflict, Unsettled
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.sql.postgres import engine as engines
from ticketing.storage.sql.postgres.engine import PostgresEngine

STATEMENTS = postgres_statements(CONTRACT_TABLES)
SEATS = Pool(THINGS, ("hall",), "seats")
STOCK = 10_000
SEED = 20270301


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database with the contract's tables."""
    url = borrow_database(STATEMENTS)
    yield url
    give_back(url, STATEMENTS)


@pytest.fixture
async def way(url: str) -> AsyncIterator[tuple[Way, CoalescedStore]]:
    """A store whose connections all lead over a way that loses what it is told to, with a hall in it."""
    async with way_to(url) as (way, over_it):
        store = CoalescedStore(PostgresEngine(over_it, CONTRACT_TABLES))
        await store.commit((Insert(THINGS, thing("hall", seats=STOCK)),))
        await sell(store)  # from now on, a statement that sells is one message
        yield way, store
        await store.close()


async def sell(store: CoalescedStore) -> None:
    """One seat is taken, and no row tells of it but the hall's."""
    await store.commit((Take(SEATS, 1),))


def left(url: str) -> int:
    return int(rows(url, "select seats from things where thing_id = 'hall'")[0][0])


def batch_mark(store: CoalescedStore) -> str:
    """What stands in every message that writes."""
    assert isinstance(store.engine, PostgresEngine)
    return store.engine.batch_prefix


@pytest.mark.parametrize("loss", [Loss.REQUEST, Loss.ANSWER])
async def test_a_sale_whose_connection_is_cut_is_made_once(
    way: tuple[Way, CoalescedStore], url: str, loss: Loss
) -> None:
    road, store = way
    road.lose(loss, batch_mark(store))

    await sell(store)

    assert (road.lost.is_set(), left(url)) == (True, STOCK - 2)


async def test_a_sale_that_arrives_after_it_was_settled_is_not_made_again(
    way: tuple[Way, CoalescedStore], url: str
) -> None:
    road, store = way
    road.lose(Loss.LATE, batch_mark(store))
    await sell(store)

    road.deliver.set()
    await road.delivered.wait()

    assert left(url) == STOCK - 2


async def test_a_sale_in_a_transaction_whose_commit_is_answered_by_nobody_is_made_once(
    way: tuple[Way, CoalescedStore], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SEEN_ROUNDS", 0)  # straight to the last resort: rows are locked, then written
    road, store = way
    road.lose(Loss.ANSWER, "COMMIT")

    outcomes = await asyncio.gather(sell(store), store.commit((Take(SEATS, STOCK),)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict]
    assert (road.lost.is_set(), left(url)) == (True, STOCK - 2)


async def test_a_transaction_whose_client_is_gone_without_a_word_is_ended_and_its_sale_is_made_once(
    way: tuple[Way, CoalescedStore], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SEEN_ROUNDS", 0)
    road, store = way
    road.lose(Loss.LATE, "COMMIT")  # to the server, the connection looks well all the while

    outcomes = await asyncio.gather(sell(store), store.commit((Take(SEATS, STOCK),)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict]
    assert (road.lost.is_set(), left(url)) == (True, STOCK - 2)


async def test_a_commit_that_breaks_the_schema_does_not_repeat_those_that_were_made_before_it(
    way: tuple[Way, CoalescedStore], url: str
) -> None:
    _, store = way
    hall = await store.get(THINGS, ("hall",))
    assert hall is not None
    misfit = {"part_id": "seat", "thing_id": "no hall", "amount": 1, "version": 1}

    sold, broken = await asyncio.gather(
        sell(store), store.commit((Replace(THINGS, hall), Insert(PARTS, misfit))), return_exceptions=True
    )

    assert (sold, type(broken), left(url)) == (None, AssertionError, STOCK - 2)


async def test_what_was_made_is_said_to_be_made_when_the_database_goes_before_the_rest_of_a_batch(
    way: tuple[Way, CoalescedStore], url: str
) -> None:
    road, store = way
    hall = await store.get(THINGS, ("hall",))
    assert hall is not None
    road.lose(Loss.FOR_GOOD, "row_to_json")  # which the states of what cannot be folded with the sale are read by

    sold, renamed = await asyncio.gather(
        sell(store), store.commit((Replace(THINGS, hall | {"label": "a barn"}),)), return_exceptions=True
    )

    assert (road.lost.is_set(), sold, type(renamed)) == (True, None, Busy)
    assert rows(url, "select seats, label from things") == [(STOCK - 2, "a label")]


async def test_a_look_whose_connection_is_cut_is_taken_again(way: tuple[Way, CoalescedStore], url: str) -> None:
    road, store = way
    hall = await store.get(THINGS, ("hall",))
    assert hall is not None
    road.lose(Loss.REQUEST, "row_to_json")

    await asyncio.gather(sell(store), store.commit((Replace(THINGS, hall | {"label": "a barn"}),)))

    assert road.lost.is_set()
    assert rows(url, "select seats, label from things") == [(STOCK - 2, "a barn")]


async def test_a_sale_that_waits_for_a_row_while_its_backend_is_ended_is_made_once(url: str) -> None:
    store = CoalescedStore(PostgresEngine(url, CONTRACT_TABLES))
    await store.commit((Insert(THINGS, thing("hall", seats=STOCK)),))
    other = await asyncpg.connect(url)
    holding = other.transaction()
    await holding.start()
    await other.execute("select * from things for update")
    selling = asyncio.create_task(sell(store))
    ended = 0
    while not ended:
        ended = await other.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and wait_event_type = 'Lock'"
        )
    await holding.rollback()

    await selling

    await other.close()
    await store.close()
    assert left(url) == STOCK - 1


async def test_many_sales_while_backends_are_ended_at_random_are_each_made_once(url: str) -> None:
    chance = random.Random(SEED)
    store = CoalescedStore(PostgresEngine(url, CONTRACT_TABLES))
    await store.commit((Insert(THINGS, thing("hall", seats=STOCK)),))
    other = await asyncpg.connect(url)
    sales = Sales(store)
    selling = [asyncio.create_task(sales.go_on(f"buyer{number}", 40)) for number in range(8)]
    ended = 0
    while not all(task.done() for task in selling):
        await asyncio.sleep(chance.uniform(0.0, 0.02))
        ended += await other.fetchval(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
    await asyncio.gather(*selling)
    await other.close()
    await store.close()

    assert ended > 0
    sales.assert_kept(url)


async def test_a_server_that_crashes_in_the_middle_of_sales_keeps_what_was_acknowledged_and_nothing_twice() -> None:
    with own_server() as server:
        url = with_database(server.url, "crashed")
        await administer(server.url, "create database crashed")
        await administer(server.url, *STATEMENTS, database="crashed")
        store = CoalescedStore(PostgresEngine(url, CONTRACT_TABLES))
        await store.commit((Insert(THINGS, thing("hall", seats=STOCK)),))
        sales = Sales(store)
        selling = [asyncio.create_task(sales.go_on(f"buyer{number}", 10_000)) for number in range(8)]
        for _ in range(3):
            sold = len(sales.acknowledged)
            while len(sales.acknowledged) < sold + 50:  # noqa: ASYNC110 - others tell nobody when they sell
                await asyncio.sleep(0.01)
            await asyncio.to_thread(crash_and_start, server)
        sales.over = True
        await asyncio.gather(*selling)
        await store.close()

        sales.assert_kept(url)


def crash_and_start(server: Server) -> None:
    server.stop("immediate")
    server.start()


class Sales:
    """Sales in which each place has a row of its own, and what was said of each."""

    def __init__(self, store: CoalescedStore) -> None:
        self._store = store
        self.over = False
        self.acknowledged: set[str] = set()
        self.refused: set[str] = set()
        self.unsettled: set[str] = set()

    async def go_on(self, buyer: str, count: int) -> None:
        """This buyer buys so often, one after another."""
        for number in range(count):
            if self.over:
                return
            name = f"{buyer}-{number}"
            try:
                await self._store.commit((Take(SEATS, 1), Insert(SOLD, pair("hall", name))))
            except Unsettled:
                self.unsettled.add(name)
            except Busy:
                self.refused.add(name)
                await asyncio.sleep(0.02)
            else:
                self.acknowledged.add(name)

    def assert_kept(self, url: str) -> None:
        """What was acknowledged is there and what was refused is not; each place was taken once."""
        made = {str(name) for (name,) in rows(url, "select right_id from pairs")}
        assert self.acknowledged <= made
        assert not self.refused & made
        assert made <= self.acknowledged | self.unsettled
        assert left(url) == STOCK - len(made)
