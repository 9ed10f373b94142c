"""What goes into a store comes out as it was, on every store: values of every kind, by key, by keys and by scan."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.stores import MOMENT, PAIRS, THINGS, VALUES, everything, pair, thing, value
from ticketing.base.bounds import INTEGER_MAX, POOL_MAX
from ticketing.base.changes import Claim, Give, Insert, Pool, Remove, Replace, Take
from ticketing.base.store import Store

TEXTS = {
    "empty": "",
    "spaces": "  two before, two after  ",
    "quotes": """it's "quoted" `here`; -- drop table things""",
    "backslashes": r"\n \u0041 \\ %s ? :name $1 @x",
    "JSON": '{"a": [1, null]}',
    "a number": "0012",
    "a large number": "1e400",
    "null": "null",
    "controls": "tab\tline\nreturn\rbell\x07delete\x7f",
    "line separators": "\u2028\u2029\u0085",
    "accents composed and decomposed": "é e\u0301",
    "right to left": "שלום عليكم",
    "an emoji of four bytes": "😀",
    "one of many parts": "👩‍👩‍👧‍👦🏳️‍🌈",
    "the last of three bytes": "\ufffd\uffff",
    "the last of all": "\U0010ffff",
    "a byte order mark": "\ufeffa",
    "long": "äß€😀" * 10_000,
}
NUMBERS = (0, 1, -1, 2**31, -(2**31) - 1, POOL_MAX, -POOL_MAX, INTEGER_MAX, -INTEGER_MAX)
TIMES = (
    MOMENT,
    MOMENT.replace(microsecond=0),
    MOMENT.replace(microsecond=1),
    MOMENT.replace(microsecond=999_999),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
)
DOCUMENTS: dict[str, Any] = {
    "an empty list": [],
    "an empty object": {},
    "a text": "text",
    "an empty text": "",
    "a number": 7,
    "true": True,
    "false": False,
    "nested": {"a": [1, {"b": [None, True, False, "ü", INTEGER_MAX, -INTEGER_MAX]}], "": {"deep": [[[[[]]]]]}},
    "what looks like SQL": ["'; drop table things; --", '"', "\\"],
    "names in their order": {"z": 1, "a": 2, "m": 3},
    "long": ["x" * 1_000] * 300,
}


async def kept(store: Store, **fields: Any) -> Any:
    """The one field as it comes out after an insert, alike by key, by keys and by scan."""
    record = value("one", **fields)
    await store.commit((Insert(VALUES, record),))
    found = await store.get(VALUES, ("one",))
    assert await store.get_many(VALUES, [("one",)]) == [found]
    assert (await everything(store))["kinds"] == {("one",): found}
    assert found is not None
    assert found == record
    (name,) = fields
    return found[name]


@pytest.mark.parametrize("name", TEXTS)
async def test_a_text_comes_out_as_it_went_in(store: Store, name: str) -> None:
    assert await kept(store, text=TEXTS[name]) == TEXTS[name]


@pytest.mark.parametrize("name", [name for name in TEXTS if TEXTS[name] and name != "long"])
async def test_a_text_can_be_a_key(store: Store, name: str) -> None:
    text = TEXTS[name]
    await store.commit((Insert(PAIRS, pair(text, text)), Insert(PAIRS, pair(text, text + "."))))

    await store.commit((Take(Pool(PAIRS, (text, text), "balance"), 1), Remove(PAIRS, (text, text + "."))))

    assert await store.get(PAIRS, (text, text)) == pair(text, text, balance=9)
    assert await store.get(PAIRS, (text, text + ".")) is None


@pytest.mark.parametrize("number", NUMBERS)
async def test_a_number_comes_out_as_it_went_in(store: Store, number: int) -> None:
    out = await kept(store, number=number)

    assert out == number
    assert type(out) is int


@pytest.mark.parametrize("truth", [True, False, None])
async def test_truth_stays_truth_and_null_stays_null(store: Store, truth: bool | None) -> None:
    assert await kept(store, truth=truth) is truth


@pytest.mark.parametrize("moment", TIMES, ids=str)
async def test_a_time_keeps_its_microseconds(store: Store, moment: datetime) -> None:
    out = await kept(store, moment=moment)

    assert out == moment
    assert out.tzinfo is UTC


async def test_a_time_with_another_offset_is_the_same_moment_in_utc(store: Store) -> None:
    evening = datetime(2027, 3, 1, 20, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))

    out = await kept(store, moment=evening)

    assert out == evening
    assert out.tzinfo is UTC


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_document_comes_out_as_it_went_in(store: Store, name: str) -> None:
    out = await kept(store, content=DOCUMENTS[name])

    assert out == DOCUMENTS[name]
    assert type(out) is type(DOCUMENTS[name])
    if isinstance(out, dict):
        assert list(out) == list(DOCUMENTS[name])


async def test_no_document_is_null(store: Store) -> None:
    await kept(store, content=None)


async def test_a_tuple_in_a_document_comes_out_as_a_list(store: Store) -> None:
    await store.commit((Insert(VALUES, value("one", content=("a", ("b",)))),))

    found = await store.get(VALUES, ("one",))

    assert found is not None
    assert found["content"] == ["a", ["b"]]


@pytest.mark.parametrize("change", ["insert", "claim", "begin", "replace"])
async def test_every_change_that_stores_a_record_keeps_each_of_its_values(store: Store, change: str) -> None:
    record = thing(
        "chair", label=TEXTS["quotes"], shelf="a", rank=INTEGER_MAX, seen_at=TIMES[3], seats=-POOL_MAX, stands=POOL_MAX
    )
    match change:
        case "insert":
            await store.commit((Insert(THINGS, record),))
        case "claim":
            await store.commit((Insert(THINGS, thing("chair")),))
            await store.commit((Claim(THINGS, record, MOMENT),))
        case "begin":
            begun = record | {"seats": -POOL_MAX + 1}
            await store.commit((Take(Pool(THINGS, ("chair",), "seats"), 1, down_to=-POOL_MAX, initial=begun),))
        case _:
            await store.commit((Insert(THINGS, thing("chair", seats=-POOL_MAX, stands=POOL_MAX)),))
            await store.commit((Replace(THINGS, record),))
            record |= {"version": 2}

    assert await store.get(THINGS, ("chair",)) == record


async def test_rows_of_one_commit_keep_apart_what_differs_and_what_does_not(store: Store) -> None:
    records = [
        value("a", text="same", number=1, truth=True, moment=MOMENT, content=[]),
        value("b", text="same", number=1, truth=False, moment=MOMENT, content=[]),
        value("c", text="same", number=0, truth=None, moment=None, content=["x"]),
        value("d", text="same", number=None, truth=True, moment=MOMENT, content=None),
    ]

    await store.commit([Insert(VALUES, record) for record in records])

    assert await store.get_many(VALUES, [("a",), ("b",), ("c",), ("d",)]) == records


async def test_pools_add_up_beyond_what_one_change_may_be(store: Store) -> None:
    seats = Pool(THINGS, ("chair",), "seats")
    await store.commit((Insert(THINGS, thing("chair", seats=POOL_MAX)),))

    for _ in range(5):
        await store.commit((Give(seats, POOL_MAX),))

    found = await store.get(THINGS, ("chair",))
    assert found is not None
    assert found["seats"] == 6 * POOL_MAX


async def test_records_are_found_in_the_order_of_the_keys_asked_for(store: Store) -> None:
    await store.commit([Insert(PAIRS, pair(left, right)) for left in "ab" for right in "xy"])

    found = await store.get_many(PAIRS, [("b", "y"), ("a", "z"), ("a", "x"), ("b", "y"), ("x", "a")])

    assert found == [pair("b", "y"), None, pair("a", "x"), pair("b", "y"), None]
    assert await store.get_many(PAIRS, []) == []


async def test_what_is_not_there_is_none(store: Store) -> None:
    assert await store.get(THINGS, ("chair",)) is None
    assert await store.get(PAIRS, ("ada", "opera")) is None


async def test_upper_case_lower_case_and_trailing_spaces_are_different_keys(store: Store) -> None:
    names = ("chair", "Chair", "CHAIR", "chair ", " chair", "chàir")
    await store.commit([Insert(THINGS, thing(name, label=name)) for name in names])

    found = await store.get_many(THINGS, [(name,) for name in names])

    assert [record and record["label"] for record in found] == list(names)


async def test_who_changes_a_record_that_was_read_does_not_change_the_store(store: Store) -> None:
    given = value("one", content={"tags": ["a"]})
    await store.commit((Insert(VALUES, given),))
    given["content"]["tags"].append("after the commit")
    read = await store.get(VALUES, ("one",))
    assert read is not None

    read["content"]["tags"].append("after reading")

    assert await store.get(VALUES, ("one",)) == value("one", content={"tags": ["a"]})


async def test_a_scan_sees_everything_once(store: Store) -> None:
    names = [f"thing {number:04}" for number in range(250)]
    for start in range(0, 250, 50):
        await store.commit([Insert(THINGS, thing(name)) for name in names[start : start + 50]])
    await store.commit((Remove(THINGS, (names[7],), 1), Insert(PAIRS, pair("ada", "opera"))))

    seen = [record["thing_id"] async for record in store.scan(THINGS)]

    assert sorted(seen) == names[:7] + names[8:]
    assert [record async for record in store.scan(PAIRS)] == [pair("ada", "opera")]
    assert [record async for record in store.scan(VALUES)] == []


async def test_a_scan_that_is_left_early_does_not_stop_writing(store: Store) -> None:
    await store.commit([Insert(THINGS, thing(name)) for name in ("bench", "chair")])
    scan = store.scan(THINGS)
    await anext(aiter(scan))

    await store.commit((Take(Pool(THINGS, ("chair",), "seats"), 1),))

    chair = await store.get(THINGS, ("chair",))
    assert chair is not None
    assert chair["seats"] == 9
    await scan.aclose()  # type: ignore[attr-defined]
