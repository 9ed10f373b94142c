"""The wallets that the settings have keys for. Keys are read once, when a process starts."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ticketing.admission.wallet.offered import Wallets, WrongKeys
from ticketing.entry.config import BY_NAME, Config

if TYPE_CHECKING:
    from ticketing.admission.wallet.apple import ApplePasses
    from ticketing.admission.wallet.google import GooglePasses

APPLE: Final = ("wallet_apple_certificate", "wallet_apple_key", "wallet_apple_intermediate")
GOOGLE: Final = ("wallet_google_issuer", "wallet_google_key")
FILE_BYTES_MAX: Final = 100_000
"""A certificate or key has a few thousand; whatever is larger is another file."""


class CannotSign(RuntimeError):
    """The keys for a wallet are not good. `setting` names one of them; the message says what is wrong with it."""

    def __init__(self, setting: str, detail: str) -> None:
        super().__init__(f"{BY_NAME[setting].variable}: {detail}")
        self.setting = setting
        self.detail = detail


def wallets_of(config: Config, *, organization: str) -> Wallets:
    """What signs for each wallet; `organization` is whose tickets they are. Raises CannotSign."""
    return Wallets(_apple(config, organization), _google(config, organization))


def _apple(config: Config, organization: str) -> "ApplePasses | None":
    if not _is_wanted(config, APPLE):
        return None
    from ticketing.admission.wallet.apple import apple_passes

    certificate, key, intermediate = (_content(config, name) for name in APPLE)
    try:
        return apple_passes(
            certificate=certificate,
            key=key,
            key_password=config.optional("wallet_apple_key_password"),
            intermediate=intermediate,
            organization=organization,
        )
    except WrongKeys as wrong:
        raise CannotSign("wallet_apple_certificate", f"passes cannot be signed: {wrong}.") from wrong


def _google(config: Config, organization: str) -> "GooglePasses | None":
    if not _is_wanted(config, GOOGLE):
        return None
    from ticketing.admission.wallet.google import google_passes

    try:
        return google_passes(
            issuer=config.text("wallet_google_issuer"),
            key=_content(config, "wallet_google_key"),
            organization=organization,
        )
    except WrongKeys as wrong:
        raise CannotSign("wallet_google_key", f"tickets cannot be signed: {wrong}.") from wrong


def _is_wanted(config: Config, names: tuple[str, ...]) -> bool:
    """Whether any of these is set; then all have to be. Raises CannotSign."""
    missing = [name for name in names if config.optional(name) is None]
    if len(missing) == len(names):
        return False
    if missing:
        others = ", ".join(BY_NAME[name].variable for name in names if name not in missing)
        raise CannotSign(missing[0], f"is not set, and {others} needs it.")
    return True


def _content(config: Config, name: str) -> bytes:
    """The setting's file, or the setting itself where it is what would stand in one. Raises CannotSign."""
    text = config.text(name)
    if "-----BEGIN" in text or text.lstrip().startswith("{"):
        return text.encode()
    try:
        with Path(text).open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise CannotSign(name, f"the file cannot be read: {error.strerror}.") from error
    if len(content) > FILE_BYTES_MAX:
        raise CannotSign(name, f"the file has more than {FILE_BYTES_MAX} bytes, so that it is no key.")
    return content
