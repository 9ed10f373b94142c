"""What `ticket config check` remarks on: what is wrong with settings that can be read, and what may not be meant so."""

import os
from pathlib import Path

import pytest

from ticketing.entry import checking
from ticketing.entry.checking import Remark, remarks
from ticketing.entry.config import survey

SECRET = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"
SOUND = {
    "base_url": "https://tickets.example",
    "admin_email": "ada@tickets.example",
    "smtp_url": "smtp://mail.example:587",
    "trusted_proxies": "1",
}
"""Settings of a house that nothing is to be said of."""


def told(folder: Path, **settings: str) -> list[Remark]:
    environment = {f"TICKET_{name.upper()}": value for name, value in settings.items()}
    environment.setdefault("TICKET_DATABASE_URL", f"sqlite:///{folder}/var/ticket.db")
    return remarks(survey(environment, folder=folder))


def house(folder: Path, *, secret: str | None = SECRET) -> Path:
    """A database file with something in it, and its secret beside it."""
    database = folder / "var" / "ticket.db"
    database.parent.mkdir()
    database.write_bytes(b"data")
    database.chmod(0o600)
    if secret is not None:
        database.with_suffix(".secret").write_text(secret)
        database.with_suffix(".secret").chmod(0o600)
    return database


def test_a_sound_house_has_nothing_to_be_said_of(tmp_path: Path) -> None:
    house(tmp_path)

    assert told(tmp_path, **SOUND) == []


def test_before_its_first_start_a_house_lacks_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, **SOUND) == []


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("base_url", "http://tickets.example", "is not encrypted"),
        ("trusted_proxies", "", "all clients count as one"),
        ("admin_email", "admin@ticket.localhost", "nobody's address"),
        ("test_mode", "on", "without paying"),
        ("rate_limits", "off", "guessed"),
        ("hold_seconds", "30", "little time"),
        ("transfer_hold_seconds", "3600", "less than a day"),
        ("smtp_url", "", "no mail is sent"),
        ("workers", "4", "one process"),
    ],
)
def test_what_may_not_be_meant_so_is_worth_a_look(tmp_path: Path, setting: str, value: str, said: str) -> None:
    (remark,) = told(tmp_path, **(SOUND | {setting: value}))

    assert (remark.setting, remark.is_wrong) == (f"TICKET_{setting.upper()}", False)
    assert said in remark.detail


def test_a_transfer_that_is_held_for_less_than_a_card_is_worth_a_look(tmp_path: Path) -> None:
    found = told(tmp_path, **SOUND, hold_seconds="86400", transfer_hold_seconds="86399")

    assert [remark.setting for remark in found] == ["TICKET_TRANSFER_HOLD_SECONDS"] * 2
    assert "loses time" in found[1].detail


def test_a_house_that_all_can_reach_needs_its_address(tmp_path: Path) -> None:
    (remark,) = told(tmp_path, smtp_url=SOUND["smtp_url"], host="0.0.0.0")

    assert (remark.setting, remark.is_wrong) == ("TICKET_BASE_URL", False)
    assert "http://localhost:8000" in remark.detail


@pytest.mark.parametrize("address", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_an_address_of_this_machine_alone_needs_no_encryption(tmp_path: Path, address: str) -> None:
    assert told(tmp_path, smtp_url=SOUND["smtp_url"], base_url=address) == []


def test_a_variable_that_means_nothing_is_worth_a_look_with_what_may_have_been_meant(tmp_path: Path) -> None:
    (remark,) = told(tmp_path, **SOUND, smtp_ulr="smtp://mail.example")

    assert not remark.is_wrong
    assert "did you mean TICKET_SMTP_URL?" in remark.detail


def test_every_value_that_cannot_be_comes_first(tmp_path: Path) -> None:
    found = told(tmp_path, **(SOUND | {"test_mode": "on"}), port="0", workers="many")

    assert [remark.is_wrong for remark in found] == [True, True, False]


def test_a_database_that_is_a_folder_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "var" / "ticket.db").mkdir(parents=True)

    assert ("TICKET_DATABASE_URL", True) in [(remark.setting, remark.is_wrong) for remark in told(tmp_path, **SOUND)]


def test_a_database_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("no folder")

    (remark,) = told(tmp_path, **SOUND)

    assert remark.is_wrong
    assert "is not a folder" in remark.detail


@pytest.mark.parametrize(("closed", "said"), [("var", "nothing can be written"), ("ticket.db", "cannot be read")])
def test_a_place_that_cannot_be_written_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str, said: str
) -> None:
    house(tmp_path)
    real = os.access
    # The administrator may write everywhere, and tests may be run by that one.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != closed and real(path, mode))

    (remark,) = told(tmp_path, **SOUND)

    assert remark.is_wrong
    assert said in remark.detail


def test_a_database_that_others_can_read_is_worth_a_look(tmp_path: Path) -> None:
    house(tmp_path).chmod(0o644)

    (remark,) = told(tmp_path, **SOUND)

    assert not remark.is_wrong
    assert "chmod 600" in remark.detail


def test_a_secret_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    house(tmp_path).with_suffix(".secret").chmod(0o640)

    (remark,) = told(tmp_path, **SOUND)

    assert (remark.setting, remark.is_wrong) == ("TICKET_SECRET", True)
    assert "chmod 600" in remark.detail


@pytest.mark.parametrize(("secret", "said"), [(None, "is not: restore it"), ("short", "does not hold a secret")])
def test_data_without_its_secret_is_wrong(tmp_path: Path, secret: str | None, said: str) -> None:
    house(tmp_path, secret=secret)

    (remark,) = told(tmp_path, **SOUND)

    assert (remark.setting, remark.is_wrong) == ("TICKET_SECRET", True)
    assert said in remark.detail


def test_a_settings_file_that_others_can_read_holds_no_secrets(tmp_path: Path) -> None:
    file = tmp_path / "ticket.toml"
    file.write_text(f'secret = "{SECRET}"\nhold_seconds = 600\n')
    file.chmod(0o644)

    (remark,) = told(tmp_path, **SOUND)
    file.chmod(0o600)

    assert (remark.setting, remark.is_wrong) == ("TICKET_SECRET", True)
    assert told(tmp_path, **SOUND) == []


def test_no_remark_tells_a_secret(tmp_path: Path) -> None:
    found = told(tmp_path, secret="hunter22", admin_password="hunter2", smtp_url="hunter22")

    assert not any("hunter2" in remark.detail for remark in found)


@pytest.mark.parametrize(
    ("url", "is_doubted"),
    [
        ("postgresql://u:p@db.example.org/d", True),
        ("postgresql://u:p@db.example.org/d?sslmode=prefer", True),
        ("postgresql://u:p@8.8.8.8/d", True),
        ("postgresql://u:p@db.example.org/d?sslmode=verify-full&sslrootcert=ca.pem", False),
        ("postgresql://u:p@postgres:5432/d", False),
        ("postgresql://u:p@127.0.0.1/d", False),
        ("postgresql://u:p@10.1.2.3/d", False),
        ("postgresql:///d?host=/run/postgresql", False),
        ("dynamodb://eu-central-1/t-", False),
    ],
)
def test_a_database_far_away_is_to_be_asked_for_encryption(tmp_path: Path, url: str, is_doubted: bool) -> None:
    found = told(tmp_path, **SOUND, database_url=url, secret=SECRET)

    assert ["without asking for encryption" in remark.detail for remark in found] == [True] * is_doubted


@pytest.mark.parametrize(
    ("url", "driver"), [("postgresql://u:p@db/d", "asyncpg"), ("dynamodb://eu-central-1/t-", "botocore")]
)
def test_a_driver_that_is_not_there_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, driver: str
) -> None:
    monkeypatch.setattr(checking, "find_spec", lambda _name: None)

    (remark,) = told(tmp_path, **SOUND, database_url=url, secret=SECRET)

    assert (remark.setting, remark.is_wrong) == ("TICKET_DATABASE_URL", True)
    assert f"python3 -m pip install '{driver}" in remark.detail


def test_a_password_with_letters_of_a_url_is_told_how_to_write(tmp_path: Path) -> None:
    (remark,) = told(tmp_path, **SOUND, database_url="postgresql://u:half#of/it@db/d", secret=SECRET)

    assert "%23" in remark.detail
    assert "half" not in remark.detail
