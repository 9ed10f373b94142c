"""A batch written in one transaction comes to what its commits would come to one by one: the memory store is the model."""

import asyncio
import random
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.stores import BATCHING, CONTRACT_TABLES, MOMENT, PAIRS, THINGS, everything, pair, thing
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Pool, Remove, Replace, Take
from ticketing.base.store import Conflict
from ticketing.base.tables import Key, Record, Table
from ticketing.storage.coalesce import Engine
from ticketing.storage.memory import MemoryStore
from ticketing.storage.sql.sqlite import SqliteEngine

Done = TypeVar("Done")
ITEMS: tuple[tuple[Table, Key], ...] = (
    (THINGS, ("a",)),
    (THINGS, ("b",)),
    (PAIRS, ("a", "x")),
    (PAIRS, ("a", "y")),
)
"""So few that nearly every commit meets another one's item."""
KINDS = ("insert", "claim", "take", "take", "begin", "give", "replace", "remove", "check")

Plan = tuple[str, int, int, int]
"""A change to be: its kind, its item, and two small numbers that it makes of what it likes."""

plans = st.tuples(st.sampled_from(KINDS), st.integers(0, len(ITEMS) - 1), st.integers(0, 3), st.integers(0, 5))
commits = st.lists(plans, min_size=1, max_size=4, unique_by=lambda plan: plan[1])
batches = st.lists(st.lists(commits, min_size=1, max_size=12), min_size=1, max_size=4)


def now(coroutine: Coroutine[Any, Any, Done]) -> Done:
    """What a coroutine returns that never waits, as those of the memory store."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Done = stop.value
        return result
    raise AssertionError("it waits")


def change_of(plan: Plan, model: MemoryStore) -> Change:
    """The change that a plan comes to, mostly one that nearly holds on what the model has at this point."""
    kind, place, near, much = plan
    table, key = ITEMS[place]
    if table is PAIRS and kind in ("replace", "check"):
        kind = "take"
    found = now(model.get(table, key))
    versioned = table is THINGS
    version = (found or {"version": 1}).get("version", 1) + (1 if near == 3 else 0)
    columns = table.pool_columns
    column = columns[near % len(columns)]
    record = new_record(table, key, near=near, much=much)
    exactly = {column: (found or record)[column] + (1 if near == 2 else 0)} if much % 2 else None
    match kind:
        case "insert":
            return Insert(table, record)
        case "claim":
            return Claim(table, record, MOMENT.replace(second=much))
        case "take" | "begin":
            initial = record if kind == "begin" else None
            wanted = version if versioned and much == 5 else None
            return Take(Pool(table, key, column), much + 1, down_to=-near, version=wanted, initial=initial)
        case "give":
            return Give(Pool(table, key, column), much + 1, version=version if versioned and much == 5 else None)
        case "replace":
            differences = {column: much - 3} if near else None
            return Replace(table, record | {"version": version}, pools=differences, only_at=exactly)
        case "remove":
            return Remove(table, key, version if versioned else None, exactly)
        case _:
            return Check(table, key, version)


def new_record(table: Table, key: Key, *, near: int, much: int) -> Record:
    """A record of this key that tells who wrote it."""
    ends = MOMENT.replace(second=near + 1)
    if table is THINGS:
        return thing(key[0], label=f"{near} {much}", seats=much, stands=near, version=1 + near % 2, expires_at=ends)
    return pair(key[0], key[1], holder=f"{near} {much}", balance=much, expires_at=ends)


class Two:
    """The model and the engine, given the same commits."""

    def __init__(self, engine: Engine) -> None:
        self.model = MemoryStore(CONTRACT_TABLES)
        self.engine = engine

    def plan(self, batch: Sequence[Sequence[Plan]]) -> tuple[list[Sequence[Change]], list[Conflict | None]]:
        """The batch's commits and what the model made of each, one by one."""
        made: list[Sequence[Change]] = []
        expected: list[Conflict | None] = []
        for plans in batch:
            changes = tuple(change_of(plan, self.model) for plan in plans)
            made.append(changes)
            try:
                now(self.model.commit(changes))
            except Conflict as conflict:
                expected.append(conflict)
            else:
                expected.append(None)
        return made, expected

    def run(self, batch: Sequence[Sequence[Plan]]) -> None:
        """Both have come to the same: outcomes, what each conflict names, and what is stored."""
        made, expected = self.plan(batch)
        outcomes = self.engine.apply(made)
        told = [outcome_of(changes, outcome) for changes, outcome in zip(made, outcomes, strict=True)]
        assert told == [outcome_of(changes, outcome) for changes, outcome in zip(made, expected, strict=True)]
        assert stored(self.engine) == now(everything(self.model))


def outcome_of(changes: Sequence[Change], outcome: Exception | None) -> object:
    """What a commit came to, so that it can be compared: nothing, or the place of the change that failed and what it met."""
    if isinstance(outcome, Conflict):
        return next(place for place, change in enumerate(changes) if change is outcome.change), outcome.found
    return outcome


def stored(engine: Engine) -> dict[str, dict[Key, Record]]:
    """All that the engine holds."""
    return asyncio.run(everything(engine))


@pytest.fixture(scope="module", params=BATCHING)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One engine for all examples, which empty it."""
    opened = BATCHING[request.param](tmp_path_factory.mktemp("batches"), CONTRACT_TABLES)
    if isinstance(opened, SqliteEngine):  # what is stored is looked at, not whether it outlives the machine
        opened.writer.pragma("synchronous", "off")
    yield opened
    opened.close()


def empty(engine: Engine) -> Engine:
    """The engine with nothing in it."""
    for table in (PAIRS, THINGS):
        for key, record in stored(engine)[table.name].items():
            assert engine.apply([[Remove(table, key, record.get("version"))]]) == [None]
    return engine


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=batches)
def test_a_batch_comes_to_what_its_commits_come_to_one_by_one(engine: Engine, batches: list[list[list[Plan]]]) -> None:
    both = Two(empty(engine))

    for batch in batches:
        both.run(batch)


def test_long_batches_come_to_what_their_commits_come_to_one_by_one(engine: Engine) -> None:
    both = Two(empty(engine))
    chance = random.Random(2)

    for _ in range(60):
        both.run([some_commit(chance) for _ in range(chance.choice((1, 16, 128)))])


def some_commit(chance: random.Random) -> list[Plan]:
    """One to four plans on different items."""
    places = chance.sample(range(len(ITEMS)), chance.randint(1, len(ITEMS)))
    return [(chance.choice(KINDS), place, chance.randint(0, 3), chance.randint(0, 5)) for place in places]
