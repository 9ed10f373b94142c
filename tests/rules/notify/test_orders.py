"""What buyers hear of their orders: each kind of mail once, all tickets of an order in one, in the buyer's language."""

import pytest

from tests.support.houses import StandingClock
from tests.support.mails import KeepingPost, delivered, html_of, mail_over, text_of
from tests.support.sales import CUSTOMER, Till, fresh_key
from ticketing.entry.mail import Mail
from ticketing.notify.actions import tell
from ticketing.sales.expiry import expire_holds
from ticketing.schema.tables import DELIVERIES


def subjects(post: KeepingPost) -> list[str]:
    return [str(one["Subject"]) for one in post.mails]


async def test_all_tickets_of_an_order_come_in_one_mail(till: Till, mail: Mail, post: KeepingPost) -> None:
    order = await till.sold(3)

    await delivered(mail)

    (sent,) = post.mails
    admissions = await till.admissions(order)
    assert sent["To"] == CUSTOMER["email"]
    assert sent["Subject"] == "Your tickets: Spring Gala"
    assert text_of(sent).count("* Balcony") == len(admissions) == 3
    assert f"/orders/{order['order_id']}/{order['access_token']}" in text_of(sent)
    assert order["access_token"] in html_of(sent)
    assert [part.get_filename() for part in sent.iter_attachments()] == [
        f"tickets-{order['order_code']}.pdf",
        "event.ics",
    ]


async def test_each_mail_is_sent_once_however_often_the_job_runs(till: Till, mail: Mail, post: KeepingPost) -> None:
    await till.sold(1)
    await till.held(0, 2)

    for _ in range(3):
        await delivered(mail)

    assert len(post.mails) == len({one["Message-ID"] for one in post.mails}) == 2


async def test_a_hold_that_nobody_paid_for_is_no_news(till: Till, mail: Mail, post: KeepingPost) -> None:
    await till.held(1)
    await delivered(mail)

    assert post.mails == []


async def test_a_promised_transfer_is_explained_and_its_end_told(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock
) -> None:
    order = await till.held(2)
    await till.promised(order)
    await delivered(mail)
    clock.move(days=6)
    await expire_holds(till.api.house, now=clock.now())
    await delivered(mail)

    assert subjects(post) == [
        f"How to pay for Spring Gala (order {order['order_code']})",
        "Your reservation for Spring Gala ran out",
    ]
    said = text_of(post.mails[0])
    assert "€50.00" in said
    assert "Saturday, 6 March 2027" in said


async def test_a_cancelled_order_and_a_refund_are_told(till: Till, mail: Mail, post: KeepingPost) -> None:
    given_up = await till.held(1)
    await till.cancel(given_up)
    await till.refund(await till.sold(2), reason="Asked for by the customer.")

    await delivered(mail)

    assert f"Your order {given_up['order_code']} was cancelled" in subjects(post)
    (refund,) = [one for one in post.mails if one["Subject"] == "€50.00 back for Spring Gala"]
    assert "Reason: Asked for by the customer." in text_of(refund)


async def test_who_asks_in_german_reads_german(till: Till, mail: Mail, post: KeepingPost) -> None:
    headers = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    answer = await till.api.post("/v1/orders", till.body(0, 1), key=fresh_key(), headers=headers)
    assert answer.status_code == 201

    await delivered(mail)

    (sent,) = post.mails
    assert (sent["Subject"], sent["Content-Language"]) == ("Ihre Tickets: Spring Gala", "de")
    assert "Wann: Freitag, 30. April 2027" in text_of(sent)
    assert '<html lang="de"' in html_of(sent)


async def test_everybody_with_an_order_hears_once_that_the_event_moves(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock
) -> None:
    await till.held(0, 1, email="twice@example.org")
    await till.held(0, 1, email="twice@example.org")
    await till.promised(await till.held(1, email="waits@example.org"))
    await till.cancel(await till.held(1, email="gone@example.org"))
    await delivered(mail)
    post.letters.clear()

    await till.decide("postpone")
    clock.move(minutes=1)
    await delivered(mail)

    assert sorted((one["To"], one["Subject"]) for one in post.mails) == [
        ("twice@example.org", "Postponed: Spring Gala"),
        ("waits@example.org", "Postponed: Spring Gala"),
    ]


async def test_a_fan_out_goes_on_where_a_killed_process_left_it(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyers = [f"buyer{number}@example.org" for number in range(25)]
    for buyer in buyers:
        await till.held(0, 1, email=buyer)
    await delivered(mail)
    post.letters.clear()
    monkeypatch.setattr(tell, "ORDERS_PER_STEP", 4)
    monkeypatch.setattr(tell, "STEPS_PER_TURN", 2)
    await till.decide("cancel")
    clock.move(minutes=1)

    first = await tell.tell_facts(till.api.house, now=clock.now())
    told_so_far = [row async for row in till.api.house.store.scan(DELIVERIES) if row["kind"] == "event_cancelled"]
    await delivered(mail_over(till.api.house, post))  # another process
    for _ in range(4):
        await mail_over(till.api.house, post).turn(clock.now())
        await delivered(mail_over(till.api.house, post))

    assert (first, len(told_so_far)) == (0, 8)
    assert sorted(str(one["To"]) for one in post.mails) == sorted(buyers)


async def test_an_event_that_has_a_new_date_is_told_with_it(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock
) -> None:
    await till.held(0, 1)
    await delivered(mail)
    await till.decide("postpone")
    clock.move(minutes=1)
    await delivered(mail)
    await till.change(start_date_time="2027-09-01T17:30:00Z", end_date_time="2027-09-01T20:00:00Z")

    await till.decide("publish")
    clock.move(minutes=1)
    await delivered(mail)

    assert subjects(post)[-1] == "New date: Spring Gala"
    assert "Wednesday, 1 September 2027, 19:30" in text_of(post.mails[-1])


async def test_a_fact_that_becomes_visible_after_later_ones_is_told_all_the_same(
    till: Till, mail: Mail, post: KeepingPost, clock: StandingClock
) -> None:
    clock.move(hours=1)
    await till.held(0, 1, email="later@example.org")
    await delivered(mail)

    clock.move(hours=-1)  # a process whose clock is late, or whose commit was
    await till.held(0, 1, email="earlier@example.org")
    await delivered(mail)

    assert [one["To"] for one in post.mails] == ["later@example.org", "earlier@example.org"]
