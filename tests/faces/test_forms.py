"""Forms of the pages: parsed, held together, sent once, and by nobody but us."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from html import unescape
from typing import Annotated, Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tests.support.houses import Api, StandingClock, make_house, sign_up
from ticketing.accounts.model import normal_email
from ticketing.accounts.visitor import Visitor
from ticketing.base.changes import Insert
from ticketing.base.errors import FieldError, Invalid
from ticketing.base.once import Keep, commit_once
from ticketing.schema.tables import UNIQUES
from ticketing.web import forms
from ticketing.web.bodies import Email, Name
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import Entry, Filled, Form
from ticketing.web.i18n import N_
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse
from ticketing.web.session import begin_session

JOINED = declare_flash("test_joined", N_("You are on the list."))


class GuestForm(Form):
    """A form such as pages have."""

    name: Annotated[Name, Entry(label="Name", autocomplete="name", messages={"missing": "Enter your name."})]
    email: Annotated[Email, Entry(label="E-mail", kind="email", hint="For your tickets.", autocomplete="email")]
    age: Annotated[int, Entry(label="Age", inputmode="numeric")] = 0
    news: Annotated[bool, Entry(label="Write to me", kind="checkbox")] = False


routes = APIRouter()


@routes.get("/guests")
async def get_guests(request: Request, house: TheHouse, now: Now, who: Visitor) -> Response:
    """The form, and who looks at it."""
    return shown(request, house, forms.blank(request, house, GuestForm, now=now, age=30))


@routes.post("/guests")
async def post_guests(request: Request, house: TheHouse, now: Now, who: Visitor) -> Response:
    """One more guest, whose address is not there yet."""
    filled = await forms.read(request, house, GuestForm, now=now)
    value = filled.value
    if value is None:
        return shown(request, house, filled, status=422)
    if value.email.startswith("refused"):
        refused = filled.refused(Invalid(FieldError("/email", "blocked", "takes no mail")))
        return shown(request, house, refused, status=422)

    async def act(keep: Keep[str]) -> str:
        guest = house.new_id("gst", now)
        record = {"name": f"guest#{guest}", "target_id": normal_email(value.email)}
        await commit_once(house, (*keep(guest), Insert(UNIQUES, record)))
        return guest

    answer = await forms.submit_once(
        request, house, filled, scope=who.idempotency_scope, act=act, then=lambda guest: f"/guests/{guest}", now=now
    )
    leave_flash(answer, house.settings, JOINED)
    return answer


@routes.get("/me")
async def get_me(request: Request, who: Visitor) -> Response:
    """Who is logged in with this browser."""
    return Response(who.user.email if who.user else "a stranger")


def shown(request: Request, house: TheHouse, filled: Filled[GuestForm], status: int = 200) -> Response:
    """The page with the form."""
    return page(
        request,
        "web/form_page.html",
        settings=house.settings,
        personal=True,
        status=status,
        form=filled,
        heading="Guest list",
        submit="Join",
    )


class Browser:
    """A browser without scripts: it keeps cookies, reads forms and sends them."""

    def __init__(self, **settings: Any) -> None:
        self.clock = StandingClock()
        self.api = Api(make_house(clock=self.clock, **settings))
        self.api.app.include_router(routes)
        self.base = self.api.house.settings.base_url
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.api.app, raise_app_exceptions=False),
            base_url=self.base,
            headers={"Accept": "text/html"},
        )

    async def fields(self) -> dict[str, str]:
        """The fields of the form as they come, hidden ones too."""
        text = (await self.client.get("/guests")).text
        found = re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', text.partition("<main")[2])
        return {name: unescape(value) for name, value in found}

    async def send(self, fields: Mapping[str, str], **headers: str) -> httpx.Response:
        """The form, sent from our page."""
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/guests", content=urlencode(fields), headers=sent)

    async def guests(self) -> list[str]:
        """Everyone who is on the list."""
        records = [record async for record in self.api.house.store.scan(UNIQUES)]
        return [record["target_id"] for record in records if record["name"].startswith("guest#")]


@asynccontextmanager
async def browsing(**settings: Any) -> AsyncIterator[Browser]:
    """A browser on a house."""
    browser = Browser(**settings)
    async with browser.client:
        yield browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser on a house without https."""
    async with browsing() as made:
        yield made


ADA = {"name": "Ada", "email": "ada@example.org"}


def words(answer: httpx.Response) -> str:
    """What the page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])).split())


async def test_a_good_form_acts_and_leads_on(browser: Browser) -> None:
    answer = await browser.send(await browser.fields() | ADA)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/guests/gst_")
    assert answer.headers["cache-control"] == "no-store"
    assert await browser.guests() == ["ada@example.org"]


async def test_the_next_page_says_what_was_done_once(browser: Browser) -> None:
    await browser.send(await browser.fields() | ADA)

    next_page = await browser.client.get("/")
    page_after = await browser.client.get("/")

    assert "You are on the list." in words(next_page)
    assert next_page.headers["cache-control"] == "private, no-cache"
    assert "You are on the list." not in words(page_after)
    assert page_after.headers["cache-control"].startswith("public")


async def test_everything_that_is_wrong_is_named_at_once_beside_its_field_and_on_top(browser: Browser) -> None:
    answer = await browser.send(await browser.fields() | {"name": " ", "email": "ada", "age": "old"})

    assert answer.status_code == 422
    said = words(answer)
    assert said.count("Enter your name.") == said.count("Enter a whole number.") == 2
    assert said.count("Enter an e-mail address such as ada@example.org.") == 2
    assert '<a href="#email">' in answer.text
    assert 'aria-describedby="email-hint email-mistake" aria-invalid="true"' in answer.text
    assert re.search(r'<div class="mistakes"[^>]* tabindex="-1" autofocus', answer.text)
    assert await browser.guests() == []


async def test_what_was_typed_is_kept(browser: Browser) -> None:
    typed = {"name": 'Ada "A" <Lovelace>', "email": "ada", "news": "on"}
    answer = await browser.send(await browser.fields() | typed)

    assert 'value="Ada &#34;A&#34; &lt;Lovelace&gt;"' in answer.text
    assert 'value="ada"' in answer.text
    assert 'value="on" checked' in answer.text


async def test_what_an_action_refuses_stands_beside_its_field(browser: Browser) -> None:
    answer = await browser.send(await browser.fields() | ADA | {"email": "refused@example.org"})

    assert answer.status_code == 422
    assert '<a href="#email">E-mail: Takes no mail.</a>' in answer.text


async def test_a_form_that_is_sent_twice_counts_once(browser: Browser) -> None:
    fields = await browser.fields() | ADA

    first = await browser.send(fields)
    again = await browser.send(fields)

    assert again.status_code == 303
    assert again.headers["location"] == first.headers["location"]
    assert len(await browser.guests()) == 1


async def test_a_used_form_with_something_else_in_it_leads_to_what_it_did(browser: Browser) -> None:
    fields = await browser.fields() | ADA
    first = await browser.send(fields)

    other = await browser.send(fields | {"name": "Bob"})

    assert other.status_code == 409
    assert "You sent this form before" in words(other)
    assert f'href="{first.headers["location"]}"' in other.text
    assert len(await browser.guests()) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec_Fetch_Site": "none"},
        {"Origin": "http://127.0.0.1:8000.evil.example"},
    ],
)
async def test_a_form_of_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    answer = await browser.send(await browser.fields() | ADA, **headers)

    assert answer.status_code == 403
    assert "This form came from somewhere else" in words(answer)
    assert await browser.guests() == []


@pytest.mark.parametrize("token", ["", "made up", "frm_1.2.3", "é", "." * 50, "x" * 5000])
async def test_a_form_without_our_token_is_asked_to_be_sent_again(browser: Browser, token: str) -> None:
    answer = await browser.send(await browser.fields() | ADA | {"form": token})

    assert answer.status_code == 422
    assert "nothing was lost" in words(answer)
    assert 'value="ada@example.org"' in answer.text
    assert await browser.guests() == []


async def test_a_token_of_another_browser_is_not_good(browser: Browser) -> None:
    stolen = (await browser.fields())["form"]
    browser.client.cookies.clear()

    answer = await browser.send(await browser.fields() | ADA | {"form": stolen})

    assert answer.status_code == 422
    assert await browser.guests() == []


async def test_a_page_that_was_open_for_a_day_is_sent_by_a_second_press(browser: Browser) -> None:
    fields = await browser.fields() | ADA
    browser.clock.move(hours=25)

    late = await browser.send(fields)
    fresh = re.search(r'name="form" value="([^"]*)"', late.text)
    assert fresh is not None
    again = await browser.send(fields | {"form": fresh.group(1)})

    assert (late.status_code, again.status_code) == (422, 303)
    assert await browser.guests() == ["ada@example.org"]


async def test_a_page_with_a_form_is_kept_by_nobody(browser: Browser) -> None:
    answer = await browser.client.get("/guests")

    assert answer.headers["cache-control"] == "private, no-store"
    assert "Cookie" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\xff\xfe", 422), (b"name=Ada&" * 2000, 422), (b"", 422), (b"name=a%00b&email=a@example.org", 422)],
)
async def test_nonsense_is_no_form(browser: Browser, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}

    answer = await browser.client.post("/guests", content=body, headers=headers)

    assert answer.status_code == status
    assert await browser.guests() == []


async def test_cookies_of_https_cannot_be_set_by_neighbours() -> None:
    async with browsing(base_url="https://tickets.example") as browser:
        cookie = (await browser.client.get("/guests")).headers["set-cookie"]

    assert cookie.startswith("__Host-browser=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie


async def test_a_log_in_is_a_cookie_for_pages_and_never_for_the_api(browser: Browser) -> None:
    token = await sign_up(browser.api.house, "ada")
    answer = Response()
    begin_session(answer, browser.api.house.settings, token)
    browser.client.cookies.set("session", token)

    page_says = (await browser.client.get("/me")).text
    api_says = (await browser.client.get("/v1/users/me")).status_code

    assert answer.headers["set-cookie"].startswith(f"session={token};")
    assert (page_says, api_says) == ("ada@example.org", 401)


@pytest.mark.parametrize("token", ["", "ses_x.y", "tk_x.y", "dev_x.y", "oat_x", "x" * 5000])
async def test_a_bad_cookie_is_a_stranger_and_no_error(browser: Browser, token: str) -> None:
    browser.client.cookies.set("session", token)

    assert (await browser.client.get("/me")).text == "a stranger"


async def test_a_session_that_is_over_is_a_stranger(browser: Browser) -> None:
    browser.client.cookies.set("session", await sign_up(browser.api.house, "ada"))
    browser.clock.time += timedelta(days=366)

    assert (await browser.client.get("/me")).text == "a stranger"


@pytest.mark.parametrize(
    "path", ["//evil.example", "/\\evil.example", "javascript:alert(1)", "https://evil.example", ""]
)
def test_no_way_out_of_the_house_counts_as_a_path(path: str) -> None:
    assert not forms.is_own_path(path)
