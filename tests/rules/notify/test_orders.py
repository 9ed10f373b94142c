"""What buyers hear of their orders: each kind of mail once, all tickets of an order in one, in the buyer's language."""

import pytest

from tests.support.houses import Api, StandingClock, make_house
from tests.support.mails import KeepingPost, delivered, html_of, mail_over, text_of
from tests.support.sales import CUSTOMER, Till, kind, put_on_sale
from ticketing.entry.mail import Mail
from ticketing.sales.expiry import expire_holds


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def till(clock: StandingClock) -> Till:
    house = make_house(clock=clock)
    return Till(Api(house), await put_on_sale(house, kind("Balcony"), kind("Free", price=0), event_name="Spring Gala"))


@pytest.fixture
def post() -> KeepingPost:
    return KeepingPost()


@pytest.fixture
def mail(till: Till, post: KeepingPost) -> Mail:
    return mail_over(till.api.house, post)


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
    assert f"/orders/{order['order_id']}?token={order['access_token']}" in text_of(sent)
    assert order["access_token"] in html_of(sent)
    assert [part.get_filename() for part in sent.iter_attachments()] == [f"tickets-{order['order_code']}.pdf"]


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
