"""The DynamoDB tables that follow from the declarations: the founding document's names, and indexes that cost a sale little."""

from collections import Counter
from typing import Any
from zlib import crc32

import pytest

from tests.support.stores import MOMENT
from ticketing.base.tables import Index, Table, attribute_name
from ticketing.schema.tables import EVENTS, FACTS, HOLD_SHARDS, ORDER_DETAILS, ORDERS, SESSIONS, TICKETS, VENUES
from ticketing.storage.dynamo.schema import (
    DYNAMO_TABLES,
    GARBAGE_ATTRIBUTE,
    definition,
    definitions,
    index_name,
    is_base,
    partition_attribute,
    partition_value,
    partition_values,
    sort_attribute,
)
from ticketing.storage.dynamo.values import Unreadable, item_of, lacking, record_of

FOUNDING = {
    "Users": (["UserID"], "Username Email Password FirstName LastName Phone Address UserType"),
    "Events": (["EventID"], "EventName Description StartDateTime EndDateTime VenueID OrganizerUserID"),
    "Venues": (["VenueID"], "VenueName Address City State ZipCode Capacity Amenities"),
    "EventCategories": (["CategoryID"], "CategoryName"),
    "EventCategoryMapping": (["EventID", "CategoryID"], ""),
    "Tickets": (
        ["TicketID"],
        "EventID TicketType Price QuantityAvailable SaleStartDateTime SaleEndDateTime",
    ),
    "Orders": (["OrderID"], "UserID OrderDateTime TotalAmount PaymentStatus"),
    "OrderDetails": (["OrderID", "TicketID"], "Quantity SubtotalAmount"),
    "Payments": (["PaymentID"], "OrderID PaymentDateTime PaymentAmount PaymentMethod TransactionID"),
}
"""The founding document's DynamoDB schema: each table's key and attributes."""

EXPIRING = ["sessions", "limits", "idempotency", "links", "deliveries", "search_changes"]
"""Tables of which nobody needs a row after its time."""
INDEXES = [(table, index) for table in DYNAMO_TABLES for index in table.indexes]


def keys(schema: list[dict[str, str]]) -> list[str]:
    return [part["AttributeName"] for part in schema]


@pytest.mark.parametrize("name", FOUNDING)
def test_a_table_of_the_founding_schema_keeps_its_name_its_key_and_its_attributes(name: str) -> None:
    key, attributes = FOUNDING[name]
    (table,) = (table for table in DYNAMO_TABLES if table.dynamo_name == name)

    assert keys(definition(table)["KeySchema"]) == key
    assert {attribute_name(column) for column in table.column_names} >= {*key, *attributes.split()}


def test_a_prefix_keeps_the_tables_of_two_houses_apart() -> None:
    assert [made["TableName"] for made in definitions((EVENTS, ORDERS), "north-")] == ["north-Events", "north-Orders"]


def test_tables_are_billed_by_what_is_asked_of_them() -> None:
    assert {made["BillingMode"] for made in definitions()} == {"PAY_PER_REQUEST"}


def test_every_key_that_is_used_is_declared_and_no_other() -> None:
    for made in definitions():
        used = {*keys(made["KeySchema"])}
        for index in made.get("GlobalSecondaryIndexes", []):
            used |= {*keys(index["KeySchema"])}
        assert {part["AttributeName"] for part in made["AttributeDefinitions"]} == used


@pytest.mark.parametrize(("table", "index"), INDEXES, ids=lambda each: str(each.name))
def test_every_question_has_an_index_or_the_table_itself(table: Table, index: Index) -> None:
    made = {each["IndexName"]: keys(each["KeySchema"]) for each in definition(table).get("GlobalSecondaryIndexes", [])}
    asked = [partition_attribute(index), sort_attribute(table, index.name).name]

    if not index.asked:
        assert index_name(index) not in made
    elif is_base(table, index):
        assert index.name not in made
        assert asked == keys(definition(table)["KeySchema"])
    else:
        assert made[index_name(index)] == asked
        assert index.lags, "an index beside the table is always late"


def test_an_index_of_what_changes_holds_keys_alone_so_that_a_sale_writes_none() -> None:
    def projections(table: Table) -> set[str]:
        return {index["Projection"]["ProjectionType"] for index in definition(table)["GlobalSecondaryIndexes"]}

    assert projections(TICKETS) == projections(EVENTS) == projections(ORDERS) == {"KEYS_ONLY"}
    assert projections(FACTS) == {"ALL"}
    assert "GlobalSecondaryIndexes" not in definition(ORDER_DETAILS), "lines are found by their order alone"


def test_entries_of_an_index_that_is_spread_are_divided_evenly_and_each_is_where_it_is_looked_for() -> None:
    spread = ORDERS.index("orders_by_event")
    places = Counter(partition_value(spread, "evt_1", (f"ord_{number}",)) for number in range(16_000))

    assert set(places) == set(partition_values(spread, "evt_1"))
    assert max(places.values()) < 1_200, "a thousand each"


def test_holds_of_one_moment_are_in_sixteen_partitions() -> None:
    holds = ORDERS.index("orders_on_hold")
    order_ids = [f"ord_{number}" for number in range(16_000)]
    places = Counter(
        partition_value(holds, HOLD_SHARDS[crc32(order_id.encode()) % len(HOLD_SHARDS)], (order_id,))
        for order_id in order_ids
    )

    assert len(places) == 16
    assert max(places.values()) < 1_200


def test_indexes_of_one_order_share_one_attribute() -> None:
    names = [sort_attribute(EVENTS, index.name).name for index in EVENTS.indexes]

    assert names == ["SortByStartDateTimeEventID"] * 3


def some(table: Table) -> dict[str, Any]:
    """A record with a value in every column."""
    by_kind: dict[str, Any] = {
        "text": "x",
        "integer": 1,
        "pool": 7,
        "boolean": True,
        "time": MOMENT,
        "json": [{"b": 1, "a": None}],
    }
    return {column.name: by_kind[column.kind.value] for column in table.columns}


@pytest.mark.parametrize("table", DYNAMO_TABLES, ids=lambda table: str(table.name))
def test_a_record_comes_out_of_its_item_as_it_went_in(table: Table) -> None:
    whole = some(table)
    bare = {name: None if table.by_name[name].nullable else value for name, value in whole.items()}

    for record in (whole, bare):
        item = item_of(table, record)
        assert record_of(table, item) == record
        assert "NULL" not in {form for held in item.values() for form in held}


def test_what_nobody_needs_after_its_time_is_deleted_by_itself_and_nothing_else_is() -> None:
    item = item_of(SESSIONS, some(SESSIONS))

    assert int(item[GARBAGE_ATTRIBUTE]["N"]) == int(MOMENT.timestamp()) + 1
    assert sorted(table.name for table in DYNAMO_TABLES if GARBAGE_ATTRIBUTE in item_of(table, some(table))) == sorted(
        EXPIRING
    )


# Items of the founding schema ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", DYNAMO_TABLES, ids=lambda table: str(table.name))
def test_an_item_that_has_a_key_and_nothing_else_is_read(table: Table) -> None:
    item = {attribute_name(name): {"S": f"a {name}"} for name in table.key}

    record = record_of(table, item)

    assert record == {
        column.name: f"a {column.name}" if column.name in table.key else lacking(table, column)
        for column in table.columns
    }
    assert all(record[column.name] is not None for column in table.columns if not column.nullable)


def test_an_event_as_the_founding_document_has_it_is_a_draft_with_its_own_values() -> None:
    record = record_of(
        EVENTS,
        {
            "EventID": {"S": "42"},
            "EventName": {"S": "Fado"},
            "Description": {"S": ""},
            "StartDateTime": {"S": "2027-03-01T20:00:00Z"},
            "EndDateTime": {"S": "2027-03-01T23:00:00+01:00"},
            "VenueID": {"S": "7"},
            "OrganizerUserID": {"N": "9"},
            "Tags": {"SS": ["night", "guitar"]},
            "Categories": {"L": [{"S": "music"}]},
            "ImageURL": {"NULL": True},
        },
    )

    assert (record["event_name"], record["venue_id"], record["organizer_user_id"]) == ("Fado", "7", "9")
    assert record["end_date_time"].isoformat() == "2027-03-01T22:00:00+00:00"
    assert (record["tags"], record["categories"]) == (["guitar", "night"], ["music"])
    assert (record["status"], record["timezone"], record["image_url"]) == ("draft", "UTC", None)
    assert record["public_shard"] is None
    assert record["version"] == 0


def test_a_list_that_was_kept_as_one_text_is_a_list_of_it() -> None:
    assert record_of(VENUES, {"VenueID": {"S": "7"}, "Amenities": {"S": "parking"}})["amenities"] == ["parking"]


@pytest.mark.parametrize(
    ("attribute", "held"),
    [
        ("Price", {"N": "25.50"}),
        ("Price", {"S": "free"}),
        ("SaleStartDateTime", {"S": "soon"}),
        ("Paused", {"S": "no"}),
    ],
)
def test_a_value_that_nobody_can_understand_is_named(attribute: str, held: dict[str, str]) -> None:
    with pytest.raises(Unreadable, match=rf"Tickets .*balcony.*{attribute}"):
        record_of(TICKETS, {"TicketID": {"S": "balcony"}, attribute: held})
