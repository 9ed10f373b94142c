"""Where mailed links lead: a page with one button, since programs that look into mails follow links and press nothing."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts.actions import log_out
from ticketing.accounts.links import LINK_PATHS, log_in_by_link, reset_password, verify_email
from ticketing.accounts.model import Purpose
from ticketing.accounts.pages.common import NEW_PASSWORD, NewPassword, form_page, too_easy, untold
from ticketing.accounts.passwords import ThePasswords
from ticketing.accounts.rules import LinkOver
from ticketing.accounts.visitor import Visitor, to_login
from ticketing.base.errors import Invalid
from ticketing.base.house import House
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm, Entry, Filled, Form, blank, read, see
from ticketing.web.i18n import N_
from ticketing.web.limits import LimitKind, limited
from ticketing.web.routing import Now, TheHouse
from ticketing.web.session import begin_session

routes = APIRouter(include_in_schema=False)

LOGIN: Final = LINK_PATHS[Purpose.LOGIN]
RESET: Final = LINK_PATHS[Purpose.RESET]
VERIFY: Final = LINK_PATHS[Purpose.VERIFY]
PASSWORD_CHOSEN: Final = declare_flash("password_chosen", N_("Your new password is saved. Log in with it."))
PASSWORD_OVER: Final = declare_flash(
    "password_over",
    N_(
        "Your address is proven now. A password that was chosen before is over, whoever chose it: ask for a new one in the settings."
    ),
    "wait",
)
PROVEN: Final = declare_flash("email_proven", N_("Your address is proven."))


class PasswordForm(Form):
    """A new password."""

    password: Annotated[NewPassword, Entry(label=N_("New password"), enterkeyhint="done", **NEW_PASSWORD)]


_SAID: Final = {
    LOGIN: (
        N_("Log in"),
        N_("Press the button and you are logged in."),
        N_("Log in"),
    ),
    RESET: (
        N_("Choose a new password"),
        N_("It ends every log-in that there is."),
        N_("Save the password"),
    ),
    VERIFY: (
        N_("Is this your address?"),
        N_("Then orders that you made with it as a guest can be added to your account."),
        N_("Yes, it is mine"),
    ),
}


def _page(request: Request, house: House, path: str, form: Filled[Any], token: str, *, status: int = 200) -> Response:
    heading, lead, submit = _SAID[path]
    return untold(
        form_page(
            request,
            house,
            form,
            status=status,
            heading=heading,
            lead=lead,
            submit=submit,
            action=f"{path}?{urlencode({'token': token})}",
        )
    )


@routes.get(LOGIN)
async def get_login_button(request: Request, house: TheHouse, now: Now, token: str = "") -> Response:
    """The button that logs in."""
    return _page(request, house, LOGIN, blank(request, house, ButtonForm, now=now), token)


@routes.get(VERIFY)
async def get_proof_button(request: Request, who: Visitor, house: TheHouse, now: Now, token: str = "") -> Response:
    """The button that proves the address; who is not logged in does that first, and comes back."""
    if who.user is None:
        return untold(to_login(house, f"{VERIFY}?{urlencode({'token': token})}"))
    return _page(request, house, VERIFY, blank(request, house, ButtonForm, now=now), token)


@routes.get(RESET)
async def get_reset(request: Request, house: TheHouse, now: Now, token: str = "") -> Response:
    """The field for the new password."""
    return _page(request, house, RESET, blank(request, house, PasswordForm, now=now), token)


@routes.post(LOGIN)
async def post_login(
    request: Request, passwords: ThePasswords, who: Visitor, house: TheHouse, now: Now, token: str = ""
) -> Response:
    """The browser is logged in by a new session, and the one that it had is over."""
    form = await read(request, house, ButtonForm, now=now)
    if form.value is None:
        return _page(request, house, LOGIN, form, token, status=422)
    await limited(request, LimitKind.LOGIN_FROM_ADDRESS)
    try:
        begun = await log_in_by_link(house, passwords, token, now=now)
    except LinkOver as over:
        return _page(request, house, LOGIN, form.refused(over), token, status=409)
    if who.session_id is not None:
        await log_out(house, who)
    response = see(house, "/account")
    begin_session(response, house.settings, begun.token)
    if begun.password_over:
        leave_flash(response, house.settings, PASSWORD_OVER)
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
    except LinkOver as over:
        return _page(request, house, RESET, form.refused(over), token, status=409)
    except Invalid:
        return _page(request, house, RESET, too_easy(form), token, status=422)
    response = see(house, "/login")
    leave_flash(response, house.settings, PASSWORD_CHOSEN)
    return response


@routes.post(VERIFY)
async def post_verify(request: Request, who: Visitor, house: TheHouse, now: Now, token: str = "") -> Response:
    """The address of who is logged in is proven."""
    if who.user is None:
        return untold(to_login(house, f"{VERIFY}?{urlencode({'token': token})}"))
    form = await read(request, house, ButtonForm, now=now)
    if form.value is None:
        return _page(request, house, VERIFY, form, token, status=422)
    try:
        await verify_email(house, who, token, now=now)
    except LinkOver as over:
        return _page(request, house, VERIFY, form.refused(over), token, status=409)
    response = see(house, "/account")
    leave_flash(response, house.settings, PROVEN)
    return response
