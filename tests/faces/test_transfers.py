"""Tickets that change hands, over the API: the old code dies, the new one opens, and who gave it away has it no more."""

from typing import Any

import httpx
import pypdfium2
import pytest
import zxingcpp

from tests.support.houses import Api, StandingClock, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.sales import Till, assert_books_balance, code, fresh_key, kind, put_on_sale
from ticketing.admission.tokens import offer_token
from ticketing.schema.tables import FACTS, TRANSFERS

GRACE = {"email": "grace@example.org", "first_name": "Grace", "last_name": "Hopper"}


class Hands(Till):
    """A buyer with tickets, and what people do to hand them on."""

    bought_order: dict[str, Any]
    ticket: dict[str, Any]

    @property
    def path(self) -> str:
        """The ticket's."""
        return f"/v1/admissions/{self.ticket['admission_id']}"

    @property
    def giver(self) -> str:
        """The token of who ordered."""
        return str(self.bought_order["access_token"])

    async def offer(self, *, token: str | None = None, **more: Any) -> httpx.Response:
        """`POST …/transfer`, to Grace."""
        return await self.api.post(f"{self.path}/transfer", GRACE, token=token or self.giver, **more)

    async def offered(self, *, token: str | None = None) -> dict[str, Any]:
        """An offer that was made."""
        answer = await self.offer(token=token)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def accept(self, transfer: dict[str, Any], *, given: str | None = None, **more: Any) -> httpx.Response:
        """`POST …/accept` with the token that the mail has."""
        secret = offer_token(self.api.house.keys, transfer["transfer_id"]) if given is None else given
        return await self.api.post(f"/v1/transfers/{transfer['transfer_id']}/accept", {"token": secret}, **more)

    async def handed_over(self) -> dict[str, Any]:
        """The ticket as the recipient got it."""
        answer = await self.accept(await self.offered())
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def withdraw(self, transfer: dict[str, Any], *, token: str | None = None) -> httpx.Response:
        """`POST …/withdraw` by who has the ticket."""
        return await self.api.post(f"/v1/transfers/{transfer['transfer_id']}/withdraw", token=token or self.giver)

    async def bought(self, *quantities: int, email: str = "ada@example.org") -> httpx.Response:
        """`POST /v1/orders`."""
        return await Till(self.api, self.sale).order(*quantities, email=email)

    async def scan(self, shown: str) -> tuple[int, str]:
        """What the door says."""
        path = f"/v1/events/{self.sale.event_id}/check-ins"
        return code(await self.api.post(path, {"code": shown, "scan_id": fresh_key()}, token=self.sale.organizer))


@pytest.fixture
async def hands(api: Api) -> Hands:
    made = Hands(api, await put_on_sale(api.house, kind(), tickets_per_customer_max=2))
    made.bought_order = await made.sold(2)
    made.ticket = (await made.admissions(made.bought_order))[0]
    return made


async def test_an_offered_ticket_is_still_good_with_who_has_it(hands: Hands) -> None:
    transfer = await hands.offered()

    read = (await hands.api.get(hands.path, token=hands.giver)).json()
    assert (transfer["status"], transfer["recipient"]) == ("offered", GRACE)
    assert read == hands.ticket | {"offer_id": transfer["transfer_id"]}
    assert await hands.scan(hands.ticket["code"]) == (201, "")


async def test_the_token_of_an_offer_is_told_to_nobody_but_its_mailbox(hands: Hands) -> None:
    answer = await hands.offer()
    secret = offer_token(hands.api.house.keys, answer.json()["transfer_id"])

    store = hands.api.house.store
    stored = [str(row) for table in (FACTS, TRANSFERS) for row in [each async for each in store.scan(table)]]
    assert not [text for text in (answer.text, *stored) if secret in text or secret.partition("_")[2] in text]


async def test_after_it_was_accepted_only_the_new_code_opens_the_door_and_once(hands: Hands) -> None:
    new = await hands.handed_over()

    assert (new["attendee"], new["handed_over"], new["offer_id"]) == (GRACE, True, None)
    assert await hands.scan(hands.ticket["code"]) == (409, "replaced_code")
    assert await hands.scan(hands.ticket["human_code"]) == (404, "unknown_code")
    assert await hands.scan(new["code"]) == (201, "")
    assert await hands.scan(new["human_code"]) == (409, "already_in")
    assert await hands.scan(hands.ticket["code"]) == (409, "replaced_code")
    await assert_books_balance(hands.api.house, hands.sale)


@pytest.mark.parametrize("document", ["", "/qr.svg", "/code.png", "/ticket.pdf"])
async def test_who_gave_it_away_sees_it_no_more_and_who_got_it_sees_nothing_else(hands: Hands, document: str) -> None:
    new = await hands.handed_over()

    theirs = await hands.api.get(hands.path + document, token=hands.giver)
    own = await hands.api.get(hands.path + document, token=new["access_token"])
    other_id = (await hands.admissions(hands.bought_order))[1]["admission_id"]
    other = await hands.api.get(f"/v1/admissions/{other_id}{document}", token=new["access_token"])
    order = await hands.api.get(f"/v1/orders/{hands.bought_order['order_id']}", token=new["access_token"])

    assert (code(theirs), own.status_code) == ((404, "not_found"), 200)
    assert code(other) == code(order) == (404, "not_found")


async def test_the_order_says_that_a_ticket_was_handed_over_and_prints_the_others(hands: Hands) -> None:
    await hands.handed_over()

    given, kept = await hands.admissions(hands.bought_order)
    printed = await hands.api.get(f"/v1/orders/{hands.bought_order['order_id']}/tickets.pdf", token=hands.giver)
    organizers = await hands.api.get(
        f"/v1/orders/{hands.bought_order['order_id']}/admissions", token=hands.sale.organizer
    )

    assert (given["handed_over"], given["code"], given["human_code"]) == (True, None, None)
    assert given["attendee"] == {"email": "", "first_name": "", "last_name": ""}
    assert (kept["handed_over"], kept["code"] is None) == (False, False)
    pages = pypdfium2.PdfDocument(printed.content)
    read = [zxingcpp.read_barcodes(page.render(scale=2).to_pil())[0].text for page in pages]
    assert read == [kept["code"]]
    assert organizers.json()["data"][0]["attendee"] == GRACE


async def test_a_ticket_goes_on_from_hand_to_hand_and_each_former_holder_is_out(hands: Hands) -> None:
    first = await hands.handed_over()
    transfer = await hands.offered(token=first["access_token"])
    second = (await hands.accept(transfer)).json()

    assert code(await hands.api.get(hands.path, token=first["access_token"])) == (404, "not_found")
    assert await hands.scan(first["code"]) == (409, "replaced_code")
    assert await hands.scan(second["code"]) == (201, "")


async def test_who_accepts_with_a_login_has_the_ticket_in_the_account(hands: Hands) -> None:
    grace = await sign_up(hands.api.house, "grace")
    await hands.accept(await hands.offered(), token=grace)

    read = await hands.api.get(hands.path, token=grace)
    attended = await hands.api.get("/v1/users/me/events", token=grace)

    assert read.status_code == 200
    assert [each["event_id"] for each in attended.json()["data"]] == [hands.sale.event_id]


async def test_who_bought_with_a_login_does_not_attend_any_more_what_was_given_away(api: Api) -> None:
    bob = await sign_up(api.house, "bob")
    hands = Hands(api, await put_on_sale(api.house, kind()))
    hands.bought_order = await hands.held(1, token=bob)
    await hands.pay(hands.bought_order)
    (hands.ticket,) = await hands.admissions(hands.bought_order)

    await hands.handed_over()

    assert code(await api.get(hands.path, token=bob)) == (404, "not_found")
    assert (await api.get("/v1/users/me/events", token=bob)).json()["data"] == []


async def test_an_account_that_gave_a_ticket_to_a_guest_twice_needs_no_second_guest(hands: Hands) -> None:
    await hands.handed_over()
    hands.ticket = (await hands.admissions(hands.bought_order))[1]

    assert (await hands.handed_over())["attendee"] == GRACE


async def test_accepting_again_tells_the_same_again(hands: Hands) -> None:
    transfer = await hands.offered()
    first = await hands.accept(transfer)

    again = await hands.accept(transfer)

    assert (again.status_code, again.json()) == (200, first.json())
    told = [row["kind"] async for row in hands.api.house.store.scan(FACTS)]
    assert told.count("admission.transferred") == 1


@pytest.mark.parametrize("given", ["tft_wrong", "x", "tft_" + "A" * 44])
async def test_a_wrong_token_accepts_nothing(hands: Hands, given: str) -> None:
    transfer = await hands.offered()

    assert code(await hands.accept(transfer, given=given)) == (404, "not_found")
    assert await hands.scan(hands.ticket["code"]) == (201, "")


async def test_a_withdrawn_offer_cannot_be_accepted_and_the_ticket_can_be_offered_anew(hands: Hands) -> None:
    transfer = await hands.offered()

    ended = await hands.withdraw(transfer)
    refused = await hands.accept(transfer)
    anew = await hands.offer()

    assert ended.json()["status"] == "withdrawn"
    assert code(refused) == code(await hands.withdraw(transfer)) == (409, "offer_ended")
    assert anew.status_code == 201


async def test_a_ticket_is_offered_to_one_at_a_time(hands: Hands) -> None:
    transfer = await hands.offered()

    refused = await hands.offer()

    assert code(refused) == (409, "already_offered")
    assert refused.json()["transfer_id"] == transfer["transfer_id"]


async def test_an_offer_runs_out_and_leaves_the_ticket_where_it_was(hands: Hands) -> None:
    transfer = await hands.offered()
    clock = hands.api.house.clock
    assert isinstance(clock, StandingClock)
    clock.move(days=7)

    refused = await hands.accept(transfer)
    read = await hands.api.get(f"/v1/transfers/{transfer['transfer_id']}", token=hands.giver)

    assert code(refused) == (409, "offer_expired")
    assert read.json()["status"] == "expired"
    assert (await hands.offer()).status_code == 201


async def test_the_same_offer_under_its_key_is_made_once(hands: Hands) -> None:
    first, again = await hands.offer(key="once"), await hands.offer(key="once")

    assert (again.status_code, again.content) == (201, first.content)


async def test_an_organizer_who_forbids_it_stops_offers_and_those_that_are_open(hands: Hands) -> None:
    transfer = await hands.offered()
    await hands.change(transfers_allowed=False)
    other = (await hands.admissions(hands.bought_order))[1]

    refused = await hands.api.post(f"/v1/admissions/{other['admission_id']}/transfer", GRACE, token=hands.giver)

    assert code(refused) == code(await hands.accept(transfer)) == (409, "transfers_not_allowed")


async def test_a_forbidding_that_comes_between_reading_and_writing_counts(
    hands: Hands, meanwhile: MeanwhileStore
) -> None:
    transfer = await hands.offered()

    async def forbid() -> None:
        await hands.change(transfers_allowed=False)

    meanwhile.meanwhile = forbid

    assert code(await hands.accept(transfer)) == (409, "transfers_not_allowed")


async def test_a_used_or_refunded_ticket_is_neither_offered_nor_accepted(hands: Hands) -> None:
    transfer = await hands.offered()
    await hands.scan(hands.ticket["code"])
    assert code(await hands.accept(transfer)) == (409, "admission_used")

    hands.ticket = (await hands.admissions(hands.bought_order))[1]
    transfer = await hands.offered()
    await hands.refund(hands.bought_order, admissions=[hands.ticket["admission_id"]])
    assert code(await hands.accept(transfer)) == code(await hands.offer()) == (409, "admission_void")
    await assert_books_balance(hands.api.house, hands.sale)


async def test_a_refund_after_the_transfer_goes_to_who_paid_and_ends_the_new_code(hands: Hands) -> None:
    new = await hands.handed_over()

    refund = await hands.refund(hands.bought_order, admissions=[new["admission_id"]])

    assert refund.status_code == 201
    assert await hands.scan(new["code"]) == (409, "void_admission")
    assert code(await hands.api.get(f"{hands.path}/ticket.pdf", token=new["access_token"])) == (409, "admission_void")
    assert (await hands.left("ada@example.org", "grace@example.org")).balances == (-1, 0)
    await assert_books_balance(hands.api.house, hands.sale)


async def test_a_ticket_that_was_given_away_counts_for_who_bought_it_and_not_for_who_got_it(hands: Hands) -> None:
    await hands.handed_over()

    assert code(await hands.bought(1)) == (409, "limit_per_customer")
    assert (await hands.bought(2, email="grace@example.org")).status_code == 201
    await assert_books_balance(hands.api.house, hands.sale)


async def test_each_step_is_told(hands: Hands) -> None:
    transfer = await hands.offered()
    await hands.withdraw(transfer)
    transfer = await hands.offered()
    await hands.accept(transfer)

    rows = [row async for row in hands.api.house.store.scan(FACTS) if row["kind"].startswith("admission.")]
    assert sorted(row["kind"] for row in rows) == [
        "admission.offer_withdrawn",
        "admission.offered",
        "admission.offered",
        "admission.transferred",
    ]
    assert {row["subject_id"] for row in rows} == {hands.ticket["admission_id"]}
    last = next(row for row in rows if row["kind"] == "admission.transferred")
    assert last["content"]["transfer_id"] == transfer["transfer_id"]
