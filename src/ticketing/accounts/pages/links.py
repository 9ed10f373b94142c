"""Where mailed links lead: a page with one button, since programs that look into mails follow links and press nothing."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.links import LINK_PATHS, log_in_by_link, reset_password, verify_email
from ticketing.accounts.model import Purpose
from ticketing.accounts.passwords import ThePasswords
from ticketing.accounts.rules import LinkOver
from ticketing.accounts.visitor import Visitor
from ticketing.base.bounds import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN
from ticketing.base.errors import Invalid
from ticketing.base.house import House
from ticketing.web.forms import ButtonForm, Entry, Filled, Form, blank, read, see
from ticketing.web.i18n import N_, gettext
from ticketing.web.limits import LimitKind, limited
from ticketing.web.render import page
from ticketing.web.routing import Now, TheHouse
from ticketing.web.session import begin_session

routes = APIRouter(include_in_schema=False)

LOGIN: Final = LINK_PATHS[Purpose.LOGIN]
RESET: Final = LINK_PATHS[Purpose.RESET]
VERIFY: Final = LINK_PATHS[Purpose.VERIFY]


class PasswordForm(Form):
    """A new password."""

    password: Annotated[
        str,
        StringConstraints(strip_whitespace=False, min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX),
        Entry(label=N_("New password"), kind="password", autocomplete="new-password"),
    ]


_SAID: Final = {
    LOGIN: (
        N_("Log in"),
        N_("Press the button and you are logged in."),
        N_("Log in"),
    ),
    RESET: (N_("Choose a new password"), N_("It ends every log-in that there is."), N_("Save the password")),
    VERIFY: (N_("Is this your address?"), N_("You have to be logged in for this."), N_("Yes, it is mine")),
}


def _page(request: Request, house: House, path: str, form: Filled[Any], token: str, *, status: int = 200) -> Response:
    heading, lead, submit = _SAID[path]
    response = page(
        request,
        "web/form_page.html",
        settings=house.settings,
        status=status,
        personal=True,
        heading=gettext(heading),
        lead=gettext(lead),
        submit=gettext(submit),
        form=form,
        action=f"{path}?{urlencode({'token': token})}",
    )
    response.headers["Referrer-Policy"] = "no-referrer"  # the address of this page is as good as a log-in
    return response


@routes.get(LOGIN)
@routes.get(VERIFY)
async def get_button(request: Request, house: TheHouse, now: Now, token: str = "") -> Response:
    """The button that logs in, or that proves the address."""
    path = request.url.path.removeprefix(house.settings.root_path)
    return _page(request, house, path, blank(request, house, ButtonForm, now=now), token)


@routes.get(RESET)
async def get_reset(request: Request, house: TheHouse, now: Now, token: str = "") -> Response:
    """The field for the new password."""
    return _page(request, house, RESET, blank(request, house, PasswordForm, now=now), token)


@routes.post(LOGIN)
async def post_login(request: Request, passwords: ThePasswords, house: TheHouse, now: Now, token: str = "") -> Response:
    """The browser is logged in."""
    form = await read(request, house, ButtonForm, now=now)
    if form.value is None:
        return _page(request, house, LOGIN, form, token, status=422)
    await limited(request, LimitKind.LOGIN_FROM_ADDRESS)
    try:
        begun = await log_in_by_link(house, passwords, token, now=now)
    except LinkOver as over:
        return _page(request, house, LOGIN, form.refused(over), token, status=409)
    response = see(house, "/")
    begin_session(response, house.settings, begun.token)
    return response


@routes.post(RESET)
async def post_reset(request: Request, passwords: ThePasswords, house: TheHouse, now: Now, token: str = "") -> Response:
    """The password is the new one."""
    form = await read(request, house, PasswordForm, now=now)
    if form.value is None:
        return _page(request, house, RESET, form, token, status=422)
    await limited(request, LimitKind.LOGIN_FROM_ADDRESS)
    try:
        await reset_password(house, passwords, token, password=form.value.password, now=now)
    except (LinkOver, Invalid) as refusal:
        status = 409 if isinstance(refusal, LinkOver) else 422
        return _page(request, house, RESET, form.refused(refusal), token, status=status)
    return see(house, "/")


@routes.post(VERIFY)
async def post_verify(request: Request, who: Visitor, house: TheHouse, now: Now, token: str = "") -> Response:
    """The address of who is logged in is proven."""
    form = await read(request, house, ButtonForm, now=now)
    if form.value is None or who.is_stranger:
        if who.is_stranger:
            form = form.with_problem("", N_("Log in first, then follow the link in the mail again."))
        return _page(request, house, VERIFY, form, token, status=422)
    try:
        await verify_email(house, who, token, now=now)
    except LinkOver as over:
        return _page(request, house, VERIFY, form.refused(over), token, status=409)
    return see(house, "/")
