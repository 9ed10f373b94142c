"""Indexes on every store: their order, their ranges, their pages, and cursors that clients bend."""

from base64 import urlsafe_b64encode
from collections.abc import Coroutine, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import apsw
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.stores import CONTRACT_TABLES, MOMENT, PAIRS, THINGS, new_sqlite_file, pair, thing
from ticketing.base.changes import Give, Insert, Pool, Remove, Replace
from ticketing.base.store import ALL, BadCursor, Page, Range, Store
from ticketing.base.tables import Index, Record, Table
from ticketing.schema.tables import TABLES
from ticketing.storage.cursors import position_of, sort_columns, write_cursor
from ticketing.storage.memory import MemoryStore
from ticketing.storage.sql.sqlite import SqliteEngine, connect
from ticketing.storage.sql.statements import move_pools, read_states, remove_rows, replace_rows

Done = TypeVar("Done")
OWNER, LABEL, SHELF, SIGHT = (
    THINGS.index(f"things_{name}") for name in ("by_owner", "by_label", "on_shelf", "by_sight")
)
LEFT = PAIRS.index("pairs_of_left")
MINUTE = timedelta(minutes=1)


async def put(store: Store, *records: Record, table: Table = THINGS) -> None:
    """The records are stored, each in its own commit."""
    for record in records:
        await store.commit((Insert(table, record),))


async def pages(store: Store, index: Index, value: str, *, limit: int, **how: Any) -> list[list[Record]]:
    """Every page of a list, each asked for with the cursor of the one before."""
    found: list[list[Record]] = []
    cursor: str | None = None
    while True:
        page = await store.query(index, value, limit=limit, cursor=cursor, **how)
        found.append(page.records)
        cursor = page.next_cursor
        if cursor is None:
            return found
        assert len(found) < 1_000


def names(records: Sequence[Record]) -> list[str]:
    """The ids of things, in the order given."""
    return [record["thing_id"] for record in records]


async def listed(store: Store, index: Index, value: str, **how: Any) -> list[str]:
    """The ids of the things on one large page."""
    return names((await store.query(index, value, limit=1_000, **how)).records)


# Order ---------------------------------------------------------------------------------------------------------------

IN_UTF8_ORDER = ["", " ", "!", "0", "00", "10", "9", "A", "Z", "a", "a ", "aa", "z", "~", "À", "é", "ß", "א"]
IN_UTF8_ORDER = sorted([*IN_UTF8_ORDER, "\ud7ff", "\ue000", "\ufffd", "😀", "\U0010ffff"], key=str.encode)


async def test_texts_stand_in_the_order_of_their_utf8_bytes(store: Store) -> None:
    given = [(f"thing {place:02}", label) for place, label in enumerate(IN_UTF8_ORDER)]
    await put(store, *(thing(name, label=label) for name, label in given[::2] + given[1::2]))

    assert await listed(store, LABEL, "ada") == [name for name, _ in given]
    assert IN_UTF8_ORDER.index("\ufffd") < IN_UTF8_ORDER.index("😀")


async def test_numbers_stand_in_their_order(store: Store) -> None:
    ranks = (10, 9, -1, 0, -10, 2**53, -(2**53), 100)
    await put(store, *(thing(f"ranked {rank}", shelf="a", rank=rank) for rank in ranks))

    assert await listed(store, SHELF, "a") == [f"ranked {rank}" for rank in sorted(ranks)]


async def test_times_stand_in_their_order(store: Store) -> None:
    moments = (
        MOMENT,
        MOMENT.replace(microsecond=0),
        MOMENT.replace(year=999),
        MOMENT - MINUTE,
        MOMENT.replace(year=9999),
    )
    await put(store, *(thing(f"seen {moment}", seen_at=moment) for moment in moments))

    assert await listed(store, SIGHT, "ada") == [f"seen {moment}" for moment in sorted(moments)]


async def test_equal_places_stand_in_the_order_of_their_keys(store: Store) -> None:
    await put(store, *(thing(name, shelf="a", rank=7) for name in ("m", "a", "z", "Z", "😀", "\ufffd")))

    assert await listed(store, SHELF, "a") == ["Z", "a", "m", "z", "\ufffd", "😀"]
    assert await listed(store, SHELF, "a", descending=True) == ["😀", "\ufffd", "z", "m", "a", "Z"]


async def test_the_second_column_decides_where_the_first_is_equal(store: Store) -> None:
    await put(
        store,
        thing("c", seen_at=MOMENT, rank=2),
        thing("a", seen_at=MOMENT, rank=3),
        thing("d", seen_at=MOMENT, rank=1),
        thing("b", seen_at=MOMENT - MINUTE, rank=9),
        thing("e", seen_at=MOMENT, rank=2),
    )

    assert await listed(store, SIGHT, "ada") == ["b", "d", "c", "e", "a"]
    assert await listed(store, SIGHT, "ada", descending=True) == ["a", "e", "c", "d", "b"]


async def test_an_index_has_its_own_partition_only(store: Store) -> None:
    await put(store, thing("a"), thing("b", owner="Ada"), thing("c", owner="ada "), thing("d", owner="bob"))

    assert await listed(store, OWNER, "ada") == ["a"]
    assert await listed(store, OWNER, "Ada") == ["b"]
    assert await listed(store, OWNER, "") == []
    assert await listed(store, OWNER, "ad%") == []


async def test_the_first_part_of_a_key_finds_what_belongs_to_it(store: Store) -> None:
    await put(store, pair("a", "z"), pair("a", "x"), pair("b", "y"), pair("a", "y"), table=PAIRS)

    page = await store.query(LEFT, "a")
    back = await store.query(LEFT, "a", descending=True)
    within = await store.query(LEFT, "a", within=Range(start="x", end="z"))

    assert [record["right_id"] for record in page.records] == ["x", "y", "z"]
    assert [record["right_id"] for record in back.records] == ["z", "y", "x"]
    assert [record["right_id"] for record in within.records] == ["x", "y"]


async def test_records_of_an_index_are_whole_and_current(store: Store) -> None:
    chair = thing("chair", shelf="a", label="old")
    await put(store, chair)
    await store.commit((Replace(THINGS, chair | {"label": "new"}),))
    await store.commit((Give(Pool(THINGS, ("chair",), "seats"), 5),))

    page = await store.query(SHELF, "a")

    assert page == Page([chair | {"label": "new", "seats": 15, "version": 2}], None)


# Sparse --------------------------------------------------------------------------------------------------------------


async def test_a_record_is_in_a_sparse_index_while_it_has_its_partition(store: Store) -> None:
    chair = thing("chair")
    await put(store, chair)
    seen = [await listed(store, SHELF, "a")]

    for version, shelf in enumerate(("a", "b", None, "a"), start=1):
        await store.commit((Replace(THINGS, chair | {"shelf": shelf, "version": version}),))
        seen.append(await listed(store, SHELF, "a"))
    await store.commit((Remove(THINGS, ("chair",), 5),))
    seen.append(await listed(store, SHELF, "a"))

    assert seen == [[], ["chair"], [], [], ["chair"], []]


async def test_a_record_that_moves_is_at_its_new_place_only(store: Store) -> None:
    await put(store, thing("a", shelf="s", rank=1), thing("b", shelf="s", rank=2), thing("c", shelf="s", rank=3))

    await store.commit((Replace(THINGS, thing("a", shelf="s", rank=9)),))

    assert await listed(store, SHELF, "s") == ["b", "c", "a"]


# Ranges --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (ALL, "abcdef"),
        (Range(start=2), "bcdef"),
        (Range(end=4), "abc"),
        (Range(start=2, end=4), "bc"),
        (Range(start=2, end=2), ""),
        (Range(start=4, end=2), ""),
        (Range(start=0, end=100), "abcdef"),
        (Range(start=7), ""),
        (Range(end=1), ""),
    ],
)
async def test_a_range_has_its_start_and_not_its_end(store: Store, within: Range, expected: str) -> None:
    await put(store, *(thing(name, shelf="s", rank=rank) for rank, name in enumerate("abcdef", start=1)))

    assert await listed(store, SHELF, "s", within=within) == list(expected)
    assert await listed(store, SHELF, "s", within=within, descending=True) == list(reversed(expected))


async def test_a_range_of_times_is_exact_to_the_microsecond(store: Store) -> None:
    instant = timedelta(microseconds=1)
    moments = [MOMENT - instant, MOMENT, MOMENT + instant]
    await put(store, *(thing(f"{place}", seen_at=moment) for place, moment in enumerate(moments)))

    assert await listed(store, SIGHT, "ada", within=Range(start=MOMENT)) == ["1", "2"]
    assert await listed(store, SIGHT, "ada", within=Range(end=MOMENT)) == ["0"]
    assert await listed(store, SIGHT, "ada", within=Range(start=MOMENT, end=MOMENT + instant)) == ["1"]


async def test_a_range_of_texts_goes_by_bytes(store: Store) -> None:
    await put(store, *(thing(label, label=label) for label in ("a", "b", "\ufffd", "😀")))

    assert await listed(store, LABEL, "ada", within=Range(start="b", end="😀")) == ["b", "\ufffd"]


async def test_a_range_goes_over_pages(store: Store) -> None:
    await put(store, *(thing(name, shelf="s", rank=rank) for rank, name in enumerate("abcdefgh")))

    found = await pages(store, SHELF, "s", limit=2, within=Range(start=2, end=7))
    back = await pages(store, SHELF, "s", limit=2, within=Range(start=2, end=7), descending=True)

    assert [names(page) for page in found] == [["c", "d"], ["e", "f"], ["g"]]
    assert [names(page) for page in back] == [["g", "f"], ["e", "d"], ["c"]]


# Pages ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [OWNER, LABEL, SHELF, SIGHT], ids=lambda index: str(index.name))
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 12, 13])
async def test_pages_of_any_size_in_both_directions_give_the_same_sequence(
    store: Store, index: Index, limit: int
) -> None:
    for place in range(12):
        await put(
            store,
            thing(
                f"thing {place * 7 % 12}",
                shelf="ada",
                label="ab😀"[place % 3],
                rank=place % 2,
                seen_at=MOMENT + MINUTE * (place % 4),
            ),
        )
    whole = await listed(store, index, "ada")

    forward = await pages(store, index, "ada", limit=limit)
    backward = await pages(store, index, "ada", limit=limit, descending=True)

    assert len(whole) == 12
    assert names([record for page in forward for record in page]) == whole
    assert names([record for page in backward for record in page]) == whole[::-1]
    assert all(len(page) == limit for page in forward[:-1])
    assert forward[-1], "a cursor is given only where something follows"


async def test_a_page_that_is_just_full_and_the_last_has_no_cursor(store: Store) -> None:
    await put(store, thing("a"), thing("b"))

    assert (await store.query(OWNER, "ada", limit=2)).next_cursor is None
    assert (await store.query(OWNER, "ada", limit=1)).next_cursor is not None
    assert await store.query(OWNER, "nobody") == Page([], None)


@pytest.mark.parametrize("descending", [False, True])
async def test_a_cursor_keeps_its_place_while_others_come_and_go(store: Store, *, descending: bool) -> None:
    await put(store, *(thing(name, shelf="s", rank=ord(name)) for name in "bdfhj"))
    first = await store.query(SHELF, "s", limit=2, descending=descending)
    here = names(first.records)[-1]

    await put(store, *(thing(name, shelf="s", rank=ord(name)) for name in "acegik"))
    await store.commit((Remove(THINGS, (here,), 1),))  # the record that the cursor was made of
    rest = await store.query(SHELF, "s", limit=100, cursor=first.next_cursor, descending=descending)

    expected = {False: "efghijk", True: "gfedcba"}[descending]
    assert here == {False: "d", True: "h"}[descending]
    assert names(rest.records) == list(expected)


async def test_a_cursor_goes_over_names_of_any_length_and_letter(store: Store) -> None:
    labels = ["😀" * 200, '"' * 200, "\\" * 200, "漢" * 255, "x" * 1_000]
    await put(store, *(thing(f"{place}", label=label) for place, label in enumerate(labels)))

    found = await pages(store, LABEL, "ada", limit=1)

    assert [page[0]["label"] for page in found] == sorted(labels, key=str.encode)


# Bad cursors ---------------------------------------------------------------------------------------------------------


def cursor_of(*content: Any) -> str:
    """A cursor with this content, well spelled."""
    return urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


GOOD = cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", 0, "chair")
BAD = {
    "nothing": "",
    "not base64": "%%%",
    "letters that base64 has not": "chair?é",
    "padded": GOOD + "=",
    "a space at its end": GOOD + " ",
    "a letter less": GOOD[:-1],
    "a letter more": GOOD + "A",
    "not JSON": urlsafe_b64encode(b"chair").decode(),
    "not UTF-8": urlsafe_b64encode(b'["\xff\xff"]').decode().rstrip("="),
    "no list": urlsafe_b64encode(b'{"a":1}').decode().rstrip("="),
    "spaced": urlsafe_b64encode(b'["things_by_sight", "2027-03-01T12:00:00.123456Z",0,"chair"]').decode().rstrip("="),
    "of another index": cursor_of("things_by_label", "2027-03-01T12:00:00.123456Z", 0, "chair"),
    "too short": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", 0),
    "too long": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", 0, "chair", "x"),
    "a number for a time": cursor_of("things_by_sight", 5, 0, "chair"),
    "a text for a number": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", "0", "chair"),
    "a float": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", 0.5, "chair"),
    "truth": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", True, "chair"),
    "null": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", None, "chair"),
    "a list": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", [0], "chair"),
    "a number past 64 bits": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", 2**63, "chair"),
    "a number far past": urlsafe_b64encode(b'["things_by_sight","2027-03-01T12:00:00.123456Z",1' + b"0" * 30 + b',"c"]')
    .decode()
    .rstrip("="),
    "a time as nobody writes it": cursor_of("things_by_sight", "2027-03-01T12:00:00Z", 0, "chair"),
    "a time that never was": cursor_of("things_by_sight", "2027-02-30T12:00:00.000000Z", 0, "chair"),
    "a time before all": cursor_of("things_by_sight", "0001-01-01T00:00:00.000000+12:00", 0, "chair"),
    "deeply nested": urlsafe_b64encode(b"[" * 1_500 + b"]" * 700).decode().rstrip("="),
    "very long": "A" * 1_000_000,
    "longer than any that a list gives": cursor_of("things_by_sight", "2027-03-01T12:00:00.123456Z", 0, "x" * 3_000),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_cursor_is_refused(store: Store, name: str) -> None:
    await put(store, thing("chair"), thing("bench"))

    with pytest.raises(BadCursor):
        await store.query(SIGHT, "ada", cursor=BAD[name])
    with pytest.raises(BadCursor):
        await store.query(SIGHT, "ada", cursor=BAD[name], descending=True, within=Range(start=MOMENT))


async def test_the_good_one_among_them_is_good(store: Store) -> None:
    await put(store, thing("chair"), thing("stool"))

    page = await store.query(SIGHT, "ada", cursor=GOOD)

    assert names(page.records) == ["stool"]


class Both:
    """The same things in memory and on SQLite, asked the same."""

    def __init__(self, path: Path) -> None:
        new_sqlite_file(path)
        self.memory = MemoryStore(CONTRACT_TABLES)
        self.sqlite = SqliteEngine(path, CONTRACT_TABLES)
        inserts = [
            Insert(THINGS, thing(f"{rank}{label}", label=label * 3, rank=rank, seen_at=MOMENT + MINUTE * (rank % 2)))
            for rank in range(3)
            for label in ("a", "é", "\ufffd", "😀")
        ]
        now(self.memory.commit(inserts))
        assert self.sqlite.apply([inserts]) == [None]

    def ask(self, index: Index, **how: Any) -> list[object]:
        """What each answers."""
        answers: list[object] = []
        for store in (self.memory, self.sqlite):
            try:
                answers.append(now(store.query(index, "ada", **how)))
            except BadCursor:
                answers.append(BadCursor)
        return answers


def now(coroutine: Coroutine[Any, Any, Done]) -> Done:
    """What a coroutine returns that never waits, as the reads of these two."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Done = stop.value
        return result
    raise AssertionError("it waits")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    made = Both(tmp_path_factory.mktemp("queries") / "store.db")
    yield made
    made.sqlite.close()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


def spelled(content: object) -> str:
    """A cursor with any JSON as its content."""
    try:
        return urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()
    except TypeError:  # an integer past 64 bits
        return ""


CURSORS = st.one_of(
    st.text(),
    st.binary().map(lambda content: urlsafe_b64encode(content).decode()),
    JSON_VALUES.map(spelled),
    st.lists(JSON_VALUES, max_size=4).map(lambda rest: spelled(["things_by_sight", *rest])),
    st.tuples(st.text(), st.integers(-(2**65), 2**65), st.text()).map(lambda rest: spelled(["things_by_sight", *rest])),
    st.tuples(st.datetimes(), st.integers(), st.text()).map(
        lambda rest: spelled(["things_by_sight", f"{rest[0].isoformat(timespec='microseconds')}Z", *rest[1:]])
    ),
    st.tuples(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09-_=")).map(
        lambda bent: GOOD[: bent[0]] + bent[1] + GOOD[bent[0] + 1 :]
    ),
)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=CURSORS, descending=st.booleans())
@example(cursor=GOOD, descending=True)
def test_whatever_a_client_makes_of_a_cursor_it_is_refused_or_a_place(
    both: Both, cursor: str, *, descending: bool
) -> None:
    in_memory, on_sqlite = both.ask(SIGHT, cursor=cursor, descending=descending, limit=3)

    assert in_memory == on_sqlite


LABELS = st.text(st.sampled_from("aé\ufffd😀"), max_size=4)
PLACES: dict[Index, st.SearchStrategy[Any]] = {
    SIGHT: st.integers(-2, 4).map(lambda minutes: MOMENT + MINUTE * minutes),
    LABEL: LABELS,
    OWNER: LABELS,
}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.data(), index=st.sampled_from(list(PLACES)), limit=st.integers(1, 13), descending=st.booleans())
def test_both_stores_answer_any_query_alike(
    both: Both, asked: st.DataObject, index: Index, limit: int, *, descending: bool
) -> None:
    bounds = st.none() | PLACES[index]
    within = Range(asked.draw(bounds), asked.draw(bounds))
    cursor: str | None = None
    for _ in range(3):
        in_memory, on_sqlite = both.ask(index, within=within, limit=limit, cursor=cursor, descending=descending)
        assert in_memory == on_sqlite
        assert isinstance(on_sqlite, Page)
        cursor = on_sqlite.next_cursor
        if cursor is None:
            break


# SQLite's plans ------------------------------------------------------------------------------------------------------


INDEXES = [(table, index) for table in (*TABLES, *CONTRACT_TABLES) for index in table.indexes]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("table", "index"), INDEXES, ids=lambda each: str(each.name))
async def test_every_question_is_answered_by_walking_an_index(
    tmp_path: Path, table: Table, index: Index, *, descending: bool
) -> None:
    tables = CONTRACT_TABLES if table in CONTRACT_TABLES else TABLES
    new_sqlite_file(tmp_path / "store.db", tables)
    engine = SqliteEngine(tmp_path / "store.db", tables)
    asked: list[str] = []

    def note(_cursor: apsw.Cursor, statement: str, parameters: Any) -> bool:
        asked.extend(row[3] for row in engine.writer.execute(f"explain query plan {statement}", parameters))
        return True

    engine.reader.exec_trace = note
    position = position_of(_anything(table), sort_columns(index, table))
    cursor = write_cursor(index.name, position)
    for start in (None, position[0]):
        await engine.query(index, "x", cursor=cursor, descending=descending, within=Range(start=start))
    engine.close()

    assert len(asked) == 2, "neither sorting nor a second step"
    assert all(step.startswith(f"SEARCH {table.name} USING") for step in asked), asked


@pytest.mark.parametrize("table", [*TABLES, *CONTRACT_TABLES], ids=lambda table: str(table.name))
def test_every_write_finds_its_rows_by_key(tmp_path: Path, table: Table) -> None:
    new_sqlite_file(tmp_path / "store.db", CONTRACT_TABLES if table in CONTRACT_TABLES else TABLES)
    connection = connect(tmp_path / "store.db")
    statements = [read_states(table), remove_rows(table), *([replace_rows(table)] if table.versioned else [])]
    statements += [move_pools(table, column) for column in table.pool_columns]

    plans: dict[str, list[str]] = {}
    for statement in statements:
        plans[statement] = [row[3] for row in connection.execute(f"explain query plan {statement}", ("[]",))]
    connection.close()

    for statement, steps in plans.items():
        assert not any(step.startswith((f"SCAN {table.name}", "SCAN t")) for step in steps), (statement, steps)
        assert any(step.startswith((f"SEARCH {table.name} ", "SEARCH t ")) for step in steps), (statement, steps)


def _anything(table: Table) -> Record:
    """Values of the right kinds for every column that an index sorts by."""
    by_kind = {"text": "x", "integer": 1, "pool": 1, "boolean": True, "time": MOMENT, "json": []}
    return {column.name: by_kind[column.kind.value] for column in table.columns}
