"""The whole way of a ticket over the network: the README's walk as it is printed, the end of a server amid a sale, and too much at
once."""

import asyncio
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.nursery import nursery, put_on_sale
from tests.support.processes import Served, Site, site
from tests.support.wire import Ask, Lost, Reply, Wire
from ticketing.base.bounds import REQUESTS_IN_FLIGHT_MAX

README = Path(__file__).resolve().parents[2] / "README.md"
STOP_SECONDS_MAX = 5.0
AT_ONCE = 2 * REQUESTS_IN_FLIGHT_MAX


def printed_walk() -> str:
    """The shell lines of the README's walk."""
    _, _, after = README.read_text(encoding="utf-8").partition("\n## A walk")
    found = re.search(r"^```sh\n(.*?)^```", after, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def orders_in(here: Site) -> Counter[str]:
    """How many orders of each address the file has."""
    connection = sqlite3.connect(f"file:{here.database}?mode=ro", uri=True)
    try:
        return Counter(dict(connection.execute("select customer_email, count(*) from orders group by 1")))
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="the walk is done with curl")
def test_the_walk_of_the_readme_works_as_printed_on_an_empty_folder(tmp_path: Path) -> None:
    here = site(tmp_path / "here")
    del here.settings["admin_password"]
    script = printed_walk()
    promised = re.findall(r" # (\w+)$", script, re.MULTILINE)

    with here.served("demo") as served:
        walked = walk(here, served, script)

    assert walked.stdout.split() == promised, walked.stderr
    assert promised == ["pending", "completed", "admitted", "already_in"]


def walk(here: Site, served: Served, script: str) -> subprocess.CompletedProcess[str]:
    """The lines, run where the data lies, against this server."""
    lines = script.replace("http://127.0.0.1:8000", served.url)
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", lines],
        cwd=here.folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_what_was_bought_and_entered_is_there_after_a_restart(tmp_path: Path) -> None:
    here = site(tmp_path / "here", test_mode="on")
    with here.served() as served:
        offer = served.on_sale(quantity=10, price=2500)
        with served.client() as buyer, served.admin() as admin:
            order = buyer.post("/v1/orders", json=body_of(offer, "ada"), headers={"Idempotency-Key": "order"}).json()
            mine = {"Authorization": f"Bearer {order['access_token']}"}
            path = f"/v1/orders/{order['order_id']}"
            pay = {"payment_method": "test"}
            paid = buyer.post(f"{path}/payments", json=pay, headers=mine | {"Idempotency-Key": "pay"})
            ticket = buyer.get(f"{path}/admissions", headers=mine).json()["data"][0]
            door = f"/v1/events/{offer['event_id']}/check-ins"
            entered = admin.post(door, json={"code": ticket["code"], "scan_id": "first"})
    assert (paid.status_code, entered.status_code) == (201, 201)

    with here.served() as served, served.client() as buyer, served.admin() as admin:
        read = buyer.get(path, headers=mine).json()
        again = buyer.post(f"{path}/payments", json=pay, headers=mine | {"Idempotency-Key": "pay"})
        tickets = buyer.get(f"{path}/admissions", headers=mine).json()["data"]
        refused = admin.post(door, json={"code": ticket["code"], "scan_id": "second"})

    assert (read["payment_status"], read["amount_paid"]["amount"]) == ("completed", 2500)
    assert again.content == paid.content
    assert [one["code"] for one in tickets] == [ticket["code"]]
    assert (refused.status_code, refused.json()["code"]) == (409, "already_in")


def body_of(offer: dict[str, Any], buyer: str) -> dict[str, Any]:
    """The body of an order of one."""
    return {
        "event_id": offer["event_id"],
        "lines": [{"ticket_type_id": offer["ticket_type_id"], "quantity": 1}],
        "customer": {"email": f"{buyer}@example.org", "first_name": "Ada", "last_name": "Example"},
    }


@pytest.mark.slow
async def test_a_server_told_to_stop_in_the_middle_of_a_sale_answers_all_that_it_did_and_ends_soon(
    tmp_path: Path,
) -> None:
    here = site(tmp_path / "here")
    with nursery() as servers:
        born = await servers.serve(here)
        offer = await put_on_sale(born, quantity=100_000, price=0)
        answered: set[str] = set()
        lost: set[str] = set()

        async def buy_on(number: int) -> None:
            async with Wire(born.port) as wire:
                for turn in range(10_000):
                    buyer = f"buyer{number}-{turn}"
                    try:
                        reply = await wire.send(Ask("POST", "/v1/orders", offer.body(buyer), buyer))
                    except Lost:
                        lost.add(f"{buyer}@example.org")
                        return
                    except ConnectionRefusedError:
                        return
                    assert reply.status == 201, reply.content
                    answered.add(f"{buyer}@example.org")

        buying = [asyncio.create_task(buy_on(number)) for number in range(64)]
        await asyncio.sleep(random.Random(1).uniform(0.3, 0.5))
        told_at = time.monotonic()
        os.kill(born.pid, signal.SIGTERM)
        await asyncio.gather(*buying)
        await asyncio.to_thread(born.wait)
        took = time.monotonic() - told_at

    assert answered == set(orders_in(here)), "what was done was answered, and what was answered was done"
    assert took < STOP_SECONDS_MAX
    assert here.run("doctor").returncode == 0


@pytest.mark.slow
async def test_past_its_bound_a_server_says_busy_at_once_and_serves_the_others(tmp_path: Path) -> None:
    allow_open_files(AT_ONCE + 512)
    here = site(tmp_path / "here")
    with nursery() as servers:
        born = await servers.serve(here)
        offer = await put_on_sale(born, quantity=100_000, price=0)
        wires = [Wire(born.port) for _ in range(AT_ONCE)]
        for some in range(0, AT_ONCE, 64):
            await asyncio.gather(*(wire.connect() for wire in wires[some : some + 64]))

        async def buy(number: int) -> tuple[float, Reply]:
            reply = await wires[number].send(Ask("POST", "/v1/orders", offer.body(f"buyer{number}"), f"key{number}"))
            return time.monotonic(), reply

        os.kill(born.pid, signal.SIGSTOP)  # so that all are there at once when it goes on, however fast it is
        buying = [asyncio.create_task(buy(number)) for number in range(AT_ONCE)]
        await asyncio.sleep(0)
        for wire in wires:
            await wire.handed_over()
        os.kill(born.pid, signal.SIGCONT)
        answers = await asyncio.gather(*buying)
        for wire in wires:
            wire.drop()
        async with Wire(born.port) as wire:
            afterwards = await wire.send(Ask("POST", "/v1/orders", offer.body("late"), "late"))

    served = {f"buyer{number}@example.org" for number, (_, reply) in enumerate(answers) if reply.status == 201}
    busy = [reply for _, reply in answers if reply.status == 503]
    assert len(served) + len(busy) == AT_ONCE
    assert len(served) >= REQUESTS_IN_FLIGHT_MAX
    assert busy, "all of them were served: the bound was not passed"
    assert {(reply.code, reply.headers["retry-after"]) for reply in busy} == {("busy", "1")}
    assert afterwards.status == 201
    assert set(orders_in(here)) == served | {"late@example.org"}, "who heard busy has no order"
    assert here.run("doctor").returncode == 0


def allow_open_files(count: int) -> None:
    """This process may have so many files open, or the test is skipped."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count:
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
        return
    pytest.skip(f"this machine allows {hard} open files, and {count} are needed")
