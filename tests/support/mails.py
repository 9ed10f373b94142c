"""Mail for tests: a real SMTP server that keeps what it is handed and can be told to refuse, and the mail of a house."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from ticketing.base.house import House
from ticketing.entry.mail import Mail
from ticketing.gateways.smtp import SmtpPost, SmtpServer
from ticketing.notify.letters import From, Letters
from ticketing.notify.model import Fate, Letter, Outcome

SENDER = From("tickets@example.com", "Ticket House")


@dataclass
class Mailbox:
    """What a mail server was handed, in order, and what it answers: `answer` is asked for each recipient, None to take it."""

    taken: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answer: Callable[[str], str | None] = lambda recipient: None
    port: int = 0
    connections: int = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Takes the recipient, or says what it was told to."""
        said = self.answer(address)
        if said is not None:
            return said
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keeps the mail."""
        content = cast(bytes, envelope.content)
        self.taken.append(cast(EmailMessage, message_from_bytes(content, policy=cast(Any, default))))
        self.recipients += [str(recipient) for recipient in envelope.rcpt_tos]
        return "250 OK"

    def subjects(self, recipient: str | None = None) -> list[str]:
        """The subjects of what was handed over, to this recipient or to anyone."""
        pairs = zip(self.recipients, self.taken, strict=True)
        return [str(mail["Subject"]) for to, mail in pairs if recipient in (None, to)]


@asynccontextmanager
async def mail_server(mailbox: Mailbox, *, port: int = 0) -> AsyncIterator[Mailbox]:
    """The mailbox behind a real SMTP server on a port of this machine."""
    served: list[SMTP] = []

    def serve() -> SMTP:
        mailbox.connections += 1
        protocol = SMTP(mailbox, enable_SMTPUTF8=True, loop=asyncio.get_running_loop(), timeout=600)
        served.append(protocol)
        return protocol

    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", port)
    mailbox.port = server.sockets[0].getsockname()[1]
    try:
        yield mailbox
    finally:
        server.close()
        for protocol in served:
            if protocol.transport is not None:
                protocol.transport.close()
            if protocol._handler_coroutine is not None:
                protocol._handler_coroutine.cancel()
        await asyncio.sleep(0)


def post_to(mailbox: Mailbox, **more: Any) -> SmtpPost:
    """The post office that hands letters to this mailbox."""
    server = SmtpServer("127.0.0.1", mailbox.port, None, None, "none")
    return SmtpPost(server, **({"closed_seconds": 0.0, "seconds_max": 5.0} | more))


class KeepingPost:
    """A post office in memory: keeps letters, and answers as it is told."""

    def __init__(self, answer: Callable[[Letter], Outcome] = lambda letter: Outcome(Fate.HANDED_OVER)) -> None:
        self.letters: list[Letter] = []
        self.answer = answer
        self.is_there = True

    async def is_open(self) -> bool:
        """Whether it was left there."""
        return self.is_there

    async def send(self, letter: Letter) -> Outcome:
        """As it is told."""
        outcome = self.answer(letter)
        if outcome.fate is Fate.HANDED_OVER:
            self.letters.append(letter)
        return outcome

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def mails(self) -> list[EmailMessage]:
        """What was handed over, as mail programs read it."""
        return [
            cast(EmailMessage, message_from_bytes(letter.content, policy=cast(Any, default))) for letter in self.letters
        ]


def mail_over(house: House, post: Any) -> Mail:
    """The mail of this house through this post office."""
    return Mail(house, post, Letters(house, SENDER))


async def delivered(mail: Mail) -> int:
    """Turns are taken until one finds nothing to do; how much was done."""
    total = 0
    while count := await mail.turn(mail.house.clock.now()):
        total += count
    return total


def text_of(mail: EmailMessage) -> str:
    """The plain text."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    """The HTML."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
