"""How mails reach a real SMTP server: once, whatever breaks on the way, and each refusal as it was meant."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.support.houses import StandingClock
from tests.support.mails import SENDER, KeepingPost, Mailbox, delivered, mail_over, mail_server, post_to
from tests.support.sales import Till
from ticketing.entry.mail import Mail
from ticketing.notify.actions import send
from ticketing.notify.letters import Letters, message_of
from ticketing.notify.model import Delivery, DeliveryStatus, Fate, Letter, MailKind, Outcome
from ticketing.notify.rules import FIRST_PAUSE, LONGEST_PAUSE, Wanted, after_attempt, begun, delivery_of, pause_after
from ticketing.notify.store import delivery_of_record
from ticketing.notify.writing import Written
from ticketing.schema.tables import DELIVERIES, UNTOLD


async def deliveries(till: Till) -> list[Delivery]:
    return [delivery_of_record(row) async for row in till.api.house.store.scan(DELIVERIES)]


async def statuses(till: Till) -> list[tuple[str, str | None]]:
    return sorted((one.delivery_status.value, one.last_error) for one in await deliveries(till))


async def test_orders_reach_their_buyers_over_few_connections(till: Till) -> None:
    async with mail_server(Mailbox()) as mailbox:
        post = post_to(mailbox)
        for number in range(60):
            await till.held(0, 1, email=f"buyer{number}@example.org")

        await delivered(mail_over(till.api.house, post))
        await post.close()

        assert sorted(mailbox.recipients) == sorted(f"buyer{number}@example.org" for number in range(60))
        assert mailbox.connections <= 5
        assert await statuses(till) == [("sent", None)] * 60


async def test_while_the_server_is_down_nothing_is_lost_and_nothing_is_counted(
    till: Till, clock: StandingClock
) -> None:
    async with mail_server(Mailbox()) as gone:
        pass
    post = post_to(gone)
    mail = mail_over(till.api.house, post)
    for name in ("ann", "bob", "cyd"):
        await till.held(0, 1, email=f"{name}@example.org")
        clock.move(seconds=5)
    for _ in range(5):
        await delivered(mail)
        clock.move(minutes=10)

    before = await deliveries(till)
    async with mail_server(gone, port=gone.port):
        await delivered(mail)
        await post.close()

    assert {(one.delivery_status, one.attempts) for one in before} == {(DeliveryStatus.QUEUED, 0)}
    assert sorted(gone.recipients) == ["ann@example.org", "bob@example.org", "cyd@example.org"]


async def test_a_server_that_asks_for_patience_is_asked_again_later(till: Till, clock: StandingClock) -> None:
    async with mail_server(Mailbox(answer=lambda recipient: "451 try later")) as mailbox:
        post = post_to(mailbox)
        mail = mail_over(till.api.house, post)
        await till.held(0, 1)
        await delivered(mail)
        waiting = await statuses(till)
        mailbox.answer = lambda recipient: None
        await delivered(mail)
        too_early = len(mailbox.taken)
        clock.move(seconds=30)
        await delivered(mail)
        await post.close()

        assert waiting == [("queued", "smtp_451")]
        assert too_early == 0
        assert await statuses(till) == [("sent", None)]
        assert len(mailbox.taken) == 1


async def test_an_address_that_is_refused_is_not_tried_again_and_keeps_nobody_waiting(
    till: Till, clock: StandingClock
) -> None:
    def answer(recipient: str) -> str | None:
        return "550 no such user here" if recipient.startswith("nobody") else None

    async with mail_server(Mailbox(answer=answer)) as mailbox:
        post = post_to(mailbox)
        mail = mail_over(till.api.house, post)
        await till.held(0, 1, email="nobody@example.org")
        await till.held(0, 1, email="somebody@example.org")
        await delivered(mail)
        clock.move(days=1)
        await delivered(mail)
        await post.close()

        assert mailbox.recipients == ["somebody@example.org"]
        assert await statuses(till) == [("failed", "smtp_550"), ("sent", None)]


async def test_a_process_that_dies_before_it_sent_leaves_the_mail_to_the_next(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock
) -> None:
    await till.held(0, 1)
    dying = KeepingPost(answer=_die)
    with pytest.raises(Killed):
        await mail_over(till.api.house, dying).turn(clock.now())

    await delivered(mail)
    at_once = len(post.mails)
    clock.move(minutes=2)
    await delivered(mail)

    assert (at_once, len(post.mails)) == (0, 1)


async def test_a_process_that_dies_after_it_sent_leaves_one_mail_in_the_mailbox(
    till: Till, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mail_server(Mailbox()) as mailbox:
        post = post_to(mailbox)
        mail = mail_over(till.api.house, post)
        await till.held(0, 1)
        with monkeypatch.context() as dying:
            dying.setattr(send, "after_attempt", _die)  # between the server's 250 and our commit
            with pytest.raises(Killed):
                await mail.turn(clock.now())
        clock.move(minutes=2)
        await delivered(mail)
        await post.close()

        # Twice is what the border of SMTP allows; mail programs show one, by its Message-ID.
        assert len(mailbox.taken) == 2
        assert len({one["Message-ID"] for one in mailbox.taken}) == 1
        assert len({one["Date"] for one in mailbox.taken}) == 1


async def test_two_processes_send_each_mail_once(till: Till) -> None:
    async with mail_server(Mailbox()) as mailbox:
        posts = [post_to(mailbox), post_to(mailbox)]
        for number in range(30):
            await till.held(0, 1, email=f"buyer{number}@example.org")

        await asyncio.gather(*(delivered(mail_over(till.api.house, post)) for post in posts))
        for post in posts:
            await post.close()

        assert sorted(mailbox.recipients) == sorted(f"buyer{number}@example.org" for number in range(30))


async def test_a_mail_that_cannot_be_written_keeps_no_other_back(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await till.held(0, 1, email="bad@example.org")
    await till.held(0, 1, email="good@example.org")
    write = Letters.letter

    async def broken(letters: Letters, delivery: Delivery, **more: Any) -> Letter:
        if delivery.recipient == "bad@example.org":
            raise ZeroDivisionError
        return await write(letters, delivery, **more)

    monkeypatch.setattr(Letters, "letter", broken)
    for _ in range(60):
        await delivered(mail)
        clock.move(hours=3)

    assert [one["To"] for one in post.mails] == ["good@example.org"]
    assert await statuses(till) == [("dead", "too_old"), ("sent", None)]


async def test_nothing_is_left_to_be_told_once_it_was(till: Till, mail: Mail) -> None:
    await till.held(0, 1)
    before = [row async for row in till.api.house.store.scan(UNTOLD)]

    await delivered(mail)

    assert len(before) == 1
    assert [row async for row in till.api.house.store.scan(UNTOLD)] == []


async def test_a_mail_that_waited_for_days_is_given_up(till: Till, post: KeepingPost, clock: StandingClock) -> None:
    post.is_there = False
    mail = mail_over(till.api.house, post)
    await till.held(0, 1)
    await delivered(mail)
    clock.move(days=5)
    post.is_there = True

    await delivered(mail)

    assert post.letters == []
    assert await statuses(till) == [("dead", "too_old")]


async def test_a_connection_that_the_server_closed_meanwhile_costs_no_mail(till: Till) -> None:
    mailbox = Mailbox()
    async with mail_server(mailbox) as first:
        post = post_to(first)
        mail = mail_over(till.api.house, post)
        await till.held(0, 1, email="ann@example.org")
        await delivered(mail)
    async with mail_server(mailbox, port=mailbox.port):
        await till.held(0, 1, email="bob@example.org")
        await delivered(mail)
        await post.close()

    assert mailbox.recipients == ["ann@example.org", "bob@example.org"]


A_DELIVERY = delivery_of(
    Wanted(MailKind.LOGIN_LINK, "jörg@exämple.org", "de", None, None, "link"),
    fact_id="fct_1",
    now=StandingClock().now(),
)


async def test_an_address_outside_of_ascii_goes_out_in_utf8() -> None:
    async with mail_server(Mailbox()) as mailbox:
        post = post_to(mailbox)
        letter = message_of(A_DELIVERY, Written("Grüße", "Grüße", "<p>Grüße</p>"), SENDER, ())

        outcome = await post.send(letter)
        await post.close()

        assert outcome.fate is Fate.HANDED_OVER
        assert (mailbox.recipients, mailbox.subjects()) == (["jörg@exämple.org"], ["Grüße"])


def test_pauses_double_and_are_spread() -> None:
    assert pause_after(1, spread=0) == FIRST_PAUSE
    assert pause_after(2, spread=0) == 2 * FIRST_PAUSE
    assert pause_after(3, spread=1) == 2 * FIRST_PAUSE
    assert pause_after(40, spread=0) == LONGEST_PAUSE


def test_after_so_many_attempts_a_mail_is_dead(clock: StandingClock) -> None:
    tried = replace(begun(A_DELIVERY, now=clock.now()), attempts=40)

    after = after_attempt(tried, Outcome(Fate.LATER, "smtp_451"), spread=0.5, now=clock.now())

    assert (after.delivery_status, after.last_error) == (DeliveryStatus.DEAD, "smtp_451")


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


def _die(*_what: object, **_more: object) -> Outcome:
    raise Killed
