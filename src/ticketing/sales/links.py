"""Where an order's own page stands: its address has the secret that makes whoever knows it the order's owner."""

from ticketing.base.house import House, Keys


def order_path(keys: Keys, order_id: str) -> str:
    """The path of the order's page, below the root path. It belongs into mails and redirects to its owner alone, and in no log."""
    return f"/orders/{order_id}/{keys.order_token(order_id)}"


def order_url(house: House, order_id: str) -> str:
    """The whole address of the order's page, for mails and tickets of its owner."""
    return f"{house.settings.base_url}{house.settings.root_path}{order_path(house.keys, order_id)}"
