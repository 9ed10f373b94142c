"""What people hear of a ticket that changes hands or names: each mail once, to the right one, and no secret in a wrong mailbox."""

from email.message import EmailMessage
from typing import Any

import icalendar
import pypdfium2
import pytest
import zxingcpp

from tests.support.houses import StandingClock, sign_up
from tests.support.mails import KeepingPost, delivered, html_of, text_of
from tests.support.sales import CUSTOMER, Till, fresh_key
from ticketing.admission.tokens import holder_token, offer_token
from ticketing.entry.mail import Mail
from ticketing.notify.actions import tell
from ticketing.schema.tables import DELIVERIES, FACTS, UNTOLD

GRACE = {"email": "grace@example.org", "first_name": "Grace", "last_name": "Hopper"}


class Gift:
    """A ticket that goes from Ada, who bought it, to Grace and on."""

    def __init__(
        self, till: Till, mail: Mail, post: KeepingPost, order: dict[str, Any], ticket: dict[str, Any]
    ) -> None:
        self.till, self.mail, self.post, self.order, self.ticket = till, mail, post, order, ticket

    @property
    def api(self) -> Any:
        """The API."""
        return self.till.api

    async def offered(self, to: dict[str, str] = GRACE, *, token: str | None = None) -> str:
        """The id of an offer to this person."""
        path = f"/v1/admissions/{self.ticket['admission_id']}/transfer"
        answer = await self.api.post(path, to, token=token or self.order["access_token"])
        assert answer.status_code == 201, answer.text
        return str(answer.json()["transfer_id"])

    async def answered(self, transfer_id: str, what: str, **more: Any) -> dict[str, Any]:
        """What the recipient is answered to `accept` or `decline`."""
        token = offer_token(self.api.house.keys, transfer_id)
        headers = more.pop("headers", None)
        answer = await self.api.post(f"/v1/transfers/{transfer_id}/{what}", {"token": token} | more, headers=headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def mails(self) -> list[EmailMessage]:
        """What was mailed since this was asked last."""
        self.post.letters.clear()
        await delivered(self.mail)
        return self.post.mails

    async def told(self) -> list[tuple[str, str]]:
        """To whom what was mailed since this was asked last."""
        return sorted((str(one["To"]), str(one["Subject"])) for one in await self.mails())


@pytest.fixture
async def gift(till: Till, mail: Mail, post: KeepingPost) -> Gift:
    order = await till.held(0, 2)
    made = Gift(till, mail, post, order, (await till.admissions(order))[0])
    await made.mails()
    return made


def files_of(mail: EmailMessage) -> dict[str, bytes]:
    """The attachments by name."""
    return {str(part.get_filename()): bytes(part.get_payload(decode=True)) for part in mail.iter_attachments()}


def codes_of(pdf: bytes) -> list[str]:
    return [zxingcpp.read_barcodes(page.render(scale=2).to_pil())[0].text for page in pypdfium2.PdfDocument(pdf)]


async def test_who_is_offered_a_ticket_gets_the_way_to_it_and_nobody_else_does(gift: Gift) -> None:
    transfer_id = await gift.offered()

    (sent,) = await gift.mails()

    keys = gift.api.house.keys
    link = f"http://127.0.0.1:8000/offers/{transfer_id}/{offer_token(keys, transfer_id)}"
    assert (sent["To"], sent["Subject"]) == ("grace@example.org", "A ticket for you: Spring Gala")
    assert "Hello Grace," in text_of(sent)
    assert "Ada Lovelace would like to give you a ticket" in " ".join(text_of(sent).split())
    assert link in text_of(sent)
    assert link in html_of(sent)
    assert gift.order["access_token"] not in sent.as_string()
    assert gift.ticket["human_code"] not in sent.as_string()
    assert files_of(sent) == {}


async def test_both_hear_once_that_it_was_accepted_and_the_new_holder_has_the_ticket(gift: Gift) -> None:
    transfer_id = await gift.offered()
    await gift.mails()

    new = await gift.answered(transfer_id, "accept")
    await gift.answered(transfer_id, "accept")
    to_ada, to_grace = sorted(await gift.mails(), key=lambda one: str(one["To"]))

    assert to_ada["Subject"] == "Your ticket was accepted: Spring Gala"
    assert "Grace Hopper has accepted your ticket" in " ".join(text_of(to_ada).split())
    assert (files_of(to_ada), new["code"] in to_ada.as_string()) == ({}, False)
    assert to_grace["Subject"] == "Your ticket: Spring Gala"
    assert f"/tickets/{transfer_id}/{holder_token(gift.api.house.keys, transfer_id)}" in text_of(to_grace)
    files = files_of(to_grace)
    assert codes_of(next(content for name, content in files.items() if name.endswith(".pdf"))) == [new["code"]]
    calendar: Any = icalendar.Calendar.from_ical(files["event.ics"])
    assert [str(entry["summary"]) for entry in calendar.walk("VEVENT")] == ["Spring Gala"]
    assert await gift.mails() == []


async def test_the_new_holder_is_written_to_as_and_where_the_new_holder_says(gift: Gift) -> None:
    transfer_id = await gift.offered()
    await gift.mails()

    await gift.answered(
        transfer_id,
        "accept",
        attendee={"email": "work@example.org", "first_name": "G."},
        headers={"Accept-Language": "de"},
    )

    assert await gift.told() == [
        ("ada@example.org", "Your ticket was accepted: Spring Gala"),
        ("work@example.org", "Ihr Ticket: Spring Gala"),
    ]


async def test_who_is_withdrawn_from_or_declines_ends_it_with_one_mail_to_the_other(gift: Gift) -> None:
    first = await gift.offered()
    await gift.mails()
    await gift.api.post(f"/v1/transfers/{first}/withdraw", token=gift.order["access_token"])
    withdrawn = await gift.told()
    second = await gift.offered()
    await gift.mails()

    await gift.answered(second, "decline")

    assert withdrawn == [("grace@example.org", "No ticket any more: Spring Gala")]
    assert await gift.told() == [("ada@example.org", "Your ticket was declined: Spring Gala")]


async def test_an_offer_that_ended_before_its_mail_went_out_is_not_mailed(gift: Gift) -> None:
    transfer_id = await gift.offered()
    await gift.api.post(f"/v1/transfers/{transfer_id}/withdraw", token=gift.order["access_token"])

    assert await gift.told() == [("grace@example.org", "No ticket any more: Spring Gala")]


async def test_a_new_name_is_told_to_the_holder_with_the_new_code(gift: Gift) -> None:
    path = f"/v1/admissions/{gift.ticket['admission_id']}"
    renamed = await gift.api.patch(path, {"attendee": GRACE}, token=gift.till.sale.organizer)

    (sent,) = await gift.mails()

    assert (sent["To"], sent["Subject"]) == (CUSTOMER["email"], "Your ticket has a new name and code: Spring Gala")
    assert "in the name of Grace Hopper" in " ".join(text_of(sent).split())
    pdf = next(content for name, content in files_of(sent).items() if name.endswith(".pdf"))
    assert codes_of(pdf) == [renamed.json()["code"]]


async def test_what_goes_on_from_hand_to_hand_is_told_to_those_two_and_stands_under_nobody_elses_order(
    gift: Gift,
) -> None:
    first = await gift.offered()
    await gift.answered(first, "accept")
    await gift.mails()
    token = holder_token(gift.api.house.keys, first)
    second = await gift.offered({"email": "alan@example.org"}, token=token)

    await gift.answered(second, "accept")
    told = await gift.mails()

    assert sorted(str(one["To"]) for one in told) == ["alan@example.org", "grace@example.org"]
    (to_grace,) = [one for one in told if one["To"] == "grace@example.org"]
    assert f"/tickets/{first}/{token}" in text_of(to_grace)
    listed = await gift.api.get(f"/v1/orders/{gift.order['order_id']}/deliveries", token=gift.order["access_token"])
    assert {one["recipient"] for one in listed.json()["data"]} == {CUSTOMER["email"]}


async def test_tickets_that_are_mailed_again_are_not_those_that_were_handed_over(gift: Gift) -> None:
    new = await gift.answered(await gift.offered(), "accept")
    await gift.mails()

    await gift.api.post(f"/v1/orders/{gift.order['order_id']}/resend", token=gift.order["access_token"])
    (again,) = await gift.mails()

    pdf = next(content for name, content in files_of(again).items() if name.endswith(".pdf"))
    kept = (await gift.till.admissions(gift.order))[1]
    assert codes_of(pdf) == [kept["code"]]
    assert new["human_code"] not in text_of(again)


async def test_german_is_spoken_to_a_buyer_who_speaks_it_and_to_friends(
    till: Till, mail: Mail, post: KeepingPost
) -> None:
    answer = await till.api.post("/v1/orders", till.body(0, 1), key=fresh_key(), headers={"Accept-Language": "de"})
    order = answer.json()
    gift = Gift(till, mail, post, order, (await till.admissions(order))[0])
    await gift.mails()

    (sent,) = (await gift.offered(), await gift.mails())[1]

    assert sent["Subject"] == "Ein Ticket für Sie: Spring Gala"
    assert "Ada Lovelace möchte Ihnen ein Ticket" in " ".join(text_of(sent).split())


async def test_who_calls_oneself_an_advertisement_does_not_speak_to_strangers_through_us(
    till: Till, mail: Mail, post: KeepingPost
) -> None:
    body = till.body(0, 1) | {"customer": {"email": "x@example.org", "first_name": "Win", "last_name": "at evil.com"}}
    order = (await till.api.post("/v1/orders", body, key=fresh_key())).json()
    gift = Gift(till, mail, post, order, (await till.admissions(order))[0])
    await gift.mails()

    (sent,) = (await gift.offered(), await gift.mails())[1]

    assert "evil" not in sent.as_string()
    assert "Somebody would like to give you" in " ".join(text_of(sent).split())


async def test_a_token_of_a_ticket_stands_in_no_log_no_fact_and_no_delivery(
    gift: Gift, capsys: pytest.CaptureFixture[str]
) -> None:
    transfer_id = await gift.offered()
    await gift.answered(transfer_id, "accept")
    await gift.mails()

    out = capsys.readouterr()
    store = gift.api.house.store
    stored = [str(row) for table in (FACTS, DELIVERIES) for row in [each async for each in store.scan(table)]]
    keys = gift.api.house.keys
    for secret in (offer_token(keys, transfer_id), holder_token(keys, transfer_id)):
        assert not [text for text in (out.out, out.err, *stored) if secret in text]


async def test_many_transfers_at_once_are_told_in_commits_that_every_store_takes(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock
) -> None:
    order = await till.held(0, 45)
    gift = Gift(till, mail, post, order, {})
    for gift.ticket in await till.admissions(order):
        await gift.answered(await gift.offered(), "accept")
    await sign_up(till.api.house, "bystander")

    while await tell.tell_facts(till.api.house, now=clock.now()):
        pass

    kinds = [row["kind"] async for row in till.api.house.store.scan(DELIVERIES)]
    assert [row async for row in till.api.house.store.scan(UNTOLD)] == []
    assert kinds.count("ticket_received") == kinds.count("ticket_handed_over") == kinds.count("ticket_offered") == 45
