"""Many commits into one transaction: each stays all or nothing, in order of arrival, and none pays for another."""

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.stores import (
    BATCHING,
    CONTRACT_TABLES,
    MOMENT,
    PAIRS,
    PARTS,
    THINGS,
    VALUES,
    BlockingEngine,
    everything,
    pair,
    thing,
    value,
)
from ticketing.base.bounds import COMMITS_PER_BATCH_MAX
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Pool, Remove, Replace, Take, item_name
from ticketing.base.store import Busy, Conflict
from ticketing.storage.coalesce import CoalescedStore, Engine, StagingEngine
from ticketing.storage.sql.batch import state_of
from ticketing.storage.sql.sqlite import SqliteEngine

SEATS = Pool(THINGS, ("chair",), "seats")
STANDS = Pool(THINGS, ("chair",), "stands")
CHAIR = thing("chair")


class GatedEngine:
    """An engine whose writer waits at a gate, so that a test decides what arrives meanwhile."""

    def __init__(self, engine: Engine) -> None:
        self.within = engine
        self.get = engine.get
        self.get_many = engine.get_many
        self.query = engine.query
        self.scan = engine.scan
        self.close = engine.close
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.batches: list[int] = []

    def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """As any engine, once the gate is open."""
        self.entered.set()
        assert self.gate.wait(30)
        self.batches.append(len(commits))
        return self.within.apply(commits)


@pytest.fixture(params=BATCHING)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[GatedEngine]:
    """An empty engine, each that there is; its store closes it."""
    opened = GatedEngine(BATCHING[request.param](tmp_path, CONTRACT_TABLES))
    yield opened
    opened.gate.set()
    if isinstance(opened.within, BlockingEngine):
        opened.within.close()  # a file is forgotten by itself, a connection is not


@pytest.fixture
async def coalesced(engine: GatedEngine) -> AsyncIterator[CoalescedStore]:
    """The store over that engine."""
    store = CoalescedStore(engine)
    yield store
    engine.gate.set()
    await store.close()


async def at_the_gate(engine: GatedEngine, store: CoalescedStore) -> asyncio.Task[None]:
    """A first commit is under way and held, so that those that follow wait and become one batch."""
    engine.entered.clear()
    engine.gate.clear()
    first = asyncio.create_task(store.commit((Insert(VALUES, value("first")),)))
    assert await asyncio.to_thread(engine.entered.wait, 30)
    return first


async def arrive(store: CoalescedStore, *commits: Sequence[Change]) -> list[asyncio.Task[None]]:
    """The commits wait for the writer, in this order."""
    waiting = store.waiting
    tasks = [asyncio.create_task(store.commit(changes)) for changes in commits]
    await asyncio.sleep(0)
    assert store.waiting == waiting + len(commits)
    return tasks


async def outcomes_of(tasks: Sequence[asyncio.Task[None]]) -> list[BaseException | None]:
    """What each came to."""
    return await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def statements(gated: GatedEngine) -> Iterator[list[str]]:
    """The statements that the engine's writer runs meanwhile, where it is SQLite's."""
    engine = gated.within
    seen: list[str] = []
    if isinstance(engine, BlockingEngine):
        yield seen  # nothing is known of what PostgreSQL ran
        return
    if not isinstance(engine, SqliteEngine):
        pytest.skip("DynamoDB has no schema that could be broken")

    def note(_cursor: apsw.Cursor, statement: str, _parameters: Any) -> bool:
        seen.append(statement)
        return True

    engine.writer.exec_trace = note
    yield seen
    engine.writer.exec_trace = None


# A hot pool ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stock", [1, 10, 100])
async def test_of_512_takes_exactly_those_that_fit_in_order_of_arrival_go_through(
    engine: GatedEngine, coalesced: CoalescedStore, stock: int
) -> None:
    await coalesced.commit((Insert(THINGS, thing("chair", seats=stock)),))
    counts = [place * 7 % 4 + 1 for place in range(512)]
    expected, left = [], stock
    for count in counts:
        expected.append(count <= left)
        left -= count if count <= left else 0

    outcomes = await asyncio.gather(
        *(
            coalesced.commit((Insert(VALUES, value(f"{place:03}", number=count)), Take(SEATS, count)))
            for place, count in enumerate(counts)
        ),
        return_exceptions=True,
    )

    stored = await everything(coalesced)
    sold = sum(record["number"] for record in stored["kinds"].values())
    assert [outcome is None for outcome in outcomes] == expected
    assert sold + stored["things"]["chair",]["seats"] == stock
    assert stored["things"]["chair",]["seats"] == left == 0
    assert len(stored["kinds"]) == sum(expected)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(outcome, Conflict) and isinstance(outcome.change, Take) for outcome in refused)
    assert len(engine.batches) <= 2 + len(counts) // COMMITS_PER_BATCH_MAX, "many commits were made durable at once"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_takes_from_one_pool_are_one_update(engine: GatedEngine) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=100)), Insert(PAIRS, pair("ada", "opera")))])

    with statements(engine) as ran:
        outcomes = engine.apply([(Take(SEATS, 1), Take(Pool(PAIRS, (f"{n}", "x"), "balance"), 1, initial=pair(f"{n}", "x")))
                                 for n in range(64)])  # fmt: skip

    assert outcomes == [None] * 64
    assert sum(statement.startswith("update things set seats") for statement in ran) == 1
    assert sum(statement.startswith("insert into pairs") for statement in ran) == 64
    assert sum(statement.startswith("update pairs") for statement in ran) == 0, "they begin with what is left"
    assert len(ran) <= 64 + 5


async def test_a_conflict_shows_what_the_commits_before_it_in_the_batch_left(engine: GatedEngine) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=5, stands=5)),)])

    outcomes = engine.apply(
        [
            (Take(SEATS, 3),),
            (Give(STANDS, 1),),
            (Take(SEATS, 3),),
            (Replace(THINGS, thing("chair", label="new"), pools={"seats": 2}),),
            (Take(SEATS, 5),),
            (Check(THINGS, ("chair",), 1),),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), Conflict, type(None), Conflict, Conflict]
    found = [outcome.found for outcome in outcomes if isinstance(outcome, Conflict)]
    assert found == [
        thing("chair", seats=2, stands=6),
        thing("chair", seats=4, stands=6, label="new", version=2),
        thing("chair", seats=4, stands=6, label="new", version=2),
    ]


async def test_a_refused_commit_leaves_its_places_to_the_next(engine: GatedEngine) -> None:
    engine.apply([(Insert(THINGS, thing("chair", seats=2)), Insert(VALUES, value("taken")))])

    outcomes = engine.apply([(Take(SEATS, 2), Insert(VALUES, value("taken"))), (Take(SEATS, 2),), (Take(SEATS, 1),)])

    assert [outcome is None for outcome in outcomes] == [False, True, False]


# One key, many commits -----------------------------------------------------------------------------------------------


async def test_of_two_inserts_of_one_key_in_a_batch_the_first_wins(engine: GatedEngine) -> None:
    first, second = thing("chair", label="first"), thing("chair", label="second")

    outcomes = engine.apply([(Insert(THINGS, first),), (Insert(VALUES, value("with it")), Insert(THINGS, second))])

    assert outcomes[0] is None
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].found == first
    assert await engine.get(THINGS, ("chair",)) == first
    assert await engine.get(VALUES, ("with it",)) is None


async def test_an_insert_of_a_key_in_the_file_fails_alone(engine: GatedEngine) -> None:
    engine.apply([(Insert(THINGS, CHAIR),)])

    outcomes = engine.apply(
        [
            (Insert(VALUES, value("a")),),
            (Insert(VALUES, value("b")), Insert(THINGS, thing("chair", label="new"))),
            (Insert(VALUES, value("b")),),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, type(None)]
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].change.table is THINGS
    assert outcomes[1].found == CHAIR
    assert len((await everything(engine))["kinds"]) == 2


async def test_a_key_may_be_stored_removed_and_stored_again_in_one_batch(engine: GatedEngine) -> None:
    commits: list[Sequence[Change]] = [
        (Insert(THINGS, thing("chair", label="first")),),
        (Take(SEATS, 4),),
        (Remove(THINGS, ("chair",), 1, {"seats": 6}),),
        (Insert(THINGS, thing("chair", label="second")), Insert(VALUES, value("with it"))),
        (Remove(THINGS, ("chair",), 1),),
        (Take(SEATS, 1, initial=thing("chair", label="third")),),
        (Claim(THINGS, thing("chair", label="fourth", stands=1), MOMENT),),
        (Give(STANDS, 1),),
    ]

    assert engine.apply(commits) == [None] * len(commits)
    assert await engine.get(THINGS, ("chair",)) == thing("chair", label="fourth", stands=2)


async def test_of_two_replacements_of_one_version_in_a_batch_one_wins(engine: GatedEngine) -> None:
    engine.apply([(Insert(THINGS, CHAIR),)])
    first, second = thing("chair", label="first"), thing("chair", label="second")

    outcomes = engine.apply([(Replace(THINGS, first),), (Replace(THINGS, second),), (Check(THINGS, ("chair",), 2),)])

    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, type(None)]
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].found == first | {"version": 2}
    assert await engine.get(THINGS, ("chair",)) == first | {"version": 2}


async def test_of_many_claims_at_one_moment_one_wins(engine: GatedEngine) -> None:
    engine.apply([(Claim(PAIRS, pair("lease", "x", holder="old"), MOMENT),)])
    later = MOMENT.replace(minute=30)

    outcomes = engine.apply(
        [(Claim(PAIRS, pair("lease", "x", holder=f"{n}", expires_at=later), MOMENT),) for n in range(16)]
    )

    assert [outcome is None for outcome in outcomes] == [True] + [False] * 15
    assert await engine.get(PAIRS, ("lease", "x")) == pair("lease", "x", holder="0", expires_at=later)


async def test_a_claim_starts_with_its_own_pools_whatever_was_taken_before_it(engine: GatedEngine) -> None:
    engine.apply([(Insert(THINGS, CHAIR),)])
    claimed = thing("chair", owner="bob", seats=9, stands=9)

    outcomes = engine.apply([(Take(SEATS, 3),), (Claim(THINGS, claimed, MOMENT),), (Take(STANDS, 1),)])

    assert outcomes == [None] * 3
    assert await engine.get(THINGS, ("chair",)) == claimed | {"stands": 8}


# One that is wrong ---------------------------------------------------------------------------------------------------


def broken(name: str) -> Sequence[Change]:
    """A commit that the port lets through and SQL does not."""
    part = {"part_id": name, "thing_id": "chair", "amount": 1, "version": 1}
    match name:
        case "a foreign key":
            return (Take(SEATS, 1), Insert(PARTS, part | {"thing_id": "nothing"}))
        case "a check":
            return (Take(SEATS, 1), Insert(PARTS, part | {"amount": -1}))
        case "a check of a replacement":
            return (Take(SEATS, 1), Replace(PARTS, part | {"part_id": "leg", "amount": -1}))
        case "a check of the version":
            return (Insert(THINGS, thing("bench", version=0)),)
        case _:
            return (Remove(THINGS, ("stool",), 1),)


BROKEN = (
    "a foreign key",
    "a check",
    "a check of a replacement",
    "a check of the version",
    "a removal of what has parts",
)


@pytest.mark.parametrize("name", BROKEN)
async def test_a_commit_that_breaks_the_schema_fails_alone(
    engine: GatedEngine, coalesced: CoalescedStore, name: str
) -> None:
    leg = {"part_id": "leg", "thing_id": "stool", "amount": 3, "version": 1}
    await coalesced.commit(
        (Insert(THINGS, thing("chair", seats=300)), Insert(THINGS, thing("stool")), Insert(PARTS, leg))
    )
    good = [(Insert(VALUES, value(f"{place:03}")), Take(SEATS, 1)) for place in range(256)]
    first = await at_the_gate(engine, coalesced)
    tasks = await arrive(coalesced, *good[:100], broken(name), *good[100:])

    with statements(engine) as ran:
        engine.gate.set()
        outcomes = await outcomes_of(tasks)

    assert await outcomes_of([first]) == [None]
    assert [place for place, outcome in enumerate(outcomes) if outcome is not None] == [100]
    assert isinstance(outcomes[100], AssertionError)
    stored = await everything(coalesced)
    assert stored["things"]["chair",]["seats"] == 300 - 256
    assert len(stored["kinds"]) == 257
    assert stored["parts"] == {("leg",): leg}
    transactions = sum(statement == "begin immediate" for statement in ran)
    assert transactions <= 2 * math.ceil(math.log2(257)) + 2, "the wrong one is found by halves"


async def test_a_commit_that_cannot_be_written_at_all_fails_alone(
    engine: GatedEngine, coalesced: CoalescedStore
) -> None:
    first = await at_the_gate(engine, coalesced)
    spoiled = value("spoiled", content=["whole"])
    tasks = await arrive(
        coalesced, (Insert(VALUES, value("a")),), (Insert(VALUES, spoiled),), (Insert(VALUES, value("b")),)
    )
    spoiled["content"].append(object())  # after it was looked at

    engine.gate.set()
    outcomes = await outcomes_of([first, *tasks])

    assert [isinstance(outcome, TypeError) for outcome in outcomes] == [False, False, True, False]
    assert sorted((await everything(coalesced))["kinds"]) == [("a",), ("b",), ("first",)]


async def test_what_belongs_together_is_stored_and_removed_in_any_order(engine: GatedEngine) -> None:
    leg = {"part_id": "leg", "thing_id": "chair", "amount": 3, "version": 1}

    assert engine.apply([(Insert(PARTS, leg), Insert(THINGS, CHAIR))]) == [None]
    assert engine.apply([(Remove(THINGS, ("chair",), 1), Remove(PARTS, ("leg",), 1))]) == [None]
    assert not any((await everything(engine)).values())


@pytest.mark.parametrize(
    "change",
    [
        Take(SEATS, 1),
        Give(SEATS, 1),
        Replace(THINGS, CHAIR),
        Remove(THINGS, ("chair",), 1),
    ],
    ids=lambda change: type(change).__name__,
)
async def test_what_was_decided_on_a_wrong_reading_is_not_written(
    engine: GatedEngine, monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    if not isinstance(engine.within, SqliteEngine):
        pytest.skip("only SQLite reads first and writes what it decided")
    states = {item_name("things", ("chair",)): state_of(THINGS, CHAIR)}
    monkeypatch.setattr(engine.within, "_read_states", lambda _commits, *, read_inserts: states)

    outcomes = engine.apply([(Insert(VALUES, value("with it")), change)])

    assert [type(outcome) for outcome in outcomes] == [AssertionError]
    assert not any((await everything(engine)).values())


async def test_after_a_wrong_commit_the_writer_goes_on(engine: GatedEngine, coalesced: CoalescedStore) -> None:
    if not isinstance(engine.within, SqliteEngine | BlockingEngine):
        pytest.skip("only SQL has foreign keys")
    for _ in range(3):
        with pytest.raises(AssertionError):
            await coalesced.commit(broken("a foreign key")[1:])
        await coalesced.commit((Claim(PAIRS, pair("ada", "opera", expires_at=MOMENT), MOMENT),))


# The queue -----------------------------------------------------------------------------------------------------------


async def test_a_commit_past_the_bound_is_told_at_once_that_it_is_busy(engine: GatedEngine) -> None:
    store = CoalescedStore(engine, waiting_max=4)
    first = await at_the_gate(engine, store)
    tasks = await arrive(store, *((Insert(VALUES, value(f"{place}")),) for place in range(4)))

    for place in range(3):
        with pytest.raises(Busy):
            await store.commit((Insert(VALUES, value(f"late {place}")),))

    engine.gate.set()
    assert await outcomes_of([first, *tasks]) == [None] * 5
    await store.commit((Insert(VALUES, value("late")),))
    assert sorted(key for (key,) in (await everything(store))["kinds"]) == ["0", "1", "2", "3", "first", "late"]
    await store.close()


async def test_an_unlawful_commit_does_not_wait(engine: GatedEngine, coalesced: CoalescedStore) -> None:
    first = await at_the_gate(engine, coalesced)

    with pytest.raises(AssertionError):
        await coalesced.commit(())

    assert coalesced.waiting == 0
    engine.gate.set()
    await first


async def test_a_batch_has_a_bound(engine: GatedEngine) -> None:
    store = CoalescedStore(engine, batch_max=10)
    first = await at_the_gate(engine, store)
    tasks = await arrive(store, *((Insert(VALUES, value(f"{place}")),) for place in range(25)))

    engine.gate.set()

    assert await outcomes_of([first, *tasks]) == [None] * 26
    assert engine.batches == [1, 10, 10, 5]
    await store.close()


async def test_who_stops_waiting_disturbs_nobody(engine: GatedEngine, coalesced: CoalescedStore) -> None:
    await coalesced.commit((Insert(THINGS, thing("chair", seats=3)),))
    first = await at_the_gate(engine, coalesced)
    tasks = await arrive(coalesced, *((Take(SEATS, 1), Insert(VALUES, value(f"{place}"))) for place in range(3)))
    tasks[1].cancel()
    await asyncio.sleep(0)

    engine.gate.set()
    outcomes = await outcomes_of([first, *tasks])

    assert [type(outcome) for outcome in outcomes] == [type(None), type(None), asyncio.CancelledError, type(None)]
    stored = await everything(coalesced)
    sold = len(stored["kinds"]) - 1
    assert stored["things"]["chair",]["seats"] == 3 - sold, "what it asked for happened whole or not at all"
    await coalesced.commit((Insert(VALUES, value("after")),))


async def test_closing_writes_what_waits(engine: GatedEngine, tmp_path: Path) -> None:
    store = CoalescedStore(engine)
    first = await at_the_gate(engine, store)
    tasks = await arrive(store, *((Insert(VALUES, value(f"{place:03}")),) for place in range(600)))

    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    engine.gate.set()
    await closing

    assert await outcomes_of([first, *tasks]) == [None] * 601
    if not isinstance(engine.within, SqliteEngine):
        return  # the tables of a test are gone with its engine
    again = SqliteEngine(tmp_path / "store.db", CONTRACT_TABLES)
    assert len((await everything(again))["kinds"]) == 601
    again.close()


async def test_after_closing_nothing_is_taken(engine: GatedEngine) -> None:
    store = CoalescedStore(engine)
    await store.close()

    with pytest.raises(RuntimeError):
        await store.commit((Insert(VALUES, value("late")),))


async def test_what_was_committed_is_read_by_whoever_committed_it(coalesced: CoalescedStore) -> None:
    async def once(place: int) -> None:
        await coalesced.commit((Insert(VALUES, value(f"{place}", number=place)),))
        assert await coalesced.get(VALUES, (f"{place}",)) == value(f"{place}", number=place)

    await asyncio.gather(*(once(place) for place in range(200)))


# In three steps ------------------------------------------------------------------------------------------------------


class StagedEngine(GatedEngine):
    """An engine that tells which of the three steps ran, and by which way a batch went."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        assert isinstance(engine, StagingEngine)
        self.staging = engine
        self.steps: list[str] = []

    def apply(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """All at once."""
        self.steps.append("apply")
        return super().apply(commits)

    def begin(self) -> bool:
        """The first step."""
        self.steps.append("begin")
        return self.staging.begin()

    def stage(self, commits: Sequence[Sequence[Change]]) -> list[Exception | None]:
        """The second."""
        self.steps.append("stage")
        return self.staging.stage(commits)

    def finish(self) -> bool:
        """The third."""
        self.steps.append("finish")
        return self.staging.finish()

    def abandon(self) -> None:
        """Instead of the third."""
        self.steps.append("abandon")
        self.staging.abandon()


@pytest.fixture
async def staged(tmp_path: Path) -> AsyncIterator[tuple[StagedEngine, CoalescedStore]]:
    """An engine with three steps, and the store over it."""
    engine = StagedEngine(BATCHING["sqlite"](tmp_path, CONTRACT_TABLES))
    store = CoalescedStore(engine)
    yield engine, store
    await store.close()


async def test_a_batch_is_staged_between_two_waits(staged: tuple[StagedEngine, CoalescedStore]) -> None:
    engine, store = staged

    await store.commit((Insert(VALUES, value("a")),))

    assert engine.steps == ["begin", "stage", "finish"]
    assert await store.get(VALUES, ("a",)) is not None


async def test_a_batch_that_meets_a_taken_key_is_abandoned_and_done_again(
    staged: tuple[StagedEngine, CoalescedStore],
) -> None:
    engine, store = staged
    await store.commit((Insert(VALUES, value("a")),))
    engine.steps.clear()

    outcomes = await asyncio.gather(
        store.commit((Insert(VALUES, value("a")),)), store.commit((Insert(VALUES, value("b")),)), return_exceptions=True
    )

    assert [type(outcome) for outcome in outcomes] == [Conflict, type(None)]
    assert engine.steps == ["begin", "stage", "abandon", "apply"]
    assert await store.get(VALUES, ("b",)) is not None


async def test_nothing_of_a_batch_that_cannot_be_finished_happened(
    staged: tuple[StagedEngine, CoalescedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, store = staged

    def fail() -> None:
        raise apsw.FullError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(engine.within, "_end", fail)
        with pytest.raises(Busy):
            await store.commit((Insert(VALUES, value("a")),))

    assert await store.get(VALUES, ("a",)) is None
    await store.commit((Insert(VALUES, value("a")),))


async def test_a_store_that_another_process_keeps_from_beginning_is_busy(
    staged: tuple[StagedEngine, CoalescedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, store = staged
    monkeypatch.setattr(engine.staging, "begin", lambda: False)

    with pytest.raises(Busy):
        await store.commit((Insert(VALUES, value("a")),))

    assert engine.steps == ["begin"]
