"""The search of the SQLite store: an FTS5 index that triggers keep with the table of listings, and how a wish walks it.

Why it looks as it does stands in `docs/search.md`.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, cast

import apsw

from ticketing.base.bounds import EVENT_DURATION_MAX
from ticketing.base.search import PREFIX_LENGTH_MIN, Phase, SearchPage, SearchWish
from ticketing.base.store import BadCursor
from ticketing.base.times import read, written
from ticketing.storage.cursors import read_cursor, write_cursor

POSITION_BITS: Final = 28
"""A listing's position is the minute of its start, since 1970, and so many bits for its place within that minute."""
APART_BITS: Final = 16
"""What comes last within a minute leaves 2**-16 of the minute's room free before it, so that others fit between."""

LASTING_HOURS: Final = (4, 24, 240)
"""Events are classed by how long they last: what goes on now is looked for in each class no further back than its longest lasts.
What lasts longer than the last of these is the class after it, up to `EVENT_DURATION_MAX`."""

EXPANSIONS_MAX: Final = 48
"""A last word is looked up as the words that begin with it, up to so many; past that FTS5 merges their lists by itself."""
INDEXED_PREFIX_LENGTH_MAX: Final = 4
"""So many characters of every token have a list of their own in the index (`prefix` below)."""

NAME_MARK: Final = "="
FACET_MARK: Final = "____"
"""Marks keep three kinds of tokens apart in one column: `word`, `=word` for a word of the name, `____facet`. The facets' is as long as
the longest indexed prefix, so that all facets of an event share one entry there."""

_STARTS_AT: Final = "(unixepoch(new.start_date_time) * 1000000 + cast(substr(new.start_date_time, 21, 6) as integer))"
_ENDS_AT: Final = _STARTS_AT.replace("start_date_time", "end_date_time")
_FLOOR: Final = f"({_STARTS_AT} / 60000000 << {POSITION_BITS})"
_CEILING: Final = f"({_STARTS_AT} / 60000000 + 1 << {POSITION_BITS})"
_FLOOR_IF_FULL: Final = (
    f"iif(exists (select 1 from event_positions where event_id = new.event_id), {_CEILING}, {_FLOOR})"
)
_ROOM: Final = 1 << POSITION_BITS

_LASTING_CLASS: Final = (
    "case "
    + " ".join(
        f"when placed.ends_at - placed.starts_at <= {hours * 3_600_000_000} then {place}"
        for place, hours in enumerate(LASTING_HOURS)
    )
    + f" else {len(LASTING_HOURS)} end"
)

_PLACED_ANEW: Final = f"""
  select event_id, starts_at, ends_at, {_FLOOR} + row_number() over (order by starts_at, event_id) * (
    {_ROOM} / (select count(*) + 1 from event_positions where position < 0)) as position
  from event_positions where position < 0
"""

_ADD: Final = f"""
  -- Between its neighbours by start and id, if there is room.
  insert into event_positions (position, event_id, starts_at, ends_at)
  select wanted, new.event_id, {_STARTS_AT}, {_ENDS_AT} from (
    select before, after, case
      when before is null and after is null then {_FLOOR} + {_ROOM} / 2
      when after is null then before + max(1, {_CEILING} - before >> {APART_BITS})
      when before is null then after - max(1, after - {_FLOOR} >> {APART_BITS})
      else (before + after) / 2
    end as wanted
    from (
      select before, (
        select min(position) from event_positions
        where position > coalesce(before, {_FLOOR} - 1) and position < {_CEILING}
      ) as after
      from (
        select (
          select position from event_positions
          where position >= {_FLOOR} and position < {_CEILING} and (starts_at, event_id) < ({_STARTS_AT}, new.event_id)
          order by position desc limit 1
        ) as before
      )
    )
  )
  where wanted > coalesce(before, {_FLOOR} - 1) and wanted < coalesce(after, {_CEILING});

  -- If there was none, all of its minute are placed anew, evenly: they step aside below zero first.
  delete from event_search where rowid in (
    select position from event_positions where position >= {_FLOOR_IF_FULL} and position < {_CEILING});
  update event_positions set position = -position where position >= {_FLOOR_IF_FULL} and position < {_CEILING};
  insert or ignore into event_positions (position, event_id, starts_at, ends_at)
  values (-{_CEILING}, new.event_id, {_STARTS_AT}, {_ENDS_AT});

  insert into event_search (rowid, tokens)
  select
    placed.position,
    listings.words || ' ' || listings.event_name || ' {NAME_MARK}' || replace(listings.event_name, ' ', ' {NAME_MARK}')
      || ' {FACET_MARK}lasting_' || {_LASTING_CLASS}
      || ' {FACET_MARK}month_' || substr(listings.start_date_time, 1, 4) || substr(listings.start_date_time, 6, 2)
      || coalesce((select group_concat(' {FACET_MARK}' || value, '') from json_each(listings.facets)), '')
  from (
    select event_id, starts_at, ends_at, position from event_positions where event_id = new.event_id and position >= 0
    union all {_PLACED_ANEW}
  ) placed join listings using (event_id);
  update event_positions set position = placed.position
  from ({_PLACED_ANEW}) placed
  where event_positions.position < 0 and event_positions.event_id = placed.event_id;

  insert or ignore into search_words (word)
  select value from json_each('[' || replace(json_quote(new.event_name || ' ' || new.words), ' ', '","') || ']')
  where length(value) >= {INDEXED_PREFIX_LENGTH_MAX};
"""

_REMOVE: Final = """
  delete from event_search where rowid = (select position from event_positions where event_id = old.event_id);
  delete from event_positions where event_id = old.event_id;
"""

SEARCH_DDL: Final[tuple[str, ...]] = (
    """create table event_positions (
  position integer primary key,
  event_id text not null unique,
  starts_at integer not null,
  ends_at integer not null
) strict""",
    "create table search_words (word text not null primary key) strict, without rowid",
    f"""create virtual table event_search using fts5(
  tokens, content = '', contentless_delete = 1, detail = none, prefix = '2 3 {INDEXED_PREFIX_LENGTH_MAX}',
  tokenize = "ascii tokenchars '_{NAME_MARK}'"
)""",
    f"create trigger listings_searched_insert after insert on listings begin {_ADD} end",
    f"create trigger listings_searched_delete after delete on listings begin {_REMOVE} end",
    f"""create trigger listings_searched_update after update on listings
when (old.event_id, old.event_name, old.words, old.facets, old.start_date_time, old.end_date_time)
  is not (new.event_id, new.event_name, new.words, new.facets, new.start_date_time, new.end_date_time)
begin {_REMOVE} {_ADD} end""",
)
"""What SQLite needs beside the declared tables. `event_positions` gives each listing a number that sorts by start, then id;
`event_search` has the tokens under that number; `search_words` has every longer word that was ever listed."""

OPTIMIZE: Final = "insert into event_search (event_search) values ('optimize')"
"""Merges the index into one piece: worth it after an import, not needed otherwise."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MINUTE: Final = 60_000_000
_EVER: Final = 1 << 62
_POSITION_MAX: Final = (1 << 63) - 1
_CURSOR: Final = "search"

_CONDITIONS: Final = (
    "{position} >= ? and {position} < ? and place.starts_at >= ? and place.starts_at < ? "
    "and place.ends_at > ? and place.ends_at <= ? order by {position} {direction} limit ?"
)


def _statement(*, by_tokens: bool, descending: bool) -> str:
    direction = "desc" if descending else "asc"
    if not by_tokens:
        rest = _CONDITIONS.format(position="place.position", direction=direction)
        return f"select place.position, place.event_id from event_positions place where {rest}"
    rest = _CONDITIONS.format(position="event_search.rowid", direction=direction)
    return (
        "select place.position, place.event_id from event_search cross join event_positions place "
        f"on place.position = event_search.rowid where event_search match ? and {rest}"
    )


_STATEMENTS: Final = {
    (by_tokens, descending): _statement(by_tokens=by_tokens, descending=descending)
    for by_tokens in (True, False)
    for descending in (True, False)
}


@dataclass(frozen=True, slots=True)
class _Span:
    """Half-open bounds in microseconds since 1970: starts in [`start`, `stop`), ends in (`over_after`, `over_by`]."""

    start: int = 0
    stop: int = _EVER
    over_after: int = -1
    over_by: int = _EVER

    def within(self, *, start: int = 0, stop: int = _EVER) -> "_Span":
        """The part of it that starts within these bounds."""
        return _Span(max(self.start, start), min(self.stop, stop), self.over_after, self.over_by)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One walk over positions: those that have the tokens of `match` (None: all) and lie in the span."""

    match: str | None
    span: _Span


@dataclass(frozen=True, slots=True)
class _Run:
    """Walks whose finds are merged by position."""

    walks: tuple[_Walk, ...]
    descending: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """Runs that follow one another. Their number depends on nothing but whether there are words, so that cursors can name one.

    What matches in any of several runs matches `at_all`.
    """

    runs: Sequence[_Run]
    at_all: str | None = None


class SqliteSearch:
    """Finds listings in the FTS5 index. Reads run where they are called: a page takes well under two milliseconds.

    `connection` gives the connection to read with; tests of `bench/reads_store.py` say what a page costs.
    """

    def __init__(self, connection: Callable[[], apsw.Connection]) -> None:
        self._connection = connection

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match, from `cursor` on. Raises BadCursor."""
        connection = self._connection()
        now, first_run, after = (wish.now, 0, None) if cursor is None else _read(cursor)
        plan = _plan(wish, now=now, expand=lambda word: _words_from(connection, word))
        found: list[tuple[int, int, str]] = []
        for number, run in enumerate(plan.runs[first_run:], first_run):
            if number == 1 and not found and plan.at_all is not None and not _is_any(connection, plan.at_all):
                break
            missing = limit + 1 - len(found)
            walks = [_walked(connection, walk, run, after=after, limit=missing) for walk in run.walks]
            merged = heapq.merge(*walks, reverse=run.descending)
            found += [(number, position, event_id) for position, event_id in islice(merged, missing)]
            after = None
            if len(found) > limit:
                break
        next_cursor = None
        if len(found) > limit:
            number, position, _ = found[limit - 1]
            next_cursor = write_cursor(_CURSOR, [written(now), number, position])
        return SearchPage(tuple(event_id for _, _, event_id in found[:limit]), next_cursor)


def _read(cursor: str) -> tuple[datetime, int, int]:
    now, run, position = read_cursor(_CURSOR, cursor, length=3)
    if not isinstance(now, str) or type(run) is not int or type(position) is not int:
        raise BadCursor
    if not 0 <= run < 4 or not 0 <= position < _POSITION_MAX:
        raise BadCursor
    try:
        return read(now), run, position
    except ValueError as error:
        raise BadCursor from error


def _walked(
    connection: apsw.Connection, walk: _Walk, run: _Run, *, after: int | None, limit: int
) -> Sequence[tuple[int, str]]:
    """The first finds of a walk past the position `after`."""
    span = walk.span
    low = span.start // _MINUTE << POSITION_BITS
    high = min(_POSITION_MAX, span.stop // _MINUTE + 1 << POSITION_BITS)
    if after is not None and run.descending:
        high = min(high, after)
    elif after is not None:
        low = max(low, after + 1)
    bounds = (low, high, span.start, span.stop, span.over_after, span.over_by, limit)
    statement = _STATEMENTS[walk.match is not None, run.descending]
    rows = connection.execute(statement, bounds if walk.match is None else (walk.match, *bounds))
    return cast("list[tuple[int, str]]", rows.fetchall())


def _plan(wish: SearchWish, *, now: datetime, expand: Callable[[str], Sequence[str]]) -> _Plan:
    """How a wish is walked."""
    if not all(wish.facets):
        return _Plan(())
    groups = [_one_of(FACET_MARK + facet for facet in group) for group in wish.facets]
    moment = _microseconds(now)
    span = _span(wish, now=moment)
    if not wish.words:
        return _Plan((_run(groups, None, span, wish, now=moment, descending=False),))
    expanded = expand(wish.words[-1])
    in_name = _words(NAME_MARK, wish.words, expanded)
    anywhere = _words("", wish.words, expanded)
    spans = {False: span.within(start=moment + 1), True: span.within(stop=moment + 1)}
    runs = [
        _run([*terms, *groups], without, spans[begun], wish, now=moment, descending=begun)
        for terms, without in ((in_name, None), (anywhere, _all_of(in_name)))
        for begun in (False, True)
    ]
    return _Plan(runs, at_all=_all_of([*anywhere, *groups]))


def _is_any(connection: apsw.Connection, match: str) -> bool:
    """Whether anything at all matches. Where nothing does, FTS5 finds out only at the end of its lists: once is enough."""
    return (
        connection.execute("select 1 from event_search where event_search match ? limit 1", (match,)).fetchone()
        is not None
    )


def _span(wish: SearchWish, *, now: int) -> _Span:
    start = 0 if wish.starts_from is None else _microseconds(wish.starts_from)
    stop = _EVER if wish.starts_to is None else _microseconds(wish.starts_to)
    match wish.phase:
        case Phase.UPCOMING:
            return _Span(max(start, now + 1), stop)
        case Phase.ONGOING:
            return _Span(start, min(stop, now + 1), over_after=now)
        case Phase.COMPLETED:
            return _Span(start, min(stop, now + 1), over_by=now)
        case None:
            return _Span(start, stop)


def _run(
    terms: Sequence[str], without: str | None, span: _Span, wish: SearchWish, *, now: int, descending: bool
) -> _Run:
    """The walks that find all of `terms` and not `without` in the span, in one direction."""
    if wish.phase is not Phase.ONGOING:
        spans: list[tuple[list[str], _Span]] = [([], span)]
    else:
        longest = [*(timedelta(hours=hours) for hours in LASTING_HOURS), EVENT_DURATION_MAX]
        lately = [span.within(start=now - lasting // _MICROSECOND) for lasting in longest]
        spans = [
            ([_one(f"{FACET_MARK}lasting_{number}"), _one_of(_months(within))], within)
            for number, within in enumerate(lately)
            if within.start < within.stop
        ]
    return _Run(
        tuple(
            _Walk(_but(_all_of([*narrowing, *terms]), without), within)
            for narrowing, within in spans
            if within.start < within.stop
        ),
        descending,
    )


def _months(span: _Span) -> Iterator[str]:
    """The tokens of the months that a span starts in. FTS5 looks for the next match past the end of a range of positions, all the
    way to the end of its lists, so that a short span is worth saying in tokens too.
    """
    first, last = (_EPOCH + moment * _MICROSECOND for moment in (span.start, span.stop - 1))
    for month in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        yield f"{FACET_MARK}month_{month // 12:04}{month % 12 + 1:02}"


def _words(mark: str, words: Sequence[str], expanded: Sequence[str]) -> list[str]:
    """The terms that find all the words among tokens with this mark; `expanded` are the words that begin with the last."""
    *exact, last = (mark + word for word in words)
    return [*map(_one, exact), _beginning(last, mark, letters=len(words[-1]), expanded=expanded)]


def _beginning(token: str, mark: str, *, letters: int, expanded: Sequence[str]) -> str:
    if letters < PREFIX_LENGTH_MIN:
        return _one(token)
    if len(token) <= INDEXED_PREFIX_LENGTH_MAX or len(expanded) > EXPANSIONS_MAX:
        return f"{_one(token)} *"
    return _one_of((token, *(mark + word for word in expanded)))


def _one(token: str) -> str:
    assert '"' not in token
    return f'"{token}"'


def _one_of(tokens: Iterable[str]) -> str:
    return "(" + " OR ".join(map(_one, dict.fromkeys(tokens))) + ")"


def _all_of(terms: Sequence[str]) -> str | None:
    """None where nothing is asked, which every listing fulfils."""
    return " AND ".join(terms) or None


def _but(match: str | None, without: str | None) -> str | None:
    return match if without is None else f"({match}) NOT ({without})"


def _words_from(connection: apsw.Connection, beginning: str) -> list[str]:
    """Listed words that begin so, one more than can be used where there are too many."""
    if len(beginning) < INDEXED_PREFIX_LENGTH_MAX:
        return []
    found = connection.execute(
        "select word from search_words where word >= ? and word < ? order by word limit ?",
        (beginning, beginning + "\U0010ffff", EXPANSIONS_MAX + 1),
    )
    return [word for (word,) in found]


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
