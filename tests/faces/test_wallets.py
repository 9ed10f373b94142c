"""Tickets for wallets over the API and on the pages: for those whose they are, where the site has keys, and for nobody else."""

import zipfile
from base64 import urlsafe_b64decode
from io import BytesIO
from typing import Any

import httpx
import orjson
import pytest

from tests.support.houses import Api, make_house, sign_up
from tests.support.pages import PlainBrowser, words
from tests.support.sales import Till, kind, put_on_sale
from tests.support.wallets import wallets
from ticketing.admission.tokens import holder_token, offer_token
from ticketing.storage.memory import MemoryStore

WAYS = ("apple.pkpass", "google-wallet")


async def till(*, configured: bool = True, **event: Any) -> Till:
    api = Api(make_house(MemoryStore()))
    if configured:
        api.app.state.wallets = wallets()
    return Till(api, await put_on_sale(api.house, kind(price=0), **event))


def path_of(order: dict[str, Any], end: str = "") -> str:
    return f"/orders/{order['order_id']}/{order['access_token']}{end}"


def said(answer: httpx.Response) -> dict[str, Any]:
    """What the pass says."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.apple.pkpass"
    assert answer.headers["cache-control"] == "private, no-store"
    with zipfile.ZipFile(BytesIO(answer.content)) as package:
        return dict(orjson.loads(package.read("pass.json")))


def ticket_in(address: str) -> dict[str, Any]:
    """The ticket in an address of Google's."""
    body = address.rpartition("/")[2].split(".")[1]
    return dict(orjson.loads(urlsafe_b64decode(body + "=="))["payload"]["eventTicketObjects"][0])


async def test_the_api_and_the_page_give_the_same_ticket() -> None:
    at = await till()
    order = await at.held(1)
    (admission,) = await at.admissions(order)
    admission_id, browser = admission["admission_id"], PlainBrowser(at.api)
    own, api = path_of(order, f"/tickets/{admission_id}"), f"/v1/admissions/{admission_id}"

    apple = [said(await at.api.get(f"{api}/apple.pkpass", token=order["access_token"]))]
    apple += [said(await browser.get(f"{own}/apple.pkpass"))]
    led = await browser.get(f"{own}/google-wallet")
    over_api = await at.api.get(f"{api}/google-wallet", token=order["access_token"])

    assert apple[0] == apple[1]
    assert apple[0]["barcodes"][0]["message"] == admission["code"]
    assert (led.status_code, led.headers["referrer-policy"]) == (303, "no-referrer")
    assert led.headers["location"] == over_api.json()["url"]
    assert ticket_in(led.headers["location"])["barcode"]["value"] == admission["code"]


async def test_the_page_of_an_order_leads_to_both_wallets_beside_the_pdf() -> None:
    at = await till()
    order = await at.held(1)
    (admission,) = await at.admissions(order)

    page = await PlainBrowser(at.api).open(path_of(order))

    for way in WAYS:
        assert f'href="{path_of(order)}/tickets/{admission["admission_id"]}/{way}"' in page
    assert "Download PDF" in words(page)


async def test_without_keys_there_is_no_way_to_a_wallet() -> None:
    at = await till(configured=False)
    order = await at.held(1)
    (admission,) = await at.admissions(order)
    browser = PlainBrowser(at.api)

    assert "Wallet" not in words(await browser.open(path_of(order)))
    for way in WAYS:
        page = await browser.get(path_of(order, f"/tickets/{admission['admission_id']}/{way}"))
        api = await at.api.get(f"/v1/admissions/{admission['admission_id']}/{way}", token=order["access_token"])
        assert (page.status_code, api.status_code, api.json()["code"]) == (404, 404, "wallet_not_offered")


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_has_the_ticket_of_another_in_a_wallet(way: str) -> None:
    at = await till()
    own, other = await at.held(1), await at.held(1, email="grace@example.org")
    (admission,) = await at.admissions(own)
    (others,) = await at.admissions(other)
    browser = PlainBrowser(at.api)
    end = f"/tickets/{admission['admission_id']}/{way}"

    stolen = [
        await browser.get(f"/orders/{own['order_id']}/{other['access_token']}{end}"),
        await browser.get(f"/orders/{other['order_id']}/{own['access_token']}{end}"),
        await browser.get(path_of(other, end)),
        await browser.get(path_of(own, f"/tickets/{others['admission_id']}/{way}")),
        await browser.get(f"/orders/{own['order_id']}/oat_x{end}"),
        await at.api.get(f"/v1/admissions/{admission['admission_id']}/{way}", token=other["access_token"]),
    ]

    assert [answer.status_code for answer in stolen] == [404] * 6


@pytest.mark.parametrize("way", WAYS)
async def test_a_ticket_that_was_handed_over_is_in_its_new_holders_wallet_alone(way: str) -> None:
    at = await till()
    order = await at.held(1)
    (admission,) = await at.admissions(order)
    path = f"/v1/admissions/{admission['admission_id']}"
    grace, bob = await sign_up(at.api.house, "grace"), await sign_up(at.api.house, "bob")
    keys, browser = at.api.house.keys, PlainBrowser(at.api)
    pages = [path_of(order, f"/tickets/{admission['admission_id']}")]
    found = []
    for giver, name, taker in ((order["access_token"], "grace", grace), (grace, "bob", bob)):
        offer = await at.api.post(f"{path}/transfer", {"email": f"{name}@example.org"}, token=giver)
        transfer_id = offer.json()["transfer_id"]
        token = {"token": offer_token(keys, transfer_id)}
        assert (await at.api.post(f"/v1/transfers/{transfer_id}/accept", token, token=taker)).status_code == 200
        pages.append(f"/tickets/{transfer_id}/{holder_token(keys, transfer_id)}")
        found.append([(await browser.get(f"{page}/{way}")).status_code for page in pages])

    good = 200 if way == "apple.pkpass" else 303
    assert found == [[404, good], [404, 404, good]]
    assert way in await browser.open(pages[-1])


async def test_a_cancelled_event_makes_a_void_pass() -> None:
    at = await till()
    order = await at.held(1)
    (admission,) = await at.admissions(order)
    await at.decide("cancel")
    api = f"/v1/admissions/{admission['admission_id']}"

    apple = said(await at.api.get(f"{api}/apple.pkpass", token=order["access_token"]))
    google = await at.api.get(f"{api}/google-wallet", token=order["access_token"])

    assert apple["voided"] is True
    assert "barcodes" not in apple
    assert ticket_in(google.json()["url"])["state"] == "INACTIVE"
