"""Pages: one Jinja2 environment over the templates of every slice, and how a rendered page is answered."""

import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.house import Settings
from ticketing.web import i18n, wording
from ticketing.web.assets import asset_path, takes_gzip
from ticketing.web.flash import drop_flash, flash_of
from ticketing.web.headers import STRICT, secured
from ticketing.web.i18n import LANGUAGE_COOKIE, LANGUAGE_PARAMETER, LANGUAGES, asked_language, speaking, tongue_of
from ticketing.web.session import keep_browser, session_token, set_cookie

PACKAGE: Final = Path(__file__).parents[1]
HTML: Final = "text/html"
_GZIP_LEVEL: Final = 5
_LANGUAGE_KEPT: Final = timedelta(days=365)


class SliceLoader(BaseLoader):
    """Finds `catalog/home.html` in the folder `templates` of the slice `catalog`."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The source of a template, its file, and that it does not change while the process runs."""
        del environment
        name, _, rest = template.partition("/")
        path = PACKAGE / name / "templates" / rest
        if ".." in template.split("/") or not path.is_file():
            raise TemplateNotFound(template)
        return path.read_text(encoding="utf-8"), str(path), lambda: True


@cache
def environment() -> Environment:
    """The environment of all templates. Everything is escaped, and a name that is not there is a mistake."""
    made = Environment(
        loader=SliceLoader(),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.policies["ext.i18n.trimmed"] = True
    gettext, ngettext, pgettext, npgettext = i18n.CALLABLES
    made.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, newstyle=True, pgettext=pgettext, npgettext=npgettext
    )
    made.filters.update(
        price=wording.price,
        amount=wording.amount,
        number=wording.number,
        local=wording.local,
        clock=wording.clock,
        zone=wording.zone,
        day=wording.day,
        full_day=wording.full_day,
        iso_day=wording.iso_day,
        month_and_year=wording.month_and_year,
        month=wording.month,
        weekday=wording.weekday,
        days=wording.days,
        short_moment=wording.short_moment,
    )
    return made


def name_visitor(request: Request, name: str | None) -> None:
    """The head of the page says that this person is logged in, or (None) that nobody is."""
    request.state.visitor_name = name


def _name_of_visitor(request: Request, settings: Settings) -> str | None:
    """Who is logged in, by name; empty where a log-in was not looked at (it may be over), None where the browser has none."""
    unlooked = "" if session_token(request, settings) else None
    name: str | None = getattr(request.state, "visitor_name", unlooked)
    return name


@dataclass(frozen=True, slots=True)
class LanguageLink:
    """A way to the same page in another language."""

    language: str
    name: str
    href: str
    is_current: bool


def page(
    request: Request,
    template: str,
    *,
    settings: Settings,
    status: int = 200,
    public_seconds: int = 0,
    personal: bool = False,
    for_back_button: bool = False,
    brand: str | None = None,
    policy: str = STRICT,
    **shown: Any,
) -> Response:
    """A page. `template` is `<slice>/<file>`; caches may keep it for `public_seconds`, so it must be the same for everyone.

    A `personal` page is kept by nobody; whatever shows a form that changes something is one. `for_back_button`, the browser keeps it
    for that alone: a form that was sent comes back with the token that it was sent with. `brand` is the organizer's colour (`#aa33cc`).
    Templates have `to(path)` and `asset(name)` for links, which respect the prefix that the application is served under.
    """
    tongue = tongue_of(request)
    flash = flash_of(request, settings)
    visitor_name = _name_of_visitor(request, settings)
    context = {
        "to": lambda path: settings.root_path + path,
        "asset": lambda name: settings.root_path + asset_path(name),
        "path": request.url.path.removeprefix(settings.root_path) or "/",
        "test_mode": settings.test_mode,
        "public_url": settings.base_url + settings.root_path,
        "tongue": tongue,
        "languages": _language_links(request, settings, tongue.language),
        "flash": flash,
        "visitor_name": visitor_name,
        "brand": brand.removeprefix("#").lower() if brand else None,
    }
    with speaking(tongue):
        content = environment().get_template(template).render(context | shown).encode()
    headers = {"Vary": "Accept-Encoding, Accept-Language, Cookie"}
    has_news = flash is not None or asked_language(request) is not None
    if personal:
        headers["Cache-Control"] = "private, no-cache" if for_back_button else "private, no-store"
        if for_back_button:
            headers["Vary"] = (
                "Accept-Encoding"  # cookies change with what is sent, and the page must be found all the same
            )
    else:
        tag = headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        is_public = public_seconds > 0 and not has_news and visitor_name is None
        headers["Cache-Control"] = f"public, max-age={public_seconds}" if is_public else "private, no-cache"
        if status == 200 and not has_news and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
    headers["Content-Language"] = tongue.tag
    if takes_gzip(request):
        content = gzip.compress(content, compresslevel=_GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    response = secured(Response(content, status_code=status, headers=headers, media_type=HTML), policy=policy)
    if flash is not None:
        drop_flash(response, settings)
    if asked_language(request) is not None:
        set_cookie(response, settings, LANGUAGE_COOKIE, tongue.language, lasts=_LANGUAGE_KEPT)
    if personal:
        keep_browser(request, response, settings)
    return response


def _language_links(request: Request, settings: Settings, current: str) -> list[LanguageLink]:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != LANGUAGE_PARAMETER]
    path = settings.root_path + (request.url.path.removeprefix(settings.root_path) or "/")
    return [
        LanguageLink(
            language, name, f"{path}?{urlencode([*kept, (LANGUAGE_PARAMETER, language)])}", language == current
        )
        for language, name in LANGUAGES.items()
    ]
