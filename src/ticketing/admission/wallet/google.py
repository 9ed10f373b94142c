"""A ticket as Google's wallet takes it: an address that holds event and ticket, signed by a service account.

The format is Google's: https://developers.google.com/wallet/tickets/events (JWT, EventTicketClass and EventTicketObject).
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ticketing.admission.wallet.card import Card
from ticketing.admission.wallet.offered import WrongKeys

SAVE_URL: Final = "https://pay.google.com/gp/v/save/"
TOKEN_LENGTH_MAX: Final = 1_800
"""Of what stands in an address: browsers and mail programs cut longer ones."""
SPARED: Final = ("ticketNumber", "reservationInfo", "ticketHolderName", "venue")
"""What is left out of a ticket that would be too long, in this order: it stands on the ticket's page, or is in the code."""


@dataclass(frozen=True, slots=True)
class GooglePasses:
    """Signs addresses for an issuer's account, as its service account."""

    issuer: str
    email: str
    key_id: str
    key: RSAPrivateKey
    organization: str

    def save_url(self, card: Card, *, now: datetime) -> str:
        """Where Google offers to keep this ticket."""
        event, ticket = self._event(card), self._ticket(card)
        token = self._token(event, ticket, now=now)
        for name in SPARED:
            if len(token) <= TOKEN_LENGTH_MAX:
                break
            event.pop(name, None)
            ticket.pop(name, None)
            token = self._token(event, ticket, now=now)
        return f"{SAVE_URL}{token}"

    def _token(self, event: dict[str, Any], ticket: dict[str, Any], *, now: datetime) -> str:
        claims = {
            "iss": self.email,
            "aud": "google",
            "typ": "savetowallet",
            "iat": int(now.timestamp()),
            "origins": [],  # it is a link, and no button by a script of Google's
            "payload": {"eventTicketClasses": [event], "eventTicketObjects": [ticket]},
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        signed = f"{_part(orjson.dumps(header))}.{_part(orjson.dumps(claims))}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_part(signature)}"

    def _event(self, card: Card) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": self._id(card.event_id),
            "issuerName": self.organization,
            "reviewStatus": "UNDER_REVIEW",
            "eventName": _text(card.event_name, card),
        }
        if card.has_date:
            said["dateTime"] = {"start": card.starts_at.isoformat(), "end": card.ends_at.isoformat()}
        if card.venue_name and card.address:  # a venue without both is refused
            said["venue"] = {"name": _text(card.venue_name, card), "address": _text(card.address, card)}
        return said

    def _ticket(self, card: Card) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": self._id(card.card_id),
            "classId": self._id(card.event_id),
            "state": "INACTIVE" if card.is_off else "ACTIVE",
            "ticketType": _text(card.ticket_type, card),
            "reservationInfo": {"confirmationCode": card.order_code},
        }
        if card.holder:
            said["ticketHolderName"] = card.holder
        if card.code is not None:
            said["ticketNumber"] = card.human_code
            said["barcode"] = {"type": "QR_CODE", "value": card.code, "alternateText": card.human_code}
        return said

    def _id(self, own: str) -> str:
        return f"{self.issuer}.{own}"


def _text(text: str, card: Card) -> dict[str, Any]:
    return {"defaultValue": {"language": card.language, "value": text}}


def _part(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def google_passes(*, issuer: str, key: bytes, organization: str) -> GooglePasses:
    """What signs addresses, of the JSON file of a service account's key as Google gives it. Raises WrongKeys."""
    try:
        account = orjson.loads(key)
        email, key_id, pem = (str(account[name]) for name in ("client_email", "private_key_id", "private_key"))
        private = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, KeyError) as error:
        raise WrongKeys("the key is not the JSON file of a service account's key") from error
    if not isinstance(private, RSAPrivateKey):
        raise WrongKeys("the key of the service account is not RSA")
    return GooglePasses(issuer, email, key_id, private, organization)
