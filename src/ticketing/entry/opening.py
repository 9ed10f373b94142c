"""Opens the house of some settings: whatever serves it, it is opened here. Imports no driver but the one that is asked for."""

from dataclasses import dataclass
from typing import Final

from ticketing.admission.wallet.offered import Wallets
from ticketing.base.house import House, Keys
from ticketing.entry.config import Config
from ticketing.entry.mail import sender_of
from ticketing.entry.secret import SecretMissing, SecretWrong, load_secret
from ticketing.entry.wallets import CannotSign, wallets_of
from ticketing.gateways.clock import SystemClock, SystemEntropy
from ticketing.storage.opening import CannotOpen, Opened, OpenStore, open_any


class NowhereToTell(RuntimeError):
    """A password would be made up for the first admin, and nobody could read it."""


CANNOT_START: Final = (CannotOpen, SecretMissing, SecretWrong, NowhereToTell, CannotSign)
"""Why a house does not open. Each says in its message what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class OpenHouse:
    """A house over a store that was opened for it, to be closed when done."""

    house: House
    opened: Opened
    wallets: Wallets

    @property
    def store(self) -> OpenStore:
        """The store, which is to be closed."""
        return self.opened.store


def open_house(config: Config) -> OpenHouse:
    """The house of these settings; store and secret are made where there are none. Raises what `CANNOT_START` lists."""
    wallets = wallets_of(config, organization=sender_of(config).name)
    keys = Keys(load_secret(config.database_file, given=config.optional("secret")))
    opened = open_any(config.text("database_url"))
    house = House(
        store=opened.store,
        search=opened.search,
        clock=SystemClock(),
        entropy=SystemEntropy(),
        keys=keys,
        settings=config.settings(),
    )
    return OpenHouse(house, opened, wallets)
