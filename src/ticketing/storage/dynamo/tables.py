"""Makes the tables of a DynamoDB store, and says where those that exist are not what Ticket needs."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import uuid4

from ticketing.base.tables import Key, Kind, Table, attribute_name
from ticketing.storage.dynamo.driver import IN_USE, NOT_FOUND, Driver, Patient, Refused, Request
from ticketing.storage.dynamo.schema import (
    DYNAMO_TABLES,
    GARBAGE_ATTRIBUTE,
    Definition,
    definition,
    has_garbage,
    table_name,
)
from ticketing.storage.dynamo.transact import Expression
from ticketing.storage.dynamo.values import Item, attribute_of, helpers_of, key_item, record_of

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
    """Every table stands and can be used; the names of those that were made. One that exists gets the indexes that it lacks.

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
    found |= _ready(driver, prefix, made, pause=pause)
    for table in made:
        if has_garbage(table):
            expiry = {"Enabled": True, "AttributeName": GARBAGE_ATTRIBUTE}
            call("UpdateTimeToLive", {"TableName": table_name(table, prefix), "TimeToLiveSpecification": expiry})
    for table in tables:
        if _add_indexes(driver, prefix, table, found, pause=pause):
            complete_items(driver, prefix, table)
    _refuse_wrong(found, prefix)
    return [table_name(table, prefix) for table in made]


def _add_indexes(
    driver: Driver,
    prefix: str,
    table: Table,
    found: dict[Table, Definition | None],
    *,
    pause: Callable[[float], None],
) -> bool:
    """The indexes stand that an existing table lacks, as one that was made from the founding document; whether there were any."""
    wanted = definition(table, prefix)
    described = found[table]
    if described is None or _keys(described) != _keys(wanted):
        return False  # it is refused afterwards
    existing = {index["IndexName"] for index in described.get("GlobalSecondaryIndexes", ())}
    missing = [index for index in wanted.get("GlobalSecondaryIndexes", ()) if index["IndexName"] not in existing]
    for index in missing:  # DynamoDB makes one at a time
        keyed = {*_keys(wanted), *_keys(index)}
        request = {
            "TableName": wanted["TableName"],
            "AttributeDefinitions": [each for each in wanted["AttributeDefinitions"] if each["AttributeName"] in keyed],
            "GlobalSecondaryIndexUpdates": [{"Create": index}],
        }
        Patient(driver).call("UpdateTable", request)
        found |= _ready(driver, prefix, [table], pause=pause)
    return bool(missing)


def _ready(
    driver: Driver, prefix: str, tables: Sequence[Table], *, pause: Callable[[float], None]
) -> dict[Table, Definition | None]:
    """What stands of these tables, once all of them and their indexes can be used. Raises WrongTables when that takes too long."""
    until = time.monotonic() + READY_SECONDS_MAX
    look_seconds = FIRST_LOOK_SECONDS
    found = _look(driver, prefix, tables)
    while waiting := [table for table in tables if not _is_ready(found[table])]:
        if time.monotonic() > until:
            names = ", ".join(table_name(table, prefix) for table in waiting)
            raise WrongTables(f"not ready after {READY_SECONDS_MAX:.0f} s: {names}")
        pause(look_seconds)
        look_seconds = min(LOOK_SECONDS_MAX, look_seconds * 2)
        found |= _look(driver, prefix, waiting)
    return found


def complete_items(driver: Driver, prefix: str, table: Table) -> int:
    """Every item of the table is in the indexes that it belongs to; how many were not.

    An item that somebody wrote by the founding document alone gets what orders the indexes, and nothing else: until Ticket first
    changes it, what it lacks is read as `values.py:lacking` says.
    """
    call = Patient(driver).call
    name = table_name(table, prefix)
    partitions = {index.partition for index in table.indexes} - set(table.key)
    completed = 0
    request: Request = {"TableName": name, "ConsistentRead": True}
    while True:
        answer = call("Scan", request)
        for item in answer["Items"]:
            record = record_of(table, item)
            wanted = helpers_of(table, record) | {
                attribute_name(column): attribute_of(Kind.TEXT, record[column])
                for column in partitions
                if record[column]
            }
            lacking = {attribute: value for attribute, value in wanted.items() if attribute not in item}
            if lacking:
                call("TransactWriteItems", _completion(table, name, table.key_of(record), lacking))
                completed += 1
        if "LastEvaluatedKey" not in answer:
            return completed
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _completion(table: Table, name: str, key: Key, attributes: Item) -> Request:
    said = Expression()
    assigned = []
    for attribute, value in attributes.items():
        placed = said.name(attribute)
        assigned.append(f"{placed} = if_not_exists({placed}, {said.value(value)})")
    target = {"TableName": name, "Key": key_item(table, key)}
    action = said.action("Update", target, [said.exists(table)], f"SET {', '.join(assigned)}")
    return {"ClientRequestToken": str(uuid4()), "TransactItems": [action]}


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
