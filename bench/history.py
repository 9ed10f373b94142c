"""A house with very many orders, each placed as every order is, and kept for a while so that a second run finds it."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson

from bench.progress import say
from bench.stage import STAGES, Offered, Stage, begin, put_on_sale
from ticketing.base.changes import Change
from ticketing.base.house import House
from ticketing.entry.opening import OpenHouse
from ticketing.sales.api.orders import answer_order
from ticketing.storage.coalesce import AwaitedEngine, CoalescedStore
from ticketing.storage.sql.migrate import latest_revision
from ticketing.storage.sql.sqlite import SqliteEngine

RULE = 1  # Of how orders are made: another number makes them anew.
EVENTS = 100
ORDERS_PER_BATCH = 2_000
ORDERS_BETWEEN_LINES = 50_000
COMPLETE = "complete"
KEPT_FOR = timedelta(
    hours=48
)  # Remembered answers run out after 72 hours; while the server purges them, nothing is measured.
COPIED_ORDERS_MAX = 1_000_000  # A larger house is measured as it is kept: the few orders more do not matter to it.


@contextmanager
def with_orders(count: int, *, scenario: str) -> Iterator[Stage]:
    """A house with so many completed orders for past sales, to be changed at will."""
    made = _kept(count, scenario=scenario)
    if count > COPIED_ORDERS_MAX:
        yield made
        return
    folder = STAGES / f"copy-of-{made.folder.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        for name in ("ticket.db", "ticket.secret"):
            shutil.copy2(made.folder / name, folder / name)
        yield begin(folder)
    finally:
        shutil.rmtree(folder)


def _kept(count: int, *, scenario: str) -> Stage:
    folder = STAGES / f"orders-{count}-{latest_revision()}-{RULE}"
    if _is_fresh(folder / COMPLETE):
        return begin(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = begin(folder)
    with made.opened() as opened:
        _fill(opened, count, scenario=scenario)
    (folder / COMPLETE).touch()
    return made


def _is_fresh(path: Path) -> bool:
    return path.exists() and time.time() - path.stat().st_mtime < KEPT_FOR.total_seconds()


def _fill(opened: OpenHouse, count: int, *, scenario: str) -> None:
    assert isinstance(opened.store, CoalescedStore)
    engine = opened.store.engine
    assert isinstance(engine, SqliteEngine)
    engine.writer.pragma("synchronous", "off")  # It is made again where this run ends early.
    offers = asyncio.run(put_on_sale(opened.house, [-(-count // EVENTS)] * EVENTS, price=0))
    gathering = Gathering(engine)
    house = replace(opened.house, store=gathering)
    began = time.monotonic()
    for number in range(count):
        _order(house, offers[number % EVENTS], number)
        done = number + 1
        if done % ORDERS_PER_BATCH == 0 or done == count:
            gathering.write()
        if done % ORDERS_BETWEEN_LINES == 0 or done == count:
            say(scenario, f"{done:,} of {count:,} orders, {done / (time.monotonic() - began):,.0f}/s")


class Gathering(CoalescedStore):
    """A store whose commits are gathered, to be applied many at once; until then whoever committed takes them for done."""

    def __init__(self, engine: SqliteEngine) -> None:
        super().__init__(engine)
        self._gathered: list[Sequence[Change]] = []

    async def commit(self, changes: Sequence[Change]) -> None:
        """The changes are among the gathered."""
        self._gathered.append(changes)

    def write(self) -> None:
        """All that was gathered is in the file. Asserts that every commit held."""
        assert not isinstance(self.engine, AwaitedEngine)
        outcomes = self.engine.apply(self._gathered)
        assert outcomes == [None] * len(self._gathered), [outcome for outcome in outcomes if outcome is not None][:3]
        self._gathered = []


def _order(house: House, offered: Offered, number: int) -> None:
    body = {
        "event_id": offered.event_id,
        "lines": [{"ticket_type_id": offered.ticket_type_id, "quantity": 1}],
        "customer": {"email": f"buyer-past-{number:010}@example.com", "first_name": "Ada", "last_name": "Lovelace"},
    }
    answering = answer_order(
        house,
        body=orjson.dumps(body),
        content_type="application/json",
        key=f"past-{number:010}",
        authorization=None,
    )
    with suppress(StopIteration):  # It never waits: reads are done at once, and a commit is only gathered.
        answering.send(None)
        raise AssertionError("an order that waits for something")
