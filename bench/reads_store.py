"""What finding events costs in the stores of SQL, with a thousand and with a million of them made by rule from real ones."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import orjson

from ticketing.base.search import Phase, SearchIndex, SearchWish, searchable, words_of
from ticketing.base.tables import Record
from ticketing.base.times import written
from ticketing.events.listing import facet
from ticketing.importing.conferences import read_conferences
from ticketing.importing.model import ImportedEvent
from ticketing.importing.nyphil import read_nyphil
from ticketing.importing.worldcup import read_worldcup
from ticketing.schema.tables import LISTINGS, TABLES
from ticketing.storage.sql.ddl import POSTGRESQL, schema_statements
from ticketing.storage.sql.search import OPTIMIZE, SEARCH_DDL, SqliteSearch
from ticketing.storage.sql.sqlite import SqliteEngine

NOW = datetime(2027, 3, 1, 12, 0, 30, tzinfo=UTC)
YEARS_OF_EVENTS = 5
VENUES = 20_000
PAGE = 20
ROWS_PER_TRANSACTION = 2_000
DATA = Path(__file__).parents[1] / "src/ticketing/importing/demo_data"
_SYLLABLES = "ka lo mi ren tor vel sha dra bon qui pel zu ost wyn jar nim".split()


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of search that is measured."""

    name: str
    wish: SearchWish


@dataclass(frozen=True, slots=True)
class Measured:
    """Microseconds that one page took, over many repetitions; `found` is how many the page held."""

    question: str
    engine: str
    events: int
    found: int
    p50_us: float
    p99_us: float


def real_events() -> list[ImportedEvent]:
    """The real events that ship with the package."""
    found = [
        *read_worldcup(
            (DATA / "worldcup/worldcup.json").read_bytes(),
            stadiums=(DATA / "worldcup/worldcup.stadiums.json").read_bytes(),
        ).events,
        *read_nyphil((DATA / "nyphil/2024-25_TO_NOW.json").read_bytes()).events,
        *read_conferences((DATA / "conferences/conferences-2026-2027.json").read_bytes()).events,
    ]
    assert found
    return found


def made_up_name(number: int) -> str:
    """One of 65,536 names of four syllables."""
    return "".join(_SYLLABLES[number >> shift & 15] for shift in (0, 4, 8, 12))


def listings(count: int) -> Iterator[Record]:
    """So many listings: real names, texts, tags and lengths; dates, venues and one made-up performer by rule."""
    models = real_events()
    first_day = NOW - timedelta(days=365 * YEARS_OF_EVENTS // 2)
    first_day = first_day.replace(hour=0, minute=0, second=0)
    for number in range(count):
        model = models[number * 31 % len(models)]
        day = (number * 618_033) % (365 * YEARS_OF_EVENTS)
        start = first_day + timedelta(days=day, minutes=(model.start_date_time.hour * 60 + number % 4 * 15))
        venue = number * 7919 % VENUES
        facets = [
            *(facet("category", name) for name in model.categories),
            *(facet("tag", tag) for tag in model.tags),
            facet("venue", f"ven_{venue}"),
            facet("organizer", f"usr_{number % 500}"),
            facet("status", "cancelled" if number % 50 == 0 else "published"),
        ]
        yield {
            "event_id": f"evt_{number:026}",
            "event_name": searchable((model.event_name, made_up_name(number * 40_503 & 0xFFFF))),
            "words": searchable(
                (*model.tags, *model.categories, f"Hall{venue}", f"City{venue // 40}", model.description)
            ),
            "facets": facets,
            "start_date_time": start,
            "end_date_time": start + (model.end_date_time - model.start_date_time),
            "version": 1,
        }


def questions() -> list[Question]:
    """What visitors ask."""
    models = real_events()
    category = facet("category", models[0].categories[0])
    city = tuple(facet("venue", f"ven_{number}") for number in range(40))
    published = (facet("status", "published"),)

    def asked(
        text: str = "", *facets: tuple[str, ...], phase: Phase | None = None, after: datetime | None = None
    ) -> SearchWish:
        return SearchWish(NOW, words_of(text), facets, after, None, phase)

    return [
        Question("list, all", asked()),
        Question("list, upcoming", asked("", published, phase=Phase.UPCOMING)),
        Question("list, ongoing", asked("", published, phase=Phase.ONGOING)),
        Question("list, completed", asked("", published, phase=Phase.COMPLETED)),
        Question("list, from a date", asked(after=NOW + timedelta(days=90))),
        Question("category", asked("", (category,))),
        Question("category, upcoming", asked("", (category,), published, phase=Phase.UPCOMING)),
        Question("venue", asked("", (facet("venue", "ven_7"),))),
        Question("city of 40 venues", asked("", city)),
        Question("city, category, upcoming", asked("", city, (category,), published, phase=Phase.UPCOMING)),
        Question("search, rare word", asked(made_up_name(40_503 * 5 & 0xFFFF))),
        Question("search, common word in names", asked("match")),
        Question("search, common word in texts", asked("hall")),
        Question("search, two common words in texts", asked("new york")),
        Question("search, two common words", asked("symphony orchestra")),
        Question("search, word that names have and texts have", asked("beethoven")),
        Question("search, two letters", asked("be")),
        Question("search, three letters", asked("sym")),
        Question("search, four letters", asked("symp")),
        Question("search, five letters", asked("confe")),
        Question("search, beginning of very many words", asked("kalo")),
        Question("search, nothing found", asked("xylograph zzz")),
        Question("search and category", asked("beethoven", (category,))),
        Question("search and city", asked("symphony", city)),
        Question("search, ongoing", asked("symphony", published, phase=Phase.ONGOING)),
    ]


def build(path: Path, count: int) -> SqliteEngine:
    """A file with so many listings."""
    engine = SqliteEngine(path)
    writer = engine.writer
    for statement in (*schema_statements(TABLES), *SEARCH_DDL):
        writer.execute(statement)
    writer.pragma("foreign_keys", False)  # listings alone, without their events
    writer.pragma("synchronous", "off")
    insert = f"insert into listings ({', '.join(LISTINGS.column_names)}) values (?, ?, ?, ?, ?, ?, ?)"
    rows = listings(count)
    started = time.monotonic()
    done = 0
    while chunk := list(islice(rows, ROWS_PER_TRANSACTION)):
        with writer:
            writer.executemany(insert, [_row(record) for record in chunk])
        done += len(chunk)
        if done % 50_000 == 0:
            rate = done / (time.monotonic() - started)
            print(f"{done:,} of {count:,} listings, {rate:,.0f}/s", file=sys.stderr)
            writer.wal_checkpoint()
    return engine


def _row(record: Record) -> tuple[object, ...]:
    return tuple(
        written(value)
        if isinstance(value, datetime)
        else orjson.dumps(value).decode()
        if isinstance(value, list)
        else value
        for value in record.values()
    )


@contextmanager
def on_sqlite(folder: Path, count: int, *, optimize: bool) -> Iterator[SearchIndex]:
    """The search of a file with so many listings, which is found again in the folder."""
    path = folder / f"reads-{count}.db"
    engine = SqliteEngine(path) if path.exists() else build(path, count)
    if optimize:
        engine.writer.execute(OPTIMIZE)
    engine.writer.wal_checkpoint()
    print(f"SQLite, {count:,} events: {path.stat().st_size / 1e6:,.0f} MB", file=sys.stderr)
    try:
        yield SqliteSearch(lambda: engine.reader)
    finally:
        engine.close()


@contextmanager
def on_postgres(count: int) -> Iterator[SearchIndex]:
    """The search of a database with so many listings, on a server of its own."""
    # Servers for measurements come from where those for tests come from; only here, so that the rest of `bench` needs neither.
    from tests.support.postgres import own_server
    from ticketing.storage.sql.postgres.connections import Connections
    from ticketing.storage.sql.postgres.search import PostgresSearch

    with own_server() as server:
        url = f"{server.url}/postgres"
        size = asyncio.run(build_postgres(url, count))
        print(f"PostgreSQL, {count:,} events: {size / 1e6:,.0f} MB", file=sys.stderr)
        yield PostgresSearch(Connections(url, 1))


async def build_postgres(url: str, count: int) -> int:
    """The database has so many listings; returns how many bytes they and their indexes take."""
    import asyncpg

    from ticketing.storage.sql.postgres.search import SEARCH_DDL as POSTGRES_SEARCH_DDL

    connection = await asyncpg.connect(url)
    try:
        for statement in schema_statements(TABLES, POSTGRESQL):
            await connection.execute(statement)
        await connection.execute("alter table listings drop constraint listings_event_id_fkey")  # without their events
        rows = listings(count)
        while chunk := list(islice(rows, ROWS_PER_TRANSACTION)):
            records = [tuple({**record, "facets": json.dumps(record["facets"])}.values()) for record in chunk]
            await connection.copy_records_to_table("listings", records=records, columns=list(LISTINGS.column_names))
        for statement in POSTGRES_SEARCH_DDL:
            await connection.execute(statement)
        await connection.execute("vacuum analyze listings")
        return int(await connection.fetchval("select pg_total_relation_size('listings')"))
    finally:
        await connection.close()


async def measure(search: SearchIndex, engine: str, count: int, *, seconds: float) -> list[Measured]:
    """Each question, asked again and again for so many seconds."""
    results = []
    for question in questions():
        page = await search.search(question.wish, limit=PAGE)
        took: list[float] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until or len(took) < 5:
            began = time.perf_counter()
            await search.search(question.wish, limit=PAGE)
            took.append((time.perf_counter() - began) * 1e6)
        took.sort()
        p50, p99 = statistics.median(took), took[int(len(took) * 0.99)]
        results.append(Measured(question.name, engine, count, len(page.event_ids), p50, p99))
    return results


def report(results: Sequence[Measured]) -> str:
    """A table: one line for each question, one column for each engine and number of events."""
    columns = list(dict.fromkeys((result.engine, result.events) for result in results))
    lines = [f"{'p50 / p99 in µs (found)':44}" + "".join(f"{f'{engine} {events:,}':>30}" for engine, events in columns)]
    for name in dict.fromkeys(result.question for result in results):
        found = {(result.engine, result.events): result for result in results if result.question == name}
        cells = (
            f"{found[column].p50_us:,.0f} / {found[column].p99_us:,.0f} ({found[column].found})" for column in columns
        )
        lines.append(f"{name:44}" + "".join(f"{cell:>30}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Builds the files, asks, and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=0.5, help="for each question")
    parser.add_argument(
        "--optimize", action="store_true", help="merge the index into one piece first, as after an import"
    )
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL too, on a server of its own")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder where the files are kept and found again")
    options = parser.parse_args()
    results: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        for count in options.events:
            with on_sqlite(options.keep or Path(folder), count, optimize=options.optimize) as search:
                results += asyncio.run(measure(search, "SQLite", count, seconds=options.seconds))
            if options.postgres:
                with on_postgres(count) as search:
                    results += asyncio.run(measure(search, "PostgreSQL", count, seconds=options.seconds))
    print(json.dumps([asdict(result) for result in results], indent=2) if options.json else report(results))


if __name__ == "__main__":
    main()
