"""The mail of a house as its settings say: the post office, who writes, and the job that tells facts and sends what is due."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from typing import cast
from urllib.parse import unquote, urlsplit

from ticketing.base.house import House
from ticketing.entry.config import Config
from ticketing.gateways.smtp import SmtpPost, SmtpServer, Tls
from ticketing.notify.actions.send import send_due
from ticketing.notify.actions.tell import tell_facts
from ticketing.notify.letters import From, Letters
from ticketing.notify.model import Post
from ticketing.notify.store import due_deliveries, is_anything_untold

PORTS = {"smtp": 587, "smtps": 465}
"""RFC 8314: mail is handed in at 465 with TLS from the first byte, or at 587 with STARTTLS."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def server_of(config: Config) -> SmtpServer | None:
    """The mail server of the settings; None where there is none."""
    url = config.optional("smtp_url")
    if url is None:
        return None
    parts = urlsplit(url)
    host = cast(str, parts.hostname)
    username = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return SmtpServer(
        host, parts.port or PORTS[parts.scheme], username, password, _tls(config, parts.scheme, host, username)
    )


def _tls(config: Config, scheme: str, host: str, username: str | None) -> Tls:
    """How the connection is kept private. A password goes over no open network in the clear unless the settings insist."""
    if scheme == "smtps":
        return "implicit"
    match config.text("smtp_tls"):
        case "none":
            return "none"
        case "required":
            return "starttls"
    return "starttls" if username is not None and host not in LOOPBACK else "opportunistic"


def sender_of(config: Config) -> From:
    """Who writes: as set, or `tickets` at the host of the public address."""
    name, address = parseaddr(config.optional("mail_from") or "")
    host = urlsplit(config.base_url).hostname or "localhost"
    domain = host if "." in host and not host.replace(".", "").isdigit() and ":" not in host else "ticket.localhost"
    return From(address or f"tickets@{domain}", name or "Ticket", config.optional("mail_reply_to"))


@dataclass(slots=True)
class Mail:
    """The mail of one house in one process."""

    house: House
    post: Post | None
    letters: Letters
    seconds: Callable[[], float] = time.monotonic

    async def is_due(self, now: datetime) -> bool:
        """Whether there is a fact to be told, or a mail to be sent by somebody who can."""
        if await is_anything_untold(self.house.store):
            return True
        return self.post is not None and bool(await due_deliveries(self.house.store, now=now, limit=1))

    async def turn(self, now: datetime) -> int:
        """How many facts were told and mails handed over by this call."""
        told = await tell_facts(self.house, now=now)
        if self.post is None:
            return told
        return told + await send_due(self.house, self.post, self.letters, seconds=self.seconds)

    async def close(self) -> None:
        """No connection is left open."""
        if self.post is not None:
            await self.post.close()


def mail_of(house: House, config: Config) -> Mail:
    """The mail of this house."""
    server = server_of(config)
    return Mail(house, None if server is None else SmtpPost(server), Letters(house, sender_of(config)))
