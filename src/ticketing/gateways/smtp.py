"""The post office behind SMTP: a few connections that are kept, each taking one letter after another."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import structlog
from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from ticketing.notify.model import Fate, Letter, Outcome

log = structlog.get_logger()

CONNECTIONS: Final = 4
"""Servers of providers allow ten or so from one client; four keep a queue moving while each waits for the server's disk."""
SECONDS_MAX: Final = 20.0
"""For each answer of the server. RFC 5321 would wait for minutes; a mail that was not taken is tried again."""
IDLE_SECONDS: Final = 20.0
"""Servers close idle connections after a minute or more: one that is older than this is opened anew."""
CLOSED_SECONDS: Final = 10.0
"""A server that was not there is asked again after so long, however much waits."""

Tls = Literal["none", "starttls", "implicit", "opportunistic"]


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed over, and as whom. `tls`: from the first byte, by STARTTLS, by STARTTLS where offered, or none."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: Tls


@dataclass(slots=True)
class _Idle:
    """A connection that waits for its next letter."""

    client: SMTP
    since: float


class SmtpPost:
    """Hands letters to one SMTP server. Belongs to one event loop."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        connections: int = CONNECTIONS,
        seconds_max: float = SECONDS_MAX,
        closed_seconds: float = CLOSED_SECONDS,
        seconds: Callable[[], float] | None = None,
    ) -> None:
        self._server = server
        self._seconds_max = seconds_max
        self._closed_seconds = closed_seconds
        self._places = asyncio.Semaphore(connections)
        self._idle: deque[_Idle] = deque()
        self._closed_until = 0.0
        self._seconds = seconds if seconds is not None else lambda: asyncio.get_running_loop().time()

    async def is_open(self) -> bool:
        """Whether the server takes connections and our log-in now. It is not asked more often than every few seconds."""
        if self._seconds() < self._closed_until:
            return False
        try:
            self._keep(await self._connection())
        except (SMTPException, OSError) as error:
            self._closed_until = self._seconds() + self._closed_seconds
            log.warning("mail.server_closed", host=self._server.host, port=self._server.port, code=_code_of(error))
            return False
        return True

    async def send(self, letter: Letter) -> Outcome:
        """What became of the letter. A connection that broke at the first word is opened anew once."""
        async with self._places:
            try:
                client = await self._connection()
                outcome = await self._sent(client, letter)
            except (SMTPException, OSError) as error:
                return Outcome(Fate.LATER, _code_of(error))
            if client.is_connected:
                self._keep(client)
            return outcome

    async def close(self) -> None:
        """Every connection is closed in order."""
        while self._idle:
            await _end(self._idle.popleft().client)

    async def _sent(self, client: SMTP, letter: Letter) -> Outcome:
        options = ["SMTPUTF8", "BODY=8BITMIME"] if letter.needs_utf8 else []
        try:
            await client.sendmail(letter.sender, [letter.recipient], letter.content, mail_options=options)
        except SMTPNotSupported:
            return Outcome(Fate.REFUSED, "smtputf8_unknown")
        except ValueError:  # the address cannot be said in SMTP
            return Outcome(Fate.REFUSED, "address_unsayable")
        except SMTPRecipientsRefused as refused:
            return _outcome_of(refused.recipients[0].code)
        except SMTPAuthenticationError:
            raise
        except SMTPServerDisconnected:
            raise
        except SMTPTimeoutError:
            client.close()  # what it says later would be taken for the answer to something else
            raise
        except SMTPResponseException as refused:
            return _outcome_of(refused.code)
        return Outcome(Fate.HANDED_OVER)

    async def _connection(self) -> SMTP:
        """A connection that was kept and is fresh, or a new one. Raises SMTPException, OSError."""
        while self._idle:
            idle = self._idle.pop()
            if idle.client.is_connected and self._seconds() - idle.since < IDLE_SECONDS:
                return idle.client
            await _end(idle.client)
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            timeout=self._seconds_max,
            use_tls=server.tls == "implicit",
            start_tls={"starttls": True, "opportunistic": None}.get(server.tls, False),
        )
        await client.connect()
        return client

    def _keep(self, client: SMTP) -> None:
        self._idle.append(_Idle(client, self._seconds()))


async def _end(client: SMTP) -> None:
    with contextlib.suppress(SMTPException, OSError):
        await client.quit(timeout=1)
    client.close()


def _outcome_of(code: int) -> Outcome:
    """By the first digit, as RFC 5321 has it: 5 is for good, anything else may be otherwise later."""
    return Outcome(Fate.REFUSED if 500 <= code < 600 else Fate.LATER, f"smtp_{code}")


def _code_of(error: Exception) -> str:
    """A word for the log, without what the server said."""
    if isinstance(error, SMTPResponseException):
        return f"smtp_{error.code}"
    return type(error).__name__
