"""Whether the server lives, whether it can sell, and its figures."""

import asyncio
from datetime import datetime
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ticketing.base.bounds import COMMITS_WAITING_MAX
from ticketing.base.changes import Claim
from ticketing.base.house import House
from ticketing.base.store import Busy, Conflict
from ticketing.schema.tables import LEASES
from ticketing.site.metrics import TEXT, CountsCommits, Metrics
from ticketing.web.bodies import Shown
from ticketing.web.replies import Answer, respond
from ticketing.web.routing import TheHouse

routes = APIRouter(tags=["health"])

STORE_SECONDS_MAX: Final = 2.0
"""A commit takes milliseconds; a store that needs longer than this cannot sell."""
KEPT_SECONDS: Final = 1.0
"""The store is looked at so often at most, however many ask: each look is a durable commit."""
_NAME: Final = "readiness"


class LiveShown(Shown):
    """That the process answers."""

    status: str


class ReadyShown(Shown):
    """Whether it can sell, and what is wrong where it cannot."""

    status: str
    wrong: list[str]


@routes.get("/health/live", summary="Does it live?", response_model=LiveShown)
async def get_live() -> Response:
    """200 as long as the process answers. Asks nothing of the store."""
    return respond(Answer(200, {"status": "live"}, {"Cache-Control": "no-store"}))


@routes.get("/health/ready", summary="Can it sell?", response_model=ReadyShown, responses={503: {"model": ReadyShown}})
async def get_ready(request: Request) -> Response:
    """200 where the store can be read and written within two seconds, else 503 with what is wrong."""
    readiness: Readiness = request.app.state.readiness
    wrong = await readiness.wrong()
    headers = {"Cache-Control": "no-store"}
    if wrong:
        return respond(Answer(503, {"status": "not ready", "wrong": list(wrong)}, headers | {"Retry-After": "1"}))
    return respond(Answer(200, {"status": "ready", "wrong": []}, headers))


@routes.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def get_metrics(request: Request, _house: TheHouse) -> Response:
    """Requests by route and status, their times, orders, refusals by code, commits by batch. With several processes each has its label."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.written(), headers={"Cache-Control": "no-store"}, media_type=TEXT)


class Readiness:
    """Looks at the store, at most once a second for all who ask."""

    def __init__(self, house: House, *, seconds_max: float = STORE_SECONDS_MAX) -> None:
        self._house = house
        self._seconds_max = seconds_max
        self._look: asyncio.Task[tuple[str, ...]] | None = None
        self._looked_at = 0.0

    async def wrong(self) -> tuple[str, ...]:
        """What keeps the house from selling; empty where nothing does."""
        now = asyncio.get_running_loop().time()
        look = self._look
        if look is None or (look.done() and now - self._looked_at >= KEPT_SECONDS):
            look = self._look = asyncio.create_task(self._wrong())
            self._looked_at = now
        return await asyncio.shield(look)

    async def _wrong(self) -> tuple[str, ...]:
        house = self._house
        wrong: list[str] = []
        try:
            async with asyncio.timeout(self._seconds_max):
                await house.store.get(LEASES, (_NAME,))
        except TimeoutError:
            wrong.append(f"The store was not read within {self._seconds_max} seconds.")
        except Exception:
            wrong.append("The store cannot be read.")
        try:
            async with asyncio.timeout(self._seconds_max):
                await house.store.commit((_mark(house.clock.now()),))
        except Conflict:
            pass  # another process marked it at this moment: the store decided, and that is what we wanted to see
        except TimeoutError:
            wrong.append(f"The store was not written within {self._seconds_max} seconds.")
        except Busy:
            # A full queue is a store at work, not a broken one.
            store = house.store
            if not (isinstance(store, CountsCommits) and store.waiting >= COMMITS_WAITING_MAX):
                wrong.append("The store takes no writes. Is the disk full, or read-only?")
        except Exception:
            wrong.append("The store cannot be written.")
        return tuple(wrong)


def _mark(now: datetime) -> Claim:
    return Claim(LEASES, {"name": _NAME, "holder": "health", "expires_at": now}, now)
