"""Two servers on one PostgreSQL behind nginx, as docs/scaling.md sets it up: both are restarted while orders come, and none fails."""

import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from bench.serve import Server, free_port, start
from tests.journeys.test_start import await_until
from tests.support.postgres import drop_database, new_database
from tests.support.processes import TICKET, Served, Site, site

ROOT: Final = Path(__file__).parents[2]
SECRET: Final = "nqT3vKxWcZ1mYb7LpR9sUe5hGd2jAf8o"
BUYERS: Final = 4
PAUSE_SECONDS: Final = 0.02
"""Between two orders of a buyer: servers on a crowded machine are to be disturbed, not drowned."""


@pytest.fixture
def nginx() -> str:
    """The program."""
    folders = f"{os.environ.get('PATH', '')}:/usr/sbin:{ROOT / '.nginx' / 'usr' / 'sbin'}"
    found = shutil.which("nginx", path=folders)
    if found is None:
        assert os.environ.get("CI") != "true", "nginx is missing: make proxy"
        pytest.skip("NO NGINX, so that no server was restarted behind it: make proxy")
    return found


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """Two servers' settings."""
    url = new_database()
    yield site(tmp_path, database_url=url, secret=SECRET, workers="2", trusted_proxies="127.0.0.1")
    drop_database(url)


@contextmanager
def proxied(nginx: str, folder: Path, ports: list[int]) -> Iterator[str]:
    """The URL of nginx before servers on these ports, set up by the block of the page."""
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```nginx\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    own = free_port()
    for theirs, ours in (("8000", ports[0]), ("8001", ports[1])):
        block = block.replace(f"127.0.0.1:{theirs}", f"127.0.0.1:{ours}")
    block = block.replace("listen 80;", f"listen 127.0.0.1:{own};")
    places = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = folder / "nginx.conf"
    settings.write_text(
        f"daemon off;\nworker_processes 1;\npid {folder / 'nginx.pid'};\nerror_log {folder / 'nginx.log'};\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{places}{block}}}\n"
    )
    process = subprocess.Popen(
        [nginx, "-p", folder, "-c", settings, "-e", folder / "nginx.log"], stdin=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{own}"
    try:
        await_until(lambda: answers(url))
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live").status_code == 200
    except httpx.HTTPError:
        return False


class Buyers(threading.Thread):
    """Somebody who orders again and again until told to stop, and counts what comes of it."""

    def __init__(self, url: str, offer: dict[str, Any], name: str) -> None:
        super().__init__()
        self._url, self._offer, self._name = url, offer, name
        self.enough = threading.Event()
        self.found: Counter[int | str] = Counter()

    def run(self) -> None:
        """Orders, each once."""
        number = 0
        with httpx.Client(base_url=self._url, timeout=30) as client:
            while not self.enough.wait(PAUSE_SECONDS):
                number += 1
                body = {
                    "event_id": self._offer["event_id"],
                    "lines": [{"ticket_type_id": self._offer["ticket_type_id"], "quantity": 1}],
                    "customer": {"email": f"{self._name}{number}@example.org", "first_name": "A", "last_name": "B"},
                }
                try:
                    answer = client.post("/v1/orders", json=body, headers={"Idempotency-Key": f"{self._name}{number}"})
                    self.found[answer.status_code] += 1
                except httpx.HTTPError as error:
                    self.found[type(error).__name__] += 1


@pytest.mark.slow
def test_servers_are_restarted_one_after_the_other_and_no_order_fails(nginx: str, here: Site, tmp_path: Path) -> None:
    ports = [free_port(), free_port()]

    def started(port: int) -> Server:
        command = [*TICKET, "serve", "--port", "{port}"]
        return start(
            command,
            stderr_path=here.output,
            environment=here.environment(),
            folder=here.folder,
            port=port,
            ready_seconds_max=120,
        )

    servers = [started(port) for port in ports]
    try:
        offer = Served(here, servers[0]).on_sale(quantity=100_000)
        with proxied(nginx, tmp_path, ports) as url:
            buyers = [Buyers(url, offer, f"buyer{number}x") for number in range(BUYERS)]
            for buyer in buyers:
                buyer.start()
            try:
                codes = []
                for place, port in enumerate(ports):
                    for (
                        server
                    ) in servers:  # nginx looks for one that was gone after a second, and both have to be there
                        await_until(partial(takes_orders, server), seconds=60)
                    codes.append(servers[place].stop(seconds_max=30))
                    servers[place] = started(port)
            finally:
                for buyer in buyers:
                    buyer.enough.set()
                for buyer in buyers:
                    buyer.join()

        found = sum((buyer.found for buyer in buyers), Counter[int | str]())
        assert codes == [0, 0]
        assert found.keys() == {201}, (found, (tmp_path / "nginx.log").read_text()[-2000:])
        assert Served(here, servers[0]).left(offer) == 100_000 - found[201]
    finally:
        for server in servers:
            server.stop()


def takes_orders(server: Server) -> bool:
    """Whether nginx sends it buyers since it was started."""
    figures = httpx.get(f"http://{server.host}:{server.port}/metrics").text
    return any(float(count) > 0 for count in re.findall(r"(?m)^ticket_orders_placed_total\S* (\S+)$", figures))
