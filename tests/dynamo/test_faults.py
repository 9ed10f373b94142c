"""Against loss and oversell on DynamoDB: races, conflicts, throttling, lost answers, late indexes, and an engine that is killed."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dynamo.disturbed import WRITE, Disturbed, Handled, conflict, hurried, impatient
from tests.support.dynamo import REGION, Server, Tabled, dynamo_engine
from tests.support.stores import (
    CONTRACT_TABLES,
    THINGS,
    VALUES,
    everything,
    thing,
    value,
)
from ticketing.base.changes import Change, Check, Give, Insert, Pool, Replace, Take
from ticketing.base.store import Busy, Conflict, Store, Unsettled
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.dynamo.driver import Answer, BotoDriver, Driver, Lost, Patient, Refused, Request
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.tables import create_tables

SEATS = Pool(THINGS, ("chair",), "seats")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DynamoEngine]:
    """An engine on new tables, which nothing disturbs."""
    opened = dynamo_engine(tmp_path, CONTRACT_TABLES)
    yield opened
    opened.close()


@pytest.fixture
def handled(engine: DynamoEngine) -> Handled:
    """A driver to the same tables whose calls the test handles."""
    assert isinstance(engine.driver, Tabled)
    return Handled(engine.driver.within)


def beside(engine: DynamoEngine, driver: Driver, patient: Callable[[Driver], Patient] = hurried) -> DynamoEngine:
    """Another engine on the same tables, as in another process."""
    return DynamoEngine(driver, CONTRACT_TABLES, prefix=engine.prefix, patient=patient)


def told(outcome: Exception | None) -> tuple[Change, Any]:
    """What a conflict tells."""
    assert isinstance(outcome, Conflict)
    return outcome.change, outcome.found


class Sold(set[str]):
    """What was acknowledged, which tells when there is so much of it."""

    def __init__(self) -> None:
        self._marks: dict[int, asyncio.Event] = {}

    def add(self, order: str) -> None:
        """Another one was acknowledged."""
        super().add(order)
        if len(self) in self._marks:
            self._marks[len(self)].set()

    async def reach(self, count: int) -> None:
        """So many were acknowledged."""
        if len(self) < count:
            await self._marks.setdefault(count, asyncio.Event()).wait()


async def sell(store: Store, name: str, acknowledged: set[str]) -> None:
    """One after another is sold until there is nothing left. Who hears Busy asks again for the same."""
    number = 0
    while True:
        order = Insert(VALUES, value(f"{name}-{number}", text=name))
        try:
            await store.commit((order, Take(SEATS, 1)))
        except Busy:
            continue
        except Conflict as refused:
            if refused.change is not order:
                return
            assert await store.get(VALUES, order.key) == order.record, "its own, whose answer was lost"
        acknowledged.add(f"{name}-{number}")
        number += 1


async def assert_sold_exactly(engine: DynamoEngine, stock: int, acknowledged: set[str]) -> None:
    """Sold is acknowledged is stored is what is missing, and everything is sold."""
    stored = await everything(engine)
    assert len(acknowledged) == stock
    assert {key for (key,) in stored["kinds"]} == acknowledged
    assert stored["things"]["chair",]["seats"] == 0


# Races ---------------------------------------------------------------------------------------------------------------


async def test_32_writers_sell_400_places_exactly(engine: DynamoEngine) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=400)),)])
    stores = [CoalescedStore(beside(engine, engine.driver)) for _ in range(32)]
    acknowledged: set[str] = set()

    await asyncio.gather(*(sell(store, f"{place}", acknowledged) for place, store in enumerate(stores)))

    await assert_sold_exactly(engine, 400, acknowledged)


async def test_conflicts_throttling_and_lost_answers_neither_lose_nor_oversell(
    engine: DynamoEngine, handled: Handled
) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=150)),)])
    disturbed = Disturbed(handled, seed=7, conflicts=0.3, throttled=0.1, lost=0.2)
    stores = [CoalescedStore(beside(engine, disturbed)) for _ in range(6)]
    acknowledged: set[str] = set()

    await asyncio.gather(
        *(sell(store, f"{place}-{one}", acknowledged) for place, store in enumerate(stores) for one in "ab")
    )

    await assert_sold_exactly(engine, 150, acknowledged)
    assert disturbed.disturbed > 50


async def test_takes_and_gifts_alone_happen_once_however_often_they_are_sent(
    engine: DynamoEngine, handled: Handled
) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=100)),)])
    disturbed = beside(engine, Disturbed(handled, seed=3, conflicts=0.2, lost=0.4))

    for _ in range(20):
        assert disturbed.apply([(Take(SEATS, 3),)]) == [None]
        assert disturbed.apply([(Give(SEATS, 1),)]) == [None]

    found = engine.get_now(THINGS, ("chair",))
    assert found is not None
    assert found["seats"] == 60


# What is refused ------------------------------------------------------------------------------------------------------


def test_who_was_refused_because_of_those_before_it_is_not_if_places_came_back_meanwhile(
    engine: DynamoEngine, handled: Handled
) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=5)),)])
    writes = 0

    def give_back(action: str, request: Request) -> Answer:
        nonlocal writes
        if action == WRITE:
            writes += 1
            if writes == 2:  # it was decided that three fit, and three do not
                engine.apply([(Give(SEATS, 3),)])
        return handled.within.call(action, request)

    handled.handle = give_back

    assert beside(engine, handled).apply([(Take(SEATS, 3),), (Take(SEATS, 3),)]) == [None, None]
    found = engine.get_now(THINGS, ("chair",))
    assert found is not None
    assert found["seats"] == 2


def test_who_was_refused_after_a_replacement_is_not_if_places_came_back_meanwhile(
    engine: DynamoEngine, handled: Handled
) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=1)),)])
    writes = 0

    def give_back(action: str, request: Request) -> Answer:
        nonlocal writes
        if action == WRITE:
            writes += 1
            if writes == 2:
                engine.apply([(Give(SEATS, 1),)])
        return handled.within.call(action, request)

    handled.handle = give_back
    edited = Replace(THINGS, thing("chair", label="new"))
    commits: list[tuple[Change]] = [(Take(SEATS, 2),), (edited,), (Take(SEATS, 2),)]

    outcomes = beside(engine, handled).apply(commits)

    assert outcomes[:2] == [None, None]
    assert told(outcomes[2]) == (commits[2][0], thing("chair", seats=0, label="new", version=2))


def test_of_a_refused_commit_the_first_change_that_fails_is_named_though_it_was_never_sent(
    engine: DynamoEngine,
) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=0)), Insert(VALUES, value("150", text="the first answer")))])
    commits = [(Insert(VALUES, value(f"{place:03}")), Take(SEATS, 1)) for place in range(200)]

    outcomes = engine.apply(commits)

    assert told(outcomes[150]) == (commits[150][0], value("150", text="the first answer"))
    assert all(told(outcome)[0] is commits[place][1] for place, outcome in enumerate(outcomes) if place != 150)


def test_what_is_refused_costs_no_transaction_of_its_own(engine: DynamoEngine, handled: Handled) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=3)),)])
    asked: list[str] = []

    def count(action: str, request: Request) -> Answer:
        asked.append(action)
        return handled.within.call(action, request)

    handled.handle = count

    outcomes = beside(engine, handled).apply([(Insert(VALUES, value(f"{n}")), Take(SEATS, 1)) for n in range(500)])

    assert [outcome is None for outcome in outcomes] == [True] * 3 + [False] * 497
    assert asked.count(WRITE) == 2, "one that was refused, and one with those that fit"


def test_many_orders_of_one_type_are_one_transaction(engine: DynamoEngine, handled: Handled) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=500)),)])
    sizes: list[int] = []

    def count(action: str, request: Request) -> Answer:
        if action == WRITE:
            sizes.append(len(request["TransactItems"]))
        return handled.within.call(action, request)

    handled.handle = count
    commits = [
        (Insert(VALUES, value(f"{n}")), Insert(THINGS, thing(f"{n}")), Take(SEATS, 1), Check(THINGS, ("bench",), 1))
        for n in range(98)
    ]
    engine.apply([(Insert(THINGS, thing("bench")),)])

    assert beside(engine, handled).apply(commits) == [None] * 98
    assert sizes == [100, 100], "49 orders each, and one take and one check for all of them"


# What passes, and what does not ----------------------------------------------------------------------------------------


def test_when_dynamodb_is_too_busy_nothing_is_decided(engine: DynamoEngine, handled: Handled) -> None:
    engine.apply([(Insert(THINGS, thing("chair")),)])

    def refuse(action: str, request: Request) -> Answer:
        raise conflict(request) if action == WRITE else Refused("ThrottlingException", "too fast")

    handled.handle = refuse
    outcomes = beside(engine, handled, impatient).apply([(Take(SEATS, 1),), (Take(SEATS, 2),)])

    assert [type(outcome) for outcome in outcomes] == [Busy, Busy]
    found = engine.get_now(THINGS, ("chair",))
    assert found is not None
    assert found["seats"] == 10
    with pytest.raises(Busy):
        beside(engine, handled, impatient).get_now(THINGS, ("chair",))


def test_what_dynamodb_does_not_allow_is_neither_busy_nor_a_conflict(engine: DynamoEngine, handled: Handled) -> None:
    def deny(action: str, request: Request) -> Answer:
        raise Refused("AccessDeniedException", "no")

    handled.handle = deny
    (outcome,) = beside(engine, handled).apply([(Take(SEATS, 1),)])

    assert isinstance(outcome, Refused)


@pytest.mark.parametrize("was_done", [True, False])
def test_when_no_answer_ever_comes_what_was_inserted_tells(
    engine: DynamoEngine, handled: Handled, *, was_done: bool
) -> None:
    engine.apply([(Insert(THINGS, thing("chair")),)])

    def lose(action: str, request: Request) -> Answer:
        if action != WRITE:
            return handled.within.call(action, request)
        if was_done:
            handled.within.call(action, request)
        raise Lost("no answer")

    handled.handle = lose
    (outcome,) = beside(engine, handled, impatient).apply([(Insert(VALUES, value("order")), Take(SEATS, 1))])

    assert (outcome is None) is was_done
    assert was_done or isinstance(outcome, Busy)
    found = engine.get_now(THINGS, ("chair",))
    assert found is not None
    assert found["seats"] == (9 if was_done else 10)


def test_when_nothing_can_tell_nobody_is_told_that_it_did_not_happen(engine: DynamoEngine, handled: Handled) -> None:
    engine.apply([(Insert(THINGS, thing("chair")),)])

    def lose(action: str, request: Request) -> Answer:
        raise Lost("no answer")

    handled.handle = lose
    outcomes = [
        beside(engine, handled, impatient).apply([changes])[0]
        for changes in ((Take(SEATS, 1),), (Insert(VALUES, value("order")), Take(SEATS, 1)))
    ]

    assert [type(outcome) for outcome in outcomes] == [Unsettled, Unsettled]


def test_a_write_has_one_token_in_all_attempts_and_another_one_when_it_asks_for_something_else(
    engine: DynamoEngine, handled: Handled
) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=1)),)])
    tokens: list[str] = []

    def count(action: str, request: Request) -> Answer:
        if action == WRITE:
            tokens.append(request["ClientRequestToken"])
            if len(tokens) < 3:
                raise conflict(request)
        return handled.within.call(action, request)

    handled.handle = count
    beside(engine, handled).apply([(Take(SEATS, 1),), (Take(SEATS, 1),)])

    assert len(tokens) == 4
    assert len(set(tokens[:3])) == 1
    assert tokens[3] != tokens[2]


# Reads ---------------------------------------------------------------------------------------------------------------


async def test_an_index_that_is_late_shows_nothing_where_it_is_not_any_more(
    engine: DynamoEngine, handled: Handled
) -> None:
    shelf = THINGS.index("things_on_shelf")
    for name in "abcd":
        engine.apply([(Insert(THINGS, thing(name, shelf="s", rank=ord(name))),)])
    old: dict[str, Answer] = {}

    def late(action: str, request: Request) -> Answer:
        if action != "Query":
            return handled.within.call(action, request)
        return old.setdefault(str(request), handled.within.call(action, request))

    handled.handle = late
    reader = beside(engine, handled)
    assert len((await reader.query(shelf, "s")).records) == 4
    engine.apply([(Replace(THINGS, thing("a", shelf=None)),), (Replace(THINGS, thing("b", shelf="s", rank=0)),)])
    engine.apply([(Take(Pool(THINGS, ("c",), "seats"), 4),)])

    page = await reader.query(shelf, "s")

    assert page.records == [
        thing("c", shelf="s", rank=ord("c"), seats=6),
        thing("d", shelf="s", rank=ord("d")),
    ]


def test_what_leaves_an_index_that_is_spread_leaves_nothing_there(engine: DynamoEngine) -> None:
    engine.apply([(Insert(THINGS, thing("a", shelf="s")),)])
    engine.apply([(Replace(THINGS, thing("a", shelf=None)),)])

    name = f"{engine.prefix}Things"
    entries = engine.driver.call("Scan", {"TableName": name, "IndexName": "things_on_shelf_spread"})["Items"]

    assert entries == []


async def test_a_list_whose_entries_are_gone_goes_on_until_the_page_is_full(engine: DynamoEngine) -> None:
    left = THINGS.index("things_by_owner")
    engine.apply([[Insert(THINGS, thing(f"{n:02}")) for n in range(50)]])

    page = await engine.query(left, "ada", limit=7)

    assert [record["thing_id"] for record in page.records] == [f"{n:02}" for n in range(7)]
    assert page.next_cursor is not None


async def test_keys_that_were_left_over_are_asked_for_again(engine: DynamoEngine, handled: Handled) -> None:
    engine.apply([[Insert(VALUES, value(f"{n:02}")) for n in range(90)]])

    def some(action: str, request: Request) -> Answer:
        if action != "BatchGetItem":
            return handled.within.call(action, request)
        ((name, asked),) = request["RequestItems"].items()
        now, later = asked["Keys"][:40], asked["Keys"][40:]
        answer = handled.within.call(action, {"RequestItems": {name: asked | {"Keys": now}}})
        return answer | {"UnprocessedKeys": {name: asked | {"Keys": later}} if later else {}}

    handled.handle = some
    keys = [(f"{n:02}",) for n in range(90)]

    assert await beside(engine, handled).get_many(VALUES, keys) == [value(key) for (key,) in keys]


@pytest.mark.parametrize("key", ["", "x" * 2049, "\ud800"], ids=["empty", "long", "half a pair"])
async def test_a_key_that_no_item_can_have_is_not_there(engine: DynamoEngine, key: str) -> None:
    assert await engine.get(VALUES, (key,)) is None
    assert await engine.get_many(VALUES, [(key,)]) == [None]
    assert (await engine.query(THINGS.index("things_by_owner"), key)).records == []


# The engine is killed ---------------------------------------------------------------------------------------------------


async def test_what_was_acknowledged_outlives_an_engine_that_is_killed_in_a_sale(
    tmp_path: Path, engine: DynamoEngine
) -> None:
    server = Server(tmp_path / "dynamo.db")
    try:
        driver = BotoDriver(region=REGION, endpoint=server.url)
        create_tables(driver, "", CONTRACT_TABLES)
        own = DynamoEngine(driver, CONTRACT_TABLES)
        own.apply([(Insert(THINGS, thing("chair", seats=300)),)])
        store = CoalescedStore(DynamoEngine(driver, CONTRACT_TABLES))
        acknowledged = Sold()
        selling = [asyncio.create_task(sell(store, f"{n}", acknowledged)) for n in range(8)]
        for part in (60, 140, 220):
            await acknowledged.reach(part)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await asyncio.gather(*selling)

        await assert_sold_exactly(own, 300, acknowledged)
    finally:
        server.kill()
