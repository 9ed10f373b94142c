"""Cookies of the pages: the log-in, the browser that forms belong to, the chosen language. It knows no accounts."""

from datetime import timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import SESSION_LASTS
from ticketing.base.house import House, Settings

SESSION: Final = "session"
BROWSER: Final = "browser"
_HOST_PREFIX: Final = "__Host-"
_COOKIE_LENGTH_MAX: Final = 200


def cookie_name(settings: Settings, name: str) -> str:
    """The name of a cookie that no neighbour under the same domain can set; without https browsers refuse that prefix."""
    return f"{_HOST_PREFIX}{name}" if is_secure(settings) else name


def is_secure(settings: Settings) -> bool:
    """Whether the public address is https."""
    return settings.base_url.startswith("https:")


def read_cookie(request: Request, settings: Settings, name: str) -> str | None:
    """What this cookie of ours holds, where it is no longer than any that we set."""
    value = request.cookies.get(cookie_name(settings, name))
    return value if value and len(value) <= _COOKIE_LENGTH_MAX else None


def set_cookie(response: Response, settings: Settings, name: str, value: str, *, lasts: timedelta | None) -> None:
    """The browser keeps this for so long (None: until it closes), tells no script, and sends it along on no foreign form."""
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=None if lasts is None else int(lasts.total_seconds()),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response, settings: Settings, name: str) -> None:
    """The browser forgets this cookie."""
    response.delete_cookie(
        cookie_name(settings, name), path="/", secure=is_secure(settings), httponly=True, samesite="lax"
    )


def session_token(request: Request, settings: Settings) -> str | None:
    """The token of the log-in that this browser has, as `Authorization: Bearer` would carry it. It may be over."""
    return read_cookie(request, settings, SESSION)


def begin_session(response: Response, settings: Settings, token: str) -> None:
    """The browser is logged in with this token."""
    set_cookie(response, settings, SESSION, token, lasts=SESSION_LASTS)


def end_session(response: Response, settings: Settings) -> None:
    """The browser is logged out; the session itself is ended by `accounts.actions.log_out`."""
    drop_cookie(response, settings, SESSION)


def browser_of(request: Request, house: House) -> str:
    """The random name of this browser, which forms are bound to. One that is new is set by the page that is answered."""
    known: str | None = read_cookie(request, house.settings, BROWSER) or getattr(request.state, "new_browser", None)
    if known is None:
        known = house.new_secret()
        request.state.new_browser = known
    return known


def forget_browser(response: Response, settings: Settings) -> None:
    """Forms that this browser has open count no more: whoever sits there next begins anew."""
    drop_cookie(response, settings, BROWSER)


def keep_browser(request: Request, response: Response, settings: Settings) -> None:
    """The browser keeps its name, where it was given one in this request."""
    name: str | None = getattr(request.state, "new_browser", None)
    if name is not None:
        set_cookie(response, settings, BROWSER, name, lasts=None)
