"""Houses for tests: a store, a clock that stands still until it is moved, repeatable entropy, and a client of the API."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from ticketing.accounts.model import Session, User, UserType, email_marker, username_marker
from ticketing.accounts.store import session_record, user_record
from ticketing.base.changes import Insert
from ticketing.base.house import House, Keys, Settings, secret_hash
from ticketing.base.store import Store
from ticketing.schema.tables import SESSIONS, UNIQUES, USERS
from ticketing.site.app import build_app
from ticketing.storage.memory import MemoryStore
from ticketing.storage.memory_search import MemorySearch

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
MASTER = b"a master secret for tests, 32 bytes or more"


class StandingClock:
    """Shows the same time until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now

    def now(self) -> datetime:
        """The time it shows."""
        return self.time

    def move(self, **by: float) -> None:
        """Moves on by a timedelta's arguments: `clock.move(minutes=15)`."""
        self.time += timedelta(**by)


class RepeatableEntropy:
    """The same bits in every run."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def bits(self, count: int) -> int:
        """`count` bits that look random."""
        return self._random.getrandbits(count)


def make_house(store: Store | None = None, *, clock: StandingClock | None = None, **settings: Any) -> House:
    """A house in test mode over a store (in memory where none is given), searched by reading all of it."""
    store = store if store is not None else MemoryStore()
    return House(
        store=store,
        search=MemorySearch(store),
        clock=clock if clock is not None else StandingClock(),
        entropy=RepeatableEntropy(),
        keys=Keys(MASTER),
        settings=replace(Settings(test_mode=True, rate_limits=False), **settings),
    )


async def sign_up(house: House, name: str, user_type: UserType = UserType.REGULAR) -> str:
    """A user `name@example.org` of this type is stored with a session; the session's token. Password hashes are not made."""
    now = house.clock.now()
    user = User(
        user_id=house.new_id("usr", now),
        username=name,
        email=f"{name}@example.org",
        password="not a hash",
        first_name=name.capitalize(),
        last_name="Example",
        phone=None,
        address=None,
        user_type=user_type,
        organizer_requested=False,
        created_date_time=now,
        version=1,
    )
    markers = (email_marker(user.email), username_marker(name))
    secret = house.new_secret()
    session = Session(house.new_id("ses", now), user.user_id, secret_hash(secret), now, now + timedelta(days=365))
    taken = (Insert(UNIQUES, {"name": marker, "target_id": user.user_id}) for marker in markers)
    await house.store.commit((Insert(USERS, user_record(user)), *taken))
    await house.store.commit((Insert(SESSIONS, session_record(session)),))
    return f"{session.session_id}.{secret}"


class Api:
    """A client of the API of a house, over the whole application without a network."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.app = build_app(house)
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, raise_app_exceptions=False), base_url=house.settings.base_url
        )

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request; `token` goes into Authorization, `key` into Idempotency-Key."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if key is not None:
            sent["Idempotency-Key"] = key
        return await self._client.request(method, path, json=body, headers=sent)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """GET."""
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """POST."""
        return await self.call("POST", path, body, **more)

    async def patch(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """PATCH."""
        return await self.call("PATCH", path, body, **more)

    async def delete(self, path: str, **more: Any) -> httpx.Response:
        """DELETE."""
        return await self.call("DELETE", path, **more)
