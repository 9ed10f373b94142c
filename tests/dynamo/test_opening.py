"""Opening a DynamoDB store by its URL: tables are made once, others than needed are refused, and what is wrong is said."""

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count

import pytest

from tests.dynamo.test_schema import EXPIRING
from tests.support.dynamo import REGION, needed_endpoint
from tests.support.stores import MOMENT
from ticketing.base.changes import Insert
from ticketing.base.search import SearchWish
from ticketing.base.tables import Record
from ticketing.schema.tables import EVENTS, LISTINGS, UNIQUES
from ticketing.storage.dynamo.driver import BotoDriver, Patient
from ticketing.storage.dynamo.opening import CannotReach, Place, open_store, place_of
from ticketing.storage.dynamo.schema import DYNAMO_TABLES, GARBAGE_ATTRIBUTE, definition
from ticketing.storage.dynamo.tables import WrongTables, create_tables, delete_tables, verify_tables
from ticketing.storage.opening import DYNAMODB, CannotOpen, open_any

_numbers = count()


@pytest.fixture
def driver() -> Iterator[BotoDriver]:
    driver = BotoDriver(region=REGION, endpoint=needed_endpoint())
    yield driver
    driver.close()


@pytest.fixture
def prefix(driver: BotoDriver) -> Iterator[str]:
    """A prefix of tables that are gone at the end."""
    name = f"o{os.getpid()}-{next(_numbers)}-"
    yield name
    delete_tables(driver, name)


def url_of(prefix: str) -> str:
    return f"dynamodb://{REGION}/{prefix}?endpoint={needed_endpoint()}"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("dynamodb://eu-central-1", Place("eu-central-1")),
        ("dynamodb://eu-central-1/tickets-", Place("eu-central-1", "tickets-")),
        ("dynamodb://eu-central-1?prefix=tickets-", Place("eu-central-1", "tickets-")),
        ("dynamodb://eu-central-1/a.?tables=given", Place("eu-central-1", "a.", tables_given=True)),
        ("dynamodb://local/a.?endpoint=http://127.0.0.1:8000", Place("local", "a.", "http://127.0.0.1:8000")),
    ],
)
def test_a_url_names_region_prefix_and_endpoint(url: str, place: Place) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb:///tickets-",
        "dynamodb://EU!/x",
        "dynamodb://eu-central-1/a/b",
        "dynamodb://eu-central-1/a?b=c",
        "dynamodb://eu-central-1/a?tables=no",
    ],
)
def test_a_url_that_names_no_place_is_refused(url: str) -> None:
    with pytest.raises(CannotReach, match="dynamodb://REGION/PREFIX"):
        place_of(url)


async def test_a_new_place_gets_its_tables_and_keeps_what_is_stored(prefix: str, driver: BotoDriver) -> None:
    opened = open_any(url_of(prefix))
    await opened.store.commit((Insert(UNIQUES, {"name": "email#a", "target_id": "usr_1"}),))
    await opened.store.close()
    verify_tables(driver, prefix)

    again = open_any(url_of(prefix))

    assert (again.kind, again.purge) == (DYNAMODB, None)
    assert await again.store.get(UNIQUES, ("email#a",)) == {"name": "email#a", "target_id": "usr_1"}
    await again.store.close()


async def test_tables_that_are_given_are_neither_made_nor_looked_at(prefix: str, driver: BotoDriver) -> None:
    opened = open_any(url_of(prefix) + "&tables=given")
    await opened.store.close()

    with pytest.raises(WrongTables):
        verify_tables(driver, prefix)


def test_rows_that_nobody_needs_are_deleted_by_dynamodb_itself(prefix: str, driver: BotoDriver) -> None:
    create_tables(driver, prefix)

    expiring = {
        table.name: told["AttributeName"]
        for table in DYNAMO_TABLES
        for told in [
            driver.call("DescribeTimeToLive", {"TableName": prefix + table.dynamo_name})["TimeToLiveDescription"]
        ]
        if told["TimeToLiveStatus"] != "DISABLED"
    }

    assert expiring == dict.fromkeys(EXPIRING, GARBAGE_ATTRIBUTE)


def test_tables_that_stand_are_not_made_again(prefix: str, driver: BotoDriver) -> None:
    first = create_tables(driver, prefix)

    assert len(first) == len(DYNAMO_TABLES)
    assert create_tables(driver, prefix) == []


def test_a_table_with_another_key_is_refused_and_named(prefix: str, driver: BotoDriver) -> None:
    wrong = definition(UNIQUES, prefix)
    wrong["KeySchema"][0]["AttributeName"] = wrong["AttributeDefinitions"][0]["AttributeName"] = "Id"
    driver.call("CreateTable", wrong)

    with pytest.raises(CannotOpen, match=f"{prefix}Uniques has the key"):
        open_any(url_of(prefix))


def test_missing_tables_are_named(prefix: str, driver: BotoDriver) -> None:
    create_tables(driver, prefix, (EVENTS,))

    with pytest.raises(WrongTables, match=f"{prefix}Uniques is missing"):
        verify_tables(driver, prefix, (EVENTS, UNIQUES))


def test_what_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.storage.dynamo.tables.Patient", partial(Patient, give_up_seconds=0.2))
    with pytest.raises(CannotReach, match="does not answer"):
        open_store("dynamodb://eu-central-1/x-?endpoint=http://127.0.0.1:9")


# The search of two processes --------------------------------------------------------------------------------------------


def listing(event_id: str, minutes: int = 0) -> Record:
    start = MOMENT + timedelta(minutes=minutes)
    return {
        "event_id": event_id,
        "event_name": "fado",
        "words": "",
        "facets": [],
        "start_date_time": start,
        "end_date_time": start + timedelta(hours=1),
        "version": 1,
    }


async def test_what_one_process_lists_another_one_finds_and_goes_on_with_its_cursors(prefix: str) -> None:
    here, here_search = open_store(url_of(prefix))
    there, there_search = open_store(url_of(prefix))
    there_search._look_seconds = 0.0
    wish = SearchWish(MOMENT)
    assert (await there_search.search(wish, limit=10)).event_ids == ()
    for name in ("d", "b", "e", "a", "c"):  # all in one minute, so that places within it follow the order of arrival
        await here.commit((Insert(LISTINGS, listing(name)),))
        assert name in (await here_search.search(wish, limit=10)).event_ids, "its own at once"

    first = await here_search.search(wish, limit=2)
    second = await there_search.search(wish, limit=2, cursor=first.next_cursor)
    third = await here_search.search(wish, limit=2, cursor=second.next_cursor)
    late, late_search = open_store(url_of(prefix))

    assert first.event_ids + second.event_ids + third.event_ids == ("a", "b", "c", "d", "e")
    assert (await late_search.search(wish, limit=9, cursor=second.next_cursor)).event_ids == ("e",)
    for store in (here, there, late):
        await store.close()


async def test_a_commit_without_room_for_it_still_tells_the_searches(prefix: str) -> None:
    here, _ = open_store(url_of(prefix))
    there, there_search = open_store(url_of(prefix))
    there_search._look_seconds = 0.0
    assert (await there_search.search(SearchWish(MOMENT), limit=1)).event_ids == ()
    rest = [Insert(UNIQUES, {"name": f"{place}", "target_id": "x"}) for place in range(99)]

    await here.commit((Insert(LISTINGS, listing("a")), *rest))

    assert (await there_search.search(SearchWish(MOMENT), limit=1)).event_ids == ("a",)
    for store in (here, there):
        await store.close()
