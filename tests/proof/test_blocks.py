"""A sale that is spread over blocks: sold is exactly the stock, nobody hears "sold out" while places are left somewhere, and nothing
that an order relies on changes while a block is out. On every store."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import pytest

from tests.support.houses import make_house
from tests.support.interleaved import InterleavedStore
from tests.support.meanwhile import MeanwhileStore
from tests.support.sales import Sale, assert_books_balance, guest_buyer, kind, put_on_sale
from tests.support.stores import ENGINES
from ticketing.accounts.bearer import principal_of
from ticketing.base.changes import Change, Give
from ticketing.base.errors import Refusal
from ticketing.base.house import House
from ticketing.base.once import keep_nothing
from ticketing.base.store import Busy, Conflict, Store
from ticketing.base.tables import Record
from ticketing.events import blocks as module
from ticketing.events.actions import events as event_actions
from ticketing.events.actions import ticket_types as type_actions
from ticketing.events.blocks import Blocks, capacity_pool, counted
from ticketing.events.model import EventWish, TicketTypeStatus, TicketTypeWish
from ticketing.events.rules import EventCancelled, block_places, cancelled_event, ticket_type_status
from ticketing.events.store import read_offer
from ticketing.payments import model as payments
from ticketing.payments.model import Payment, PaymentMethod, PaymentState
from ticketing.sales import actions
from ticketing.sales.expiry import expire_holds
from ticketing.sales.model import Order, PaymentStatus
from ticketing.sales.rules import SoldOut
from ticketing.sales.store import read_order
from ticketing.schema.tables import BLOCKS, EVENTS, TABLES, TICKETS
from ticketing.storage.memory import MemoryStore

TRIES_MAX: Final = 100
Done = TypeVar("Done")


class Process(InterleavedStore):
    """A store as one more process has it: its own blocks, its own kept offers, and others that run between its calls."""


@pytest.fixture(params=ENGINES)
async def whole(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store with the tables of Ticket: the test runs once on every engine."""
    async with ENGINES[request.param](tmp_path, TABLES) as opened:
        yield opened


@pytest.fixture(autouse=True)
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks are taken out again at once after they were brought back: more happens in less time."""
    monkeypatch.setattr(module, "BLOCKS_REST_SECONDS", 0.0)


def process(house: House, number: int, *, seed: int = 0) -> House:
    """The house as another process has it, whose blocks have this number."""
    store = Process(house.store, seed=seed)
    module._BLOCKS[store] = Blocks(number)
    return replace(house, store=store)


async def in_the_end(do: Callable[[], Awaitable[Done]]) -> Done:
    """What is done, however often it was too busy; but that has an end."""
    for _ in range(TRIES_MAX):
        try:
            return await do()
        except Busy:
            await asyncio.sleep(0)
    raise AssertionError("it is too busy for ever")


async def buy(house: House, sale: Sale, *quantities: int, buyer: str = "ada") -> Order:
    """The order of this buyer, who asks again when it was too busy."""
    wish, who = sale.wish(*quantities), guest_buyer(house, f"{buyer}@example.org")
    return await in_the_end(
        lambda: actions.place_hold(house, wish, who, keep=keep_nothing, now=house.clock.now()),
    )


async def bought(house: House, sale: Sale, *quantities: int, buyer: str) -> SoldOut | None:
    """None where this buyer got an order, else why not."""
    try:
        await buy(house, sale, *quantities, buyer=buyer)
    except SoldOut as refused:
        return refused
    return None


async def rows_of_blocks(store: Store) -> list[Record]:
    return [row async for row in store.scan(BLOCKS)]


async def places_of(store: Store, origin_id: str) -> int:
    """How many places of an event or ticket type are in blocks."""
    return places_now(await rows_of_blocks(store), origin_id)


def places_now(rows: Iterable[Record], origin_id: str) -> int:
    """How many places of an event or ticket type these blocks have."""
    return sum(row["places"] for row in rows if row["origin_id"] == origin_id)


async def change_type(house: House, sale: Sale, amend: Callable[[TicketTypeWish], TicketTypeWish]) -> None:
    """The organizer changes the first ticket type."""
    who = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())
    await type_actions.change_ticket_type(house, who, sale.ticket_types[0], amend, expected=None)


async def change_event(house: House, sale: Sale, amend: Callable[[EventWish], EventWish]) -> None:
    """The organizer changes the event."""
    who = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())
    await event_actions.change_event(house, who, sale.event_id, amend, expected=None, now=house.clock.now())


# Races ---------------------------------------------------------------------------------------------------------------


async def test_32_processes_sell_the_last_places_exactly(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=90), kind("Pit", quantity=70), capacity=110, spread_sale=True)
    opened: set[str] = set()

    async def sell_out(own: House, name: str, kinds: Sequence[int]) -> int:
        sold = 0
        while await bought(own, sale, *kinds, buyer=f"{name}-{sold}") is None:
            sold += 1
            opened.update(row["block_id"] for row in await rows_of_blocks(whole))
        return sold

    both = ((1, 0), (0, 1), (1, 1))
    sold = await asyncio.gather(
        *(sell_out(process(house, n, seed=n), f"guest{n}", both[n % 3]) for n in range(32)),
    )

    event = await whole.get(EVENTS, (sale.event_id,))
    assert event is not None
    assert sum(sold) > 0
    assert event["capacity_available"] < 2, "who wanted one of each was refused where one alone was left"
    assert len(opened) > 8, "it was sold from many blocks"
    await assert_books_balance(house, sale)


@pytest.mark.parametrize("seed", range(60))
async def test_no_refusal_is_told_while_as_many_are_left_whatever_else_happens(seed: int) -> None:
    """Orders, cancellations, holds that run out and changes by the organizer, between whose every two calls all others may run.

    What is free is counted after each commit, in the pools and in blocks together.
    """
    chance = random.Random(seed)
    inner = MemoryStore()
    house = make_house(inner)
    sale = await put_on_sale(house, kind(quantity=60), capacity=chance.choice((None, 50, 25)), spread_sale=True)
    (type_id,) = sale.ticket_types
    free: list[tuple[int, int]] = []

    def count_free() -> None:
        rows = inner._rows
        free.append(
            (
                rows["tickets"][type_id,]["quantity_available"] + places_now(rows["blocks"].values(), type_id),
                rows["events"][sale.event_id,]["capacity_available"]
                + places_now(rows["blocks"].values(), sale.event_id),
            )
        )

    commit = inner.commit

    async def noted(changes: Sequence[Change]) -> None:
        await commit(changes)
        count_free()

    inner.commit = noted  # type: ignore[method-assign]
    count_free()

    async def client(number: int) -> None:
        own = process(house, number % 6, seed=seed * 100 + number)
        held: list[Order] = []
        for turn in range(12):
            quantity = chance.randint(1, 4)
            began = len(free) - 1
            match chance.random():
                case drawn if drawn < 0.75:
                    refused = None
                    try:
                        held.append(await buy(own, sale, quantity, buyer=f"{number}-{turn}"))
                    except SoldOut as refusal:
                        refused = refusal
                    assert refused is None or min(map(min, free[began:])) < quantity, "as many were free all the time"
                    assert refused is None or refused.facts["left"] in {
                        max(0, left) for both in free[began:] for left in both
                    }, "it was never so"
                case drawn if drawn < 0.9 and held:
                    now = own.clock.now()
                    await actions.cancel_order(own, held.pop(), by_owner=False, keep=keep_nothing, now=now)
                case drawn if drawn < 0.97:
                    await in_the_end(partial(change_type, own, sale, by(chance.randint(-10, 10))))
                case _:
                    await in_the_end(partial(change_event, own, sale, switched(on=chance.random() < 0.7)))

    await asyncio.gather(*(client(number) for number in range(10)))
    house.clock.move(hours=1)  # type: ignore[attr-defined]
    await expire_holds(house, now=house.clock.now())

    await assert_books_balance(house, sale)


def by(moved: int) -> Callable[[TicketTypeWish], TicketTypeWish]:
    """A quantity that is moved, to nothing at least."""
    return lambda wish: replace(wish, quantity=max(0, wish.quantity + moved))


def switched(*, on: bool) -> Callable[[EventWish], EventWish]:
    """A sale that is spread, or not."""
    return lambda wish: replace(wish, spread_sale=on)


# No place is overlooked ----------------------------------------------------------------------------------------------


async def test_places_in_the_block_of_a_process_that_is_gone_are_sold_by_the_others(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), spread_sale=True)
    gone, here = process(house, 1), process(house, 2)
    await buy(gone, sale, 1, buyer="first")
    assert await places_of(whole, sale.ticket_types[0]) > 3

    sold = 1
    while (refused := await bought(here, sale, 1, buyer=f"guest{sold}")) is None:
        sold += 1

    assert (sold, refused.facts["left"]) == (40, 0)
    assert await rows_of_blocks(whole) != [], "those of the event, which has places left"
    assert await places_of(whole, sale.ticket_types[0]) == 0
    await assert_books_balance(house, sale)


async def test_many_at_once_are_had_though_no_block_has_as_many(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), spread_sale=True)
    for number in range(3):
        await buy(process(house, number), sale, 1, buyer=f"guest{number}")

    order = await buy(process(house, 7), sale, 37, buyer="choir")

    assert order.ticket_count == 37
    with pytest.raises(SoldOut):
        await buy(process(house, 0), sale, 1, buyer="late")
    await assert_books_balance(house, sale)


async def test_a_block_that_was_opened_and_never_filled_is_no_hindrance(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), spread_sale=True)
    half = process(house, 1)
    refuse_to_fill(half.store)
    await buy(half, sale, 1, buyer="first")
    assert [row["places"] for row in await rows_of_blocks(whole)] == [0, 0]

    order = await buy(process(house, 2), sale, 39, buyer="choir")

    assert order.ticket_count == 39
    await assert_books_balance(house, sale)


def refuse_to_fill(store: Store) -> None:
    """Nothing goes into a block through this store."""
    commit = store.commit

    async def refusing(changes: Sequence[Change]) -> None:
        if isinstance(changes[-1], Give) and changes[-1].table is BLOCKS:
            raise Conflict(changes[-1], None)
        await commit(changes)

    store.commit = refusing  # type: ignore[method-assign]


async def test_money_that_comes_late_finds_places_that_are_in_blocks(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), spread_sale=True)
    order = await buy(house, sale, 30, buyer="late")
    payment = await pending_payment(house, order)
    house.clock.move(hours=1)  # type: ignore[attr-defined]
    await expire_holds(house, now=house.clock.now())
    for number in range(6):
        await buy(process(house, number), sale, 1, buyer=f"guest{number}")
    pool = await whole.get(TICKETS, (sale.ticket_types[0],))
    assert pool is not None
    assert pool["quantity_available"] < 30 < pool["quantity_available"] + await places_of(whole, sale.ticket_types[0])

    paid = await actions.settle(process(house, 9), payment, transaction_id="late-1", amount=None, now=house.clock.now())

    settled = await read_order(whole, order.order_id)
    assert settled is not None
    assert (paid.payment_status, settled.payment_status) == (PaymentState.COMPLETED, PaymentStatus.COMPLETED)
    await assert_books_balance(house, sale)


async def test_what_is_shown_as_left_counts_what_is_in_blocks(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), capacity=40, spread_sale=True)
    await buy(process(house, 1), sale, 2)

    offer = await read_offer(whole, sale.event_id)
    assert offer is not None
    event, (ticket_type,) = await counted(whole, offer.event, offer.ticket_types)

    assert ticket_type.blocks_out == 1
    assert (event.capacity_available, ticket_type.quantity_available) == (38, 38)


async def test_a_type_all_of_whose_places_are_in_blocks_is_not_shown_as_sold_out(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), spread_sale=True)
    await buy(process(house, 1), sale, 1)
    offer = await read_offer(whole, sale.event_id)
    assert offer is not None

    empty = replace(offer.ticket_types[0], quantity_available=0)

    assert ticket_type_status(offer.event, empty, now=house.clock.now()) is TicketTypeStatus.ON_SALE


# Changes while blocks are out ----------------------------------------------------------------------------------------


async def test_after_a_change_of_price_nobody_buys_at_the_old_one(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=100), spread_sale=True)
    stale = process(house, 1)
    await buy(stale, sale, 1, buyer="before")

    await change_type(process(house, 2), sale, lambda wish: replace(wish, price=9900))
    order = await buy(stale, sale, 1, buyer="after")

    assert order.total_amount == 9900
    await assert_books_balance(house, sale)


async def test_after_a_cancellation_nothing_is_sold_from_any_block(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=100), spread_sale=True)
    stale = process(house, 1)
    await buy(stale, sale, 1, buyer="before")

    await cancel_event(house, sale)

    with pytest.raises(EventCancelled):
        await buy(stale, sale, 1, buyer="after")


@pytest.mark.parametrize("change", ["cancelled", "described anew", "in no block any more"])
async def test_who_pays_while_the_event_is_changed_is_settled_by_what_it_is_then(whole: Store, change: str) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=100), spread_sale=True)
    here = process(house, 1)
    order = await buy(here, sale, 1)
    meanwhile = MeanwhileStore(here.store)
    module._BLOCKS[meanwhile] = module._BLOCKS[here.store]
    payment = await pending_payment(here, order)
    meanwhile.meanwhile = {
        "cancelled": partial(cancel_event, house, sale),
        "described anew": partial(change_event, house, sale, lambda wish: replace(wish, description="At last.")),
        "in no block any more": partial(Blocks(2).bring_back, whole, capacity_pool(sale.event_id)),
    }[change]

    await actions.settle(
        replace(here, store=meanwhile), payment, transaction_id="late-1", amount=None, now=house.clock.now()
    )

    settled = await read_order(whole, order.order_id)
    assert settled is not None
    assert settled.amount_refunded == (order.total_amount if change == "cancelled" else 0)
    assert settled.payment_status is (PaymentStatus.PENDING if change == "cancelled" else PaymentStatus.COMPLETED)


async def test_who_pays_in_a_rush_waits_for_nobody_at_the_row_of_the_event(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=100), spread_sale=True)
    here = process(house, 1)
    order = await buy(here, sale, 1)
    payment = await pending_payment(here, order)
    touched: list[str] = []
    commit = here.store.commit

    async def noting(changes: Sequence[Change]) -> None:
        touched.extend(change.table.name for change in changes)
        await commit(changes)

    here.store.commit = noting  # type: ignore[method-assign]
    await actions.settle(here, payment, transaction_id="now-1", amount=None, now=house.clock.now())

    assert {"orders", "blocks"} <= set(touched)
    assert "events" not in touched


async def pending_payment(house: House, order: Order) -> Payment:
    """A payment that was begun, whose money is not in yet."""
    return await actions.start_payment(
        house, order, PaymentMethod.TEST, payments.TestOutcome.PENDING, keep=keep_nothing, now=house.clock.now()
    )


async def cancel_event(house: House, sale: Sale) -> None:
    """The organizer calls the event off."""
    who = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())
    now = house.clock.now()
    await event_actions.move_event(
        house, who, sale.event_id, lambda event: cancelled_event(event, now=now), keep=keep_nothing, now=now
    )


async def test_of_a_quantity_that_was_lowered_under_what_is_sold_nothing_more_is_sold(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=100), spread_sale=True)
    sellers = [process(house, number) for number in range(4)]
    for number, seller in enumerate(sellers):
        await buy(seller, sale, 3, buyer=f"guest{number}")

    await change_type(house, sale, lambda wish: replace(wish, quantity=10))

    for seller in sellers:
        with pytest.raises(SoldOut):
            await buy(seller, sale, 1, buyer="late")
    await change_type(house, sale, lambda wish: replace(wish, quantity=13))
    await buy(sellers[0], sale, 1, buyer="in-time")
    with pytest.raises(SoldOut):
        await buy(sellers[1], sale, 1, buyer="late")
    await assert_books_balance(house, sale)


async def test_a_capacity_that_was_lowered_holds_though_it_was_in_blocks(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=100), capacity=100, spread_sale=True)
    sellers = [process(house, number) for number in range(4)]
    for number, seller in enumerate(sellers):
        await buy(seller, sale, 1, buyer=f"guest{number}")

    await change_event(house, sale, lambda wish: replace(wish, capacity=6))

    await buy(sellers[3], sale, 2, buyer="pair")
    with pytest.raises(SoldOut):
        await buy(sellers[0], sale, 1, buyer="late")
    await assert_books_balance(house, sale)


async def test_once_it_is_switched_off_every_place_is_sold_without_blocks(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), capacity=40, spread_sale=True)
    sellers = [process(house, number) for number in range(3)]
    for number, seller in enumerate(sellers):
        await buy(seller, sale, 1, buyer=f"guest{number}")

    await change_event(house, sale, lambda wish: replace(wish, spread_sale=False))
    await buy(sellers[1], sale, 37, buyer="choir")

    assert await rows_of_blocks(whole) == []
    with pytest.raises(SoldOut):
        await buy(sellers[2], sale, 1, buyer="late")
    await assert_books_balance(house, sale)


async def test_it_can_be_switched_on_in_the_middle_of_a_sale(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), capacity=40)
    seller = process(house, 1)
    await buy(seller, sale, 1, buyer="before")
    assert await rows_of_blocks(whole) == []

    await change_event(house, sale, lambda wish: replace(wish, spread_sale=True))
    await buy(seller, sale, 1, buyer="after")

    assert {row["origin_id"] for row in await rows_of_blocks(whole)} == {sale.event_id, *sale.ticket_types}
    await assert_books_balance(house, sale)


async def test_a_type_whose_places_all_went_back_to_blocks_and_pool_can_be_deleted(whole: Store) -> None:
    house = make_house(whole)
    sale = await put_on_sale(house, kind(quantity=40), spread_sale=True)
    order = await buy(process(house, 1), sale, 2)
    await actions.cancel_order(house, order, by_owner=False, keep=keep_nothing, now=house.clock.now())
    who = await principal_of(house, f"Bearer {sale.organizer}", now=house.clock.now())

    await type_actions.delete_ticket_type(house, who, sale.ticket_types[0], expected=None, now=house.clock.now())

    with pytest.raises(Refusal):
        await buy(process(house, 1), sale, 1)


# How large blocks are ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "blocks_out", "places"),
    [
        (15, 0, 0),
        (16, 0, 4),
        (1_000, 0, 250),
        (1_000, 9, 25),
        (1_000, 63, 0),
        (1_000_000, 9, 1_000),
        (0, 0, 0),
        (-5, 0, 0),
    ],
)
def test_a_block_takes_a_quarter_of_its_share(left: int, blocks_out: int, places: int) -> None:
    assert block_places(left, blocks_out=blocks_out) == places
