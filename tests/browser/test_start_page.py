"""The start page with real events: what it weighs, whether it holds still, and that everybody can use it."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.support.browser import assert_accessible, assert_fits, weight


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/?q=philharmonic", "/?q=zebra", "/nowhere", "/docs/refusals"])
def test_everybody_can_use_it(open_page: Opener, path: str, dark: bool) -> None:
    page = open_page(width=360, dark=dark)
    page.goto(path)

    assert_accessible(page)
    assert_fits(page)


def test_it_weighs_little_and_comes_from_us_alone(phone: Page) -> None:
    found = weight(phone, "/")

    assert found.total <= 80_000, found.kinds
    assert found.kinds["document"] <= 12_000
    assert found.kinds["stylesheet"] <= 15_000
    assert found.kinds["font"] <= 30_000


def test_a_second_visit_loads_the_document_alone(phone: Page) -> None:
    weight(phone, "/")
    again = weight(phone, "/?q=vienna")

    assert again.total == again.kinds["document"] > 0


def test_nothing_shifts_while_it_comes(phone: Page) -> None:
    phone.goto("/", wait_until="networkidle")

    shifted = phone.evaluate(
        """() => new Promise((done) => {
            let sum = 0;
            const observer = new PerformanceObserver((list) => list.getEntries().forEach((each) => { sum += each.value; }));
            observer.observe({ type: "layout-shift", buffered: true });
            requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
        })"""
    )

    assert shifted < 0.02


def test_a_search_works_without_scripts_and_by_the_keyboard(without_scripts: Page) -> None:
    page = without_scripts
    page.goto("/")
    page.get_by_role("searchbox").fill("philharmonic")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("philharmonic")
    expect(page.get_by_role("heading", level=3).first).to_contain_text("Philharmonic")


def test_the_language_is_switched_and_stays(desktop: Page) -> None:
    desktop.goto("/")
    desktop.get_by_role("link", name="Deutsch").click()
    expect(desktop.get_by_role("heading", level=1)).to_have_text("Was läuft")

    desktop.goto("/?q=zebra")
    expect(desktop.get_by_role("heading", level=1)).to_contain_text("Ergebnisse")
