"""One's own account: name and password, where one is logged in, the language."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts import actions, entrance, queries
from ticketing.accounts.model import Principal, Purpose, User
from ticketing.accounts.pages.common import NEW_PASSWORD, GivenPassword, NewPassword, too_easy
from ticketing.accounts.passwords import ThePasswords
from ticketing.accounts.rules import as_described
from ticketing.accounts.visitor import Visitor, to_login
from ticketing.base.errors import ChangedMeanwhile, Invalid
from ticketing.base.house import House
from ticketing.web.bodies import Name, OptionalName
from ticketing.web.flash import declare_flash, leave_flash
from ticketing.web.forms import ButtonForm, Entry, Filled, Form, blank, read, see
from ticketing.web.i18n import N_, tongue_of
from ticketing.web.limits import LimitKind, TooManyRequests, limited
from ticketing.web.render import page
from ticketing.web.replies import STATUS_OF_KIND
from ticketing.web.routing import Now, TheHouse
from ticketing.web.session import end_session, forget_browser

routes = APIRouter(include_in_schema=False)

SETTINGS: Final = "/account/settings"
SAVED: Final = declare_flash("account_saved", N_("Your name is saved."))
PASSWORD_SAVED: Final = declare_flash(
    "password_saved", N_("Your new password is saved. Wherever else you were logged in, you are no more.")
)
SESSION_ENDED: Final = declare_flash("session_ended", N_("That log-in is over."))
EVERYWHERE: Final = declare_flash("logged_out_everywhere", N_("You are logged out everywhere."))
PROOF_SENT: Final = declare_flash(
    "proof_sent", N_("A link is on its way to you. Follow it within a quarter of an hour.")
)
PROOF_TOO_OFTEN: Final = declare_flash(
    "proof_too_often", N_("Links were asked for too often. Wait some minutes, and look among the spam."), "wait"
)


class NamesForm(Form):
    """What the account says of its user."""

    first_name: Annotated[
        Name,
        Entry(
            label=N_("First name"),
            autocomplete="given-name",
            width="half",
            messages={"missing": N_("Enter your first name.")},
        ),
    ]
    last_name: Annotated[OptionalName, Entry(label=N_("Last name"), autocomplete="family-name", width="half")] = ""


class NewPasswordForm(Form):
    """Another password, chosen by who knows the present one."""

    current_password: Annotated[
        GivenPassword,
        Entry(
            label=N_("Present password"),
            kind="password",
            autocomplete="current-password",
            messages={"missing": N_("Enter your present password.")},
        ),
    ]
    password: Annotated[NewPassword, Entry(label=N_("New password"), enterkeyhint="done", **NEW_PASSWORD)]


@routes.get(SETTINGS)
async def get_settings(request: Request, who: Visitor, house: TheHouse, now: Now) -> Response:
    """All of it on one page."""
    if who.user is None:
        return to_login(house, SETTINGS)
    return await _page(request, house, who, who.user, now=now)


@routes.get("/account/settings/name")
@routes.get("/account/settings/password")
@routes.get("/account/proof")
@routes.get("/account/sessions/end")
async def get_after_form(house: TheHouse) -> Response:
    """Whoever asks again for what a form showed (another language, a new tab) is led to where it stands."""
    return see(house, SETTINGS)


@routes.post("/account/settings/name")
async def post_name(request: Request, who: Visitor, house: TheHouse, now: Now) -> Response:
    """The user has this name."""
    if who.user is None:
        return to_login(house, SETTINGS)
    filled = await read(request, house, NamesForm, now=now)
    if filled.value is None:
        return await _page(request, house, who, who.user, now=now, names=filled, status=422)
    names = filled.value
    wish = as_described(who.user, first_name=names.first_name, last_name=names.last_name)
    try:
        await actions.change_account(house, who.user, wish)
    except ChangedMeanwhile as refusal:
        return await _page(request, house, who, who.user, now=now, names=filled.refused(refusal), status=409)
    return _done(house, SAVED)


@routes.post("/account/settings/password")
async def post_password(request: Request, who: Visitor, passwords: ThePasswords, house: TheHouse, now: Now) -> Response:
    """The user has this password, and every other session is over."""
    user = who.user
    if user is None:
        return to_login(house, SETTINGS)
    filled = await read(request, house, NewPasswordForm, now=now)
    if filled.value is None:
        return await _page(request, house, who, user, now=now, password=filled, status=422)
    said = filled.value
    try:
        await limited(request, LimitKind.LOGIN_OF_ACCOUNT, key=user.user_id)
        await actions.change_account_and_password(
            house,
            passwords,
            who,
            user,
            as_described(user),
            password=said.password,
            current_password=said.current_password,
            now=now,
        )
    except Invalid as refusal:
        wrong = any(error.code == "wrong_password" for error in refusal.errors)
        told = filled.with_problem("current_password", N_("That is not your password.")) if wrong else too_easy(filled)
        return await _page(request, house, who, user, now=now, password=told, status=422)
    except ChangedMeanwhile as refusal:
        return await _page(request, house, who, user, now=now, password=filled.refused(refusal), status=409)
    except TooManyRequests as refusal:
        told = filled.with_problem("", N_("That was tried too often. Wait some minutes, or have a link mailed to you."))
        return await _page(request, house, who, user, now=now, password=told, status=STATUS_OF_KIND[refusal.kind])
    return _done(house, PASSWORD_SAVED)


@routes.post("/account/proof")
async def post_proof_link(request: Request, who: Visitor, house: TheHouse, now: Now) -> Response:
    """A link is on its way that shows whose address it is."""
    user = who.user
    if user is None:
        return to_login(house, "/account")
    filled = await read(request, house, ButtonForm, now=now)
    if filled.value is None:
        return await _page(request, house, who, user, now=now, button=filled, status=422)
    response = see(house, "/account")
    try:
        await entrance.allow_link(request, user.email)
    except TooManyRequests:
        leave_flash(response, house.settings, PROOF_TOO_OFTEN)
        return response
    leave_flash(response, house.settings, PROOF_SENT)
    language = tongue_of(request).language
    return entrance.mail_link_after(response, house, user.email, Purpose.VERIFY, language=language, now=now)


@routes.post("/account/sessions/end")
async def post_everywhere(request: Request, who: Visitor, house: TheHouse, now: Now) -> Response:
    """Every session is over, this one as well."""
    if who.user is None:
        return to_login(house, SETTINGS)
    filled = await read(request, house, ButtonForm, now=now)
    if filled.value is None:
        return await _page(request, house, who, who.user, now=now, button=filled, status=422)
    await actions.log_out_everywhere(house, who)
    response = see(house, "/login")
    end_session(response, house.settings)
    forget_browser(response, house.settings)
    leave_flash(response, house.settings, EVERYWHERE)
    return response


@routes.post("/account/sessions/{session_id}/end")
async def post_end(request: Request, session_id: str, who: Visitor, house: TheHouse, now: Now) -> Response:
    """This session of one's own is over."""
    if who.user is None:
        return to_login(house, SETTINGS)
    filled = await read(request, house, ButtonForm, now=now)
    if filled.value is None:
        return await _page(request, house, who, who.user, now=now, button=filled, status=422)
    await actions.end_session(house, who, session_id)
    return _done(house, SESSION_ENDED)


def _done(house: House, flash: str) -> Response:
    response = see(house, SETTINGS)
    leave_flash(response, house.settings, flash)
    return response


async def _page(
    request: Request,
    house: House,
    who: Principal,
    user: User,
    *,
    now: datetime,
    names: Filled[NamesForm] | None = None,
    password: Filled[NewPasswordForm] | None = None,
    button: Filled[ButtonForm] | None = None,
    status: int = 200,
) -> Response:
    wrong: Filled[Any] | None = names or password or button
    return page(
        request,
        "accounts/settings.html",
        settings=house.settings,
        status=status,
        personal=True,
        user=user,
        wrong=wrong,
        names=names or blank(request, house, NamesForm, now=now, first_name=user.first_name, last_name=user.last_name),
        password=password or blank(request, house, NewPasswordForm, now=now),
        button=blank(request, house, ButtonForm, now=now),
        sessions=await queries.own_sessions(house, who, now=now),
        session_id=who.session_id,
    )
