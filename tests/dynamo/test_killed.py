"""A whole sale by 32 writers while the engine is killed at random, over and over: nothing that was acknowledged is lost, nobody has a
place too many, and the doctor finds nothing. Conflicts, throttling and lost answers come on top."""

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import orjson
import pytest

from tests.dynamo.disturbed import Disturbed
from tests.support.dynamo import REGION, Server, needed_endpoint
from tests.support.houses import MASTER, NOON, make_house
from tests.support.sales import Sale, assert_books_balance, kind, put_on_sale
from ticketing.accounts.bearer import principal_of
from ticketing.base.house import House
from ticketing.base.once import keep_nothing
from ticketing.base.store import Busy
from ticketing.entry.keeping import look_over_store
from ticketing.events.actions.events import change_event
from ticketing.payments.model import PaymentMethod
from ticketing.payments.model import TestOutcome as Outcome
from ticketing.sales import actions
from ticketing.sales.api.orders import answer_order
from ticketing.sales.model import PaymentStatus
from ticketing.sales.rules import AlreadyPaid, SoldOut
from ticketing.sales.store import read_order
from ticketing.schema.tables import ORDERS, TICKETS
from ticketing.storage.coalesce import CoalescedStore
from ticketing.storage.dynamo.driver import BotoDriver, Driver, Patient
from ticketing.storage.dynamo.engine import DynamoEngine
from ticketing.storage.dynamo.schema import DYNAMO_TABLES
from ticketing.storage.dynamo.tables import create_tables

SEED: Final = int(os.environ.get("PROOF_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
KILLS: Final = int(os.environ.get("PROOF_KILLS", "15"))
WRITERS: Final = 32
STOCK: Final = 240
Done = TypeVar("Done")


Told: TypeAlias = dict[str, PaymentStatus]
"""How each order stood when somebody was last told of it, by id."""


def patient(driver: Driver) -> Patient:
    """Gives up while the engine is away, so that writers find out by themselves what became of what they asked."""
    return Patient(driver, pause=lambda seconds: time.sleep(seconds / 10), give_up_seconds=0.3)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    needed_endpoint()
    opened = Server(tmp_path / "dynamo.db")
    yield opened
    opened.kill()


async def until_told(ask: Callable[..., Awaitable[Done]], *given: object) -> Done:
    """What is answered in the end, to the same request asked again and again while nothing is decided, or nobody knows."""
    while True:
        try:
            return await ask(*given)
        except Busy:
            await asyncio.sleep(0.01)


async def writer(house: House, sale: Sale, name: str, told: Told, chance: random.Random) -> None:
    """Orders, pays and cancels until nothing is left."""
    for turn in count():
        key = f"{name}-{turn}"
        body = json.dumps(
            {
                "event_id": sale.event_id,
                "lines": sale.lines(chance.randint(1, 2)),
                "customer": {"email": f"{key}@example.org", "first_name": "Ada", "last_name": "Lovelace"},
            }
        ).encode()
        try:
            content = await until_told(ordered, house, body, key)
        except SoldOut:
            return
        order_id = orjson.loads(content)["order_id"]
        told[order_id] = PaymentStatus.PENDING
        drawn = chance.random()
        if drawn < 0.5:
            await until_told(pay, house, order_id)
            told[order_id] = PaymentStatus.COMPLETED
        elif drawn < 0.6:
            await until_told(cancel, house, order_id)
            told[order_id] = PaymentStatus.CANCELLED
        assert await until_told(ordered, house, body, key) == content, "the same request has the same answer"


async def ordered(house: House, body: bytes, key: str) -> bytes:
    """The answer to `POST /v1/orders`."""
    answer = await answer_order(
        house, body=body, content_type="application/json", key=key, authorization=None, languages=""
    )
    return answer.body


async def pay(house: House, order_id: str) -> None:
    """The order is paid, by this call or by an earlier one whose answer was lost."""
    order = await read_order(house.store, order_id)
    assert order is not None
    with suppress(AlreadyPaid):
        await actions.start_payment(
            house, order, PaymentMethod.TEST, Outcome.PAID, keep=keep_nothing, now=house.clock.now()
        )


async def cancel(house: House, order_id: str) -> None:
    """The order is cancelled, likewise."""
    order = await read_order(house.store, order_id)
    assert order is not None
    await actions.cancel_order(house, order, by_owner=False, keep=keep_nothing, now=house.clock.now())


@pytest.mark.parametrize("spread", [False, True], ids=["one pool", "spread"])
async def test_32_writers_lose_nothing_that_was_acknowledged_when_the_engine_is_killed_at_random(
    server: Server, *, spread: bool
) -> None:
    print(f"PROOF_SEED={SEED} PROOF_KILLS={KILLS}")
    chance = random.Random(SEED)
    driver = BotoDriver(region=REGION, endpoint=server.url)
    create_tables(driver)
    disturbed = Disturbed(driver, seed=SEED, conflicts=0.05, throttled=0.02, lost=0.05)
    undisturbed = CoalescedStore(DynamoEngine(driver, DYNAMO_TABLES))
    own = make_house(undisturbed)
    sale = await put_on_sale(own, kind(quantity=STOCK), capacity=STOCK, spread_sale=spread)
    organizer = await principal_of(own, f"Bearer {sale.organizer}", now=NOON)
    await change_event(own, organizer, sale.event_id, lambda wish: wish, expected=None, now=NOON)  # which lists it
    stores = [CoalescedStore(DynamoEngine(disturbed, DYNAMO_TABLES, patient=patient)) for _ in range(WRITERS)]
    told: Told = {}

    selling = [
        asyncio.create_task(
            writer(replace(own, store=store), sale, f"{SEED}-{number}", told, random.Random(chance.random()))
        )
        for number, store in enumerate(stores)
    ]
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0.05, 0.9))  # the moment is what is random
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await asyncio.gather(*selling)

    stored = {row["order_id"]: PaymentStatus(row["payment_status"]) async for row in own.store.scan(ORDERS)}
    assert stored == told, "what was told is stored, and nothing else is"
    left = await own.store.get(TICKETS, (sale.ticket_types[0],))
    assert left is not None
    assert left["quantity_available"] >= 0
    await assert_books_balance(own, sale)
    looked = await look_over_store(
        own.store, given_secret=MASTER.decode(), now=lambda: NOON, tell=lambda *_: None, again_seconds=0
    )
    assert looked.findings == []
    for store in (*stores, undisturbed):
        await store.close()
