"""The master secret: made once, kept for its owner alone, and never exchanged unnoticed."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.houses import make_house
from ticketing.base.house import Keys
from ticketing.entry.secret import (
    SecretMissing,
    SecretWrong,
    fingerprint,
    load_secret,
    refuse_other_secret,
    secret_file,
    store_secret,
)

GIVEN = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"


def test_a_first_start_makes_a_secret_that_only_its_owner_can_read(tmp_path: Path) -> None:
    database = tmp_path / "var" / "ticket.db"

    secret = load_secret(database, given=None)

    assert len(secret) >= 43
    assert stat.S_IMODE(secret_file(database).stat().st_mode) == 0o600
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700


def test_a_later_start_finds_the_same_secret(tmp_path: Path) -> None:
    first = load_secret(tmp_path / "ticket.db", given=None)

    assert load_secret(tmp_path / "ticket.db", given=None) == first


def test_two_databases_have_two_secrets(tmp_path: Path) -> None:
    assert load_secret(tmp_path / "a.db", given=None) != load_secret(tmp_path / "b.db", given=None)


def test_a_secret_that_is_given_is_used_and_not_stored(tmp_path: Path) -> None:
    assert load_secret(tmp_path / "ticket.db", given=GIVEN) == GIVEN.encode()
    assert list(tmp_path.iterdir()) == []


def test_data_without_its_secret_is_refused_rather_than_given_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "ticket.db").write_bytes(b"rows")

    with pytest.raises(SecretMissing, match=r"ticket\.secret"):
        load_secret(tmp_path / "ticket.db", given=None)

    assert not (tmp_path / "ticket.secret").exists()


def test_an_emptied_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ticket.secret").write_text("\n")

    with pytest.raises(SecretMissing, match="does not hold a secret"):
        load_secret(tmp_path / "ticket.db", given=None)


def test_a_secret_that_another_process_stored_first_stays(tmp_path: Path) -> None:
    store_secret(tmp_path / "ticket.secret", "first")

    store_secret(tmp_path / "ticket.secret", "second")

    assert (tmp_path / "ticket.secret").read_text() == "first\n"
    assert [path.name for path in tmp_path.iterdir()] == ["ticket.secret"]


async def test_data_that_was_made_with_another_secret_is_refused() -> None:
    house = make_house()
    await refuse_other_secret(house)
    await refuse_other_secret(house)

    with pytest.raises(SecretWrong, match="Put the right one back"):
        await refuse_other_secret(replace(house, keys=Keys(GIVEN.encode())))


def test_a_fingerprint_is_not_a_part_of_any_other_key() -> None:
    keys = Keys(GIVEN.encode())

    assert fingerprint(keys) not in {
        keys.derive(purpose).hex()[:32] for purpose in ("order access", "idempotency answers")
    }
    assert fingerprint(keys) != fingerprint(Keys(GIVEN.upper().encode()))
