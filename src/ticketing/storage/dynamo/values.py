"""Records to DynamoDB items and back: how every kind of value is kept, and what an item of the founding schema lacks.

A time is RFC 3339 in UTC of fixed width, which sorts; a document is JSON text, which keeps the order of its names; null is an
absent attribute.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeAlias

import orjson

from ticketing.base.bounds import API_KEYS_PER_USER_MAX, DEVICES_PER_EVENT_MAX, INTEGER_MAX, POOL_MAX
from ticketing.base.tables import Column, Key, Kind, Record, Table, Value, attribute_name
from ticketing.base.times import read, written
from ticketing.storage.dynamo.schema import (
    GARBAGE_ATTRIBUTE,
    derived_attributes,
    has_garbage,
    made_indexes,
    partition_attribute,
    partition_value,
)

Attribute: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, Attribute]

FOREIGN_VERSION: Final = 0
"""The version of an item that Ticket has not written yet. Ours begin at 1."""

_EPOCH: Final = read("1970-01-01T00:00:00Z")
_LACKING: Final[dict[Kind, Value]] = {
    Kind.TEXT: "",
    Kind.INTEGER: 0,
    Kind.POOL: 0,
    Kind.BOOLEAN: False,
    Kind.TIME: _EPOCH,
    Kind.JSON: [],
}
_LACKING_HERE: Final[dict[tuple[str, str], Value]] = {
    # An event that nobody published through Ticket is shown to nobody and sells nothing until somebody does.
    ("events", "status"): "draft",
    ("events", "timezone"): "UTC",
    ("events", "currency"): "USD",
    ("events", "capacity_available"): POOL_MAX,
    ("events", "devices_available"): DEVICES_PER_EVENT_MAX,
    ("venues", "timezone"): "UTC",
    ("venues", "venue_shard"): "0",
    ("event_categories", "category_shard"): "0",
    ("users", "user_type"): "regular",
    ("users", "login_generation"): 1,
    ("users", "api_keys_available"): API_KEYS_PER_USER_MAX,
    ("orders", "currency"): "USD",
    ("orders", "payment_status"): "completed",
    ("order_details", "quantity"): 1,
    ("payments", "currency"): "USD",
    ("payments", "payment_method"): "cash",
    ("payments", "payment_status"): "completed",
}
"""What is read where the founding schema has no such attribute, where the kind's own nothing would not be understood."""


class Unreadable(ValueError):
    """An item holds what no column of its kind can mean, as a price that is no whole number; the message says where."""


def lacking(table: Table, column: Column) -> Value:
    """What is read where an item lacks the attribute of this column: null where it may be, else what changes nothing."""
    if column.nullable:
        return None
    if column.default is not None:
        return column.default
    return _LACKING_HERE.get((table.name, column.name), _LACKING[column.kind])


def attribute_of(kind: Kind, value: Any) -> Attribute:
    """How a value that is not null is kept."""
    if kind is Kind.TEXT:
        return {"S": value}
    if kind is Kind.INTEGER or kind is Kind.POOL:
        return {"N": str(value)}
    if kind is Kind.TIME:
        return {"S": written(value)}
    if kind is Kind.BOOLEAN:
        return {"BOOL": value}
    return {"S": orjson.dumps(value).decode()}


@cache
def _layout(table: Table) -> tuple[tuple[Column, str], ...]:
    return tuple((column, attribute_name(column.name)) for column in table.columns)


def key_item(table: Table, key: Key) -> Item:
    """The key of an item."""
    return {attribute_name(name): {"S": part} for name, part in zip(table.key, key, strict=True)}


def item_of(table: Table, record: Record) -> Item:
    """The whole item of a record: its columns, what orders its indexes, and when it becomes garbage."""
    item: Item = {}
    for column, attribute in _layout(table):
        value = record[column.name]
        if value is not None:
            item[attribute] = attribute_of(column.kind, value)
    item.update(helpers_of(table, record))
    return item


def helpers_of(table: Table, record: Record) -> Item:
    """The attributes beside a record's columns: what divides and orders its indexes, and when it becomes garbage."""
    helpers: Item = {}
    for derived in derived_attributes(table):
        values = [record[name] for name in derived.columns]
        helpers[derived.name] = {"S": sort_text(table, derived.columns, values)}
    for index in made_indexes(table):
        if index.spread > 1 and record[index.partition] is not None:
            value = partition_value(index, record[index.partition], table.key_of(record))
            helpers[partition_attribute(index)] = {"S": value}
    if has_garbage(table):
        helpers[GARBAGE_ATTRIBUTE] = {"N": str(int(record["expires_at"].timestamp()) + 1)}
    return helpers


def record_of(table: Table, item: Mapping[str, Attribute]) -> Record:
    """The record of an item. An item of the founding schema that lacks what Ticket added is read as `lacking` says."""
    record: Record = {}
    for column, attribute in _layout(table):
        held = item.get(attribute)
        if held is None or "NULL" in held:
            record[column.name] = lacking(table, column)
        else:
            try:
                record[column.name] = _value(column.kind, held)
            except (KeyError, ValueError) as error:
                key = [item.get(attribute_name(name)) for name in table.key]
                raise Unreadable(f"{table.dynamo_name} {key}: {attribute} holds {held}") from error
    return record


def _value(kind: Kind, held: Attribute) -> Any:
    if kind is Kind.TEXT:
        return held["S"] if "S" in held else str(_plain(held))
    if kind is Kind.INTEGER or kind is Kind.POOL:
        return int(held["N"] if "N" in held else held["S"])
    if kind is Kind.TIME:
        return read(held["S"])
    if kind is Kind.BOOLEAN:
        return held["BOOL"]
    if "S" not in held:
        return _plain(held)
    try:
        return orjson.loads(held["S"])
    except orjson.JSONDecodeError:  # a founding item's single word, where Ticket keeps a list of them
        return [held["S"]]


def _plain(held: Attribute) -> Any:
    """A value as somebody else may have kept it: DynamoDB's own lists, maps and sets."""
    ((form, value),) = held.items()
    match form:
        case "L":
            return [_plain(each) for each in value]
        case "M":
            return {name: _plain(each) for name, each in value.items()}
        case "SS":
            return sorted(value)
        case "N":
            return int(value) if value.lstrip("-").isdigit() else value
        case "NULL":
            return None
        case _:
            return value


# Order ---------------------------------------------------------------------------------------------------------------

_NUMBERS_FROM: Final = -(2**63)
_SEPARATOR: Final = "\0"
"""Less than any character of a text, so that a text stands before every longer one that begins with it."""
assert -INTEGER_MAX > _NUMBERS_FROM


def sort_part(kind: Kind, value: Any) -> str:
    """A text that stands where the value stands: times and numbers of fixed width, texts as they are."""
    if kind is Kind.TIME:
        return value if isinstance(value, str) else written(value)
    if kind is Kind.INTEGER:
        return f"{value - _NUMBERS_FROM:020}"
    assert isinstance(value, str)
    return value


def sort_text(table: Table, columns: tuple[str, ...], values: list[Any]) -> str:
    """The value of the attribute that orders an index by these columns; times may be written already, as in a cursor."""
    return _SEPARATOR.join(
        sort_part(table.by_name[name].kind, value) for name, value in zip(columns, values, strict=True)
    )
