"""A buyer at the shop with a browser without scripts: opens pages, fills forms in and sends them."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import unescape
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.support.houses import StandingClock, make_house
from tests.support.sales import Sale, kind, put_on_sale
from ticketing.base.house import House
from ticketing.base.store import Store
from ticketing.schema.tables import ORDERS
from ticketing.site.app import build_app

DETAILS = {"name": "Ada Lovelace", "email": "ada@example.org"}


class Buyer:
    """A browser without scripts at the shop: it keeps cookies, reads forms and sends them."""

    def __init__(self, house: House, sale: Sale) -> None:
        self.house = house
        self.sale = sale
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=build_app(house), raise_app_exceptions=False),
            base_url=house.settings.base_url,
            headers={"Accept": "text/html", "Accept-Language": "en"},
        )

    def checkout_path(self, *quantities: int) -> str:
        """Where the event's page leads with so many tickets of each type."""
        chosen = {line["ticket_type_id"]: line["quantity"] for line in self.sale.lines(*quantities)}
        return f"/events/{self.sale.event_id}/checkout?{urlencode(chosen)}"

    async def open(self, path: str) -> str:
        """The text of a page that is there."""
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    async def send(self, page: str, action: str, fields: Mapping[str, str]) -> httpx.Response:
        """The form of a page whose action ends so, with these fields filled in, sent as a browser does."""
        for form in re.findall(r"<form[^>]*>.*?</form>", page, flags=re.S):
            target = unescape(re.search(r'action="([^"]*)"', form)[1])  # type: ignore[index]
            if target.endswith(action) and "post" in form:
                hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
                kept = [(name, unescape(value)) for name, value in hidden if name not in fields]
                sent = [*kept, *fields.items()]
                headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
                return await self.client.post(target, content=urlencode(sent), headers=headers)
        raise AssertionError(f"no form leads to {action}")

    async def reserve(self, *quantities: int, **details: str) -> httpx.Response:
        """The checkout, filled in and sent."""
        page = await self.open(self.checkout_path(*quantities))
        return await self.send(page, "/checkout", DETAILS | details)

    async def orders(self) -> list[dict[str, Any]]:
        """Every order that is stored."""
        return [record async for record in self.house.store.scan(ORDERS)]


class Shopping:
    """Opens shops over a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @asynccontextmanager
    async def __call__(
        self, *kinds: Any, event: Mapping[str, Any] | None = None, **settings: Any
    ) -> AsyncIterator[Buyer]:
        """A buyer at a sale of these kinds; `event` names fields of it that differ."""
        house = make_house(self._store, clock=StandingClock(), **settings)
        buyer = Buyer(house, await put_on_sale(house, *(kinds or (kind(quantity=10),)), **(event or {})))
        async with buyer.client:
            yield buyer
