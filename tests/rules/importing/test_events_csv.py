"""Events from a spreadsheet: what the columns give, and that every wrong cell is named by line and column."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.importing.sources import complaints
from ticketing.importing.events_csv import COLUMNS, read_events_csv
from ticketing.importing.model import Import, ImportedTicketType

CONCERT = {
    "id": "c-1",
    "event_name": "Night of songs",
    "start_date_time": "2026-06-11 19:30",
    "end_date_time": "2026-06-11 22:00",
    "timezone": "Europe/Berlin",
    "venue_name": "Alte Werft",
    "city": "Hamburg",
    "country": "DE",
    "venue_capacity": "900",
    "currency": "EUR",
    "ticket_type": "Regular",
    "price": "25.50",
    "quantity": "300",
}
TALK = {**CONCERT, "id": "t-1", "event_name": "Keeping bees", "ticket_type": "Online", "price": "0"}


def as_csv(*lines: dict[str, str], encoding: str = "utf-8", newline: str = "\r\n") -> bytes:
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator=newline)
    writer.writeheader()
    writer.writerows(lines)
    return written.getvalue().encode(encoding)


def read(*lines: dict[str, str]) -> Import:
    return read_events_csv(as_csv(*lines))


def test_a_line_with_every_column_gives_an_event_at_its_venue() -> None:
    full = {
        **CONCERT,
        "description": "Songs,\nall night",
        "categories": "Music; Choir ;music",
        "tags": "songs;open air",
        "image_url": "https://example.org/poster.jpg",
        "external_links": "https://example.org;https://example.com/a",
        "capacity": "800",
        "sales_start_date": "2026-01-01 10:00",
        "sales_end_date": "2026-06-11T18:00:00+02:00",
        "address": "Am Kai 7",
        "state": "HH",
        "zip_code": "01067",
        "amenities": "Bar;Step-free access",
        "latitude": "53.54",
        "longitude": "-9.98",
    }

    found = read(full)

    assert found.mistakes == ()
    (event,) = found.events
    (venue,) = found.venues
    assert event.source_key == "csv/id/c-1"
    assert event.description == "Songs,\nall night"
    assert event.start_date_time == datetime(2026, 6, 11, 17, 30, tzinfo=UTC)
    assert event.end_date_time == datetime(2026, 6, 11, 20, 0, tzinfo=UTC)
    assert event.sales_start_date == datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    assert event.sales_end_date == datetime(2026, 6, 11, 16, 0, tzinfo=UTC)
    assert (event.categories, event.tags) == (("Music", "Choir"), ("songs", "open air"))
    assert event.image_url == "https://example.org/poster.jpg"
    assert event.external_links == ("https://example.org", "https://example.com/a")
    assert (event.capacity, event.currency, event.venue_key) == (800, "EUR", venue.source_key)
    assert event.ticket_types == (ImportedTicketType("Regular", 2_550, 300),)
    assert (venue.venue_name, venue.address, venue.city, venue.state) == ("Alte Werft", "Am Kai 7", "Hamburg", "HH")
    assert (venue.zip_code, venue.country, venue.capacity, venue.timezone) == ("01067", "DE", 900, "Europe/Berlin")
    assert (venue.amenities, venue.latitude, venue.longitude) == (("Bar", "Step-free access"), 53.54, -9.98)


def test_four_columns_are_enough() -> None:
    found = read_events_csv(
        b"event_name,start_date_time,end_date_time,timezone\nOnline talk,2026-06-11 19:30,2026-06-11 20:30,UTC\n"
    )

    (event,) = found.events
    assert (event.venue_key, event.currency, event.ticket_types, found.mistakes) == (None, None, (), ())


def test_further_lines_with_the_same_id_add_ticket_types() -> None:
    reduced = {"id": "c-1", "ticket_type": "Reduced", "price": "12", "quantity": "50"}

    found = read(CONCERT, TALK, reduced)

    assert found.mistakes == ()
    assert [len(event.ticket_types) for event in found.events] == [2, 1]
    assert found.events[0].ticket_types[1] == ImportedTicketType("Reduced", 1_200, 50)


def test_without_an_id_lines_of_one_name_start_and_venue_are_one_event() -> None:
    nameless = {**CONCERT, "id": ""}

    found = read(nameless, {**nameless, "ticket_type": "Reduced"}, {**nameless, "start_date_time": "2026-06-11 18:00"})

    assert [len(event.ticket_types) for event in found.events] == [2, 1]


def test_events_at_one_venue_share_it() -> None:
    found = read(CONCERT, {**TALK, "venue_capacity": ""})

    assert len(found.venues) == 1
    assert len({event.venue_key for event in found.events}) == 1


def test_a_venue_of_which_no_event_goes_in_is_left_out() -> None:
    assert read({**CONCERT, "event_name": ""}).venues == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_any_line_end_will_do_with_or_without_a_byte_order_mark(encoding: str, newline: str) -> None:
    found = read_events_csv(as_csv({**CONCERT, "event_name": "Führung für Kinder"}, encoding=encoding, newline=newline))

    assert [event.event_name for event in found.events] == ["Führung für Kinder"]


def test_a_line_separator_of_unicode_ends_no_line() -> None:
    found = read({**CONCERT, "event_name": "Night\u2028of songs"}, {**TALK, "price": "free"})

    assert found.events[0].event_name == "Night of songs"
    assert set(complaints(found)) == {"events.csv: line 3, column price"}


def test_header_names_may_have_spaces_and_capitals_around() -> None:
    content = as_csv(CONCERT).replace(b"event_name", b" Event_Name ", 1)

    assert len(read_events_csv(content).events) == 1


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    found = read({**CONCERT, "description": "three\nlines\nlong"}, {**TALK, "price": "free"})

    assert set(complaints(found)) == {"events.csv: line 5, column price"}


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("event_name", "", "is empty"),
        ("event_name", "\u200b", "has nothing that can be seen"),
        ("event_name", "x" * 201, "has 201 characters, and 200 are the most"),
        ("description", "x" * 10_001, "has 10001 characters, and 10000 are the most"),
        ("start_date_time", "", "is empty"),
        ("start_date_time", "11.06.2026 19:30", "is not a time like 2026-06-11 19:30"),
        ("start_date_time", "2026-06-11", "is not a time like 2026-06-11 19:30"),
        ("start_date_time", "2026-06-31 19:30", "is not a moment of the calendar"),
        ("start_date_time", "2026-06-11 24:30", "is not a moment of the calendar"),
        ("start_date_time", "2026-06-11 19:30+25:00", "is not a moment of the calendar"),
        ("start_date_time", "1026-06-11 19:30", "the year 1026 is not between 1970 and 2199"),
        ("start_date_time", "0001-01-01 00:00+02:00", "is not a moment of the calendar"),
        ("start_date_time", "2026-03-29 02:30", "2026-03-29 02:30 does not exist in Europe/Berlin"),
        ("start_date_time", "２０２６-06-11 19:30", "is not a time like 2026-06-11 19:30"),
        ("end_date_time", "2026-06-11 19:30", "is not after start_date_time"),
        ("end_date_time", "2027-06-13 19:30", "is over 366 days after start_date_time"),
        ("timezone", "", "is empty"),
        ("timezone", "CEST", "is not a time zone like Europe/Berlin"),
        ("categories", ";".join("abcdefghijk"), "has 11 parts, and 10 are the most"),
        ("tags", "x" * 51, "has 51 characters, and 50 are the most"),
        ("tags", ";".join(map(str, range(21))), "has 21 parts, and 20 are the most"),
        ("image_url", "poster.jpg", "is not a link like https://example.org"),
        ("external_links", "https://example.org;javascript:alert(1)", "“javascript:alert(1)” is not a link"),
        ("external_links", ";".join(f"https://example.org/{i}" for i in range(11)), "has 11 parts"),
        ("capacity", "0", "is not a whole number from 1 to 10000000"),
        ("capacity", "many", "is not a whole number"),
        ("capacity", "1e3", "is not a whole number"),
        ("capacity", "٣", "is not a whole number"),
        ("capacity", "901", "901 is over venue_capacity 900"),
        ("currency", "", "is empty, and the event has ticket types"),
        ("currency", "EURO", "is not a currency of three letters like EUR"),
        ("sales_start_date", "soon", "is not a time like 2026-06-11 19:30"),
        ("venue_name", "", "is empty"),
        ("address", "x" * 501, "has 501 characters, and 500 are the most"),
        ("zip_code", "x" * 51, "has 51 characters, and 50 are the most"),
        ("country", "UK", "“UK” is not a country code of two letters like DE, GB or US"),
        ("country", "Germany", "is not a country code"),
        ("venue_capacity", "-5", "is not a whole number from 1"),
        ("amenities", ";".join(map(str, range(51))), "has 51 parts, and 50 are the most"),
        ("ticket_type", "", "is empty"),
        ("price", "", "is empty"),
        ("price", "-1", "is not a price like 25 or 25.50"),
        ("price", "25,50", "is not a price like 25 or 25.50"),
        ("price", "€25", "is not a price like 25 or 25.50"),
        ("price", "1e3", "is not a price like 25 or 25.50"),
        ("price", "25.", "is not a price like 25 or 25.50"),
        ("price", "25.000", "has 3 decimals, and EUR has 2"),
        ("price", "999999999999", "is over the highest price"),
        ("quantity", "", "is empty"),
        ("quantity", "0", "is not a whole number from 1"),
        ("quantity", "2.5", "is not a whole number"),
    ],
)
def test_a_wrong_cell_is_named_and_the_other_events_go_in(column: str, cell: str, reason: str) -> None:
    found = read(TALK, {**CONCERT, column: cell})

    assert [event.event_name for event in found.events] == ["Keeping bees"]
    assert reason in complaints(found)[f"events.csv: line 3, column {column}"]


@pytest.mark.parametrize(
    ("latitude", "longitude", "column"),
    [("91", "10", "latitude"), ("53.5", "180.1", "longitude"), ("53,5", "10", "latitude"), ("53.5", "", "longitude"),
     ("", "10", "latitude"), ("nan", "10", "latitude"), ("1e1", "10", "latitude")],
)  # fmt: skip
def test_wrong_coordinates_are_named(latitude: str, longitude: str, column: str) -> None:
    found = read({**CONCERT, "latitude": latitude, "longitude": longitude})

    assert set(complaints(found)) == {f"events.csv: line 2, column {column}"}


def test_sales_must_end_after_they_begin() -> None:
    found = read({**CONCERT, "sales_start_date": "2026-05-01 10:00", "sales_end_date": "2026-05-01 10:00"})

    assert set(complaints(found)) == {"events.csv: line 2, column sales_end_date"}


def test_every_wrong_cell_of_a_line_is_named_at_once() -> None:
    found = read({**CONCERT, "timezone": "Berlin", "start_date_time": "tomorrow", "price": "free", "country": "UK"})

    assert set(complaints(found)) == {
        f"events.csv: line 2, column {column}" for column in ("timezone", "start_date_time", "price", "country")
    }


def test_an_event_with_a_mistake_in_a_further_line_is_left_out() -> None:
    found = read(CONCERT, {"id": "c-1", "ticket_type": "Reduced", "price": "half", "quantity": "50"})

    assert found.events == ()
    assert set(complaints(found)) == {"events.csv: line 3, column price"}


def test_an_event_that_is_there_twice_is_named() -> None:
    twice = {**CONCERT, "ticket_type": "", "price": "", "quantity": ""}

    found = read(CONCERT, twice)

    assert complaints(found) == {
        "events.csv: line 3, column ticket_type": "is empty, and the event stands in line 2 already"
    }


def test_a_ticket_type_that_is_there_twice_is_named() -> None:
    found = read(CONCERT, {**CONCERT, "ticket_type": "REGULAR"})

    assert complaints(found) == {"events.csv: line 3, column ticket_type": "“REGULAR” is there twice for this event"}


def test_an_event_with_over_fifty_ticket_types_is_named() -> None:
    found = read(*({**CONCERT, "ticket_type": f"Row {number}"} for number in range(51)))

    assert found.events == ()
    assert "50 ticket types" in complaints(found)["events.csv: line 2"]


def test_two_events_under_one_id_are_named_cell_by_cell() -> None:
    found = read(CONCERT, {**TALK, "id": "c-1"})

    assert found.events == ()
    assert complaints(found) == {
        "events.csv: line 3, column event_name": "“Keeping bees” is not what line 2 says, which is “Night of songs”"
    }


def test_a_venue_told_in_two_ways_is_named() -> None:
    found = read(CONCERT, {**TALK, "venue_capacity": "950"})

    assert [event.event_name for event in found.events] == ["Night of songs"]
    assert complaints(found) == {
        "events.csv: line 3, column venue_capacity": "“950” is not what line 2 says, which is “900”"
    }


def test_a_wrong_line_does_not_speak_for_its_venue() -> None:
    found = read({**CONCERT, "timezone": "Berlin", "venue_capacity": "9"}, TALK)

    assert [event.event_name for event in found.events] == ["Keeping bees"]
    assert set(complaints(found)) == {"events.csv: line 2, column timezone"}


@pytest.mark.parametrize(
    ("currency", "price", "amount"),
    [("EUR", "25", 2_500), ("EUR", "25.5", 2_550), ("eur", "0.01", 1), ("JPY", "2500", 2_500), ("KWD", "1.5", 1_500),
     ("USD", "0", 0), ("EUR", "9999999999.99", 999_999_999_999)],
)  # fmt: skip
def test_a_price_is_read_in_minor_units_of_its_currency(currency: str, price: str, amount: int) -> None:
    (event,) = read({**CONCERT, "currency": currency, "price": price}).events

    assert event.ticket_types[0].price_amount == amount


def test_a_yen_has_no_decimals() -> None:
    found = read({**CONCERT, "currency": "JPY", "price": "25.5"})

    assert complaints(found) == {"events.csv: line 2, column price": "“25.5” has 1 decimals, and JPY has 0"}


@given(whole=st.integers(min_value=0, max_value=10**9), cents=st.integers(min_value=0, max_value=99))
def test_a_price_is_exact(whole: int, cents: int) -> None:
    (event,) = read({**CONCERT, "price": f"{whole}.{cents:02}"}).events

    assert event.ticket_types[0].price_amount == whole * 100 + cents


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-10-25 02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25 02:30+02:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25 02:30+01:00", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("2026-10-25T01:30:00Z", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_repeated_hour_means_the_first_unless_the_offset_says_otherwise(written: str, moment: datetime) -> None:
    (event,) = read({**CONCERT, "start_date_time": written, "end_date_time": "2026-10-25 05:00"}).events

    assert event.start_date_time == moment


def test_a_line_with_too_many_cells_is_named_and_its_event_left_out() -> None:
    header, line = "event_name,start_date_time,end_date_time,timezone", "2026-06-11 19:30,2026-06-11 22:00,UTC"
    content = f"{header}\nSongs, all night,{line}\nTalk,{line}\n".encode()

    found = read_events_csv(content)

    assert [event.event_name for event in found.events] == ["Talk"]
    assert "has 5 cells for 4 columns" in complaints(found)["events.csv: line 2"]


def test_a_line_that_is_right_but_for_a_cell_too_many_leaves_its_event_out() -> None:
    content = as_csv(CONCERT, TALK).replace(b",0,300\r\n", b",0,300,1000\r\n")

    found = read_events_csv(content)

    assert [event.event_name for event in found.events] == ["Night of songs"]


def test_an_unknown_column_is_named_and_the_events_go_in() -> None:
    found = read_events_csv(as_csv(CONCERT).replace(b"amenities", b"amenitys", 1))

    assert len(found.events) == 1
    assert complaints(found) == {"events.csv: line 1, column amenitys": "is not known; its cells are left out"}


def test_a_quote_that_is_not_closed_refuses_the_file() -> None:
    content = as_csv(CONCERT, TALK).replace(b"Keeping bees", b'"Keeping bees')

    found = read_events_csv(content)

    assert found.events == ()
    assert "is not CSV, and nothing is read" in complaints(found)["events.csv: line 3"]


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        (b"", "events.csv", "is empty"),
        (b"\n\n", "events.csv", "is empty"),
        (b"event_name;start_date_time;timezone\n", "events.csv: line 1", "save the file with commas"),
        (b"event_name\tstart_date_time\n", "events.csv: line 1", "save the file with commas"),
        (b"event_name,start_date_time,end_date_time\n", "events.csv: line 1", "does not name the column timezone"),
        (as_csv(CONCERT).replace(b"tags", b"city", 1), "events.csv: line 1, column city", "is there twice"),
        (as_csv(CONCERT) + "Führung".encode("latin-1"), "events.csv: line 3", "is not UTF-8"),
        (as_csv(CONCERT).decode().encode("utf-16"), "events.csv: line 1", "is not UTF-8"),
        (b",".join(b"column%d" % number for number in range(101)), "events.csv: line 1", "has over 100 columns"),
        (as_csv(CONCERT, {**TALK, "description": "x" * 200_000}), "events.csv: line 3", "field larger than"),
        (b"x" * (20 * 1024 * 1024 + 1), "events.csv", "is over 20 MB"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(content: bytes, place: str, reason: str) -> None:
    found = read_events_csv(content)

    assert found.events == ()
    assert reason in complaints(found)[place]


def test_more_lines_than_go_in_at_once_refuse_the_file() -> None:
    header, line = (
        b"event_name,start_date_time,end_date_time,timezone\n",
        b"Talk,2026-06-11 19:30,2026-06-11 22:00,UTC\n",
    )

    found = read_events_csv(header + line * 20_001)

    assert found.events == ()
    assert set(complaints(found)) == {"events.csv: line 20002"}


def test_empty_lines_are_passed_over() -> None:
    found = read_events_csv(as_csv(CONCERT) + b"\r\n" + b"," * (len(COLUMNS) - 1) + b"\r\n\r\n")

    assert (len(found.events), found.mistakes) == (1, ())


def test_mistakes_name_the_file() -> None:
    found = read_events_csv(as_csv({**CONCERT, "price": "free"}), file_name="season.csv")

    assert set(complaints(found)) == {"season.csv: line 2, column price"}


@given(st.binary(max_size=300))
def test_any_bytes_give_an_answer(content: bytes) -> None:
    read_events_csv(content)
    read_events_csv(as_csv(CONCERT) + content)


@given(st.dictionaries(st.sampled_from(COLUMNS), st.text(max_size=40)))
def test_any_cells_give_an_event_or_a_mistake(cells: dict[str, str]) -> None:
    found = read_events_csv(as_csv({**CONCERT, **cells}).decode("utf-8", "replace").encode())

    assert found.events or found.mistakes
