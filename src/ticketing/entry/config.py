"""The settings of a process: from the environment, from one TOML file, or by default, each with its source.

`SETTINGS` is the one list of them; `docs/settings.md` is compared with it by a test.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast
from urllib.parse import SplitResult, urlsplit

from ticketing.base.bounds import (
    EMAIL_LENGTH_MAX,
    HOLD_SECONDS_MAX,
    NAME_LENGTH_MAX,
    PASSWORD_LENGTH_MAX,
    PASSWORD_LENGTH_MIN,
)
from ticketing.base.house import Settings
from ticketing.web.proxies import BadProxies, ForwardedHeader, TrustedProxies, trusted_proxies

PREFIX: Final = "TICKET_"
FILE_VARIABLE: Final = "TICKET_CONFIG"
FILE_NAME: Final = "ticket.toml"
DEFAULT: Final = "default"
SECRET_LENGTH_MIN: Final = 32
"""Characters of the master secret: what `ticket` makes has 43, which carry 256 bits."""
TRANSFER_HOLD_SECONDS_MAX: Final = 60 * 24 * 3600
"""Two months: who has not paid by then does not come."""
WORKERS_MAX: Final = 64

Value: TypeAlias = str | int | bool | None


class Wrong(ValueError):
    """A value that a setting cannot have, and what it can have."""


class ConfigWrong(Exception):
    """Some settings are wrong; `problems` names every one of them, a sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: how its text is read, and what it means. `shown_default` stands in lists where there is no plain default."""

    name: str
    default: Value
    read: Callable[[str], Value]
    meaning: str
    shown_default: str = ""
    is_secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise Wrong(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _switch(text: str) -> bool:
    if text.lower() in ("on", "true", "yes", "1"):
        return True
    if text.lower() in ("off", "false", "no", "0"):
        return False
    raise Wrong("must be on or off")


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise Wrong(f"must be one of {', '.join(choices)}")
        return text

    return read


def _host(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:_-]{1,253}", text):
        raise Wrong("must be a host name or an IP address")
    return text


def _database_url(text: str) -> str:
    scheme = text.partition("://")[0]
    if scheme in ("postgresql", "postgres"):
        parts = _parts(text)
        if parts is None or not re.fullmatch(r"/[^/\0]+", parts.path) or parts.fragment:
            raise Wrong(
                "must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE; write @ : / ? # % in the password as "
                "%40 %3A %2F %3F %23 %25"
            )
        return text
    if scheme == "dynamodb":
        parts = _parts(text)
        if parts is None or not (parts.netloc or parts.path.strip("/")) or parts.fragment or "\0" in text:
            raise Wrong("must be dynamodb://REGION/PREFIX")
        return text
    if not text.startswith("sqlite:///") or len(text) <= len("sqlite:///") or text.endswith("/"):
        raise Wrong(
            "must be sqlite:///var/ticket.db (relative), sqlite:////srv/ticket.db (absolute), postgresql://… or dynamodb://…"
        )
    if ":memory:" in text or "?" in text or "\0" in text:
        raise Wrong("must name a file, without options")
    return text


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL, None where its host or port makes no sense."""
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port > 0 else None
    except ValueError:
        return None


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        sane = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sane = False
    if not sane or parts.username or parts.query or parts.fragment or parts.path.rstrip("/"):
        raise Wrong("must be http or https with a host and nothing after it; a path goes into TICKET_ROOT_PATH")
    return f"{parts.scheme}://{parts.netloc}"


def _root_path(text: str) -> str:
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", text):
        raise Wrong("must be empty or like /dev, without a slash at the end")
    return text


def _email(text: str) -> str:
    if len(text) > EMAIL_LENGTH_MAX or not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}", text):
        raise Wrong("must be an e-mail address")
    return text


def _password(text: str) -> str:
    if not PASSWORD_LENGTH_MIN <= len(text) <= PASSWORD_LENGTH_MAX:
        raise Wrong(f"must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters")
    return text


def _secret(text: str) -> str:
    if len(text) < SECRET_LENGTH_MIN or len(set(text)) < 8:
        raise Wrong(f"must have at least {SECRET_LENGTH_MIN} random characters")
    return text


def _trusted_proxies(text: str) -> str:
    try:
        trusted_proxies(text)
    except BadProxies as bad:
        raise Wrong(str(bad)) from bad
    return text


def _smtp_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        sane = parts.scheme in ("smtp", "smtps") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sane = False
    if not sane or parts.path.rstrip("/") or parts.query or parts.fragment:
        raise Wrong("must be smtp:// or smtps://user:password@host:port; write @ : / in the password as %40 %3A %2F")
    if (parts.username is None) is not (parts.password is None):
        raise Wrong("must have a user and a password, or neither")
    return text


def _mailbox(text: str) -> str:
    name, address = parseaddr(text)
    if not address or any(ord(letter) < 32 for letter in text) or "," in address:
        raise Wrong("must be like Tickets <tickets@example.org>, or an e-mail address")
    _email(address)
    if len(name) > NAME_LENGTH_MAX:
        raise Wrong(f"must have a name of at most {NAME_LENGTH_MAX} characters")
    return text


def _file_or_text(text: str) -> str:
    if "\0" in text:
        raise Wrong("must be the path of a file, or what would stand in it")
    return text


def _issuer(text: str) -> str:
    if not re.fullmatch(r"[0-9]{1,30}", text):
        raise Wrong("must be the number of an issuer's account")
    return text


SETTINGS: Final[tuple[Setting, ...]] = (
    Setting("host", "127.0.0.1", _host, "the address to listen on; 0.0.0.0 for all"),
    Setting("port", 8000, _whole(1, 65535), "the port to listen on"),
    Setting("database_url", "sqlite:///var/ticket.db", _database_url, "where the data lies"),
    Setting(
        "base_url",
        None,
        _base_url,
        "the public address, for links; once it is set, requests for other hosts are refused",
        "from host and port",
    ),
    Setting("root_path", "", _root_path, "the path prefix that a proxy takes off", "empty"),
    Setting("admin_email", "admin@ticket.localhost", _email, "the first admin, made at first start"),
    Setting("admin_password", None, _password, "the first admin's password", "made at first start, shown once", True),
    Setting(
        "secret",
        None,
        _secret,
        "master key of codes and tokens; whoever has it can make tickets",
        "made at first start beside the data, mode 0600",
        True,
    ),
    Setting("test_mode", False, _switch, "payments of the method `test`, which move no money"),
    Setting("hold_seconds", 900, _whole(1, HOLD_SECONDS_MAX), "how long the places of an unpaid order are held"),
    Setting(
        "transfer_hold_seconds",
        5 * 24 * 3600,
        _whole(1, TRANSFER_HOLD_SECONDS_MAX),
        "how long they are held once a bank transfer was chosen",
    ),
    Setting(
        "organizer_signup",
        "open",
        _one_of("open", "approval", "closed"),
        "who becomes an organizer: whoever asks, whom an admin approves, or nobody",
    ),
    Setting(
        "trusted_proxies",
        "",
        _trusted_proxies,
        "the reverse proxies whose word on a client's address is taken: their networks, or how many they are",
        "none",
    ),
    Setting(
        "forwarded_header",
        ForwardedHeader.X_FORWARDED_FOR.value,
        _one_of(*(header.value for header in ForwardedHeader)),
        "the one header in which they write it",
    ),
    Setting("rate_limits", True, _switch, "off for load tests only"),
    Setting("workers", 1, _whole(1, WORKERS_MAX), "server processes over the same data"),
    Setting(
        "smtp_url",
        None,
        _smtp_url,
        "the mail server, smtp:// or smtps://user:password@host:port; without one, mails wait and /outbox shows them",
        "none",
        True,
    ),
    Setting(
        "smtp_tls",
        "auto",
        _one_of("auto", "required", "none"),
        "with smtp://: STARTTLS where it is offered (always before a password), always, or never",
    ),
    Setting(
        "mail_from", None, _mailbox, "who writes mails: `Name <address>` or an address", "tickets@ the base URL's host"
    ),
    Setting("mail_reply_to", None, _email, "where answers to mails go", "to the sender"),
    Setting(
        "wallet_apple_certificate",
        None,
        _file_or_text,
        "the certificate of a Pass Type ID (PEM, as a file or as text), for tickets in Apple's wallet",
        "none",
    ),
    Setting("wallet_apple_key", None, _file_or_text, "its private key (PEM, as a file or as text)", "none", True),
    Setting("wallet_apple_key_password", None, str, "the password of that key", "none", True),
    Setting(
        "wallet_apple_intermediate",
        None,
        _file_or_text,
        "the certificate of Apple that issued it (WWDR; PEM or DER, as a file, or PEM as text)",
        "none",
    ),
    Setting(
        "wallet_google_issuer",
        None,
        _issuer,
        "the number of an issuer's account, for tickets in Google's wallet",
        "none",
    ),
    Setting(
        "wallet_google_key",
        None,
        _file_or_text,
        "the key of a service account of it (Google's JSON, as a file or as text)",
        "none",
        True,
    ),
    Setting("log_format", "auto", _one_of("auto", "console", "json"), "auto: console on a terminal, JSON elsewhere"),
    Setting("log_level", "info", _one_of("debug", "info", "warning", "error"), "debug has a line for each request"),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True)
class Config:
    """What a process goes by. `sources` says of each setting where its value is from."""

    values: Mapping[str, Value]
    sources: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """A setting that is text."""
        return cast(str, self.values[name])

    def number(self, name: str) -> int:
        """A setting that is a whole number."""
        return cast(int, self.values[name])

    def switch(self, name: str) -> bool:
        """A setting that is on or off."""
        return cast(bool, self.values[name])

    def optional(self, name: str) -> str | None:
        """A setting that may be absent."""
        return cast("str | None", self.values[name])

    @property
    def database_file(self) -> Path | None:
        """The database file; None where the store is no file."""
        url = self.text("database_url")
        return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None

    @property
    def database(self) -> Path:
        """The database file. The store must be one."""
        assert self.database_file is not None
        return self.database_file

    @property
    def database_shown(self) -> str:
        """Where the data lies, for the eye: a file, or a URL without its password."""
        return str(self.database_file or without_password(self.text("database_url")))

    @property
    def base_url(self) -> str:
        """The public address, as set or else made of host and port."""
        given = self.optional("base_url")
        if given is not None:
            return given
        host = self.text("host")
        if host in ("0.0.0.0", "::"):  # noqa: S104 - it is what a user may have asked for, and no address to link to
            host = "localhost"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.number('port')}"

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that requests may name: the one of `base_url` where that was set, else none in particular."""
        given = self.optional("base_url")
        return frozenset() if given is None else frozenset({cast(str, urlsplit(given).hostname)})

    @property
    def proxies(self) -> TrustedProxies:
        """The proxies that are believed."""
        return trusted_proxies(self.text("trusted_proxies"))

    def settings(self) -> Settings:
        """What actions and pages go by."""
        return Settings(
            base_url=self.base_url,
            root_path=self.text("root_path"),
            test_mode=self.switch("test_mode"),
            hold_seconds=self.number("hold_seconds"),
            transfer_hold_seconds=self.number("transfer_hold_seconds"),
            organizer_signup=cast(Literal["open", "approval", "closed"], self.text("organizer_signup")),
            rate_limits=self.switch("rate_limits"),
            shared_limits=self.number("workers") > 1 or not self.text("database_url").startswith("sqlite:"),
            sends_mail=self.optional("smtp_url") is not None,
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """All settings as far as they can be read. `wrong` has those that cannot, which have their default in `config`."""

    config: Config
    problems: tuple[str, ...]
    wrong: frozenset[str]
    file: Path | None


def read_config(
    environment: Mapping[str, str],
    *,
    folder: Path,
    given: Mapping[str, str] | None = None,
    defaults: Mapping[str, Value] | None = None,
) -> Config:
    """The settings: as `given` on the command line, else of the environment, else of the TOML file, else by default.

    The file is the one that `TICKET_CONFIG` names, or `ticket.toml` in `folder` where there is one. `defaults` replace those of
    `SETTINGS`. Raises ConfigWrong with every wrong setting.
    """
    found = survey(environment, folder=folder, given=given, defaults=defaults)
    if found.problems:
        raise ConfigWrong(found.problems)
    return found.config


def survey(
    environment: Mapping[str, str],
    *,
    folder: Path,
    given: Mapping[str, str] | None = None,
    defaults: Mapping[str, Value] | None = None,
) -> Survey:
    """What `read_config` reads, and every wrong setting beside it."""
    problems: list[str] = []
    file, document = _document(environment, folder, problems)
    file_name = FILE_NAME if file is None else file.name
    unknown = sorted(document.keys() - BY_NAME.keys())
    problems += [f"{file_name}: there is no setting {name}{_near(name, BY_NAME)}." for name in unknown]
    variables = {setting.variable for setting in SETTINGS} | {FILE_VARIABLE}
    strange = sorted(name for name in environment if name.startswith(PREFIX) and name not in variables)
    notes = tuple(f"{name} is set, but there is no such setting{_near(name, variables)}." for name in strange)
    values: dict[str, Value] = {}
    sources: dict[str, str] = {}
    wrong: set[str] = set()
    for setting in SETTINGS:
        name = setting.name
        values[name] = (defaults or {}).get(name, setting.default)
        raw: object
        if given is not None and name in given:
            raw, sources[name] = given[name], "command line"
        elif environment.get(setting.variable, ""):
            raw, sources[name] = environment[setting.variable], setting.variable
        elif name in document:
            raw, sources[name] = document[name], file_name
        else:
            sources[name] = DEFAULT
            continue
        try:
            values[name] = setting.read(_text(raw))
        except Wrong as why:
            wrong.add(name)
            label = setting.variable if sources[name] == setting.variable else f"{sources[name]}: {name}"
            told = (
                "" if setting.is_secret or name == "database_url" else f" (it is {raw!r})"
            )  # a URL may hold a password
            problems.append(f"{label} {why}{told}.")
    return Survey(Config(values, sources, notes), tuple(problems), frozenset(wrong), file)


def _document(environment: Mapping[str, str], folder: Path, problems: list[str]) -> tuple[Path | None, dict[str, Any]]:
    """The TOML file and what it says; nothing where there is none."""
    named = environment.get(FILE_VARIABLE, "")
    path = folder / (named or FILE_NAME)
    if not named and not path.exists():
        return None, {}
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{FILE_VARIABLE}: {path} cannot be read: {error.strerror}.")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path.name} is not TOML: {error}.")
    return path, {}


def _text(raw: object) -> str:
    if isinstance(raw, bool):
        return "on" if raw else "off"
    if isinstance(raw, int | str):
        return str(raw)
    raise Wrong("must be a text, a whole number, true or false")


def _near(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def shown(config: Config, setting: Setting) -> str:
    """The value of a setting for the eye. Secrets are never shown."""
    value = config.values[setting.name]
    if setting.is_secret:
        return setting.shown_default if value is None else "(set, not shown)"
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return config.base_url if setting.name == "base_url" else setting.shown_default
    if "-----BEGIN" in str(value):
        return "(set, as text)"
    return without_password(str(value)) if setting.name == "database_url" else str(value)


def without_password(url: str) -> str:
    """The URL for the eye: neither the password that stands before its host nor one among its options."""
    bare = re.sub(r"(?<=://)([^/@:]*):[^/]*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&][a-z_]*(?:password|secret|token|key)[a-z_]*=)[^&]*", r"\1***", bare)
