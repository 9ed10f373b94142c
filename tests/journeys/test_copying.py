"""`ticket copy` from the command line: the other store sells on with the same codes and links."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.dynamo import REGION, needed_endpoint
from tests.support.postgres import drop_database, new_database
from tests.support.processes import Site, order, site
from ticketing.storage.dynamo.driver import BotoDriver
from ticketing.storage.dynamo.schema import DYNAMO_TABLES
from ticketing.storage.dynamo.tables import delete_tables


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
        ((), "Name the store to copy"),
        (("--from", "sqlite:///var/ticket.db"), "are the same"),
    ],
)
def test_what_cannot_be_meant_is_refused(here: Site, options: tuple[str, ...], said: str) -> None:
    refused = here.run("copy", *options)

    assert refused.returncode == 2
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (here.folder / "t.db").exists()
    assert not (here.folder / "gone.db").exists()


def test_the_store_to_fill_may_be_that_of_the_settings_so_that_no_list_of_processes_shows_its_password(
    here: Site,
) -> None:
    made = here.run("copy", "--from", "sqlite:///var/ticket.db", database_url="sqlite:///moved/t.db")

    assert made.returncode == 0, made.stderr
    assert (here.folder / "moved" / "t.db").exists()


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


# other kinds of store ------------------------------------------------------------------------------------------------

SECRET = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"


@pytest.fixture(params=["dynamo", "postgres"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a DynamoDB or PostgreSQL without tables."""
    if request.param == "postgres":
        url = new_database()
        yield url
        drop_database(url)
        return
    endpoint = needed_endpoint()
    prefix = f"c{os.getpid()}-{tmp_path.name[-20:].strip('_.-')}-"
    yield f"dynamodb://{REGION}/{prefix}?endpoint={endpoint}"
    driver = BotoDriver(region=REGION, endpoint=endpoint)
    delete_tables(driver, prefix, DYNAMO_TABLES)
    driver.close()


def test_a_house_moves_to_another_kind_of_store_is_looked_over_there_and_comes_back(
    tmp_path: Path, elsewhere: str
) -> None:
    house = site(tmp_path / "house", secret=SECRET)
    with house.served() as served:
        offer = served.on_sale(quantity=3)
        with served.client() as client:
            placed = order(client, offer, buyer="ada").json()

    moved = house.run("copy", "--to", elsewhere)
    looked = house.run("doctor", "--json", database_url=elsewhere)
    back = house.run("copy", "--from", elsewhere, "--to", "sqlite:///back.db", "--json")

    assert moved.returncode == 0, moved.stderr
    assert (looked.returncode, json.loads(looked.stdout)["findings"]) == (0, []), looked.stderr
    assert json.loads(back.stdout)["tables"]["orders"] == 1
    assert house.run("doctor", database_url="sqlite:///back.db").returncode == 0
    with house.served(database_url=elsewhere) as served, served.client(placed["access_token"]) as owner:
        assert owner.get(f"/v1/orders/{placed['order_id']}").status_code == 200


def test_a_backup_of_one_kind_of_store_goes_into_another(tmp_path: Path, elsewhere: str) -> None:
    house = site(tmp_path / "house", secret=SECRET)
    assert house.run("import", "worldcup").returncode == 0
    assert house.run("backup", "b.ticket").returncode == 0

    restored = house.run("restore", "b.ticket", "--verify", database_url=elsewhere)
    again = house.run("restore", "b.ticket", database_url=elsewhere)
    replaced = house.run("restore", "b.ticket", "--replace", database_url=elsewhere)
    backup = json.loads(house.run("backup", "c.ticket", "--json", database_url=elsewhere).stdout)

    assert restored.returncode == 0, restored.stderr
    assert "was found sound" in restored.stdout
    assert again.returncode == 0, "the same backup is compared, and nothing is changed"
    assert (replaced.returncode, "empty database" in replaced.stderr) == (2, True)
    assert backup["with_secret"]
    assert house.run("doctor", "c.ticket").returncode == 0
