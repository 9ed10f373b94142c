"""The secret links of tickets that change hands: derived from the master key, so that nothing secret is at rest.

The offer's token goes to the recipient's mailbox alone and accepts the ticket; whoever offers never sees it. Once it is accepted, the
holder's token opens this one ticket, until it is handed over again.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from typing import Final

from ticketing.base.house import Keys

OFFER: Final = "tft_"
HOLDER: Final = "aat_"


def offer_token(keys: Keys, transfer_id: str) -> str:
    """What the recipient of an offer accepts it with: 264 bits."""
    return _token(keys, OFFER, transfer_id)


def holder_token(keys: Keys, transfer_id: str) -> str:
    """What opens the ticket to the one who accepted it by this transfer: 264 bits."""
    return _token(keys, HOLDER, transfer_id)


def is_offer_token(keys: Keys, token: str, transfer_id: str) -> bool:
    """Whether `token` accepts this transfer, told in constant time."""
    return hmac.compare_digest(offer_token(keys, transfer_id).encode(), token.encode())


def is_holder_token(keys: Keys, token: str, transfer_id: str) -> bool:
    """Whether `token` opens the ticket that was handed over by this transfer, told in constant time."""
    return hmac.compare_digest(holder_token(keys, transfer_id).encode(), token.encode())


def _token(keys: Keys, prefix: str, transfer_id: str) -> str:
    key = keys.derive(f"transfer {prefix}")
    return prefix + urlsafe_b64encode(hashlib.blake2b(transfer_id.encode(), digest_size=33, key=key).digest()).decode()
