"""`ticket copy` from the command line: the other store sells on with the same codes and links."""

import json
import stat
from pathlib import Path

import pytest

from tests.support.processes import Site, order, site


@pytest.fixture
def here(tmp_path: Path) -> Site:
    made = site(tmp_path / "here")
    assert made.run("import", "worldcup").returncode == 0
    return made


def test_a_house_goes_on_in_its_copy_as_if_nothing_had_happened(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=3)
        with served.client() as client:
            placed = order(client, offer, buyer="ada").json()

    made = here.run("copy", "--to", "sqlite:///moved/t.db")
    moved = {"database_url": "sqlite:///moved/t.db"}

    assert made.returncode == 0, made.stderr
    assert "are copied and compared" in made.stdout
    assert "copying orders: 1" in made.stderr
    assert here.run("doctor", **moved).returncode == 0
    assert stat.S_IMODE((here.folder / "moved" / "t.secret").stat().st_mode) == 0o600
    with here.served(**moved) as served, served.client(placed["access_token"]) as owner:
        assert owner.get(f"/v1/orders/{placed['order_id']}").status_code == 200
        found = owner.get("/v1/events", params={"q": "Concert"}).json()
        assert [event["event_id"] for event in found["data"]] == [offer["event_id"]]


def test_a_second_run_compares_and_one_from_elsewhere_is_refused(here: Site, tmp_path: Path) -> None:
    first = json.loads(here.run("copy", "--to", "sqlite:///t.db", "--json").stdout)
    second = json.loads(
        here.run("copy", "--from", f"sqlite:///{here.database}", "--to", "sqlite:///t.db", "--json").stdout
    )
    here.run("copy", "--to", "sqlite:///other.db")
    refused = here.run("copy", "--from", "sqlite:///other.db", "--to", "sqlite:///t.db")

    assert (first["outcome"], second["outcome"]) == ("copied", "was there")
    assert first["records"] == second["records"] == sum(first["tables"].values()) > 500
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "another source" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "sqlite:///var/ticket.db"), "are the same"),
        (("--from", "sqlite:///gone.db", "--to", "sqlite:///t.db"), "gone.db is not there"),
        (("--to", "mysql://host/db"), "Invalid value for '--to'"),
        (("--from", "sqlite://", "--to", "sqlite:///t.db"), "Invalid value for '--from'"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Site, options: tuple[str, ...], said: str) -> None:
    refused = here.run("copy", *options)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (here.folder / "t.db").exists()
    assert not (here.folder / "gone.db").exists()


def test_a_copy_with_another_secret_is_refused(here: Site) -> None:
    with here.served():
        pass
    other = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"

    refused = here.run("copy", "--to", "sqlite:///t.db", secret=other)

    assert refused.returncode == 2
    assert "is not the one with which the source was made" in refused.stderr
    assert not (here.folder / "t.db").exists()


def test_a_secret_that_lies_beside_the_target_stays(here: Site) -> None:
    (here.folder / "t.secret").write_text("nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o\n")

    refused = here.run("copy", "--to", "sqlite:///t.db")

    assert refused.returncode == 2
    assert "another secret" in refused.stderr
    assert (here.folder / "t.secret").read_text() == "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o\n"
