"""Makes the tables of a DynamoDB store, and says where those that exist are not what Ticket needs."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import structlog

from ticketing.base.tables import Table
from ticketing.storage.dynamo.driver import IN_USE, NOT_FOUND, Driver, Patient, Refused
from ticketing.storage.dynamo.schema import (
    DYNAMO_TABLES,
    GARBAGE_ATTRIBUTE,
    Definition,
    definition,
    has_garbage,
    table_name,
)

log = structlog.get_logger()

READY_SECONDS_MAX: Final = 180.0
"""A new table takes some seconds, one with several indexes up to a minute."""
_LOOK_SECONDS: Final = 1.0


class WrongTables(Exception):
    """Tables are missing or other than Ticket needs; the message says which and how."""


def create_tables(
    driver: Driver,
    prefix: str = "",
    tables: Sequence[Table] = DYNAMO_TABLES,
    *,
    pause: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Every table stands and can be used; the names of those that were made. One that exists is left as it is.

    Raises WrongTables where one that exists is not what Ticket needs, or a new one is not ready in time.
    """
    call = Patient(driver).call
    made = []
    for table in tables:
        name = table_name(table, prefix)
        if _described(driver, name) is not None:
            continue
        try:
            call("CreateTable", definition(table, prefix))
        except Refused as error:
            if error.code != IN_USE:  # somebody else makes it at this moment
                raise
        else:
            made.append(name)
    until = time.monotonic() + READY_SECONDS_MAX
    while waiting := [table for table in tables if not _is_ready(driver, table_name(table, prefix))]:
        if time.monotonic() > until:
            raise WrongTables(f"Not ready after {READY_SECONDS_MAX:.0f} s: {', '.join(each.name for each in waiting)}.")
        pause(_LOOK_SECONDS)
    for table in tables:
        if has_garbage(table) and table_name(table, prefix) in made:
            expiry = {"Enabled": True, "AttributeName": GARBAGE_ATTRIBUTE}
            call("UpdateTimeToLive", {"TableName": table_name(table, prefix), "TimeToLiveSpecification": expiry})
    verify_tables(driver, prefix, tables)
    return made


def verify_tables(driver: Driver, prefix: str = "", tables: Sequence[Table] = DYNAMO_TABLES) -> None:
    """Nothing, where every table stands with its key and its indexes. Raises WrongTables."""
    wrong = [fault for table in tables for fault in _faults(driver, definition(table, prefix))]
    if wrong:
        raise WrongTables("; ".join(wrong) + ".")


def delete_tables(driver: Driver, prefix: str, tables: Sequence[Table] = DYNAMO_TABLES) -> None:
    """None of these tables stands. For tests."""
    for table in tables:
        try:
            Patient(driver).call("DeleteTable", {"TableName": table_name(table, prefix)})
        except Refused as error:
            if error.code != NOT_FOUND:
                raise


def _described(driver: Driver, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = Patient(driver).call("DescribeTable", {"TableName": name})["Table"]
    except Refused as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return found


def _is_ready(driver: Driver, name: str) -> bool:
    found = _described(driver, name)
    if found is None:
        return False
    states = [found["TableStatus"], *(index["IndexStatus"] for index in found.get("GlobalSecondaryIndexes", ()))]
    return all(state == "ACTIVE" for state in states)


def _faults(driver: Driver, wanted: Definition) -> list[str]:
    name = wanted["TableName"]
    found = _described(driver, name)
    if found is None:
        return [f"the table {name} is missing"]
    faults = []
    if _keys(found) != _keys(wanted):
        faults.append(f"the table {name} has the key {_keys(found)} and not {_keys(wanted)}")
    indexes = {index["IndexName"]: index for index in found.get("GlobalSecondaryIndexes", ())}
    for index in wanted.get("GlobalSecondaryIndexes", ()):
        existing = indexes.get(index["IndexName"])
        if existing is None:
            faults.append(f"the table {name} lacks the index {index['IndexName']}")
        elif _keys(existing) != _keys(index):
            faults.append(f"the index {index['IndexName']} of {name} has the key {_keys(existing)}")
    return faults


def _keys(described: Definition) -> list[str]:
    return [part["AttributeName"] for part in described["KeySchema"]]
