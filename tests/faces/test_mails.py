"""What was mailed is there to be looked up, the tickets are mailed once more, and the outbox stands in for a mail server."""

import httpx
import pytest

from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.mails import KeepingPost, delivered, mail_over
from tests.support.sales import CUSTOMER, Till, code, kind, put_on_sale
from ticketing.accounts.model import UserType
from ticketing.base.house import House
from ticketing.storage.memory import MemoryStore


@pytest.fixture
async def till(api: Api) -> Till:
    return Till(api, await put_on_sale(api.house, kind("Free", price=0), event_name="Spring <Gala>"))


async def listed(till: Till, path: str, token: str) -> list[tuple[str, str, str]]:
    answer = await till.api.get(path, token=token)
    assert answer.status_code == 200, answer.text
    return [(one["kind"], one["recipient"], one["delivery_status"]) for one in answer.json()["data"]]


async def test_the_log_says_what_was_mailed_to_whom(till: Till) -> None:
    order = await till.held(1)
    await till.held(1, email="bob@example.org")
    await delivered(mail_over(till.api.house, KeepingPost()))

    of_event = await listed(till, f"/v1/events/{till.sale.event_id}/deliveries", till.sale.organizer)
    of_order = await listed(till, f"/v1/orders/{order['order_id']}/deliveries", order["access_token"])

    assert sorted(of_event) == [
        ("order_confirmed", CUSTOMER["email"], "sent"),
        ("order_confirmed", "bob@example.org", "sent"),
    ]
    assert of_order == [("order_confirmed", CUSTOMER["email"], "sent")]


async def again(till: Till, order: dict[str, str], *, key: str | None = None) -> httpx.Response:
    return await till.api.post(f"/v1/orders/{order['order_id']}/resend", token=order["access_token"], key=key)


async def test_tickets_are_mailed_again_as_a_mail_of_its_own(till: Till) -> None:
    order = await till.held(2)
    post = KeepingPost()
    mail = mail_over(till.api.house, post)
    await delivered(mail)

    answers = [await again(till, order, key="once"), await again(till, order, key="once")]
    await delivered(mail)

    assert [answer.status_code for answer in answers] == [202, 202]
    assert [one["To"] for one in post.mails] == [CUSTOMER["email"]] * 2
    assert len({one["Message-ID"] for one in post.mails}) == 2


async def test_tickets_are_mailed_again_so_many_times_and_no_more(till: Till) -> None:
    order = await till.held(1)

    answers = [await again(till, order) for _ in range(11)]

    assert [answer.status_code for answer in answers[:10]] == [202] * 10
    assert code(answers[10]) == (409, "too_many_resends")


async def test_what_was_not_paid_has_nothing_to_mail(till: Till) -> None:
    house = till.api.house
    paying = Till(till.api, await put_on_sale(house, kind("Paid")))

    assert code(await again(paying, await paying.held(1))) == (409, "nothing_to_resend")


# the outbox ----------------------------------------------------------------------------------------------------------


async def links_of(api: Api, token: str | None = None) -> list[str]:
    """The paths of the mails that the outbox lists to this visitor."""
    cookies = {} if token is None else {"Cookie": f"session={token}"}
    answer = await api.get("/outbox", headers=cookies)
    if answer.status_code == 404:
        return []
    assert answer.status_code == 200, answer.text
    return sorted({part.split('"')[0].split("?")[0] for part in answer.text.split('href="')[1:] if "/outbox/" in part})


async def ask_for_links(house: House, api: Api) -> None:
    for email in ("root@example.org", "ray@example.org"):
        assert (await api.post("/v1/sessions/link", {"email": email})).status_code == 202
    await delivered(mail_over(house, None))


async def test_in_test_mode_anyone_reads_mails_but_no_way_into_the_house(till: Till) -> None:
    api = till.api
    await sign_up(api.house, "root", UserType.ADMIN)
    await sign_up(api.house, "ray")
    await till.held(1)
    await ask_for_links(api.house, api)

    paths = await links_of(api)
    shown = [(await api.get(path)).text for path in paths]

    assert len(paths) == 2
    assert any("Spring &lt;Gala&gt;" in text for text in shown)
    assert any("ray@example.org" in text for text in shown)
    assert not any("root@example.org" in text for text in shown)


@pytest.mark.parametrize("settings", [{"test_mode": False}, {"test_mode": True, "sends_mail": True}])
async def test_in_earnest_the_outbox_is_for_admins_and_lets_nobody_in_as_another(settings: dict[str, bool]) -> None:
    house = make_house(MemoryStore(), clock=StandingClock(), **settings)
    api = Api(house)
    till = Till(api, await put_on_sale(house, kind("Free", price=0)))
    root = await sign_up(house, "root", UserType.ADMIN)
    ray = await sign_up(house, "ray")
    await till.held(1)
    await ask_for_links(house, api)

    to_admin = await links_of(api, root)
    cookies = {"Cookie": f"session={root}"}
    read = sorted([(await api.get(path, headers=cookies)).status_code for path in to_admin])

    assert await links_of(api) == await links_of(api, ray) == await links_of(api, till.sale.organizer) == []
    assert (await api.get(to_admin[0])).status_code == 404
    assert len(to_admin) == 3
    assert read == [200, 404, 404]


async def test_a_mail_is_shown_without_a_way_to_run_anything(till: Till) -> None:
    await till.held(1)
    await delivered(mail_over(till.api.house, None))
    (path,) = await links_of(till.api)

    html, text = await till.api.get(path), await till.api.get(f"{path}?text=1")

    assert "script-src" not in html.headers["content-security-policy"]
    assert "default-src 'self'" in html.headers["content-security-policy"]
    assert html.headers["referrer-policy"] == "no-referrer"
    assert text.headers["content-type"].startswith("text/plain")
    assert "Event: Spring <Gala>" in text.text
