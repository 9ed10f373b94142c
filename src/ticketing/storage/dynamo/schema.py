"""The DynamoDB tables, made from the declarations: keys, indexes and their helper attributes, and what tidies up by itself.

Names of tables, keys and attributes are the founding document's (`Table.dynamo_name`, `attribute_name`), so that a table of that
schema is used as it stands. Why indexes hold what they hold stands in `docs/dynamodb.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias
from zlib import crc32

from ticketing.base.tables import Column, Index, Key, Kind, Table, attribute_name
from ticketing.schema.tables import DELIVERIES, IDEMPOTENCY, LIMITS, LINKS, SESSIONS, TABLES
from ticketing.storage.cursors import sort_columns

SEARCH_CHANGES: Final = Table(
    "search_changes",
    "SearchChanges",
    ("shard", "change_id"),
    (
        Column("shard"),  # "0"
        Column("change_id"),  # grows with time
        Column("events", Kind.JSON),  # ids of the listings that were written
        Column("expires_at", Kind.TIME),
    ),
    indexes=(Index("search_changes_in_order", "search_changes", "shard", (), "Which listings changed?", lags=False),),
)
"""What tells a search which listings to read again. Only DynamoDB needs it."""

DYNAMO_TABLES: Final = (*TABLES, SEARCH_CHANGES)
"""Every table of a DynamoDB store."""

GARBAGE: Final = frozenset(
    (IDEMPOTENCY.name, SESSIONS.name, LIMITS.name, LINKS.name, DELIVERIES.name, SEARCH_CHANGES.name)
)
"""Tables whose rows nobody needs once they ran out. DynamoDB deletes them some time later, without a condition: never a hold, whose
places must go back, nor a lease, whose holder another one waits for."""
GARBAGE_ATTRIBUTE: Final = "GarbageAfter"
"""Seconds since 1970, which is the one form in which DynamoDB understands an expiry."""

PARTITION_BYTES_MAX: Final = 2048
SORT_BYTES_MAX: Final = 1024
"""What DynamoDB takes as keys, of tables and of indexes alike."""

Definition: TypeAlias = dict[str, Any]


def has_garbage(table: Table) -> bool:
    """Whether rows of this table are deleted by themselves after their `expires_at`."""
    return table.name in GARBAGE


@dataclass(frozen=True, slots=True)
class SortAttribute:
    """The attribute that orders an index: a column's own, or one derived from several columns."""

    name: str
    columns: tuple[str, ...]

    @property
    def is_derived(self) -> bool:
        """Whether items carry it beside their columns."""
        return len(self.columns) > 1


@cache
def made_indexes(table: Table) -> tuple[Index, ...]:
    """The indexes that are made beside this table."""
    return tuple(index for index in table.indexes if index.asked and not is_base(table, index))


def index_name(index: Index) -> str:
    """The name of this index in DynamoDB. One that is spread had another name before it was."""
    return index.name if index.spread == 1 else f"{index.name}_spread"


def partition_attribute(index: Index) -> str:
    """What divides this index: `EventID`, or `EventIDSpread16` where one value has several partitions."""
    name = attribute_name(index.partition)
    return name if index.spread == 1 else f"{name}Spread{index.spread}"


def partition_values(index: Index, value: str) -> tuple[str, ...]:
    """The partitions in which the entries of this value are."""
    return (value,) if index.spread == 1 else tuple(f"{value}#{number}" for number in range(index.spread))


def partition_value(index: Index, value: str, key: Key) -> str:
    """That in which the entry of the record with this key is."""
    # Other bits than those by which `hold_shard` is chosen, so that both together divide evenly.
    return partition_values(index, value)[crc32("\0".join(key).encode(errors="surrogatepass")) // 64 % index.spread]


@cache
def sort_attribute(table: Table, index_name: str) -> SortAttribute:
    """What orders this index: `EventID`, or `SortByStartDateTimeEventID`. Indexes of one order share it."""
    columns = sort_columns(table.index(index_name), table)
    names = [attribute_name(column) for column in columns]
    if len(columns) == 1:
        assert table.by_name[columns[0]].kind is Kind.TEXT
        return SortAttribute(names[0], columns)
    return SortAttribute("SortBy" + "".join(names), columns)


@cache
def derived_attributes(table: Table) -> tuple[SortAttribute, ...]:
    """Every attribute that items of this table carry for the order of indexes."""
    found = {sort_attribute(table, index.name) for index in made_indexes(table)}
    return tuple(sorted((each for each in found if each.is_derived), key=lambda each: each.name))


def is_base(table: Table, index: Index) -> bool:
    """Whether the table itself is in this order already, so that no index is made and the answer is never late."""
    return (index.partition, *sort_columns(index, table)) == table.key


def is_written_once(table: Table) -> bool:
    """Whether records of this table are never changed, so that a copy of them in an index is as good as they are."""
    return not table.versioned and not table.pool_columns


def table_name(table: Table, prefix: str = "") -> str:
    """The name of this table in DynamoDB."""
    return prefix + table.dynamo_name


def definition(table: Table, prefix: str = "") -> Definition:
    """What CreateTable is told of this table.

    An index of records that are never changed holds them whole. Any other holds keys alone: it is written when a record moves in it
    and at no other time, so that a sale, which changes pools, costs nothing there; the records are read by their keys.
    """
    indexes = made_indexes(table)
    assert all(index.lags for index in indexes), f"{table.name}: an index beside the table is always late"
    keyed = {attribute_name(name) for name in table.key}
    for index in indexes:
        keyed |= {partition_attribute(index), sort_attribute(table, index.name).name}
    made: Definition = {
        "TableName": table_name(table, prefix),
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in sorted(keyed)],
        "KeySchema": _key_schema(*map(attribute_name, table.key)),
    }
    if indexes:
        projection = "ALL" if is_written_once(table) else "KEYS_ONLY"
        made["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index_name(index),
                "KeySchema": _key_schema(partition_attribute(index), sort_attribute(table, index.name).name),
                "Projection": {"ProjectionType": projection},
            }
            for index in indexes
        ]
    return made


def definitions(tables: Sequence[Table] = DYNAMO_TABLES, prefix: str = "") -> list[Definition]:
    """What CreateTable is told, table by table. Those that `has_garbage` have their expiry in `GARBAGE_ATTRIBUTE`."""
    return [definition(table, prefix) for table in tables]


def _key_schema(partition: str, sort: str | None = None) -> list[dict[str, str]]:
    schema = [{"AttributeName": partition, "KeyType": "HASH"}]
    if sort is not None:
        schema.append({"AttributeName": sort, "KeyType": "RANGE"})
    return schema
