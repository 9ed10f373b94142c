"""What becomes of users, sessions and keys."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketing.accounts.model import (
    ApiKeyWish,
    Scope,
    Session,
    User,
    UserType,
    UserWish,
    normal_email,
    normal_username,
)
from ticketing.accounts.passwords import common_passwords
from ticketing.accounts.rules import (
    EmailTaken,
    OrganizerSignupClosed,
    UsernameTaken,
    as_organizer,
    is_over,
    leaves_no_admin,
    marker_swap,
    new_api_key,
    new_user,
    refuse_easy_password,
    session_stands,
    surplus_sessions,
    with_new_password,
    with_user_type,
)
from ticketing.accounts.store import user_of, user_record
from ticketing.base.bounds import SESSIONS_PER_USER_MAX
from ticketing.base.errors import Invalid

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
ADA_SAYS = UserWish("Ada@example.org", "Ada", "Ada", "Lovelace", "+43 1 2345678", "1 Square, London")
ADA = new_user("usr_ada", ADA_SAYS, password="a hash", user_type=UserType.REGULAR, now=NOON)
GUEST = replace(ADA, password=None, user_type=UserType.GUEST)


def session(*, began: datetime = NOON, lasts: timedelta = timedelta(days=14), generation: int = 1) -> Session:
    return Session(f"ses_{began:%H%M%S}", ADA.user_id, "a hash", began, began + lasts, generation)


def test_a_user_is_read_from_its_row_as_it_was() -> None:
    assert user_of(user_record(ADA)) == ADA


@pytest.mark.parametrize(
    ("one", "other"), [("Ada@Example.ORG", "ada@example.org"), (" ada@example.org ", "ADA@example.org")]
)
def test_addresses_that_differ_in_case_alone_are_the_same(one: str, other: str) -> None:
    assert normal_email(one) == normal_email(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Ada", "aDA"), ("STRASSE", "straße"), ("ada", "ａｄａ"), ("ﬁona", "Fiona")]
)
def test_usernames_that_look_the_same_are_the_same(one: str, other: str) -> None:
    assert normal_username(one) == normal_username(other)


# what is unique ------------------------------------------------------------------------------------------------------


def test_another_address_frees_the_old_one_in_the_same_commit() -> None:
    swap = marker_swap(
        ADA,
        replace(ADA_SAYS, email="countess@example.org"),
        {"email#ada@example.org": "usr_ada", "username#ada": "usr_ada"},
    )

    assert (swap.let_go, swap.take) == (("email#ada@example.org",), ("email#countess@example.org",))


def test_the_same_address_in_other_letters_changes_no_marker() -> None:
    swap = marker_swap(
        ADA,
        replace(ADA_SAYS, email="ADA@EXAMPLE.ORG", username="ADA"),
        {"email#ada@example.org": "usr_ada", "username#ada": "usr_ada"},
    )

    assert (swap.let_go, swap.take) == ((), ())


def test_a_username_that_is_given_up_is_free_again() -> None:
    swap = marker_swap(
        ADA, replace(ADA_SAYS, username=None), {"email#ada@example.org": "usr_ada", "username#ada": "usr_ada"}
    )

    assert (swap.let_go, swap.take) == (("username#ada",), ())


def test_what_another_user_has_is_refused() -> None:
    wish = replace(ADA_SAYS, email="bob@example.org", username="bob")

    with pytest.raises(EmailTaken):
        marker_swap(ADA, wish, {"email#bob@example.org": "usr_bob", "username#bob": "usr_bob"})
    with pytest.raises(UsernameTaken):
        marker_swap(ADA, wish, {"username#bob": "usr_bob"})


# passwords -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["password", "PassWord", "12345678", "qwertyuiop", "iloveyou", "Summer2026"])
def test_a_password_that_everyone_tries_first_is_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_easy_password(password, common=common_passwords(), email="ada@example.org", username="ada")

    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/password", "password_too_common")]


@pytest.mark.parametrize("password", ["ada.lovelace", "Ada.Lovelace@example.org", "THE-COUNTESS"])
def test_the_own_address_or_name_is_no_password(password: str) -> None:
    with pytest.raises(Invalid, match="own address or name"):
        refuse_easy_password(
            password, common=common_passwords(), email="ada.lovelace@example.org", username="the-countess"
        )


@pytest.mark.parametrize("password", ["a wet week in Wales", "aaaaaaab", "ÄÖÜäöüß!", "0000 0000"])
def test_nothing_is_asked_of_the_letters_of_a_password(password: str) -> None:
    refuse_easy_password(password, common=common_passwords(), email="ada@example.org", username=None)


def test_the_list_of_common_passwords_has_only_what_length_lets_through() -> None:
    assert len(common_passwords()) > 500
    assert all(len(password) >= 8 and password == password.casefold() for password in common_passwords())


# sessions ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "stands"),
    [(timedelta(0), True), (timedelta(days=14, microseconds=-1), True), (timedelta(days=14), False)],
)
def test_a_session_stands_until_its_time_is_over(after: timedelta, *, stands: bool) -> None:
    assert session_stands(session(), ADA, now=NOON + after) is stands


def test_a_new_password_ends_every_session_that_began_before() -> None:
    changed = with_new_password(ADA, "another hash")

    assert not session_stands(session(), changed, now=NOON)
    assert session_stands(session(generation=2), changed, now=NOON)


def test_what_never_ends_is_never_over() -> None:
    assert not is_over(None, now=NOON)


@given(ages=st.lists(st.integers(0, 30), max_size=120))
def test_of_many_sessions_the_newest_that_stand_are_kept(ages: list[int]) -> None:
    began = [NOON - timedelta(days=age) for age in sorted(ages, reverse=True)]
    sessions = [replace(session(began=moment), session_id=f"ses_{place}") for place, moment in enumerate(began)]

    surplus = surplus_sessions(sessions, ADA, now=NOON)

    kept = [each for each in sessions if each not in surplus]
    standing = [each for each in sessions if session_stands(each, ADA, now=NOON)]
    assert kept == standing[-SESSIONS_PER_USER_MAX:]


# roles ---------------------------------------------------------------------------------------------------------------


def test_where_sign_up_of_organizers_is_open_who_asks_is_one() -> None:
    assert as_organizer(ADA, signup="open").user_type is UserType.ORGANIZER


def test_where_it_needs_approval_who_asks_waits() -> None:
    asked = as_organizer(ADA, signup="approval")

    assert (asked.user_type, asked.organizer_requested) == (UserType.REGULAR, True)


def test_where_it_is_closed_who_asks_is_refused() -> None:
    with pytest.raises(OrganizerSignupClosed):
        as_organizer(ADA, signup="closed")


@pytest.mark.parametrize("user_type", [UserType.ORGANIZER, UserType.ADMIN])
def test_who_is_more_than_regular_stays_what_they_are(user_type: UserType) -> None:
    user = replace(ADA, user_type=user_type)

    assert as_organizer(user, signup="closed") == user


def test_an_admins_decision_answers_the_request() -> None:
    asked = replace(ADA, organizer_requested=True)

    assert with_user_type(asked, UserType.ORGANIZER).organizer_requested is False
    assert with_user_type(asked, UserType.REGULAR).organizer_requested is False


@pytest.mark.parametrize(("user", "user_type"), [(GUEST, UserType.ADMIN), (ADA, UserType.GUEST)])
def test_a_guest_gets_no_role_and_a_login_is_no_guest(user: User, user_type: UserType) -> None:
    with pytest.raises(Invalid):
        with_user_type(user, user_type)


@pytest.mark.parametrize(
    ("was", "becomes", "another", "none_left"),
    [
        (UserType.ADMIN, UserType.REGULAR, None, True),
        (UserType.ADMIN, UserType.ORGANIZER, None, True),
        (UserType.ADMIN, UserType.ADMIN, None, False),
        (UserType.ADMIN, UserType.REGULAR, ADA, False),
        (UserType.REGULAR, UserType.ORGANIZER, None, False),
    ],
)
def test_the_last_admin_is_told(was: UserType, becomes: UserType, another: User | None, *, none_left: bool) -> None:
    assert leaves_no_admin(replace(ADA, user_type=was), becomes, another=another) is none_left


# keys ----------------------------------------------------------------------------------------------------------------


def test_a_scope_that_is_asked_for_twice_is_given_once() -> None:
    wish = ApiKeyWish("till", (Scope.READ, Scope.ORDERS, Scope.READ), None)

    key = new_api_key("tk_1", wish, user_id="usr_ada", secret_hash="a hash", now=NOON)

    assert key.scopes == (Scope.ORDERS, Scope.READ)


def test_a_key_that_would_be_over_at_once_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        new_api_key(
            "tk_1",
            ApiKeyWish("till", (Scope.READ,), NOON),
            user_id="usr_ada",
            secret_hash="a hash",
            now=NOON,
        )

    assert refused.value.errors[0].pointer == "/expires_at"
