"""What SQLite alone costs for the rows of an order: the same statements in the same batches, by nothing but a loop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw
import orjson

from bench.stage import Offered
from ticketing.base.tables import Table
from ticketing.schema.tables import ALLOWANCES, EVENTS, IDEMPOTENCY, ORDER_DETAILS, ORDERS, TICKETS, USERS
from ticketing.storage.sql.sqlite import WAL_PAGES_BEFORE_CHECKPOINT, connect
from ticketing.storage.sql.statements import insert_row, move_pools

ORDERS_MAX = 20_000
BATCH = 64
"""About as many orders as come together with 128 clients: half of them wait while the others are written."""


def floor_cpu_us(database: Path, offered: Offered) -> float:
    """Microseconds of CPU that SQLite takes for each of the first orders of this sale, written anew into a copy without any.

    The rows are those that the sale wrote, bound as they are, durable batch by batch with `synchronous=FULL`, every index and foreign
    key in place. No request is read, no rule is asked and no answer is made.
    """
    copy = database.with_name("floor.db")
    connection = connect(database, readonly=True)
    try:
        connection.execute("vacuum into ?", (str(copy),))
    finally:
        connection.close()
    try:
        return _replayed(copy, offered)
    finally:
        for path in copy.parent.glob("floor.db*"):
            path.unlink()


def _replayed(copy: Path, offered: Offered) -> float:
    connection = connect(copy)
    try:
        rows = _rows_of(connection, offered)
        count = len(rows[ORDERS])
        _empty(connection)
        connection.pragma("wal_autocheckpoint", WAL_PAGES_BEFORE_CHECKPOINT)
        began = os.times()
        for start in range(0, count, BATCH):
            _write(connection, {table: found[start : start + BATCH] for table, found in rows.items()}, offered)
        ended = os.times()
    finally:
        connection.close()
    return (ended.user - began.user + ended.system - began.system) / count * 1e6


def _rows_of(connection: apsw.Connection, offered: Offered) -> dict[Table, list[Any]]:
    """The rows of each table in the order in which they are written."""
    first = "select order_id, user_id from orders where event_id = ?1 order by order_id limit ?2"
    conditions = {
        USERS: "user_id in (select user_id from first)",
        ORDERS: "order_id in (select order_id from first)",
        ORDER_DETAILS: "order_id in (select order_id from first)",
        ALLOWANCES: "event_id = ?1 and customer in (select user_id from first)",
        IDEMPOTENCY: "rowid in (select rowid from idempotency limit (select count(*) from first))",
    }
    rows = {
        table: connection.execute(
            f"with first as ({first}) select {', '.join(table.column_names)} from {table.name} where {condition}",
            (offered.event_id, ORDERS_MAX),
        ).fetchall()
        for table, condition in conditions.items()
    }
    place = {row[0]: number for number, row in enumerate(rows[USERS])}
    buyer = ORDERS.column_names.index("user_id")
    rows[ORDERS].sort(key=lambda row: place[row[buyer]])  # so that each buyer is there before the order
    of_order = {row[0]: number for number, row in enumerate(rows[ORDERS])}
    rows[ORDER_DETAILS].sort(key=lambda row: of_order[row[0]])
    assert len({len(found) for found in rows.values()}) == 1, {table.name: len(rows[table]) for table in rows}
    return rows


def _empty(connection: apsw.Connection) -> None:
    connection.pragma("foreign_keys", False)
    for table in (IDEMPOTENCY, ALLOWANCES, ORDER_DETAILS, ORDERS):
        connection.execute(f"delete from {table.name}")
    connection.execute("delete from users where user_type = 'guest'")
    connection.execute("vacuum")
    connection.pragma("foreign_keys", True)


def _write(connection: apsw.Connection, rows: dict[Table, list[Any]], offered: Offered) -> None:
    connection.execute("begin immediate")
    for table, found in rows.items():
        connection.executemany(insert_row(table, claim=table is IDEMPOTENCY), found)
    count = len(rows[ORDERS])
    for table, column, key in (
        (TICKETS, "quantity_available", offered.ticket_type_id),
        (EVENTS, "capacity_available", offered.event_id),
    ):
        connection.execute(move_pools(table, column), (orjson.dumps([[key, -count]]).decode(),))
    connection.execute("commit")
