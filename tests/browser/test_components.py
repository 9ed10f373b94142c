"""Every component, as `/design` shows it: for eyes, keyboards, screen readers, with scripts and without."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener
from tests.support.browser import assert_accessible, assert_fits


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_everybody_can_use_every_component(open_page: Opener, width: int, dark: bool) -> None:
    page = open_page(width=width, dark=dark)
    page.goto("/design")

    assert_accessible(page)


@pytest.mark.parametrize("brand", ["ffee00", "0b3d91", "ffffff"])
def test_everybody_can_read_a_page_in_an_organizers_colour(open_page: Opener, brand: str) -> None:
    page = open_page()
    page.goto(f"/design?brand={brand}")

    assert_accessible(page)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_nothing_stands_out_to_the_side(open_page: Opener, width: int) -> None:
    page = open_page(width=width)
    page.goto("/design")

    assert_fits(page)


def test_a_page_in_a_script_from_right_to_left_is_turned_and_fits(phone: Page) -> None:
    phone.goto("/design")
    phone.evaluate("document.documentElement.dir = 'rtl'")

    assert_fits(phone)
    mark, nav = phone.locator(".mark").bounding_box(), phone.locator(".top nav").bounding_box()
    assert mark is not None
    assert nav is not None
    assert mark["x"] > nav["x"]


def test_mistakes_have_the_focus_and_lead_to_their_fields(phone: Page) -> None:
    phone.goto("/design")
    phone.get_by_role("textbox", name="E-mail").fill("ada")
    phone.get_by_role("button", name="Continue to payment").click()

    mistakes = phone.locator("#mistakes")
    expect(mistakes).to_be_focused()
    expect(mistakes.get_by_role("heading")).to_have_text("3 things need your attention")
    assert_accessible(phone)
    phone.get_by_role("link", name="E-mail: Enter an e-mail address").click()
    email = phone.locator("#email")
    expect(email).to_be_focused()
    expect(email).to_have_value("ada")
    expect(email).to_have_accessible_description(
        "Your tickets are sent there. Enter an e-mail address such as ada@example.org."
    )


def test_a_form_works_without_scripts(without_scripts: Page) -> None:
    page = without_scripts
    page.goto("/design")
    page.locator("#last_name").fill("Lovelace")
    page.locator("#email").fill("ada@example.org")
    page.locator("#payment").check()
    page.get_by_role("button", name="Continue to payment").click()

    expect(page).to_have_url(page.url.partition("?")[0])
    assert page.locator("#mistakes").count() == 0


def test_a_number_is_typed_without_scripts_and_stepped_with_them(open_page: Opener) -> None:
    plain, scripted = open_page(width=360, javascript=False), open_page(width=360)
    for page in (plain, scripted):
        page.goto("/design")

    assert plain.get_by_role("button", name="One more: Standing").count() == 0
    plain.get_by_role("spinbutton", name="Standing").fill("3")

    more, less = (scripted.get_by_role("button", name=f"One {which}: Standing") for which in ("more", "less"))
    more.click()
    more.click()
    expect(scripted.get_by_role("spinbutton", name="Standing")).to_have_value("4")
    expect(more).to_be_disabled()
    less.click()
    expect(more).to_be_enabled()


def test_what_has_the_focus_is_never_under_the_bar(phone: Page) -> None:
    phone.goto("/design")
    covered = []
    for _ in range(60):
        phone.keyboard.press("Tab")
        covered += phone.evaluate(
            """() => {
                const bar = document.querySelector(".bar"), at = document.activeElement;
                if (bar.contains(at) || at === document.body) return [];
                const over = bar.getBoundingClientRect(), here = (at.closest(".clip") ?? at).getBoundingClientRect();
                return here.bottom > over.top + 1 && here.top < over.bottom - 1 ? [at.outerHTML.slice(0, 90)] : [];
            }"""
        )

    assert covered == []


def test_the_first_tab_leads_past_the_head(desktop: Page) -> None:
    desktop.goto("/design")
    desktop.keyboard.press("Tab")
    skip = desktop.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()

    desktop.keyboard.press("Enter")
    expect(desktop.locator("#main")).to_be_focused()


def test_what_is_touched_is_large_enough(phone: Page) -> None:
    phone.goto("/design")

    small = phone.evaluate(
        """() => [...document.querySelectorAll("button:not([hidden]), .button, .input, .check, .top a, .foot a, .tabs a, summary")]
            .filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 43.5)
            .map((each) => each.outerHTML.slice(0, 80))"""
    )

    assert small == []


def test_a_visitor_elsewhere_sees_their_own_time_beneath(open_page: Opener) -> None:
    there, here = open_page(timezone="America/New_York"), open_page(timezone="Asia/Tokyo")
    for page in (there, here):
        page.goto("/design")

    expect(there.get_by_text("For you: ")).to_be_visible()
    expect(here.get_by_text("For you: ")).to_have_count(0)


def test_nothing_moves_for_who_wants_no_motion(open_page: Opener) -> None:
    page = open_page(reduced_motion="reduce")
    page.goto("/design")

    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((each) => parseFloat(getComputedStyle(each).transitionDuration) > 0).length"
    )

    assert moving == 0


def test_a_system_palette_keeps_buttons_visible(open_page: Opener) -> None:
    page = open_page(forced_colors="active")
    page.goto("/design")

    border = page.locator(".button.primary").first.evaluate("(each) => getComputedStyle(each).borderTopWidth")

    assert border == "1px"
