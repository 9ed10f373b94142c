"""Ticket starts, serves and stops: whole processes, from the first start to the last answer."""

import json
import os
import pty
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.serve import free_port, serving
from tests.support.processes import TICKET, Served, Site, order, site


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return site(tmp_path)


def await_until(holds: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


# first start ---------------------------------------------------------------------------------------------------------


def test_a_first_start_makes_data_secret_and_admin_for_their_owner_alone(here: Site) -> None:
    with here.served() as served, served.admin() as admin:
        me = admin.get("/v1/users/me").json()

    assert me["user_type"] == "admin"
    assert stat.S_IMODE(here.database.parent.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in here.database.parent.iterdir()} == {
        "ticket.db": 0o600,
        "ticket.secret": 0o600,
    }


def test_a_made_up_password_goes_to_a_private_file_where_there_is_no_terminal_and_into_no_log(tmp_path: Path) -> None:
    here = site(tmp_path)
    del here.settings["admin_password"]

    with here.served() as served:
        path = here.database.with_suffix(".admin-password")
        here.settings["admin_password"] = path.read_text().strip()
        served.admin().close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path.relative_to(tmp_path)) in here.output.read_text()
    assert here.settings["admin_password"] not in here.output.read_text()


def test_a_made_up_password_is_shown_on_a_terminal_once(tmp_path: Path) -> None:
    here = site(tmp_path)
    del here.settings["admin_password"]

    first, second = on_a_terminal(here), on_a_terminal(here)

    assert re.search(r"First admin: admin@ticket\.localhost, password \S{20,}", first)
    assert "password" not in second
    assert not here.database.with_suffix(".admin-password").exists()


def on_a_terminal(here: Site) -> str:
    """What `ticket serve` shows until it is ready and stopped."""
    port = free_port()
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*TICKET, "serve", "--port", str(port)],
        stdin=its,
        stdout=its,
        stderr=subprocess.DEVNULL,
        cwd=here.folder,
        env=here.environment(),
    )
    os.close(its)
    shown = b""
    try:
        while b"Ticket serves" not in shown:
            shown += os.read(ours, 4096)
    finally:
        process.terminate()
        process.wait(timeout=30)
        os.close(ours)
    return shown.decode()


def test_a_later_start_goes_on_with_the_same_data(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=5)
        with served.client() as client:
            placed = order(client, offer, buyer="ada").json()

    with here.served() as served, served.client(placed["access_token"]) as owner:
        found = owner.get(f"/v1/orders/{placed['order_id']}")

    assert (found.status_code, found.json()["order_code"]) == (200, placed["order_code"])


# what keeps it from starting -----------------------------------------------------------------------------------------


def test_every_wrong_setting_is_told_before_anything_is_made(here: Site) -> None:
    ended = here.run("serve", port="http", workers="none")

    assert ended.returncode != 0
    assert "TICKET_PORT" in ended.stderr
    assert "TICKET_WORKERS" in ended.stderr
    assert not here.database.exists()


def test_a_port_that_is_taken_is_told_in_a_sentence(here: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = here.run("serve", port=str(taken.getsockname()[1]))

    assert ended.returncode != 0
    assert "is in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_data_without_its_secret_is_not_served(here: Site) -> None:
    with here.served():
        pass
    here.database.with_suffix(".secret").unlink()

    ended = here.run("serve", port=str(free_port()))

    assert ended.returncode != 0
    assert "ticket.secret is not" in ended.stderr


def test_data_of_another_secret_is_not_served(here: Site) -> None:
    with here.served():
        pass

    ended = here.run("serve", port=str(free_port()), secret="nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o")

    assert ended.returncode != 0
    assert "is not the one with which this data was made" in ended.stderr


def test_a_damaged_file_is_not_served(here: Site) -> None:
    with here.served():
        pass
    with here.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)

    ended = here.run("serve", port=str(free_port()))

    assert ended.returncode != 0
    assert "is damaged" in ended.stderr
    assert "Traceback" not in ended.stderr


# serving -------------------------------------------------------------------------------------------------------------


def test_the_application_runs_under_any_server_as_a_factory(here: Site) -> None:
    command = [sys.executable, "-m", "uvicorn", "--factory", "ticketing.entry.asgi:app", "--port", "{port}"]

    with serving(command, stderr_path=here.output, environment=here.environment(), folder=here.folder) as server:
        served = Served(here, server)
        offer = served.on_sale(quantity=3)
        with served.client() as client:
            assert order(client, offer, buyer="ada").status_code == 201

    assert served.server.process.returncode == 0 or served.server.process.returncode == -signal.SIGTERM
    assert not here.database.with_name("ticket.db-wal").exists()


def test_orders_and_commits_are_counted(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=2)
        with served.client() as client:
            for buyer in ("ada", "ada", "bob", "eve"):  # ada's is repeated under its key, and eve finds nothing left
                order(client, offer, buyer=buyer)
            figures = client.get("/metrics").text

    assert "ticket_orders_placed_total 2.0" in figures
    assert 'ticket_refusals_total{code="sold_out"} 1.0' in figures
    assert 'ticket_requests_total{method="POST",route="/v1/orders",status="201"} 3.0' in figures
    assert re.search(r"ticket_commits_per_batch_count [1-9]", figures)
    assert "ticket_commits_waiting 0.0" in figures


def test_places_of_a_hold_that_ran_out_come_back_by_themselves(here: Site) -> None:
    with here.served(hold_seconds="1") as served:
        offer = served.on_sale(quantity=5, price=2500)
        with served.client() as client:
            assert order(client, offer, buyer="ada", quantity=2).status_code == 201
        assert served.left(offer) == 3

        await_until(lambda: served.left(offer) == 5)


def test_workers_sell_exactly_the_stock(here: Site) -> None:
    with here.served(workers="2") as served:
        offer = served.on_sale(quantity=20)
        statuses = sold_by_many(served, offer, buyers=60)

        assert statuses.count(201) == 20
        assert set(statuses) == {201, 409}
        assert served.left(offer) == 0
    assert here.run("doctor").returncode == 0


def test_two_servers_on_one_file_sell_exactly_the_stock(here: Site) -> None:
    with here.served() as one, here.served() as other:
        offer = one.on_sale(quantity=20)
        with ThreadPoolExecutor(2) as both:
            halves = [
                both.submit(sold_by_many, served, offer, buyers=30, first=first)
                for served, first in ((one, 0), (other, 30))
            ]
            statuses = [status for half in halves for status in half.result()]

        assert statuses.count(201) == 20
        assert one.left(offer) == other.left(offer) == 0
    assert here.run("doctor").returncode == 0


def sold_by_many(served: Served, offer: dict[str, str], *, buyers: int, first: int = 0) -> list[int]:
    """The status of each of so many orders, placed eight at a time over connections of their own."""

    def buy(number: int) -> int:
        with served.client() as client:
            return order(client, offer, buyer=f"buyer{number}").status_code

    with ThreadPoolExecutor(8) as clients:
        return list(clients.map(buy, range(first, first + buyers)))


def test_headers_without_end_are_cut_off(here: Site) -> None:
    with here.served() as served, socket.create_connection((served.server.host, served.server.port)) as connection:
        connection.settimeout(10)
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n")
        answer = b""
        try:
            for number in range(64):
                connection.sendall(f"X-Padding-{number}: {'a' * 8000}\r\n".encode())
                time.sleep(0.001)
        except OSError:  # it hung up on us in the middle
            pass
        try:
            while part := connection.recv(4096):
                answer += part
        except OSError:
            pass

        with served.client() as client:
            assert client.get("/health/live").status_code == 200
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


def test_a_full_disk_stops_sales_with_busy_and_nothing_is_lost_or_half_done(here: Site) -> None:
    with here.served() as served, served.client() as client:
        offer = served.on_sale(quantity=1_000)
        before = order(client, offer, buyer="ada")
        room = resource.prlimit(served.server.pid, resource.RLIMIT_FSIZE)
        written = here.database.with_name("ticket.db-wal").stat().st_size
        resource.prlimit(served.server.pid, resource.RLIMIT_FSIZE, (written, room[1]))
        refused = order(client, offer, buyer="bob")
        await_until(lambda: client.get("/health/ready").status_code == 503)  # it looks once a second
        resource.prlimit(served.server.pid, resource.RLIMIT_FSIZE, room)

        await_until(lambda: client.get("/health/ready").status_code == 200)
        again = order(client, offer, buyer="bob")

        assert before.status_code == 201
        assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "busy", "1")
        assert (again.status_code, again.headers.get("idempotent-replayed")) == (201, None)
        assert served.left(offer) == 998
    assert here.run("doctor").returncode == 0


# stopping ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_is_under_way_is_finished_before_it_stops(here: Site, workers: str) -> None:
    body = json.dumps({"email": "nobody@example.org", "password": "not the right one"}).encode()
    with (
        here.served(workers=workers) as served,
        socket.create_connection((served.server.host, served.server.port)) as connection,
    ):
        connection.settimeout(15)
        head = f"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:10])
        with served.client() as client:
            await_until(
                lambda: client.get("/health/live").status_code == 200
            )  # the server has read what was sent before
        served.server.process.send_signal(signal.SIGTERM)
        await_until(lambda: not accepts(served))

        connection.sendall(body[10:])
        answer = connection.recv(65536)
        code = served.server.process.wait(timeout=30)

    assert answer.startswith(b"HTTP/1.1 401")
    assert code == 0
    assert not here.database.with_name("ticket.db-wal").exists()


def accepts(served: Served) -> bool:
    try:
        socket.create_connection((served.server.host, served.server.port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_peace(here: Site, how: signal.Signals, workers: str) -> None:
    with here.served(workers=workers) as served:
        served.server.process.send_signal(how)

        assert served.server.process.wait(timeout=30) == 0
    assert "Traceback" not in here.output.read_text()


# the demo ------------------------------------------------------------------------------------------------------------


def test_the_demo_opens_with_real_events_in_test_mode_and_loads_them_once(here: Site) -> None:
    with here.served("demo") as served, served.client() as client:
        events = client.get("/v1/events?q=new+york").json()["data"]
        matches = client.get("/v1/events?limit=100").json()["data"]
    first = here.output.read_text()
    with here.served("demo") as served, served.client() as client:
        again = client.get("/v1/events?limit=100").json()["data"]

    assert events
    assert [event["event_id"] for event in again] == [event["event_id"] for event in matches]
    assert "TEST MODE" in first
    assert first.count("loading worldcup") == here.output.read_text().count("loading worldcup")


# streams -------------------------------------------------------------------------------------------------------------


def test_a_sale_is_told_within_a_second_or_two_and_streams_end_at_once_when_the_server_stops(here: Site) -> None:
    with here.served() as served:
        offer = served.on_sale(quantity=8)
        path = f"/events/{offer['event_id']}/availability"
        with served.client() as listener, served.client() as buyer, listener.stream("GET", path) as stream:
            lines = (line for line in stream.iter_lines() if line.startswith("data: "))
            before = json.loads(next(lines)[6:])["types"][offer["ticket_type_id"]]
            assert order(buyer, offer, buyer="ada", quantity=3).status_code == 201
            sold = time.monotonic()
            after = json.loads(next(lines)[6:])["types"][offer["ticket_type_id"]]
            told_after = time.monotonic() - sold

            served.server.process.send_signal(signal.SIGTERM)
            stopped = time.monotonic()
            assert list(lines) == []
        served.server.process.wait(15)

    assert (before["left"], after["left"]) == (8, 5)
    assert told_after < 5  # a second, on a machine that has nothing else to do
    assert time.monotonic() - stopped < 15
