"""Keys for wallets in the settings: by file or by value, all of them or none, and never shown."""

from pathlib import Path

import pytest

from tests.support.wallets import ISSUER, ORGANIZATION, PASS_TYPE, SERVICE_ACCOUNT, apple_files, google_file
from ticketing.admission.wallet.offered import Wallets
from ticketing.entry.checking import remarks
from ticketing.entry.config import SETTINGS, read_config, shown, survey
from ticketing.entry.wallets import CannotSign, wallets_of

APPLE = {
    "TICKET_WALLET_APPLE_CERTIFICATE": apple_files().certificate,
    "TICKET_WALLET_APPLE_KEY": apple_files().key,
    "TICKET_WALLET_APPLE_INTERMEDIATE": apple_files().intermediate,
}
GOOGLE = {"TICKET_WALLET_GOOGLE_ISSUER": ISSUER.encode(), "TICKET_WALLET_GOOGLE_KEY": google_file()}


def as_text(settings: dict[str, bytes]) -> dict[str, str]:
    return {name: value.decode() for name, value in settings.items()}


def as_files(folder: Path, settings: dict[str, bytes]) -> dict[str, str]:
    """The same, each value in a file of its owner's alone."""
    for name, value in settings.items():
        (folder / name).write_bytes(value)
        (folder / name).chmod(0o600)
    return {name: str(folder / name) for name in settings}


def made(folder: Path, environment: dict[str, str]) -> Wallets:
    return wallets_of(read_config(environment, folder=folder), organization=ORGANIZATION)


def test_without_keys_there_are_no_wallets(tmp_path: Path) -> None:
    assert made(tmp_path, {}) == Wallets(None, None)


@pytest.mark.parametrize("by_file", [False, True], ids=["by value", "by file"])
def test_keys_come_by_value_or_by_file(tmp_path: Path, by_file: bool) -> None:
    google = GOOGLE if not by_file else {"TICKET_WALLET_GOOGLE_KEY": google_file()}
    given = as_files(tmp_path, APPLE | google) if by_file else as_text(APPLE | google)

    found = made(tmp_path, given | {"TICKET_WALLET_GOOGLE_ISSUER": ISSUER})

    assert found.apple is not None
    assert found.google is not None
    assert (found.apple.pass_type, found.google.email) == (PASS_TYPE, SERVICE_ACCOUNT)


@pytest.mark.parametrize("missing", [*APPLE, *GOOGLE])
def test_a_part_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    group = APPLE if missing in APPLE else GOOGLE
    given = as_text({name: value for name, value in group.items() if name != missing})

    with pytest.raises(CannotSign, match=f"^{missing}: is not set, and "):
        made(tmp_path, given)


def test_a_file_that_is_not_there_or_is_no_key_is_named(tmp_path: Path) -> None:
    given = as_text(APPLE)
    absent = given | {"TICKET_WALLET_APPLE_KEY": str(tmp_path / "absent.pem")}
    (tmp_path / "film.mkv").write_bytes(b"x" * 200_000)
    large = given | {"TICKET_WALLET_APPLE_KEY": str(tmp_path / "film.mkv")}
    strange = given | {"TICKET_WALLET_APPLE_INTERMEDIATE": apple_files().root.decode()}

    for environment, why in ((absent, "cannot be read"), (large, "bytes"), (strange, "was not issued by")):
        with pytest.raises(CannotSign, match=why):
            made(tmp_path, environment)


def test_a_check_of_the_settings_names_keys_that_cannot_sign(tmp_path: Path) -> None:
    files = as_files(tmp_path, APPLE)
    good = [each for each in remarks(survey(files, folder=tmp_path)) if "WALLET" in each.setting]
    Path(files["TICKET_WALLET_APPLE_KEY"]).chmod(0o644)
    open_to_all = [each for each in remarks(survey(files, folder=tmp_path)) if "WALLET" in each.setting]
    Path(files["TICKET_WALLET_APPLE_KEY"]).write_bytes(b"nonsense")
    broken = [each for each in remarks(survey(files, folder=tmp_path)) if each.is_wrong and "WALLET" in each.setting]

    assert good == []
    assert [(each.setting, each.is_wrong) for each in open_to_all] == [("TICKET_WALLET_APPLE_KEY", False)]
    assert [each.setting for each in broken] == ["TICKET_WALLET_APPLE_CERTIFICATE"]


def test_no_key_is_shown(tmp_path: Path) -> None:
    config = read_config(as_text(APPLE | GOOGLE), folder=tmp_path)
    values = {setting.name: shown(config, setting) for setting in SETTINGS if setting.name.startswith("wallet_")}

    assert values["wallet_apple_key"] == values["wallet_google_key"] == "(set, not shown)"
    assert values["wallet_apple_certificate"] == "(set, as text)"
    assert not any("PRIVATE" in value or "BEGIN" in value for value in values.values())
