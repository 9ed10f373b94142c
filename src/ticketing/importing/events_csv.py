"""Reads events from a CSV file, whose columns docs/importing.md describes: one line for each ticket type of an event."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from ticketing.base import bounds, money
from ticketing.importing.findings import Findings
from ticketing.importing.local_time import WrongLocalTime, moment_of, zone_named
from ticketing.importing.model import Import, ImportedEvent, ImportedTicketType, ImportedVenue
from ticketing.importing.places import COUNTRY_CODES
from ticketing.importing.records import shown
from ticketing.importing.text import distinct, many_lines, one_line, source_key, web_link

REQUIRED_COLUMNS: Final = ("event_name", "start_date_time", "end_date_time", "timezone")
EVENT_COLUMNS: Final = (
    "event_name",
    "description",
    "start_date_time",
    "end_date_time",
    "timezone",
    "categories",
    "tags",
    "image_url",
    "external_links",
    "capacity",
    "currency",
    "sales_start_date",
    "sales_end_date",
)
VENUE_COLUMNS: Final = (
    "venue_name",
    "address",
    "city",
    "state",
    "zip_code",
    "country",
    "venue_capacity",
    "amenities",
    "latitude",
    "longitude",
)
TICKET_TYPE_COLUMNS: Final = ("ticket_type", "price", "quantity")
COLUMNS: Final = ("id", *EVENT_COLUMNS, *VENUE_COLUMNS, *TICKET_TYPE_COLUMNS)

_LIST_SEPARATOR: Final = ";"
_CELLS_MAX: Final = 100  # Four times our columns; a longer line has lost a quote.
_MOMENT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?)(Z|[+-]\d{2}:\d{2})?")
_WHOLE: Final = re.compile(r"\d{1,9}")
_PRICE: Final = re.compile(r"(\d{1,12})(?:\.(\d{1,4}))?")
_DEGREES: Final = re.compile(r"-?\d{1,3}(?:\.\d{1,12})?")

_Value = TypeVar("_Value")


def read_events_csv(content: bytes, *, file_name: str = "events.csv") -> Import:
    """Every event of the file with its venue and ticket types; an event with a mistake in any of its lines is left out.

    All wrong fields of a line are named. A file over its bounds, without a header or with a column twice is refused as
    a whole. The `source_key` of an event is its `id`, which therefore has to be unique over all files of one organizer;
    without an id it is the event's name, start, venue and city, by which no two events can be told apart either.
    """
    findings = Findings(file_name=file_name)
    lines = _lines(content, findings)
    grouped: dict[str, list[_Line]] = {}
    for line in lines:
        grouped.setdefault(_event_key(line), []).append(line)
    venue_lines: dict[str, _Line] = {}
    for key, event_lines in grouped.items():
        _read_event(key, event_lines, venue_lines, findings)
    return findings.imported()


@dataclass(frozen=True, slots=True)
class _Line:
    """One record of the file, which may go over several lines; `values` has the columns that are not empty.

    One that is not `intact` has cells that belong to no column; it is noted already, and its event must not go in.
    """

    number: int
    place: str
    values: Mapping[str, str]
    intact: bool


class _Cells:
    """The cells of one line, read one by one; what is wrong is noted and counted, and reading goes on."""

    def __init__(self, line: _Line, findings: Findings) -> None:
        self._line = line
        self._findings = findings
        self.right = True

    def wrong(self, column: str, reason: str) -> None:
        self._findings.add_mistake(f"{self._line.place}, column {column}", reason)
        self.right = False

    def parsed(self, column: str, parse: Callable[[str], _Value]) -> _Value | None:
        """The value of the cell; None if it is empty, or wrong, which is noted."""
        text = self._line.values.get(column)
        if text is None:
            return None
        try:
            return parse(text)
        except _WrongCell as wrong:
            self.wrong(column, str(wrong))
            return None

    def required(self, column: str, parse: Callable[[str], _Value]) -> _Value | None:
        """As `parsed`, but an empty cell is wrong."""
        if column not in self._line.values:
            self.wrong(column, "is empty")
            return None
        return self.parsed(column, parse)


class _NotCsv(ValueError):
    """The file is not CSV from this line on."""

    def __init__(self, reason: str, *, line: int) -> None:
        super().__init__(reason)
        self.line = line


class _WrongCell(ValueError):
    """The cell cannot be read; the message says what was expected."""


def _lines(content: bytes, findings: Findings) -> list[_Line]:
    """The lines below the header, or none if the file as a whole is refused."""
    name = findings.file_name
    if len(content) > bounds.IMPORT_BYTES_MAX:
        findings.add_mistake(name, f"is over {bounds.IMPORT_BYTES_MAX // 1024 // 1024} MB; split it")
        return []
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        findings.add_mistake(f"{name}: line {line}", "is not UTF-8; save the file as “CSV UTF-8”")
        return []
    try:
        # Read to its end at first: where a quote is not closed, what looks like lines behind it are none.
        rows = list(_rows(text))
    except _NotCsv as broken:
        findings.add_mistake(f"{name}: line {broken.line}", f"is not CSV, and nothing is read: {broken}")
        return []
    if not rows:
        findings.add_mistake(name, f"is empty; its first line has to name the columns, such as {REQUIRED_COLUMNS[0]}")
        return []
    columns = _columns(rows[0][1], findings)
    if columns is None:
        return []
    lines: list[_Line] = []
    for number, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        place = f"{name}: line {number}"
        if len(lines) == bounds.IMPORT_LINES_MAX:
            findings.add_mistake(
                place, f"is one more than the {bounds.IMPORT_LINES_MAX} that go in at once; split the file"
            )
            return []
        if len(cells) > len(columns):
            findings.add_mistake(place, f"has {len(cells)} cells for {len(columns)} columns; is a comma not in quotes?")
        lines.append(_Line(number, place, _values(columns, cells), intact=len(cells) <= len(columns)))
    return lines


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of its first line, as RFC 4180 has it. Raises _NotCsv."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _NotCsv(str(error), line=number) from error
        if row:
            yield number, row


def _columns(header: list[str], findings: Findings) -> list[str] | None:
    """The names of the columns; None if the file is refused for them. An unknown one is noted, and its cells left out."""
    place = f"{findings.file_name}: line 1"
    columns = [one_line(cell).lower() for cell in header]
    if len(columns) == 1 and (";" in columns[0] or "\t" in header[0]):
        findings.add_mistake(place, "has no commas between the columns; save the file with commas")
        return None
    if len(columns) > _CELLS_MAX:
        findings.add_mistake(place, f"has over {_CELLS_MAX} columns")
        return None
    refused = False
    for column in distinct(columns):
        if columns.count(column) > 1:
            findings.add_mistake(f"{place}, column {column}", "is there twice")
            refused = True
    for column in REQUIRED_COLUMNS:
        if column not in columns:
            findings.add_mistake(place, f"does not name the column {column}")
            refused = True
    for column in distinct(columns):
        if column not in COLUMNS:
            findings.add_mistake(f"{place}, column {column[:50]}", "is not known; its cells are left out")
    return None if refused else columns


def _values(columns: list[str], cells: list[str]) -> dict[str, str]:
    stripped = zip(columns, map(str.strip, cells), strict=False)
    return {column: cell for column, cell in stripped if cell and column in COLUMNS}


def _event_key(line: _Line) -> str:
    identifier = line.values.get("id")
    if identifier:
        return source_key("csv", "id", identifier)
    identity = (line.values.get(column, "") for column in ("event_name", "start_date_time", "venue_name", "city"))
    return source_key("csv", *identity)


def _read_event(key: str, lines: list[_Line], venue_lines: dict[str, _Line], findings: Findings) -> None:
    """Adds the event of these lines, which share its key, unless something in them is wrong."""
    first = lines[0]
    cells = _Cells(first, findings)
    zone = cells.required("timezone", _zone)
    venue = _venue(cells, first, venue_lines, zone=zone)
    event = _event(cells, key=key, zone=zone, venue=venue)
    currency = first.values.get("currency", "").upper()
    if not currency and any(column in line.values for line in lines for column in TICKET_TYPE_COLUMNS):
        cells.wrong("currency", "is empty, and the event has ticket types")
    right = cells.right and all(line.intact for line in lines)
    ticket_types: dict[str, ImportedTicketType] = {}
    for line in lines:
        line_cells = _Cells(line, findings)
        _compare(line_cells, line, first, (*EVENT_COLUMNS, *VENUE_COLUMNS))
        ticket_type = _ticket_type(line_cells, line, currency=currency)
        if ticket_type is None:
            if line is not first and line_cells.right:
                line_cells.wrong("ticket_type", f"is empty, and the event stands in line {first.number} already")
        elif ticket_type.ticket_type.casefold() in ticket_types:
            line_cells.wrong("ticket_type", f"{shown(ticket_type.ticket_type)} is there twice for this event")
        else:
            ticket_types[ticket_type.ticket_type.casefold()] = ticket_type
        right = right and line_cells.right
    if len(ticket_types) > bounds.TICKET_TYPES_PER_EVENT_MAX:
        findings.add_mistake(first.place, f"has an event with over {bounds.TICKET_TYPES_PER_EVENT_MAX} ticket types")
        return
    if right and event is not None:
        if venue is not None:
            findings.add_venue(venue)
        findings.add_event(replace(event, ticket_types=tuple(ticket_types.values())), place=first.place)


def _compare(cells: _Cells, line: _Line, first: _Line, columns: tuple[str, ...]) -> None:
    """Names each of these cells that says something else than the first line of the same thing; empty says nothing."""
    for column in columns:
        text = line.values.get(column)
        if text is not None and text != first.values.get(column):
            expected = first.values.get(column)
            said = f"{shown(expected)}" if expected else "nothing"
            cells.wrong(column, f"{shown(text)} is not what line {first.number} says, which is {said}")


def _venue(cells: _Cells, line: _Line, venue_lines: dict[str, _Line], *, zone: ZoneInfo | None) -> ImportedVenue | None:
    """The venue of the line; None if it names none, or if something in it is wrong, which is noted."""
    if not any(column in line.values for column in VENUE_COLUMNS):
        return None
    name = cells.required("venue_name", _name)
    address = cells.parsed("address", _short)
    city = cells.parsed("city", _name)
    state = cells.parsed("state", _name)
    zip_code = cells.parsed("zip_code", _code)
    country = cells.parsed("country", _country)
    capacity = cells.parsed("venue_capacity", _count(most=bounds.CAPACITY_MAX))
    amenities = cells.parsed("amenities", _list(_code, most=bounds.AMENITIES_MAX))
    latitude = cells.parsed("latitude", _degrees(most=90))
    longitude = cells.parsed("longitude", _degrees(most=180))
    if ("latitude" in line.values) != ("longitude" in line.values):
        cells.wrong("longitude" if "latitude" in line.values else "latitude", "is empty beside the other of the two")
    if name is None or zone is None or not cells.right:
        return None
    # What a letter to the venue would need. Two halls of one name in one house do not differ here, nor for the public.
    key = source_key("csv", "venue", country or "", city or "", address or "", name)
    first = venue_lines.setdefault(key, line)
    _compare(cells, line, first, _SAME_FOR_A_VENUE)
    return ImportedVenue(
        source_key=key,
        venue_name=name,
        address=address or "",
        city=city or "",
        state=state or "",
        zip_code=zip_code or "",
        country=country,
        capacity=capacity,
        amenities=amenities or (),
        timezone=zone.key,
        latitude=latitude,
        longitude=longitude,
    )


# A venue stands in one zone, and what is in its key is the same in any case.
_SAME_FOR_A_VENUE: Final = ("timezone", "state", "zip_code", "venue_capacity", "amenities", "latitude", "longitude")


def _event(cells: _Cells, *, key: str, zone: ZoneInfo | None, venue: ImportedVenue | None) -> ImportedEvent | None:
    """The event of the line without its ticket types; None if something in it is wrong, which is noted."""
    name = cells.required("event_name", _name)
    description = cells.parsed("description", _long)
    start = cells.required("start_date_time", _moment(zone))
    end = cells.required("end_date_time", _moment(zone))
    sales_start = cells.parsed("sales_start_date", _moment(zone))
    sales_end = cells.parsed("sales_end_date", _moment(zone))
    categories = cells.parsed("categories", _list(_name, most=bounds.CATEGORIES_PER_EVENT_MAX))
    tags = cells.parsed("tags", _list(_code, most=bounds.TAGS_MAX))
    image_url = cells.parsed("image_url", _link)
    external_links = cells.parsed("external_links", _list(_link, most=bounds.LINKS_MAX))
    capacity = cells.parsed("capacity", _count(most=bounds.CAPACITY_MAX))
    currency = cells.parsed("currency", _currency)
    if start and end and end <= start:
        cells.wrong("end_date_time", "is not after start_date_time")
    if start and end and end - start > bounds.EVENT_DURATION_MAX:
        cells.wrong("end_date_time", f"is over {bounds.EVENT_DURATION_MAX.days} days after start_date_time")
    if sales_start and sales_end and sales_end <= sales_start:
        cells.wrong("sales_end_date", "is not after sales_start_date")
    if venue and venue.capacity and capacity and capacity > venue.capacity:
        cells.wrong("capacity", f"{capacity} is over venue_capacity {venue.capacity}")
    if name is None or zone is None or start is None or end is None or not cells.right:
        return None
    return ImportedEvent(
        source_key=key,
        event_name=name,
        description=description or "",
        start_date_time=start,
        end_date_time=end,
        timezone=zone.key,
        venue_key=venue.source_key if venue else None,
        categories=categories or (),
        tags=tags or (),
        image_url=image_url,
        external_links=external_links or (),
        capacity=capacity,
        currency=currency,
        ticket_types=(),
        sales_start_date=sales_start,
        sales_end_date=sales_end,
    )


def _ticket_type(cells: _Cells, line: _Line, *, currency: str) -> ImportedTicketType | None:
    """The ticket type of the line; None if it names none, or if something in it is wrong, which is noted."""
    if not any(column in line.values for column in TICKET_TYPE_COLUMNS):
        return None
    name = cells.required("ticket_type", _name)
    price = cells.required("price", _price(currency))
    quantity = cells.required("quantity", _count(most=bounds.QUANTITY_MAX))
    if name is None or price is None or quantity is None:
        return None
    return ImportedTicketType(ticket_type=name, price_amount=price, quantity=quantity)


# What a cell may say. Each takes the text of a cell that is not empty, and raises _WrongCell with what was expected.


def _bounded(text: str, length_max: int) -> str:
    if len(text) > length_max:
        raise _WrongCell(f"has {len(text)} characters, and {length_max} are the most")
    if not text:
        raise _WrongCell("has nothing that can be seen")
    return text


def _name(text: str) -> str:
    return _bounded(one_line(text), bounds.NAME_LENGTH_MAX)


def _short(text: str) -> str:
    return _bounded(one_line(text), bounds.SHORT_TEXT_LENGTH_MAX)


def _long(text: str) -> str:
    return _bounded(many_lines(text), bounds.IMPORT_FIELD_LENGTH_MAX)


def _code(text: str) -> str:
    return _bounded(one_line(text), bounds.TAG_LENGTH_MAX)


def _zone(text: str) -> ZoneInfo:
    zone = zone_named(text)
    if zone is None:
        raise _WrongCell(f"{shown(text)} is not a time zone like Europe/Berlin")
    return zone


def _country(text: str) -> str:
    code = text.upper()
    if code not in COUNTRY_CODES:
        raise _WrongCell(f"{shown(text)} is not a country code of two letters like DE, GB or US (ISO 3166)")
    return code


def _currency(text: str) -> str:
    code = text.upper()
    if code not in money.CURRENCIES:
        raise _WrongCell(f"{shown(text)} is not a currency of three letters like EUR (ISO 4217)")
    return code


def _link(text: str) -> str:
    link = web_link(text)
    if link is None:
        raise _WrongCell(f"{shown(text)} is not a link like https://example.org of at most 500 characters")
    return link


def _count(*, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not text.isascii() or not 1 <= int(text) <= most:
            raise _WrongCell(f"{shown(text)} is not a whole number from 1 to {most}")
        return int(text)

    return parse


def _degrees(*, most: int) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not _DEGREES.fullmatch(text) or not text.isascii() or abs(float(text)) > most:
            raise _WrongCell(f"{shown(text)} is not a number of degrees from -{most} to {most}, with a point")
        return float(text)

    return parse


def _price(currency: str) -> Callable[[str], int]:
    """In minor units of the currency. A comma is refused, since it parts thousands here and decimals there."""

    def parse(text: str) -> int:
        digits = money.minor_digits(currency)
        parts = _PRICE.fullmatch(text) if text.isascii() else None
        if parts is None:
            raise _WrongCell(f"{shown(text)} is not a price like 25 or 25.50, without sign, currency and comma")
        decimals = parts[2] or ""
        if len(decimals) > digits:
            raise _WrongCell(f"{shown(text)} has {len(decimals)} decimals, and {currency or 'a price'} has {digits}")
        amount: int = int(parts[1]) * 10**digits + int(decimals.ljust(digits, "0") or "0")
        if amount > money.AMOUNT_MAX:
            raise _WrongCell(f"{shown(text)} is over the highest price")
        return amount

    return parse


def _list(parse_one: Callable[[str], str], *, most: int) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        parts = distinct(parse_one(part) for part in map(str.strip, text.split(_LIST_SEPARATOR)) if part)
        if len(parts) > most:
            raise _WrongCell(f"has {len(parts)} parts, and {most} are the most")
        return parts

    return parse


def _moment(zone: ZoneInfo | None) -> Callable[[str], datetime | None]:
    """In UTC. Without a zone, which is a mistake of its own, only the form is looked at and the answer is None."""

    def parse(text: str) -> datetime | None:
        parts = _MOMENT.fullmatch(text) if text.isascii() else None
        if parts is None:
            raise _WrongCell(f"{shown(text)} is not a time like 2026-06-11 19:30")
        try:
            written = datetime.fromisoformat(f"{parts[1]}T{parts[2]}{parts[3] or ''}")
            if written.tzinfo is not None:
                moment = written.astimezone(UTC)
                # The same bounds of years as for a local time.
                return moment_of(moment.replace(tzinfo=None), ZoneInfo("UTC"))
            return moment_of(written, zone) if zone else None
        except WrongLocalTime as wrong:
            raise _WrongCell(str(wrong)) from wrong
        except (ValueError, OverflowError):
            raise _WrongCell(f"{shown(text)} is not a moment of the calendar") from None

    return parse
