"""A ticket as Apple's wallet takes it: a signed package of `pass.json`, icons and a manifest.

The format is Apple's "Wallet Passes": https://developer.apple.com/documentation/walletpasses (the signature: "Building a Pass").
"""

import hashlib
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, Final

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs7
from cryptography.x509.oid import NameOID

from ticketing.admission.wallet.card import Card
from ticketing.admission.wallet.icon import icon_png
from ticketing.admission.wallet.offered import WrongKeys
from ticketing.web.i18n import N_, tongue

ICONS: Final = {"icon.png": 29, "icon@2x.png": 58, "icon@3x.png": 87}
"""Points of the icon, and pixels for screens that have two and three of them to a point."""
INTERVAL_MAX: Final = timedelta(hours=24)
"""A span in `relevantDates` is refused where it is longer."""
_NO_MOMENT: Final = (1980, 1, 1, 0, 0, 0)
"""The first that a ZIP can say: the same ticket makes the same files."""


@dataclass(frozen=True, slots=True)
class ApplePasses:
    """Signs passes. The certificate itself says for which type of pass it is, and for which team."""

    certificate: x509.Certificate
    key: RSAPrivateKey | EllipticCurvePrivateKey
    intermediate: x509.Certificate
    pass_type: str
    team: str
    organization: str

    def package(self, card: Card) -> bytes:
        """The `.pkpass` of this ticket, signed now."""
        files = {"pass.json": orjson.dumps(self._pass(card))}
        files |= {name: icon_png(side, card.rgb) for name, side in ICONS.items()}
        manifest = orjson.dumps({name: hashlib.sha1(content).hexdigest() for name, content in files.items()})  # noqa: S324 - the format wants SHA-1
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
            for name, content in {**files, "manifest.json": manifest, "signature": self._signature(manifest)}.items():
                package.writestr(zipfile.ZipInfo(name, _NO_MOMENT), content)
        return packed.getvalue()

    def _signature(self, manifest: bytes) -> bytes:
        """The detached signature of the manifest, with the time of signing and the chain up to Apple's root, as the format wants it."""
        builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
        builder = builder.add_signer(self.certificate, self.key, hashes.SHA256()).add_certificate(self.intermediate)
        options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
        return builder.sign(Encoding.DER, options)

    def _pass(self, card: Card) -> dict[str, Any]:
        speaks = tongue(card.language).gettext
        red, green, blue = card.rgb
        said: dict[str, Any] = {
            "formatVersion": 1,
            "passTypeIdentifier": self.pass_type,
            "teamIdentifier": self.team,
            "organizationName": self.organization,
            "serialNumber": card.card_id,
            "description": speaks(N_("Ticket for %(event)s")).replace("%(event)s", card.event_name),
            "groupingIdentifier": card.event_id,
            "logoText": self.organization,
            "backgroundColor": f"rgb({red}, {green}, {blue})",
            "foregroundColor": "rgb(255, 255, 255)",
            "labelColor": "rgb(255, 255, 255)",
            "eventTicket": _fields(card, speaks),
        }
        if card.has_date:
            said |= _dates(card)
        if card.latitude is not None and card.longitude is not None:
            said["locations"] = [{"latitude": card.latitude, "longitude": card.longitude}]
        if card.is_off:
            said["voided"] = True
        if card.code is not None:
            barcode = {
                "format": "PKBarcodeFormatQR",
                "message": card.code,
                "messageEncoding": "iso-8859-1",
                "altText": card.human_code,
            }
            said |= {"barcodes": [barcode], "barcode": barcode}  # the second for what was made before 2015
        return said


def _dates(card: Card) -> dict[str, Any]:
    """When the pass comes up by itself, and when it has served its time."""
    starts, ends = _moment(card.starts_at), _moment(card.ends_at)
    spans = [{"startDate": starts, "endDate": ends}] if card.ends_at - card.starts_at <= INTERVAL_MAX else []
    return {"relevantDate": starts, "relevantDates": spans or [{"date": starts}], "expirationDate": ends}


def _fields(card: Card, speaks: Any) -> dict[str, Any]:
    when = {
        "key": "when",
        "label": speaks(N_("When")),
        "value": _moment(card.starts_at),
        "dateStyle": "PKDateStyleMedium",
        "timeStyle": "PKDateStyleShort",
        "ignoresTimeZone": True,  # as clocks show it at the event, wherever the phone is
    }
    if not card.has_date:
        when = {"key": "when", "label": speaks(N_("When")), "value": speaks(N_("Postponed"))}
    where = {"key": "where", "label": speaks(N_("Where")), "value": card.venue_name or speaks(N_("Online"))}
    front = [{"key": "type", "label": speaks(N_("Ticket")), "value": card.ticket_type}]
    if card.holder:
        front.append({"key": "holder", "label": speaks(N_("Name")), "value": card.holder})
    back = [{"key": "order", "label": speaks(N_("Order")), "value": card.order_code}]
    if card.address:
        back.append({"key": "address", "label": speaks(N_("Address")), "value": card.address})
    back.append({"key": "link", "label": speaks(N_("The event")), "value": card.link})
    return {
        "primaryFields": [{"key": "event", "label": "", "value": card.event_name}],
        "secondaryFields": [when, where],
        "auxiliaryFields": front,
        "backFields": back,
    }


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def apple_passes(
    *, certificate: bytes, key: bytes, key_password: str | None, intermediate: bytes, organization: str
) -> ApplePasses:
    """What signs passes, of files as Apple's tools give them (PEM, or DER for the intermediate certificate). Raises WrongKeys."""
    own, above = (
        _certificate(certificate, "the certificate"),
        _certificate(intermediate, "the intermediate certificate"),
    )
    try:
        private = load_pem_private_key(key, None if key_password is None else key_password.encode())
    except (ValueError, TypeError) as error:
        raise WrongKeys("the key is no private key in PEM, or its password is wrong") from error
    if not isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey):
        raise WrongKeys("the key is neither RSA nor on an elliptic curve")
    if private.public_key() != own.public_key():
        raise WrongKeys("the key does not belong to the certificate")
    try:
        own.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise WrongKeys("the certificate was not issued by the intermediate certificate") from error
    return ApplePasses(
        certificate=own,
        key=private,
        intermediate=above,
        pass_type=_named(own, NameOID.USER_ID, "a type of pass (UID)"),
        team=_named(own, NameOID.ORGANIZATIONAL_UNIT_NAME, "a team (OU)"),
        organization=organization,
    )


def _certificate(content: bytes, name: str) -> x509.Certificate:
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except ValueError as error:
        raise WrongKeys(f"{name} is no certificate in PEM or DER") from error


def _named(certificate: x509.Certificate, oid: x509.ObjectIdentifier, what: str) -> str:
    found = certificate.subject.get_attributes_for_oid(oid)
    if not found:
        raise WrongKeys(f"the certificate names no {what.split(' ', 1)[1]}: it is not one of a Pass Type ID")
    return str(found[0].value)
