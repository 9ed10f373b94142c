"""The API on every engine, with a store in which something can happen between an action's reading and its commit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.houses import Api, StandingClock, make_house, sign_up
from tests.support.meanwhile import MeanwhileStore
from tests.support.shopping import Shopping
from tests.support.stores import ENGINES
from ticketing.accounts.model import UserType
from ticketing.base.store import Store
from ticketing.schema.tables import TABLES


@pytest.fixture(params=ENGINES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store with the tables of the house: the test runs once on every engine that a house can be opened on."""
    async with ENGINES[request.param](tmp_path, TABLES) as opened:
        yield opened


@pytest.fixture
def meanwhile(store: Store) -> MeanwhileStore:
    """The store that the API works on; what it is told to let happen comes before the next commit."""
    return MeanwhileStore(store)


@pytest.fixture
def clock() -> StandingClock:
    """The clock of that house, which stands until it is moved."""
    return StandingClock()


@pytest.fixture
def api(meanwhile: MeanwhileStore, clock: StandingClock) -> Api:
    """The API of a house over that store."""
    return Api(make_house(meanwhile, clock=clock))


@pytest.fixture
def shopping(store: Store) -> Shopping:
    """Shops over that store, for buyers with a browser without scripts."""
    return Shopping(store)


@pytest.fixture
async def ada(api: Api) -> str:
    """The token of an organizer."""
    return await sign_up(api.house, "ada", UserType.ORGANIZER)


@pytest.fixture
async def root(api: Api) -> str:
    """The token of an admin."""
    return await sign_up(api.house, "root", UserType.ADMIN)
