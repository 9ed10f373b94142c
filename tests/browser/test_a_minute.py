"""A new visitor has a ticket in the mail within a minute, by a model of how fast people read, think, type and tap."""

import time
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator

from tests.browser.buying import Buyer
from tests.browser.conftest import Opener
from tests.support.processes import Served

SECONDS_MAX = 60.0
TAP = 1.5
"""Finding a place on a phone with the thumb, and tapping it."""
KEY = 0.28
"""Of the keystroke-level model of Card, Moran and Newell for an average typist; people type as fast with two thumbs (36 words a minute)."""
LOOK = 2.5
"""Looking over a page that has just come, and deciding."""


@dataclass(frozen=True)
class Timed(Buyer):
    """A buyer whose taps, keys and looks are counted."""

    taps: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def press(self, target: Locator) -> None:
        """A tap, after which another page is looked at."""
        self.taps.append("tap")
        super().press(target)

    def type(self, target: Locator, text: str) -> None:
        """A tap into the field, then every letter."""
        self.taps.append("tap")
        self.keys.extend(text)
        super().type(target, text)

    def seconds(self, pages: int) -> float:
        """What a person takes for all this, without waiting."""
        return TAP * len(self.taps) + KEY * len(self.keys) + LOOK * pages


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
@pytest.mark.parametrize("price", [0, 2_500], ids=["free", "paid"])
def test_a_new_visitor_on_a_phone_has_a_ticket_in_the_mail_within_a_minute(
    open_page: Opener, demo: Served, price: int, scripts: bool
) -> None:
    name = f"Serenade {price} {'with' if scripts else 'without'}"
    demo.on_sale(quantity=10, price=price, name=name)
    email = f"{name.replace(' ', '-').lower()}@example.org"
    buyer = Timed(open_page(width=360, javascript=scripts))
    began = time.monotonic()

    buyer.find(name)
    buyer.choose(1)
    buyer.order("Ada Lovelace", email)
    if price:
        buyer.pay("Test payment: nothing is charged")
    buyer.sees_tickets(1)
    waited = time.monotonic() - began
    buyer.mail(email)

    took = waited + buyer.seconds(pages=6 if price else 5)
    print(f"{took:.0f} s, of them {waited:.1f} s for pages; {len(buyer.taps)} taps, {len(buyer.keys)} keys")
    assert took < SECONDS_MAX
