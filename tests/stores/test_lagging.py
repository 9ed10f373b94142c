"""The store whose indexes are late, with which tests of features find what decides by an index alone."""

import pytest

from tests.support.stores import CONTRACT_TABLES, PAIRS, THINGS, LaggingStore, pair, thing
from ticketing.base.changes import Insert, Pool, Replace, Take
from ticketing.base.store import Conflict, Store
from ticketing.base.tables import Record

SHELF = THINGS.index("things_on_shelf")
LEFT = PAIRS.index("pairs_of_left")
SEATS = Pool(THINGS, ("a",), "seats")


@pytest.fixture
def lagging(store: Store) -> LaggingStore:
    """A store whose indexes are two commits late, over every engine."""
    return LaggingStore(store, lag_commits=2, tables=CONTRACT_TABLES)


async def on_shelf(store: Store) -> list[Record]:
    """What the index says."""
    return (await store.query(SHELF, "s")).records


async def test_an_index_hears_of_a_commit_so_many_commits_later(lagging: LaggingStore) -> None:
    seen = []
    for name in "abcd":
        await lagging.commit((Insert(THINGS, thing(name, shelf="s")),))
        seen.append([record["thing_id"] for record in await on_shelf(lagging)])

    assert seen == [[], [], ["a"], ["a", "b"]]


async def test_an_index_shows_records_as_they_were(lagging: LaggingStore) -> None:
    await lagging.commit((Insert(THINGS, thing("a", shelf="s")), Insert(THINGS, thing("b", shelf="s"))))
    await lagging.catch_up()
    await lagging.commit((Replace(THINGS, thing("a", shelf=None)),))
    await lagging.commit((Take(Pool(THINGS, ("b",), "seats"), 3),))

    assert await on_shelf(lagging) == [thing("a", shelf="s"), thing("b", shelf="s")]
    assert await lagging.get(THINGS, ("a",)) == thing("a", shelf=None, version=2)
    assert await lagging.get_many(THINGS, [("b",)]) == [thing("b", shelf="s", seats=7)]
    await lagging.catch_up()
    assert await on_shelf(lagging) == [thing("b", shelf="s", seats=7)]


async def test_keys_conditions_and_scans_are_current(lagging: LaggingStore) -> None:
    await lagging.commit((Insert(THINGS, thing("a", shelf="s", seats=1)),))
    await lagging.commit((Take(SEATS, 1),))

    with pytest.raises(Conflict) as caught:
        await lagging.commit((Take(SEATS, 1),))

    assert caught.value.found == thing("a", shelf="s", seats=0)
    assert [record async for record in lagging.scan(THINGS)] == [thing("a", shelf="s", seats=0)]


async def test_an_index_that_does_not_lag_is_current(lagging: LaggingStore) -> None:
    await lagging.commit((Insert(PAIRS, pair("a", "x")),))

    assert (await lagging.query(LEFT, "a")).records == [pair("a", "x")]


async def test_a_refused_commit_does_not_count(lagging: LaggingStore) -> None:
    await lagging.commit((Insert(THINGS, thing("a", shelf="s")),))

    for _ in range(5):
        with pytest.raises(Conflict):
            await lagging.commit((Insert(THINGS, thing("a", shelf="s")),))

    assert await on_shelf(lagging) == []
