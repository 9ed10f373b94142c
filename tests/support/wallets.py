"""Keys for wallets, made here: a chain of certificates such as Apple's, and the key of a service account such as Google's."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from ticketing.admission.wallet.apple import apple_passes
from ticketing.admission.wallet.google import google_passes
from ticketing.admission.wallet.offered import Wallets

PASS_TYPE = "pass.org.example.tickets"
TEAM = "A1B2C3D4E5"
ISSUER = "3388000000012345678"
SERVICE_ACCOUNT = "tickets@example.iam.gserviceaccount.com"
ORGANIZATION = "Example Tickets"


@dataclass(frozen=True, slots=True)
class AppleFiles:
    """What Apple's tools give, all in PEM: the root, who issued, the certificate of a Pass Type ID, and its key."""

    root: bytes
    intermediate: bytes
    certificate: bytes
    key: bytes


def private_key() -> RSAPrivateKey:
    """A fresh RSA key of the size that both use."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(key: RSAPrivateKey, *, password: str | None = None) -> bytes:
    """The key in PEM, closed by this password."""
    closed = NoEncryption() if password is None else BestAvailableEncryption(password.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, closed)


def certificate(
    subject: x509.Name, key: RSAPrivateKey, *, issuer: x509.Name, signed_by: RSAPrivateKey, is_authority: bool
) -> x509.Certificate:
    """A certificate that is good for a year."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .sign(signed_by, hashes.SHA256())
    )


def named(**parts: str) -> x509.Name:
    """A subject: `named(COMMON_NAME="Root")`."""
    return x509.Name([x509.NameAttribute(getattr(NameOID, name), value) for name, value in parts.items()])


@cache
def apple_files() -> AppleFiles:
    """A root, an intermediate certificate, and one of a Pass Type ID beneath it."""
    root_key, middle_key, own_key = private_key(), private_key(), private_key()
    root_name, middle_name = named(COMMON_NAME="Root"), named(COMMON_NAME="Developer Relations")
    own_name = named(USER_ID=PASS_TYPE, COMMON_NAME=f"Pass Type ID: {PASS_TYPE}", ORGANIZATIONAL_UNIT_NAME=TEAM)
    root = certificate(root_name, root_key, issuer=root_name, signed_by=root_key, is_authority=True)
    middle = certificate(middle_name, middle_key, issuer=root_name, signed_by=root_key, is_authority=True)
    own = certificate(own_name, own_key, issuer=middle_name, signed_by=middle_key, is_authority=False)
    pems = [each.public_bytes(Encoding.PEM) for each in (root, middle, own)]
    return AppleFiles(pems[0], pems[1], pems[2], pem_of(own_key))


@cache
def google_key() -> RSAPrivateKey:
    """The key of the service account."""
    return private_key()


def google_file() -> bytes:
    """The JSON file of the key."""
    account = {
        "type": "service_account",
        "client_email": SERVICE_ACCOUNT,
        "private_key_id": "key-1",
        "private_key": pem_of(google_key()).decode(),
    }
    return orjson.dumps(account)


@cache
def wallets() -> Wallets:
    """Both wallets."""
    files = apple_files()
    apple = apple_passes(
        certificate=files.certificate,
        key=files.key,
        key_password=None,
        intermediate=files.intermediate,
        organization=ORGANIZATION,
    )
    return Wallets(apple, google_passes(issuer=ISSUER, key=google_file(), organization=ORGANIZATION))
