"""What people with a browser are told when something does not go: what happened, what it means, the next step. Programs get problems."""

import re
from html import unescape
from typing import Any

import pytest

from tests.support.houses import Api, make_house
from ticketing.base.errors import every_refusal
from ticketing.base.store import Busy, Page
from ticketing.site.told import WORDS
from ticketing.storage.memory import MemoryStore
from ticketing.web.limits import LIMITS, LimitKind

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class FailingStore(MemoryStore):
    """A store that answers every list with this error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def query(self, *_: Any, **__: Any) -> Page:
        """Raises."""
        raise self.error


@pytest.fixture
def api() -> Api:
    """A house in memory."""
    return Api(make_house())


def words(text: str) -> str:
    """What a page says."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", text.partition("<main")[2])).split())


async def test_a_person_gets_a_page_and_a_program_a_problem(api: Api) -> None:
    person = await api.get("/nowhere", headers=BROWSER)
    program = await api.get("/nowhere")

    assert (person.status_code, program.status_code) == (404, 404)
    assert person.headers["content-type"] == "text/html; charset=utf-8"
    assert program.headers["content-type"] == "application/problem+json"
    assert "This page is not here" in words(person.text)
    assert 'href="/"' in person.text.partition("<main")[2]


@pytest.mark.parametrize("path", ["/v1/events/evt_none", "/v1/nowhere", "/static/0/none.css", "/brand/none.css"])
async def test_what_programs_ask_for_stays_a_problem_in_a_browser_too(api: Api, path: str) -> None:
    answer = await api.get(path, headers=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_page_of_a_refusal_is_kept_by_nobody_and_not_indexed(api: Api) -> None:
    answer = await api.get("/nowhere", headers=BROWSER)

    assert answer.headers["cache-control"] == "private, no-store"
    assert '<meta name="robots" content="noindex">' in answer.text
    assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_a_refusal_is_told_in_the_visitors_language(api: Api) -> None:
    answer = await api.get("/nowhere", headers=BROWSER | {"Accept-Language": "de"})

    assert "Diese Seite gibt es nicht" in words(answer.text)
    assert answer.headers["content-language"] == "de-DE"


async def test_a_busy_house_says_that_places_are_kept_and_tries_again_by_itself() -> None:
    answer = await Api(make_house(FailingStore(Busy()))).get("/", headers=BROWSER)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert '<meta http-equiv="refresh" content="5">' in answer.text
    assert "still held" in words(answer.text)


async def test_who_is_too_fast_is_told_when_it_goes_on() -> None:
    api = Api(make_house(rate_limits=True))
    limiter = api.app.state.limiter
    for _ in range(LIMITS[LimitKind.READ_FROM_ADDRESS].count):
        limiter.allow(LimitKind.READ_FROM_ADDRESS, "127.0.0.1", limiter.now_seconds())

    answer = await api.get("/", headers=BROWSER)

    assert answer.status_code == 429
    assert "That was a little fast" in words(answer.text)
    assert int(answer.headers["retry-after"]) >= 1


async def test_a_mistake_of_ours_tells_nothing_about_the_inside() -> None:
    answer = await Api(make_house(FailingStore(RuntimeError("secret detail")))).get("/", headers=BROWSER)

    assert answer.status_code == 500
    assert "Something broke on our side" in words(answer.text)
    assert "never charged twice" in words(answer.text)
    assert "secret detail" not in answer.text
    assert answer.headers["x-request-id"]


async def test_the_way_back_leads_to_where_the_visitor_came_from_and_never_elsewhere(api: Api) -> None:
    base = api.house.settings.base_url
    ours = await api.get("/nowhere", headers=BROWSER | {"Referer": f"{base}/?q=haydn"})
    theirs = await api.get("/nowhere", headers=BROWSER | {"Referer": "https://evil.example/?q=haydn"})

    assert 'href="/?q=haydn"' in ours.text
    assert "evil" not in theirs.text


def test_every_refusal_that_has_words_exists() -> None:
    codes = {each.code for each in every_refusal()} | {"internal"}

    assert set(WORDS) - codes == set()
