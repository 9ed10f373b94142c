"""The picture of an event that is shown where its page is shared."""

import re
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from tests.faces.test_pages import soon
from tests.support.events import KONZERTHAUS, created, id_of, published_concert
from tests.support.houses import Api
from ticketing.catalog.posters import poster
from ticketing.site.preview import Words
from ticketing.site.preview_drawing import TITLE_SIZES, drawn

TITLES = (
    "Haydn in the garden",
    "The Vienna Symphony Orchestra plays all nine symphonies of Ludwig van Beethoven in three evenings, with the choir of the Singverein",
    "أمسية موسيقية في دار الأوبرا",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "新世界",
    "Απόψε 🎉",
    "\u202e\u0000 ",
)


def picture(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


def words(title: str) -> Words:
    return Words(title, "Sat, 1 May 2027, 19:30 CEST", "Konzerthaus, Vienna")


async def image_of(api: Api, path: str, **headers: str) -> Any:
    return await api.get(f"{path.removeprefix('/v1')}/image.png", headers=headers)


async def test_the_picture_that_a_page_names_is_there_and_has_the_size_that_networks_show(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada, image_url=None, **soon(hours=24))
    page = (await api.get(path.removeprefix("/v1"))).text
    named = re.search(r'property="og:image" content="([^"]*)"', page)
    assert named is not None

    answer = await api.get(unescape(named[1]).removeprefix(api.house.settings.base_url))

    assert answer.headers["content-type"] == "image/png"
    assert picture(answer.content).size == (1200, 630)
    assert len(answer.content) <= 80_000


async def test_a_picture_is_not_sent_again_until_the_event_changes(api: Api, ada: str) -> None:
    path = await published_concert(api, token=ada, **soon(hours=24))
    first = await image_of(api, path)

    again = await image_of(api, path, **{"If-None-Match": first.headers["etag"]})
    await api.patch(path, {"event_name": "Another name"}, token=ada)
    renamed = await image_of(api, path, **{"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert renamed.status_code == 200
    assert renamed.content != first.content


async def test_no_draft_has_a_picture(api: Api, ada: str) -> None:
    wish = {"event_name": "Secret", "currency": "EUR", "timezone": "UTC"} | soon(hours=24)
    draft = await created(api, "/v1/events", wish, token=ada)

    assert (await image_of(api, draft)).status_code == 404
    assert (await image_of(api, "/v1/events/evt_none")).status_code == 404


async def test_a_move_to_another_place_and_being_called_off_are_seen(api: Api, ada: str) -> None:
    venue = id_of(await created(api, "/v1/venues", KONZERTHAUS, token=ada))
    path = await published_concert(api, token=ada, **soon(hours=24))
    online = (await image_of(api, path)).content

    await api.patch(path, {"venue_id": venue}, token=ada)
    there = (await image_of(api, path)).content
    await api.post(f"{path}/cancel", token=ada)
    off = (await image_of(api, path)).content

    assert len({online, there, off}) == 3


async def test_a_process_keeps_no_more_pictures_than_the_bound(
    api: Api, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.site.preview.PREVIEWS_KEPT_MAX", 1)
    for name in ("One", "Two"):
        await image_of(api, await published_concert(api, token=ada, event_name=name, **soon(hours=24)))

    assert len(api.app.state.previews) == 1


@pytest.mark.parametrize("title", TITLES)
def test_any_title_is_drawn_within_its_place(title: str) -> None:
    ground = picture(drawn("evt_1", category="cat_1", words=words("")))
    there = picture(drawn("evt_1", category="cat_1", words=words(title)))

    assert ground.crop((712, 0, 780, 630)).getcolors() == there.crop((712, 0, 780, 630)).getcolors()
    assert TITLE_SIZES[-1] >= 46


def test_every_family_of_posters_can_be_drawn() -> None:
    events = [f"evt_{number}" for number in range(40)]
    families = {re.sub(r"[\d.-]+", "", poster(each, category="cat_1"))[:400]: each for each in events}

    for event_id in families.values():
        art = picture(drawn(event_id, category="cat_1", words=words("Evening"))).crop((780, 0, 1200, 630))
        assert len(art.getcolors(maxcolors=100_000) or ()) > 2, event_id
