"""A driver that is not installed: the sentence names a command that installs it, and nobody else's package."""

import sys

import pytest

from ticketing.storage.opening import CannotOpen, open_any


@pytest.mark.parametrize(
    ("url", "driver"), [("postgresql://u:p@127.0.0.1:1/d", "asyncpg"), ("dynamodb://eu-central-1/t-", "botocore")]
)
def test_what_to_install_is_said_and_is_the_driver_alone(
    monkeypatch: pytest.MonkeyPatch, url: str, driver: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(("ticketing.storage.sql.postgres", driver))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)

    with pytest.raises(CannotOpen, match=rf"python3 -m pip install '{driver}[^ ]*'$"):
        open_any(url)
