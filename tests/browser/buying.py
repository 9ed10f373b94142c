"""A buyer at the shop with a browser: finds, chooses, says who it is, pays and has the tickets, with a pointer or by keyboard alone."""

import re
import time
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import zxingcpp
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.support.processes import Served
from ticketing.web.i18n import tongue

TABS_MAX = 80
MAIL_SECONDS_MAX = 20
HUMAN_CODE = re.compile("[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")

_FOCUS = """() => {
    const at = document.activeElement;
    if (!at || at === document.body) return "nothing has the focus";
    const told = at.outerHTML.slice(0, 120);
    const box = at.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) return "out of sight: " + told;
    const outlined = (one) => one && getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) >= 2;
    if (!at.matches("#main, [autofocus]") && ![at, at.closest(".card")].some(outlined)) return "no outline: " + told;
    const bar = document.querySelector(".bar")?.getBoundingClientRect();
    if (bar?.height && !at.closest(".bar") && box.bottom > bar.top + 1 && box.top < bar.bottom - 1) return "under the bar: " + told;
    return "";
}"""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody in front of a page. `language` is that of the pages; without a pointer all is done by Tab, Enter, arrows and typing."""

    page: Page
    language: str = "en"
    by_keyboard: bool = False

    # What a hand does -------------------------------------------------------------------------------------------------

    def press(self, target: Locator) -> None:
        """A link is followed, a button pressed."""
        if self.by_keyboard:
            self.reach(target)
            self.page.keyboard.press("Enter")
        else:
            target.click()

    def type(self, target: Locator, text: str) -> None:
        """The field holds this text."""
        if self.by_keyboard:
            self.reach(target)
            self.page.keyboard.press("ControlOrMeta+a")
            self.page.keyboard.type(text)
        else:
            target.fill(text)
        expect(target).to_have_value(text)

    def reach(self, target: Locator) -> None:
        """Tab has brought the focus there, and wherever it was on the way it could be seen."""
        expect(target).to_be_visible()
        for _ in range(TABS_MAX):
            self.page.keyboard.press("Tab")
            wrong = self.page.evaluate(_FOCUS)
            assert wrong == "", wrong
            if target.evaluate("(each) => each === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {target}")

    # What stands on the page --------------------------------------------------------------------------------------------

    def says(self, english: str) -> str:
        """The sentence in the language of the page."""
        return tongue(self.language).gettext(english)

    def counted(self, singular: str, plural: str, number: int) -> str:
        """The sentence for so many."""
        return tongue(self.language).ngettext(singular, plural, number).replace("%(num)d", str(number))

    def button(self, english: str, **facts: Any) -> Locator:
        """The button that says so; what the sentence leaves open is anything."""
        words = (
            re.escape(self.says(english) % facts)
            if facts
            else re.sub(r"%\\\(\w+\\\)\w", ".+", re.escape(self.says(english)))
        )
        return self.page.get_by_role("button", name=re.compile(f"^{words}$"))

    def link(self, english: str) -> Locator:
        """The link that says so."""
        return self.page.get_by_role("link", name=self.says(english), exact=True)

    def field(self, english: str) -> Locator:
        """The field of the page's main form with this label."""
        return self.page.get_by_role("textbox", name=self.says(english), exact=True).first

    # A purchase, step by step ---------------------------------------------------------------------------------------------

    def find(self, event_name: str) -> None:
        """From the start page by a search to the event."""
        self.page.goto("/")
        self.type(self.page.get_by_role("main").get_by_role("searchbox"), event_name)
        self.page.keyboard.press("Enter")
        self.press(self.page.get_by_role("link", name=event_name))
        expect(self.page.get_by_role("heading", level=1)).to_have_text(event_name)

    def choose(self, quantity: int, ticket_type: str = "Standing") -> None:
        """So many of a ticket type, and on to the checkout."""
        self.type(self.page.get_by_role("spinbutton", name=ticket_type), str(quantity))
        self.press(self.button("Continue"))
        expect(self.page.get_by_role("heading", level=1)).to_have_text(self.says("Your details"))

    def details(self, name: str, email: str) -> None:
        """Who it is stands in the two fields."""
        self.type(self.field("Name"), name)
        self.type(self.field("E-mail"), email)

    @property
    def reserve_button(self) -> Locator:
        """The one button of the checkout, whatever it costs."""
        counts = (self.counted("Get the ticket", "Get %(num)d tickets", number) for number in range(1, 11))
        free = self.page.get_by_role("button", name=re.compile("^(" + "|".join(map(re.escape, counts)) + ")$"))
        return self.button("Reserve for %(sum)s").or_(free)

    def order(self, name: str, email: str) -> str:
        """From the checkout to the order's page; its path."""
        self.details(name, email)
        self.press(self.reserve_button)
        return self.on_order_page()

    def on_order_page(self) -> str:
        """The path of the order's page, where this page is one."""
        expect(self.page).to_have_url(re.compile("/orders/ord_[^/]+/oat_[^/]+$"))
        return urlsplit(self.page.url).path

    def pay(self, method: str) -> None:
        """The payment is chosen by what stands beside it, and begun."""
        choice = self.page.get_by_role("radio", name=self.says(method))
        if not self.by_keyboard:
            choice.check()
        elif not choice.is_checked():
            self.reach(self.page.get_by_role("radio", checked=True))
            while not choice.is_checked():
                self.page.keyboard.press("ArrowDown")
        self.press(self.button("Pay %(sum)s"))

    def sees_tickets(self, number: int) -> None:
        """So many tickets stand on the page."""
        heading = self.counted("Here is your ticket", "Here are your tickets", number)
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        expect(self.page.get_by_role("img", name=HUMAN_CODE)).to_have_count(number)

    def codes(self) -> list[str]:
        """What a camera reads from the tickets on the page."""
        pictures = self.page.get_by_role("img", name=HUMAN_CODE)
        found = []
        for picture in pictures.all():
            (symbol,) = zxingcpp.read_barcodes(Image.open(BytesIO(picture.screenshot())).convert("L"))
            found.append(symbol.text)
        return found

    def mail(self, recipient: str) -> None:
        """The newest mail to this address, as its reader sees it."""
        self.page.goto("/outbox")
        mail = self.page.get_by_role("listitem").filter(has_text=recipient).first.get_by_role("link").first
        until = time.monotonic() + MAIL_SECONDS_MAX
        while (
            not mail.count() and time.monotonic() < until
        ):  # the outbox shows what is there, and is no mail program that looks again
            self.page.reload()
        self.page.goto(str(mail.get_attribute("href")))


def orders_of(shop: Served, offer: dict[str, Any]) -> list[dict[str, Any]]:
    """Every order of the event, as its organizer sees them."""
    with shop.admin() as admin:
        answer = admin.get(f"/v1/events/{offer['event_id']}/orders")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def payments_of(shop: Served, order_id: str) -> list[dict[str, Any]]:
    """Every payment of the order."""
    with shop.admin() as admin:
        found: list[dict[str, Any]] = admin.get(f"/v1/orders/{order_id}/payments").json()["data"]
    return found
