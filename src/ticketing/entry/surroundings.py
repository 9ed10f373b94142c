"""What a house needs around its data: a mail server, the certificate of its public address, and a database that tells the same time."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from urllib.parse import urlsplit

from ticketing.entry.checking import is_public
from ticketing.entry.config import Config, without_password
from ticketing.entry.mail import server_of
from ticketing.gateways.smtp import SmtpPost
from ticketing.storage.opening import POSTGRESQL, kind_of
from ticketing.storage.sql.doctor import Finding

CLOCKS_APART_MAX: Final = timedelta(seconds=2)
"""Machines that follow NTP are some milliseconds apart. Sales begin, and holds end, by the clock of whichever server is asked."""
CERTIFICATE_LEFT_MIN: Final = timedelta(days=14)
"""What renews certificates does so a month before they end; two weeks before, it has failed."""
SECONDS_MAX: Final = 5.0
"""For each answer of somebody else."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is wrong around a house, and what is worth knowing."""

    findings: list[Finding]
    remarks: list[Finding]


async def look_around(config: Config, *, now: Callable[[], datetime]) -> Around:
    """Everything that is not as it has to be around the house of these settings. Raises CannotOpen where its database is gone."""
    around = Around([], [])
    await _mail(config, around)
    await _certificate(config, around, now())
    if kind_of(config.text("database_url")) == POSTGRESQL:
        await _database(config, around, now)
    return around


async def _mail(config: Config, around: Around) -> None:
    server = server_of(config)
    if server is None:
        return
    post = SmtpPost(server, seconds_max=SECONDS_MAX)
    try:
        if not await post.is_open():
            subject = f"{server.host}, port {server.port}"
            around.findings.append(
                Finding("mail", subject, "takes no mail from us now: it is out of reach, or refuses")
            )
    finally:
        await post.close()


async def _certificate(config: Config, around: Around, now: datetime) -> None:
    parts = urlsplit(config.base_url)
    if parts.scheme != "https" or not is_public(config):
        return
    host, port = cast(str, parts.hostname), parts.port or 443
    try:
        ends_at = await certificate_end(host, port, ssl.create_default_context())
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "no TLS"
        around.findings.append(Finding("certificate", host, f"browsers refuse it: {reason}"))
    except (OSError, TimeoutError):
        # From inside, a public address may well lead nowhere.
        around.remarks.append(
            Finding("certificate", host, f"port {port} is out of reach from here, so it was not seen")
        )
    else:
        if ends_at - now < CERTIFICATE_LEFT_MIN:
            around.findings.append(Finding("certificate", host, f"ends on {ends_at:%Y-%m-%d}: renew it"))


async def certificate_end(host: str, port: int, context: ssl.SSLContext) -> datetime:
    """When the certificate that is shown there ends. Raises ssl.SSLError for one that is not good, OSError, TimeoutError."""
    async with asyncio.timeout(SECONDS_MAX):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        shown = writer.get_extra_info("peercert")
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)
    finally:
        writer.close()


async def _database(config: Config, around: Around, now: Callable[[], datetime]) -> None:
    from ticketing.storage.sql.postgres.asked import asked, connections_of

    url = config.text("database_url")
    before = now()
    there = await asked(url)
    after = now()
    apart = there.clock - (before + (after - before) / 2)
    if abs(apart) > CLOCKS_APART_MAX + (after - before) / 2:
        which = "ahead of" if apart > timedelta() else "behind"
        detail = f"its clock is {abs(apart).total_seconds():.0f} s {which} this machine's: let both follow NTP"
        around.findings.append(Finding("clock", without_password(url), detail))
    processes = config.number("workers")
    wanted = connections_of(processes)
    if wanted > there.connections:
        detail = (
            f"takes {there.connections} connections, and {processes} processes here may want {wanted}: raise max_connections, or the "
            "limit of the role"
        )
        around.remarks.append(Finding("connections", without_password(url), detail))
