"""JSON routes of accounts: parse, act, render."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from ticketing.accounts import actions, entrance, links, queries
from ticketing.accounts.actions import LoggedIn, NewApiKey
from ticketing.accounts.bearer import Who
from ticketing.accounts.links import TOKEN_LENGTH_MAX
from ticketing.accounts.model import ApiKey, ApiKeyWish, Purpose, Scope, Session, User, UserType, UserWish
from ticketing.accounts.passwords import ThePasswords, common_passwords
from ticketing.accounts.permissions import Right, demand_own
from ticketing.accounts.rules import as_described
from ticketing.accounts.store import api_key_of, user_of
from ticketing.base.bounds import (
    PAGE_LIMIT,
    PAGE_LIMIT_MAX,
    PASSWORD_LENGTH_MAX,
    PASSWORD_LENGTH_MIN,
    PHONE_LENGTH_MAX,
    USERNAME_LENGTH_MAX,
)
from ticketing.base.errors import FieldError, Invalid
from ticketing.base.house import House
from ticketing.base.times import shown
from ticketing.web.bodies import Body, Email, Line, Moment, Name, OptionalName, Shown, refuse_null
from ticketing.web.i18n import preferred
from ticketing.web.limits import LimitKind, limited
from ticketing.web.once import answer_once
from ticketing.web.replies import (
    Answer,
    expected_version,
    limit_of,
    listed,
    listed_from,
    refuse_changed,
    reply,
    respond,
)
from ticketing.web.routing import Now, TheHouse, router

routes = router("accounts")

NO_STORE: Final = {"Cache-Control": "no-store"}
"""For answers that show a token."""


def _not_common(password: str) -> str:
    if password.casefold() in common_passwords():
        raise PydanticCustomError("password_too_common", "is one of the first that others would try")
    return password


PageSize = Annotated[str | None, Query(description=f"1 to {PAGE_LIMIT_MAX}; {PAGE_LIMIT} where it is left out")]
PageCursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]

# A password is taken as it comes: outer spaces are part of it.
GivenPassword = Annotated[str, StringConstraints(strip_whitespace=False, max_length=PASSWORD_LENGTH_MAX)]
NewPassword = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX),
    AfterValidator(_not_common),
]
Username = Annotated[Name, Field(max_length=USERNAME_LENGTH_MAX)]
Phone = Annotated[Line, Field(max_length=PHONE_LENGTH_MAX)]


class UserBody(Body):
    """A person who signs up."""

    email: Annotated[Email, Field(examples=["ada@example.org"])]
    password: Annotated[NewPassword, Field(examples=["a wet week in Wales"])]
    username: Annotated[Username | None, Field(examples=["ada"])] = None
    first_name: Annotated[OptionalName, Field(examples=["Ada"])] = ""
    last_name: Annotated[OptionalName, Field(examples=["Lovelace"])] = ""
    phone: Annotated[Phone | None, Field(examples=["+43 1 2345678"])] = None
    address: Line | None = None


class AccountPatch(Body):
    """The fields of the own account that change; the others stay. A new `password` needs the `current_password`."""

    email: Email | None = None
    password: Annotated[NewPassword | None, Field(description="Ends all other sessions")] = None
    current_password: GivenPassword | None = None
    username: Username | None = None
    first_name: Annotated[OptionalName | None, Field(examples=["Augusta"])] = None
    last_name: OptionalName | None = None
    phone: Phone | None = None
    address: Line | None = None

    @model_validator(mode="after")
    def _required_stay(self) -> "AccountPatch":
        return refuse_null(self, "email", "password", "first_name", "last_name")


class SessionBody(Body):
    """A log-in."""

    email: Annotated[Email, Field(examples=["ada@example.org"])]
    password: Annotated[GivenPassword, Field(examples=["a wet week in Wales"])]


class UserTypeBody(Body):
    """What an admin decides about a user."""

    user_type: Annotated[Literal["regular", "organizer", "admin"], Field(examples=["organizer"])]


class ApiKeyBody(Body):
    """A key for a program that acts for the user."""

    name: Annotated[Name, Field(examples=["box office till 2"])]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope), examples=[["read", "orders"]])]
    expires_at: Annotated[Moment | None, Field(examples=["2030-01-01T00:00:00Z"])] = None


class UserShown(Shown):
    """A user as the user and admins see it."""

    user_id: str
    username: str | None
    email: str
    first_name: str
    last_name: str
    phone: str | None
    address: str | None
    user_type: Literal["guest", "regular", "organizer", "admin"]
    organizer_requested: bool
    email_proven: bool
    created_date_time: str


class UserList(Shown):
    """A page of users."""

    data: list[UserShown]
    next_cursor: str | None


class SessionShown(Shown):
    """A session that just began. The token is shown this once."""

    token: str
    expires_at: str
    user: UserShown


class OwnSessionShown(Shown):
    """A session of one's own, without its token."""

    session_id: str
    is_current: bool
    created_date_time: str
    expires_at: str


class OwnSessionList(Shown):
    """All sessions of one's own; a user has few, so there is no next page."""

    data: list[OwnSessionShown]
    next_cursor: str | None


class ApiKeyShown(Shown):
    """An API key, without its token."""

    api_key_id: str
    name: str
    scopes: list[Scope]
    created_date_time: str
    expires_at: str | None


class NewApiKeyShown(ApiKeyShown):
    """An API key that was just made. The token is shown this once."""

    token: str


class ApiKeyList(Shown):
    """A page of API keys."""

    data: list[ApiKeyShown]
    next_cursor: str | None


def described(wish: UserWish) -> dict[str, Any]:
    """What PATCH merges into."""
    return {
        "username": wish.username,
        "email": wish.email,
        "first_name": wish.first_name,
        "last_name": wish.last_name,
        "phone": wish.phone,
        "address": wish.address,
    }


def rendered(user: User) -> dict[str, Any]:
    """A user as JSON. The password never leaves."""
    return {
        "user_id": user.user_id,
        **described(as_described(user)),
        "user_type": user.user_type.value,
        "organizer_requested": user.organizer_requested,
        "email_proven": user.email_proven_at is not None,
        "created_date_time": shown(user.created_date_time),
    }


def rendered_session(begun: LoggedIn) -> dict[str, Any]:
    """A session as JSON."""
    return {"token": begun.token, "expires_at": shown(begun.session.expires_at), "user": rendered(begun.user)}


def rendered_own_session(session: Session, *, is_current: bool) -> dict[str, Any]:
    """A session as its user sees it in the list."""
    return {
        "session_id": session.session_id,
        "is_current": is_current,
        "created_date_time": shown(session.created_date_time),
        "expires_at": shown(session.expires_at),
    }


def rendered_api_key(key: ApiKey) -> dict[str, Any]:
    """An API key as JSON."""
    return {
        "api_key_id": key.api_key_id,
        "name": key.name,
        "scopes": [scope.value for scope in key.scopes],
        "created_date_time": shown(key.created_date_time),
        "expires_at": None if key.expires_at is None else shown(key.expires_at),
    }


def _signed_up(user: User) -> Answer:
    return Answer(201, rendered(user), {"Location": "/v1/users/me"})


def _organizer(user: User) -> Answer:
    return Answer(202 if user.user_type is UserType.REGULAR else 200, rendered(user))


def _key_made(made: NewApiKey) -> Answer:
    location = f"/v1/api-keys/{made.key.api_key_id}"
    return Answer(201, rendered_api_key(made.key) | {"token": made.token}, {"Location": location} | NO_STORE)


@routes.post("/users", status_code=201, response_model=UserShown, summary="Sign up")
async def post_user(request: Request, body: UserBody, passwords: ThePasswords, house: TheHouse, now: Now) -> Response:
    """For anyone. The new user is a regular one."""
    await limited(request, LimitKind.SIGN_UP_FROM_ADDRESS)
    wish = UserWish(**body.model_dump(exclude={"password"}))
    return await answer_once(
        request,
        house,
        scope="sign-up",
        act=lambda keep: actions.sign_up(house, passwords, wish, password=body.password, keep=keep, now=now),
        render=_signed_up,
        now=now,
    )


@routes.post("/sessions", status_code=201, response_model=SessionShown, summary="Log in")
async def post_session(
    request: Request, body: SessionBody, passwords: ThePasswords, house: TheHouse, now: Now
) -> Response:
    """For anyone with an account. Whether address or password is wrong is not told."""
    begun = await entrance.log_in(request, house, passwords, email=body.email, password=body.password, now=now)
    return respond(Answer(201, rendered_session(begun), NO_STORE))


class LinkWishBody(Body):
    """Where a link is to be mailed."""

    email: Annotated[Email, Field(examples=["ada@example.org"])]


LinkToken = Annotated[str, Field(min_length=1, max_length=TOKEN_LENGTH_MAX, examples=["lnk_…"])]


class LinkBody(Body):
    """The token of a mailed link."""

    token: LinkToken


class ResetBody(Body):
    """The token of a mailed link, and the password to have from now on."""

    token: LinkToken
    password: Annotated[NewPassword, Field(examples=["a wet week in Wales"])]


class LinkAskedShown(Shown):
    """That a link is on its way, if the address has an account. Whether it has is not told."""

    status: Literal["on_its_way"]


async def _link_asked(request: Request, house: House, email: str, purpose: Purpose, now: datetime) -> Response:
    """The answer comes before the work, so that its time tells nothing. Raises TooManyRequests."""
    await entrance.allow_link(request, email)
    response = respond(Answer(202, {"status": "on_its_way"}, NO_STORE))
    language = preferred(request.headers.get("accept-language", "")).language
    return entrance.mail_link_after(response, house, email, purpose, language=language, now=now)


@routes.post("/sessions/link", status_code=202, response_model=LinkAskedShown, summary="Ask for a link to log in")
async def post_login_link(request: Request, body: LinkWishBody, house: TheHouse, now: Now) -> Response:
    """For anyone. The link is mailed, if the address has an account; it is good once, for fifteen minutes."""
    return await _link_asked(request, house, body.email, Purpose.LOGIN, now)


@routes.post("/sessions/link/use", status_code=201, response_model=SessionShown, summary="Log in by a mailed link")
async def post_login_by_link(
    request: Request, body: LinkBody, passwords: ThePasswords, house: TheHouse, now: Now
) -> Response:
    """For who has the link. It proves the address, too: what was set up with it before anyone had proven it is over."""
    await limited(request, LimitKind.LOGIN_FROM_ADDRESS)
    begun = await links.log_in_by_link(house, passwords, body.token, now=now)
    return respond(Answer(201, rendered_session(begun), NO_STORE))


@routes.post(
    "/password-reset", status_code=202, response_model=LinkAskedShown, summary="Ask for a link to a new password"
)
async def post_reset_link(request: Request, body: LinkWishBody, house: TheHouse, now: Now) -> Response:
    """For anyone. The link is mailed, if the address has an account; it is good once, for fifteen minutes."""
    return await _link_asked(request, house, body.email, Purpose.RESET, now)


@routes.post("/password-reset/use", status_code=204, summary="Choose a new password by a mailed link")
async def post_reset(request: Request, body: ResetBody, passwords: ThePasswords, house: TheHouse, now: Now) -> Response:
    """For who has the link. Every session is over; log in with the new password."""
    await limited(request, LimitKind.LOGIN_FROM_ADDRESS)
    await links.reset_password(house, passwords, body.token, password=body.password, now=now)
    return Response(status_code=204)


@routes.post(
    "/users/me/email-proof",
    status_code=202,
    response_model=LinkAskedShown,
    summary="Ask for a link that proves the address",
)
async def post_proof_link(request: Request, who: Who, house: TheHouse, now: Now) -> Response:
    """With a session, not with an API key. The link goes to the account's own address."""
    user = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    return await _link_asked(request, house, user.email, Purpose.VERIFY, now)


@routes.post("/users/me/email-proof/use", response_model=UserShown, summary="Prove the address by a mailed link")
async def post_proof(request: Request, body: LinkBody, who: Who, house: TheHouse, now: Now) -> Response:
    """With a session of the account that the link was mailed for."""
    user = await links.verify_email(house, who, body.token, now=now)
    return reply(request, rendered(user), version=user.version)


@routes.delete("/sessions/current", status_code=204, summary="Log out")
async def delete_session(who: Who, house: TheHouse) -> Response:
    """The session whose token this request carries is over."""
    await actions.log_out(house, who)
    return Response(status_code=204)


@routes.get("/sessions", response_model=OwnSessionList, summary="List the own sessions")
async def get_sessions(who: Who, house: TheHouse, now: Now) -> Response:
    """With a session, not with an API key; the newest first, those that are over left out."""
    sessions = await queries.own_sessions(house, who, now=now)
    shown_ones = [rendered_own_session(each, is_current=each.session_id == who.session_id) for each in sessions]
    return respond(Answer(200, listed_from(shown_ones, None)))


@routes.delete("/sessions", status_code=204, summary="Log out everywhere")
async def delete_sessions(who: Who, house: TheHouse) -> Response:
    """With a session, which is over as well. Links that were mailed are good no more; API keys stay."""
    await actions.log_out_everywhere(house, who)
    return Response(status_code=204)


@routes.delete("/sessions/{session_id}", status_code=204, summary="End one of the own sessions")
async def delete_own_session(session_id: str, who: Who, house: TheHouse) -> Response:
    """With a session, not with an API key."""
    await actions.end_session(house, who, session_id)
    return Response(status_code=204)


@routes.get("/users/me", response_model=UserShown, summary="Read the own account")
async def get_me(request: Request, who: Who) -> Response:
    """Also with an API key of scope `read`."""
    user = demand_own(who, Right.READ_OWN_ACCOUNT)
    return reply(request, rendered(user), version=user.version)


@routes.patch("/users/me", response_model=UserShown, summary="Change the own account")
async def patch_me(
    request: Request, body: AccountPatch, who: Who, passwords: ThePasswords, house: TheHouse, now: Now
) -> Response:
    """With a session, not with an API key. A new password ends all other sessions."""
    user = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    refuse_changed(expected_version(request), user.version)
    changes = body.model_dump(exclude_unset=True, exclude={"password", "current_password"})
    wish = UserWish(**(described(as_described(user)) | changes))
    if body.password is None:
        changed = await actions.change_account(house, user, wish)
        return reply(request, rendered(changed), version=changed.version)
    if body.current_password is None:
        raise Invalid(FieldError("/current_password", "missing", "is required to change the password"))
    await limited(request, LimitKind.LOGIN_OF_ACCOUNT, key=user.user_id)
    changed = await actions.change_account_and_password(
        house,
        passwords,
        who,
        user,
        wish,
        password=body.password,
        current_password=body.current_password,
        now=now,
    )
    return reply(request, rendered(changed), version=changed.version)


@routes.post("/users/me/organizer", response_model=UserShown, summary="Become an organizer")
async def post_organizer(request: Request, who: Who, house: TheHouse, now: Now) -> Response:
    """At once (200), or once an admin agrees (202), as this site is set up."""
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.become_organizer(house, who, keep=keep),
        render=_organizer,
        now=now,
    )


@routes.get("/users", response_model=UserList, summary="List users")
async def get_users(who: Who, house: TheHouse, limit: PageSize = None, cursor: PageCursor = None) -> Response:
    """Admins only; users with a login, oldest first."""
    page = await queries.users(house, who, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: rendered(user_of(record)))))


@routes.get("/users/{user_id}", response_model=UserShown, summary="Read a user")
async def get_user(request: Request, user_id: str, who: Who, house: TheHouse) -> Response:
    """Admins only."""
    user = await queries.user_for_admin(house, who, user_id)
    return reply(request, rendered(user), version=user.version)


@routes.patch("/users/{user_id}", response_model=UserShown, summary="Set what a user may do")
async def patch_user(request: Request, user_id: str, body: UserTypeBody, who: Who, house: TheHouse) -> Response:
    """Admins only; it also answers a request to become an organizer. The last admin stays one."""
    user = await queries.user_for_admin(house, who, user_id)
    refuse_changed(expected_version(request), user.version)
    changed = await actions.set_user_type(house, who, user, UserType(body.user_type))
    return reply(request, rendered(changed), version=changed.version)


@routes.post("/api-keys", status_code=201, response_model=NewApiKeyShown, summary="Create an API key")
async def post_api_key(request: Request, body: ApiKeyBody, who: Who, house: TheHouse, now: Now) -> Response:
    """With a session, not with an API key. The token is shown this once."""
    wish = ApiKeyWish(name=body.name, scopes=tuple(body.scopes), expires_at=body.expires_at)
    return await answer_once(
        request,
        house,
        scope=who.idempotency_scope,
        act=lambda keep: actions.create_api_key(house, who, wish, keep=keep, now=now),
        render=_key_made,
        now=now,
    )


@routes.get("/api-keys", response_model=ApiKeyList, summary="List the own API keys")
async def get_api_keys(who: Who, house: TheHouse, limit: PageSize = None, cursor: PageCursor = None) -> Response:
    """With a session, not with an API key; oldest first, without their tokens."""
    page = await queries.own_api_keys(house, who, limit=limit_of(limit), cursor=cursor)
    return respond(Answer(200, listed(page, lambda record: rendered_api_key(api_key_of(record)))))


@routes.delete("/api-keys/{api_key_id}", status_code=204, summary="Delete an API key")
async def delete_api_key(api_key_id: str, who: Who, house: TheHouse) -> Response:
    """Whatever still uses it is refused from now on."""
    await actions.delete_api_key(house, who, api_key_id)
    return Response(status_code=204)
