"""Any sequence of what buyers, organizers and the clock do: every place and every cent stays accounted for, against a plain model."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import product
from typing import Any, ClassVar, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.houses import make_house
from tests.support.sales import Left, assert_books_balance, guest_buyer, kind, left, put_on_sale
from tests.support.stores import LaggingStore
from ticketing.accounts.bearer import principal_of
from ticketing.admission.model import AdmissionStatus
from ticketing.admission.store import admission_record, read_admission
from ticketing.base.bounds import HOLD_EXTENSIONS_MAX
from ticketing.base.changes import Replace
from ticketing.base.errors import Invalid, Refusal
from ticketing.base.once import keep_nothing
from ticketing.base.store import Store
from ticketing.events.actions.events import change_event, move_event
from ticketing.events.actions.ticket_types import change_ticket_type
from ticketing.events.rules import EventCancelled, cancelled_event, postponed_event, published_event
from ticketing.payments.model import PaymentMethod
from ticketing.payments.model import TestOutcome as Outcome
from ticketing.payments.rules import NothingToRefund, PaymentClosed, RefundOverPaid
from ticketing.payments.store import read_payment
from ticketing.sales import actions
from ticketing.sales.expiry import expire_holds
from ticketing.sales.model import Order, RefundWish
from ticketing.sales.rules import (
    AlreadyPaid,
    EventPostponed,
    HoldExpired,
    LimitPerCustomer,
    NoMoreExtensions,
    OrderCancelled,
    SoldOut,
)
from ticketing.sales.store import read_order
from ticketing.schema.tables import ADMISSIONS
from ticketing.storage.memory import MemoryStore

Done = TypeVar("Done")

NAMES = ("Balcony", "Stalls", "Child")
EMAILS = ("ada@example.org", "Ada+tickets@example.org", "bob@example.org", "cyd@example.org")
CUSTOMERS = ("ada", "ada", "bob", "cyd")
QUANTITIES = [quantities for quantities in product(range(3), repeat=3) if any(quantities)]
HOLD = timedelta(minutes=15)
TRANSFER = timedelta(days=5)


@dataclass
class PlainOrder:
    """What anyone would write on paper about an order."""

    who: int
    quantities: tuple[int, ...]
    prices: tuple[int, ...]
    ordered_at: datetime
    expires_at: datetime
    status: str
    extensions: int = 0
    paid: int = 0
    refunded: int = 0
    payments: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Id of a payment: how far it came, and by which transaction."""
    admissions: dict[str, tuple[int, str, bool]] = field(default_factory=dict)
    """Id of an admission: its ticket type, its status, whether somebody entered with it."""

    @property
    def total(self) -> int:
        return sum(number * price for number, price in zip(self.quantities, self.prices, strict=True))

    @property
    def left_to_refund(self) -> int:
        return self.paid - self.refunded

    def taken(self, place: int) -> int:
        """How many places of a ticket type are held or sold."""
        if self.status == "pending":
            return self.quantities[place]
        return sum(
            kind_of == place and (status != "void" or entered) for kind_of, status, entered in self.admissions.values()
        )

    def runs_out(self, now: datetime) -> bool:
        return self.status == "pending" and self.expires_at <= now


class SalesMachine(RuleBasedStateMachine):
    """Actions of sales on a store in memory, each with the outcome that the model says it must have."""

    lag_commits: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.orders: dict[str, PlainOrder] = {}
        self.transactions = 0

    def run(self, doing: Awaitable[Done]) -> Done:
        async def done() -> Done:
            return await doing

        return self.runner.run(done())

    def teardown(self) -> None:
        self.runner.close()

    @initialize(limit=st.sampled_from((None, 4, 6)), capacity=st.sampled_from((None, 9, 14)))
    def begin(self, limit: int | None, capacity: int | None) -> None:
        store: Store = MemoryStore()
        if self.lag_commits:
            store = LaggingStore(store, lag_commits=self.lag_commits)
        self.house = make_house(store)
        self.prices = [2500, 4000, 0]
        self.numbers = [7, 5, 4]
        self.limit = limit
        self.capacity = capacity
        self.event_status = "published"
        kinds = [
            kind(name, price=price, quantity=number)
            for name, price, number in zip(NAMES, self.prices, self.numbers, strict=True)
        ]
        self.sale = self.run(put_on_sale(self.house, *kinds, tickets_per_customer_max=limit, capacity=capacity))
        self.organizer = self.run(principal_of(self.house, f"Bearer {self.sale.organizer}", now=self.house.clock.now()))

    # the model --------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return self.house.clock.now()

    def taking(self, *, swept: bool = False) -> list[PlainOrder]:
        """The orders that hold or have places; with `swept`, as if every hold that ran out had been noticed."""
        return [order for order in self.orders.values() if not (swept and order.runs_out(self.now))]

    def free(self, place: int, *, swept: bool = False) -> int:
        return self.numbers[place] - sum(order.taken(place) for order in self.taking(swept=swept))

    def has(self, who: int, *, swept: bool = False) -> int:
        mine = [order for order in self.taking(swept=swept) if CUSTOMERS[order.who] == CUSTOMERS[who]]
        return sum(order.taken(place) for order in mine for place in range(3))

    def free_in_all(self, *, swept: bool = False) -> int | None:
        if self.capacity is None:
            return None
        return self.capacity - sum(order.taken(place) for order in self.taking(swept=swept) for place in range(3))

    def shortage(self, who: int, quantities: tuple[int, ...], *, swept: bool) -> type[Refusal] | None:
        """What these would be refused for now, if for anything."""
        if self.limit is not None and self.has(who, swept=swept) + sum(quantities) > self.limit:
            return LimitPerCustomer
        in_all = self.free_in_all(swept=swept)
        if in_all is not None and sum(quantities) > in_all:
            return SoldOut
        if any(number > self.free(place, swept=swept) for place, number in enumerate(quantities) if number):
            return SoldOut
        return None

    def notice(self) -> None:
        """A hold that ran out may be ended at any time, by whoever comes by."""
        for order_id, order in self.orders.items():
            if order.runs_out(self.now) and self.stored(order_id).payment_status.value == "expired":
                order.status = "expired"

    def assert_swept(self) -> None:
        """No hold that ran out is left, unless the index may not know of it yet."""
        assert self.lag_commits or not any(order.runs_out(self.now) for order in self.orders.values())

    def closed(self) -> type[Refusal] | None:
        if self.event_status == "cancelled":
            return EventCancelled
        return EventPostponed if self.event_status == "postponed" else None

    def not_pending(self, order: PlainOrder) -> type[Refusal] | None:
        if order.status == "expired" or order.runs_out(self.now):
            return HoldExpired
        if order.status == "cancelled":
            return OrderCancelled
        return None if order.status == "pending" else AlreadyPaid

    def complete(self, order_id: str) -> None:
        order = self.orders[order_id]
        order.status = "completed"
        issued = self.run(actions.admissions_of(self.house, self.stored(order_id)))
        kinds = [place for place, number in enumerate(order.quantities) for _ in range(number)]
        assert [admission.ticket_type_id for admission in issued] == [self.sale.ticket_types[place] for place in kinds]
        for admission, place in zip(issued, kinds, strict=True):
            order.admissions[admission.admission_id] = (place, "valid", False)

    # doing ------------------------------------------------------------------------------------------------------------

    def stored(self, order_id: str) -> Order:
        order = self.run(read_order(self.house.store, order_id))
        assert order is not None
        return order

    def any_order(self, pick: int) -> tuple[str, PlainOrder]:
        order_id = list(self.orders)[pick % len(self.orders)]
        return order_id, self.orders[order_id]

    def expect(
        self,
        refusal: type[Refusal] | None,
        doing: Callable[[], Awaitable[Done]],
        *,
        perhaps: type[Refusal] | None = None,
    ) -> Done | None:
        """What it did, or None where it was refused, as expected or (`perhaps`) as may be."""
        try:
            done = self.run(doing())
        except tuple(kind_of for kind_of in (refusal, perhaps) if kind_of is not None):
            return None
        finally:
            self.notice()
        assert refusal is None, f"{refusal.__name__} was expected"
        return done

    @rule(who=st.integers(0, 3), quantities=st.sampled_from(QUANTITIES))
    def hold(self, who: int, quantities: tuple[int, ...]) -> None:
        refusal = self.closed() or self.shortage(who, quantities, swept=True)
        unswept = None if self.closed() else self.shortage(who, quantities, swept=False)
        order = self.expect(
            refusal,
            lambda: actions.place_hold(
                self.house,
                self.sale.wish(*quantities),
                guest_buyer(self.house, EMAILS[who]),
                keep=keep_nothing,
                now=self.now,
            ),
            perhaps=unswept if self.lag_commits else None,
        )
        if unswept is not None:
            self.assert_swept()
        if order is None:
            return
        plain = PlainOrder(who, quantities, tuple(self.prices), self.now, self.now + HOLD, "pending")
        self.orders[order.order_id] = plain
        assert order.total_amount == plain.total
        if plain.total == 0:
            self.complete(order.order_id)

    @rule(who=st.integers(0, 3), quantities=st.sampled_from(QUANTITIES))
    def buy(self, who: int, quantities: tuple[int, ...]) -> None:
        before = len(self.orders)
        self.hold(who, quantities)
        if len(self.orders) > before:
            self.pay(before, Outcome.PAID)

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 99), outcome=st.sampled_from(Outcome))
    def pay(self, pick: int, outcome: Outcome) -> None:
        order_id, order = self.any_order(pick)
        payment = self.expect(
            self.closed() or self.not_pending(order),
            lambda: actions.start_payment(
                self.house, self.stored(order_id), PaymentMethod.TEST, outcome, keep=keep_nothing, now=self.now
            ),
        )
        if payment is None:
            return
        assert payment.payment_amount == order.total
        states = {Outcome.PAID: "completed", Outcome.DECLINED: "declined", Outcome.PENDING: "pending"}
        order.payments[payment.payment_id] = (states[outcome], payment.transaction_id)
        if outcome is Outcome.PAID:
            order.paid += payment.payment_amount
            self.complete(order_id)

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 99), method=st.sampled_from((PaymentMethod.BANK_TRANSFER, PaymentMethod.CASH)))
    def promise(self, pick: int, method: PaymentMethod) -> None:
        order_id, order = self.any_order(pick)
        payment = self.expect(
            self.closed() or self.not_pending(order),
            lambda: actions.start_payment(
                self.house, self.stored(order_id), method, Outcome.PAID, keep=keep_nothing, now=self.now
            ),
        )
        if payment is not None:
            order.payments[payment.payment_id] = ("pending", None)
            order.expires_at = max(order.expires_at, order.ordered_at + TRANSFER)

    @precondition(lambda self: any(order.payments for order in self.orders.values()))
    @rule(pick=st.integers(0, 99), again=st.booleans())
    def confirm(self, pick: int, again: bool) -> None:
        started = [(order_id, payment_id) for order_id, order in self.orders.items() for payment_id in order.payments]
        order_id, payment_id = started[pick % len(started)]
        order = self.orders[order_id]
        state, transaction = order.payments[payment_id]
        self.transactions += 1
        transaction_id = transaction if again and transaction is not None else f"statement {self.transactions}"
        refusal = None if state == "pending" or transaction == transaction_id else PaymentClosed
        payment = self.run(read_payment(self.house.store, payment_id))
        assert payment is not None
        is_held, was_expired = order.status == "pending", order.status == "expired"
        settled = self.expect(
            refusal,
            lambda: actions.settle(
                self.house, payment, transaction_id=transaction_id, amount=payment.payment_amount, now=self.now
            ),
        )
        if settled is None or state == "completed":
            return
        order.payments[payment_id] = ("completed", transaction_id)
        order.paid += payment.payment_amount
        kept = self.event_status != "cancelled" and (
            is_held or (was_expired and self.shortage(order.who, order.quantities, swept=True) is None)
        )
        if self.lag_commits and was_expired and not self.stored(order_id).payment_status.has_tickets:
            assert self.shortage(order.who, order.quantities, swept=False) is not None
            kept = False
        if kept:
            self.complete(order_id)
        else:
            order.refunded += payment.payment_amount

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 99))
    def cancel(self, pick: int) -> None:
        order_id, order = self.any_order(pick)
        refusal = self.not_pending(order)
        is_free = order.status == "completed" and order.total == 0
        if refusal is OrderCancelled or is_free:
            refusal = None
        self.expect(
            refusal,
            lambda: actions.cancel_order(
                self.house, self.stored(order_id), by_owner=False, keep=keep_nothing, now=self.now
            ),
        )
        if refusal is None:
            order.status = "cancelled"
            for admission_id, (place, _, entered) in order.admissions.items():
                order.admissions[admission_id] = (place, "void", entered)

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 99))
    def extend(self, pick: int) -> None:
        order_id, order = self.any_order(pick)
        refusal = self.not_pending(order)
        if refusal is None and order.extensions == HOLD_EXTENSIONS_MAX:
            refusal = NoMoreExtensions
        self.expect(
            refusal, lambda: actions.extend_hold(self.house, self.stored(order_id), keep=keep_nothing, now=self.now)
        )
        if refusal is None:
            order.extensions += 1
            order.expires_at = max(order.expires_at, self.now + HOLD)

    def refund(self, order_id: str, wish: RefundWish, refusal: type[Refusal] | None) -> int:
        refund = self.expect(
            refusal,
            lambda: actions.refund_order(self.house, self.stored(order_id), wish, keep=keep_nothing, now=self.now),
        )
        return 0 if refund is None else refund.refund_amount

    def went_back(self, order: PlainOrder, amount: int, admissions: tuple[str, ...]) -> None:
        order.refunded += amount
        for admission_id in admissions:
            place, _, entered = order.admissions[admission_id]
            order.admissions[admission_id] = (place, "void", entered)
        keeps_tickets = any(status != "void" for _, status, _ in order.admissions.values())
        order.status = "partially_refunded" if order.left_to_refund or keeps_tickets else "refunded"

    @precondition(lambda self: self.orders)
    @rule(pick=st.integers(0, 99), amount=st.one_of(st.none(), st.integers(1, 9000)))
    def refund_money(self, pick: int, amount: int | None) -> None:
        order_id, order = self.any_order(pick)
        refusal: type[Refusal] | None = None
        if not order.admissions or order.left_to_refund == 0:
            refusal = NothingToRefund
        elif amount is not None and amount > order.left_to_refund:
            refusal = RefundOverPaid
        before = order.left_to_refund
        went = self.refund(order_id, RefundWish(amount, None, ""), refusal)
        if refusal is None:
            assert went == (before if amount is None else amount)
            self.went_back(order, went, tuple(order.admissions) if went == before else ())

    @precondition(lambda self: any(order.admissions for order in self.orders.values()))
    @rule(pick=st.integers(0, 99))
    def refund_admission(self, pick: int) -> None:
        order_id, admission_id = self.any_admission(pick)
        order = self.orders[order_id]
        place, status, _ = order.admissions[admission_id]
        price = order.prices[place]
        refusal: type[Refusal] | None = None
        if order.left_to_refund == 0 or order.status == "cancelled":
            refusal = NothingToRefund
        elif status == "void":
            refusal = Invalid
        elif price > order.left_to_refund:
            refusal = RefundOverPaid
        elif price == 0:
            refusal = NothingToRefund
        went = self.refund(order_id, RefundWish(None, (admission_id,), ""), refusal)
        if refusal is None:
            assert went == price
            self.went_back(order, went, (admission_id,))

    def any_admission(self, pick: int) -> tuple[str, str]:
        issued = [(order_id, one) for order_id, order in self.orders.items() for one in order.admissions]
        return issued[pick % len(issued)]

    @precondition(lambda self: any(order.admissions for order in self.orders.values()))
    @rule(pick=st.integers(0, 99))
    def enter(self, pick: int) -> None:
        order_id, admission_id = self.any_admission(pick)
        order = self.orders[order_id]
        place, status, _ = order.admissions[admission_id]
        if status != "valid":
            return
        admission = self.run(read_admission(self.house.store, admission_id))
        assert admission is not None
        used = replace(admission, status=AdmissionStatus.USED, entered_at=self.now, entered_gate="A")
        self.run(self.house.store.commit((Replace(ADMISSIONS, admission_record(used)),)))
        order.admissions[admission_id] = (place, "used", True)

    @rule()
    def job(self) -> None:
        self.run(expire_holds(self.house, now=self.now))
        self.notice()
        self.assert_swept()

    @rule(minutes=st.sampled_from((1, 7, 15, 40, 5 * 24 * 60)))
    def wait(self, minutes: int) -> None:
        clock: Any = self.house.clock
        clock.move(minutes=minutes)

    # the organizer changes things -------------------------------------------------------------------------------------

    def change_type(self, place: int, **fields: Any) -> None:
        type_id = self.sale.ticket_types[place]
        self.run(
            change_ticket_type(self.house, self.organizer, type_id, lambda wish: replace(wish, **fields), expected=None)
        )

    def change(self, **fields: Any) -> None:
        self.run(
            change_event(
                self.house,
                self.organizer,
                self.sale.event_id,
                lambda wish: replace(wish, **fields),
                expected=None,
                now=self.now,
            )
        )

    @rule(place=st.integers(0, 2), quantity=st.integers(0, 9), price=st.sampled_from((1000, 2500, 4000)))
    def change_ticket_type(self, place: int, quantity: int, price: int) -> None:
        self.prices[place] = price if self.prices[place] else 0
        self.numbers[place] = quantity
        self.change_type(place, quantity=quantity, price=self.prices[place])

    @rule(capacity=st.one_of(st.none(), st.integers(4, 16)), limit=st.one_of(st.none(), st.integers(1, 6)))
    def change_event(self, capacity: int | None, limit: int | None) -> None:
        self.change(capacity=capacity, tickets_per_customer_max=limit)
        self.capacity = capacity
        self.limit = limit

    @precondition(lambda self: len(self.orders) >= 6 and self.event_status != "cancelled")
    @rule(to=st.sampled_from(("postponed", "published", "published", "published", "cancelled")))
    def decide(self, to: str) -> None:
        moves = {"postponed": postponed_event, "published": published_event, "cancelled": cancelled_event}
        self.run(
            move_event(
                self.house,
                self.organizer,
                self.sale.event_id,
                lambda event: moves[to](event, now=self.now),
                keep=keep_nothing,
                now=self.now,
            )
        )
        self.event_status = to

    # what always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        if not self.orders:
            return
        for order_id, plain in self.orders.items():
            order = self.stored(order_id)
            assert order.payment_status.value == plain.status
            assert (order.amount_paid, order.amount_refunded) == (plain.paid, plain.refunded)
            assert (order.expires_at, order.extensions) == (plain.expires_at, plain.extensions)
        in_all = self.free_in_all()
        customers = [EMAILS.index(email) for email in EMAILS]
        stored = self.run(left(self.house, self.sale, *EMAILS))
        expected = Left(
            stored.capacity if in_all is None else in_all,
            tuple(self.free(place) for place in range(3)),
            tuple(-self.has(who) for who in customers),
        )
        assert stored == expected

    @invariant()
    def the_books_balance(self) -> None:
        if self.orders:
            self.run(assert_books_balance(self.house, self.sale))


class LaggingSalesMachine(SalesMachine):
    """The same where indexes lag: what they nominate decides nothing, so that they may only find a run-out hold later."""

    lag_commits = 3


TestSales = SalesMachine.TestCase
TestSales.settings = settings(max_examples=120, stateful_step_count=40)
TestLaggingSales = LaggingSalesMachine.TestCase
TestLaggingSales.settings = settings(max_examples=30, stateful_step_count=40)
