"""Languages of the pages: which one a visitor reads, and the sentences of every slice in it.

English is the language of the source. Each slice keeps its sentences in `<slice>/locale/<language>.po`; they are read as they stand,
so that nothing has to be compiled after an edit. `make messages` brings the files up to date.
"""

import gettext as std
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import Request

PACKAGE: Final = Path(__file__).parents[1]
LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
"""The languages of the pages, each by its own name. The first is the one that the source is written in."""
SOURCE: Final = "en"
REGIONS: Final = {
    "en": ("GB", "US", "IE", "AU", "CA", "NZ", "IN", "ZA"),
    "de": ("DE", "AT", "CH"),
}
"""Whose habits of writing dates and money are heeded; the first is meant where a browser names only the language."""
LANGUAGE_COOKIE: Final = "language"
LANGUAGE_PARAMETER: Final = "lang"
_HEADER_LENGTH_MAX: Final = 200
"""Longer lists of languages are read up to here: browsers send a tenth of it."""


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language as somebody writes it: the sentences, and the region's way with dates and money."""

    language: str
    locale: Locale

    @property
    def tag(self) -> str:
        """The language as HTML and HTTP name it: `de-AT`."""
        return str(self.locale).replace("_", "-")

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return str(self.locale.text_direction)

    def gettext(self, message: str) -> str:
        """The sentence in this language, or as it stands where it has not been translated."""
        return sentences(self.language).gettext(message) if message else ""

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The sentence for so many."""
        return sentences(self.language).ngettext(singular, plural, count)

    def pgettext(self, context: str, message: str) -> str:
        """The sentence where the same English means two things."""
        return sentences(self.language).pgettext(context, message)

    def npgettext(self, context: str, singular: str, plural: str, count: int) -> str:
        """The sentence for so many, where the same English means two things."""
        return sentences(self.language).npgettext(context, singular, plural, count)


def N_(message: str) -> str:  # noqa: N802 - the name that gettext tools know
    """The sentence itself, marked for translation: it is looked up where it is shown."""
    return message


@cache
def sentences(language: str) -> std.NullTranslations:
    """The sentences of all slices in this language."""
    if language == SOURCE:
        return std.NullTranslations()
    merged = Catalog(locale=language, charset="utf-8")
    for path in sorted(PACKAGE.glob(f"*/locale/{language}.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                strings = (message.string,) if isinstance(message.string, str) else message.string or ("",)
                if message.id and all(strings) and not message.fuzzy:
                    merged.add(message.id, message.string, context=message.context)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return std.GNUTranslations(compiled)


@cache
def tongue(language: str, region: str = "") -> Tongue:
    """The tongue of a language in `LANGUAGES`; a region that is not in `REGIONS` counts as the first one."""
    known = REGIONS[language]
    return Tongue(language, Locale(language, region if region in known else known[0]))


@lru_cache(maxsize=1024)
def preferred(header: str) -> Tongue:
    """The tongue that an `Accept-Language` header asks for most; the source's where it names none of ours."""
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate(header[:_HEADER_LENGTH_MAX].split(",")):
        tag, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        if weight > 0:
            wishes.append((-weight, place, tag))
    for _, _, tag in sorted(wishes):
        language, _, rest = tag.lower().partition("-")
        if language in LANGUAGES:
            return tongue(language, rest.rpartition("-")[2].upper())
    return tongue(SOURCE)


def tongue_of(request: Request) -> Tongue:
    """What this visitor reads: `?lang=`, else the language chosen before, else the browser's."""
    found: Tongue | None = getattr(request.state, "tongue", None)
    if found is None:
        browser = preferred(request.headers.get("accept-language", ""))
        chosen = asked_language(request) or _kept_language(request)
        found = browser if chosen is None or chosen == browser.language or chosen not in LANGUAGES else tongue(chosen)
        request.state.tongue = found
    return found


def _kept_language(request: Request) -> str | None:
    # On https the name has the prefix that `session.cookie_name` gives it.
    return request.cookies.get(f"__Host-{LANGUAGE_COOKIE}") or request.cookies.get(LANGUAGE_COOKIE)


def asked_language(request: Request) -> str | None:
    """The language that the address asks for by `?lang=`, where it is one of ours."""
    asked = request.query_params.get(LANGUAGE_PARAMETER)
    return asked if asked in LANGUAGES else None


_SPOKEN: ContextVar[Tongue | None] = ContextVar("spoken", default=None)


def spoken() -> Tongue:
    """The tongue of the page that is being rendered."""
    return _SPOKEN.get() or tongue(SOURCE)


@contextmanager
def speaking(chosen: Tongue) -> Iterator[None]:
    """Within, templates and `spoken` speak this tongue."""
    token = _SPOKEN.set(chosen)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def gettext(message: str) -> str:
    """The sentence in the tongue of the page that is being rendered."""
    return spoken().gettext(message)


def ngettext(singular: str, plural: str, count: int) -> str:
    """The sentence for so many, in the tongue of the page."""
    return spoken().ngettext(singular, plural, count)


def pgettext(context: str, message: str) -> str:
    """The sentence of that meaning, in the tongue of the page."""
    return spoken().pgettext(context, message)


def npgettext(context: str, singular: str, plural: str, count: int) -> str:
    """The sentence of that meaning for so many, in the tongue of the page."""
    return spoken().npgettext(context, singular, plural, count)


CALLABLES: Final[tuple[Callable[..., str], ...]] = (gettext, ngettext, pgettext, npgettext)
"""What templates call, in the order in which Jinja2 takes them."""
