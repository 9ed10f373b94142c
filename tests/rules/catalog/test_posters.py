"""Posters that are drawn for events without a picture."""

import re
from xml.etree import ElementTree

import pytest

from ticketing.catalog.posters import poster

IDS = [f"evt_{number:026}" for number in range(60)]


@pytest.mark.parametrize("event_id", IDS)
def test_a_poster_is_well_formed_and_small(event_id: str) -> None:
    drawn = poster(event_id, category="cat_1")

    ElementTree.fromstring(drawn)
    assert len(drawn) <= 6_000
    assert not re.search(r"style=|href|url\(|<text", drawn)


def test_an_event_always_has_the_same_poster_and_others_have_others() -> None:
    assert poster("evt_1", category="cat_1") == poster("evt_1", category="cat_1")
    assert len({poster(event_id, category="cat_1") for event_id in IDS}) == len(IDS)


def test_nothing_that_is_given_stands_in_the_drawing() -> None:
    assert "script" not in poster("<script>", category="<script>")


def test_events_of_one_category_share_some_grounds() -> None:
    grounds = {re.findall(r'fill="([^"]+)"', poster(event_id, category="cat_1"))[0] for event_id in IDS}

    assert 1 < len(grounds) <= 4
