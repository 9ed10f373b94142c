"""The permission table, written out a second time: who may do what to whose things."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations

import pytest

from ticketing.accounts.model import STRANGER, Device, Principal, Scope, User, UserType, UserWish
from ticketing.accounts.permissions import Right, Unauthenticated, demand, demand_own, permits
from ticketing.accounts.rules import new_user
from ticketing.base.errors import NotFound

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
ADA = new_user(
    "usr_ada",
    UserWish("ada@example.org", "ada", "Ada", "Lovelace", None, None),
    password="a hash",
    user_type=UserType.REGULAR,
    now=NOON,
)
DEVICE = Principal(device=Device("dev_1", "evt_1", "Gate A", "a hash", NOON, None))
BUYER = Principal(order_token="oat_something")

REG, ORG, ADM = UserType.REGULAR, UserType.ORGANIZER, UserType.ADMIN

EXPECTED: dict[Right, tuple[set[UserType], Scope | None, str]] = {
    # right: (types of users who have it over what is theirs, scope that a key needs or None for no key, whose things)
    Right.READ_OWN_ACCOUNT: ({REG, ORG, ADM}, Scope.READ, "own"),
    Right.CHANGE_OWN_ACCOUNT: ({REG, ORG, ADM}, None, "own"),
    Right.MANAGE_KEYS: ({REG, ORG, ADM}, None, "own"),
    Right.MANAGE_USERS: ({ADM}, None, "all"),
    Right.CREATE_VENUE: ({ORG, ADM}, Scope.EVENTS, "all"),
    Right.CHANGE_VENUE: ({ORG, ADM}, Scope.EVENTS, "own"),
    Right.MANAGE_CATEGORIES: ({ADM}, Scope.EVENTS, "all"),
    Right.CREATE_EVENT: ({ORG, ADM}, Scope.EVENTS, "all"),
    Right.READ_EVENT_AS_ORGANIZER: ({ORG, ADM}, Scope.READ, "own"),
    Right.CHANGE_EVENT: ({ORG, ADM}, Scope.EVENTS, "own"),
    Right.READ_ORDERS_OF_EVENT: ({ORG, ADM}, Scope.READ, "own"),
    Right.CHANGE_ORDERS_OF_EVENT: ({ORG, ADM}, Scope.ORDERS, "own"),
    Right.READ_OWN_ORDERS: ({REG, ORG, ADM}, Scope.READ, "own"),
    Right.CHANGE_OWN_ORDERS: ({REG, ORG, ADM}, Scope.ORDERS, "own"),
    Right.CHECK_IN: ({ORG, ADM}, Scope.CHECK_INS, "own"),
    Right.MANAGE_DEVICES: ({ORG, ADM}, None, "own"),
}
SETS_OF_SCOPES = [frozenset(chosen) for count in range(len(Scope) + 1) for chosen in combinations(Scope, count)]


def person(user_type: UserType) -> User:
    return replace(ADA, user_type=user_type)


def test_every_right_is_in_this_table() -> None:
    assert set(EXPECTED) == set(Right)


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("user_type", UserType)
def test_a_right_belongs_to_the_types_of_users_that_the_table_names(right: Right, user_type: UserType) -> None:
    principal = Principal(user=person(user_type), session_id="ses_1")

    assert permits(principal, right, owner_user_id="usr_ada") is (user_type in EXPECTED[right][0])


@pytest.mark.parametrize("right", Right)
def test_what_is_somebody_elses_is_for_admins_alone(right: Right) -> None:
    for user_type in EXPECTED[right][0]:
        principal = Principal(user=person(user_type), session_id="ses_1")

        assert permits(principal, right, owner_user_id="usr_bob") is (EXPECTED[right][2] == "all" or user_type is ADM)


@pytest.mark.parametrize("right", Right)
def test_what_has_no_owner_is_nobodys_own(right: Right) -> None:
    principal = Principal(user=person(ORG), session_id="ses_1")

    assert permits(principal, right) is (ORG in EXPECTED[right][0] and EXPECTED[right][2] == "all")


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("user_type", [REG, ORG, ADM])
def test_an_api_key_can_do_what_its_user_can_within_its_scopes(right: Right, user_type: UserType) -> None:
    types, needed, _whose = EXPECTED[right]

    permitting = [
        scopes
        for scopes in SETS_OF_SCOPES
        if permits(Principal(user=person(user_type), scopes=scopes), right, owner_user_id="usr_ada")
    ]

    assert permitting == [scopes for scopes in SETS_OF_SCOPES if user_type in types and needed in scopes]


@pytest.mark.parametrize("right", Right)
@pytest.mark.parametrize("principal", [DEVICE, BUYER], ids=["device", "order token"])
def test_devices_and_order_tokens_have_no_right_of_a_user(right: Right, principal: Principal) -> None:
    with pytest.raises(NotFound):
        demand(principal, right, owner_user_id="usr_ada")


@pytest.mark.parametrize("right", Right)
def test_a_stranger_is_asked_to_log_in(right: Right) -> None:
    with pytest.raises(Unauthenticated):
        demand(STRANGER, right, owner_user_id="usr_ada")
    with pytest.raises(Unauthenticated):
        demand_own(STRANGER, right)
