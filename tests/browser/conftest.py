"""Pages in a real browser: a server with the demo's events over SQLite, and windows of phones and desks."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import chromium
from tests.support.processes import Served, site

PHONE = {"width": 360, "height": 780}
DESK = {"width": 1280, "height": 900}

Opener = Callable[..., Page]
"""`open_page(width=360, javascript=False, dark=True, language="de-AT")`: a window with a browser of its own, without cookies, on the demo
or another `shop`."""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the demo's events, in test mode."""
    with site(tmp_path_factory.mktemp("demo")).served("demo") as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium. A module has its own, since what drives it would stand in the way of coroutine tests in the same process."""
    with chromium() as running:
        yield running


@pytest.fixture
def open_page(browser: Browser, demo: Served) -> Iterator[Opener]:
    """Opens windows. A test fails afterwards where one of them met an error or was told to load something from elsewhere."""
    pages: list[Page] = []
    errors: list[str] = []

    def opened(
        *,
        width: int = 1280,
        height: int | None = None,
        javascript: bool = True,
        dark: bool = False,
        language: str = "en-GB",
        shop: Served = demo,
        **more: Any,
    ) -> Page:
        context = browser.new_context(
            base_url=shop.url,
            viewport={"width": width, "height": height or (780 if width < 600 else 900)},
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            locale=language,
            timezone_id=more.pop("timezone", "Europe/Vienna"),
            **more,
        )
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda each: errors.append(each.url) if not each.url.startswith((shop.url, "data:", "blob:")) else None,
        )
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.context.close()
    known = (
        "the server responded with a status of 4",
        "net::ERR_CONNECTION_RESET",
    )  # refusals, and answers that a test loses
    assert [error for error in errors if not any(each in error for each in known)] == []


@pytest.fixture
def phone(open_page: Opener) -> Page:
    """A window of 360 pixels."""
    return open_page(width=360)


@pytest.fixture
def desktop(open_page: Opener) -> Page:
    """A window of 1280 pixels."""
    return open_page(width=1280)


@pytest.fixture
def without_scripts(open_page: Opener) -> Page:
    """A phone's window that runs no script."""
    return open_page(width=360, javascript=False)
