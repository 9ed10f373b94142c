"""Settings of every test: the event loop that coroutine tests run on, and how hypothesis searches."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.support import postgres

# Repeatable by default, so that a red run is about the change at hand; HYPOTHESIS_PROFILE=explore searches anew.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_configure(config: pytest.Config) -> None:
    """The process that begins a run of tests says so to its workers."""
    if not hasattr(config, "workerinput"):
        postgres.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """What was started for the whole run is stopped."""
    if not hasattr(config, "workerinput"):
        postgres.end_run()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The backend of every `async def test_...`: anyio runs them, no marker needed (anyio_mode = "auto")."""
    return "asyncio"
