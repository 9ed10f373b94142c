"""Opens the house of some settings: whatever serves it, it is opened here. Imports no driver but the one that is asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ticketing.base.house import House, Keys
from ticketing.entry.config import Config
from ticketing.entry.jobs import Purge
from ticketing.entry.secret import SecretMissing, SecretWrong, load_secret
from ticketing.gateways.clock import SystemClock, SystemEntropy
from ticketing.storage.coalesce import CoalescedStore


class CannotOpen(RuntimeError):
    """The store cannot be opened; the message says what is wrong and what to do."""


CANNOT_START: Final = (CannotOpen, SecretMissing, SecretWrong)
"""Why a house does not open. Each says in its message what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class OpenHouse:
    """A house over its store, to be closed when done. `purge` deletes what ran out; None where the store does it by itself."""

    house: House
    store: CoalescedStore
    database: Path
    purge: Purge | None


def open_house(config: Config) -> OpenHouse:
    """The house of these settings; store and secret are made where there are none. Raises what `CANNOT_START` lists."""
    from ticketing.storage.sql.opening import CANNOT_OPEN, open_store, search_of
    from ticketing.storage.sql.purge import purge

    database = config.database
    keys = Keys(load_secret(database, given=config.optional("secret")))
    try:
        store = open_store(database)
    except CANNOT_OPEN as error:
        raise CannotOpen(str(error)) from error
    house = House(
        store=store,
        search=search_of(store),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        keys=keys,
        settings=config.settings(),
    )
    return OpenHouse(house, store, database, lambda now: purge(database, now=now))
