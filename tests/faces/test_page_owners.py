"""Whose pages are whose: every route of a page is public by name, or refuses everybody but those it belongs to."""

import pytest
from fastapi.routing import APIRoute

from tests.support.houses import Api, make_house, sign_up
from tests.support.pages import PlainBrowser
from tests.support.world import ADMIN, BUYER, OTHER_OFFER, OTHER_TOKEN, REGULAR, World, world
from ticketing.accounts import pages as accounts
from ticketing.accounts.model import UserType
from ticketing.admission.tokens import holder_token
from ticketing.base.ids import from_int
from ticketing.catalog import pages as catalog
from ticketing.notify import pages as notify
from ticketing.sales import pages as sales
from ticketing.site import design, docs

ROUTERS = (*accounts.routes, *sales.routes, notify.routes, docs.routes, design.routes)
"""Of pages that belong to somebody, or act. Those of the catalog only show what is public."""
PUBLIC = {
    "/docs",
    "/docs/refusals",
    "/design",
    "/login",
    "/login/forgot",
    "/login/link",
    "/login/mail",
    "/login/reset",
    "/login/sent",
    "/logout",
    "/signup",
    "/signup/sent",
    "/events/{event_id}/checkout",
}
"""For anyone; where a form acts, it acts for who sends it."""
OF_A_LOGIN = "/account"
"""Below it is what `test_account_pages.py` leads to the log-in."""
SHOWN_WHILE_NOTHING_IS_EARNEST = "/outbox"


def routes() -> list[tuple[str, str]]:
    """Method and path of every page."""
    found = {
        (method, route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    return sorted(found)


def kept_by_a_secret() -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes() if "{token}" in path]


@pytest.fixture(scope="module")
async def there() -> World:
    return await world()


def test_every_page_is_public_by_name_or_somebodys() -> None:
    owned = {path for _, path in kept_by_a_secret()} | {"/orders/{order_id}"}
    others = {
        path
        for _, path in routes()
        if path not in owned and not path.startswith((OF_A_LOGIN, SHOWN_WHILE_NOTHING_IS_EARNEST))
    }

    assert len(owned) > 10
    assert others - PUBLIC == set()


def test_pages_of_the_catalog_only_show() -> None:
    methods = {
        method
        for router in catalog.routes
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }

    assert methods == {"GET"}


@pytest.mark.parametrize("caller", ["a stranger", REGULAR, ADMIN])
async def test_a_page_kept_by_a_secret_is_not_there_for_any_other_secret(there: World, caller: str) -> None:
    ids = there.ids
    tokens = {
        "/orders": there.tokens[OTHER_TOKEN],
        "/offers": there.tokens[OTHER_OFFER],
        "/tickets": holder_token(there.api.house.keys, from_int("trf", 7)),
    }
    browser = PlainBrowser(there.api)
    if caller != "a stranger":
        browser.be(there.tokens[caller])

    for method, path in kept_by_a_secret():
        own = "/" + path.split("/")[1]
        asked = path.format(
            order_id=ids["a paid order"],
            admission_id=ids["a paid order's admission"],
            transfer_id=ids["an offer"],
            token=tokens[own],
        )
        there.store.rewind()
        if own == "/tickets":
            accepted = {"token": ids["an offer's token"]}
            taken = await there.api.post(f"/v1/transfers/{ids['an offer']}/accept", accepted, token=there.tokens[BUYER])
            assert taken.status_code == 200
        answer = await browser.client.request(method, asked, headers={"Sec-Fetch-Site": "same-origin"})

        assert answer.status_code == 404, f"{method} {path}"


async def test_an_orders_page_is_found_by_its_user_and_by_nobody_else(there: World) -> None:
    path = f"/orders/{there.ids['a paid order']}"
    found = {}
    for caller in ("a stranger", REGULAR, BUYER):
        browser = PlainBrowser(there.api)
        if caller != "a stranger":
            browser.be(there.tokens[caller])
        found[caller] = (await browser.get(path)).status_code

    assert found == {"a stranger": 401, REGULAR: 404, BUYER: 303}


async def test_an_earnest_house_shows_its_mails_to_admins_alone() -> None:
    api = Api(make_house(sends_mail=True))
    found = []
    for user_type in (None, UserType.REGULAR, UserType.ORGANIZER, UserType.ADMIN):
        browser = PlainBrowser(api)
        if user_type is not None:
            browser.be(await sign_up(api.house, user_type.value, user_type))
        found.append((await browser.get("/outbox")).status_code)

    assert found == [404, 404, 404, 200]
