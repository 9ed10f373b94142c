"""Each change of a commit, on every store: when it holds, what it does, and what a conflict tells when it does not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.support.stores import MOMENT, PAIRS, THINGS, VALUES, everything, pair, thing, value
from ticketing.base.changes import Change, Check, Claim, Give, Insert, Pool, Remove, Replace, Take
from ticketing.base.store import Conflict, Store
from ticketing.base.tables import Record, Table

SEATS = Pool(THINGS, ("chair",), "seats")
BALANCE = Pool(PAIRS, ("ada", "opera"), "balance")
A_SECOND = timedelta(seconds=1)

CHAIR = thing("chair", version=3, seats=4, stands=7)
ADA = pair("ada", "opera", balance=4)


@dataclass(frozen=True, slots=True)
class Case:
    """A change, on what it meets, and the record that is there afterwards; `after` is not looked at where it does not hold."""

    sentence: str
    change: Change
    before: Record | None
    after: Record | None = None


def table_of(case: Case) -> Table:
    return case.change.table


HOLDS = [
    Case("an insert on a free key", Insert(THINGS, CHAIR), None, CHAIR),
    Case("an insert on a free key of two columns", Insert(PAIRS, ADA), None, ADA),
    Case(
        "a replacement of what was read",
        Replace(THINGS, CHAIR | {"label": "new"}),
        CHAIR,
        CHAIR | {"label": "new", "version": 4},
    ),
    Case(
        "a replacement, which leaves pools alone",
        Replace(THINGS, CHAIR | {"seats": 99, "stands": 0}),
        CHAIR,
        CHAIR | {"version": 4},
    ),
    Case(
        "a replacement that moves pools",
        Replace(THINGS, CHAIR, pools={"seats": -3, "stands": 5}),
        CHAIR,
        CHAIR | {"version": 4, "seats": 1, "stands": 12},
    ),
    Case(
        "a replacement that takes more than there is, since what is sold stays sold",
        Replace(THINGS, CHAIR, pools={"seats": -6}),
        CHAIR,
        CHAIR | {"version": 4, "seats": -2},
    ),
    Case(
        "a replacement only where a pool is so",
        Replace(THINGS, CHAIR, pools={"seats": -4}, only_at={"seats": 4}),
        CHAIR,
        CHAIR | {"version": 4, "seats": 0},
    ),
    Case("a removal of what was read", Remove(THINGS, ("chair",), 3), CHAIR, None),
    Case("a removal where there are no versions", Remove(PAIRS, ("ada", "opera")), ADA, None),
    Case("a removal with its pools as they are", Remove(THINGS, ("chair",), 3, {"seats": 4, "stands": 7}), CHAIR, None),
    Case("a check of what was read", Check(THINGS, ("chair",), 3), CHAIR, CHAIR),
    Case("a take of the last", Take(SEATS, 4), CHAIR, CHAIR | {"seats": 0}),
    Case("a take down to a bound", Take(SEATS, 3, down_to=1), CHAIR, CHAIR | {"seats": 1}),
    Case("a take below nothing down to a bound", Take(BALANCE, 6, down_to=-2), ADA, ADA | {"balance": -2}),
    Case("a take at the version that was read", Take(SEATS, 1, version=3), CHAIR, CHAIR | {"seats": 3}),
    Case(
        "a take of a pool that begins",
        Take(BALANCE, 3, initial=pair("ada", "opera", balance=3)),
        None,
        pair("ada", "opera", balance=0),
    ),
    Case(
        "a take of a pool that begins below its bound",
        Take(BALANCE, 4, down_to=-4, initial=pair("ada", "opera", balance=0)),
        None,
        pair("ada", "opera", balance=-4),
    ),
    Case(
        "a take of a pool that has begun, which keeps what it has",
        Take(BALANCE, 1, initial=pair("ada", "opera", balance=100, holder="nobody")),
        ADA,
        ADA | {"balance": 3},
    ),
    Case("a gift to a pool", Give(SEATS, 5), CHAIR, CHAIR | {"seats": 9}),
    Case("a gift at the version that was read", Give(SEATS, 5, version=3), CHAIR, CHAIR | {"seats": 9}),
    Case("a claim on a free key", Claim(THINGS, CHAIR, MOMENT), None, CHAIR),
    Case(
        "a claim when its holder's time has just run out",
        Claim(THINGS, CHAIR | {"owner": "bob", "seats": 9, "version": 1}, MOMENT),
        CHAIR | {"expires_at": MOMENT},
        CHAIR | {"owner": "bob", "seats": 9, "version": 1},
    ),
    Case(
        "a claim long after",
        Claim(PAIRS, ADA | {"holder": "bob"}, MOMENT),
        ADA | {"expires_at": MOMENT - timedelta(days=9000)},
        ADA | {"holder": "bob"},
    ),
]

FAILS = [
    Case("an insert on a taken key", Insert(THINGS, CHAIR | {"label": "new"}), CHAIR),
    Case("an insert on a taken key of two columns", Insert(PAIRS, ADA | {"balance": 1}), ADA),
    Case("a replacement of an older version", Replace(THINGS, CHAIR | {"version": 2}), CHAIR),
    Case("a replacement of a version to come", Replace(THINGS, CHAIR | {"version": 4}), CHAIR),
    Case("a replacement of nothing", Replace(THINGS, CHAIR), None),
    Case("a replacement where a pool is not so", Replace(THINGS, CHAIR, only_at={"seats": 5}), CHAIR),
    Case(
        "a replacement where one of two pools is not so",
        Replace(THINGS, CHAIR, only_at={"seats": 4, "stands": 4}),
        CHAIR,
    ),
    Case("a removal of an older version", Remove(THINGS, ("chair",), 2), CHAIR),
    Case("a removal of nothing", Remove(THINGS, ("chair",), 3), None),
    Case("a removal of nothing without versions", Remove(PAIRS, ("ada", "opera")), None),
    Case("a removal with another pool", Remove(THINGS, ("chair",), 3, {"seats": 5}), CHAIR),
    Case("a check of an older version", Check(THINGS, ("chair",), 2), CHAIR),
    Case("a check of nothing", Check(THINGS, ("chair",), 3), None),
    Case("a take of more than there is", Take(SEATS, 5), CHAIR),
    Case("a take past its bound", Take(SEATS, 4, down_to=1), CHAIR),
    Case("a take past its bound below nothing", Take(BALANCE, 7, down_to=-2), ADA),
    Case("a take at an older version", Take(SEATS, 1, version=2), CHAIR),
    Case("a take from nothing", Take(SEATS, 1), None),
    Case("a take of a pool that begins with less", Take(BALANCE, 4, initial=pair("ada", "opera", balance=3)), None),
    Case(
        "a take of a pool that has begun, whatever it would begin with",
        Take(BALANCE, 5, initial=pair("ada", "opera", balance=100)),
        ADA,
    ),
    Case("a take at a version of what is not there", Take(SEATS, 1, version=3, initial=CHAIR), None),
    Case("a gift to nothing", Give(SEATS, 1), None),
    Case("a gift at an older version", Give(SEATS, 1, version=2), CHAIR),
    Case("a gift at a version of what is not there", Give(SEATS, 1, version=3), None),
    Case(
        "a claim a microsecond too early",
        Claim(THINGS, CHAIR | {"owner": "bob"}, MOMENT - timedelta(microseconds=1)),
        CHAIR | {"expires_at": MOMENT},
    ),
    Case("a claim on what never ends", Claim(PAIRS, ADA | {"holder": "bob"}, MOMENT), ADA | {"expires_at": None}),
]


def sentences(cases: Sequence[Case]) -> list[str]:
    return [case.sentence for case in cases]


async def prepare(store: Store, case: Case) -> None:
    """What the case meets is stored."""
    if case.before is not None:
        await store.commit((Insert(table_of(case), case.before),))


@pytest.mark.parametrize("case", HOLDS, ids=sentences(HOLDS))
async def test_it_holds(store: Store, case: Case) -> None:
    await prepare(store, case)

    await store.commit((case.change,))

    assert await store.get(table_of(case), case.change.key) == case.after


@pytest.mark.parametrize("case", FAILS, ids=sentences(FAILS))
async def test_it_does_not_hold_and_the_conflict_tells_what_it_met(store: Store, case: Case) -> None:
    await prepare(store, case)

    with pytest.raises(Conflict) as caught:
        await store.commit((case.change,))

    assert caught.value.change is case.change
    assert caught.value.found == case.before
    assert await store.get(table_of(case), case.change.key) == case.before


@pytest.mark.parametrize("case", FAILS, ids=sentences(FAILS))
async def test_what_does_not_hold_takes_the_rest_of_its_commit_with_it(store: Store, case: Case) -> None:
    await prepare(store, case)
    await store.commit((Insert(THINGS, thing("bench")), Insert(PAIRS, pair("bob", "opera"))))
    before = await everything(store)
    holding: list[Change] = [
        Insert(VALUES, value("one")),
        Replace(THINGS, thing("bench", label="new"), pools={"seats": 1}),
        Take(Pool(PAIRS, ("bob", "opera"), "balance"), 1),
        Claim(PAIRS, pair("cyd", "opera"), MOMENT),
        Take(Pool(PAIRS, ("dan", "opera"), "balance"), 1, initial=pair("dan", "opera")),
    ]

    for place in (0, 3, len(holding)):
        with pytest.raises(Conflict) as caught:
            await store.commit([*holding[:place], case.change, *holding[place:]])

        assert caught.value.change is case.change
    assert await everything(store) == before


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
async def test_a_conflict_names_the_first_change_that_failed_in_the_order_given(
    store: Store, order: tuple[int, ...]
) -> None:
    await store.commit((Insert(THINGS, CHAIR), Insert(PAIRS, ADA)))
    failing = (Insert(PAIRS, ADA), Take(SEATS, 5), Check(THINGS, ("bench",), 1))
    given = [failing[place] for place in order]

    with pytest.raises(Conflict) as caught:
        await store.commit([Insert(VALUES, value("one")), *given])

    assert caught.value.change is given[0]
    assert caught.value.found == {0: ADA, 1: CHAIR, 2: None}[order[0]]


async def test_a_conflict_shows_pools_as_of_this_moment(store: Store) -> None:
    await store.commit((Insert(THINGS, CHAIR),))
    await store.commit((Take(SEATS, 3),))
    await store.commit((Give(Pool(THINGS, ("chair",), "stands"), 2),))

    with pytest.raises(Conflict) as caught:
        await store.commit((Take(SEATS, 2),))

    assert caught.value.found == CHAIR | {"seats": 1, "stands": 9}


async def test_takes_and_gifts_leave_the_version_alone(store: Store) -> None:
    await store.commit((Insert(THINGS, CHAIR),))
    await store.commit((Take(SEATS, 1),))
    await store.commit((Give(SEATS, 1),))

    await store.commit((Replace(THINGS, CHAIR | {"label": "edited while it was sold"}),))

    found = await store.get(THINGS, ("chair",))
    assert found is not None
    assert found["version"] == CHAIR["version"] + 1


async def test_a_replacement_does_not_bring_back_what_was_taken_since_it_was_read(store: Store) -> None:
    await store.commit((Insert(THINGS, CHAIR),))
    read = await store.get(THINGS, ("chair",))
    assert read is not None
    await store.commit((Take(SEATS, 3),))

    await store.commit((Replace(THINGS, read | {"label": "new"}),))

    assert await store.get(THINGS, ("chair",)) == CHAIR | {"label": "new", "seats": 1, "version": 4}


async def test_the_second_of_two_who_read_the_same_is_told(store: Store) -> None:
    await store.commit((Insert(THINGS, CHAIR),))
    await store.commit((Replace(THINGS, CHAIR | {"label": "first"}),))

    with pytest.raises(Conflict) as caught:
        await store.commit((Replace(THINGS, CHAIR | {"label": "second"}),))

    assert caught.value.found == CHAIR | {"label": "first", "version": 4}


async def test_a_key_is_free_again_after_a_removal(store: Store) -> None:
    await store.commit((Insert(THINGS, CHAIR),))
    await store.commit((Remove(THINGS, ("chair",), 3),))

    await store.commit((Insert(THINGS, CHAIR | {"version": 1}),))

    assert await store.get(THINGS, ("chair",)) == CHAIR | {"version": 1}


async def test_a_claim_keeps_others_out_until_it_ends(store: Store) -> None:
    ends = MOMENT + timedelta(minutes=1)
    await store.commit((Claim(PAIRS, ADA | {"expires_at": ends}, MOMENT),))
    late = Claim(PAIRS, ADA | {"holder": "bob", "expires_at": ends + timedelta(minutes=1)}, ends - A_SECOND)

    with pytest.raises(Conflict) as caught:
        await store.commit((late,))
    await store.commit((Claim(PAIRS, late.record, ends),))

    assert caught.value.found == ADA | {"expires_at": ends}
    assert await store.get(PAIRS, ("ada", "opera")) == late.record


async def test_changes_to_keys_that_share_a_part_do_not_meet(store: Store) -> None:
    await store.commit((Insert(PAIRS, ADA), Insert(PAIRS, pair("ada", "ballet")), Insert(PAIRS, pair("bob", "opera"))))

    await store.commit((Take(BALANCE, 4), Remove(PAIRS, ("bob", "opera"))))

    assert await store.get(PAIRS, ("ada", "ballet")) == pair("ada", "ballet")
    assert await store.get(PAIRS, ("bob", "opera")) is None
