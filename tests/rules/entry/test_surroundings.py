"""What `ticket doctor` sees around a house: a mail server that is gone, a certificate that is not good, a clock that is off."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.serve import free_port
from tests.support.mails import Mailbox, mail_server
from tests.support.postgres import drop_database, new_database
from ticketing.entry import surroundings
from ticketing.entry.config import Config, read_config
from ticketing.entry.surroundings import Around, certificate_end, look_around

NOON = datetime(2027, 5, 1, 12, tzinfo=UTC)


def settings(folder: Path, **given: str) -> Config:
    return read_config({f"TICKET_{name.upper()}": value for name, value in given.items()}, folder=folder)


def seen(around: Around) -> list[tuple[str, str]]:
    return [(finding.check, finding.detail) for finding in around.findings]


def utc_now() -> datetime:
    return datetime.now(UTC)


async def test_a_house_that_needs_nothing_lacks_nothing(tmp_path: Path) -> None:
    assert await look_around(settings(tmp_path), now=utc_now) == Around([], [])


async def test_a_mail_server_that_is_there_is_well_and_one_that_is_gone_is_named(tmp_path: Path) -> None:
    async with mail_server(Mailbox()) as mailbox:
        there = await look_around(settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{mailbox.port}"), now=utc_now)
    gone = await look_around(settings(tmp_path, smtp_url=f"smtp://127.0.0.1:{free_port()}"), now=utc_now)

    assert there.findings == []
    assert [check for check, _ in seen(gone)] == ["mail"]


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    url = new_database()
    yield url
    drop_database(url)


async def test_a_clock_that_is_off_is_told_by_how_much(tmp_path: Path, url: str) -> None:
    config = settings(tmp_path, database_url=url, secret="nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o")

    right = await look_around(config, now=utc_now)
    early = await look_around(config, now=lambda: utc_now() - timedelta(minutes=10))

    assert right.findings == []
    ((check, detail),) = seen(early)
    assert check == "clock"
    assert "s ahead of this machine's" in detail


async def test_too_few_connections_for_all_processes_are_worth_knowing(tmp_path: Path, url: str) -> None:
    secret = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"
    few = await look_around(settings(tmp_path, database_url=url, secret=secret), now=utc_now)
    many = await look_around(settings(tmp_path, database_url=url, secret=secret, workers="64"), now=utc_now)

    assert few.remarks == []
    assert ["max_connections" in remark.detail for remark in many.remarks] == [True]


@asynccontextmanager
async def showing(folder: Path, *, ends_at: datetime) -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """The port of a server with a certificate of its own making, and what trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(utc_now() - timedelta(days=1))
        .not_valid_after(ends_at)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = folder / "certificate.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    own_key = folder / "key.pem"
    own_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, own_key)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1], ssl.create_default_context(cafile=certificate)
    finally:
        server.close()


async def test_the_end_of_a_certificate_is_read_and_one_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    ends_at = utc_now().replace(microsecond=0) + timedelta(days=30)
    async with showing(tmp_path, ends_at=ends_at) as (port, trusting):
        read = await certificate_end("localhost", port, trusting)
        with pytest.raises(ssl.SSLCertVerificationError):
            await certificate_end("localhost", port, ssl.create_default_context())

    assert read == ends_at


@pytest.mark.parametrize(("days", "checks"), [(13, ["certificate"]), (15, [])])
async def test_a_certificate_that_ends_soon_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, checks: list[str]
) -> None:
    async def end(_host: str, _port: int, _context: ssl.SSLContext) -> datetime:
        return NOON + timedelta(days=days)

    monkeypatch.setattr(surroundings, "certificate_end", end)
    around = await look_around(settings(tmp_path, base_url="https://tickets.example"), now=lambda: NOON)

    assert [check for check, _ in seen(around)] == checks


async def test_an_address_that_cannot_be_reached_from_here_is_worth_knowing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(_host: str, _port: int, _context: ssl.SSLContext) -> datetime:
        raise ConnectionRefusedError

    monkeypatch.setattr(surroundings, "certificate_end", end)
    around = await look_around(settings(tmp_path, base_url="https://tickets.example"), now=lambda: NOON)

    assert (around.findings, [remark.check for remark in around.remarks]) == ([], ["certificate"])
