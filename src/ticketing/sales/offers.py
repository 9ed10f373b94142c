"""Offers kept in the process: what a sale is decided on, guarded by the versions that the commit insists on.

A kept offer may be stale. A purchase that relied on it then ends in a Conflict, and a refusal is never told from it: either way it
is read again and decided again.
"""

from collections import OrderedDict
from typing import Final
from weakref import WeakKeyDictionary

from ticketing.base.store import Store
from ticketing.events.model import Offer
from ticketing.events.store import read_offer

OFFERS_KEPT_MAX: Final = 1_000
GUESTS_KEPT_MAX: Final = 20_000
"""Ids of guests who are known to be stored, which spares those who come again within a sale a second try: about 2 MB."""


class Offers:
    """The offers and guests of one store that this process has seen, those read longest ago forgotten first."""

    def __init__(self) -> None:
        self._offers: OrderedDict[str, Offer] = OrderedDict()
        self._guests: OrderedDict[str, None] = OrderedDict()

    def kept(self, event_id: str) -> Offer | None:
        """The offer as it was last read, if it is kept."""
        return self._offers.get(event_id)

    async def read(self, store: Store, event_id: str) -> Offer | None:
        """The offer as it is now, which is kept from now on."""
        offer = await read_offer(store, event_id)
        if offer is None:
            self._offers.pop(event_id, None)
            return None
        self._offers[event_id] = offer
        self._offers.move_to_end(event_id)
        if len(self._offers) > OFFERS_KEPT_MAX:
            self._offers.popitem(last=False)
        return offer

    def knows_guest(self, user_id: str) -> bool:
        """Whether this guest is known to be stored."""
        return user_id in self._guests

    def remember_guest(self, user_id: str) -> None:
        """This guest is stored."""
        self._guests[user_id] = None
        if len(self._guests) > GUESTS_KEPT_MAX:
            self._guests.popitem(last=False)


_OFFERS: WeakKeyDictionary[Store, Offers] = WeakKeyDictionary()


def offers_of(store: Store) -> Offers:
    """The offers that this process keeps for this store; they go when the store goes."""
    offers = _OFFERS.get(store)
    if offers is None:
        offers = _OFFERS[store] = Offers()
    return offers
