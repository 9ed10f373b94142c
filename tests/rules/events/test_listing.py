"""What a search finds a public event by."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.events import AN_EVENT
from tests.support.houses import NOON
from ticketing.events.listing import facet, listing_record
from ticketing.events.model import EventStatus, folded
from ticketing.venues.model import Venue, VenueWish

MALAGA = Venue(
    "ven_cervantes",
    "usr_ada",
    VenueWish("Teatro Cervantes", None, "Málaga", None, None, "ES", 1100, (), "Europe/Madrid", None, None),
    NOON,
    NOON,
    version=1,
)


@given(value=st.text())
def test_a_facet_is_a_token_whatever_it_is_made_of(value: str) -> None:
    assert re.fullmatch(r"tag_[0-9a-f]{16}", facet("tag", value))


@pytest.mark.parametrize(("one", "other"), [("Matinée", "MATINEE"), (" early  music ", "Early Music")])
def test_case_accents_and_spaces_make_no_other_facet(one: str, other: str) -> None:
    assert facet("tag", one) == facet("tag", other)


@pytest.mark.parametrize("other", [facet("tag", "jazz2"), facet("category", "jazz")])
def test_another_value_or_kind_makes_another_facet(other: str) -> None:
    assert facet("tag", "jazz") != other


@given(text=st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_a_listing_has_a_facet_for_each_filter_that_finds_the_event() -> None:
    listing = listing_record(replace(AN_EVENT, status=EventStatus.POSTPONED), category_names=(), venue=None)

    assert listing["facets"] == [
        facet("category", "cat_chamber"),
        facet("tag", "strings"),
        facet("venue", "ven_konzerthaus"),
        facet("organizer", "usr_ada"),
        facet("status", "postponed"),
    ]


@pytest.mark.parametrize("word", ["strings", "Chamber", "Cervantes", "Málaga", "Webern"])
def test_a_listing_has_the_words_of_tags_categories_place_and_description(word: str) -> None:
    listing = listing_record(AN_EVENT, category_names=("Chamber music",), venue=MALAGA)

    assert folded(word) in folded(listing["words"])


def test_a_listing_that_replaces_another_carries_its_version() -> None:
    assert listing_record(AN_EVENT, category_names=(), venue=None)["version"] == 1
    assert listing_record(AN_EVENT, category_names=(), venue=None, version=4)["version"] == 4
