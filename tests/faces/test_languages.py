"""Which language a visitor reads, and that caches do not mix them up."""

import re

import httpx
import pytest

from tests.support.houses import Api, make_house


@pytest.fixture
def api() -> Api:
    """A house in memory."""
    return Api(make_house())


def language(answer: httpx.Response) -> str:
    """The language of a page."""
    found = re.search(r'<html lang="([^"]+)" dir="ltr">', answer.text)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        ("", "en-GB"),
        ("de", "de-DE"),
        ("de-AT,de;q=0.9,en;q=0.8", "de-AT"),
        ("en-US,en;q=0.9", "en-US"),
        ("fr-FR,fr;q=0.9,de;q=0.5,en;q=0.4", "de-DE"),
        ("ja", "en-GB"),
        ("de;q=0,en", "en-GB"),
        ("de;q=nonsense", "en-GB"),
        ("de-XX", "de-DE"),
        ("*", "en-GB"),
        ("," * 5000, "en-GB"),
    ],
)
async def test_a_page_speaks_what_the_browser_asks_for(api: Api, header: str, spoken: str) -> None:
    assert language(await api.get("/", headers={"Accept-Language": header})) == spoken


async def test_a_choice_in_the_address_is_kept_for_the_next_page(api: Api) -> None:
    chosen = await api.get("/?lang=de")
    next_page = await api.get("/", headers={"Cookie": "language=de"})

    assert language(chosen) == language(next_page) == "de-DE"
    assert chosen.headers["set-cookie"].startswith("language=de;")
    assert chosen.headers["cache-control"] == "private, no-cache"
    assert next_page.headers["cache-control"].startswith("public")


async def test_a_choice_keeps_the_region_of_the_browser(api: Api) -> None:
    swiss = {"Accept-Language": "de-CH", "Cookie": "language=de"}

    assert language(await api.get("/", headers=swiss)) == "de-CH"


@pytest.mark.parametrize("lang", ["xx", "", "de-AT", "../de", "de" * 500])
async def test_a_language_that_is_not_there_is_passed_over(api: Api, lang: str) -> None:
    answer = await api.get(f"/?lang={lang}")

    assert language(answer) == "en-GB"
    assert "set-cookie" not in answer.headers


async def test_caches_are_told_what_a_page_depends_on(api: Api) -> None:
    assert (await api.get("/")).headers["vary"] == "Accept-Encoding, Accept-Language, Cookie"


async def test_the_switcher_leads_to_the_same_page_in_the_other_language(api: Api) -> None:
    text = (await api.get("/?q=haydn&lang=en")).text

    assert 'href="/?q=haydn&amp;lang=de" lang="de"' in text
    assert "lang=en&amp;lang=de" not in text
