"""What is left of an event, told as it changes: who is told what and when, the bounds, and how streams end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from tests.faces.test_pages import soon
from tests.support.events import BALCONY, created, published_concert
from tests.support.houses import Api
from ticketing.catalog.watching import Watches
from ticketing.schema.tables import EVENTS

PATIENCE = 20


class Listener:
    """A browser that keeps one stream open."""

    def __init__(self, app: Any, path: str, client: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._leaves = asyncio.Event()
        self._asked = False
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"text/event-stream")],
            "client": (client, 1),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        if message["body"]:
            self.parts.put_nowait(message["body"])
        if not message.get("more_body"):
            self.parts.put_nowait(None)

    async def part(self) -> bytes | None:
        """The next part of the answer as it comes; None where it is over."""
        return await asyncio.wait_for(self.parts.get(), PATIENCE)

    async def told(self) -> dict[str, Any]:
        """The next message."""
        part = await self.part()
        assert part is not None
        assert part.startswith(b"data: ")
        assert part.endswith(b"\n\n")
        message: dict[str, Any] = orjson.loads(part[6:])
        return message

    async def leave(self) -> None:
        """The browser closes the connection."""
        self._leaves.set()
        await asyncio.wait_for(self.task, PATIENCE)


@asynccontextmanager
async def listening(api: Api, path: str, client: str = "192.0.2.1") -> AsyncIterator[Listener]:
    listener = Listener(api.app, f"{path.removeprefix('/v1')}/availability", client)
    try:
        yield listener
    finally:
        await listener.leave()


@pytest.fixture
async def concert(api: Api, ada: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of an event with one type of ticket; it is read every few milliseconds, so that nobody waits."""
    monkeypatch.setattr("ticketing.catalog.watching.EVERY_SECONDS", 0.01)
    path = await published_concert(api, token=ada, **soon(hours=24))
    await created(api, f"{path}/ticket-types", BALCONY | {"quantity": 5}, token=ada)
    return path


async def type_of(api: Api, path: str) -> str:
    return str((await api.get(f"{path}/ticket-types")).json()["data"][0]["ticket_type_id"])


async def change(api: Api, token: str, path: str, **fields: Any) -> None:
    answer = await api.patch(f"/v1/ticket-types/{await type_of(api, path)}", fields, token=token)
    assert answer.status_code == 200, answer.text


async def test_a_listener_is_told_what_is_left_at_once_and_again_when_it_changes(
    api: Api, ada: str, concert: str
) -> None:
    type_id = await type_of(api, concert)

    async with listening(api, concert) as listener:
        first = await listener.told()
        await change(api, ada, concert, quantity=2)
        second = await listener.told()
        await change(api, ada, concert, quantity=0)
        third = await listener.told()

    assert listener.status == 200
    assert listener.headers["content-type"].startswith("text/event-stream")
    assert listener.headers["cache-control"] == "no-store"
    assert first == {"status": "upcoming", "types": {type_id: {"status": "on_sale", "most": 4, "left": 5}}}
    assert second["types"][type_id] == {"status": "on_sale", "most": 2, "left": 2}
    assert third["types"][type_id] == {"status": "sold_out", "most": 0, "left": None}


async def test_nothing_is_said_while_nothing_changes_but_a_heartbeat(
    api: Api, concert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.catalog.watching.HEARTBEAT_SECONDS", 0.05)

    async with listening(api, concert) as listener:
        await listener.told()

        assert await listener.part() == b":\n\n"


async def test_all_who_listen_share_one_read_and_nobody_costs_a_place_among_requests(
    api: Api, concert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.catalog.watching.EVERY_SECONDS", PATIENCE)
    watches: Watches = api.app.state.watches
    opened = [Listener(api.app, f"{concert.removeprefix('/v1')}/availability", f"192.0.2.{each}") for each in range(5)]
    for listener in opened:
        await listener.told()
    reads = 0
    read = api.house.store.get

    async def counted(table: Any, key: Any) -> Any:
        nonlocal reads
        reads += table is EVENTS
        return await read(table, key)

    monkeypatch.setattr(type(api.house.store), "get", lambda _self, table, key: counted(table, key))

    assert (watches.count, watches.events) == (5, 1)
    assert api.app.state.metrics.in_flight == 0
    await asyncio.sleep(0.1)
    assert reads == 0
    for listener in opened:
        await listener.leave()
    assert (watches.count, watches.events) == (0, 0)


async def test_who_leaves_frees_the_place(api: Api, concert: str) -> None:
    watches: Watches = api.app.state.watches

    async with listening(api, concert) as listener:
        await listener.told()
        assert watches.count == 1

    assert (watches.count, watches.events) == (0, 0)


async def test_past_the_bound_of_a_process_and_of_a_client_it_is_refused(
    api: Api, concert: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketing.catalog.watching.WATCHES_MAX", 3)
    monkeypatch.setattr("ticketing.catalog.watching.WATCHES_PER_CLIENT_MAX", 2)

    async with listening(api, concert) as one, listening(api, concert) as two:
        await one.told()
        await two.told()
        async with listening(api, concert) as greedy:
            await greedy.part()
        async with listening(api, concert, "192.0.2.2") as other:
            await other.told()
            async with listening(api, concert, "192.0.2.3") as late:
                await late.part()

    assert (greedy.status, late.status) == (429, 503)
    assert greedy.headers["retry-after"] == late.headers["retry-after"] == "30"


async def test_streams_end_when_the_process_is_about_to_stop(api: Api, concert: str) -> None:
    watches: Watches = api.app.state.watches

    async with listening(api, concert) as listener:
        await listener.told()
        watches.close()

        assert await listener.part() is None
        async with listening(api, concert) as late:
            await late.part()
    assert late.status == 503
    assert watches.count == 0


async def test_a_stream_ends_after_a_while(api: Api, concert: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketing.catalog.watching.WATCH_SECONDS_MAX", 0.05)
    monkeypatch.setattr("ticketing.catalog.watching.HEARTBEAT_SECONDS", 0.02)

    async with listening(api, concert) as listener:
        await listener.told()
        while (part := await listener.part()) is not None:
            assert part == b":\n\n"


async def test_a_draft_and_nothing_have_no_stream(api: Api, ada: str) -> None:
    wish = {"event_name": "Secret", "currency": "EUR", "timezone": "UTC"} | soon(hours=24)
    draft = await created(api, "/v1/events", wish, token=ada)

    for path in (draft, "/v1/events/evt_none"):
        assert (await api.get(f"{path.removeprefix('/v1')}/availability")).status_code == 404


async def test_where_no_streams_are_offered_the_page_asks_for_none(api: Api, concert: str) -> None:
    page = concert.removeprefix("/v1")
    assert "data-live=" in (await api.get(page)).text

    api.app.state.watches = None

    assert "data-live=" not in (await api.get(page)).text
    assert "event.js" not in (await api.get(page)).text
    assert (await api.get(f"{page}/availability")).status_code == 404
