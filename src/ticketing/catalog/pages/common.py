"""What several pages of the catalog need."""

from markupsafe import Markup

from ticketing.base.house import House
from ticketing.catalog.model import Card
from ticketing.catalog.posters import poster

CARDS = 24
"""Fills rows of one, two, three and four."""


def drawn(card: Card) -> Markup:
    """The poster of an event, which holds nothing that anyone typed."""
    return Markup(poster(card.event.event_id, category=next(iter(card.event.categories), "")))  # noqa: S704


def public_url(house: House, path: str) -> str:
    """A path of ours as search engines and programs are told it."""
    return f"{house.settings.base_url}{house.settings.root_path}{path}"
