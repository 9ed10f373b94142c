"""Tables that somebody made and filled by the founding document alone: Ticket reads them, lists them, changes them and sells from them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.dynamo import dynamo_engine
from ticketing.base.changes import Check, Pool, Remove, Replace, Take
from ticketing.base.store import Conflict
from ticketing.base.tables import Table, attribute_name
from ticketing.schema.tables import EVENTS, TICKETS, VENUES
from ticketing.storage.dynamo.driver import Driver
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.tables import complete_items, create_tables, delete_tables, verify_tables

FOUNDING_TABLES = (VENUES, EVENTS, TICKETS)
AN_EVENT = {
    "EventID": {"S": "42"},
    "EventName": {"S": "Fado"},
    "Description": {"S": "A night of it"},
    "StartDateTime": {"S": "2027-03-01T20:00:00Z"},
    "EndDateTime": {"S": "2027-03-01T23:00:00Z"},
    "VenueID": {"S": "7"},
    "OrganizerUserID": {"S": "9"},
}
A_TICKET_TYPE = {
    "TicketID": {"S": "balcony"},
    "EventID": {"S": "42"},
    "TicketType": {"S": "Balcony"},
    "Price": {"N": "2500"},
    "QuantityAvailable": {"N": "3"},
    "SaleStartDateTime": {"S": "2027-01-01T00:00:00Z"},
}


def put(driver: Driver, table: str, item: dict[str, Any]) -> None:
    """The item is stored as it stands."""
    driver.call("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": table, "Item": item}}]})


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DynamoEngine]:
    """An engine over tables that have the founding document's keys and nothing else, with an event and its ticket type."""
    engine = dynamo_engine(tmp_path, FOUNDING_TABLES)
    driver, prefix = engine.driver, engine.prefix
    delete_tables(driver, prefix, FOUNDING_TABLES)
    for table in FOUNDING_TABLES:
        founding_table(driver, prefix, table)
    put(driver, f"{prefix}Events", AN_EVENT)
    put(driver, f"{prefix}Tickets", A_TICKET_TYPE)
    yield engine
    engine.close()


def founding_table(driver: Driver, prefix: str, table: Table) -> None:
    """The table stands with its key alone."""
    (key,) = map(attribute_name, table.key)
    driver.call(
        "CreateTable",
        {
            "TableName": prefix + table.dynamo_name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        },
    )


async def test_it_is_read_by_its_key_as_it_stands(engine: DynamoEngine) -> None:
    event = await engine.get(EVENTS, ("42",))
    ticket_type = await engine.get(TICKETS, ("balcony",))

    assert event is not None
    assert ticket_type is not None
    assert (event["event_name"], event["status"], event["version"]) == ("Fado", "draft", 0)
    assert (ticket_type["price"], ticket_type["quantity_available"], ticket_type["quantity"]) == (2500, 3, 0)


async def test_it_gets_the_indexes_that_it_lacks_and_is_listed(engine: DynamoEngine) -> None:
    create_tables(engine.driver, engine.prefix, FOUNDING_TABLES, pause=lambda _seconds: None)

    verify_tables(engine.driver, engine.prefix, FOUNDING_TABLES)
    here = await engine.query(EVENTS.index("events_by_venue"), "7")
    sold = await engine.query(TICKETS.index("tickets_by_event"), "42")
    assert [event["event_id"] for event in here.records] == ["42"]
    assert [ticket_type["ticket_id"] for ticket_type in sold.records] == ["balcony"]
    assert complete_items(engine.driver, engine.prefix, EVENTS) == 0, "all of them are complete"


def test_its_places_are_sold_as_they_are(engine: DynamoEngine) -> None:
    seats = Pool(TICKETS, ("balcony",), "quantity_available")
    capacity = Pool(EVENTS, ("42",), "capacity_available")

    outcomes = engine.apply([(Take(seats, 2), Take(capacity, 2)), (Take(seats, 2), Take(capacity, 2))])

    assert outcomes[0] is None
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].change.key == ("balcony",)
    found = engine.get_now(TICKETS, ("balcony",))
    assert found is not None
    assert found["quantity_available"] == 1


def test_the_first_change_of_it_makes_it_ours(engine: DynamoEngine) -> None:
    event = engine.get_now(EVENTS, ("42",))
    assert event is not None
    assert engine.apply([(Check(EVENTS, ("42",), 0),)]) == [None]

    first, second = engine.apply([(Replace(EVENTS, event | {"status": "published"}),), (Replace(EVENTS, event),)])

    assert first is None
    assert isinstance(second, Conflict)
    assert engine.get_now(EVENTS, ("42",)) == event | {"status": "published", "version": 1}


def test_it_is_removed_only_while_nobody_changed_it(engine: DynamoEngine) -> None:
    event = engine.get_now(EVENTS, ("42",))
    assert event is not None
    engine.apply([(Replace(EVENTS, event),)])

    (outcome,) = engine.apply([(Remove(EVENTS, ("42",), 0),)])

    assert isinstance(outcome, Conflict)
    assert engine.apply([(Remove(EVENTS, ("42",), 1),)]) == [None]
