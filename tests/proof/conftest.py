"""What proofs share: a file in which a random sale has been busy, made once."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.busy import busy_file
from ticketing.base.house import House

SEED = 20270301


@dataclass(frozen=True, slots=True)
class Busy:
    """A closed database that is sound, and the house in which it was made."""

    path: Path
    house: House


@pytest.fixture(scope="session")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Busy:
    """The file; tests copy it before they harm it."""
    path = tmp_path_factory.mktemp("busy") / "ticket.db"
    return Busy(path, asyncio.run(busy_file(path, seed=SEED)))
