"""The limits that every store asserts before any I/O, and the kinds that records must keep to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.stores import CONTRACT_TABLES, MOMENT, PAIRS, PARTS, THINGS, VALUES, everything, pair, thing, value
from ticketing.base.bounds import CHANGES_PER_COMMIT_MAX, COMMIT_BYTES_MAX, INTEGER_MAX, ITEM_BYTES_MAX, POOL_MAX
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Pool, Remove, Replace, Take
from ticketing.base.store import BadCommit, Store, assert_lawful
from ticketing.base.tables import Column, Index, Kind, Table
from ticketing.base.times import read, shown, written

CHAIR = thing("chair")
SEATS = Pool(THINGS, ("chair",), "seats")
NAIVE = MOMENT.replace(tzinfo=None)


def without(record: dict[str, Any], name: str) -> dict[str, Any]:
    """The record without a field."""
    return {column: held for column, held in record.items() if column != name}


UNLAWFUL: dict[str, Sequence[Change]] = {
    "no change at all": (),
    "more than a hundred changes": [Insert(VALUES, value(str(number))) for number in range(101)],
    "more than three megabytes": [Insert(VALUES, value(str(place), text="x" * 399_000)) for place in range(11)],
    "an item of more than 392 KB": [Insert(VALUES, value("one", text="x" * (ITEM_BYTES_MAX + 1)))],
    "an item of more than 392 KB in bytes, not in letters": [Insert(VALUES, value("one", text="€" * 140_000))],
    "an item of more than 392 KB within a document": [Insert(VALUES, value("one", content=["x" * 210_000] * 2))],
    "two changes on one item": (Insert(THINGS, CHAIR), Take(SEATS, 1)),
    "two pools of one item": (Take(SEATS, 1), Take(Pool(THINGS, ("chair",), "stands"), 1)),
    "a check beside a take of one item": (Check(THINGS, ("chair",), 1), Take(SEATS, 1)),
    "a field missing": [Insert(THINGS, without(CHAIR, "label"))],
    "a field too many": [Insert(THINGS, CHAIR | {"colour": "red"})],
    "a field missing in what a pool begins as": [Take(SEATS, 1, initial=without(CHAIR, "label"))],
    "a float": [Insert(THINGS, CHAIR | {"rank": 1.0})],
    "a float in a document": [Insert(VALUES, value("one", content={"a": [1, {"b": 0.5}]}))],
    "a float alone in a document": [Insert(VALUES, value("one", content=0.5))],
    "a float where a replacement has it": [Replace(THINGS, CHAIR | {"rank": 1.0})],
    "a float where a claim has it": [Claim(THINGS, CHAIR | {"rank": 1.0}, MOMENT)],
    "a float as a count": [Take(SEATS, 1.5)],  # type: ignore[arg-type]
    "an empty key": [Insert(THINGS, CHAIR | {"thing_id": ""})],
    "an empty part of a key": [Insert(PAIRS, pair("ada", ""))],
    "an empty key of a take": [Take(Pool(THINGS, ("",), "seats"), 1)],
    "an empty key of a removal": [Remove(PAIRS, ("", "opera"))],
    "a key of too few parts": [Remove(PAIRS, ("ada",))],
    "a key of too many parts": [Check(THINGS, ("ada", "opera"), 1)],
    "an empty index key": [Insert(THINGS, CHAIR | {"shelf": ""})],
    "an empty index key of a replacement": [Replace(THINGS, CHAIR | {"owner": ""})],
    "a null where none may be": [Insert(THINGS, CHAIR | {"label": None})],
    "a text where a number belongs": [Insert(THINGS, CHAIR | {"rank": "1"})],
    "truth where a number belongs": [Insert(THINGS, CHAIR | {"rank": True})],
    "a number where truth belongs": [Insert(VALUES, value("one", truth=1))],
    "a number where a text belongs": [Insert(THINGS, CHAIR | {"label": 1})],
    "bytes": [Insert(THINGS, CHAIR | {"label": b"bytes"})],
    "a text where a time belongs": [Insert(THINGS, CHAIR | {"seen_at": "2027-03-01T12:00:00.000000Z"})],
    "a naive time": [Insert(THINGS, CHAIR | {"seen_at": NAIVE})],
    "a naive time to claim at": [Claim(THINGS, CHAIR, NAIVE)],
    "a time in a document, which would come back as text": [Insert(VALUES, value("one", content=[MOMENT]))],
    "a document whose names are not texts": [Insert(VALUES, value("one", content={1: "a"}))],
    "a set in a document": [Insert(VALUES, value("one", content=[{"a"}]))],
    "a number that not every reader of JSON keeps": [Insert(THINGS, CHAIR | {"rank": INTEGER_MAX + 1})],
    "a number below what every reader keeps": [Insert(VALUES, value("one", number=-INTEGER_MAX - 1))],
    "such a number in a document": [Insert(VALUES, value("one", content=[2**64]))],
    "a NUL": [Insert(THINGS, CHAIR | {"label": "a\0b"})],
    "a NUL in a document": [Insert(VALUES, value("one", content={"a\0b": 1}))],
    "a NUL in a key": [Insert(PAIRS, pair("a\0b", "c"))],
    "a NUL in a key of a take": [Take(Pool(PAIRS, ("a\0b", "c"), "balance"), 1)],
    "a NUL in a key of a removal": [Remove(PAIRS, ("a", "b\0c"))],
    "a NUL in a key of a check": [Check(THINGS, ("a\0b",), 1)],
    "a key of too few parts with a NUL": [Remove(PAIRS, ("a\0b",))],
    "half of a surrogate pair": [Insert(THINGS, CHAIR | {"label": "\ud83d"})],
    "half of a surrogate pair in a document": [Insert(VALUES, value("one", content=["\ude00"]))],
    "a take of nothing": [Take(SEATS, 0)],
    "a take of less than nothing": [Take(SEATS, -1)],
    "a gift at a version where there are none": [Give(Pool(PAIRS, ("ada", "opera"), "balance"), 1, version=1)],
    "a gift of nothing": [Give(SEATS, 0)],
    "a gift of too much": [Give(SEATS, POOL_MAX + 1)],
    "a take from what is no pool": [Take(Pool(THINGS, ("chair",), "rank"), 1)],
    "a gift to what is no column": [Give(Pool(THINGS, ("chair",), "beds"), 1)],
    "a pool that begins as another item": [Take(SEATS, 1, initial=thing("bench"))],
    "a difference of what is no pool": [Replace(THINGS, CHAIR, pools={"rank": 1})],
    "a difference of what is no column": [Replace(THINGS, CHAIR, pools={"beds": 1})],
    "a replacement at what is no pool": [Replace(THINGS, CHAIR, only_at={"rank": 1})],
    "a removal at what is no pool": [Remove(THINGS, ("chair",), 1, {"label": 1})],
    "a replacement where there are no versions": [Replace(PAIRS, pair("ada", "opera"))],
    "a check where there are no versions": [Check(PAIRS, ("ada", "opera"), 1)],
    "a take at a version where there are none": [Take(Pool(PAIRS, ("ada", "opera"), "balance"), 1, version=1)],
    "a removal without the version that was read": [Remove(THINGS, ("chair",))],
    "a removal at a version where there are none": [Remove(PAIRS, ("ada", "opera"), 1)],
    "a claim without an end": [Claim(PAIRS, pair("ada", "opera", expires_at=None), MOMENT)],
    "a claim where nothing ends": [Claim(VALUES, value("one"), MOMENT)],
}


@pytest.mark.parametrize("sentence", UNLAWFUL)
async def test_it_is_refused_before_anything_happens(store: Store, sentence: str) -> None:
    await store.commit((Insert(THINGS, CHAIR), Insert(PAIRS, pair("ada", "opera"))))
    before = await everything(store)

    with pytest.raises(BadCommit):
        await store.commit(UNLAWFUL[sentence])

    assert await everything(store) == before


async def test_a_hundred_changes_are_one_commit(store: Store) -> None:
    await store.commit([Insert(VALUES, value(f"{number:03}")) for number in range(CHANGES_PER_COMMIT_MAX)])

    assert len((await everything(store))["kinds"]) == CHANGES_PER_COMMIT_MAX


async def test_nearly_three_megabytes_are_one_commit(store: Store) -> None:
    count = COMMIT_BYTES_MAX // ITEM_BYTES_MAX
    text = "x" * (ITEM_BYTES_MAX - 10)

    await store.commit([Insert(VALUES, value(str(place), text=text)) for place in range(count)])

    assert [record["text"] for record in (await everything(store))["kinds"].values()] == [text] * count


def test_the_commit_is_looked_at_and_not_changed() -> None:
    change = Replace(THINGS, thing("chair", label="ä"), pools={"seats": -3})
    before = dict(change.record)

    assert_lawful((change, Check(PARTS, ("leg",), 1), Give(Pool(PAIRS, ("ada", "opera"), "balance"), 1)))

    assert change.record == before


def test_every_table_of_the_contract_can_be_told_from_the_others() -> None:
    assert len({table.name for table in CONTRACT_TABLES}) == len(CONTRACT_TABLES)


@pytest.mark.parametrize(
    ("key", "columns", "index"),
    [
        (("n",), (Column("n", Kind.INTEGER),), None),
        (("a",), (Column("a", nullable=True),), None),
        (("a", "b", "c"), (Column("a"), Column("b"), Column("c")), None),
        (("a",), (Column("a"), Column("n", Kind.INTEGER)), Index("i", "t", "n", (), "By number?")),
        (("a",), (Column("a"), Column("b", nullable=True)), Index("i", "t", "a", ("b",), "By what may be null?")),
        (("a",), (Column("a"), Column("d", Kind.JSON)), Index("i", "t", "a", ("d",), "By a document?")),
    ],
    ids=[
        "a key that is a number",
        "a key that may be null",
        "a key of three",
        "an index of numbers",
        "an order of what may be null",
        "an order of documents",
    ],
)
def test_a_table_that_not_every_engine_can_have_is_not_declared(
    key: tuple[str, ...], columns: tuple[Column, ...], index: Index | None
) -> None:
    with pytest.raises(AssertionError):
        Table("t", "T", key, columns, () if index is None else (index,))


def test_a_time_is_written_in_utc_whatever_its_offset() -> None:
    evening = datetime.fromisoformat("2027-03-01T20:00:00.5+02:00")

    assert written(evening) == "2027-03-01T18:00:00.500000Z"
    assert shown(evening.replace(microsecond=0)) == "2027-03-01T18:00:00Z"
    assert read(written(evening)) == evening
    assert written(datetime(33, 1, 2, tzinfo=UTC)) == "0033-01-02T00:00:00.000000Z"


def test_a_naive_time_is_not_written() -> None:
    with pytest.raises(ValueError, match="offset"):
        written(NAIVE)
