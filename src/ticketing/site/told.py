"""Refusals and mishaps as pages, for people with a browser: what happened, what it means for places and money, the next step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ticketing.base.errors import Kind, Refusal
from ticketing.base.house import Settings
from ticketing.web.assets import takes_gzip
from ticketing.web.forms import is_own_path
from ticketing.web.i18n import N_, tongue_of
from ticketing.web.render import page
from ticketing.web.replies import REFUSAL, STATUS_OF_KIND, Teller

FOR_PROGRAMS: Final = ("/v1/", "/openapi.json", "/health/", "/metrics", "/static/", "/brand/")
"""Paths that answer programs; everything else is a page."""
RETRY_SECONDS_MIN: Final = 5
"""A page that tries again by itself gives the server, and whoever reads it, this long."""
RETRY_SECONDS_MAX: Final = 60
RENDERED_MAX: Final = 256
"""Pages of refusals that are kept for the next of a crowd, some kilobytes each."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a page says of a refusal. English, marked with `N_`; `back` is the button that leads to where the visitor came from."""

    title: str
    meaning: str
    back: str = ""


NOTHING_HAPPENED: Final = N_("Nothing was changed, and nothing was charged.")

WORDS: Final[Mapping[str, Words]] = {
    "not_found": Words(
        N_("This page is not here"),
        N_("The address may be mistyped, or what stood here has gone. Tickets and orders are where they were."),
    ),
    "busy": Words(
        N_("A lot is going on just now"),
        N_(
            "Many people are here at once, and your request could not be taken. Nothing was changed, nothing was charged, "
            "and a place that is held for you is still held."
        ),
    ),
    "too_many_requests": Words(
        N_("That was a little fast"),
        N_(
            "Many requests came from your network within a short time. Nothing was changed, and a place that is held for you is still held."
        ),
    ),
    "foreign_form": Words(
        N_("This form came from somewhere else"),
        N_("To keep others from acting in your name, forms count only from our own pages. Nothing was changed."),
        N_("Open the page again"),
    ),
    "form_used": Words(
        N_("You sent this form before"),
        N_(
            "It took effect the first time. What you sent now has other details and was not used, so nothing happened twice."
        ),
    ),
    "changed_meanwhile": Words(
        N_("It changed while you were looking"),
        N_(
            "Somebody changed this since you opened it. Your changes were not stored. Look at it as it is now and make them again."
        ),
        N_("Look at it as it is now"),
    ),
    "invalid_request": Words(
        N_("Something in this address does not fit"),
        N_("A part of the address or of the form could not be read. Nothing was changed, and nothing was charged."),
    ),
    "sold_out": Words(
        N_("These tickets have just gone"),
        N_("Not as many are left as you asked for. Nothing is held for you, and nothing was charged."),
        N_("See what is left"),
    ),
    "sales_not_started": Words(
        N_("Tickets are not on sale yet"),
        N_("The sale has not begun. Nothing is held for you, and nothing was charged."),
        N_("See when it begins"),
    ),
    "sales_ended": Words(
        N_("The sale is over"),
        N_("Tickets for this event are no longer sold here. Tickets that were bought stay good."),
    ),
    "ticket_type_not_on_sale": Words(
        N_("This ticket is not on sale now"),
        N_("Nothing is held for you, and nothing was charged. Another kind of ticket may be there."),
        N_("See the other tickets"),
    ),
    "event_cancelled": Words(
        N_("This event was cancelled"),
        N_(
            "It does not take place, and nothing is sold any more. Whoever bought tickets hears from the organizer about the money."
        ),
    ),
    "event_postponed": Words(
        N_("This event was postponed"),
        N_("Its sale goes on when there is a new date. Tickets that were bought stay good for it."),
    ),
    "quantity_not_allowed": Words(
        N_("That is more than one order may have"),
        N_("Nothing is held for you, and nothing was charged. Take fewer, or make a second order."),
        N_("Change the number"),
    ),
    "limit_per_customer": Words(
        N_("That is more than each person may have"),
        N_("The organizer limits how many tickets one person buys. Nothing was added, and nothing was charged."),
        N_("Change the number"),
    ),
    "hold_expired": Words(
        N_("The time to pay ran out"),
        N_("Your places went back, and nothing was charged. They may still be there: order again."),
        N_("Order again"),
    ),
    "order_cancelled": Words(
        N_("This order was cancelled"),
        N_("Its places went back. Money that was paid for it is returned."),
    ),
    "already_paid": Words(
        N_("This order is paid already"),
        N_("The tickets are yours, and you were charged once."),
        N_("See the order"),
    ),
    "no_more_extensions": Words(
        N_("The time cannot be extended again"),
        N_("Your places are held until the time shown. Nothing was charged."),
        N_("Back to the order"),
    ),
    "payment_closed": Words(
        N_("This payment is over"),
        N_("It cannot be used again. Your order shows whether it was paid; if not, start another payment."),
        N_("Back to the order"),
    ),
    "payment_method_not_available": Words(
        N_("This way of paying is not offered here"),
        N_("Nothing was charged, and your places are still held. Choose another way."),
        N_("Choose another way"),
    ),
    "too_many_payments": Words(
        N_("This was tried too often"),
        N_("Too many payments were begun for this order. Nothing was charged by the last one. Order again."),
    ),
    "unauthenticated": Words(
        N_("Log in to see this"),
        N_("It is shown to its owner alone. Nothing was changed."),
    ),
    "body_too_large": Words(
        N_("That is too much at once"),
        N_("What you sent is larger than any form of ours. Nothing was changed. Send less text or a smaller file."),
        N_("Back to the form"),
    ),
    "wrong_host": Words(
        N_("This address is not ours"),
        N_("This server does not answer under the name that you used."),
    ),
    "method_not_allowed": Words(
        N_("This page cannot be used like that"),
        N_("Nothing was changed. Open it anew from where you came."),
    ),
    "internal": Words(
        N_("Something broke on our side"),
        N_(
            "We have a note of it. If you were paying, look at your order before you try again: it shows whether the money "
            "arrived. You are never charged twice for one order."
        ),
    ),
}
"""By the code of the refusal. A code that is missing here says its own title, and that nothing was changed."""


def wants_page(scope: Scope, *, root_path: str) -> bool:
    """Whether who asks is a person with a browser, on a page."""
    path: str = scope["path"].removeprefix(root_path)
    if path.startswith(FOR_PROGRAMS):
        return False
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def told(request: Request, refusal: Refusal, *, settings: Settings) -> Response:
    """The page of a refusal, with its status."""
    retry = None
    if refusal.kind in (Kind.BUSY, Kind.TOO_MANY) and request.method == "GET":
        asked = int(refusal.facts.get("retry_after", RETRY_SECONDS_MIN))
        retry = min(max(asked, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)
    words = WORDS.get(refusal.code) or Words(refusal.title.rstrip("."), NOTHING_HAPPENED)
    request.scope[REFUSAL] = refusal.code
    response = page(
        request,
        "site/refusal.html",
        settings=settings,
        status=STATUS_OF_KIND[refusal.kind],
        personal=True,
        words=words,
        retry_after=retry,
        again=None if retry is None else _here(request, settings),
        back=_came_from(request),
        location=refusal.facts.get("location"),
        login=_to_login(request, settings) if refusal.kind is Kind.UNAUTHENTICATED else None,
    )
    if refusal.kind in (Kind.BUSY, Kind.TOO_MANY):
        response.headers["Retry-After"] = str(refusal.facts.get("retry_after", 1))
    return response


def broke(request: Request, *, settings: Settings) -> Response:
    """The page of a mistake of ours."""
    return page(
        request,
        "site/refusal.html",
        settings=settings,
        status=500,
        personal=True,
        words=WORDS["internal"],
        retry_after=None,
        again=_here(request, settings) if request.method == "GET" else None,
        back=_came_from(request),
        location=None,
        login=None,
    )


def teller(settings: Settings) -> Teller:
    """What tells refusals to people before the framework has seen the request.

    A crowd that is refused loads the same few pages: each is rendered once for a language, so that a refusal costs little.
    """
    rendered: dict[tuple[object, ...], Response] = {}

    def tell(scope: Scope, refusal: Refusal | None) -> Response | None:
        if not wants_page(scope, root_path=settings.root_path):
            return None
        request = Request(scope)
        if refusal is None:
            return broke(request, settings=settings)
        if refusal.kind not in (Kind.BUSY, Kind.TOO_MANY) or scope["method"] != "GET" or scope.get("query_string"):
            return told(request, refusal, settings=settings)
        wait = refusal.facts.get("retry_after")
        key: tuple[object, ...] = (refusal.code, wait, scope["path"], tongue_of(request).tag, takes_gzip(request))
        if any(name in (b"cookie", b"referer") for name, _ in scope["headers"]):
            key = (*key, request.headers.get("referer"), request.headers.get("cookie"))
        response = rendered.get(key)
        if response is None:
            if len(rendered) >= RENDERED_MAX:
                rendered.clear()
            response = rendered[key] = told(request, refusal, settings=settings)
        scope[REFUSAL] = refusal.code
        return response

    return tell


def _to_login(request: Request, settings: Settings) -> str:
    """The log-in, and from there back to what was asked for."""
    if request.method != "GET":
        return f"{settings.root_path}/login"
    path = _here(request, settings).removeprefix(settings.root_path)
    return f"{settings.root_path}/login?{urlencode({'next': path})}"


def _here(request: Request, settings: Settings) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return settings.root_path + request.url.path.removeprefix(settings.root_path) + query


def _came_from(request: Request) -> str | None:
    """The page of ours that the visitor came from, where it is another one than this."""
    parts = urlsplit(request.headers.get("referer", "")[:2_000])
    if not parts.netloc or parts.netloc != request.headers.get("host") or not is_own_path(parts.path or "/"):
        return None
    if request.method == "GET" and parts.path == request.url.path:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")
