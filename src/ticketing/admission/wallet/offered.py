"""Which wallets this site can put tickets into: those that the settings have keys for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Depends
from starlette.requests import Request

from ticketing.admission.rules import WalletNotOffered

if TYPE_CHECKING:  # what signs takes a sixth of a second to import, which a site without keys need not wait for
    from ticketing.admission.wallet.apple import ApplePasses
    from ticketing.admission.wallet.google import GooglePasses

APPLE_MEDIA: Final = "application/vnd.apple.pkpass"


class WrongKeys(ValueError):
    """What was given as certificate and key cannot sign; the message says why."""


@dataclass(frozen=True, slots=True)
class Wallets:
    """What signs for each wallet; None where there is no key."""

    apple: "ApplePasses | None" = None
    google: "GooglePasses | None" = None

    def for_apple(self) -> "ApplePasses":
        """What signs for Apple's. Raises WalletNotOffered."""
        if self.apple is None:
            raise WalletNotOffered
        return self.apple

    def for_google(self) -> "GooglePasses":
        """What signs for Google's. Raises WalletNotOffered."""
        if self.google is None:
            raise WalletNotOffered
        return self.google


def wallets_of(request: Request) -> Wallets:
    """The wallets of this application."""
    wallets: Wallets = request.app.state.wallets
    return wallets


async def _wallets(request: Request) -> Wallets:
    return wallets_of(request)


TheWallets = Annotated[Wallets, Depends(_wallets)]
