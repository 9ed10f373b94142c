"""A house on PostgreSQL: started, sold from by two processes, crashed beneath, examined, and started again with the same data."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bench.serve import free_port
from tests.journeys.test_start import await_until
from tests.support.postgres import administer, drop_database, in_own_loop, new_database, own_server, rows, with_database
from tests.support.processes import Served, Site, order, site
from ticketing.storage.sql.migrate import latest_revision

SECRET = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"


@pytest.fixture
def url() -> Iterator[str]:
    """An empty database."""
    url = new_database()
    yield url
    drop_database(url)


@pytest.fixture
def here(tmp_path: Path, url: str) -> Site:
    return site(tmp_path, database_url=url, secret=SECRET)


def is_ready(served: Served) -> bool:
    try:
        return httpx.get(f"{served.url}/health/ready", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


def test_two_processes_sell_and_a_later_start_goes_on_with_the_same_data(here: Site) -> None:
    with here.served(workers="2") as served:
        offer = served.on_sale(quantity=20)
        with served.client() as client:
            placed = [order(client, offer, buyer=f"buyer{number}").json() for number in range(8)]
            again = order(client, offer, buyer="buyer0").json()
            found = client.get("/v1/events", params={"q": "Conc"}).json()["data"]

    looked = here.run("doctor")
    with here.served() as served:
        assert served.left(offer) == 12
        with served.client(placed[0]["access_token"]) as owner:
            assert owner.get(f"/v1/orders/{placed[0]['order_id']}").json()["order_code"] == placed[0]["order_code"]

    assert again["order_id"] == placed[0]["order_id"]
    assert [event["event_id"] for event in found] == [offer["event_id"]]
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert list(here.folder.glob("var/*")) == []


def test_while_the_database_is_down_nothing_is_sold_and_afterwards_the_same_server_sells_on(tmp_path: Path) -> None:
    with own_server() as server:
        in_own_loop(administer(server.url, "create database ticket"))
        here = site(tmp_path / "here", database_url=with_database(server.url, "ticket"), secret=SECRET)
        with here.served() as served, served.client() as client:
            offer = served.on_sale(quantity=5)
            assert order(client, offer, buyer="before").status_code == 201
            server.stop("immediate")
            down = order(client, offer, buyer="ada")
            await_until(lambda: not is_ready(served))  # it is looked at once a second
            live = client.get("/health/live")
            refused = here.run("doctor")
            server.start()
            await_until(lambda: is_ready(served))
            after = order(client, offer, buyer="ada")
            left = served.left(offer)

    assert (down.status_code, down.headers["Retry-After"] >= "0") == (503, True)
    assert live.status_code == 200
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert (after.status_code, left) == (201, 3)


def test_the_tables_can_be_made_first_tried_and_read(here: Site, url: str) -> None:
    tried, script = here.run("migrate", "--dry-run"), here.run("migrate", "--sql")
    before = rows(url, "select count(*) from pg_tables where schemaname = 'public'")
    doctor = here.run("doctor")
    made, again = here.run("migrate"), here.run("migrate")

    assert f"would go from nothing to revision {latest_revision()}" in tried.stdout
    assert script.stdout.startswith("create table")
    assert before == [(0,)]
    assert (doctor.returncode, "nothing of Ticket's in it" in doctor.stderr) == (2, True)
    assert f"went from nothing to revision {latest_revision()}" in made.stdout
    assert f"has revision {latest_revision()}." in again.stdout


def test_a_server_that_cannot_be_reached_is_told_without_its_password(tmp_path: Path) -> None:
    here = site(tmp_path, database_url="postgresql://ada:hunter22@127.0.0.1:1/ticket", secret=SECRET)

    ended = here.run("serve", port=str(free_port()))

    assert ended.returncode == 1
    assert "127.0.0.1:1/ticket cannot be used" in ended.stderr
    assert "hunter22" not in ended.stdout + ended.stderr
