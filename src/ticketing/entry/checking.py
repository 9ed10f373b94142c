"""What is wrong with settings that can be read, and what may not be meant so: each a sentence. Changes nothing."""

import ipaddress
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from ticketing.entry.config import BY_NAME, SECRET_LENGTH_MIN, SETTINGS, Config, Survey
from ticketing.entry.secret import secret_file
from ticketing.entry.wallets import CannotSign, wallets_of
from ticketing.storage.drivers import install_command
from ticketing.storage.opening import POSTGRESQL, kind_of

HOLD_SECONDS_USUAL_MIN: Final = 120
"""Whoever types a name and a card's number needs about two minutes."""
TRANSFER_SECONDS_USUAL_MIN: Final = 24 * 3600
"""A bank transfer takes a working day."""
SQLITE: Final = "sqlite:///"
SSL_SURE: Final = ("require", "verify-ca", "verify-full")
"""With these, nothing is told to a PostgreSQL that does not encrypt; with others, whoever stands between may take that off."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence about one setting. `is_wrong` says that Ticket will not work so; otherwise somebody should look whether it is meant."""

    setting: str
    detail: str
    is_wrong: bool


def remarks(found: Survey) -> list[Remark]:
    """Everything that is wrong with these settings, then everything that may not be meant so."""
    config = found.config
    wrong = [Remark("", problem, True) for problem in found.problems]
    told = [Remark("", note, False) for note in config.notes]
    told += [*_file(found), *_address(config), *_sale(config), *_mail(config), *_wallets(config)]
    if "database_url" not in found.wrong:
        told += [*_database(config), *_secret(found)]
    return wrong + sorted(told, key=lambda remark: not remark.is_wrong)


def _wrong(name: str, detail: str) -> Remark:
    return Remark(BY_NAME[name].variable, detail, True)


def _doubt(name: str, detail: str) -> Remark:
    return Remark(BY_NAME[name].variable, detail, False)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine can reach a server that listens on this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_public(config: Config) -> bool:
    """Whether these settings look like those of a house that others buy from: its public address is not this machine's."""
    given = config.optional("base_url")
    return given is not None and not is_loopback(urlsplit(given).hostname or "")


def can_be_read_by_others(path: Path) -> bool:
    """Whether anyone but the owner may read this file."""
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _file(found: Survey) -> Iterator[Remark]:
    """The settings file: secrets in it are to be its owner's alone."""
    file = found.file
    if file is None or not file.exists():
        return
    held = [setting for setting in SETTINGS if setting.is_secret and found.config.sources[setting.name] == file.name]
    if held and can_be_read_by_others(file):
        names = ", ".join(setting.name for setting in held)
        yield Remark(held[0].variable, f"{file} holds {names} and can be read by others: chmod 600 {file}.", True)


def _address(config: Config) -> Iterator[Remark]:
    given = config.optional("base_url")
    if given is None and not is_loopback(config.text("host")):
        yield _doubt(
            "base_url",
            f"is not set, so links in pages and mails lead to {config.base_url}, and requests may name any host: "
            "set it to the address that buyers use.",
        )
    if is_public(config) and str(given).startswith("http://"):
        yield _doubt(
            "base_url",
            f"{given} is not encrypted: passwords, tickets and what buyers tell can be read on the way. "
            "Let a proxy end TLS, and use https here.",
        )
    if is_public(config) and str(given).startswith("https://") and not config.text("trusted_proxies"):
        yield _doubt(
            "trusted_proxies",
            "is not set, though a proxy seems to end TLS: all clients count as one, and share the rate limits.",
        )
    if is_public(config) and config.text("admin_email") == BY_NAME["admin_email"].default:
        yield _doubt("admin_email", "is the default, which is nobody's address: mails to the admin go nowhere.")


def _sale(config: Config) -> Iterator[Remark]:
    if config.switch("test_mode"):
        yield _doubt("test_mode", "is on: whoever chooses the payment `test` gets tickets without paying.")
    if not config.switch("rate_limits"):
        yield _doubt(
            "rate_limits", "is off: passwords can be guessed as fast as they come, unless a proxy limits that."
        )
    if config.number("hold_seconds") < HOLD_SECONDS_USUAL_MIN:
        yield _doubt("hold_seconds", f"{config.number('hold_seconds')} seconds are little time to type a name and pay.")
    if config.number("transfer_hold_seconds") < TRANSFER_SECONDS_USUAL_MIN:
        yield _doubt("transfer_hold_seconds", "is less than a day, and a bank transfer takes a working day.")
    if config.number("transfer_hold_seconds") < config.number("hold_seconds"):
        yield _doubt("transfer_hold_seconds", "is less than TICKET_HOLD_SECONDS: choosing a transfer loses time.")


def _mail(config: Config) -> Iterator[Remark]:
    if config.optional("smtp_url") is None:
        yield _doubt("smtp_url", "is not set: no mail is sent.")


def _wallets(config: Config) -> Iterator[Remark]:
    """Keys that cannot sign, and key files that others can read."""
    try:
        wallets_of(config, organization="")
    except CannotSign as why:
        yield _wrong(why.setting, why.detail)
    for name in ("wallet_apple_key", "wallet_google_key"):
        given = config.optional(name)
        if given is not None and "\n" not in given and Path(given).is_file() and can_be_read_by_others(Path(given)):
            yield _doubt(name, f"{given} can be read by others: chmod 600 {given}.")


def _database(config: Config) -> Iterator[Remark]:
    url = config.text("database_url")
    if not url.startswith(SQLITE):
        yield from _elsewhere(url)
        return
    database = config.database
    if database.is_dir():
        yield _wrong("database_url", f"{database} is a folder: name a file in it.")
    elif database.exists():
        if not os.access(database, os.R_OK | os.W_OK):
            yield _wrong("database_url", f"{database} cannot be read and written by this user.")
        elif can_be_read_by_others(database):
            yield _doubt("database_url", f"{database} can be read by others: chmod 600 {database}.")
    folder = _nearest(database.absolute().parent)
    if not folder.is_dir():
        yield _wrong("database_url", f"{folder} is not a folder, so {database} cannot be made in it.")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield _wrong("database_url", f"nothing can be written into the folder {folder} by this user.")
    if config.number("workers") > 1:
        yield _doubt("workers", "is more than 1, and one SQLite file is written fastest by one process.")


def _elsewhere(url: str) -> Iterator[Remark]:
    """A database that is no file: its driver is there, and the way to it is closed to others."""
    is_postgres = kind_of(url) == POSTGRESQL
    extra, driver = ("postgres", "asyncpg") if is_postgres else ("dynamodb", "botocore")
    if find_spec(driver) is None:
        command = install_command(extra, driver)
        yield _wrong("database_url", f"needs {driver}, which is not installed where Ticket is: {command}")
    parts = urlsplit(url)
    asked = parse_qs(parts.query).get("sslmode", ["prefer"])[-1]
    if is_postgres and asked not in SSL_SURE and _is_far(parts.hostname or ""):
        yield _doubt(
            "database_url",
            f"leads to {parts.hostname} without asking for encryption: add ?sslmode=verify-full&sslrootcert=FILE, with the certificate "
            "of who signed the server's, or sslmode=require where nobody can stand between.",
        )


def _is_far(host: str) -> bool:
    """Whether the way to a host may lead through networks of others: it is no address of one's own, and no short name in it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." in host and not is_loopback(host)
    return not address.is_private


def _nearest(folder: Path) -> Path:
    """This folder, or the nearest above it that is there, in which it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _secret(found: Survey) -> Iterator[Remark]:
    """The master secret: of a house with data it has to be there, for its owner alone."""
    config = found.config
    if config.optional("secret") is not None or "secret" in found.wrong:
        return
    if not config.text("database_url").startswith(SQLITE):
        yield _wrong("secret", "is not set, and a database that is no file has nothing beside it to keep one in.")
        return
    path = secret_file(config.database)
    try:
        if not path.exists():
            if config.database.exists() and config.database.stat().st_size > 0:
                yield _wrong("secret", f"{config.database} is there, but its secret {path} is not: restore it.")
        elif not os.access(path, os.R_OK):
            yield _wrong("secret", f"{path} cannot be read by this user.")
        elif can_be_read_by_others(path):
            yield _wrong("secret", f"{path} can be read by others: chmod 600 {path}.")
        elif len(path.read_bytes().strip()) < SECRET_LENGTH_MIN:
            yield _wrong("secret", f"{path} does not hold a secret: restore it.")
    except OSError as error:
        yield _wrong("secret", f"{path} cannot be looked at: {error.strerror}.")
