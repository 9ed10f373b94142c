"""What a visitor looks for, as the address of a page says it: read, written, and turned into what the catalog is asked."""

import re
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Final
from urllib.parse import urlencode

from ticketing.base.bounds import SEARCH_LENGTH_MAX, SEARCH_WORDS_MAX, SHORT_TEXT_LENGTH_MAX, TAG_LENGTH_MAX
from ticketing.base.search import words_of
from ticketing.catalog.model import Asked, Span, When

FREE: Final = "free"
_AMOUNT_DIGITS_MAX: Final = 12
_ID_LENGTH_MAX: Final = 64
_CURRENCY: Final = re.compile("[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Sought:
    """The filters of a page, each as it stands in its address; an empty text leaves one out.

    `price` is `free` or a currency with the most that it may cost in minor units, `EUR-2500`. `since` and `until` are days, both
    included, and go before `when`.
    """

    words: str = ""
    category: str = ""
    venue: str = ""
    city: str = ""
    tag: str = ""
    when: str = ""
    since: str = ""
    until: str = ""
    price: str = ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Sought()

    @property
    def filters(self) -> int:
        """How many parts narrow it down beside the words."""
        return sum(bool(getattr(self, name)) for name in NAMES.values() if name != "words")

    @property
    def has_days(self) -> bool:
        """Whether days are chosen."""
        return bool(self.when or self.since or self.until)

    def but(self, **parts: str) -> "Sought":
        """The same with other parts."""
        return replace(self, **parts)

    def query(self, **more: str) -> str:
        """`?q=…&category=…`, or nothing."""
        pairs = {parameter: getattr(self, name) for parameter, name in NAMES.items()} | more
        written = urlencode({parameter: value for parameter, value in pairs.items() if value})
        return f"?{written}" if written else ""


NAMES: Final = {
    "q": "words",
    "category": "category",
    "venue": "venue",
    "city": "city",
    "tag": "tag",
    "when": "when",
    "from": "since",
    "to": "until",
    "price": "price",
}
"""How the parts are called in an address."""
assert set(NAMES.values()) == {field.name for field in fields(Sought)}


def sought(parameters: dict[str, str]) -> Sought:
    """What an address asks for. What cannot be meant is left out: a page does its best where the API refuses."""
    text = {name: " ".join(parameters.get(parameter, "").split()) for parameter, name in NAMES.items()}
    since, until = _day(text["since"]), _day(text["until"])
    if since and until and until < since:
        since, until = until, since
    named = text["when"] in {each.value for each in When} and not (since or until)
    return Sought(
        words=_few_words(text["words"][:SEARCH_LENGTH_MAX]),
        category=text["category"][:_ID_LENGTH_MAX],
        venue=text["venue"][:_ID_LENGTH_MAX],
        city=text["city"][:SHORT_TEXT_LENGTH_MAX],
        tag=text["tag"][:TAG_LENGTH_MAX],
        when=text["when"] if named else "",
        since=since.isoformat() if since else "",
        until=until.isoformat() if until else "",
        price=text["price"] if text["price"] == FREE or price_of(text["price"]) else "",
    )


def _few_words(typed: str) -> str:
    words = words_of(typed)
    return " ".join(words[:SEARCH_WORDS_MAX]) if len(words) > SEARCH_WORDS_MAX else typed


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9_998 else None


def price_of(text: str) -> tuple[str, int] | None:
    """Currency and minor units of `EUR-2500`."""
    currency, _, amount = text.partition("-")
    if (
        not _CURRENCY.fullmatch(currency)
        or not amount.isdecimal()
        or not amount.isascii()
        or len(amount) > _AMOUNT_DIGITS_MAX
    ):
        return None
    return currency, int(amount)


def span_of(seeks: Sought) -> Span | None:
    """The days that are asked for, by each event's own calendar."""
    if seeks.since or seeks.until:
        return Span(_day(seeks.since), _day(seeks.until))
    return Span(None, None, named=When(seeks.when)) if seeks.when else None


def asked_of(seeks: Sought, *, now: datetime) -> Asked:
    """What the catalog is asked. Without words and days it is what is to come; days in the past show what was."""
    span = span_of(seeks)
    price = price_of(seeks.price)
    return Asked(
        words=seeks.words,
        category_id=seeks.category or None,
        tag=seeks.tag or None,
        city=seeks.city or None,
        venue_id=seeks.venue or None,
        starts_from=now if not seeks.words and (span is None or span.named) else None,
        span=span,
        price_max=0 if seeks.price == FREE else price[1] if price else None,
        currency=price[0] if price else None,
    )
