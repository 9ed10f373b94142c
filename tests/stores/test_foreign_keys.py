"""A row that others point at is removed without a walk through them all."""

import pytest

from ticketing.base.tables import Column, Table
from ticketing.schema.tables import TABLES
from ticketing.storage.sql.ddl import create_index, needs_index

REMOVED = {"events", "tickets", "venues", "event_categories", "api_keys", "sessions", "devices", "listings", "uniques"}
"""Tables whose rows a feature removes."""

POINTERS = [
    (table, column)
    for table in TABLES
    for column in table.columns
    if column.references is not None and column.references in REMOVED
]


@pytest.mark.parametrize(("table", "column"), POINTERS, ids=lambda part: part.name)
def test_every_column_that_points_at_what_may_be_removed_has_an_index(table: Table, column: Column) -> None:
    first_columns = {table.key[0]} | {index.partition for index in table.indexes if needs_index(index, table)}

    assert column.name in first_columns, [create_index(index, table) for index in table.indexes]
