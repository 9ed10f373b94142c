"""Where orders and tickets of people stand: the address has the secret that makes whoever knows it their owner."""

from ticketing.admission.tokens import holder_token, offer_token
from ticketing.base.house import House, Keys


def order_path(keys: Keys, order_id: str) -> str:
    """The path of the order's page, below the root path. It belongs into mails and redirects to its owner alone, and in no log."""
    return f"/orders/{order_id}/{keys.order_token(order_id)}"


def offer_path(keys: Keys, transfer_id: str) -> str:
    """The path of the page on which the recipient accepts or declines a ticket. It goes to the recipient's mailbox alone."""
    return f"/offers/{transfer_id}/{offer_token(keys, transfer_id)}"


def ticket_path(keys: Keys, transfer_id: str) -> str:
    """The path of the page of the ticket that was accepted by this transfer. It belongs to its new holder alone."""
    return f"/tickets/{transfer_id}/{holder_token(keys, transfer_id)}"


def order_url(house: House, order_id: str) -> str:
    """The whole address of the order's page, for mails and tickets of its owner."""
    return public_url(house, order_path(house.keys, order_id))


def public_url(house: House, path: str) -> str:
    """The whole address of a page of ours."""
    return f"{house.settings.base_url}{house.settings.root_path}{path}"
