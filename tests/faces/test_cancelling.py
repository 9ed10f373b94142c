"""Buyers who give tickets back by the terms of their event: until when, for how much, and never over somebody else's head."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.support.houses import Api, StandingClock
from tests.support.meanwhile import MeanwhileStore
from tests.support.sales import CUSTOMER, Left, Till, assert_books_balance, code, fresh_key, kind, put_on_sale
from ticketing.admission.tokens import offer_token
from ticketing.schema.tables import FACTS

GRACE = {"email": "grace@example.org"}
TERMS: dict[str, Any] = {"cancellation_hours": 48, "cancellation_fee_bp": 1000}


class Counter(Till):
    """A buyer with a paid order at an event that takes tickets back, less ten percent."""

    bought: dict[str, Any]

    async def give_back(
        self, *admissions: str, order: dict[str, Any] | None = None, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """`POST …/cancellations` of these tickets, or of all."""
        bought = order or self.bought
        body = ({"admissions": list(admissions)} if admissions else {}) | more
        path = f"/v1/orders/{bought['order_id']}/cancellations"
        return await self.api.post(path, body, key=key or fresh_key(), token=bought["access_token"])

    async def ids(self, order: dict[str, Any] | None = None) -> list[str]:
        """The ids of its tickets."""
        return [one["admission_id"] for one in await self.admissions(order or self.bought)]

    async def stands(self, order: dict[str, Any] | None = None) -> tuple[str, int, list[str]]:
        """How the order stands, what went back, and its tickets."""
        bought = order or self.bought
        read = await self.read(bought)
        tickets = [one["status"] for one in await self.admissions(bought)]
        return read["payment_status"], read["amount_refunded"]["amount"], tickets

    async def enter(self, admission_id: str, order: dict[str, Any] | None = None) -> httpx.Response:
        """A scan of this ticket at the door."""
        tickets = await self.admissions(order or self.bought)
        shown = next(one["code"] for one in tickets if one["admission_id"] == admission_id)
        path = f"/v1/events/{self.sale.event_id}/check-ins"
        return await self.api.post(path, {"code": shown, "scan_id": fresh_key()}, token=self.sale.organizer)

    async def offer(self, admission_id: str, order: dict[str, Any] | None = None) -> str:
        """The id of an offer of this ticket to Grace."""
        token = (order or self.bought)["access_token"]
        answer = await self.api.post(f"/v1/admissions/{admission_id}/transfer", GRACE, token=token)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["transfer_id"])

    async def accept(self, transfer_id: str) -> httpx.Response:
        """Grace accepts."""
        secret = offer_token(self.api.house.keys, transfer_id)
        return await self.api.post(f"/v1/transfers/{transfer_id}/accept", {"token": secret})


@pytest.fixture
async def counter(api: Api) -> Counter:
    kinds = [kind("Balcony", price=2500, quantity=10), kind("Child", price=0, quantity=10)]
    made = Counter(api, await put_on_sale(api.house, *kinds, capacity=20, tickets_per_customer_max=5, **TERMS))
    made.bought = await made.sold(2)
    return made


# what goes back ------------------------------------------------------------------------------------------------------


async def test_a_whole_order_goes_back_less_the_fee_with_its_places_once(counter: Counter) -> None:
    done = await counter.give_back()

    assert done.status_code == 201, done.text
    assert done.json()["refund_amount"] == {"amount": 4500, "currency": "EUR"}
    assert done.json()["refund"]["refund_status"] == "completed"
    assert await counter.stands() == ("partially_refunded", 4500, ["void", "void"])
    assert await counter.left(CUSTOMER["email"]) == Left(20, (10, 10), (0,))
    await assert_books_balance(counter.api.house, counter.sale)


async def test_a_single_ticket_goes_back_and_the_other_stays(counter: Counter) -> None:
    first, _ = await counter.ids()

    done = await counter.give_back(first, first)

    assert (done.json()["admissions"], done.json()["refund_amount"]["amount"]) == ([first], 2250)
    assert await counter.stands() == ("partially_refunded", 2250, ["void", "valid"])
    assert await counter.left(CUSTOMER["email"]) == Left(19, (9, 10), (-1,))


@pytest.mark.parametrize(
    ("fee_bp", "price", "each"),
    [(0, 2500, 2500), (1000, 2500, 2250), (333, 1999, 1932), (5000, 1, 0), (4999, 1, 1), (9999, 3, 0)],
)
async def test_the_fee_is_rounded_half_up_for_each_ticket(api: Api, fee_bp: int, price: int, each: int) -> None:
    terms: dict[str, Any] = {"cancellation_hours": 0, "cancellation_fee_bp": fee_bp}
    counter = Counter(api, await put_on_sale(api.house, kind(price=price), **terms))
    together, apart = await counter.sold(2), await counter.sold(2, email="bob@example.org")

    at_once = await counter.give_back(order=together)
    one_by_one = [await counter.give_back(one, order=apart) for one in await counter.ids(apart)]

    assert at_once.json()["refund_amount"]["amount"] == 2 * each
    assert [answer.json()["refund_amount"]["amount"] for answer in one_by_one] == [each, each]
    assert (await counter.stands(together))[2] == (await counter.stands(apart))[2] == ["void", "void"]
    await assert_books_balance(api.house, counter.sale)


async def test_without_a_fee_all_goes_back_and_the_order_is_refunded(counter: Counter) -> None:
    await counter.change(cancellation_fee_bp=0)

    await counter.give_back()

    assert await counter.stands() == ("refunded", 5000, ["void", "void"])


async def test_no_more_goes_back_than_the_organizer_left_of_it(counter: Counter) -> None:
    await counter.refund(counter.bought, amount=4000)

    done = await counter.give_back()

    assert done.json()["refund_amount"]["amount"] == 1000
    assert await counter.stands() == ("refunded", 5000, ["void", "void"])
    await assert_books_balance(counter.api.house, counter.sale)


async def test_a_free_ticket_beside_a_paid_one_goes_back_without_money(counter: Counter) -> None:
    mixed = await counter.sold(1, 1, email="bob@example.org")
    paid, free = await counter.ids(mixed)

    one = await counter.give_back(free, order=mixed)
    other = await counter.give_back(paid, order=mixed)

    assert (one.json()["refund"], one.json()["refund_amount"]["amount"]) == (None, 0)
    assert other.json()["refund_amount"]["amount"] == 2250
    assert (await counter.stands(mixed))[2] == ["void", "void"]
    await assert_books_balance(counter.api.house, counter.sale)


async def test_money_that_came_by_hand_is_due_back(counter: Counter) -> None:
    order = await counter.held(1, email="bob@example.org")
    await counter.confirm(await counter.promised(order, method="cash"))

    done = await counter.give_back(order=order)

    assert done.json()["refund"]["refund_status"] == "due"


async def test_what_is_given_back_is_told_once_and_can_be_asked_before(counter: Counter) -> None:
    path = f"/v1/orders/{counter.bought['order_id']}/cancellation"
    before = (await counter.api.get(path, token=counter.bought["access_token"])).json()

    await counter.give_back()

    assert (before["fee_bp"], before["refusal"], before["until"]) == (1000, None, "2027-04-28T12:00:00Z")
    assert [one["refund_amount"]["amount"] for one in before["admissions"]] == [2250, 2250]
    after = (await counter.api.get(path, token=counter.bought["access_token"])).json()
    assert after["admissions"] == []
    told = [row async for row in counter.api.house.store.scan(FACTS) if row["kind"].startswith("order.")]
    kinds = sorted(row["kind"] for row in told)
    assert kinds == ["order.completed", "order.tickets_cancelled"]


# what does not go back -----------------------------------------------------------------------------------------------


async def test_the_deadline_is_heeded_to_the_second(counter: Counter) -> None:
    clock = counter.api.house.clock
    assert isinstance(clock, StandingClock)
    clock.time += timedelta(days=58, seconds=-1)
    first, _ = await counter.ids()
    assert (await counter.give_back(first)).status_code == 201
    clock.move(seconds=1)

    late = await counter.give_back()

    assert code(late) == (409, "cancellation_too_late")
    assert late.json()["until"] == "2027-04-28T12:00:00+00:00"


async def test_without_terms_nothing_that_was_paid_goes_back(counter: Counter) -> None:
    await counter.change(cancellation_hours=None)

    assert code(await counter.give_back()) == (409, "cancellation_not_allowed")


async def test_a_postponed_event_has_no_deadline_and_a_cancelled_one_its_organizer(counter: Counter) -> None:
    clock = counter.api.house.clock
    assert isinstance(clock, StandingClock)
    first, _ = await counter.ids()
    clock.move(days=59)
    await counter.decide("postpone")
    assert (await counter.give_back(first)).status_code == 201

    await counter.decide("cancel")

    assert code(await counter.give_back()) == (409, "event_cancelled")


async def test_a_ticket_that_was_used_handed_over_or_is_offered_stays(counter: Counter) -> None:
    order = await counter.sold(3, email="bob@example.org")
    used, handed, offered = await counter.ids(order)
    await counter.enter(used, order)
    await counter.accept(await counter.offer(handed, order))
    await counter.offer(offered, order)

    answers = [await counter.give_back(one, order=order) for one in (used, handed, offered)]
    whole = await counter.give_back(order=order)

    codes = ["ticket_used", "ticket_handed_over", "ticket_offered"]
    assert [code(answer) for answer in answers] == [(409, each) for each in codes]
    assert [answer.json()["admission_id"] for answer in answers] == [used, handed, offered]
    assert code(whole)[0] == 409
    assert (await counter.stands(order))[2] == ["used", "valid", "valid"]


async def test_a_free_order_is_not_cancelled_over_its_new_holders_head_but_by_its_organizer(counter: Counter) -> None:
    order = await counter.held(0, 1, email="bob@example.org")
    (ticket,) = await counter.ids(order)
    await counter.accept(await counter.offer(ticket, order))
    path = f"/v1/orders/{order['order_id']}/cancel"

    by_owner = await counter.api.post(path, token=order["access_token"])
    by_organizer = await counter.api.post(path, token=counter.sale.organizer)

    assert code(by_owner) == (409, "ticket_handed_over")
    assert by_organizer.json()["payment_status"] == "cancelled"
    await assert_books_balance(counter.api.house, counter.sale)


async def test_a_free_order_goes_back_until_the_event_is_over(counter: Counter) -> None:
    order = await counter.held(0, 2, email="bob@example.org")
    first, _ = await counter.ids(order)
    clock = counter.api.house.clock
    assert isinstance(clock, StandingClock)

    one = await counter.give_back(first, order=order)
    half = await counter.stands(order)
    clock.move(days=60, hours=3)
    late = await counter.give_back(order=order)
    clock.move(hours=-1)
    await counter.give_back(order=order)

    assert (one.status_code, half) == (201, ("completed", 0, ["void", "valid"]))
    assert code(late) == (409, "cancellation_too_late")
    assert await counter.stands(order) == ("cancelled", 0, ["void", "void"])
    await assert_books_balance(counter.api.house, counter.sale)


@pytest.mark.parametrize("state", ["pending", "cancelled", "refunded"])
async def test_where_no_ticket_is_good_none_goes_back(counter: Counter, state: str) -> None:
    order = await counter.held(1, email="bob@example.org")
    if state == "cancelled":
        await counter.cancel(order)
    if state == "refunded":
        await counter.pay(order)
        await counter.refund(order)

    assert code(await counter.give_back(order=order)) == (409, "nothing_to_cancel")


async def test_what_is_not_of_the_order_or_void_already_is_named(counter: Counter) -> None:
    mine, other = await counter.ids()
    theirs = (await counter.ids(await counter.sold(1, email="bob@example.org")))[0]
    await counter.give_back(mine)

    foreign = await counter.give_back(other, theirs)
    again = await counter.give_back(mine)

    assert (foreign.status_code, foreign.json()["errors"][0]["pointer"]) == (422, "/admissions/1")
    assert code(again) == (409, "admission_void")
    assert (await counter.stands())[2] == ["void", "valid"]


async def test_other_terms_than_were_shown_are_shown_again(counter: Counter) -> None:
    refused = await counter.give_back(refund_amount={"amount": 5000, "currency": "EUR"})
    currency = await counter.give_back(refund_amount={"amount": 4500, "currency": "USD"})
    taken = await counter.give_back(refund_amount={"amount": 4500, "currency": "EUR"})

    assert (code(refused), refused.json()["refund_amount"]) == ((409, "cancellation_changed"), 4500)
    assert currency.status_code == 422
    assert taken.status_code == 201


async def test_a_cancellation_needs_a_key_and_counts_once_under_it(counter: Counter) -> None:
    path = f"/v1/orders/{counter.bought['order_id']}/cancellations"
    without = await counter.api.post(path, {}, token=counter.bought["access_token"])

    answers = [await counter.give_back(key="once") for _ in range(2)]

    assert code(without) == (400, "idempotency_key_missing")
    assert answers[0].status_code == answers[1].status_code == 201
    assert answers[0].content == answers[1].content
    assert (await counter.stands())[1] == 4500


# races: something happens between reading and writing ----------------------------------------------------------------


async def test_who_is_let_in_meanwhile_keeps_the_ticket(counter: Counter, meanwhile: MeanwhileStore) -> None:
    first, _ = await counter.ids()
    meanwhile.meanwhile = lambda: counter.enter(first)

    assert code(await counter.give_back()) == (409, "ticket_used")
    assert (await counter.stands())[2] == ["used", "valid"]
    await assert_books_balance(counter.api.house, counter.sale)


async def test_who_cancels_meanwhile_is_not_let_in(counter: Counter, meanwhile: MeanwhileStore) -> None:
    first, _ = await counter.ids()
    tickets = await counter.admissions(counter.bought)
    meanwhile.meanwhile = lambda: counter.give_back(first)
    path = f"/v1/events/{counter.sale.event_id}/check-ins"

    scanned = await counter.api.post(path, {"code": tickets[0]["code"], "scan_id": "1"}, token=counter.sale.organizer)

    assert code(scanned) == (409, "void_admission")
    await assert_books_balance(counter.api.house, counter.sale)


async def test_who_accepts_meanwhile_has_the_ticket(counter: Counter, meanwhile: MeanwhileStore) -> None:
    first, _ = await counter.ids()
    clock = counter.api.house.clock
    assert isinstance(clock, StandingClock)

    async def hand_over() -> None:
        await counter.accept(await counter.offer(first))

    meanwhile.meanwhile = hand_over

    assert code(await counter.give_back(first)) == (409, "ticket_handed_over")
    assert (await counter.stands())[2] == ["valid", "valid"]


async def test_who_is_offered_the_ticket_meanwhile_may_still_accept_it(
    counter: Counter, meanwhile: MeanwhileStore
) -> None:
    first, _ = await counter.ids()
    meanwhile.meanwhile = lambda: counter.offer(first)

    assert code(await counter.give_back(first)) == (409, "ticket_offered")


async def test_what_is_cancelled_meanwhile_cannot_be_accepted(counter: Counter, meanwhile: MeanwhileStore) -> None:
    first, _ = await counter.ids()
    clock = counter.api.house.clock
    assert isinstance(clock, StandingClock)
    transfer_id = await counter.offer(first)
    token = counter.bought["access_token"]

    async def withdraw_and_cancel() -> None:
        await counter.api.post(f"/v1/transfers/{transfer_id}/withdraw", token=token)
        await counter.give_back(first)

    meanwhile.meanwhile = withdraw_and_cancel

    assert code(await counter.accept(transfer_id))[0] == 409
    assert (await counter.stands())[2] == ["void", "valid"]


async def test_a_free_order_is_not_cancelled_while_its_ticket_is_accepted(
    counter: Counter, meanwhile: MeanwhileStore
) -> None:
    order = await counter.held(0, 1, email="bob@example.org")
    (ticket,) = await counter.ids(order)

    async def hand_over() -> None:
        await counter.accept(await counter.offer(ticket, order))

    meanwhile.meanwhile = hand_over

    assert code(await counter.cancel(order)) == (409, "ticket_handed_over")


async def test_cancelled_twice_at_once_it_goes_back_once(counter: Counter, meanwhile: MeanwhileStore) -> None:
    meanwhile.meanwhile = counter.give_back

    assert code(await counter.give_back())[0] == 409
    assert await counter.stands() == ("partially_refunded", 4500, ["void", "void"])
    assert await counter.left(CUSTOMER["email"]) == Left(20, (10, 10), (0,))
    await assert_books_balance(counter.api.house, counter.sale)


async def test_cancelled_many_times_at_once_it_goes_back_once(counter: Counter) -> None:
    answers = await asyncio.gather(*(counter.give_back() for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5
    await assert_books_balance(counter.api.house, counter.sale)


async def test_terms_that_change_meanwhile_are_those_that_count(counter: Counter, meanwhile: MeanwhileStore) -> None:
    async def forbid() -> None:
        await counter.change(cancellation_hours=None)

    meanwhile.meanwhile = forbid

    assert code(await counter.give_back()) == (409, "cancellation_not_allowed")
    assert (await counter.stands())[2] == ["valid", "valid"]


# what a refund in part leaves ----------------------------------------------------------------------------------------


async def test_an_order_with_a_ticket_that_is_good_is_not_refunded_though_its_money_is_gone(counter: Counter) -> None:
    first, second = await counter.ids()
    await counter.refund(counter.bought, amount=2500)

    await counter.refund(counter.bought, admissions=[first])
    kept = await counter.stands()
    await counter.give_back(second)

    assert kept == ("partially_refunded", 5000, ["void", "valid"])
    assert await counter.stands() == ("refunded", 5000, ["void", "void"])
    await assert_books_balance(counter.api.house, counter.sale)
