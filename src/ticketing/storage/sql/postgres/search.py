"""The search of the PostgreSQL store: one GIN index over the tokens of each listing, and how a wish walks it window by window.

Why it looks as it does stands in `docs/search.md`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Final, TypeAlias

from ticketing.base.bounds import EVENT_DURATION_MAX
from ticketing.base.search import PREFIX_LENGTH_MIN, Phase, SearchPage, SearchWish
from ticketing.base.store import BadCursor
from ticketing.base.times import read, written
from ticketing.storage.cursors import read_cursor, write_cursor
from ticketing.storage.sql.postgres.connections import Connections

BEGINNING_LENGTH_MAX: Final = 16
"""Beginnings of so many letters are tokens of their own, so that the many words that begin alike are one list; a longer one is looked
up as the few words that begin so. All the tokens of the longest text stay under the megabyte that PostgreSQL allows."""

NAME_MARK: Final = "="
BEGINNING_MARK: Final = "<"
FACET_MARK: Final = "#"
LASTING_MARK: Final = "~"
TIME_MARK: Final = "@"
"""Marks keep the kinds of tokens apart: `word`, `=word` for a word of the name, `<wo` and `=<wo` for beginnings of either, `#facet`,
`~1` for how long it lasts, and `@0_20800` for when it starts. None of them is a letter, so that no beginning of a word finds them."""

LASTING_DAYS: Final = (1, 10)
"""Events are classed by how long they last: what goes on now is looked for in each class no further back than its longest lasts.
What lasts longer than the last of these is the class after it, up to `EVENT_DURATION_MAX`."""

SPAN_BITS: Final = 3
SPAN_LEVELS: Final = 7
"""When an event starts is seven tokens: its day since 1970, and that day by 8, by 64 and so on. So any window is "any of" some eight
of them, whose ends are rounded out; what is found by them is looked at exactly."""

WINDOWS: Final = 4
"""A search looks for a page in the first day, then as far as 8 days away, 64, 512 and 4,096, and at the last in all that is left. So
little more is ever sorted than eight pages, unless hardly anything lay before."""

FAR: Final = 3
"""Windows from this one on are far: what they look through is worth asking first whether anything matches at all."""

WALKED_MAX: Final = 100
"""So many listings a list looks at one after the other before it asks the index: most lists have their page by then."""

_DAY: Final = "floor(extract(epoch from starts at time zone 'UTC') / 86400)::bigint"

_LASTING_CLASS: Final = (
    "case "
    + " ".join(
        f"when ends - starts <= interval '{24 * days} hours' then {place}" for place, days in enumerate(LASTING_DAYS)
    )
    + f" else {len(LASTING_DAYS)} end"
)

SEARCH_DDL: Final[tuple[str, ...]] = (
    # Dear to whoever plans a query, so that it is looked up in the index and never worked out for a listing.
    f"""create function listing_tokens(event_name text, words text, facets json, starts timestamptz, ends timestamptz)
returns tsvector language sql immutable parallel safe cost 100000 as $$
  with marked as (
    select '' as mark, word from unnest(string_to_array(event_name || ' ' || words, ' ')) as word where word <> ''
    union all
    select '{NAME_MARK}', word from unnest(string_to_array(event_name, ' ')) as word where word <> ''
  )
  select array_to_tsvector(array(
    select mark || word from marked
    union all
    select mark || '{BEGINNING_MARK}' || left(word, letters)
    from marked, generate_series({PREFIX_LENGTH_MIN}, {BEGINNING_LENGTH_MAX}) as letters where length(word) >= letters
    union all
    select '{FACET_MARK}' || facet from json_array_elements_text(facets) as facet
    union all
    select '{LASTING_MARK}' || {_LASTING_CLASS}
    union all
    select '{TIME_MARK}' || level || '_' || ({_DAY} >> {SPAN_BITS} * level) from generate_series(0, {SPAN_LEVELS - 1}) as level
  ))
$$""",
    """create index listings_by_tokens on listings using gin
  (listing_tokens(event_name, words, facets, start_date_time, end_date_time)) with (fastupdate = off)""",
    # What is never planned with need not be sampled: that would work out the tokens of thousands of listings.
    "alter index listings_by_tokens alter column 1 set statistics 0",
    "create index listings_by_start on listings (start_date_time, event_id)",
)
"""What PostgreSQL needs beside the declared tables."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_LENGTH: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
_COARSEST: Final = SPAN_BITS * (SPAN_LEVELS - 1)
_RUNS: Final = 4
_CURSOR: Final = "search in PostgreSQL"

_TOKENS: Final = "listing_tokens(event_name, words, facets, start_date_time, end_date_time)"


_IS_ANY_IN_NAMES, _IS_ANY = (
    f"exists (select from listings where {_TOKENS} @@ ${number}::text::tsquery)" for number in (12, 13)
)
"""Where two common things never meet, the whole of their lists tells it soonest. Each is asked once, when a far part is reached."""


def _read_of_part(*, backwards: bool) -> str:
    gate, direction = ("part.backwards", "desc") if backwards else ("not part.backwards", "asc")
    return (
        f"(select start_date_time, event_id from (select start_date_time, event_id, end_date_time from listings "
        f"where {gate} and (not part.is_far or case when part.run < 2 then {_IS_ANY_IN_NAMES} else {_IS_ANY} end) "
        f"and {_TOKENS} @@ part.tokens::tsquery offset 0) as listing "  # by this index alone
        "where (start_date_time, event_id) > (part.after_start, part.after_id) "
        "and (start_date_time, event_id) < (part.before_start, part.before_id) "
        f"and end_date_time > $9 and end_date_time <= $10 order by start_date_time {direction}, event_id {direction} limit $11)"
    )


_SEARCH: Final = (
    "select part.run, found.start_date_time, found.event_id "
    "from unnest($1::int[], $2::text[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[], $7::boolean[], $8::boolean[]) "
    "as part (run, tokens, after_start, after_id, before_start, before_id, backwards, is_far) "
    f"cross join lateral ({_read_of_part(backwards=False)} union all {_read_of_part(backwards=True)}) as found limit $11"
)
"""Looks into one part after the other, in the order given, and into none after the page is full: what is joined laterally is read for
each row of what stands before it, when that row is reached."""


@cache
def _walk(groups: int) -> str:
    """Looks at the $7 listings after a position: those that match, and the last of so many, whether it matches or not.

    What else is asked is no condition of the inner read, so that the index of starts is read in its order and no further.
    """
    facets = "".join(f" and facets::jsonb ?| ${number}::text[]" for number in range(9, 9 + groups))
    return (
        "select start_date_time, event_id, matched, place from ("
        "select start_date_time, event_id, row_number() over (order by start_date_time, event_id) as place, "
        "(start_date_time, event_id) < ($3::timestamptz, $4::text) and end_date_time > $5 and end_date_time <= $6"
        f"{facets} as matched from listings where (start_date_time, event_id) > ($1, $2) "
        "order by start_date_time, event_id limit $7"
        ") as walked where matched or place = $7 limit $8"
    )


Position: TypeAlias = tuple[datetime, str]
"""A start and an id; with the empty id it stands before all that start then."""


@dataclass(frozen=True, slots=True)
class _Span:
    """What stands between two positions, not at them, and ends in (`over_after`, `over_by`]."""

    after: Position = (_FIRST, "")
    before: Position = (_LAST, "")
    over_after: datetime = _FIRST
    over_by: datetime = _LAST

    def within(self, *, after: Position = (_FIRST, ""), before: Position = (_LAST, "")) -> "_Span":
        """The part of it that stands between these."""
        return replace(self, after=max(self.after, after), before=min(self.before, before))


@dataclass(frozen=True, slots=True)
class _Run:
    """All that has these tokens and stands in the span, in one direction; cursors name it by its number."""

    number: int
    tokens: str
    span: _Span
    backwards: bool = False
    is_far: bool = False

    def past(self, position: Position) -> "_Run":
        """What comes after this position."""
        span = self.span.within(before=position) if self.backwards else self.span.within(after=position)
        return replace(self, span=span)


@dataclass(frozen=True, slots=True)
class _Find:
    """A listing that was found, and in which run."""

    run: int
    position: Position


class PostgresSearch:
    """Finds listings by an index of their tokens. `connections` are those to read with."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Up to `limit` events that match, from `cursor` on. Raises BadCursor, Busy."""
        now, last = (wish.now, None) if cursor is None else _read(cursor)
        if not all(wish.facets):
            return SearchPage((), None)
        runs = _runs(wish, now=now)
        if last is not None:
            if last.run >= len(runs):
                raise BadCursor
            runs = [runs[last.run].past(last.position), *runs[last.run + 1 :]]
        if wish.words:
            found = await self._found(runs, wish, now=now, wanted=limit + 1)
        else:
            found = await self._listed(runs[0], wish, now=now, wanted=limit + 1)
        next_cursor = _written(found[limit - 1], now=now) if len(found) > limit else None
        return SearchPage(tuple(find.position[1] for find in found[:limit]), next_cursor)

    async def _listed(self, run: _Run, wish: SearchWish, *, now: datetime, wanted: int) -> list[_Find]:
        """The first finds without words: most lists have their page after a few steps from one listing to the next."""
        if wish.phase is Phase.ONGOING:  # what is over already lies between
            return await self._found([run], wish, now=now, wanted=wanted)
        steps = max(WALKED_MAX, wanted)
        span = run.span
        bounds = (*span.after, *span.before, span.over_after, span.over_by)
        groups = [list(group) for group in wish.facets]
        rows = await self._connections.read(_walk(len(groups)), *bounds, steps, wanted, *groups)
        found = [_Find(run.number, (start, event_id)) for start, event_id, matched, _ in rows if matched]
        if len(found) < wanted and rows and rows[-1]["place"] == steps:
            rest = run.past((rows[-1]["start_date_time"], rows[-1]["event_id"]))
            found += await self._found([rest], wish, now=now, wanted=wanted - len(found))
        return found

    async def _found(self, runs: Sequence[_Run], wish: SearchWish, *, now: datetime, wanted: int) -> list[_Find]:
        parts = [part for run in runs if run.span.after < run.span.before for part in _parts(run, wish, now=now)]
        if not parts:
            return []
        columns = map(
            list,
            zip(
                *((p.number, p.tokens, *p.span.after, *p.span.before, p.backwards, p.is_far) for p in parts),
                strict=True,
            ),
        )
        bounds = parts[0].span.over_after, parts[0].span.over_by
        rows = await self._connections.read(_SEARCH, *columns, *bounds, wanted, *_whole(wish))
        return [_Find(run, (start, event_id)) for run, start, event_id in rows]


# Cursors -------------------------------------------------------------------------------------------------------------


def _written(find: _Find, *, now: datetime) -> str:
    start, event_id = find.position
    return write_cursor(_CURSOR, [written(now), find.run, written(start), event_id])


def _read(cursor: str) -> tuple[datetime, _Find]:
    now, run, start, event_id = read_cursor(_CURSOR, cursor, length=4)
    try:
        find = _Find(range(_RUNS).index(run), (read(start), str(event_id)))
        if "\0" in find.position[1]:
            raise BadCursor
        return read(now), find
    except (TypeError, ValueError) as error:
        raise BadCursor from error


# Runs and their parts ------------------------------------------------------------------------------------------------


def _runs(wish: SearchWish, *, now: datetime) -> list[_Run]:
    """The runs that a wish is made of, in order."""
    span = _span(wish, now=now)
    facets = _groups(wish)
    if not wish.words:
        return [_Run(0, _all_of(facets), span)]
    in_name, anywhere = _words(NAME_MARK, wish.words), _words("", wish.words)
    here = (_next(now), "")
    return [
        _Run(number, _all_of([words, *facets]), span.within(before=here) if begun else span.within(after=here), begun)
        for number, (words, begun) in enumerate(product((in_name, f"{anywhere} & !({in_name})"), (False, True)))
    ]


def _whole(wish: SearchWish) -> Iterator[str]:
    """What everything has that matches by its name, and by any of its words."""
    for mark in (NAME_MARK, ""):
        yield _all_of([_words(mark, wish.words) if wish.words else "", *_groups(wish)])


def _groups(wish: SearchWish) -> list[str]:
    return [_one_of(FACET_MARK + facet for facet in group) for group in wish.facets]


def _span(wish: SearchWish, *, now: datetime) -> _Span:
    after = (_FIRST if wish.starts_from is None else wish.starts_from, "")
    before = (_LAST if wish.starts_to is None else wish.starts_to, "")
    here = (_next(now), "")
    match wish.phase:
        case Phase.UPCOMING:
            return _Span(after, before).within(after=here)
        case Phase.ONGOING:
            return _Span(after, before, over_after=now).within(
                before=here, after=(_day_begins(_day(now) - _LONGEST), "")
            )
        case Phase.COMPLETED:
            return _Span(after, before, over_by=now).within(before=here)
        case None:
            return _Span(after, before)


def _parts(run: _Run, wish: SearchWish, *, now: datetime) -> Iterator[_Run]:
    """The run, cut into parts that follow one another."""
    if wish.phase is Phase.ONGOING:
        yield replace(run, tokens=_all_of([run.tokens, _going_on(_day(now))]))
        return
    low, high = _day(run.span.after[0]), _day(run.span.before[0])
    done = 0
    for level in range(WINDOWS + 2):
        reached = high - low + 1 if level > WINDOWS else min(1 << SPAN_BITS * level, high - low + 1)
        if done < reached:
            days = (high - reached + 1, high - done) if run.backwards else (low + done, low + reached - 1)
            yield replace(_within_days(run, *days, level=max(0, level - 1)), is_far=level >= FAR)
            done = reached


def _within_days(run: _Run, first: int, last: int, *, level: int) -> _Run:
    span = run.span.within(after=(_day_begins(first), ""), before=(_day_begins(last + 1), ""))
    return replace(run, tokens=_all_of([run.tokens, _one_of(days_tokens(first, last, level=level))]), span=span)


def _going_on(today: int) -> str:
    """What finds all that goes on today, and little else."""
    longest = (*LASTING_DAYS, _LONGEST)
    return _one_of_all(
        _all_of([_one(f"{LASTING_MARK}{place}"), _one_of(days_tokens(today - days, today, level=int(days > 64)))])
        for place, days in enumerate(longest)
    )


def days_tokens(first: int, last: int, *, level: int = 0) -> Iterator[str]:
    """Tokens of which everything that starts from the first to the last of these days has one, and little else has.

    `level` is that of the finest of them.
    """
    size = 1 << SPAN_BITS
    first, last = first >> SPAN_BITS * level, last >> SPAN_BITS * level
    while last - first > 2 * size and level < SPAN_LEVELS - 1:  # coarser ones, but for the rest of one at each end
        while first % size:
            yield f"{TIME_MARK}{level}_{first}"
            first += 1
        while (last + 1) % size:
            yield f"{TIME_MARK}{level}_{last}"
            last -= 1
        first, last, level = first >> SPAN_BITS, last >> SPAN_BITS, level + 1
    for unit in range(first, last + 1):
        yield f"{TIME_MARK}{level}_{unit}"


_LONGEST: Final = EVENT_DURATION_MAX // _DAY_LENGTH + 1


def _day(moment: datetime) -> int:
    """The number of its day; of the first and last of all that can be said, of that of the coarsest unit they lie in."""
    day = (moment - _EPOCH) // _DAY_LENGTH
    if moment == _FIRST:
        return day >> _COARSEST << _COARSEST
    return day | (1 << _COARSEST) - 1 if moment == _LAST else day


def _day_begins(day: int) -> datetime:
    """The first moment of a day, or the nearest that can be said."""
    if day <= (_FIRST - _EPOCH) // _DAY_LENGTH:
        return _FIRST
    return _LAST if day > (_LAST - _EPOCH) // _DAY_LENGTH else _EPOCH + day * _DAY_LENGTH


def _next(moment: datetime) -> datetime:
    return moment if moment == _LAST else moment + _TICK


# Tokens --------------------------------------------------------------------------------------------------------------


def _words(mark: str, words: Sequence[str]) -> str:
    """What finds all the words among tokens with this mark, the last one also as a beginning."""
    *exact, last = words
    return _all_of([*(_one(mark + word) for word in exact), _beginning(mark, last)])


def _beginning(mark: str, word: str) -> str:
    if len(word) < PREFIX_LENGTH_MIN:
        return _one(mark + word)
    if len(word) <= BEGINNING_LENGTH_MAX:
        return _one(f"{mark}{BEGINNING_MARK}{word}")
    return f"{_one(mark + word)}:*"


def _one(token: str) -> str:
    return "'" + token.replace("\\", "\\\\").replace("'", "''") + "'"


def _one_of(tokens: Iterable[str]) -> str:
    return _one_of_all(map(_one, tokens))


def _one_of_all(terms: Iterable[str]) -> str:
    return f"({' | '.join(terms)})"


def _all_of(terms: Iterable[str]) -> str:
    return " & ".join(term for term in terms if term)
