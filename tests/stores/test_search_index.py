"""The contract of the search port, on every engine: which listings a wish finds, and in which order."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.dynamo import dynamo_engine
from tests.support.postgres import borrow_database
from tests.support.stores import BlockingEngine, postgres_statements
from ticketing.base.changes import Change, Insert, Remove, Replace
from ticketing.base.search import Phase, SearchIndex, SearchPage, SearchWish, searchable, words_of
from ticketing.base.store import BadCursor
from ticketing.base.tables import Record
from ticketing.schema.tables import LISTINGS, TABLES
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.search import DynamoSearch
from ticketing.storage.memory import MemoryStore
from ticketing.storage.memory_search import MemorySearch
from ticketing.storage.sql.ddl import schema_statements
from ticketing.storage.sql.postgres.engine import PostgresEngine
from ticketing.storage.sql.postgres.search import PostgresSearch
from ticketing.storage.sql.search import SEARCH_DDL, SqliteSearch
from ticketing.storage.sql.sqlite import SqliteEngine

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Commit = Callable[[Sequence[Change]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Shelf:
    """An engine's search over listings that `commit` changes."""

    commit: Commit
    index: SearchIndex

    async def put(self, *listings: Record) -> None:
        """These listings are stored."""
        for listing in listings:
            await self.commit((Insert(LISTINGS, listing),))

    async def find(
        self,
        text: str = "",
        *facets: str | tuple[str, ...],
        starts_from: datetime | None = None,
        starts_to: datetime | None = None,
        phase: Phase | None = None,
        now: datetime = NOON,
        limit: int = 100,
        cursor: str | None = None,
    ) -> SearchPage:
        """What is found by these words and by each of these facets or groups of them."""
        groups = tuple((facet,) if isinstance(facet, str) else facet for facet in facets)
        wish = SearchWish(now, words_of(text), groups, starts_from, starts_to, phase)
        return await self.index.search(wish, limit=limit, cursor=cursor)

    async def named(self, text: str = "", *facets: str | tuple[str, ...], **more: datetime | Phase) -> str:
        """The same, as the ids joined by spaces."""
        return " ".join((await self.find(text, *facets, **more)).event_ids)  # type: ignore[arg-type]


def memory_shelf() -> Shelf:
    store = MemoryStore()
    return Shelf(store.commit, MemorySearch(store))


def sqlite_shelf(path: Path) -> tuple[Shelf, SqliteEngine]:
    engine = SqliteEngine(path)
    for statement in (*schema_statements(TABLES), *SEARCH_DDL):
        engine.writer.execute(statement)
    engine.writer.pragma("foreign_keys", False)  # listings without their events
    engine.writer.pragma("synchronous", "off")  # what is durable is another contract

    async def commit(changes: Sequence[Change]) -> None:
        (outcome,) = engine.apply([changes])
        assert outcome is None, outcome

    return Shelf(commit, SqliteSearch(lambda: engine.reader)), engine


POSTGRES_STATEMENTS = (
    *postgres_statements(TABLES),
    "alter table listings drop constraint listings_event_id_fkey",  # listings without their events
)


@dataclass(frozen=True, slots=True)
class BlockingSearch:
    """A search in the event loop of its engine, for tests that have a loop each."""

    engine: BlockingEngine

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match."""
        search = PostgresSearch(self.engine.within.readers)
        page: SearchPage = self.engine.done(search.search(wish, limit=limit, cursor=cursor))
        return page


def postgres_shelf() -> tuple[Shelf, BlockingEngine]:
    url = borrow_database(POSTGRES_STATEMENTS)
    engine = BlockingEngine(PostgresEngine(url), POSTGRES_STATEMENTS)

    async def commit(changes: Sequence[Change]) -> None:
        (outcome,) = engine.apply([changes])
        assert outcome is None, outcome

    return Shelf(commit, BlockingSearch(engine)), engine


def dynamo_shelf(folder: Path) -> tuple[Shelf, DynamoEngine, DynamoSearch]:
    engine = dynamo_engine(folder, (LISTINGS,))
    search = DynamoSearch(engine)

    async def commit(changes: Sequence[Change]) -> None:
        (outcome,) = engine.apply([changes])
        assert outcome is None, outcome

    return Shelf(commit, search), engine, search


@pytest.fixture(params=["memory", "sqlite", "postgres", "dynamo"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    if request.param == "memory":
        yield memory_shelf()
    elif request.param == "postgres":
        shelf, blocking_engine = postgres_shelf()
        yield shelf
        blocking_engine.close()
    elif request.param == "dynamo":
        shelf, table_engine, search = dynamo_shelf(tmp_path)
        yield shelf
        search.close()
        table_engine.close()
    else:
        shelf, engine = sqlite_shelf(tmp_path / "ticket.db")
        yield shelf
        engine.close()


def listing(
    event_id: str,
    name: str = "Concert",
    *,
    words: str = "",
    facets: Iterable[str] = (),
    start: datetime = NOON + DAY,
    lasting: timedelta = 2 * HOUR,
) -> Record:
    return {
        "event_id": event_id,
        "event_name": searchable((name,)),
        "words": searchable((words,)),
        "facets": list(facets),
        "start_date_time": start,
        "end_date_time": start + lasting,
        "version": 1,
    }


# Words ---------------------------------------------------------------------------------------------------------------


async def test_every_word_must_be_found(shelf: Shelf) -> None:
    await shelf.put(listing("a", "Dvořák: Symphony No. 9"), listing("b", "Symphony of Metal"))

    assert await shelf.named("symphony dvorak") == "a"
    assert await shelf.named("symphony opera") == ""


@pytest.mark.parametrize("text", ["DVOŘÁK", "dvorak", "Dvor\u030cak", " dvořák! ", "ｄｖｏｒａｋ"])
async def test_case_accents_width_and_punctuation_make_no_difference(shelf: Shelf, text: str) -> None:
    await shelf.put(listing("a", "Dvořák: Symphony No. 9"))

    assert await shelf.named(text) == "a"


@pytest.mark.parametrize("text", ["sy", "sym", "symp", "sympho", "symphony", "dvorak symph"])
async def test_the_last_word_may_be_the_beginning_of_a_word(shelf: Shelf, text: str) -> None:
    await shelf.put(listing("a", "Dvořák: Symphony No. 9"))

    assert await shelf.named(text) == "a"


async def test_the_words_before_the_last_are_whole_words(shelf: Shelf) -> None:
    await shelf.put(listing("a", "Dvořák: Symphony No. 9"))

    assert await shelf.named("symph dvorak") == ""


async def test_one_letter_is_a_word_and_no_beginning(shelf: Shelf) -> None:
    await shelf.put(listing("a", "Plan B"), listing("b", "Bach"))

    assert await shelf.named("b") == "a"


async def test_words_that_stand_outside_the_name_are_found_too(shelf: Shelf) -> None:
    await shelf.put(listing("a", "Symphony", words="Vienna orchestra"))

    assert await shelf.named("symphony vienna") == "a"
    assert await shelf.named("vien") == "a"
    assert await shelf.named("orche") == "a"


@pytest.mark.parametrize(("name", "text"), [("東京ドーム公演", "東京"), ("مهرجان الموسيقى", "الموس"), ("Ёлка", "ел")])
async def test_words_of_other_scripts_are_found(shelf: Shelf, name: str, text: str) -> None:
    await shelf.put(listing("a", name), listing("b"))

    assert await shelf.named(text) == "a"


async def test_no_text_means_every_listing(shelf: Shelf) -> None:
    await shelf.put(listing("a"), listing("b"))

    assert await shelf.named() == "a b"


@pytest.mark.parametrize("text", ['"', "a*", "NOT concert", "name:concert", "concert) OR (x", "_", "=", "____status_1"])
async def test_the_text_is_words_and_never_an_expression(shelf: Shelf, text: str) -> None:
    await shelf.put(listing("b", "Concert", facets=["status_1"]))

    assert (await shelf.find(f"nothing {text}")).event_ids == ()


async def test_a_prefix_finds_no_facet(shelf: Shelf) -> None:
    await shelf.put(listing("a", "Tango", facets=["tag_1", "venue_1"]), listing("b", "Fado", facets=["tag_1"]))

    assert await shelf.named("ta") == "a"
    assert await shelf.named("ven") == ""
    assert await shelf.named("lasting") == ""


async def test_a_beginning_that_very_many_words_share_still_finds_all(shelf: Shelf) -> None:
    for number in range(60):
        await shelf.put(listing(f"e{number:02}", f"Inter{number:02}"))

    assert len((await shelf.find("inter")).event_ids) == 60


# Order ---------------------------------------------------------------------------------------------------------------


async def test_without_words_the_order_is_by_start_then_id(shelf: Shelf) -> None:
    same = NOON + 3 * DAY
    await shelf.put(
        listing("d", start=same),
        listing("b", start=same),
        listing("past", start=NOON - DAY),
        listing("c", start=same),
        listing("second", start=NOON + DAY + timedelta(microseconds=1)),
        listing("first", start=NOON + DAY),
        listing("a", start=same),
    )

    assert await shelf.named() == "past first second a b c d"


async def test_with_words_names_go_before_other_texts_and_what_is_to_come_before_what_was(shelf: Shelf) -> None:
    await shelf.put(
        listing("was-elsewhere", "Night", words="Mahler", start=NOON - 2 * DAY),
        listing("was-earlier", "Mahler", start=NOON - 9 * DAY),
        listing("was", "Mahler", start=NOON),
        listing("soon-elsewhere", "Night", words="Mahler", start=NOON + DAY),
        listing("later", "Mahler", start=NOON + 5 * DAY),
        listing("soon", "Mahler", words="Mahler", start=NOON + timedelta(microseconds=1)),
        listing("other", "Bruckner"),
    )

    assert await shelf.named("mahler") == "soon later was was-earlier soon-elsewhere was-elsewhere"
    assert await shelf.named("mahl") == "soon later was was-earlier soon-elsewhere was-elsewhere"


async def test_a_name_that_has_only_some_of_the_words_is_no_name_match(shelf: Shelf) -> None:
    await shelf.put(
        listing("some", "Mahler", words="Vienna", start=NOON + DAY),
        listing("all", "Mahler in Vienna", start=NOON + 2 * DAY),
    )

    assert await shelf.named("mahler vienna") == "all some"


@pytest.mark.parametrize("days", [2, 7, 9, 63, 65, 511, 513, 4_095, 4_097, 100_000])
async def test_what_is_far_away_is_found_like_what_is_near(shelf: Shelf, days: int) -> None:
    soon, past = NOON + days * DAY, NOON - min(days, 15_000) * DAY
    await shelf.put(
        listing("was-elsewhere", "Night", words="Mahler Vienna", start=past),
        listing("was", "Mahler", start=past),
        listing("soon-elsewhere", "Night", words="Mahler Vienna", start=soon),
        listing("soon", "Mahler", facets=["tag_1"], start=soon),
    )

    assert await shelf.named("mahler") == "soon was soon-elsewhere was-elsewhere"
    assert await shelf.named("vienna") == "soon-elsewhere was-elsewhere"
    assert await shelf.named("", "tag_1") == "soon"
    assert await shelf.named("mahler", "tag_1") == "soon"


# Filters -------------------------------------------------------------------------------------------------------------


async def test_every_facet_must_match(shelf: Shelf) -> None:
    await shelf.put(listing("a", facets=["tag_1", "venue_1"]), listing("b", facets=["tag_1"]), listing("c"))

    assert await shelf.named("", "tag_1") == "a b"
    assert await shelf.named("", "tag_1", "venue_1") == "a"
    assert await shelf.named("", "tag_2") == ""
    assert await shelf.named("conc", "venue_1") == "a"


async def test_of_a_group_of_facets_any_will_do(shelf: Shelf) -> None:
    await shelf.put(
        listing("a", facets=["venue_1"]), listing("b", facets=["venue_2"]), listing("c", facets=["venue_3"])
    )

    assert await shelf.named("", ("venue_1", "venue_3")) == "a c"
    assert await shelf.named("concert", ("venue_1", "venue_3")) == "a c"


async def test_an_empty_group_of_facets_finds_nothing(shelf: Shelf) -> None:
    await shelf.put(listing("a", facets=["venue_1"]))

    assert await shelf.named("", ()) == ""


async def test_a_group_of_hundreds_works(shelf: Shelf) -> None:
    await shelf.put(listing("a", facets=["venue_499"]), listing("b"))

    assert await shelf.named("concert", tuple(f"venue_{number}" for number in range(500))) == "a"


async def test_starts_lie_in_a_half_open_range_exact_to_the_microsecond(shelf: Shelf) -> None:
    moment = NOON + DAY + timedelta(seconds=30, microseconds=5)
    before, after = moment - timedelta(microseconds=1), moment + timedelta(microseconds=1)
    await shelf.put(listing("a", start=before), listing("b", start=moment), listing("c", start=after))

    assert await shelf.named(starts_from=moment) == "b c"
    assert await shelf.named(starts_to=moment) == "a"
    assert await shelf.named(starts_from=moment, starts_to=after) == "b"
    assert await shelf.named("concert", starts_from=moment, starts_to=after) == "b"
    assert await shelf.named(starts_from=after, starts_to=before) == ""


@pytest.mark.parametrize("lasting", [HOUR, 5 * HOUR, DAY, 10 * DAY, 40 * DAY, 366 * DAY])
async def test_phases_follow_from_start_and_end(shelf: Shelf, lasting: timedelta) -> None:
    tick = timedelta(microseconds=1)
    await shelf.put(
        listing("just-over", start=NOON - lasting, lasting=lasting),
        listing("nearly-over", start=NOON - lasting + tick, lasting=lasting),
        listing("just-begun", start=NOON, lasting=lasting),
        listing("next", start=NOON + tick, lasting=lasting),
    )

    assert await shelf.named(phase=Phase.COMPLETED) == "just-over"
    assert await shelf.named(phase=Phase.ONGOING) == "nearly-over just-begun"
    assert await shelf.named(phase=Phase.UPCOMING) == "next"
    assert await shelf.named("concert", phase=Phase.ONGOING) == "just-begun nearly-over"


async def test_what_goes_on_is_ordered_by_start_however_long_it_lasts(shelf: Shelf) -> None:
    for place, hours in enumerate((300, 1, 9000 // 24, 2000, 30, 7)):
        await shelf.put(listing(f"{place}", start=NOON - (6 - place) * HOUR / 10, lasting=hours * HOUR))

    assert await shelf.named(phase=Phase.ONGOING) == "0 1 2 3 4 5"


# Pages ---------------------------------------------------------------------------------------------------------------


async def pages(shelf: Shelf, text: str, limit: int) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    now = NOON
    while True:
        page = await shelf.find(text, limit=limit, cursor=cursor, now=now)
        found += page.event_ids
        cursor = page.next_cursor
        now += 10 * DAY  # time goes by between pages
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("text", ["", "mahler"])
async def test_pages_follow_one_another_without_gap_or_repetition(shelf: Shelf, text: str, limit: int) -> None:
    for place in range(8):
        name, words = ("Mahler", "") if place % 2 else ("Night", "Mahler")
        await shelf.put(listing(f"{place}", name, words=words, start=NOON + (place - 4) * DAY))

    assert await pages(shelf, text, limit) == list((await shelf.find(text)).event_ids)


async def test_the_last_page_says_that_it_is_the_last(shelf: Shelf) -> None:
    await shelf.put(listing("a"), listing("b"))

    assert (await shelf.find(limit=2)).next_cursor is None
    assert (await shelf.find(limit=1)).next_cursor is not None


async def test_what_is_listed_between_pages_disturbs_none(shelf: Shelf) -> None:
    await shelf.put(listing("b", start=NOON + 2 * DAY), listing("d", start=NOON + 4 * DAY))
    first = await shelf.find(limit=1)
    await shelf.put(listing("a", start=NOON + DAY), listing("c", start=NOON + 3 * DAY))

    assert (await shelf.find(cursor=first.next_cursor)).event_ids == ("c", "d")


@pytest.mark.parametrize(
    "cursor", ["", "x", "Zm9v", "WyJzZWFyY2giLDEsMiwzXQ", "WyJzZWFyY2giLCJ4IiwwLDFd", "é", "e" * 2000]
)
async def test_a_made_up_cursor_is_refused(shelf: Shelf, cursor: str) -> None:
    await shelf.put(listing("a"))

    with pytest.raises(BadCursor):
        await shelf.find(cursor=cursor)


# Changes -------------------------------------------------------------------------------------------------------------


async def test_a_changed_listing_is_found_as_it_is_now(shelf: Shelf) -> None:
    await shelf.put(
        listing("a", "Mahler", facets=["tag_1"], start=NOON + DAY), listing("b", "Haydn", start=NOON + 2 * DAY)
    )

    changed = listing("a", "Bruckner", facets=["tag_2"], start=NOON + 3 * DAY)
    await shelf.commit((Replace(LISTINGS, changed),))

    assert await shelf.named("mahler") == ""
    assert await shelf.named("", "tag_1") == ""
    assert await shelf.named("bruckner", "tag_2") == "a"
    assert await shelf.named() == "b a"


async def test_a_removed_listing_is_gone(shelf: Shelf) -> None:
    await shelf.put(listing("a"), listing("b"))

    await shelf.commit((Remove(LISTINGS, ("a",), 1),))

    assert await shelf.named() == "b"
    assert await shelf.named("concert") == "b"


@pytest.mark.parametrize("order", ["ascending", "descending", "shuffled"])
async def test_hundreds_of_events_at_one_moment_keep_their_order(shelf: Shelf, order: str) -> None:
    ids = [f"{number:03}" for number in range(300)]
    arriving = {
        "ascending": ids,
        "descending": ids[::-1],
        "shuffled": sorted(ids, key=lambda event_id: int(event_id) * 7919 % 300),
    }[order]
    for event_id in arriving:
        await shelf.put(listing(event_id))

    assert (await shelf.find(limit=300)).event_ids == tuple(ids)


# Any wish ------------------------------------------------------------------------------------------------------------

WORDS = ("mahler", "mahlzeit", "ma", "haydn", "night", "vienna")
moments = st.integers(-3000, 3000).map(lambda hours: NOON + hours * HOUR / 2)
listings = st.builds(
    listing,
    st.just(""),
    st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
    words=st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join),
    facets=st.sets(st.sampled_from(("tag_1", "tag_2", "venue_1", "venue_2"))),
    start=moments,
    lasting=st.integers(1, 9000).map(lambda hours: hours * HOUR),
)
wishes = st.builds(
    SearchWish,
    now=st.just(NOON),
    words=st.lists(st.sampled_from((*WORDS, "m", "mahl", "vi")), max_size=2).map(tuple),
    facets=st.lists(st.sampled_from((("tag_1",), ("tag_1", "tag_2"), ("venue_1", "venue_2"))), max_size=2).map(tuple),
    starts_from=st.none() | moments,
    starts_to=st.none() | moments,
    phase=st.none() | st.sampled_from(Phase),
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def emptied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A shelf that many examples use, one after the other."""
    shelf, engine = (
        postgres_shelf()
        if request.param == "postgres"
        else sqlite_shelf(tmp_path_factory.mktemp("search") / "ticket.db")
    )
    yield shelf
    engine.close()


@settings(max_examples=60)
@given(rows=st.lists(listings, max_size=25), asked=st.lists(wishes, min_size=1, max_size=8), limit=st.integers(1, 5))
async def test_every_engine_finds_what_the_plain_reading_finds(
    emptied: Shelf, rows: list[Record], asked: list[SearchWish], limit: int
) -> None:
    plain = memory_shelf()
    left_over = (await emptied.find()).event_ids
    if left_over:
        await emptied.commit([Remove(LISTINGS, (event_id,), 1) for event_id in left_over])
    if rows:
        for shelf in (plain, emptied):
            await shelf.commit([Insert(LISTINGS, row | {"event_id": f"e{n:02}"}) for n, row in enumerate(rows)])

    for wish in asked:
        expected = (await plain.index.search(wish, limit=100)).event_ids
        found: list[str] = []
        page = await emptied.index.search(wish, limit=limit)
        while page.next_cursor is not None:
            found += page.event_ids
            page = await emptied.index.search(replace(wish, now=wish.now + DAY), limit=limit, cursor=page.next_cursor)
        assert (*found, *page.event_ids) == expected, wish
