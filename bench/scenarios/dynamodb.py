"""DynamoDB: how many orders go into one transaction, and what follows for one hot ticket type from the limits of the service."""

from __future__ import annotations

import asyncio
import json
import math
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.outcome import Figure, Options, Outcome, Table
from bench.progress import say
from bench.report import provenance
from ticketing.base.bounds import BLOCKS_PER_POOL_MAX, CHANGES_PER_COMMIT_MAX
from ticketing.base.house import House, Keys, Settings
from ticketing.base.search import SearchPage, SearchWish
from ticketing.gateways.clock import SystemClock, SystemEntropy
from ticketing.sales.api.orders import answer_order
from ticketing.schema.tables import HOLD_SHARDS, ORDERS
from ticketing.storage.coalesce import CoalescedStore

if TYPE_CHECKING:
    from ticketing.storage.dynamo.driver import Answer, Driver, Request

NAME = "dynamodb"
TITLE = "DynamoDB: orders in a transaction, and orders of one hot ticket type"
CLIENTS = (1, 16, 64, 128)
PROCESSES = 8
PLACES = 1_000_000
ORDERS_AIM = 10_000
SERVERS = 16
"""For which the calculation is made: machines that an organizer of such a sale has."""
ROWS_OF_AN_ORDER = 5
"""Order, line, allowance, remembered answer, and the user of a new guest; beside the pools, which orders share."""
ENTRIES_OF_AN_ORDER = 2
"""In indexes: of the event's orders, and of holds under way."""
POOLS = 2
"""Of the ticket type and of the event: in both an order takes its places."""

GUIDE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/"
PARTITION_UNITS = 1_000
TRANSACTION_UNITS = 2
TABLE_UNITS = 40_000
SERVER_TRANSACTIONS = (40, 65)
LAMBDA_TRANSACTIONS = (50, 100)
LIMITS = (
    (
        "write units a second of one partition, hence of one item",
        f"{PARTITION_UNITS:,}",
        GUIDE + "bp-partition-key-design.html",
    ),
    ("write units of an item of up to 1 KB in a transaction", str(TRANSACTION_UNITS), GUIDE + "ServiceQuotas.html"),
    ("actions in a transaction", str(CHANGES_PER_COMMIT_MAX), GUIDE + "transaction-apis.html"),
    (
        "write units a second of a table, or of an index of it, unless raised",
        f"{TABLE_UNITS:,}",
        GUIDE + "ServiceQuotas.html",
    ),
    (
        "transactions of one process after one another in a second",
        f"{SERVER_TRANSACTIONS[0]} to {SERVER_TRANSACTIONS[1]}",
        "assumed: 15 to 25 ms each within a region, one under way",
    ),
    (
        "transactions a second on an item that many contend for",
        f"{LAMBDA_TRANSACTIONS[0]} to {LAMBDA_TRANSACTIONS[1]}",
        "a guess to plan with: what conflicts leave of 500 by units",
    ),
)


@dataclass(frozen=True, slots=True)
class Sold:
    """One measurement: how many orders, in which transactions, and what the hottest item had of them."""

    name: str
    clients: int
    orders: int
    seconds: float
    cpu_seconds: float
    orders_by_transaction: tuple[int, ...]
    actions_max: int
    hottest: int

    @property
    def together(self) -> float:
        """Orders in a transaction that sells, the median."""
        return statistics.median(self.orders_by_transaction)


class Watched:
    """A driver that counts what goes into transactions."""

    def __init__(self, within: Driver) -> None:
        self._within = within
        self._lock = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Counting begins anew."""
        self.orders: list[int] = []
        self.actions_max = 0
        self.items: Counter[str] = Counter()

    def call(self, action: str, request: Request) -> Answer:
        """As the driver within; a transaction that went through is counted."""
        answer = self._within.call(action, request)
        if action == "TransactWriteItems":
            self._count(request["TransactItems"])
        return answer

    def _count(self, actions: list[dict[str, Any]]) -> None:
        orders = 0
        items = []
        for each in actions:
            ((verb, asked),) = each.items()
            orders += verb == "Put" and asked["TableName"].endswith(ORDERS.dynamo_name)
            if verb == "Update":
                items.append(json.dumps([asked["TableName"], asked["Key"]]))
        with self._lock:
            self.actions_max = max(self.actions_max, len(actions))
            if orders:
                self.orders.append(orders)
                self.items.update(items)

    def close(self) -> None:
        """The driver within is closed."""
        self._within.close()


def run(options: Options) -> Outcome:
    """Orders were placed on a local engine by more and more clients at once, and in a spread sale by several processes."""
    from tests.support.dynamo import REGION, Server
    from ticketing.storage.dynamo.driver import BotoDriver
    from ticketing.storage.dynamo.engine import DynamoEngine
    from ticketing.storage.dynamo.schema import DYNAMO_TABLES
    from ticketing.storage.dynamo.tables import create_tables

    server = Server()
    try:
        driver = Watched(BotoDriver(region=REGION, endpoint=server.url))
        create_tables(driver)
        stores = [CoalescedStore(DynamoEngine(driver, DYNAMO_TABLES)) for _ in range(PROCESSES)]
        found = asyncio.run(_measure(stores, driver, seconds=options.seconds))
    finally:
        server.kill()
    return outcome_of(found, command=options.command)


async def _measure(stores: list[CoalescedStore], driver: Watched, *, seconds: float) -> list[Sold]:
    from tests.support.sales import kind, put_on_sale

    settings = Settings(rate_limits=False)
    first, *_ = houses = [
        House(store, _NoSearch(), SystemClock(), SystemEntropy(), Keys(b"k" * 32), settings) for store in stores
    ]
    found = []
    for clients in CLIENTS:
        sale = await put_on_sale(first, kind(quantity=PLACES), capacity=PLACES)
        found.append(await _sell("one process", [first], sale, driver, clients=clients, seconds=seconds))
    spread = await put_on_sale(first, kind(quantity=PLACES), capacity=PLACES, spread_sale=True)
    found.append(
        await _sell(f"{PROCESSES} processes, spread", houses, spread, driver, clients=max(CLIENTS), seconds=seconds)
    )
    for store in stores:
        await store.close()
    return found


class _NoSearch:
    """Nobody searches in this measurement."""

    async def search(self, wish: SearchWish, *, limit: int, cursor: str | None = None) -> SearchPage:
        """Never asked."""
        raise AssertionError


async def _sell(name: str, houses: list[House], sale: Any, driver: Watched, *, clients: int, seconds: float) -> Sold:
    driver.begin()
    began, cpu = time.perf_counter(), time.process_time()
    until = began + seconds
    placed = 0

    async def client(number: int) -> None:
        nonlocal placed
        house = houses[number % len(houses)]
        turn = 0
        while time.perf_counter() < until:
            turn += 1
            await _order(house, sale, f"{sale.event_id}-{number}-{turn}")
            placed += 1

    await asyncio.gather(*(client(number) for number in range(clients)))
    sold = Sold(
        name=name,
        clients=clients,
        orders=placed,
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu,
        orders_by_transaction=tuple(driver.orders),
        actions_max=driver.actions_max,
        hottest=max(driver.items.values()),
    )
    assert sum(sold.orders_by_transaction) == placed, "each order is in one transaction"
    say(NAME, f"{name}, {clients} clients: {placed / sold.seconds:.0f} orders/s, {sold.together:.0f} in a transaction")
    return sold


async def _order(house: House, sale: Any, key: str) -> None:
    body = {
        "event_id": sale.event_id,
        "lines": sale.lines(1),
        "customer": {"email": f"{key}@example.org", "first_name": "Ada", "last_name": "Lovelace"},
    }
    answer = await answer_order(
        house,
        body=json.dumps(body).encode(),
        content_type="application/json",
        key=key,
        authorization=None,
        languages="",
    )
    assert answer.status == 201, answer.body


# By calculation ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Calculated:
    """Orders a second of one hot ticket type, from least to most, and what bounds them."""

    way: str
    least: int
    most: int
    bound: str


def calculated(together: int) -> tuple[Calculated, ...]:
    """What follows from the limits where so many orders go into a transaction of a server."""
    by_units = PARTITION_UNITS // TRANSACTION_UNITS
    indexes = min(ORDERS.index("orders_by_event").spread, ORDERS.index("orders_on_hold").spread * len(HOLD_SHARDS))
    let_through = indexes * PARTITION_UNITS

    def way(name: str, times: int, transactions: tuple[int, int], bound: str) -> Calculated:
        least, most = (min(let_through, times * rate) for rate in transactions)
        return Calculated(name, least, most, bound)

    of_indexes = f"each its own block; {indexes} partitions of indexes take {let_through:,}"
    return (
        way("servers, however many", together, SERVER_TRANSACTIONS, "they take turns at the two pools"),
        way(f"{SERVERS} servers, spread", SERVERS * together, SERVER_TRANSACTIONS, of_indexes),
        way("Lambda", 1, LAMBDA_TRANSACTIONS, f"an order in each transaction; by units {by_units}"),
        way("Lambda, spread", BLOCKS_PER_POOL_MAX, LAMBDA_TRANSACTIONS, f"{BLOCKS_PER_POOL_MAX} blocks"),
    )


def units_of_an_order(together: int) -> float:
    """Write units that an order costs where so many share a transaction, indexes included."""
    return TRANSACTION_UNITS * (ROWS_OF_AN_ORDER + POOLS / together) + ENTRIES_OF_AN_ORDER


def outcome_of(found: list[Sold], *, command: str) -> Outcome:
    """What was measured, and what follows from it."""
    alone, busiest, spread = found[0], found[-2], found[-1]
    together = math.floor(busiest.together)
    ways = calculated(together)
    servers = ways[1]
    shares = {each: each.hottest / max(1, len(each.orders_by_transaction)) for each in (busiest, spread)}
    return Outcome(
        name=NAME,
        title=TITLE,
        provenance=provenance(command=command),
        figures=(
            Figure(what=f"orders in a transaction, {busiest.clients} clients, median", value=f"{together}"),
            Figure(
                what="of as many as there is room for", value=f"{(CHANGES_PER_COMMIT_MAX - POOLS) // ROWS_OF_AN_ORDER}"
            ),
            Figure(what="transactions that the hottest item is in", value=f"{shares[busiest]:.0%}"),
            Figure(what=f"the same in a spread sale of {PROCESSES} processes", value=f"{shares[spread]:.0%}"),
            Figure(
                what=f"orders/s of one hot ticket type, {SERVERS} servers, by calculation",
                value=f"{ways[0].least:,} to {ways[0].most:,}",
            ),
            Figure(
                what="the same in a spread sale, by calculation",
                value=f"{servers.least:,} to {servers.most:,}",
                aim=f"over {ORDERS_AIM:,}",
                met=servers.least > ORDERS_AIM,
            ),
            Figure(what="write units of an order in such a transaction", value=f"{units_of_an_order(together):.1f}"),
        ),
        tables=(
            Table(
                columns=(
                    *(
                        "measured on a local engine",
                        "clients",
                        "orders/s",
                        "CPU ms an order",
                        "orders in a transaction",
                    ),
                    *("most of them", "actions at most"),
                ),
                rows=tuple(_row(each) for each in found),
            ),
            Table(columns=("limit of the service", "value", "source"), rows=LIMITS),
            Table(
                columns=("by calculation, one hot ticket type", "orders/s", "bounded by"),
                rows=tuple((way.way, f"{way.least:,} to {way.most:,}", way.bound) for way in ways),
            ),
        ),
        remarks=(
            "The orders per second that were measured are those of a small engine on the same machine, which answers in a few "
            "milliseconds and has neither partitions nor conflicts; what goes into a transaction is the same on the real service. "
            "Clients, Ticket and the engine's driver are one process here; each order has a new guest and a remembered answer. By "
            f"calculation, an account's quotas of tables ({TABLE_UNITS:,} units) let {TABLE_UNITS // TRANSACTION_UNITS:,} orders a "
            "second through before they are raised.",
        ),
        values={
            "orders_in_a_transaction": busiest.together,
            "orders_in_a_transaction_alone": alone.together,
            "hottest_share": shares[busiest],
            "hottest_share_spread": shares[spread],
            "units_of_an_order": units_of_an_order(together),
            **{f"{way.way}, least": way.least for way in ways},
            **{f"{way.way}, most": way.most for way in ways},
        },
    )


def _row(sold: Sold) -> tuple[str, ...]:
    return (
        sold.name,
        str(sold.clients),
        f"{sold.orders / sold.seconds:,.0f}",
        f"{1000 * sold.cpu_seconds / sold.orders:.2f}",
        f"{sold.together:.0f}",
        str(max(sold.orders_by_transaction)),
        str(sold.actions_max),
    )
