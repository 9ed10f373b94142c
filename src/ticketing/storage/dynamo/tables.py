"""Makes the tables of a DynamoDB store, and says where those that exist are not what Ticket needs."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

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

READY_SECONDS_MAX: Final = 180.0
"""A new table takes some seconds, one with several indexes up to a minute."""
FIRST_LOOK_SECONDS: Final = 0.02
LOOK_SECONDS_MAX: Final = 2.0
LOOKS_AT_ONCE: Final = 8
"""A process on Lambda begins by looking at every table: one after another that would be a fifth of a second."""


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
    found = _look(driver, prefix, tables)
    made = [table for table in tables if found[table] is None]
    for table in made:
        try:
            call("CreateTable", definition(table, prefix))
        except Refused as error:
            if error.code != IN_USE:  # somebody else makes it at this moment
                raise
    until = time.monotonic() + READY_SECONDS_MAX
    look_seconds = FIRST_LOOK_SECONDS
    while waiting := [table for table in tables if not _is_ready(found[table])]:
        if time.monotonic() > until:
            names = ", ".join(table_name(table, prefix) for table in waiting)
            raise WrongTables(f"not ready after {READY_SECONDS_MAX:.0f} s: {names}")
        pause(look_seconds)
        look_seconds = min(LOOK_SECONDS_MAX, look_seconds * 2)
        found |= _look(driver, prefix, waiting)
    for table in made:
        if has_garbage(table):
            expiry = {"Enabled": True, "AttributeName": GARBAGE_ATTRIBUTE}
            call("UpdateTimeToLive", {"TableName": table_name(table, prefix), "TimeToLiveSpecification": expiry})
    _refuse_wrong(found, prefix)
    return [table_name(table, prefix) for table in made]


def verify_tables(driver: Driver, prefix: str = "", tables: Sequence[Table] = DYNAMO_TABLES) -> None:
    """Nothing, where every table stands with its key and its indexes. Raises WrongTables."""
    _refuse_wrong(_look(driver, prefix, tables), prefix)


def delete_tables(driver: Driver, prefix: str, tables: Sequence[Table] = DYNAMO_TABLES) -> None:
    """None of these tables stands. For tests."""
    for table in tables:
        try:
            Patient(driver).call("DeleteTable", {"TableName": table_name(table, prefix)})
        except Refused as error:
            if error.code != NOT_FOUND:
                raise


def _look(driver: Driver, prefix: str, tables: Sequence[Table]) -> dict[Table, Definition | None]:
    """What stands of these tables."""
    threads = ThreadPoolExecutor(LOOKS_AT_ONCE)
    try:
        described = threads.map(lambda table: _described(driver, table_name(table, prefix)), tables)
        return dict(zip(tables, described, strict=True))
    finally:
        threads.shutdown(cancel_futures=True)  # where one does not answer, the others are not asked


def _described(driver: Driver, name: str) -> Definition | None:
    try:
        found: Definition = Patient(driver).call("DescribeTable", {"TableName": name})["Table"]
    except Refused as error:
        if error.code == NOT_FOUND:
            return None
        raise
    return found


def _is_ready(found: Definition | None) -> bool:
    if found is None:
        return False
    states = [found["TableStatus"], *(index["IndexStatus"] for index in found.get("GlobalSecondaryIndexes", ()))]
    return all(state in ("ACTIVE", "UPDATING") for state in states)


def _refuse_wrong(found: Mapping[Table, Definition | None], prefix: str) -> None:
    wrong = [fault for table, described in found.items() for fault in _faults(described, definition(table, prefix))]
    if wrong:
        raise WrongTables("; ".join(wrong))


def _faults(found: Definition | None, wanted: Definition) -> list[str]:
    name = wanted["TableName"]
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
