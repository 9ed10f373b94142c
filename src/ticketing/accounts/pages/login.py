"""Ways into an account and out of it: log in, sign up, have a link mailed, log out. None tells whether an address has an account."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts import actions, entrance
from ticketing.accounts.links import LINK_PATHS, sign_up_by_mail
from ticketing.accounts.model import Purpose, UserWish
from ticketing.accounts.pages.common import NEW_PASSWORD, GivenPassword, NewPassword, form_page, too_easy, untold
from ticketing.accounts.passwords import ThePasswords
from ticketing.accounts.rules import WrongCredentials, name_parts
from ticketing.accounts.visitor import Visitor
from ticketing.base.bounds import LINK_LASTS
from ticketing.base.errors import Invalid, Refusal
from ticketing.base.house import House
from ticketing.base.once import Keep
from ticketing.web.bodies import Email, Name
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm, Entry, Filled, Form, blank, next_path, read, see, submit_once
from ticketing.web.i18n import N_, tongue_of
from ticketing.web.limits import LimitKind, TooManyRequests, limited
from ticketing.web.render import page
from ticketing.web.replies import STATUS_OF_KIND
from ticketing.web.routing import Now, TheHouse, own_path
from ticketing.web.session import begin_session, end_session, forget_browser

routes = APIRouter(include_in_schema=False)

ACCOUNT: Final = "/account"
SENT: Final = "/login/sent"
SIGNED_UP: Final = "/signup/sent"
LOGGED_OUT: Final = declare_flash("logged_out", N_("You are logged out."))
_ADDRESS: Final[dict[str, Any]] = {
    "label": N_("E-mail"),
    "kind": "email",
    "messages": {"missing": N_("Enter your e-mail address.")},
}


class LoginForm(Form):
    """An address and its password."""

    email: Annotated[Email, Entry(**_ADDRESS, autocomplete="username", enterkeyhint="next")]
    password: Annotated[
        GivenPassword,
        Entry(
            label=N_("Password"),
            kind="password",
            autocomplete="current-password",
            enterkeyhint="go",
            messages={"missing": N_("Enter your password.")},
        ),
    ]


class AddressForm(Form):
    """Where a link is to be mailed."""

    email: Annotated[Email, Entry(**_ADDRESS, autocomplete="username", enterkeyhint="send")]


class SignUpForm(Form):
    """Who wants an account."""

    name: Annotated[
        Name,
        Entry(label=N_("Name"), autocomplete="name", enterkeyhint="next", messages={"missing": N_("Enter your name.")}),
    ]
    email: Annotated[Email, Entry(**_ADDRESS, autocomplete="email", enterkeyhint="next")]
    password: Annotated[NewPassword, Entry(label=N_("Password"), enterkeyhint="done", **NEW_PASSWORD)]


# log in and out ------------------------------------------------------------------------------------------------------


@routes.get("/login")
async def get_login(request: Request, house: TheHouse, now: Now, who: Visitor) -> Response:
    """Two fields; who is logged in goes on at once."""
    if who.user is not None:
        return see(house, next_path(request, ACCOUNT))
    return _login(request, house, blank(request, house, LoginForm, now=now))


@routes.post("/login")
async def post_login(request: Request, passwords: ThePasswords, house: TheHouse, now: Now, who: Visitor) -> Response:
    """The browser is logged in by a new session, and the one that it had is over."""
    filled = await read(request, house, LoginForm, now=now)
    if filled.value is None:
        return _login(request, house, filled, status=422)
    email, password = filled.value.email, filled.value.password
    try:
        begun = await entrance.log_in(request, house, passwords, email=email, password=password, now=now)
    except WrongCredentials as refusal:
        return _login(request, house, filled.refused(refusal), status=STATUS_OF_KIND[refusal.kind])
    except TooManyRequests as refusal:
        return _wait(_login(request, house, _too_many(filled), status=STATUS_OF_KIND[refusal.kind]), refusal)
    if who.session_id is not None:
        await actions.log_out(house, who)
    response = see(house, next_path(request, ACCOUNT))
    begin_session(response, house.settings, begun.token)
    return response


@routes.get("/logout")
async def get_logout(request: Request, house: TheHouse, now: Now) -> Response:
    """The button that logs out."""
    return _logout(request, house, blank(request, house, ButtonForm, now=now))


@routes.post("/logout")
async def post_logout(request: Request, house: TheHouse, now: Now, who: Visitor) -> Response:
    """The session is over, and the browser forgets it and its forms."""
    filled = await read(request, house, ButtonForm, now=now)
    if filled.value is None:
        return _logout(request, house, filled, status=422)
    if who.session_id is not None:
        await actions.log_out(house, who)
    response = see(house, "/")
    end_session(response, house.settings)
    forget_browser(response, house.settings)
    leave_flash(response, house.settings, LOGGED_OUT)
    return response


def _login(request: Request, house: House, form: Filled[LoginForm], *, status: int = 200) -> Response:
    onward = next_path(request, ACCOUNT)
    return untold(
        page(
            request,
            "accounts/login.html",
            settings=house.settings,
            status=status,
            personal=True,
            form=form,
            query="" if onward == ACCOUNT else f"?{urlencode({'next': onward})}",
            proves=onward.startswith(LINK_PATHS[Purpose.VERIFY]),
        )
    )


def _logout(request: Request, house: House, form: Filled[ButtonForm], *, status: int = 200) -> Response:
    return form_page(
        request,
        house,
        form,
        status=status,
        heading=N_("Log out?"),
        lead=N_("Your tickets stay where they are: in your account, and behind the links in your mails."),
        submit=N_("Log out"),
    )


# links that are mailed -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """How a page asks where a link is to be mailed, and what it says once one is on its way."""

    purpose: Purpose
    heading: str
    lead: str
    submit: str


ASKING: Final = {
    "/login/mail": Asking(
        Purpose.LOGIN,
        N_("Log in by mail"),
        N_("We mail you a link. Follow it, press its button, and you are logged in."),
        N_("Mail me a link"),
    ),
    "/login/forgot": Asking(
        Purpose.RESET,
        N_("Forgotten your password?"),
        N_("We mail you a link. Follow it, and choose a new password."),
        N_("Mail me a link"),
    ),
}


@routes.get("/login/mail")
@routes.get("/login/forgot")
async def get_asking(request: Request, house: TheHouse, now: Now, who: Visitor) -> Response:
    """One field: the address."""
    email = None if who.user is None else who.user.email
    return _asking(request, house, blank(request, house, AddressForm, now=now, email=email))


@routes.post("/login/mail")
@routes.post("/login/forgot")
async def post_asking(request: Request, house: TheHouse, now: Now) -> Response:
    """A link is on its way, if the address has an account. The answer comes first, so that its time tells nothing."""
    filled = await read(request, house, AddressForm, now=now)
    if filled.value is None:
        return _asking(request, house, filled, status=422)
    email = filled.value.email
    try:
        await entrance.allow_link(request, email)
    except TooManyRequests as refusal:
        asked_too_often = filled.with_problem(
            "", N_("Links were asked for too often. Wait some minutes, and look among the spam.")
        )
        return _wait(_asking(request, house, asked_too_often, status=STATUS_OF_KIND[refusal.kind]), refusal)
    purpose = ASKING[own_path(request, house)].purpose
    language = tongue_of(request).language
    return entrance.mail_link_after(see(house, SENT), house, email, purpose, language=language, now=now)


def _asking(request: Request, house: House, form: Filled[AddressForm], *, status: int = 200) -> Response:
    asking = ASKING[own_path(request, house)]
    return form_page(
        request, house, form, status=status, heading=asking.heading, lead=asking.lead, submit=asking.submit
    )


@routes.get(SENT)
async def get_sent(request: Request, house: TheHouse) -> Response:
    """That there is mail, if the address has an account."""
    return _sent(request, house, signed_up=False)


def _sent(request: Request, house: House, *, signed_up: bool) -> Response:
    minutes = int(LINK_LASTS.total_seconds() // 60)
    settings = house.settings
    outbox = settings.test_mode and not settings.sends_mail
    return page(
        request,
        "accounts/sent.html",
        settings=settings,
        personal=True,
        signed_up=signed_up,
        minutes=minutes,
        outbox=outbox,
    )


# sign up -------------------------------------------------------------------------------------------------------------


@routes.get("/signup")
async def get_sign_up(request: Request, house: TheHouse, now: Now, who: Visitor) -> Response:
    """Three fields."""
    if who.user is not None:
        return see(house, ACCOUNT)
    return _sign_up(request, house, blank(request, house, SignUpForm, now=now))


@routes.post("/signup")
async def post_sign_up(request: Request, passwords: ThePasswords, house: TheHouse, now: Now) -> Response:
    """There is an account, and a mail on its way that shows whose address it is; where there was one before, the answer is the same."""
    filled = await read(request, house, SignUpForm, now=now)
    if filled.value is None:
        return _sign_up(request, house, filled, status=422)
    said = filled.value
    first, last = name_parts(said.name)
    wish = UserWish(email=said.email, username=None, first_name=first, last_name=last, phone=None, address=None)

    async def act(keep: Keep[None]) -> None:
        language = tongue_of(request).language
        await sign_up_by_mail(house, passwords, wish, password=said.password, language=language, keep=keep, now=now)

    try:
        await limited(request, LimitKind.SIGN_UP_FROM_ADDRESS)
        await entrance.allow_link(request, said.email)
        return await submit_once(request, house, filled, scope="sign-up", act=act, then=lambda _: SIGNED_UP, now=now)
    except Invalid:
        return _sign_up(request, house, too_easy(filled), status=422)
    except TooManyRequests as refusal:
        return _wait(_sign_up(request, house, _too_many(filled), status=STATUS_OF_KIND[refusal.kind]), refusal)


@routes.get(SIGNED_UP)
async def get_signed_up(request: Request, house: TheHouse) -> Response:
    """That there is mail."""
    return _sent(request, house, signed_up=True)


def _sign_up(request: Request, house: House, form: Filled[SignUpForm], *, status: int = 200) -> Response:
    return page(request, "accounts/signup.html", settings=house.settings, status=status, personal=True, form=form)


def _too_many(filled: Filled[Any]) -> Filled[Any]:
    return filled.with_problem("", N_("That was tried too often. Wait some minutes, or have a link mailed to you."))


def _wait(response: Response, refusal: Refusal) -> Response:
    response.headers["Retry-After"] = str(refusal.facts["retry_after"])
    return response
