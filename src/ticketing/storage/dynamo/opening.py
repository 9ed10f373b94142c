"""Opens the store of a DynamoDB URL: the tables are made where they are missing, and those that are other than needed are refused;
or they are given, and nothing is asked about them."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

import structlog

from ticketing.base.store import Busy
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.drivers import install_command
from ticketing.storage.dynamo.driver import BotoDriver, Driver, Refused
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.schema import DYNAMO_TABLES
from ticketing.storage.dynamo.search import DynamoSearch
from ticketing.storage.dynamo.tables import WrongTables, create_tables, verify_tables

log = structlog.get_logger()

LOOK_SECONDS: Final = 0.5
"""How old a search may be. It is one more read for each look."""


class CannotReach(RuntimeError):
    """DynamoDB cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the tables lie: `dynamodb://REGION/PREFIX`, for tests with `?endpoint=http://…`.

    With `?tables=given` somebody else made them, such as CloudFormation: looking at all of them takes a second of each start, and a
    right that a function on Lambda has no other need of.
    """

    region: str
    prefix: str = ""
    endpoint: str | None = None
    tables_given: bool = False


def place_of(url: str) -> Place:
    """The place that a URL names. Raises CannotReach for what is none."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    prefix = parts.path.removeprefix("/") or options.pop("prefix", [""])[-1]
    endpoint = options.pop("endpoint", [None])[-1]
    tables = options.pop("tables", ["made"])[-1]
    known = not options and tables in ("made", "given")
    if not known or not re.fullmatch(r"[a-z0-9-]+", parts.netloc) or not re.fullmatch(r"[A-Za-z0-9_.-]{0,100}", prefix):
        raise CannotReach("The URL must be dynamodb://REGION/PREFIX, as dynamodb://eu-central-1/tickets-.")
    return Place(parts.netloc, prefix, endpoint, tables == "given")


def open_store(url: str) -> tuple[CoalescedStore, DynamoSearch]:
    """The store of this URL and its search, with every table that it needs. Closing the store closes both. Raises CannotReach."""
    place = place_of(url)
    driver = _driver(place)
    try:
        made = [] if place.tables_given else create_tables(driver, place.prefix)
    except (Busy, Refused, WrongTables, driver.failure) as error:
        driver.close()
        raise CannotReach(f"DynamoDB in {place.region} cannot be used: {_told(error)}") from error
    if made:
        log.info("store.tables_made", tables=made)
    return over(driver, place.prefix)


def open_to_read(url: str) -> tuple[CoalescedStore, DynamoSearch]:
    """The store of this URL and its search, whose tables and indexes all stand already; nothing is changed. Raises CannotReach."""
    place = place_of(url)
    driver = _driver(place)
    try:
        if not place.tables_given:
            verify_tables(driver, place.prefix)
    except (Busy, Refused, WrongTables, driver.failure) as error:
        driver.close()
        more = (
            " (nothing was changed; `ticket migrate` makes what is missing)" if isinstance(error, WrongTables) else ""
        )
        raise CannotReach(f"DynamoDB in {place.region} cannot be used: {_told(error)}{more}") from error
    return over(driver, place.prefix)


def _driver(place: Place) -> BotoDriver:
    try:
        return BotoDriver(region=place.region, endpoint=place.endpoint)
    except ImportError as error:
        command = install_command("dynamodb", "botocore")
        raise CannotReach(f"DynamoDB needs botocore, which is not installed where Ticket is: {command}") from error


def over(driver: Driver, prefix: str) -> tuple[CoalescedStore, DynamoSearch]:
    """The store over the tables with this prefix, which stand, and its search."""
    engine = DynamoEngine(driver, DYNAMO_TABLES, prefix=prefix)
    search = DynamoSearch(engine, look_seconds=LOOK_SECONDS)
    engine.beside.append(search.close)
    return CoalescedStore(engine), search


def _told(error: Exception) -> str:
    return f"it does not answer ({error.__cause__})" if isinstance(error, Busy) else str(error)
