"""Whose order it is."""

from collections.abc import Sequence

from ticketing.accounts.model import Principal, UserType
from ticketing.accounts.permissions import Right, Unauthenticated, permits
from ticketing.admission.actions import holds
from ticketing.admission.model import Admission
from ticketing.base.errors import NotFound
from ticketing.base.house import House
from ticketing.events.store import read_event
from ticketing.sales.model import Order
from ticketing.sales.store import (
    read_order,
)


async def order_for(
    house: House, who: Principal, order_id: str, *, owner: Right | None, organizer: Right | None
) -> Order:
    """The order, for its owner (its access token, or the user with the right `owner`) or its event's organizer.

    None for a right keeps that side out. Raises Unauthenticated, NotFound.
    """
    if who.is_stranger:
        raise Unauthenticated
    order = await read_order(house.store, order_id)
    if order is None:
        raise NotFound
    if owner is not None and owns(house, who, order, owner):
        return order
    if organizer is not None and who.user is not None:
        if who.user.user_type is UserType.ADMIN and permits(who, organizer, owner_user_id=who.user.user_id):
            return order
        event = await read_event(house.store, order.event_id)
        if event is not None and permits(who, organizer, owner_user_id=event.organizer_user_id):
            return order
    raise NotFound


def owns(house: House, who: Principal, order: Order, right: Right) -> bool:
    """Whether this principal has the order's access token, or is the user whose own it is, with this right."""
    if who.order_token is not None and house.keys.is_order_token(who.order_token, order.order_id):
        return True
    return order.account_user_id is not None and _is_owner(who, order, right)


async def shown_to(house: House, who: Principal, admissions: Sequence[Admission]) -> frozenset[str]:
    """The ids of those admissions of one order whose codes this principal may see: all, but for the owner those handed over."""
    given = [admission for admission in admissions if admission.transfer_id is not None]
    own = {admission.admission_id for admission in admissions if admission.transfer_id is None}
    if given:
        event = await read_event(house.store, given[0].event_id)
        organizes = event is not None and permits(
            who, Right.READ_ORDERS_OF_EVENT, owner_user_id=event.organizer_user_id
        )
        own |= {each.admission_id for each in given if organizes or holds(house, who, each, Right.READ_OWN_ORDERS)}
    return frozenset(own)


def _is_owner(who: Principal, order: Order, right: Right) -> bool:
    """Whether the order is this user's own. An admin is an organizer here, not an owner."""
    is_own = who.user is not None and who.user.user_id == order.account_user_id
    return is_own and permits(who, right, owner_user_id=order.account_user_id)
