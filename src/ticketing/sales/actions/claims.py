"""A user takes over what was bought as a guest under the address that is proven to be the user's."""

from contextlib import suppress
from dataclasses import replace

from ticketing.accounts.model import Principal, User, normal_email
from ticketing.accounts.permissions import Right, demand_own
from ticketing.accounts.store import read_user
from ticketing.admission.store import admission_record, walk_of_user
from ticketing.base.bounds import PAGE_LIMIT_MAX
from ticketing.base.changes import Change, Check, Replace
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.base.store import Busy, Conflict
from ticketing.sales.actions.common import ROUNDS_MAX, admissions_of
from ticketing.sales.rules import EmailNotProven
from ticketing.sales.store import guest_id, order_record, read_order
from ticketing.schema.tables import ADMISSIONS, ORDERS, USERS


async def claim_orders(house: House, who: Principal) -> int:
    """How many guest orders with tickets became the user's by this call, all that there are; the tickets go with them.

    What the customer may still have at an event stays as it is, since it is counted by address and not by user. The orders' own
    links stay good. Raises Unauthenticated, NotFound for an API key, EmailNotProven, Busy.
    """
    own = demand_own(who, Right.CHANGE_OWN_ACCOUNT)
    user = await _proven(house, own.user_id)
    guest = guest_id(house, user.email)
    claimed = 0
    for order_id in await _orders_of_guest(house, guest):
        claimed += await _claim(house, user.user_id, order_id, guest)
    return claimed


async def _proven(house: House, user_id: str) -> User:
    user = await read_user(house.store, user_id)
    if user is None:
        raise NotFound
    if user.email_proven_at is None:
        raise EmailNotProven
    return user


async def _orders_of_guest(house: House, guest: str) -> list[str]:
    """Ids of orders of which this guest has tickets, as the index has it."""
    found: dict[str, None] = {}
    cursor: str | None = None
    while True:
        page = await walk_of_user(house.store, guest, before_event_id=None, limit=PAGE_LIMIT_MAX, cursor=cursor)
        found |= dict.fromkeys(record["order_id"] for record in page.records)
        cursor = page.next_cursor
        if cursor is None:
            return list(found)


async def _claim(house: House, user_id: str, order_id: str, guest: str) -> bool:
    """Whether the order became the user's by this call: it is a guest's, and was bought with the user's address.

    The commit insists that the address is still the user's own and proven, and that order and tickets are as they were read.
    """
    for _round in range(ROUNDS_MAX):
        user = await _proven(house, user_id)
        order = await read_order(house.store, order_id)
        if order is None or order.account_user_id is not None:
            return False
        if normal_email(order.customer.email) != normal_email(user.email):
            return False
        theirs = [one for one in await admissions_of(house, order) if one.user_id == guest]
        changes: list[Change] = [
            Replace(ORDERS, order_record(replace(order, user_id=user_id, account_user_id=user_id))),
            Check(USERS, (user_id,), user.version),
            *(Replace(ADMISSIONS, admission_record(replace(one, user_id=user_id))) for one in theirs),
        ]
        with suppress(Conflict):  # the order was refunded, a ticket scanned, the address changed: read all again
            await house.store.commit(changes)
            return True
    raise Busy
